import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files import load
from gumtree_core.files.nexus.layout import gumtree_layout, known_unit
from gumtree_core.files.nexus.progress import run_status
from gumtree_core.files.nexus.recovery import recover
from gumtree_core.files.nexus.writer import Column, Header, NexusWriter

COLUMNS = (
    Column("detector/counts", (5, 4), "uint32"),
    Column("detector/total_counts", dtype="int64"),
    Column("detector/time"),
    Column("monitor/counts", dtype="int64"),
    Column("motor/sdd", unit="mm"),
)
VALUES: dict[str, Dataset | str | float] = {
    "run/title": "Glassy carbon, 1 mm",
    "source/type": "Reactor Neutron Source",
    "source/probe": "neutron",
    "instrument/name": "Test SANS",
    "instrument/wavelength": Dataset(0.6, unit="nm"),
    "instrument/wavelength_spread": 0.1,
    "instrument/collimation_length": Dataset(8.0, unit="m"),
    "instrument/source_aperture": 40.0,
    "instrument/attenuation": 0.01,
    "detector/distance": 4000.0,
    "detector/pixel_size_x": 5.08,
    "detector/pixel_size_y": 5.08,
    "detector/beam_center_x": 95.5,
    "monitor/mode": "timer",
    "monitor/preset": Dataset(2.0, unit="s"),
    "sample/name": "GC",
    "run/user": "Ångström",
    "motor_start/sdd": Dataset(1.0, unit="mm"),
    "motor_start/plates": Dataset(3.0),
}


def point(number: int = 0, **changes: Any) -> dict[str, Any]:
    image = np.full((5, 4), number, "uint32")
    values = {
        "detector/counts": image,
        "detector/total_counts": int(image.sum()),
        "detector/time": 2.0,
        "monitor/counts": 1000 + number,
        "motor/sdd": 1.5 * number,
    }
    return values | changes


def header(points: int = 3, **changes: Any) -> Header:
    options = {"values": VALUES, "columns": COLUMNS, "axis": "motor/sdd", "later": {"motor_end/sdd": "mm"}}
    return Header(number=12, points=points, **(options | changes))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "T0000012.nxs"


@pytest.fixture
def complete(path: Path) -> Path:
    writer = NexusWriter(path, header())
    for number in range(3):
        writer.append(point(number))
    writer.close("complete", "3 of 3 points.", {"motor_end/sdd": 3.0})
    return path


def test_the_file_is_what_nxsas_asks_for(complete):
    with h5py.File(complete) as file:
        entry = file["entry"]
        assert entry["definition"].asstr()[()] == "NXsas"
        required = {
            "instrument": "NXinstrument",
            "instrument/source": "NXsource",
            "instrument/monochromator": "NXmonochromator",
            "instrument/collimator": "NXcollimator",
            "instrument/collimator/geometry": "NXgeometry",
            "instrument/collimator/geometry/shape": "NXshape",
            "instrument/detector": "NXdetector",
            "sample": "NXsample",
            "control": "NXmonitor",
            "data": "NXdata",
            "user": "NXuser",
        }
        for group, nx_class in required.items():
            assert entry[group].attrs["NX_class"] == nx_class
        for text, value in {
            "title": "Glassy carbon, 1 mm",
            "instrument/source/type": "Reactor Neutron Source",
            "instrument/source/probe": "neutron",
            "instrument/name": "Test SANS",
            "instrument/collimator/geometry/shape/shape": "nxcylinder",
            "control/mode": "timer",
            "sample/name": "GC",
            "user/name": "Ångström",
        }.items():
            assert entry[text].asstr()[()] == value
        for field, (value, unit) in {
            "instrument/monochromator/wavelength": (6, "angstrom"),
            "instrument/collimator/geometry/shape/size": (8000, "mm"),
            "instrument/detector/distance": (4000, "mm"),
            "instrument/detector/x_pixel_size": (5.08, "mm"),
            "control/preset": (2, "s"),
            "control/integral": (3003, "counts"),
        }.items():
            assert entry[field][()] == pytest.approx(value)
            assert entry[field].attrs["units"] == unit
        assert entry["instrument/detector/data"].shape == (3, 5, 4)
        assert entry["data/data"] == entry["instrument/detector/data"]


def test_a_scan_opens_as_a_curve_and_a_count_as_an_image(complete, tmp_path):
    with h5py.File(complete) as file:
        assert file.attrs["default"] == "entry"
        plot = file["entry"][file["entry"].attrs["default"]]
        assert (plot.attrs["signal"], list(plot.attrs["axes"])) == ("total_counts", ["sdd"])
        np.testing.assert_array_equal(plot["sdd"], [0, 1.5, 3])
        np.testing.assert_array_equal(plot["total_counts"], [0, 20, 40])
        assert list(file["entry/data"].attrs["axes"]) == ["sdd", ".", "."]
    count = tmp_path / "count.nxs"
    NexusWriter(count, header(1, columns=COLUMNS[:4], axis="")).close("aborted")
    with h5py.File(count) as file:
        assert file["entry"].attrs["default"] == "data"
        assert file["entry/data"].attrs["signal"] == "data"


def test_every_number_has_a_unit_and_every_group_a_class(complete):
    def check(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Group):
            assert item.attrs["NX_class"].startswith("NX"), name
        elif item.dtype.kind in "iuf" and not name.startswith("entry/scan/"):
            assert "units" in item.attrs, name

    with h5py.File(complete) as file:
        file.visititems(check)


def test_frames_are_compressed_by_bitshuffle_and_lz4(complete):
    with h5py.File(complete) as file:
        data = file["entry/instrument/detector/data"]
        assert data.chunks == (1, 5, 4)
        assert "32008" in data._filters


def test_the_reader_gives_back_what_was_written(complete):
    run = load(complete)
    for key, value in VALUES.items():
        if isinstance(value, str):
            assert run[key] == value
        elif isinstance(value, float):
            assert run.data(key).values == pytest.approx(value)
    wavelength = run.data("instrument/wavelength")
    assert (wavelength.values, wavelength.unit) == (pytest.approx(6), "angstrom")
    counts = run.data("detector/counts")
    assert (counts.dims, counts.unit, counts.dtype) == (("point", "y", "x"), "counts", np.uint32)
    np.testing.assert_array_equal(counts.values[:, 0, 0], [0, 1, 2])
    np.testing.assert_array_equal(counts.variances, counts.values)
    assert run.data("detector/time").variances is None
    np.testing.assert_array_equal(run.data("motor/sdd").values, [0, 1.5, 3])
    assert run.data("motor/plates").values == 3
    assert run.data("motor_end/sdd").values == 3
    assert (run["run/status"], run["run/note"], run["run/number"]) == ("complete", "3 of 3 points.", "12")
    assert run["run/start_time"] <= run["run/end_time"]


def test_two_readings_of_one_run_are_one_source_of_error(complete, tmp_path):
    copy = tmp_path / "elsewhere" / complete.name
    copy.parent.mkdir()
    copy.write_bytes(complete.read_bytes())
    difference = load(complete).data("monitor/counts") - load(copy).data("monitor/counts")
    np.testing.assert_array_equal(difference.errors, 0)


def test_values_are_read_only_when_they_are_asked_for(complete):
    run = load(complete)
    complete.unlink()
    with pytest.raises(GumtreeError) as caught:
        run["detector/counts"]
    assert caught.value.reason == "FILE_MISSING"


def test_another_unit_in_the_file_is_converted(complete):
    with h5py.File(complete, "a") as file:
        distance = file["entry/instrument/detector/distance"]
        distance[()] = 4.0
        distance.attrs["units"] = "m"
        file["entry/instrument/detector/x_pixel_size"].attrs["units"] = "s"
    run = load(complete)
    assert run.data("detector/distance").values == pytest.approx(4000)
    with pytest.raises(GumtreeError, match="detector/pixel_size_x") as caught:
        run["detector/pixel_size_x"]
    assert caught.value.reason == "BAD_UNIT"


def test_a_run_without_a_point_says_so(path):
    writer = NexusWriter(path, header(1))
    try:
        assert "detector/counts" in load(path)
        with pytest.raises(GumtreeError) as caught:
            load(path)["detector/counts"]
        assert caught.value.reason == "NO_POINT_YET"
    finally:
        writer.close("aborted")
    with pytest.raises(GumtreeError, match="its run was aborted before a count had ended") as caught:
        load(path)["detector/counts"]
    assert caught.value.reason == "NO_POINT"


def test_the_status_tells_how_far_a_run_is(path):
    writer = NexusWriter(path, header())
    writer.append(point())
    writer.close("stopped", "Stopped on request.")
    status = run_status(path)
    assert (status.status, status.recorded, status.points, status.running) == ("stopped", 1, 3, False)
    assert load(path).data("detector/counts").dims == ("point", "y", "x")


@pytest.mark.parametrize(
    ("changes", "shape"),
    [
        ({"detector/counts": np.zeros((4, 5), "uint32")}, r"\(4, 5\)"),
        ({"detector/counts": 7}, r"\(\)"),
        ({"motor/sdd": None}, r"\(\)"),
        ({"monitor/counts": [1, 2]}, r"\(2,\)"),
    ],
)
def test_a_point_of_another_shape_is_refused_and_nothing_of_it_is_written(path, changes, shape):
    writer = NexusWriter(path, header())
    writer.append(point(1))
    with pytest.raises(GumtreeError, match=shape) as caught:
        writer.append(point(2) | changes)
    assert caught.value.reason == "BAD_POINT"
    writer.append(point(3))
    writer.close("complete")
    np.testing.assert_array_equal(load(path).data("detector/counts").values[:, 0, 0], [1, 3])


def test_a_file_is_never_overwritten(complete):
    before = complete.read_bytes()
    with pytest.raises(GumtreeError, match="not overwritten") as caught:
        NexusWriter(complete, header())
    assert caught.value.reason == "FILE_EXISTS"
    assert complete.read_bytes() == before
    assert list(complete.parent.iterdir()) == [complete]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"detector/distance": Dataset(1.0, unit="s")}, "BAD_UNIT"),
        ({"detector/distance": "far"}, "BAD_VALUE"),
        ({"run/title": 3.0}, "BAD_VALUE"),
        ({"detector/colour": 3.0}, "UNKNOWN_KEY"),
    ],
)
def test_a_value_that_is_wrong_for_its_key_leaves_no_file(path, values, reason):
    with pytest.raises(GumtreeError, match=next(iter(values))) as caught:
        NexusWriter(path, header(values=values))
    assert caught.value.reason == reason
    assert list(path.parent.iterdir()) == []


def test_a_folder_that_is_gone_is_named(tmp_path):
    with pytest.raises(GumtreeError, match="nowhere") as caught:
        NexusWriter(tmp_path / "nowhere" / "T0000001.nxs", header())
    assert caught.value.reason == "DATA_NOT_WRITTEN"


FULL_DISK = """
import os, resource, sys
from pathlib import Path
import numpy as np
from gumtree_core.errors import GumtreeError
from gumtree_core.files.nexus.recovery import recover
from gumtree_core.files.nexus.writer import Column, Header, NexusWriter

header = Header(number=1, points=99, values={}, columns=[Column("detector/counts", (200, 200), "uint32")])
writer = NexusWriter(Path(sys.argv[1]), header)
resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, 700_000))
noise = np.random.default_rng(1)
try:
    while True:
        writer.append({"detector/counts": noise.integers(0, 2**32, (200, 200), "uint32")})
except GumtreeError as error:
    sys.stdout.write(f"{writer.points} {error.reason} {error.message}")
    sys.stdout.flush()
os._exit(0)  # HDF5 cannot close what it cannot write
"""


def test_a_disk_that_is_full_costs_no_point_that_was_written(path):
    command = [sys.executable, "-c", FULL_DISK, path]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    points, reason, message = done.stdout.split(" ", 2)
    assert reason == "DATA_NOT_WRITTEN"
    assert message.endswith("could not be written: File too large. Check the disk and its permissions.")
    assert int(points) >= 2
    assert recover(path).recorded == int(points)
    frames = np.random.default_rng(1).integers(0, 2**32, (int(points), 200, 200), "uint32")
    np.testing.assert_array_equal(load(path).data("detector/counts").values, frames)


def test_a_recovery_that_fails_leaves_the_file_as_it_was(complete):
    with h5py.File(complete, "a") as file:
        del file["entry/scan/points_recorded"]
    before = complete.read_bytes()
    with pytest.raises(GumtreeError, match="kept as it was") as caught:
        recover(complete)
    assert caught.value.reason == "RECOVERY_FAILED"
    assert complete.read_bytes() == before
    assert list(complete.parent.iterdir()) == [complete]


@settings(max_examples=25, deadline=None)
@given(note=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=1200))
def test_any_note_is_kept_as_far_as_there_is_room(tmp_path_factory, note):
    path = tmp_path_factory.mktemp("note") / "T0000001.nxs"
    NexusWriter(path, header()).close("failed", note)
    kept = load(path)["run/note"]
    assert note.startswith(kept)
    assert kept == note or len(kept.encode()) > 990


@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_truncated_file_is_called_damaged(complete, part):
    content = complete.read_bytes()
    complete.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(GumtreeError, match=r"T0000012\.nxs cannot be read") as caught:
        load(complete)
    assert caught.value.reason == "FILE_DAMAGED"


def test_a_frame_that_was_damaged_is_not_taken_for_data(complete):
    with h5py.File(complete) as file:
        place = file["entry/instrument/detector/data"].id.get_chunk_info(1)
    content = bytearray(complete.read_bytes())
    content[place.byte_offset : place.byte_offset + place.size] = b"\xff" * place.size
    complete.write_bytes(content)
    with pytest.raises(GumtreeError, match="detector/counts") as caught:
        load(complete)["detector/counts"]
    assert caught.value.reason == "FILE_DAMAGED"


def test_a_foreign_hdf5_file_is_no_run_of_ours(tmp_path):
    path = tmp_path / "foreign.h5"
    with h5py.File(path, "w") as file:
        file["entry/data"] = 1
    with pytest.raises(GumtreeError) as caught:
        load(path)
    assert caught.value.reason == "FILE_FORMAT_UNKNOWN"


def groups() -> Iterator[str]:
    layout = gumtree_layout()
    for place in layout.places.values():
        for path in place.paths:
            yield from layout.parents(path)


@pytest.mark.parametrize("group", sorted(set(groups())))
def test_the_table_names_a_class_for_every_group(group):
    layout = gumtree_layout()
    assert group in layout.classes or f"{group.rpartition('/')[0]}/*" in layout.classes


def test_a_name_of_the_instrument_takes_the_place_of_the_star():
    layout = gumtree_layout()
    assert layout.place("motor/sdd").paths[0] == "instrument/positioners/sdd/value"
    assert layout.place("detector:rear/counts").paths == ("instrument/detector_rear/data",)
    assert layout.nx_class("instrument/detector_rear") == "NXdetector"
    with pytest.raises(GumtreeError, match="no logical key"):
        layout.place("motor/a/b")


def test_a_unit_that_is_a_word_of_the_instrument_is_none():
    assert (known_unit("millimeter"), known_unit("plates")) == ("mm", "")
