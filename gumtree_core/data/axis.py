"""Coordinates of a Dataset: points, or the edges of bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gumtree_core.data import units
from gumtree_core.data.propagation.selection import Array, Selector
from gumtree_core.errors import GumtreeError

TWINS = 4


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Axis:
    """Coordinates along one or several dimensions.

    Parameters
    ----------
    values
        Numbers or times; its dimensions are `dims`. One longer than the data along one of them, it holds the
        edges of bins.
    unit
        Of the values.
    dims
        Names of the data's dimensions that the axis runs along; left out, the Dataset finds them.
    errors
        Standard deviations of the coordinates (for q, the resolution), or None. They describe; they do not
        propagate.
    title
        For plots.
    """

    values: Array
    unit: str
    dims: tuple[str, ...] | None
    errors: Array | None
    title: str
    edges: str | None
    """The dimension along which the values are bin edges; set by the Dataset."""
    _twins: tuple[Axis, ...]
    """Axes that were found to be the same, so that a series of frames is compared once."""

    def __init__(
        self,
        values: npt.ArrayLike,
        unit: str = "",
        dims: Sequence[str] | str | None = None,
        errors: npt.ArrayLike | None = None,
        title: str = "",
        edges: str | None = None,
    ) -> None:
        check_unmasked(values, "BAD_AXIS", "The coordinates of an axis")
        try:
            array = read_only(np.asarray(values))
            spread = None if errors is None else read_only(np.asarray(errors, dtype=np.float64))
        except (TypeError, ValueError) as error:
            raise GumtreeError("BAD_AXIS", "The values of an axis form no array of numbers.") from error
        if array.dtype.kind not in "biufMm":
            raise GumtreeError("BAD_AXIS", f"An axis holds numbers or times, not {array.dtype}.")
        if spread is not None and spread.shape != array.shape:
            raise GumtreeError(
                "BAD_AXIS",
                f"The errors of an axis of shape {array.shape} have shape {spread.shape}; give one each.",
            )
        names = (dims,) if isinstance(dims, str) else None if dims is None else tuple(dims)
        if names is not None and len(names) != array.ndim:
            raise GumtreeError(
                "BAD_AXIS", f"An axis with {array.ndim} dimensions was given the dimension names {names}."
            )
        for name, value in (
            ("values", array),
            ("unit", units.canonical(unit)),
            ("dims", names),
            ("errors", spread),
            ("title", title),
            ("edges", edges),
            ("_twins", ()),
        ):
            object.__setattr__(self, name, value)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the values."""
        return self.values.shape

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self.values.ndim

    @property
    def is_edges(self) -> bool:
        """Whether the values are the edges of bins."""
        return self.edges is not None

    @property
    def centers(self) -> Array:
        """The points, or the middle of each bin."""
        if self.edges is None:
            return self.values
        low, high = self._sides()
        return low + (high - low) / 2

    @property
    def widths(self) -> Array:
        """The size of each bin.

        Raises
        ------
        GumtreeError
            NO_BIN_EDGES where the axis holds points.
        """
        if self.edges is None:
            raise GumtreeError("NO_BIN_EDGES", "Points have no width; give the axis bin edges.")
        low, high = self._sides()
        return np.asarray(abs(high - low))

    def _sides(self) -> tuple[Array, Array]:
        return self._halves(self.values)

    def _halves(self, array: Array) -> tuple[Array, Array]:
        """Give what belongs to the lower and to the upper edge of each bin."""
        lead = (slice(None),) * (self.dims or ()).index(self.edges or "")
        return array[(*lead, slice(None, -1))], array[(*lead, slice(1, None))]

    def to(self, unit: str) -> Axis:
        """Convert to another unit.

        Raises
        ------
        GumtreeError
            UNIT_MISMATCH.
        """
        target = units.canonical(unit)
        found = units.conversion(self.unit, target)
        if found is None:
            raise GumtreeError("UNIT_MISMATCH", f"An axis in '{self.unit}' cannot be given in '{target}'.")
        factor, offset = found
        if (factor, offset) == (1.0, 0.0):
            return self._changed(unit=target)
        spread = None if self.errors is None else self.errors * abs(factor)
        return self._changed(values=self.values * factor + offset, errors=spread, unit=target)

    def taken(self, key: Mapping[str, Selector]) -> Axis:
        """Follow a selection of the data; contiguous bins keep their edges, others their middle."""
        dims = self.dims or ()
        edges = self.edges
        if edges is not None and not _contiguous(key.get(edges, slice(None))):
            middle = None if self.errors is None else np.hypot(*self._halves(self.errors)) / 2
            return self._changed(values=self.centers, errors=middle, edges=None).taken(key)
        values, spread = self.values, self.errors
        for position, name in reversed(list(enumerate(dims))):
            item = key.get(name)
            if item is None:
                continue
            if name == edges and isinstance(item, slice):
                item = slice(item.start, item.stop + 1)
            index = (slice(None),) * position + (item,)
            values = values[index]
            spread = None if spread is None else spread[index]
        left = tuple(name for name in dims if not isinstance(key.get(name), int))
        return self._changed(values=values, errors=spread, dims=left)

    def same(self, other: Axis) -> bool:
        """Whether both hold the same coordinates, to a rounding error, in units that agree."""
        if self is other or other in self._twins:
            return True
        if self._equals(other):
            object.__setattr__(self, "_twins", (other, *self._twins[: TWINS - 1]))
            return True
        return False

    def _equals(self, other: Axis) -> bool:
        if self.dims != other.dims or self.shape != other.shape or self.edges != other.edges:
            return False
        if self.values is other.values and self.unit == other.unit:
            return True
        found = units.conversion(other.unit, self.unit)
        if found is None:
            return False
        if found == (1.0, 0.0) and np.array_equal(self.values, other.values):
            return True
        if self.values.dtype.kind in "Mm" or other.values.dtype.kind in "Mm" or not self.values.size:
            return False
        theirs = other.values * found[0] + found[1]
        size = float(np.max(np.abs(self.values)))
        return bool(np.allclose(self.values, theirs, rtol=0.0, atol=1e-12 * size, equal_nan=True))

    def _changed(self, **changes: Any) -> Axis:
        fields = ("values", "unit", "dims", "errors", "title", "edges")
        return Axis(**{name: changes.get(name, getattr(self, name)) for name in fields})

    def placed(self, dims: tuple[str, ...], edges: str | None) -> Axis:
        """Give the axis its dimensions."""
        return self if self.dims == dims and self.edges == edges else self._changed(dims=dims, edges=edges)

    def renamed(self, names: Mapping[str, str]) -> Axis:
        """Rename dimensions."""
        dims = tuple(names.get(name, name) for name in self.dims or ())
        return self._changed(
            dims=dims, edges=None if self.edges is None else names.get(self.edges, self.edges)
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.values, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        return f"Axis({self.describe()})"

    def describe(self) -> str:
        """Give the dimensions, range and unit in one line."""
        dims = ", ".join(
            f"{name}: {length}{' edges' if name == self.edges else ''}"
            for name, length in zip(self.dims or ("?",) * self.ndim, self.shape, strict=True)
        )
        if not self.values.size:
            span = "empty"
        elif self.values.dtype.kind in "Mmb" or self.values.size == 1:
            span = " .. ".join(str(v) for v in dict.fromkeys((self.values.flat[0], self.values.flat[-1])))
        else:
            span = f"{self.values.flat[0]:.6g} .. {self.values.flat[-1]:.6g}"
        return (
            f"({dims}) {span}"
            + (f" {self.unit}" if self.unit else "")
            + (" +- errors" if self.errors is not None else "")
        )


def _contiguous(item: Selector) -> bool:
    return isinstance(item, slice) and item.step in (None, 1)


def read_only(array: Array) -> Array:
    """View an array so that it cannot be changed through the view."""
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view


def check_unmasked(given: Any, reason: str, what: str) -> None:
    """Refuse an array of `numpy.ma` with masked elements, whose mask would be lost.

    Raises
    ------
    GumtreeError
        With `reason`.
    """
    if isinstance(given, np.ma.MaskedArray) and np.ma.is_masked(given):
        raise GumtreeError(
            reason,
            f"{what} are a masked array, {np.count_nonzero(given.mask)} of {given.size} elements masked;"
            " make a Dataset of its data with masks={'name': its mask}.",
        )


def place(given: Any, name: str, dims: tuple[str, ...], shape: tuple[int, ...]) -> Axis:
    """Make an Axis of what the user gave and find the dimensions that it runs along.

    Raises
    ------
    GumtreeError
        BAD_AXIS where its shape fits no dimension of the data.
    """
    axis: Axis = given if isinstance(given, Axis) else getattr(given, "as_axis", lambda: Axis(given))()
    # A Dataset of numbers in a row has the dimension "x" without its maker's intent: the axis' name counts.
    by_name = axis.ndim == 1 and name in dims and axis is not given
    sizes = dict(zip(dims, shape, strict=True))
    found = (name,) if by_name else axis.dims
    if found is None:
        found = _guess(axis, name, dims, shape)
    missing = [d for d in found if d not in sizes]
    if missing:
        raise GumtreeError(
            "BAD_AXIS",
            f"The axis '{name}' runs along '{missing[0]}', which is no dimension of the data {sizes}.",
        )
    longer = [d for d, length in zip(found, axis.shape, strict=True) if length == sizes[d] + 1]
    wrong = [d for d, length in zip(found, axis.shape, strict=True) if length not in (sizes[d], sizes[d] + 1)]
    if wrong or len(longer) > 1:
        raise GumtreeError(
            "BAD_AXIS",
            f"The axis '{name}' of shape {axis.shape} along {found} does not fit the data {sizes};"
            " give as many points, or one more along one dimension for bin edges.",
        )
    return axis.placed(tuple(found), longer[0] if longer else None)


def _guess(axis: Axis, name: str, dims: tuple[str, ...], shape: tuple[int, ...]) -> tuple[str, ...]:
    if axis.ndim == 0:
        return ()
    if axis.ndim == 1 and name in dims:
        return (name,)
    if axis.ndim == len(dims):
        return dims
    if axis.ndim == 1:
        fitting = [d for d, length in zip(dims, shape, strict=True) if axis.shape[0] in (length, length + 1)]
        if len(fitting) == 1:
            return (fitting[0],)
    raise GumtreeError(
        "BAD_AXIS",
        f"The axis '{name}' of shape {axis.shape} does not say along which of the dimensions {dims} it runs;"
        " give Axis(values, dims=...).",
    )
