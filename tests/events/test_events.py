"""Events counted, cut and put together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gumtree_core.errors import GumtreeError
from gumtree_core.events import (
    EventHistogram,
    Events,
    Phases,
    TimeSlices,
    histogram,
    read_slices,
)

SHAPE = (6, 8)


@given(seed=st.integers(0, 1000), even=st.booleans())
def test_a_histogram_is_that_of_numpy(seed, even, made):
    events = made(seed, 800)
    edges = np.linspace(100, 19_000, 12) if even else np.geomspace(50, 19_000, 12)

    found = histogram(events, edges)

    bins = np.searchsorted(edges, events.time_of_flight * 0.5, "right") - 1
    within = (bins >= 0) & (bins < 11)
    expected = np.zeros((11, 48), int)
    np.add.at(expected, (bins[within], events.pixel[within]), 1)
    assert np.array_equal(found.values.reshape(11, 48), expected)
    assert found.metadata["outside"] == len(events) - found.values.sum()
    assert found.variances == pytest.approx(found.values)


def test_events_on_edges_belong_to_the_bin_that_begins_there():
    events = Events(np.zeros(4, int), np.array([0, 10, 20, 30]), 1.0, (1, 1), np.array([0]))

    assert histogram(events, [0, 10, 20, 30]).values.ravel().tolist() == [1, 1, 1]
    assert histogram(events, [0, 10, 25, 30]).values.ravel().tolist() == [1, 2, 0]


def test_two_threads_count_as_one_does(monkeypatch, made):
    events = made(3, 20_000)
    edges = np.linspace(0, 20_000, 11)
    alone = histogram(events, edges)
    monkeypatch.setattr("gumtree_core.events.histograms.PARALLEL", 1)

    assert np.array_equal(histogram(events, edges).values, alone.values)


def test_packets_add_up_to_the_whole(made):
    events = made(1)
    edges = np.linspace(0, 20_000, 31)
    grown = EventHistogram(SHAPE, edges)
    for first in range(0, 50, 7):
        grown.add(events.of_pulses(first, min(first + 7, 50)))

    assert np.array_equal(grown.counts.values, histogram(events, edges).values)


@pytest.mark.parametrize("edges", [np.linspace(0, 40_000, 101), np.geomspace(1, 40_000, 101)])
def test_a_time_that_is_no_number_or_has_no_end_is_in_no_bin(edges):
    times = np.array([np.nan, np.inf, -np.inf, 1e300, -1.0, 40_000.0, 39_999.9, 1.0])
    events = Events(np.zeros(8, int), times, 1.0, (1, 1), np.array([0]))

    counts = histogram(events, edges)

    assert counts.metadata["outside"] == 6
    assert np.flatnonzero(counts.values).tolist() == [0, 99]


@given(tick=st.sampled_from([0.1, 0.3, 0.7, 1e-3]), step=st.integers(1, 30))
def test_edges_on_whole_ticks_are_met_whatever_the_tick(tick, step):
    times = np.arange(40 * step, dtype=np.uint32)
    events = Events(np.zeros(times.size, int), times, tick, (1, 1), np.array([0]))

    counts = histogram(events, np.arange(41) * step * tick)

    assert counts.values.ravel().tolist() == [step] * 40


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda e: histogram(e, [3, 2]), "BAD_BINS"),
        (lambda e: histogram(e, [[0, 1], [2, 3]]), "BAD_BINS"),
        (lambda e: histogram(e, [0, np.inf]), "BAD_BINS"),
        (lambda e: histogram(e, [0, np.nan, 2]), "BAD_BINS"),
        (lambda e: histogram(e, [0, 1], TimeSlices([1, 0])), "BAD_BINS"),
        (lambda e: histogram(e, [0, 1], Phases(1, 0)), "BAD_RANGE"),
        (lambda e: histogram(replace(e, pulse_time=None), [0, 1], Phases(1, 2)), "NO_PULSE_TIME"),
        (lambda e: read_slices("events.nxs", 0), "BAD_RANGE"),
        (lambda e: read_slices("no such file"), "FILE_MISSING"),
        (lambda e: histogram(e, np.linspace(0, 1, 2**25)), "TOO_LARGE"),
        (lambda e: EventHistogram((2, 2), [0, 1]).add(e), "SHAPES_DIFFER"),
        (lambda e: e.of_pulses(5, 4), "BAD_RANGE"),
        (lambda e: e.between(2, 1), "BAD_RANGE"),
        (lambda e: e.phase(0), "BAD_RANGE"),
        (lambda e: e.grouped([0, 0], [0, 1]), "BAD_BINS"),
        (lambda e: Events(e.pixel[:3], e.time_of_flight, 1.0, SHAPE, e.first_of_pulse), "SIZES_DIFFER"),
    ],
)
def test_bad_input_is_refused(call, reason, made):
    with pytest.raises(GumtreeError) as refused:
        call(made(1))
    assert refused.value.reason == reason


@pytest.mark.parametrize("kept", [np.ones(3, bool), np.array([0, 1, 1, 2])])
def test_events_are_chosen_by_one_flag_for_each(kept):
    events = Events(np.zeros(4, int), np.array([0, 10, 20, 30]), 1.0, (1, 1), np.array([0]))

    assert len(events.chosen(np.array([True, False, True, False]))) == 2
    with pytest.raises(GumtreeError) as refused:
        events.chosen(kept)
    assert refused.value.reason == "BAD_SELECTION"
