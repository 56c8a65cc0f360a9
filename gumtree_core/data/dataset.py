"""Values with errors, unit, named dimensions, axes, masks, metadata and history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import Any, TypedDict, Unpack

import numpy as np
import numpy.typing as npt
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from gumtree_core.data import checks, units
from gumtree_core.data.axis import Axis, place, read_only
from gumtree_core.data.content import Content
from gumtree_core.data.describing import Describing
from gumtree_core.data.expressions.deferring import binary
from gumtree_core.data.expressions.fusion import OPERATIONS, Pending
from gumtree_core.data.mathematics import arithmetic
from gumtree_core.data.methods import Methods
from gumtree_core.data.past import History, limited, lines
from gumtree_core.data.propagation.selection import Array, Shape
from gumtree_core.data.propagation.uncertainty import Floats, Uncertainty
from gumtree_core.data.protocols import Protocols
from gumtree_core.errors import GumtreeError


class Parts(TypedDict, total=False):
    """What `Dataset.derive` may change."""

    values: Array
    dims: tuple[str, ...]
    unit: str
    uncertainty: Uncertainty
    axes: dict[str, Axis]
    masks: dict[str, NDArray[np.bool_]]
    metadata: dict[str, Any]
    title: str
    history: History


_PLACES = {
    "dims": "_dims", "unit": "_unit", "axes": "raw_axes", "masks": "declared_masks", "metadata": "_metadata",
    "title": "_title", "history": "past",
}  # fmt: skip


def _operator(function: np.ufunc, plain: Any, swapped: Any) -> tuple[Any, Any]:
    """An operator that is put off where it can be, and goes through NumPy's protocol where not."""
    operation = OPERATIONS[function]

    def forward(self: Dataset, other: Any) -> Any:
        made = binary(self, other, operation)
        return plain(self, other) if made is None else made

    def backward(self: Dataset, other: Any) -> Any:
        made = binary(other, self, operation)
        return swapped(self, other) if made is None else made

    return forward, backward


class Dataset(Methods, Describing, Protocols, NDArrayOperatorsMixin):
    """Values with all that belongs to them.

    A Dataset is never changed: each operation gives a new one, and slices, axes and masks share memory where
    NumPy can. The arrays that it is made of are not copied; do not write to them afterwards.

    Parameters
    ----------
    values
        Numbers of any shape; a scalar is a Dataset too.
    variances
        Squared standard deviations in the shape of `values`, each independent of the others; ``"poisson"``
        for counts (variance = counts, and 0 for 0 counts; `poisson` offers another rule); None for exact
        numbers.
    dims
        A name for each dimension. Left out: those of `axes` where they fit in order, else ``("y", "x")`` and
        so on.
    axes
        Coordinates by name: an `Axis`, a Dataset or an array; points, or bin edges where one longer than the
        data.
    unit
        Such as ``"counts"``, ``"1/angstrom"``; empty for pure numbers.
    masks
        Boolean arrays by name, in the shape of `values`, or Datasets with some of its dimensions; True is
        masked.
    metadata
        What else is known, by name. A Dataset in it that runs along a dimension of the data is sliced with
        it.
    title
        Names the Dataset in plots and in errors.
    history
        What has been done to the data.
    source
        Identity of the errors. Data that comes from one file twice is one source if both readings give the
        same text, such as the file's SHA-256 and the key.

    Raises
    ------
    GumtreeError
        BAD_VALUES, BAD_VARIANCES, BAD_DIMENSIONS, BAD_AXIS, BAD_MASK, UNKNOWN_UNIT.
    """

    __slots__ = (
        "__weakref__", "_dims", "_metadata", "_title", "_unit", "content", "declared_masks", "past",
        "raw_axes",
    )  # fmt: skip
    __hash__ = None  # type: ignore[assignment]

    content: Content | Pending
    """Values and errors, or the expression that will give them."""
    past: History
    """The history, which may not have been put into words yet."""
    raw_axes: dict[str, Axis]
    """Coordinates by name; not to be changed."""
    declared_masks: dict[str, NDArray[np.bool_]]
    """`raw_masks` without what an expression that has not been evaluated may add."""

    __add__, __radd__ = _operator(np.add, NDArrayOperatorsMixin.__add__, NDArrayOperatorsMixin.__radd__)
    __sub__, __rsub__ = _operator(np.subtract, NDArrayOperatorsMixin.__sub__, NDArrayOperatorsMixin.__rsub__)
    __mul__, __rmul__ = _operator(np.multiply, NDArrayOperatorsMixin.__mul__, NDArrayOperatorsMixin.__rmul__)
    __truediv__, __rtruediv__ = _operator(
        np.divide, NDArrayOperatorsMixin.__truediv__, NDArrayOperatorsMixin.__rtruediv__
    )

    # `a += b` gives a new Dataset too.
    __iadd__ = __add__
    __isub__ = __sub__
    __imul__ = __mul__
    __itruediv__ = __truediv__
    __ipow__ = NDArrayOperatorsMixin.__pow__
    __ifloordiv__ = NDArrayOperatorsMixin.__floordiv__
    __imod__ = NDArrayOperatorsMixin.__mod__
    __iand__ = NDArrayOperatorsMixin.__and__
    __ior__ = NDArrayOperatorsMixin.__or__

    def __init__(
        self,
        values: npt.ArrayLike,
        variances: npt.ArrayLike | None = None,
        *,
        dims: Sequence[str] | str | None = None,
        axes: Mapping[str, Any] | None = None,
        unit: str = "",
        masks: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        title: str = "",
        history: Sequence[str] = (),
        source: str = "",
    ) -> None:
        array = checks.values(values, title)
        names = checks.dimensions(dims, axes or {}, array)
        self._dims = names
        self._unit = units.canonical(unit)
        self._title = title
        self.past: History = tuple(history)
        self._metadata: dict[str, Any] = dict(metadata or {})
        self.raw_axes = {name: place(axis, name, names, array.shape) for name, axis in (axes or {}).items()}
        self.declared_masks = {
            name: checks.mask(mask, name, names, array.shape) for name, mask in (masks or {}).items()
        }
        self.content: Content | Pending = Content(array, Uncertainty())
        if variances is not None:
            if isinstance(variances, str):
                if variances != "poisson":
                    raise GumtreeError(
                        "BAD_VARIANCES", f"Variances are an array or 'poisson', not '{variances}'."
                    )
                self.past = (*tuple(history), "poisson: variance = counts, 0 for 0 counts")
            if isinstance(variances, str) and checks.are_counts(array):
                uncertainty = Uncertainty.of_counts(array, source)
            elif isinstance(variances, str):
                uncertainty = Uncertainty.of(checks.counts(array, 0.0, self.mask, title), source)
            else:
                uncertainty = Uncertainty.of(checks.variances(variances, array, self.mask, title), source)
            self.content = Content(array, uncertainty)

    def derive(self, **parts: Unpack[Parts]) -> Dataset:
        """Put a Dataset together from checked parts, as operations do; what is left out is this one's.

        Masks may have length 1 in place of dimensions that they do not depend on.
        """
        made = Dataset.__new__(Dataset)
        for name, place_of in _PLACES.items():
            setattr(made, place_of, parts[name] if name in parts else getattr(self, place_of))  # type: ignore[literal-required]
        if "history" in parts:
            history = parts["history"]
            made.past = limited(history) if type(history) is tuple else history
        if "values" in parts or "uncertainty" in parts:
            values = read_only(parts["values"]) if "values" in parts else self.values
            uncertainty = parts.get("uncertainty")
            made.content = Content(values, self.uncertainty if uncertainty is None else uncertainty)
            if "masks" not in parts:
                made.declared_masks = self.raw_masks
        else:
            made.content = self.content
            if "masks" in parts and isinstance(self.content, Pending):
                made.content = self.content.settled()
        return made

    def with_content(
        self, content: Pending, unit: str, history: History, masks: dict[str, NDArray[np.bool_]]
    ) -> Dataset:
        """Describe what an expression will give, in the shape of this one."""
        made = Dataset.__new__(Dataset)
        made._dims = self._dims
        made._unit = unit
        made._title = self._title
        made.past = history
        made._metadata = self._metadata
        made.raw_axes = self.raw_axes
        made.declared_masks = masks
        made.content = content
        return made

    @property
    def values(self) -> Array:
        """The numbers; a view that cannot be written to."""
        return self.content.values

    @property
    def variances(self) -> Floats | None:
        """Squared standard deviations in the shape of the values; None for exact numbers."""
        return self.content.variances

    @property
    def errors(self) -> Floats | None:
        """Standard deviations; None for exact numbers."""
        return None if self.variances is None else np.sqrt(self.variances)

    @property
    def uncertainty(self) -> Uncertainty:
        """The sources of error and how each element depends on them."""
        return self.content.uncertainty

    @property
    def unit(self) -> str:
        """The unit in its one spelling."""
        return self._unit

    @property
    def dims(self) -> tuple[str, ...]:
        """The names of the dimensions."""
        return self._dims

    @property
    def shape(self) -> Shape:
        """Of the values."""
        return self.content.shape

    @property
    def sizes(self) -> dict[str, int]:
        """The length of each dimension."""
        return dict(zip(self._dims, self.shape, strict=True))

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.content.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.content.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self.content.dtype

    @property
    def axes(self) -> Mapping[str, Axis]:
        """Coordinates by name."""
        return MappingProxyType(self.raw_axes)

    @property
    def masks(self) -> Mapping[str, NDArray[np.bool_]]:
        """Masks by name, in the shape of the values; True is masked."""
        return MappingProxyType(
            {n: read_only(np.broadcast_to(m, self.shape)) for n, m in self.raw_masks.items()}
        )

    @property
    def raw_masks(self) -> dict[str, NDArray[np.bool_]]:
        """Masks by name, with length 1 where a mask does not depend on a dimension."""
        undefined = self.content.undefined
        return (
            self.declared_masks
            if undefined is None
            else arithmetic.with_undefined(self.declared_masks, undefined)
        )

    @property
    def mask(self) -> NDArray[np.bool_] | None:
        """All masks together, in the shape of the values; None without masks."""
        masks = self.raw_masks
        if not masks:
            return None
        together = np.logical_or.reduce(np.broadcast_arrays(*masks.values()))
        return read_only(np.broadcast_to(together, self.shape))

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What else is known."""
        return MappingProxyType(self._metadata)

    @property
    def title(self) -> str:
        """A name for plots and errors."""
        return self._title

    @property
    def history(self) -> tuple[str, ...]:
        """What has been done to the data, oldest first."""
        return lines(self.past)

    @property
    def naming(self) -> Any:
        """What `past.named` makes a name of."""
        return self._title or ((self._dims, self.content.shape) if self._dims else self.content)

    @property
    def name(self) -> str:
        """How an error or the history names this Dataset."""
        if self._title:
            return self._title
        if not self._dims:
            return f"{self.values.item():.6g}"
        return f"Dataset({', '.join(f'{d}: {n}' for d, n in self.sizes.items())})"

    def __getstate__(self) -> dict[str, Any]:
        kept = {place_of: getattr(self, place_of) for place_of in _PLACES.values()}
        kept |= {"declared_masks": self.raw_masks, "past": self.history}
        return kept | {"content": (self.values, self.uncertainty)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        values, uncertainty = state["content"]
        for name, value in {**state, "content": Content(read_only(values), uncertainty)}.items():
            setattr(self, name, value)


def scalar(value: float, error: float = 0.0, unit: str = "", *, title: str = "", source: str = "") -> Dataset:
    """Make a number with a standard deviation and a unit.

    Raises
    ------
    GumtreeError
        BAD_VARIANCES where the error is negative, NaN or infinite.
    """
    if not (error >= 0 and np.isfinite(error)):
        raise GumtreeError(
            "BAD_VARIANCES", f"The error of {value} is {error}; it must be a finite number of 0 or more."
        )
    return Dataset(value, error**2 if error else None, unit=unit, title=title, source=source)
