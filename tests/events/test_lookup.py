"""The table of bins finds what a search would find, on the edges and beside them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gumtree_core.events import Events, histogram
from gumtree_core.events.lookup import MOST, lookup

BINS = {
    "even": np.linspace(0, 40_000, 101),
    "logarithmic": np.geomspace(1e-3, 1e6, 301),
    "from below zero": np.linspace(-2e4, 2e4, 1001),
    "below zero": -np.geomspace(1, 1e5, 50)[::-1],
    "coarse and fine": np.concatenate([[0.0, 1e4], 1e4 + np.linspace(1e-3, 1e-2, 400), [4e4]]),
    "from zero by decades": np.concatenate([[0.0], np.geomspace(1e-300, 1e5, 200)]),
    "one": np.array([5.0, 7.0]),
    "neighbours": np.nextafter(1.0, 2.0) + np.arange(5) * np.spacing(1.0),
    "neighbours below zero": np.array([-1.0, np.nextafter(-1.0, 0.0), 0.0, 5e-324]),
}


def around(edges: np.ndarray) -> np.ndarray:
    """Values on each edge, next to it, and between."""
    beside = [np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf), (edges[1:] + edges[:-1]) / 2]
    return np.concatenate([edges, *beside, [np.nan, np.inf, -np.inf, 0.0, -0.0]])


def counted(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    one = np.zeros(values.size, np.int32)
    return histogram(Events(one, values, 1.0, (1, 1), np.array([0])), edges).values.ravel()


def expected(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """NumPy's, but for the last edge, which it counts as inside."""
    within = values[(values >= edges[0]) & (values < edges[-1])]
    return np.histogram(within, edges)[0]


@pytest.mark.parametrize("edges", BINS.values(), ids=BINS)
def test_events_on_edges_and_beside_them_are_in_the_bins_of_numpy(edges):
    values = around(edges)

    assert np.array_equal(counted(values, edges), expected(values, edges))


@given(st.lists(st.floats(-1e12, 1e12), min_size=2, max_size=60, unique=True))
def test_any_edges_that_rise_are_those_of_numpy(numbers):
    edges = np.sort(np.array(numbers))
    edges = edges[np.append(True, np.diff(edges) > 0)]  # -0.0 and 0.0 are one
    if edges.size < 2:
        return
    values = around(edges)

    assert np.array_equal(counted(values, edges), expected(values, edges))


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint32, np.int64, np.uint64, np.float32])
def test_times_of_any_type_on_uneven_edges_are_those_of_numpy(kind):
    edges = np.array([0, 1, 2, 5, 10, 50, 100, 120.0])
    values = np.arange(128).astype(kind)

    assert np.array_equal(counted(values, edges), expected(values, edges))


def test_a_table_stays_small_and_few_edges_share_a_cell():
    for edges in BINS.values():
        table = lookup(edges)
        assert table.first.size <= 2 * MOST
        if table.first.size < MOST // 2 and table.shift:
            assert np.diff(table.first).max(initial=0) <= 4
