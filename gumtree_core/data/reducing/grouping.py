"""Elements that belong together by a label or a coordinate; histograms of events."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data.axis import Axis
from gumtree_core.data.checks import is_dataset
from gumtree_core.data.mathematics.neighbours import new_axis
from gumtree_core.data.metadata import without
from gumtree_core.data.propagation.selection import Array
from gumtree_core.data.propagation.uncertainty import Uncertainty
from gumtree_core.data.reducing import reductions
from gumtree_core.data.reducing.reductions import EMPTY
from gumtree_core.data.shaping import indexing
from gumtree_core.data.shaping.reordering import labels_along
from gumtree_core.data.shaping.reshaping import flatten, fresh, split_dimension
from gumtree_core.errors import GumtreeError

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset


def digitize(coordinates: Array, edges: Array) -> NDArray[np.intp]:
    """Give the bin of each coordinate, -1 outside and for NaN; the last bin holds its upper edge too."""
    falling = edges.size > 1 and edges[0] > edges[-1]
    rising = edges[::-1] if falling else edges
    index = np.searchsorted(rising, coordinates, "right") - 1
    index = np.where(coordinates == rising[-1], rising.size - 2, index)
    inside = (coordinates >= rising[0]) & (coordinates <= rising[-1])
    return np.where(inside, rising.size - 2 - index if falling else index, -1).astype(np.intp)


def checked_edges(given: Any, axis: Axis, name: str) -> Axis:
    """Make an axis of bin edges.

    Raises
    ------
    GumtreeError
        BAD_BIN_EDGES, BAD_AXIS, UNIT_MISMATCH.
    """
    edges = new_axis(given, axis, name)
    steps = np.diff(edges.values)
    if edges.values.size < 2 or not ((steps > 0).all() or (steps < 0).all()):
        raise GumtreeError(
            "BAD_BIN_EDGES",
            f"The {edges.values.size} edges of '{name}' are to be two or more that grow or fall.",
        )
    return edges


@dataclass(frozen=True, eq=False)
class Groups:
    """The elements of a Dataset along one dimension, in groups; iterating gives (label, Dataset).

    Attributes
    ----------
    data, dim
        The Dataset, and the dimension that the groups replace.
    index
        The group of each element; -1 for none.
    labels
        What the elements of each group have in common; of groups by bins, the middles.
    name, axis
        The name of the groups' dimension, and its coordinates where the labels are numbers or times.
    """

    data: Dataset
    dim: str
    index: NDArray[np.intp]
    labels: Array
    name: str
    axis: Axis | None

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[tuple[Any, Dataset]]:
        for k, label in enumerate(self.labels):
            yield label.item(), indexing.select(self.data, {self.dim: np.flatnonzero(self.index == k)})

    def sum(self) -> Dataset:
        """Sum each group; errors as `reductions.bin_sum`."""
        return self._binned(self.data)

    def mean(self) -> Dataset:
        """Average each group; a masked element takes no part."""
        data = self.data
        total = self._binned(data.derive(unit=""))
        ones = data.derive(values=np.ones(data.shape), uncertainty=Uncertainty(), unit="")
        result: Dataset = total / self._binned(ones).values
        entry = f"mean of {data.name} by {self.name}"
        return result.derive(unit=data.unit, history=(*data.history, entry), masks=total.raw_masks)

    def _binned(self, data: Dataset) -> Dataset:
        index = data.derive(values=self.index, dims=(self.dim,), uncertainty=Uncertainty(), axes={}, masks={})
        total = reductions.bin_sum(data, index, len(self), self.name, self.axis)
        at = data.dims.index(self.dim)
        order = (*total.dims[:-1][:at], self.name, *total.dims[:-1][at:])
        return self._described(total.transpose(*order))

    def _described(self, result: Dataset) -> Dataset:
        metadata = without(self.data.metadata, {self.dim: self.data.sizes[self.dim]})
        if self.axis is None:
            metadata[self.name] = tuple(self.labels.tolist())
        return result.derive(metadata=metadata)

    def apply(self, function: Callable[[Dataset], Dataset]) -> Dataset:
        """Put side by side what a function makes of each group.

        Parameters
        ----------
        function
            Gives a Dataset of one shape for every group, without the dimension of the groups.

        Raises
        ------
        GumtreeError
            NO_ELEMENTS where a group has none.
        """
        from gumtree_core.data.shaping.joining import stack

        bare = [(label, part.derive(axes=_others(part, self.dim))) for label, part in self]
        empty = [label for label, part in bare if not part.sizes[self.dim]]
        if empty:
            raise GumtreeError(
                "NO_ELEMENTS",
                f"No element of {self.data.name} belongs to the group {empty[0]} of {self.name}.",
            )
        parts = stack([function(part) for _, part in bare], self.name, self.axis)
        at = self.data.dims.index(self.dim)
        rest = parts.dims[1:]
        return self._described(parts.transpose(*rest[:at], self.name, *rest[at:]))

    def weighted_mean(self) -> Dataset:
        """Average each group with the weights 1/variance."""
        return self.apply(lambda part: part.weighted_mean(self.dim))

    def std(self, ddof: int = 0) -> Dataset:
        """Give the standard deviation of the values in each group."""
        return self.apply(lambda part: part.std(self.dim, ddof))

    def min(self) -> Dataset:
        """Give the smallest element of each group."""
        return self.apply(lambda part: part.min(self.dim))

    def max(self) -> Dataset:
        """Give the largest element of each group."""
        return self.apply(lambda part: part.max(self.dim))

    def median(self) -> Dataset:
        """Give the median of each group; its error is approximate."""
        return self.apply(lambda part: part.median(self.dim))


def _others(ds: Dataset, dim: str) -> dict[str, Axis]:
    return {name: axis for name, axis in ds.axes.items() if dim not in (axis.dims or ())}


def groupby(
    ds: Dataset, by: Any, edges: Any = None, *, dim: str | None = None, name: str | None = None
) -> Groups:
    """Group elements that have a label in common, or whose coordinate lies in the same bin.

    Parameters
    ----------
    by
        The name of an axis, or a Dataset or 1-D array of labels: numbers, times or text. Where it has several
        dimensions, the groups replace them all.
    edges
        Of bins, in the axis' unit or as an Axis or Dataset in their own; left out, each label is a group, in
        sorted order, and NaN is none.
    dim
        Where `by` is an array: the dimension that it runs along.
    name
        Of the groups' dimension; by default the axis' name, else ``"group"``.

    Raises
    ------
    GumtreeError
        UNKNOWN_AXIS, UNKNOWN_DIMENSION, BAD_LABELS, BAD_BIN_EDGES, UNIT_MISMATCH.
    """
    name = name or (by if isinstance(by, str) else "group")
    unit = ds.axes[by].unit if isinstance(by, str) and by in ds.axes else getattr(by, "unit", "")
    ds, by = _one_dimension(ds, by)
    labels, dim = labels_along(ds, by, dim)
    if name in ds.dims and name != dim:
        raise GumtreeError(
            "BAD_DIMENSIONS", f"{ds.name} has a dimension '{name}'; give the groups another name=."
        )
    if edges is not None:
        if labels.dtype.kind not in "iuf":
            raise GumtreeError("BAD_LABELS", f"Bins need coordinates that are numbers, not {labels.dtype}.")
        axis = checked_edges(edges, Axis(labels, unit), name)
        index = digitize(labels, axis.to(unit).values)
        middles = (axis.values[1:] + axis.values[:-1]) / 2
        return Groups(ds, dim, index, middles, name, axis)
    groups, index = np.unique(labels, return_inverse=True)
    index = index.reshape(labels.shape).astype(np.intp)
    if groups.dtype.kind in "fmM":
        missing = np.isnan(groups) if groups.dtype.kind == "f" else np.isnat(groups)
        index, groups = np.where(missing[index], -1, index), groups[~missing]
    if not groups.size:
        raise GumtreeError("BAD_LABELS", f"There are no labels to group {ds.name} by.")
    numbers = groups.dtype.kind in "biufMm"
    return Groups(ds, dim, index, groups, name, Axis(groups, unit, (name,)) if numbers else None)


def _one_dimension(ds: Dataset, by: Any) -> tuple[Dataset, Any]:
    """Merge the dimensions that labels of several dimensions run along."""
    if is_dataset(by) and by.ndim > 1:
        key = fresh(tuple(ds.axes), "label")
        ds, by = ds.with_axes(**{key: by.as_axis()}), key
    axis = ds.axes.get(by) if isinstance(by, str) else None
    if axis is None or axis.ndim < 2:
        return ds, by
    own = axis.dims or ()
    return flatten(ds, [name for name in ds.dims if name in own], fresh(ds.dims, "element")), by


def histogram(ds: Dataset, edges: Mapping[str, Any], zero_count_variance: float | None) -> Dataset:
    """Count events in bins of one or several coordinates.

    Parameters
    ----------
    ds
        A weight for each event, with an axis of points for each coordinate, along one dimension. The errors
        propagate: events that were counted are ``Dataset(np.ones(n), "poisson", ...)``, times their weights.
    edges
        By name of the axis: bin edges, in the axis' unit or as an Axis or Dataset in their own. They become
        the dimensions of the result, in this order, in place of the events'.
    zero_count_variance
        Variance of a bin without counted events, 0 or 1; see `poisson`. There is no default; None for exact
        weights.

    Returns
    -------
    Dataset
        Events that are masked or lie in no bin take no part; a coordinate on the last edge is in the last
        bin. A bin without events is 0, not masked. Histograms of the same events know what they share, if
        they are made of at most 65536 or of the same bins.

    Raises
    ------
    GumtreeError
        UNKNOWN_AXIS, BAD_AXIS, BAD_BIN_EDGES, UNIT_MISMATCH, BAD_VARIANCES; NO_VARIANCES where events without
        errors are to be counted.
    """
    if zero_count_variance is not None and not (
        zero_count_variance >= 0 and np.isfinite(zero_count_variance)
    ):
        raise GumtreeError(
            "BAD_VARIANCES", f"The variance of zero counts is {zero_count_variance}; give 0 or 1."
        )
    if zero_count_variance is not None and not ds.uncertainty:
        raise GumtreeError(
            "NO_VARIANCES",
            f"The events of {ds.name} have no errors; make them as Dataset(ones, 'poisson'), or give"
            " zero_count_variance=None for exact weights.",
        )
    dim, places, targets = _event_bins(ds, edges)
    lengths = [target.values.size - 1 for target in targets.values()]
    index = np.zeros(ds.sizes[dim], dtype=np.intp)
    for place, length in zip(places, lengths, strict=True):
        index = np.where((index < 0) | (place < 0), -1, index * length + place)
    bins = ds.derive(values=index, dims=(dim,), uncertainty=Uncertainty(), axes={}, masks={})
    flat = reductions.bin_sum(ds, bins, prod(lengths), dim)
    masks = dict(flat.raw_masks)
    empty = masks.pop(EMPTY, None)
    uncertainty = flat.uncertainty
    if empty is not None and zero_count_variance and uncertainty:
        variances = np.where(empty, float(zero_count_variance), 0.0)
        state = "".join(t.source.id for t in uncertainty.terms) + f"{lengths} {zero_count_variance:g}"
        zeros = Uncertainty.of(variances, hashlib.sha256(state.encode()).hexdigest()[:32])
        uncertainty = Uncertainty((*uncertainty.terms, *zeros.terms))
    entry = f"events of {ds.name} into bins of {', '.join(edges)}"
    if zero_count_variance is not None:
        entry += f": variance {zero_count_variance:g} for 0 counts"
    whole = flat.derive(
        uncertainty=uncertainty,
        masks=masks,
        metadata=without(ds.metadata, {dim: ds.sizes[dim]}),
        history=(*ds.history, entry),
    )
    result = split_dimension(whole, dict(zip(edges, lengths, strict=True)), dim)
    return result.derive(axes={**result.axes, **targets})


def _event_bins(ds: Dataset, edges: Mapping[str, Any]) -> tuple[str, list[NDArray[np.intp]], dict[str, Axis]]:
    if not isinstance(edges, Mapping) or not edges:
        raise GumtreeError("BAD_BIN_EDGES", f"A histogram of {ds.name} needs bin edges for one axis or more.")
    places: list[NDArray[np.intp]] = []
    targets: dict[str, Axis] = {}
    dims: set[str] = set()
    for name, given in edges.items():
        labels, dim = labels_along(ds, name)
        axis = ds.axes[name]
        if axis.is_edges or labels.dtype.kind not in "iuf":
            raise GumtreeError("BAD_AXIS", f"The axis '{name}' of {ds.name} gives no number for each event.")
        dims.add(dim)
        target = checked_edges(given, axis, name)
        places.append(digitize(labels, target.to(axis.unit).values))
        targets[name] = target.placed((name,), name)
    if len(dims) > 1:
        raise GumtreeError(
            "BAD_AXIS",
            f"The axes {list(edges)} of {ds.name} run along {sorted(dims)}; events have one dimension.",
        )
    return dims.pop(), places, targets
