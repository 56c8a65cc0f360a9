"""A Dataset described anew: names, units, axes, masks, metadata, errors, and the order of dimensions."""

# `self` is a Dataset, which a mixin cannot say.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from gumtree_core.data import checks, units
from gumtree_core.data.axis import Axis, place
from gumtree_core.data.mathematics import arithmetic
from gumtree_core.data.metadata import follow
from gumtree_core.data.propagation.selection import rearrange
from gumtree_core.data.propagation.uncertainty import Uncertainty
from gumtree_core.data.shaping import indexing
from gumtree_core.errors import GumtreeError

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset


class Describing:
    """The methods of `Dataset` that say something else of the same numbers."""

    __slots__ = ()

    def replace(
        self: Any,
        *,
        title: str | None = None,
        unit: str | None = None,
        axes: Mapping[str, Any] | None = None,
        masks: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        history: Sequence[str] | None = None,
    ) -> Dataset:
        """Describe the same values and errors anew; what is left out stays. `unit` renames, `to` converts.

        Raises
        ------
        GumtreeError
            As the constructor does.
        """
        parts: dict[str, Any] = {}
        if unit is not None:
            parts["unit"] = units.canonical(unit)
        if axes is not None:
            parts["axes"] = {name: place(axis, name, self._dims, self.shape) for name, axis in axes.items()}
        if masks is not None:
            parts["masks"] = {n: checks.mask(m, n, self._dims, self.shape) for n, m in masks.items()}
        if metadata is not None:
            parts["metadata"] = dict(metadata)
        if title is not None:
            parts["title"] = title
        if history is not None:
            parts["history"] = tuple(history)
        return self.derive(**parts)

    def with_axes(self: Any, **axes: Any) -> Dataset:
        """Add or exchange axes."""
        return self.replace(axes={**self.raw_axes, **axes})

    def with_masks(self: Any, **masks: Any) -> Dataset:
        """Add or exchange masks; a masked element takes no part in reductions."""
        return self.replace(masks={**self.masks, **masks})

    def with_metadata(self: Any, **metadata: Any) -> Dataset:
        """Add or exchange metadata."""
        return self.replace(metadata={**self._metadata, **metadata})

    def noted(self: Any, entry: str) -> Dataset:
        """Add a line to the history."""
        return self.replace(history=(*self.history, entry))

    def as_axis(self: Any) -> Axis:
        """Use the values as coordinates."""
        return Axis(self.values, self._unit, self._dims, self.errors, self._title)

    def with_variances(self: Any, variances: npt.ArrayLike, source: str = "") -> Dataset:
        """Give the values new errors, each independent of all others; what they had before is forgotten.

        Parameters
        ----------
        variances
            Squared standard deviations in the shape of the values.
        source
            As in the constructor.

        Raises
        ------
        GumtreeError
            BAD_VARIANCES.
        """
        spread = checks.variances(variances, self.values, self.mask, self.title)
        history = (*self.history, "errors given anew")
        return self.derive(uncertainty=Uncertainty.of(spread, source), history=history)

    def without_errors(self: Any) -> Dataset:
        """Take the values as exact."""
        return self.derive(uncertainty=Uncertainty(), history=(*self.history, "errors left out"))

    def to(self: Any, unit: str) -> Dataset:
        """Convert to another unit.

        Raises
        ------
        GumtreeError
            UNIT_MISMATCH, UNKNOWN_UNIT.
        """
        return arithmetic.convert(self, unit)

    def rename(self: Any, **names: str) -> Dataset:
        """Rename dimensions, and axes of the same name.

        Raises
        ------
        GumtreeError
            UNKNOWN_DIMENSION, BAD_DIMENSIONS.
        """
        for old in names:
            indexing.position(self, old)
        dims = tuple(names.get(name, name) for name in self._dims)
        checks.unique(dims)
        axes = {names.get(name, name): axis.renamed(names) for name, axis in self.raw_axes.items()}
        old_sizes = {name: self.sizes[name] for name in names}
        metadata = follow(self._metadata, old_sizes, lambda value: _renamed(value, names))
        return self.derive(dims=dims, axes=axes, metadata=metadata)

    def transpose(self: Any, *dims: str) -> Dataset:
        """Order the dimensions anew, all or reversed; a view.

        Raises
        ------
        GumtreeError
            BAD_DIMENSIONS.
        """
        order = dims or self._dims[::-1]
        if sorted(order) != sorted(self._dims):
            raise GumtreeError("BAD_DIMENSIONS", f"{self.name} has the dimensions {self._dims}, not {order}.")
        places = [self._dims.index(name) for name in order]
        return self.derive(
            values=rearrange(self.values, places),
            dims=tuple(order),
            uncertainty=self.uncertainty.rearranged(places),
            masks={name: rearrange(mask, places) for name, mask in self.raw_masks.items()},
        )

    @property
    def T(self: Any) -> Dataset:
        """The dimensions reversed; a view."""
        return self.transpose()


def _renamed(value: Dataset, names: Mapping[str, str]) -> Dataset:
    return value.rename(**{old: new for old, new in names.items() if old in value.dims})
