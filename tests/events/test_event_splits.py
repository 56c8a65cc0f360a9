"""Events by when they were counted: slices of time, kinetics and stroboscopy."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from gumtree_core.events import (
    Events,
    Phases,
    TimeSlices,
    histogram,
)


def test_slices_in_time_hold_each_event_once(made):
    events = made(2)
    ends = np.linspace(0, 1, 11)
    parts = [events.between(start, stop) for start, stop in pairwise(ends)]

    assert sum(map(len, parts)) == len(events)
    assert np.array_equal(np.concatenate([part.pixel for part in parts]), events.pixel)
    assert all(np.shares_memory(part.pixel, events.pixel) for part in parts if len(part))
    assert sum(part.pulses for part in parts) == 50


def test_a_repeated_process_is_seen_by_its_phase():
    random = np.random.default_rng(5)
    pulses = 2000
    when = 0.02 * np.arange(pulses)
    wanted = random.random(pulses) < 0.5 + 0.4 * np.sin(2 * np.pi * when / 0.31)
    first = np.concatenate([[0], np.cumsum(wanted)[:-1]])
    size = int(wanted.sum())
    events = Events(np.zeros(size, int), np.zeros(size, int), 1.0, (1, 1), first, when)

    phase = events.phase(0.31)
    counts = np.histogram(phase, bins=8, range=(0, 1))[0]

    assert counts[:4].sum() > 1.5 * counts[4:].sum()
    assert len(events.chosen(phase < 0.5)) == counts[:4].sum()
    assert events.chosen(phase < 0.5).pulses == pulses


def test_pulses_out_of_order_are_found_by_their_times():
    first, times = np.array([1, 2, 3, 5]), np.array([0, 2.0, np.nan, 1])
    events = Events(np.arange(6), np.zeros(6), 1.0, (1, 6), first, times)

    assert events.between(0, 1.5).pixel.tolist() == [1, 5]
    assert events.between(0, 1.5).pulse_time.tolist() == [0, 1]
    assert [len(events.between(0, 1.5).of_pulses(k, k + 1)) for k in (0, 1)] == [1, 1]
    assert len(events.between(5, 6)) == 0
    assert histogram(events, [0, 1], TimeSlices([0, 1.5, 3])).values.sum(axis=(1, 2)).tolist() == [
        [0, 1, 0, 0, 0, 1],
        [0, 0, 1, 0, 0, 0],
    ]


def test_slices_of_time_are_what_is_cut_one_by_one(made):
    events = made(6)
    edges, times = np.linspace(0, 20_000, 8), [0.1, 0.4, 0.9]

    counts = histogram(events, edges, TimeSlices(times))

    assert counts.sizes == {"time": 2, "time_of_flight": 7, "y": 6, "x": 8}
    assert (counts.axes["time"].values.tolist(), counts.axes["time"].unit) == (times, "s")
    for k, (start, stop) in enumerate(pairwise(times)):
        assert np.array_equal(counts.values[k], histogram(events.between(start, stop), edges).values)
    assert counts.metadata["outside"] == len(events) - counts.values.sum()
    assert counts.metadata["pulses"].values.tolist() == [15, 25]  # of 50 pulses/s
    assert counts["time", 1].metadata["pulses"].values == 25


def test_phases_are_what_is_chosen_by_phase(made):
    events = made(7)
    edges = np.linspace(0, 20_000, 8)

    counts = histogram(events, edges, Phases(0.13, 5, start=0.02))

    phase = events.phase(0.13, 0.02)
    assert counts.sizes == {"phase": 5, "time_of_flight": 7, "y": 6, "x": 8}
    for k in range(5):
        within = (phase >= counts.axes["phase"].values[k]) & (phase < counts.axes["phase"].values[k + 1])
        assert np.array_equal(counts.values[k], histogram(events.chosen(within), edges).values)
    assert counts.values.sum() == histogram(events, edges).values.sum()
    assert counts.metadata["pulses"].values.tolist() == [10] * 5


def test_an_event_just_before_a_period_is_in_its_last_phase_or_the_first_of_the_next():
    start = np.nextafter(0.0, 1.0)
    events = Events(np.zeros(1, int), np.zeros(1), 1.0, (1, 1), np.array([0]), np.array([0.0]))

    assert events.phase(1.0, start).tolist() == [0.0]
    assert histogram(events, [0, 1], Phases(1.0, 4, start)).values.sum() == 1


def test_a_process_faster_than_the_pulses_is_folded_by_the_time_of_flight():
    time = np.random.default_rng(8).uniform(0, 20_000, 20_000)
    seen = np.sin(2 * np.pi * time / 2000) > 0  # a process of 2 ms
    events = Events(np.zeros(seen.sum(), int), time[seen], 1.0, (1, 1), np.array([0]), np.array([0.0]))

    counts = histogram(events, [0, 20_001], Phases(2e-3, 2))

    assert counts.values.ravel().tolist() == [seen.sum(), 0]


def test_what_is_in_no_slice_or_pixel_is_told():
    events = Events(
        np.array([0, 9, -1, 0, 0]), np.zeros(5), 1.0, (1, 2), np.array([1, 4]), np.array([0, 9.0])
    )

    counts = histogram(events, [0, 1], TimeSlices([0, 1]))

    assert counts.values.sum() == 1  # the event before the first pulse, and that of the second, are in none
    assert counts.metadata["outside"] == 4
