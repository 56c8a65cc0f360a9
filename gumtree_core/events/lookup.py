"""Which bin a number lies in, found by a table: bins of any widths, at the speed of even ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from gumtree_core.errors import GumtreeError

CELLS = 16
"""Of a table, for each bin."""
CROWD = 4
"""Edges in one cell from which the cells are halved, as long as there are fewer than `MOST`."""
MOST = 2**18


def rising(edges: npt.ArrayLike, what: str) -> NDArray[np.float64]:
    """Edges as an array; BAD_BINS unless they are two or more finite numbers that rise."""
    array: NDArray[np.float64] = np.asarray(edges, dtype=np.float64)
    rises = array.ndim == 1 and array.size >= 2 and bool((array[1:] > array[:-1]).all())
    if not (rises and np.abs(array).max() < 1e300):
        raise GumtreeError("BAD_BINS", f"The edges of {what} are to be two or more finite numbers that rise.")
    return array


class Lookup(NamedTuple):
    """A table of bins, in the order in which the kernels take it.

    A cell holds the numbers whose leading bits are the same, as IEEE 754 has them. Its width grows with the
    number, so that even and logarithmic bins both have few edges in one cell. As the cells never fall while
    numbers rise, a number in a later cell than an edge is beyond the edge: the table is exact.

    Attributes
    ----------
    edges
        (bins + 1,), finite, rising.
    offset
        What is added to a number within the edges to make it positive.
    shift, base
        The cell of a number: its bits without the last `shift`, less `base`.
    first
        (cells,): the bin in which each cell begins.
    """

    edges: NDArray[np.float64]
    offset: float
    shift: int
    base: int
    first: NDArray[np.int32]


def lookup(edges: NDArray[np.float64]) -> Lookup:
    """Make the table for finite edges that rise."""
    edges = np.ascontiguousarray(edges, dtype=np.float64)
    offset = 0.0 if edges[0] > 0 else float(edges[1] - 2 * edges[0])
    bits = (edges + offset).view(np.int64)
    span = int(bits[-1] - bits[0])
    shift = max(span.bit_length() - (CELLS * edges.size).bit_length(), 0)
    while shift and span >> shift < MOST and np.bincount((bits >> shift) - (bits[0] >> shift)).max() > CROWD:
        shift -= 1
    cells = (bits >> shift) - (bits[0] >> shift)
    first = np.searchsorted(cells, np.arange(cells[-1] + 1), "left") - 1
    return Lookup(edges, offset, shift, int(bits[0] >> shift), first.clip(0, edges.size - 2).astype(np.int32))
