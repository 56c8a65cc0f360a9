import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import h5py
import hdf5plugin
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numbers

from gumtree_core.acquisition.recorder import Recorder
from gumtree_core.errors import GumtreeError
from gumtree_core.files import load
from gumtree_core.files.nexus.frame_compression import FrameCompressor
from gumtree_core.files.nexus.recovery import is_open_for_writing, recover
from gumtree_core.files.nexus.writer import Column, Header, NexusWriter

FRAMES = "entry/instrument/detector/data"
TYPES = ("u1", "i1", "u2", ">i2", "u4", "i4", ">u4", "i8", "u8", "f2", "f4", "f8")


def stream(path: Path, shape=(30, 20), dtype="uint32", points=0, *more: Column, **values) -> NexusWriter:
    columns = [Column("detector/counts", shape, dtype), *more]
    return NexusWriter(path, Header(1, points, values, columns))


def stored(path: Path) -> np.ndarray:
    with h5py.File(path) as file:
        return file[FRAMES][()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "F0000001.nxs"


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_frames_of_any_type_are_read_by_hdf5_as_they_were(tmp_path_factory, data):
    shape = data.draw(numbers.array_shapes(min_dims=2, max_dims=3, max_side=90))
    dtype = data.draw(st.sampled_from(TYPES))
    bits = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).bytes(10_000_000 // 8))
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = data.draw(bits)
    content = (raw * (2 * count // len(raw) + 1))[: 2 * count]
    frames = np.frombuffer(content, dtype).reshape(2, *shape)
    path = tmp_path_factory.mktemp("frames") / "F.nxs"
    with stream(path, shape, dtype) as writer:
        for frame in frames:
            writer.append({"detector/counts": frame})
    assert stored(path).dtype == np.dtype(dtype)
    assert stored(path).tobytes() == frames.tobytes()


@pytest.mark.parametrize("shape", [(192, 192), (1024, 1024), (4096, 4096), (1023, 1021)])
def test_slabs_compressed_at_the_same_time_are_what_the_filter_makes_of_the_whole(path, shape, monkeypatch):
    monkeypatch.setattr("gumtree_core.files.nexus.stream_writer.cores", lambda: 4)
    frame = np.random.default_rng(1).poisson(3.0, shape).astype("uint32")
    with stream(path, shape) as writer:
        writer.append({"detector/counts": frame})
    with h5py.File(path.with_name("filter.h5"), "w") as file:
        by_filter = file.create_dataset(
            "frames", data=frame[None], chunks=(1, *shape), **hdf5plugin.Bitshuffle(cname="lz4")
        )
        wanted = by_filter.id.read_direct_chunk((0, 0, 0))
        with h5py.File(path) as ours:
            assert ours[FRAMES].id.read_direct_chunk((0, 0, 0)) == wanted
    np.testing.assert_array_equal(stored(path)[0], frame)


def test_frames_that_are_no_plain_blocks_of_memory_are_written_as_they_look(path):
    frame = np.random.default_rng(1).integers(0, 2**16, (40, 60), "uint16")
    views = [frame[::2, ::3], frame.T[:20, :20], frame[20:0:-1, :20], frame[:20, :20].astype(">u2")]
    with stream(path, (20, 20)) as writer:
        for view in views:
            writer.append({"detector/counts": view})
    for found, view in zip(stored(path), views, strict=True):
        np.testing.assert_array_equal(found, view)


def test_without_the_library_of_the_plugin_hdf5_compresses(path, monkeypatch):
    monkeypatch.setattr(FrameCompressor, "available", staticmethod(lambda: False))
    frame = np.arange(600, dtype="uint32").reshape(30, 20)
    with stream(path) as writer:
        writer.append({"detector/counts": frame})
    np.testing.assert_array_equal(stored(path), frame[None])


def test_what_is_known_of_each_frame_stands_beside_it(path):
    beside = (
        Column("detector/start_time"),
        Column("monitor/counts", dtype="int64"),
        Column("motor/omega", unit="deg"),
    )
    with stream(
        path, (30, 20), "uint32", 3, *beside, **{"run/start_time": "2026-03-04T05:06:07+11:00"}
    ) as writer:
        for number in range(3):
            values = {
                "detector/counts": np.full((30, 20), number, "uint32"),
                "detector/start_time": 0.25 * number,
                "monitor/counts": 1000 + number,
                "motor/omega": -0.5 * number,
            }
            writer.append(values, number)
    run = load(path)
    assert (run["run/status"], run["run/start_time"]) == ("complete", "2026-03-04T05:06:07+11:00")
    times = run.data("detector/start_time")
    assert (times.values.tolist(), times.unit) == ([0, 0.25, 0.5], "s")
    assert run.data("monitor/counts").values.tolist() == [1000, 1001, 1002]
    assert (run.data("motor/omega").values.tolist(), run.data("motor/omega").unit) == ([0, -0.5, -1], "deg")
    with h5py.File(path) as file:
        assert file["entry/instrument/detector/start_time"].attrs["start"] == "2026-03-04T05:06:07+11:00"
        assert file["entry/control/integral"][()] == 3003


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (np.zeros((20, 30), "uint32"), r"shape \(20, 30\)"),
        (np.zeros((30, 20), "int32"), "type int32"),
        (np.zeros((30, 20)), "type float64"),
        (np.zeros((30, 20), "uint64"), "type uint64"),
        (np.zeros((30, 20), bool), "type bool"),
        (np.zeros((30, 20), complex), "type complex128"),
        ("frame", r"shape \(\)"),
    ],
)
def test_a_frame_of_another_shape_or_type_is_refused_and_the_next_is_written(path, frame, told):
    with stream(path) as writer:
        with pytest.raises(GumtreeError, match=told) as caught:
            writer.append({"detector/counts": frame})
        assert caught.value.reason == "BAD_POINT"
        writer.append({"detector/counts": np.ones((30, 20), "uint16")})
    np.testing.assert_array_equal(stored(path), np.ones((1, 30, 20)))


@pytest.mark.parametrize(
    ("value", "dtype"), [(1.5, "int64"), (-1, "uint32"), (float("nan"), "int32"), (300, "uint8")]
)
def test_a_number_that_its_column_cannot_hold_is_refused(path, value, dtype):
    with stream(path, (30, 20), "uint32", 0, Column("monitor/counts", dtype=dtype)) as writer:
        with pytest.raises(GumtreeError, match=r"monitor/counts has to be .* \(") as caught:
            writer.append({"detector/counts": np.zeros((30, 20), "uint32"), "monitor/counts": value})
        assert caught.value.reason == "BAD_POINT"
        assert writer.points == 0


@pytest.mark.parametrize(("number", "told"), [(3, "came before 2"), (1, "came again"), (-1, "came again")])
def test_a_frame_that_is_missing_or_comes_twice_is_told_and_not_written(path, number, told):
    frame = np.zeros((30, 20), "uint32")
    with stream(path) as writer:
        writer.append({"detector/counts": frame}, 0)
        writer.append({"detector/counts": frame}, 1)
        with pytest.raises(GumtreeError, match=f"Point {number} {told}") as caught:
            writer.append({"detector/counts": frame + 1}, number)
        assert caught.value.reason == "OUT_OF_ORDER"
        writer.append({"detector/counts": frame + 2}, 2)
    assert stored(path)[:, 0, 0].tolist() == [0, 0, 2]


def test_more_frames_than_were_planned_are_refused(path):
    frame = np.zeros((30, 20), "uint32")
    with stream(path, points=1) as writer:
        writer.append({"detector/counts": frame})
        with pytest.raises(GumtreeError, match="1 were planned") as caught:
            writer.append({"detector/counts": frame})
        assert caught.value.reason == "BAD_POINT"


def test_a_file_that_has_been_closed_takes_nothing_more(path):
    frame = np.zeros((30, 20), "uint32")
    with stream(path) as writer:
        writer.append({"detector/counts": frame})
    before = path.read_bytes()
    with pytest.raises(GumtreeError, match="closed with 1 point") as caught:
        writer.append({"detector/counts": frame})
    assert caught.value.reason == "FILE_CLOSED"
    writer.close("failed")
    assert path.read_bytes() == before


@pytest.mark.parametrize(("points", "status"), [(0, "complete"), (2, "complete"), (5, "stopped")])
def test_the_end_of_the_block_is_the_end_of_the_run(path, points, status):
    with stream(path, points=points) as writer:
        for _ in range(2):
            writer.append({"detector/counts": np.zeros((30, 20), "uint32")})
    assert load(path)["run/status"] == status


def test_an_error_in_the_block_is_the_note_of_the_run(path):
    def write() -> None:
        with stream(path) as writer:
            writer.append({"detector/counts": np.zeros((30, 20), "uint32")})
            raise TimeoutError("no trigger for 5 s")

    with pytest.raises(TimeoutError):
        write()
    run = load(path)
    assert (run["run/status"], run["run/note"]) == ("failed", "no trigger for 5 s")
    assert run.data("detector/counts").shape == (1, 30, 20)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((0, 5), "u4"), ((3, 3), "complex64"), ((3, 3), "U4"), ((), "g"), ((33000, 33000), "u4")],
)
def test_a_column_that_cannot_be_written_is_told_before_anything_is(tmp_path, shape, dtype):
    with pytest.raises(GumtreeError, match="cannot be recorded") as caught:
        stream(tmp_path / "F.nxs", shape, dtype)
    assert caught.value.reason == "BAD_COLUMN"
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_nearly_full_is_told_before_the_file_is_touched(path, monkeypatch):
    frame = np.random.default_rng(1).integers(0, 2**32, (600, 700), "uint32")
    free = SimpleNamespace(f_bavail=400, f_frsize=4096)
    with stream(path, frame.shape) as writer:
        writer.append({"detector/counts": frame})
        with monkeypatch.context() as full:
            full.setattr(os, "statvfs", lambda path: free)
            writer._stream._room = 0  # as if much had been written since it was asked
            with pytest.raises(
                GumtreeError, match=r"needs 1\.6. MB, and 1\.64 MB of the disk are free"
            ) as caught:
                writer.append({"detector/counts": frame})
        assert caught.value.reason == "DISK_FULL"
        writer.append({"detector/counts": frame + 1})
    np.testing.assert_array_equal(stored(path), [frame, frame + 1])


FULL_DISK = """
import sys
from pathlib import Path
import numpy as np
from gumtree_core.errors import GumtreeError
from gumtree_core.files.nexus.writer import Column, Header, NexusWriter

noise = np.random.default_rng(1)
folder = Path(sys.argv[1])
columns = [Column("detector/counts", (300, 200), "uint32")]
try:
    with NexusWriter(folder / "F.nxs", Header(1, 0, {}, columns)) as writer:
        while True:
            writer.append({"detector/counts": noise.integers(0, 2**32, (300, 200), "uint32")})
except GumtreeError as error:
    sys.stdout.write(f"{writer.points} {error.reason}")
(folder / "F.nxs").rename(folder / "moved")
(Path(sys.argv[2]) / "F.nxs").write_bytes((folder / "moved").read_bytes())
"""


def test_a_disk_that_fills_up_leaves_a_file_that_is_closed_and_has_every_frame(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    command = f'mount -t tmpfs -o size=6m tmpfs "{disk}" && exec "$@"'
    python = [sys.executable, "-c", FULL_DISK, disk, tmp_path]
    if (
        shutil.which("unshare") is None
        or subprocess.run(
            ["unshare", "-rm", "sh", "-c", command, "sh", "true"], capture_output=True
        ).returncode
    ):
        pytest.skip("no file system can be mounted here")
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", command, "sh", *python],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    points, reason = done.stdout.split()
    assert reason == "DISK_FULL"
    assert int(points) > 15
    path = tmp_path / "F.nxs"
    assert not is_open_for_writing(path)
    run = load(path)
    assert run["run/status"] == "failed"
    assert "Make room" in run["run/note"]
    frames = np.random.default_rng(1).integers(0, 2**32, (int(points), 300, 200), "uint32")
    np.testing.assert_array_equal(run.data("detector/counts").values, frames)


FILE_TOO_LARGE = """
import os, resource, sys
from pathlib import Path
import numpy as np
from gumtree_core.errors import GumtreeError
from gumtree_core.files.nexus.writer import Column, Header, NexusWriter

noise = np.random.default_rng(1)
writer = NexusWriter(Path(sys.argv[1]), Header(1, 0, {}, [Column("detector/counts", (300, 200), "uint32")]))
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
reasons = []
while len(reasons) < 3:
    try:
        writer.append({"detector/counts": noise.integers(0, 2**32, (300, 200), "uint32")})
    except GumtreeError as error:
        reasons.append(error.reason)
sys.stdout.write(f"{writer.points} {reasons}")
sys.stdout.flush()
os._exit(0)  # HDF5 cannot close what it cannot write
"""


def test_after_a_failure_inside_of_hdf5_nothing_more_is_written(path):
    done = subprocess.run(
        [sys.executable, "-c", FILE_TOO_LARGE, path], check=True, capture_output=True, text=True, timeout=60
    )
    points, reasons = done.stdout.split(" ", 1)
    assert reasons == str(3 * ["DATA_NOT_WRITTEN"])
    assert recover(path).recorded == int(points) > 2
    frames = np.random.default_rng(1).integers(0, 2**32, (int(points), 300, 200), "uint32")
    np.testing.assert_array_equal(stored(path), frames)


def test_a_writer_that_is_killed_loses_no_frame_that_it_had_acknowledged(tmp_path):
    code = Path(__file__).with_name("streaming_process.py")
    noise = np.random.default_rng(1).integers(0, 2**16, (300, 200), "uint16")
    for frames in (1, 25, 300):
        with subprocess.Popen([sys.executable, code, tmp_path], stdout=subprocess.PIPE, text=True) as process:
            acknowledged = 0
            while acknowledged < frames:
                acknowledged = int(process.stdout.readline())
            process.kill()
            acknowledged = max([acknowledged, *map(int, process.stdout.read().split())])
        (interrupted,) = [path for path in tmp_path.glob("*.nxs") if is_open_for_writing(path)]
        before = load(interrupted).data("detector/counts").values
        assert len(before) >= acknowledged

        recorder = Recorder(tmp_path, "F")
        (recovered,), failed = recorder.recover()
        recorder.close()

        assert (recovered.path, failed) == (interrupted, [])
        assert acknowledged <= recovered.recorded <= acknowledged + 1
        run = load(interrupted)
        assert run["run/status"] == "interrupted"
        assert run["run/note"].startswith(f"Interrupted at point {recovered.recorded}: ")
        assert run.data("monitor/counts").values.tolist() == list(range(recovered.recorded))
        after = stored(interrupted)
        np.testing.assert_array_equal(after, before)
        for number, frame in enumerate(after):
            np.testing.assert_array_equal(frame, noise + np.uint16(number))


def test_a_frame_that_was_damaged_does_not_keep_the_others_from_being_recovered(path):
    writer = stream(path)
    for number in range(3):
        writer.append({"detector/counts": np.full((30, 20), number, "uint32")})
    place = writer._stream._growing.columns["detector/counts"].id.get_chunk_info(1)
    content = bytearray(path.read_bytes())
    content[place.byte_offset + 12 : place.byte_offset + place.size] = b"\xff" * (place.size - 12)
    killed = path.with_name("killed.nxs")
    killed.write_bytes(content)
    writer.close("complete")

    assert recover(killed).recorded == 3
    run = load(killed)
    assert [run.point(k).data("detector/counts").values[0, 0] for k in (0, 2)] == [0, 2]
    with pytest.raises(GumtreeError, match="detector/counts") as caught:
        run.point(1)["detector/counts"]
    assert caught.value.reason == "FILE_DAMAGED"


def test_the_finished_file_is_valid_nexus(path):
    pytest.importorskip("nexusformat")
    values = {
        "run/title": "Frames",
        "source/name": "OPAL",
        "source/type": "Reactor Neutron Source",
        "source/probe": "neutron",
        "instrument/name": "Test SANS",
        "instrument/wavelength": 6.0,
        "instrument/wavelength_spread": 0.1,
        "instrument/collimation_length": 8000.0,
        "detector/distance": 4000.0,
        "detector/pixel_size_x": 5.0,
        "detector/pixel_size_y": 5.0,
        "monitor/mode": "timer",
        "monitor/preset": 1.0,
        "sample/name": "GC",
    }
    beside = (Column("detector/start_time"), Column("monitor/counts", dtype="int64"))
    with stream(path, (30, 20), "uint32", 0, *beside, **values) as writer:
        frame = np.zeros((30, 20), "uint32")
        writer.append({"detector/counts": frame, "detector/start_time": 0.0, "monitor/counts": 1})
    validate = "import sys; from nexusformat.scripts.nxvalidate import main; sys.exit(main())"
    command = [sys.executable, "-c", validate, path]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    told = done.stdout + done.stderr
    assert "Application Definition: NXsas" in told
    assert "number of warnings: 0" in told
    assert "number of errors: 0" in told
