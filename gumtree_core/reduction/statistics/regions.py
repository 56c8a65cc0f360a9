"""What a region of a detector holds: sum, mean, spread, centre of mass, width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Axis, Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.statistics.propagation import folded


@dataclass(frozen=True)
class Region:
    """Statistics of the elements in a region, for each point of the dimensions that it does not have.

    Attributes
    ----------
    pixels
        How many elements took part.
    total, mean
        Sum and average.
    sigma
        Standard deviation of the elements about their mean (n - 1 in the denominator).
    minimum, maximum
        Of the elements.
    center
        Centre of mass along each dimension of the region, in the unit of its axis, of pixels without one.
    width
        Standard deviation of the distribution along each dimension: 2.355 times it is the fwhm of a Gaussian.
    """

    pixels: Dataset
    total: Dataset
    mean: Dataset
    sigma: Dataset
    minimum: Dataset
    maximum: Dataset
    center: Mapping[str, Dataset]
    width: Mapping[str, Dataset]


def region(
    data: Dataset, inside: NDArray[np.bool_] | None = None, dims: Sequence[str] = ("y", "x")
) -> Region:
    """Statistics of a region.

    With n the elements and x their coordinate: centre c = sum(n x) / sum(n), width s^2 = sum(n (x - c)^2) /
    sum(n); errors by dc/dn = (x - c) / sum(n) and ds/dn = ((x - c)^2 - s^2) / (2 s sum(n)).

    Parameters
    ----------
    data
        Of any dimensions, with `dims` among them: an image, a scan, time-of-flight data.
    inside
        True in the region, in the shape of `dims`, such as a mask of a rectangle, an ellipse or a polygon;
        all unless given. What is masked or NaN takes no part.
    dims
        The dimensions of the region.

    Raises
    ------
    GumtreeError
        BAD_REGION where it does not fit the data or has no element.
    """
    missing = [dim for dim in dims if dim not in data.dims]
    if missing or not dims:
        raise GumtreeError(
            "BAD_REGION", f"{data.name} has no dimension {', '.join(missing)}; it has {', '.join(data.dims)}."
        )
    names = tuple(dim for dim in data.dims if dim in dims)
    chosen = _chosen(data, inside, tuple(dims), names)
    unknown = ~np.isfinite(data.values)
    data = data.with_masks(outside=Dataset(~chosen, dims=names))
    if unknown.any():
        data = data.with_masks(not_a_number=unknown)
    data = _cut(_with_coordinates(data, names), chosen, names)
    kept = ~data.mask if data.mask is not None else np.ones(data.shape, dtype=bool)
    axes = tuple(data.dims.index(dim) for dim in names)
    rest = tuple(dim for dim in data.dims if dim not in names)
    sizes = np.asarray(kept.sum(axis=axes))
    if not sizes.any():
        raise GumtreeError(
            "BAD_REGION", f"The region of {data.name} holds only masked elements; choose another."
        )
    along = {name: data.axes[name] for name in data.axes if set(data.axes[name].dims or ()) <= set(rest)}
    pixels = Dataset(sizes, dims=rest, axes=along)
    center, width = {}, {}
    for dim in names:
        center[dim], width[dim] = _moments(data, dim, names, kept)
    return Region(
        pixels=pixels,
        total=data.sum(names),
        mean=data.mean(names),
        sigma=data.std(names, ddof=1),
        minimum=data.min(names),
        maximum=data.max(names),
        center=center,
        width=width,
    )


def _chosen(
    data: Dataset, inside: NDArray[np.bool_] | None, given: tuple[str, ...], names: tuple[str, ...]
) -> NDArray[np.bool_]:
    shape = tuple(data.sizes[dim] for dim in given)
    mask = np.ones(shape, dtype=bool) if inside is None else np.asarray(inside)
    if mask.shape != shape or mask.dtype != np.bool_:
        raise GumtreeError(
            "BAD_REGION",
            f"The region is {mask.dtype} of shape {mask.shape}; {data.name} needs booleans of shape {shape} "
            f"for {', '.join(given)}.",
        )
    if not mask.any():
        raise GumtreeError(
            "BAD_REGION", f"The region has no element of {data.name}; is it outside of the detector?"
        )
    return mask.transpose([given.index(dim) for dim in names])


def _cut(data: Dataset, chosen: NDArray[np.bool_], names: tuple[str, ...]) -> Dataset:
    """The smallest box with the region; so the work goes with the region and not with the detector."""
    for axis, dim in enumerate(names):
        others = tuple(k for k in range(len(names)) if k != axis)
        there = np.flatnonzero(chosen.any(axis=others))
        data = data[dim, int(there[0]) : int(there[-1]) + 1]
    return data


def _moments(
    data: Dataset, dim: str, names: tuple[str, ...], kept: NDArray[np.bool_]
) -> tuple[Dataset, Dataset]:
    """Centre and width along one dimension, with their errors in one sum each."""
    axis = data.axes[dim]
    x = np.asarray(axis.centers, dtype=np.float64)
    position = data.dims.index(dim)
    x = x.reshape([-1 if k == position else 1 for k in range(data.ndim)])
    axes = tuple(data.dims.index(each) for each in names)
    n = np.where(kept, data.values, 0.0)
    total = n.sum(axis=axes, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        total = np.where(total > 0, total, np.nan)
        center = (n * x).sum(axis=axes, keepdims=True) / total
        second = (n * np.square(x - center)).sum(axis=axes, keepdims=True) / total
        width = np.sqrt(second)
        by_center = np.broadcast_to((x - center) / total, data.shape)
        by_width = (np.square(x - center) - second) / (2 * width * total)
        by_width = np.broadcast_to(np.where(width > 0, by_width, 0.0), data.shape)
    return (
        _scalar(data, by_center, center.squeeze(axes), axis.unit, names, f"centre {dim}"),
        _scalar(data, by_width, width.squeeze(axes), axis.unit, names, f"width {dim}"),
    )


def _with_coordinates(data: Dataset, names: tuple[str, ...]) -> Dataset:
    """The data with one coordinate along each dimension of the region: its axis or its pixels."""
    for dim in names:
        if dim not in data.axes or data.axes[dim].dims != (dim,):
            pixels = Axis(np.arange(data.sizes[dim]), "pixel", (dim,))
            data = data.with_axes(**{dim: pixels})
    return data


def _scalar(
    data: Dataset,
    derivative: NDArray[np.float64],
    values: NDArray[np.float64],
    unit: str,
    names: tuple[str, ...],
    title: str,
) -> Dataset:
    lost = np.isnan(values)
    found = folded(data, np.nan_to_num(derivative), values, unit, names).replace(title=title)
    rest = {name: axis for name, axis in data.axes.items() if set(axis.dims or ()) <= set(found.dims)}
    found = found.replace(axes=rest)
    return found.with_masks(no_counts=lost) if lost.any() else found
