"""Where the elements of an image are: points and edges of cells, also along axes of two dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gumtree_core.data.axis import Axis
from gumtree_core.data.propagation.selection import Array

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset


def points(ds: Dataset, position: int, axis: Axis | None) -> Array:
    """Coordinates of the elements: (n,) or (rows, columns)."""
    if axis is None:
        return np.arange(ds.shape[position], dtype=np.float64)
    values = axis.centers.astype(np.float64)
    return values if values.ndim < 2 or axis.dims == ds.dims else values.T


def edges(ds: Dataset, position: int, axis: Axis | None) -> Array:
    """Edges of the elements along a dimension: (n + 1,) or (rows + 1, columns + 1)."""
    if axis is not None and axis.is_edges and axis.ndim == 1:
        return axis.values.astype(np.float64)
    middles_of_cells = points(ds, position, axis)
    if middles_of_cells.ndim == 1:
        return _around(middles_of_cells, 0)
    return _around(_around(middles_of_cells, 0), 1)


def _around(points: Array, axis: int) -> Array:
    """Edges halfway between points, and as far beyond the outer ones."""
    points = np.moveaxis(points, axis, 0)
    if len(points) == 1:
        edges = np.concatenate([points - 0.5, points + 0.5])
    else:
        middle = (points[1:] + points[:-1]) / 2
        edges = np.concatenate([2 * points[:1] - middle[:1], middle, 2 * points[-1:] - middle[-1:]])
    return np.moveaxis(edges, 0, axis)


def middles(edges: Array) -> Array:
    """Give the middle of each cell."""
    if edges.ndim == 1:
        return (edges[1:] + edges[:-1]) / 2
    return (edges[1:, 1:] + edges[1:, :-1] + edges[:-1, 1:] + edges[:-1, :-1]) / 4


def grid(across: Array, up: Array) -> tuple[Array, Array]:
    """Give both coordinates with two dimensions, which broadcast."""
    return (across if across.ndim == 2 else across[np.newaxis, :], up if up.ndim == 2 else up[:, np.newaxis])


def evenly_spaced(edges: Array) -> bool:
    """Whether all cells are of one size."""
    if edges.ndim > 1:
        return False
    steps = np.diff(edges)
    return bool(np.allclose(steps, steps[0], rtol=1e-6)) and bool(steps[0])
