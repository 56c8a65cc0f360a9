"""Events in NeXus files: written, read as a whole and in slices, and hostile ones."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from datetime import UTC, datetime, timedelta

import h5py
import numpy as np
import pytest

from gumtree_core.errors import GumtreeError
from gumtree_core.events import (
    Events,
    TimeSlices,
    binned,
    histogram,
    read_events,
    read_nexus_events,
    read_slices,
    write_nexus_events,
)
from gumtree_core.files import Run, load

SHAPE = (6, 8)


def test_written_events_are_read_again(tmp_path, made):
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


def test_what_is_written_validates_as_nexus(tmp_path, made):
    pytest.importorskip("nexusformat", reason="nexusformat is not installed")
    path = write_nexus_events(tmp_path / "events.nxs", made(4))

    program = (  # in a process of its own: it changes how NumPy prints
        "import sys; from nexusformat.nexus.validate import FileValidator, logger\n"
        "FileValidator(sys.argv[1]).validate(); print('errors', logger.total['error'])"
    )
    command = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert "errors 0" in done.stdout, done.stdout + done.stderr


def test_a_file_of_events_is_loaded_as_a_run(tmp_path, made):
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


@pytest.mark.parametrize("size", [1, 7, 100, 4999, 5000, 10_000])
def test_slices_of_a_file_are_the_whole_count_for_count(tmp_path, size, made):
    events = made(9)
    path = write_nexus_events(tmp_path / "events.nxs", events)
    edges, split = np.geomspace(50, 20_000, 12), TimeSlices([0.1, 0.33, 0.8])
    whole = read_events(path)

    parts = list(read_slices(path, size)) if size > 50 else None

    found, expected = histogram(read_slices(path, size), edges, split), histogram(whole, edges, split)
    assert np.array_equal(found.values, expected.values)
    assert found.metadata["outside"] == expected.metadata["outside"]
    assert np.array_equal(found.metadata["pulses"].values, expected.metadata["pulses"].values)
    assert histogram(read_slices(path, size), edges).metadata["pulses"] == events.pulses
    if parts is not None:
        assert max(map(len, parts)) <= size
        assert np.array_equal(np.concatenate([part.pixel for part in parts]), whole.pixel)
        times = [part.of_their_pulses(part.pulse_time, -1) for part in parts]
        assert np.array_equal(np.concatenate(times), whole.of_their_pulses(whole.pulse_time, -1))


def test_a_pulse_that_is_cut_is_one_pulse_whatever_is_chosen_of_the_slices(tmp_path, made):
    events = made(9)
    parts = list(read_slices(write_nexus_events(tmp_path / "events.nxs", events), 97))

    def pulses(cut) -> int:
        return sum(each.pulses - each.continued for each in map(cut, parts))

    assert sum(part.continued for part in parts) > 10
    assert pulses(lambda part: part.between(0.1, 0.8)) == 35
    assert pulses(lambda part: part.of_pulses(0, part.pulses)) == events.pulses
    assert pulses(lambda part: part.of_pulses(int(part.continued), part.pulses)) == events.pulses


def test_a_file_larger_than_its_slices_is_counted_in_their_memory(tmp_path):
    size = 1_000_000
    random = np.random.default_rng(1)
    events = Events(
        random.integers(0, 48, size).astype(np.int32),
        random.integers(0, 40_000, size).astype(np.uint32),
        1.0,
        SHAPE,
        np.arange(0, size, 1000),
        0.02 * np.arange(size // 1000),
    )
    path = write_nexus_events(tmp_path / "events.nxs", events)
    edges = np.linspace(0, 40_001, 11)
    histogram(read_slices(path, 10_000), edges)  # what is compiled and imported is not counted
    whole = histogram(events, edges)

    def peak(work) -> int:
        tracemalloc.start()
        assert np.array_equal(work().values, whole.values)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    in_slices = peak(lambda: histogram(read_slices(path, 10_000), edges))
    at_once = peak(lambda: histogram(read_events(path), edges))

    assert at_once > 8 * size
    assert in_slices < at_once / 10


def test_a_file_without_an_event_is_an_empty_histogram(tmp_path):
    nothing = {name: np.zeros(0, int) for name in OTHER}

    counts = load(filed(tmp_path / "a.nxs", numbers=[[1, 2]], **nothing)).data("detector/counts")
    assert (counts.sizes["x"], counts.values.sum()) == (2, 0)
    assert len(read_events(filed(tmp_path / "b.nxs", **nothing))) == 0


def test_no_slice_is_no_histogram():
    with pytest.raises(GumtreeError) as refused:
        histogram([], [0, 1])
    assert refused.value.reason == "NO_EVENTS"


def test_the_user_says_the_bins_of_a_file_of_events(tmp_path, made):
    events = made(4)
    run = load(write_nexus_events(tmp_path / "events.nxs", events))
    edges, split = np.geomspace(50, 20_000, 12), TimeSlices([0, 0.5, 1])

    counts = binned(run, edges, split).data("detector/counts")

    assert np.array_equal(counts.values, histogram(events, edges, split).values)
    assert binned(run, 7).data("detector/counts").sizes["time_of_flight"] == 7
    assert binned(run).data("detector/counts").sizes == run.data("detector/counts").sizes
    assert binned(Run({"detector/counts": counts, "run/title": "a"}, path=run.path)).text("run/title") == "a"
    with pytest.raises(GumtreeError) as refused:
        binned(run, 0).data("detector/counts")
    assert refused.value.reason == "BAD_BINS"


@pytest.mark.parametrize(("path", "reason"), [(None, "NO_EVENTS"), ("curve.txt", "FILE_FORMAT_UNKNOWN")])
def test_bins_are_refused_where_there_are_no_events(tmp_path, path, reason):
    if path:
        path = tmp_path / path
        path.write_text("1 2 3")

    with pytest.raises(GumtreeError) as refused:
        binned(Run({}, path=path), 10).data("detector/counts")
    assert refused.value.reason == reason


def test_pulses_are_found_on_the_clock_on_the_wall(tmp_path):
    zero = np.array([1_700_000_000_000_000_000, 1_700_000_060_000_000_000])
    found = read_events(filed(tmp_path / "a.nxs", zero_unit="ns", **{**OTHER, "event_time_zero": zero}))

    start = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert found.started == start
    assert len(found.between(start, start + timedelta(seconds=30))) == 2
    assert len(found.between(start + timedelta(seconds=30), start + timedelta(minutes=2))) == 3
    with pytest.raises(GumtreeError) as refused:
        found.between(datetime(2023, 11, 14), start)
    assert refused.value.reason == "BAD_RANGE"


def test_the_offset_of_the_pulses_says_when_they_started(tmp_path):
    path = filed(tmp_path / "a.nxs", **OTHER)
    assert read_events(path).started is None
    with pytest.raises(GumtreeError) as refused:
        read_events(path).between(datetime.now(UTC), datetime.now(UTC))
    assert refused.value.reason == "NO_PULSE_TIME"

    with h5py.File(path, "a") as file:
        file["entry/bank/event_time_zero"].attrs["offset"] = "2026-11-23T13:00:00+00:00"

    assert read_events(path).started == datetime(2026, 11, 23, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("unit", "factor"), [("ns", 1e-3), ("us", 1), ("ms", 1e3), ("s", 1e6), ("second", 1e6)]
)
def test_times_of_flight_are_read_in_their_unit(tmp_path, unit, factor):
    path = filed(tmp_path / "a.nxs", **OTHER)
    with h5py.File(path, "a") as file:
        file["entry/bank/event_time_offset"].attrs["units"] = unit

    found = histogram(read_events(path), np.arange(7) * factor)

    assert found.values.sum(axis=(1, 2)).tolist() == [0, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("name", ["event_time_offset", "event_time_zero"])
def test_times_without_a_unit_are_not_guessed(tmp_path, name):
    path = filed(tmp_path / "a.nxs", **OTHER)
    with h5py.File(path, "a") as file:
        del file[f"entry/bank/{name}"].attrs["units"]

    with pytest.raises(GumtreeError) as refused:
        read_events(path)
    assert refused.value.reason == "NO_UNIT"


def test_whole_numbers_of_64_bits_do_not_wrap_into_the_detector(tmp_path):
    large = {
        **OTHER,
        "event_id": np.array([12, 2**64 - 1, 2**63, 11, 2**63 + 10], np.uint64),
        "event_time_offset": np.array([1, 2, 3, 2**64 - 1, 4], np.uint64),
    }
    for numbers in ([[10, 11, 12, 13]], [[13, 11, 12, 10]]):
        found = histogram(read_events(filed(tmp_path / "a.nxs", numbers=numbers, **large)), [0, 1e6])
        assert found.metadata["outside"] == 4
        assert found.values.sum() == 1

    beyond = np.array([0, 2**63 + 5], np.uint64)
    with pytest.raises(GumtreeError) as refused:
        read_events(filed(tmp_path / "b.nxs", **{**OTHER, "event_index": beyond}))
    assert refused.value.reason == "BAD_PULSES"


def test_a_pulse_at_a_time_that_is_none_is_refused(tmp_path):
    zero = np.array([1_700_000_000_000_000_000, 2**64 - 1], np.uint64)
    path = filed(tmp_path / "a.nxs", zero_unit="ns", **{**OTHER, "event_time_zero": zero})

    with pytest.raises(GumtreeError) as refused:
        read_events(path)
    assert refused.value.reason == "BAD_PULSES"


def test_events_on_edges_are_on_them_after_writing_too(tmp_path):
    time = np.arange(1000, dtype=np.uint32)
    start = datetime(2026, 11, 23, 13, tzinfo=UTC)
    events = Events(np.zeros(1000, int), time, 0.1, (1, 1), np.array([0]), np.array([0.0]), started=start)

    found = read_events(write_nexus_events(tmp_path / "events.nxs", events))

    assert histogram(found, np.arange(101) * 1.0).values.ravel().tolist() == [10] * 100
    assert found.started == start


def test_events_behind_a_link_out_of_the_folder_are_not_read(tmp_path):
    (tmp_path / "run").mkdir()
    filed(tmp_path / "secret.nxs", **OTHER)
    path = filed(tmp_path / "run" / "a.nxs", **OTHER)
    with h5py.File(path, "a") as file:
        del file["entry/bank/event_id"]
        file["entry/bank/event_id"] = h5py.ExternalLink(str(tmp_path / "secret.nxs"), "entry/bank/event_id")

    with pytest.raises(GumtreeError) as refused:
        read_events(path)
    assert refused.value.reason == "LINK_OUTSIDE"

    (tmp_path / "secret.nxs").rename(tmp_path / "run" / "beside.nxs")
    with h5py.File(path, "a") as file:
        del file["entry/bank/event_id"]
        file["entry/bank/event_id"] = h5py.ExternalLink("beside.nxs", "entry/bank/event_id")
    assert len(read_events(path)) == 5


def test_far_more_events_than_are_stored_are_refused(tmp_path):
    path = filed(tmp_path / "a.nxs", **OTHER)
    with h5py.File(path, "a") as file:
        for name in ("event_id", "event_time_offset"):
            del file[f"entry/bank/{name}"]
            file["entry/bank"].create_dataset(name, (10**13,), "u4", chunks=(10**6,))
        file["entry/bank/event_time_offset"].attrs["units"] = "us"

    for call in (read_events, lambda path: histogram(read_slices(path), [0, 1])):
        with pytest.raises(GumtreeError) as refused:
            call(path)
        assert refused.value.reason == "FILE_DAMAGED"
