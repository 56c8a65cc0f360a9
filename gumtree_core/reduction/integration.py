"""From the detector to a curve: averages over rings of constant q."""

from __future__ import annotations

import numpy as np

from gumtree_core.data import Axis, Dataset
from gumtree_core.reduction.bins import Spacing, free_bins, phi_bins, q_bins
from gumtree_core.reduction.geometry import Array
from gumtree_core.reduction.integration_members import Whole
from gumtree_core.reduction.integration_plan import Plan, Weighting

__all__ = ["Plan", "Spacing", "Weighting", "circular", "free_bins", "phi_bins", "q_bins", "rings"]


def rings(q: Array, bins: Axis) -> Plan:
    """A plan of rings: each pixel in the bin that its centre's q lies in.

    Parameters
    ----------
    q
        Of each pixel, in any shape, in 1/angstrom.
    bins
        Edges, as `q_bins` makes them; an edge belongs to the bin that begins with it.
    """
    edges = bins.values
    index = np.searchsorted(edges, q, side="right") - 1
    index[~((q >= edges[0]) & (q < edges[-1]))] = -1
    number = edges.size - 1
    return Plan(q.shape, Whole.of_index(index, number), (bins,))


def circular(pattern: Dataset, q: Array, bins: Axis, weighting: Weighting = "area") -> Dataset:
    """Average over the pixels whose centres lie in each bin: `rings(q, bins).average(pattern, weighting)`.

    For a series of frames make the plan once.
    """
    return rings(q, bins).average(pattern, weighting)
