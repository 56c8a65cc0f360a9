"""Mappings of facilities, on files that are laid out as theirs are documented to be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gumtree_core.errors import GumtreeError
from gumtree_core.files import load

FRAMES = np.arange(2 * 3 * 4).reshape(2, 3, 4)


@pytest.fixture
def write(tmp_path) -> Callable[..., Path]:
    """Makes a file of items by path; a tuple is a value with its unit; `classes` are NeXus classes."""

    def make(items: dict[str, Any], classes: dict[str, str] | None = None, **attributes: Any) -> Path:
        path = tmp_path / "run.h5"
        with h5py.File(path, "w") as file:
            file.attrs.update(attributes)
            for name, value in items.items():
                value, unit = value if isinstance(value, tuple) else (value, "")
                file[name] = value
                if unit:
                    file[name].attrs["units"] = unit
            for name, nx_class in (classes or {}).items():
                file[name].attrs["NX_class"] = nx_class
        return path

    return make


def bliss(scans: int = 1) -> tuple[dict[str, Any], dict[str, str]]:
    items: dict[str, Any] = {}
    classes: dict[str, str] = {}
    for number in range(1, scans + 1):
        scan = f"{number}.1"
        items |= {
            f"{scan}/title": "ascan robx 0 1 1 0.1",
            f"{scan}/start_time": f"2024-05-0{number}T10:00:00+02:00",
            f"{scan}/sample/name": "LaB6",
            f"{scan}/instrument/eiger/data": FRAMES.astype("uint32"),
            f"{scan}/instrument/fluo/data": FRAMES[:, 0],
            f"{scan}/instrument/positioners/robx": ([0.0, 1.0], "mm"),
            f"{scan}/instrument/positioners_start/robx": (-1.0, "mm"),
            f"{scan}/instrument/positioners_start/energy": (12.4, "keV"),
            f"{scan}/instrument/positioners_end/robx": (1.0, "mm"),
            f"{scan}/measurement/diode": [5.0, 6.0],
        }
        classes |= {f"{scan}/instrument/{name}": "NXdetector" for name in ("eiger", "fluo")}
    return items, classes


def test_a_scan_of_bliss(write):
    run = load(write(*bliss(), creator="Bliss"))

    assert (run.format, run["run/title"], run["run/number"]) == ("bliss", "ascan robx 0 1 1 0.1", "1.1")
    np.testing.assert_array_equal(run.data("detector/counts").values, FRAMES)
    assert run.data("detector/counts").dims == ("point", "y", "x")
    assert [key for key in run if key.startswith("detector:")] == ["detector:eiger/counts"]
    np.testing.assert_array_equal(run.data("motor/robx").values, [0, 1])
    assert run.data("motor_start/robx").values == -1
    assert run.data("motor_end/robx").unit == "mm"
    assert run.data("instrument/energy").values == 12.4
    np.testing.assert_array_equal(run.data("counter/diode").values, [5, 6])
    assert run.data("counter/diode").variances is None


def test_pixels_that_a_detector_marks_as_none_are_masked(write):
    items, classes = bliss()
    frames = FRAMES.astype("uint32")
    frames[0, 0, 0] = 2**32 - 1
    counts = load(write(items | {"1.1/instrument/eiger/data": frames}, classes)).data("detector/counts")

    assert counts.mask is not None
    assert counts.mask.sum() == 1
    assert counts.mask[0, 0, 0]


def test_of_several_scans_in_a_file_one_has_to_be_named(write):
    path = write(*bliss(3), creator="Bliss")

    with pytest.raises(GumtreeError, match=r"1\.1, 2\.1, 3\.1. Say which: .*run\.h5::1\.1") as caught:
        load(path)
    assert caught.value.reason == "SEVERAL_RUNS"
    second = load(f"{path}::2.1")
    assert second["run/start_time"].startswith("2024-05-02")
    assert second.address == second.eager().address == f"{path}::2.1"
    with pytest.raises(GumtreeError, match=r"no run '9\.1'. It has: 1\.1") as caught:
        load(f"{path}::9.1")
    assert caught.value.reason == "NO_SUCH_RUN"


def test_the_default_of_a_file_is_the_scan_that_is_meant(write):
    assert load(write(*bliss(3), creator="Bliss", default="3.1"))["run/number"] == "3.1"


def test_two_scans_of_one_file_are_two_sources_of_errors(write):
    path = write(*bliss(2), creator="Bliss")
    difference = load(f"{path}::1.1").data("detector/counts") - load(f"{path}::2.1").data("detector/counts")

    np.testing.assert_array_equal(difference.variances, 2 * FRAMES)


def test_a_scan_of_sardana(write):
    run = load(
        write(
            {
                "entry7/definition": "NXscan",
                "entry7/program_name": "NXscanH5_FileRecorder (sardana 3.3)",
                "entry7/title": "ascan mot01 0 1 1 0.1",
                "entry7/entry_identifier": "7",
                "entry7/user/name": "somebody",
                "entry7/measurement/mot01": ([0.0, 1.0], "mm"),
                "entry7/measurement/ct01": [3.0, 4.0],
                "entry7/measurement/camera": FRAMES,
                "entry7/measurement/pre_scan_snapshot/mot02": (9.0, "mm"),
            }
        )
    )

    assert (run.format, run["run/number"], run["run/user"]) == ("sardana", "7", "somebody")
    np.testing.assert_array_equal(run.data("counter/mot01").values, [0, 1])
    assert run.data("motor_start/mot02").values == 9
    assert run.data("detector:camera/counts").shape == (2, 3, 4)


@pytest.mark.parametrize("name", ["wombat", "echidna"])
def test_a_powder_scan_with_offsets_of_the_angle(write, name):
    run = load(
        write(
            {
                "entry1/instrument/name": name,
                "entry1/data/hmm_xy": FRAMES,
                "entry1/data/x_pixel_angular_offset": ([0.0, 1.0, 2.0, 3.0, 4.0], "degrees"),
                "entry1/sample/azimuthal_angle": ([10.0, 20.0], "degrees"),
                "entry1/monitor/bm1_counts": [5, 6],
                "entry1/instrument/crystal/takeoff_angle": ([120.0, 120.0], "degrees"),
            }
        )
    )

    assert run.format == name
    two_theta = run.data("detector/two_theta")
    assert (two_theta.dims, two_theta.unit) == (("point", "x"), "deg")
    np.testing.assert_allclose(two_theta.values, [[10, 11, 12, 13, 14], [20, 21, 22, 23, 24]])
    counts = run.data("detector/counts")
    assert counts.axes["two_theta"].is_edges
    assert run.data("instrument/take_off_angle").values == 120
    second = run.point(1)
    np.testing.assert_allclose(second.data("detector/two_theta").values, [20, 21, 22, 23, 24])
    np.testing.assert_array_equal(second.data("detector/counts").values, FRAMES[1])
    assert second.data("monitor/counts").values == 6


def test_a_strain_scan_with_a_time_of_flight_that_means_nothing(write):
    run = load(
        write(
            {
                "entry1/data/hmm": FRAMES[:, None],
                "entry1/data/x_pixel_offset": (np.arange(5.0) * 0.7, "mm"),
                "entry1/data/y_pixel_offset": (np.arange(4.0) * 0.7, "mm"),
                "entry1/sample/stth": ([80.0, 90.0], "degrees"),
                "entry1/instrument/detector/sample_to_detector_distance": ([1078.0, 1078.0], "mm"),
                "entry1/monitor/bm1_counts": [5, 6],
            },
            file_name="..//data//KWR0001234.nx.hdf",
        )
    )

    assert run.format == "kowari"
    np.testing.assert_array_equal(run.data("detector/counts").values, FRAMES)
    np.testing.assert_array_equal(run.data("detector/counts").variances, FRAMES)
    assert run.data("detector/counts").axes["x"].is_edges
    assert run.data("detector/pixel_size_x").values == pytest.approx(0.7)


def test_spatz_counts_by_time_of_flight_and_finds_its_distance(write):
    run = load(
        write(
            {
                "entry1/data/hmm": np.ones((1, 5, 1, 6), int),
                "entry1/data/time_of_flight": (np.arange(6.0) * 100, "microseconds"),
                "entry1/instrument/chopper/c01/spee": [1500.0],
                "entry1/instrument/chopper/c2b/spee": [0.0],
                "entry1/instrument/detector/detector_distance/pos": ([6000.0], "mm"),
                "entry1/instrument/parameters/sample_distance": ([2500.0], "mm"),
            }
        )
    )

    assert run.format == "spatz"
    assert run.data("detector/counts").dims == ("time_of_flight", "y", "x")
    assert run.data("detector/distance").values == 3500
    assert run.data("chopper/c01/speed").values == 1500


def test_bilby_counts_by_time_of_flight(write):
    run = load(
        write(
            {
                "entry1/data/hmm": np.ones((1, 5, 3, 4), int),
                "entry1/data/time_of_flight": (np.arange(6.0), "microseconds"),
                "entry1/instrument/L2_det": ([10.5], "m"),
                "entry1/instrument/master_chopper_freq": ([25.0], "Hz"),
            },
            file_name="..//data//BBY0000014.nx.hdf",
        )
    )

    assert run.format == "bilby"
    assert run.data("detector/distance").values == 10500
    assert run.data("chopper/master/speed").values == pytest.approx(1500)  # rpm


def test_a_value_without_a_unit_is_not_guessed(write):
    path = write(
        {"entry1/data/hmm": np.ones((1, 5, 3, 4), int), "entry1/instrument/parameters/twotheta": [1.0]},
        file_name="SPZ0000001.nx.hdf",
    )
    with h5py.File(path, "a") as file:
        file["entry1/instrument/source/power"] = [20.0]
    with pytest.raises(GumtreeError, match=r"has no unit; say in the mapping") as caught:
        load(path)["source/power"]
    assert caught.value.reason == "BAD_UNIT"


def test_edges_that_are_not_even_have_no_pitch(write):
    run = load(
        write(
            {
                "entry1/data/hmm_xy": FRAMES,
                "entry1/data/x_pixel_offset": ([0.0, 1.0, 2.0, 4.0, 5.0], "mm"),
            },
            file_name="KWR0001234.nx.hdf",
        )
    )
    with pytest.raises(GumtreeError, match="evenly spaced") as caught:
        run["detector/pixel_size_x"]
    assert caught.value.reason == "BAD_SHAPE"


def test_a_point_that_a_scan_has_not_is_told(write):
    run = load(write(*bliss(), creator="Bliss"))

    with pytest.raises(GumtreeError, match="no point 2; there are 2, from 0 on") as caught:
        run.point(2)["detector/counts"]
    assert caught.value.reason == "NO_POINT"
    np.testing.assert_array_equal(run.point(slice(1, None)).data("detector/counts").values, FRAMES[1:])


def test_one_point_of_a_stack_is_read_alone(write, monkeypatch):
    run = load(write(*bliss(), creator="Bliss"))
    asked = []
    plain = h5py.Dataset.__getitem__

    def noting(self, index, *args, **options):
        asked.append((self.name, index))
        return plain(self, index, *args, **options)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", noting)
    run.point(1)["detector/counts"]

    assert [index for name, index in asked if name.endswith("eiger/data")] == [1]


def test_a_count_has_one_point_and_no_second(write):
    run = load(write({"entry1/data/hmm_xy": FRAMES[:1]}, file_name="KWR0001234.nx.hdf"))

    np.testing.assert_array_equal(run.point(0).data("detector/counts").values, FRAMES[0])
    with pytest.raises(GumtreeError, match="no point 1; there are 1") as caught:
        run.point(1)["detector/counts"]
    assert caught.value.reason == "NO_POINT"


def test_a_unit_that_nobody_knows_is_not_taken_for_the_one_that_is_missing(write):
    path = write(
        {
            "entry1/data/hmm": np.ones((1, 5, 3, 4), int),
            "entry1/instrument/L2_det": ([10.5], "cubits_or_so"),
            "entry1/instrument/L1": [1000.0],
        },
        file_name="BBY0000014.nx.hdf",
    )
    run = load(path)

    assert run.data("instrument/collimation_length").unit == "mm"
    with pytest.raises(GumtreeError, match="'cubits_or_so', which is not known") as caught:
        run["detector/distance"]
    assert caught.value.reason == "BAD_UNIT"
