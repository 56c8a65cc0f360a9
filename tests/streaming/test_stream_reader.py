import subprocess
import sys
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest

from gumtree_core.errors import GumtreeError
from gumtree_core.files import load
from gumtree_core.files.nexus.stream_reader import follow
from gumtree_core.files.nexus.writer import Column, Header, NexusWriter

COLUMNS = (
    Column("detector/counts", (30, 20), "uint32"),
    Column("monitor/counts", dtype="int64"),
    Column("motor/omega", unit="deg"),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "F0000001.nxs"


def values(number: int) -> dict[str, object]:
    return {
        "detector/counts": np.full((30, 20), number, "uint32"),
        "monitor/counts": 100 * number,
        "motor/omega": 0.5 * number,
    }


@pytest.fixture
def stream(path):
    with NexusWriter(path, Header(1, 0, {"run/title": "a stream"}, COLUMNS)) as writer:
        yield writer


def test_another_process_has_each_frame_before_the_next_is_written(stream, path):
    code = Path(__file__).with_name("following_process.py")
    command = [sys.executable, code, path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        for number in range(50):
            stream.append(values(number))
            assert process.stdout.readline() == f"{number} {600 * number}\n"
        stream.close("complete")
        assert process.stdout.read() == ""
    assert process.returncode == 0


def test_load_has_what_is_there_so_far_and_a_loaded_run_reads_later_frames(stream, path):
    for number in range(2):
        stream.append(values(number))
    run = load(path)
    stream.append(values(2))
    assert run.point(2).data("detector/counts").values[0, 0] == 2
    assert run["run/status"] == "running"
    assert load(path).data("detector/counts").shape == (3, 30, 20)
    assert load(path).data("monitor/counts").values.tolist() == [0, 100, 200]


def test_a_stream_of_one_frame_so_far_is_a_stream(stream, path):
    stream.append(values(0))
    assert load(path).data("detector/counts").dims == ("point", "y", "x")
    assert load(path).point(0).data("detector/counts").dims == ("y", "x")


def test_a_frame_has_units_and_errors_when_they_are_asked_for(stream, path):
    stream.append(values(0))
    stream.append(values(9))
    stream.close("complete")
    first, second = follow(path, ["detector/counts", "motor/omega", "monitor/counts"])
    assert (first.number, second.number) == (0, 1)
    np.testing.assert_array_equal(second.values["detector/counts"], np.full((30, 20), 9))
    counts = second.run.data("detector/counts")
    assert (counts.dims, counts.unit) == (("y", "x"), "counts")
    np.testing.assert_array_equal(counts.variances, counts.values)
    assert (second.run.data("motor/omega").values, second.run.data("motor/omega").unit) == (4.5, "deg")
    assert (counts.sum() / second.run.data("monitor/counts")).values == 6


def test_frames_are_followed_from_any_on_or_the_newest_alone(stream, path):
    for number in range(6):
        stream.append(values(number))
    assert next(follow(path, newest=True)).number == 5
    stream.close("complete")
    assert [frame.number for frame in follow(path, first=4)] == [4, 5]
    assert [frame.number for frame in follow(path, first=6)] == []


def test_a_display_gets_the_newest_frame_and_then_those_that_come(stream, path):
    for number in range(3):
        stream.append(values(number))
    frames = follow(path, newest=True)
    numbers = [next(frames).number]
    for number in range(3, 6):
        stream.append(values(number))
    stream.close("complete")
    numbers += [frame.number for frame in frames]
    assert numbers == [2, 5]


def test_a_writer_that_falls_silent_is_told(stream, path):
    stream.append(values(0))
    frames = follow(path, timeout=0.05)
    assert next(frames).number == 0
    with pytest.raises(GumtreeError, match=r"no frame for 0\.05 s after 1") as caught:
        next(frames)
    assert caught.value.reason == "NO_FRAME"


def test_who_follows_can_be_stopped_while_it_waits(stream, path):
    stream.append(values(0))
    came, stop = threading.Event(), threading.Event()
    found = []

    def read() -> None:
        for frame in follow(path, timeout=60, stop=stop):
            found.append(frame.number)
            came.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert came.wait(20)
    stop.set()
    reader.join(20)
    assert not reader.is_alive()
    assert found == [0]


def test_who_stops_in_the_middle_leaves_nothing_open(stream, path):
    stream.append(values(0))
    stream.close("complete")
    for _ in follow(path):
        break
    with h5py.File(path, "r+") as file:
        assert file["entry/scan/points_recorded"][()] == 1


@pytest.mark.parametrize(
    ("key", "reason"),
    [("detector:rear/counts", "KEY_MISSING"), ("run/title", "KEY_MISSING"), ("colour", "UNKNOWN_KEY")],
)
def test_a_key_that_frames_do_not_have_is_told(stream, path, key, reason):
    stream.append(values(0))
    with pytest.raises(GumtreeError, match=key) as caught:
        next(follow(path, [key]))
    assert caught.value.reason == reason


def test_files_that_are_no_streams_are_told(tmp_path):
    with pytest.raises(GumtreeError) as caught:
        next(follow(tmp_path / "none.nxs"))
    assert caught.value.reason == "FILE_MISSING"
    foreign = tmp_path / "foreign.h5"
    with h5py.File(foreign, "w") as file:
        file["entry/data"] = 1
    with pytest.raises(GumtreeError) as caught:
        next(follow(foreign))
    assert caught.value.reason == "FILE_FORMAT_UNKNOWN"
