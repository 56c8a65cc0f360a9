"""Events cut, folded, counted and written."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gumtree_core.data import Axis, Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.events import (
    EventHistogram,
    Events,
    histogram,
    read_events,
    read_nexus_events,
    write_nexus_events,
)
from gumtree_core.files import load
from gumtree_core.reduction.detector.geometry import Geometry
from gumtree_core.reduction.integration import rings
from gumtree_core.reduction.integration.bins import q_bins
from gumtree_core.reduction.integration.events import counts_of_q, expected_of_q, q_coefficient

SHAPE = (6, 8)


def made(seed: int, size: int = 5000, pulses: int = 50) -> Events:
    random = np.random.default_rng(seed)
    first = np.sort(random.integers(0, size, pulses))
    first[0] = 0
    return Events(
        random.integers(0, 48, size).astype(np.int32),
        random.integers(0, 40_000, size).astype(np.uint32),
        0.5,
        SHAPE,
        first,
        0.02 * np.arange(pulses),
    )


@given(seed=st.integers(0, 1000), even=st.booleans())
def test_a_histogram_is_that_of_numpy(seed, even):
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


def test_two_threads_count_as_one_does(monkeypatch):
    events = made(3, 20_000)
    edges = np.linspace(0, 20_000, 11)
    alone = histogram(events, edges)
    monkeypatch.setattr("gumtree_core.events.histograms.PARALLEL", 1)

    assert np.array_equal(histogram(events, edges).values, alone.values)


def test_packets_add_up_to_the_whole():
    events = made(1)
    edges = np.linspace(0, 20_000, 31)
    grown = EventHistogram(SHAPE, edges)
    for first in range(0, 50, 7):
        grown.add(events.of_pulses(first, min(first + 7, 50)))

    assert np.array_equal(grown.counts.values, histogram(events, edges).values)


def test_slices_in_time_hold_each_event_once():
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


def test_written_events_are_read_again(tmp_path):
    events = made(4)
    path = write_nexus_events(tmp_path / "events.nxs", events)

    found = read_events(path)

    assert found.shape == SHAPE
    assert np.array_equal(found.pixel, events.pixel)
    assert found.time_of_flight * found.tick == pytest.approx(events.time_of_flight * 0.5)
    assert np.array_equal(found.first_of_pulse, events.first_of_pulse)
    assert found.pulse_time == pytest.approx(events.pulse_time)
    edges = np.linspace(0, 20_000, 21)
    assert np.array_equal(histogram(found, edges).values, histogram(events, edges).values)


def test_what_is_written_validates_as_nexus(tmp_path):
    pytest.importorskip("nexusformat", reason="nexusformat is not installed")
    path = write_nexus_events(tmp_path / "events.nxs", made(4))

    program = (  # in a process of its own: it changes how NumPy prints
        "import sys; from nexusformat.nexus.validate import FileValidator, logger\n"
        "FileValidator(sys.argv[1]).validate(); print('errors', logger.total['error'])"
    )
    command = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert "errors 0" in done.stdout, done.stdout + done.stderr


def test_a_file_of_events_is_loaded_as_a_run(tmp_path):
    events = made(4)
    path = write_nexus_events(tmp_path / "events.nxs", events)

    run = load(path)
    counts = run.data("detector/counts")

    assert counts.sizes == {"time_of_flight": 100, "y": 6, "x": 8}
    assert counts.metadata["outside"] == 0
    assert counts.values.sum(axis=0).ravel().tolist() == np.bincount(events.pixel, minlength=48).tolist()
    assert np.array_equal(read_events(run).pixel, events.pixel)


def filed(path, *, numbers=None, zero_unit="s", grows=False, **items):
    """A file as other programs write it."""
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/bank")
        group.attrs["NX_class"] = "NXevent_data"
        for name, values in items.items():
            group.create_dataset(name, data=values, maxshape=(None,) if grows else None)
        group["event_time_offset"].attrs["units"] = "us"
        group["event_time_zero"].attrs["units"] = zero_unit
        if numbers is not None:
            group["detector_number"] = numbers
    return path


OTHER = {
    "event_id": [12, 10, 41, 40, 99],
    "event_time_offset": [1.0, 2.0, 3.0, 4.0, 5.0],
    "event_time_zero": [0.0, 0.1],
    "event_index": [0, 2],
}


def test_ids_go_to_the_pixels_that_the_file_numbers(tmp_path):
    numbers = [[10, 12, 11], [42, 40, 41]]

    found = read_events(filed(tmp_path / "a.nxs", numbers=numbers, **OTHER))

    assert found.shape == (2, 3)
    assert found.pixel.tolist() == [1, 0, 5, 4, -1]
    assert histogram(found, [0, 10]).metadata["outside"] == 1


def test_without_numbers_the_first_id_is_told_and_not_guessed(tmp_path):
    path = filed(tmp_path / "a.nxs", **OTHER)

    assert read_nexus_events(path, shape=(9, 10), first_id=10).pixel.tolist() == [2, 0, 31, 30, 89]
    assert read_nexus_events(path, shape=(10, 10)).pixel.tolist() == OTHER["event_id"]
    assert read_nexus_events(path).shape == (1, 90)


def test_numbers_in_the_byte_order_of_another_machine_are_read(tmp_path):
    big = {name: np.array(values, ">f8" if "time" in name else ">u4") for name, values in OTHER.items()}

    counts = histogram(read_events(filed(tmp_path / "a.nxs", **big)), [0, 2.5, 10])

    assert counts.values.sum(axis=(1, 2)).tolist() == [2, 3]


def test_pulses_since_an_epoch_are_since_the_first_to_the_nanosecond(tmp_path):
    zero = np.array([1_700_000_000_123_456_789, 1_700_000_000_223_456_790])

    found = read_events(filed(tmp_path / "a.nxs", zero_unit="ns", **{**OTHER, "event_time_zero": zero}))

    assert found.pulse_time == pytest.approx([0.0, 0.100000001], abs=1e-12)
    assert len(found.between(0.05, 0.2)) == 3


def test_a_file_that_grows_gives_the_events_that_are_there(tmp_path):
    ahead = {**OTHER, "event_index": [0, 2, 7], "event_time_zero": [0.0, 0.1, 0.2]}

    found = read_events(filed(tmp_path / "a.nxs", grows=True, **ahead))

    assert (found.pulses, len(found), found.complete) == (2, 5, False)
    assert read_events(filed(tmp_path / "b.nxs", grows=True, **OTHER)).complete


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"event_index": [0, 7]}, "BAD_PULSES"),
        ({"event_index": [3, 2]}, "BAD_PULSES"),
        ({"event_time_zero": [0.0]}, "SIZES_DIFFER"),
        ({"event_time_offset": [1.0]}, "SIZES_DIFFER"),
        ({"event_id": [1.5] * 5}, "BAD_TYPE"),
        ({"zero_unit": "mm"}, "UNIT_MISMATCH"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(tmp_path, changed, reason):
    with pytest.raises(GumtreeError) as refused:
        read_events(filed(tmp_path / "a.nxs", **{**OTHER, **changed}))
    assert refused.value.reason == reason


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


def test_pulses_out_of_order_are_not_cut_by_time():
    events = Events(np.zeros(4, int), np.zeros(4), 1.0, (1, 1), np.array([0, 1, 2]), np.array([0, 2.0, 1]))

    with pytest.raises(GumtreeError) as refused:
        events.between(0, 1)
    assert refused.value.reason == "BAD_PULSES"
    assert len(events.of_pulses(0, 2)) == 2


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda e: histogram(e, [3, 2]), "BAD_BINS"),
        (lambda e: histogram(e, np.linspace(0, 1, 2**25)), "TOO_LARGE"),
        (lambda e: EventHistogram((2, 2), [0, 1]).add(e), "SHAPES_DIFFER"),
        (lambda e: e.of_pulses(5, 4), "BAD_RANGE"),
        (lambda e: e.between(2, 1), "BAD_RANGE"),
        (lambda e: e.phase(0), "BAD_RANGE"),
        (lambda e: e.grouped([0, 0], [0, 1]), "BAD_BINS"),
        (lambda e: Events(e.pixel[:3], e.time_of_flight, 1.0, SHAPE, e.first_of_pulse), "SIZES_DIFFER"),
    ],
)
def test_bad_input_is_refused(call, reason):
    with pytest.raises(GumtreeError) as refused:
        call(made(1))
    assert refused.value.reason == reason


# I(q)


DETECTOR = Geometry((32, 32), 4000.0, 20.0, 20.0, 15.5, 15.5)
COEFFICIENT = q_coefficient(DETECTOR.two_theta, 20_000 + np.hypot(4000.0, DETECTOR.radius))
EDGES = np.linspace(8000, 60_000, 201)
BINS = q_bins(0.008, 0.12, 30, "logarithmic")


def scattered(seed: int, size: int) -> tuple[Events, Dataset]:
    """Events of I(q) = exp(-(q / 0.05)^2) under a falling spectrum; and the spectrum."""
    random = np.random.default_rng(seed)
    time = 8000 + 52_000 * random.random(size) ** 1.4
    pixel = random.integers(0, 1024, size)
    q = COEFFICIENT.reshape(-1)[pixel] / time
    kept = random.random(size) < np.exp(-((q / 0.05) ** 2))
    fine = np.sort(8000 + 52_000 * np.linspace(0, 1, 400_001) ** 1.4)
    spectrum = np.histogram(fine, EDGES)[0] * (size / fine.size / 1024)
    events = Events(pixel[kept], time[kept], 1.0, (32, 32), np.array([0]))
    axis = Axis(EDGES, "us", ("time_of_flight",))
    return events, Dataset(spectrum, dims=("time_of_flight",), axes={"time_of_flight": axis})


def test_i_of_q_is_found_from_events():
    events, spectrum = scattered(1, 400_000)

    counts = counts_of_q(events, COEFFICIENT, BINS)
    found = counts / expected_of_q(spectrum, COEFFICIENT, 1.0, BINS)

    q = np.sqrt(BINS.values[1:] * BINS.values[:-1])
    seen = counts.values > 30
    pull = (found.values - np.exp(-((q / 0.05) ** 2)))[seen] / np.hypot(
        found.errors[seen], 0.01 * found.values[seen]
    )
    assert seen.sum() > 20
    assert np.mean(pull**2) < 1.6


def test_events_and_a_fine_histogram_agree():
    events, _ = scattered(2, 200_000)
    direct = counts_of_q(events, COEFFICIENT, BINS)

    fine = np.linspace(8000, 60_000, 2001)
    counted = histogram(events, fine)
    middle = (fine[1:] + fine[:-1]) / 2
    q = COEFFICIENT[np.newaxis] / middle[:, np.newaxis, np.newaxis]
    through = rings(q, BINS).sum(counted.replace(axes={}))

    assert through.values == pytest.approx(direct.values, abs=6 * np.sqrt(direct.values.max()))
    assert through.values.sum() == pytest.approx(direct.values.sum(), rel=2e-3)


@pytest.mark.parametrize("offset", [0.0, 350.0])
def test_events_and_histogram_then_integration_are_equal(offset):
    random = np.random.default_rng(7)
    edges = np.linspace(8000, 60_000, 101)
    middle = (edges[1:] + edges[:-1]) / 2
    time, pixel = middle[random.integers(0, 100, 50_000)], random.integers(0, 1024, 50_000)
    events = Events(pixel, time, 1.0, (32, 32), np.array([0]))

    direct = counts_of_q(events, COEFFICIENT, BINS, offset)
    q = COEFFICIENT / (middle - offset)[:, np.newaxis, np.newaxis]
    through = rings(q, BINS).sum(histogram(events, edges))

    assert direct.values.tolist() == through.values.tolist()
    assert direct.variances == pytest.approx(through.variances)
    assert direct.values.sum() + direct.metadata["outside"] == len(events)


def test_the_flight_may_begin_later_on_the_clock():
    events, spectrum = scattered(1, 20_000)
    later = replace(events, time_of_flight=events.time_of_flight + 350)
    axis = Axis(EDGES + 350, "us", ("time_of_flight",))
    shifted = spectrum.replace(axes={"time_of_flight": axis})

    assert counts_of_q(later, COEFFICIENT, BINS, 350).values.tolist() == pytest.approx(
        counts_of_q(events, COEFFICIENT, BINS).values.tolist(), abs=1
    )
    assert expected_of_q(shifted, COEFFICIENT, 1.0, BINS, 350).values == pytest.approx(
        expected_of_q(spectrum, COEFFICIENT, 1.0, BINS).values
    )
    with pytest.raises(GumtreeError, match="before the flight"):
        expected_of_q(spectrum, COEFFICIENT, 1.0, BINS, 9000)


def test_q_of_a_known_neutron():
    (coefficient,) = q_coefficient([2 * np.arcsin(0.1)], 10_000)

    wavelength = 3956.034 * 12_640e-6 / 10.0
    assert coefficient / 12_640 == pytest.approx(4 * np.pi * 0.1 / wavelength, rel=1e-6)


def test_a_flat_sample_is_flat_with_a_normalisation_of_its_own():
    spectrum = Dataset(
        np.full(200, 3.0), dims=("time_of_flight",),
        axes={"time_of_flight": Axis(EDGES, "us", ("time_of_flight",))},
    )  # fmt: skip
    expected = expected_of_q(spectrum, COEFFICIENT, 2.0, free := q_bins(1e-6, 10.0, 1))

    assert float(expected.values[0]) == pytest.approx(
        3.0 * 200 * 2.0 * np.isfinite(COEFFICIENT).sum(), rel=2e-3
    )
    assert free.unit == "1/angstrom"


def test_other_pixels_and_no_edges_are_refused():
    events, spectrum = scattered(1, 100)
    with pytest.raises(GumtreeError, match="geometry of"):
        counts_of_q(events, COEFFICIENT[:3], BINS)
    with pytest.raises(GumtreeError, match="edges"):
        expected_of_q(spectrum.replace(axes={}), COEFFICIENT, 1.0, BINS)
    with pytest.raises(GumtreeError, match="flight path"):
        q_coefficient([0.1], 0.0)
