"""Reduced curves as NXcanSAS."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest

from gumtree_core.data import Axis, Dataset, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files import load
from gumtree_core.files.nexus.nxcansas import read_nxcansas, write_nxcansas
from gumtree_core.files.nexus.nxcansas_fields import INTENSITY_UNITS

PROVENANCE = {
    "script": "sans.py",
    "commit": "abc",
    "parameters": {"bins": 3},
    "time": "2026-01-01T00:00:00+00:00",
}


@pytest.fixture
def curve() -> Dataset:
    dq = Dataset([0.001, 0.002, 0.003], dims=("q",), unit="1/angstrom")
    return Dataset(
        [3.0, 2.0, 1.0],
        [0.09, 0.04, 0.01],
        dims=("q",),
        axes={"q": Axis(np.array([0.01, 0.02, 0.03, 0.04]), unit="1/angstrom")},
        unit="1/cm",
        metadata={"dq": dq, "sample/name": "spheres", "run/title": "a run"},
    )


def test_what_is_written_is_read_back(curve, tmp_path):
    again = read_nxcansas(write_nxcansas(tmp_path / "iq.h5", curve, provenance=PROVENANCE))

    assert np.allclose(again.values, curve.values)
    assert np.allclose(again.errors, curve.errors)
    assert np.allclose(again.axes["q"].values, curve.axes["q"].values)
    assert again.unit == "1/cm"
    assert np.allclose(again.metadata["dq"].values, [0.001, 0.002, 0.003])
    assert again.title == "a run"


def test_a_curve_is_read_by_the_name_of_its_file(curve, tmp_path):
    path = write_nxcansas(tmp_path / "iq.h5", curve, provenance=PROVENANCE)

    assert np.allclose(read_nxcansas(str(path)).values, curve.values)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (Dataset([1.0, 2.0], dims="q"), "dimensions q and the axes none, and needs q"),
        (Dataset(1.0), "dimensions none and the axes none"),
    ],
)
def test_what_has_no_q_is_no_curve_and_told_what_it_lacks(tmp_path, content, told):
    with pytest.raises(GumtreeError, match=told) as refused:
        write_nxcansas(tmp_path / "iq.h5", content, provenance=PROVENANCE)

    assert refused.value.reason == "NO_CURVE"


def test_the_file_follows_the_application_definition(curve, tmp_path):
    path = write_nxcansas(tmp_path / "iq.h5", curve, provenance=PROVENANCE)

    with h5py.File(path) as file:
        entry = file["sasentry01"]
        data = entry["sasdata"]
        assert entry.attrs["canSAS_class"] == "SASentry"
        assert entry["definition"].asstr()[()] == "NXcanSAS"
        assert (data.attrs["signal"], data.attrs["I_axes"], data.attrs["Q_indices"]) == ("I", "Q", 0)
        assert data["I"].attrs["units"] == "1/cm"
        assert data["I"].attrs["uncertainties"] == "Idev"
        assert data["Q"].attrs["resolutions"] == "Qdev"
        note = json.loads(entry["sasprocess/sasnote/provenance"].asstr()[()])
    assert note == PROVENANCE


def test_groups_have_the_names_by_which_mantid_opens_them(curve, tmp_path):
    """LoadNXcanSAS takes the only entry and opens its groups by name; others find them by class."""
    with h5py.File(write_nxcansas(tmp_path / "iq.h5", curve, provenance=PROVENANCE)) as file:
        (entry,) = file.values()
        assert {"sasdata", "sasprocess", "sasinstrument", "sassample"} <= set(entry)
        assert entry.attrs["default"] == "sasdata"


def test_files_are_read_whatever_their_groups_are_called(curve, tmp_path):
    path = write_nxcansas(tmp_path / "iq.h5", curve, provenance=PROVENANCE)
    with h5py.File(path, "a") as file:
        for name in ("sasdata", "sasprocess"):
            file["sasentry01"].move(name, f"{name}01")
        file["sasentry01"].attrs["default"] = "sasdata01"

    run = load(path)
    assert np.allclose(run.data("reduced/iq").values, curve.values)
    assert json.loads(run.text("reduced/provenance")) == PROVENANCE


def test_an_existing_file_is_never_overwritten(curve, tmp_path):
    first = write_nxcansas(tmp_path / "iq.h5", curve, provenance=PROVENANCE)
    before = first.read_bytes()
    second = write_nxcansas(tmp_path / "iq.h5", curve * 2, provenance=PROVENANCE)

    assert second == tmp_path / "iq_2.h5"
    assert first.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["iq.h5", "iq_2.h5"]


def test_what_is_no_curve_is_refused_and_a_folder_that_cannot_be_written_named(curve, tmp_path):
    with pytest.raises(GumtreeError, match="no curve over q"):
        write_nxcansas(tmp_path / "iq.h5", Dataset([1.0]), provenance={})
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(GumtreeError, match="cannot be written") as refused:
        write_nxcansas(blocked / "iq.h5", curve, provenance={})
    assert refused.value.reason == "FILE_NOT_WRITABLE"


def test_a_damaged_file_is_refused(tmp_path):
    (tmp_path / "iq.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"0" * 100)

    with pytest.raises(GumtreeError, match="no usable NXcanSAS"):
        read_nxcansas(tmp_path / "iq.h5")


CLASSES = {
    "SASentry": "NXentry", "SASdata": "NXdata", "SASinstrument": "NXinstrument", "SASsource": "NXsource",
    "SAScollimation": "NXcollimator", "SASdetector": "NXdetector", "SASsample": "NXsample",
    "SASprocess": "NXprocess", "SASprocessnote": "NXcollection",
}  # fmt: skip
"""The table of the definition."""

KNOWN = {
    "run/number": "12",
    "instrument/name": "sans",
    "source/probe": "neutron",
    "instrument/wavelength": scalar(5.0, unit="angstrom"),
    "instrument/collimation_length": scalar(10_000.0, unit="mm"),
    "detector/distance": scalar(4000.0, unit="mm"),
    "detector/pixel_size_x": scalar(5.0, unit="mm"),
    "detector/pixel_size_y": scalar(4.0, unit="mm"),
    "sample/name": "spheres",
    "sample/thickness": scalar(1.0, unit="mm"),
    "sample/transmission": scalar(0.9, 0.01),
}


@pytest.mark.parametrize("known", [{}, KNOWN])
@pytest.mark.parametrize("unit", ["1/cm", "counts/s", ""])
def test_all_that_the_definition_demands_is_there(curve, tmp_path, known, unit):
    """NXcanSAS 1.1: required attributes and fields, enumerations, classes of groups, units of numbers."""
    described = curve.replace(unit=unit, metadata={**curve.metadata, **known})
    path = write_nxcansas(tmp_path / "iq.h5", described, provenance=PROVENANCE)

    with h5py.File(path) as file:
        entry = file[file.attrs["default"]]
        data = entry[entry.attrs["default"]]
        assert entry.attrs["version"] == "1.1"
        assert data.attrs["mask"] == "Mask"
        assert data["Mask"].shape == data["I"].shape
        assert data["Q"].attrs["units"] in ("1/m", "1/nm", "1/angstrom")
        assert data["Qdev"].attrs["units"] == data["Q"].attrs["units"]
        assert data["I"].attrs["units"] in (*INTENSITY_UNITS, "arbitrary")
        assert data["Idev"].attrs["units"] == data["I"].attrs["units"]
        assert all(name in entry for name in ("title", "run", "definition", "sassample/name"))

        def check(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group):
                assert item.attrs["NX_class"] == CLASSES[item.attrs["canSAS_class"]], name
            elif item.dtype.kind == "f":
                assert "units" in item.attrs, name

        file.visititems(check)
        for group in entry.get("sasinstrument", {}).values():
            if isinstance(group, h5py.Group) and group.attrs["canSAS_class"] == "SASsource":
                assert group["radiation"].asstr()[()] in ("neutron", "x-ray")
            if isinstance(group, h5py.Group) and group.attrs["canSAS_class"] == "SASdetector":
                assert "name" in group


def test_an_intensity_without_absolute_scale_is_arbitrary_and_keeps_its_unit(curve, tmp_path):
    path = write_nxcansas(tmp_path / "iq.h5", curve.replace(unit="counts/s"), provenance=PROVENANCE)

    with h5py.File(path) as file:
        assert file["sasentry01/sasdata/I"].attrs["units"] == "arbitrary"
    assert read_nxcansas(path).unit == "counts/s"


def test_load_gives_the_curve_with_sample_and_instrument(curve, tmp_path):
    known = curve.replace(metadata={**curve.metadata, **KNOWN})
    run = load(write_nxcansas(tmp_path / "iq.h5", known, provenance=PROVENANCE))

    assert run.format == "nxcansas"
    assert np.allclose(run.data("reduced/iq").values, curve.values)
    assert json.loads(run.text("reduced/provenance")) == PROVENANCE
    assert run.text("run/title") == "a run"
    for key, value in KNOWN.items():
        if isinstance(value, str):
            assert run[key] == value
        else:
            assert float(run.data(key).values) == float(value.values)
            assert run.data(key).unit == value.unit


def test_masked_points_and_shared_errors_survive(curve, tmp_path):
    shared = (curve * scalar(1.0, 0.1)).with_masks(empty=np.array([False, True, False]))
    again = read_nxcansas(write_nxcansas(tmp_path / "iq.h5", shared, provenance=PROVENANCE))

    assert np.array_equal(again.mask, [False, True, False])
    assert again.metadata["covariance"] == pytest.approx(shared.covariance())
    assert again.errors**2 == pytest.approx(np.diag(shared.covariance()))


def test_a_file_of_another_program_is_read_by_its_classes(tmp_path):
    path = tmp_path / "other.nxs"
    with h5py.File(path, "w") as file:
        entry = file.create_group("run_7")
        entry.attrs.update(NX_class="NXentry", canSAS_class="SASentry", version=np.bytes_("1.0"))
        entry["definition"] = np.array([b"NXcanSAS"])
        entry["title"] = b"by another"
        data = entry.create_group("merged")
        data.attrs.update(canSAS_class=np.bytes_("SASdata"), I_axes=np.array([b"Q"]), signal="I")
        data["Q"], data["I"], data["sigma"] = [0.1, 0.2], [2.0, 1.0], [0.2, 0.1]
        data["Q"].attrs["units"] = "1/nm"
        data["I"].attrs.update(units="1/cm", uncertainties=np.bytes_("sigma"))

    curve = load(path).data("reduced/iq")
    assert curve.title == "by another"
    assert np.array_equal(curve.errors, [0.2, 0.1])
    assert curve.axes["q"].unit == "1/nm"


def test_an_image_is_no_curve(tmp_path):
    path = tmp_path / "image.h5"
    with h5py.File(path, "w") as file:
        file["sasentry/definition"] = "NXcanSAS"
        data = file["sasentry"].create_group("data")
        data.attrs["canSAS_class"] = "SASdata"
        data["I"], data["Q"] = np.ones((2, 3)), np.ones((2, 3))

    with pytest.raises(GumtreeError, match="2 dimensions") as refused:
        read_nxcansas(path)
    assert refused.value.reason == "NO_CURVE"


def test_files_written_at_the_same_time_get_names_of_their_own(curve, tmp_path):
    with ThreadPoolExecutor(4) as pool:
        paths = list(
            pool.map(
                lambda k: write_nxcansas(tmp_path / "iq.h5", curve * k, provenance=PROVENANCE), range(1, 9)
            )
        )

    assert len(set(paths)) == 8
    for k, path in enumerate(paths, 1):
        assert np.allclose(read_nxcansas(path).values, k * curve.values)
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_a_failure_while_writing_leaves_nothing(curve, tmp_path):
    with pytest.raises(TypeError):
        write_nxcansas(tmp_path / "iq.h5", curve, provenance={"parameters": {"bad": object()}})

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("unit", "factor"), [("1/A", 1.0), ("1/angstrom", 1.0), ("A^{-1}", 1.0), ("1/nm", 0.1)]
)
def test_q_is_understood_as_other_programs_spell_its_unit(curve, tmp_path, unit, factor):
    path = write_nxcansas(tmp_path / "iq.h5", curve, provenance=PROVENANCE)
    _with_unit_of_q(path, unit)
    again = read_nxcansas(path)
    assert np.allclose(again.axes["q"].to("1/angstrom").values, factor * curve.axes["q"].values)
    assert np.allclose(again.metadata["dq"].to("1/angstrom").values, factor * np.array([0.001, 0.002, 0.003]))


@pytest.mark.parametrize("unit", ["", "furlong", "mm"])
def test_a_curve_whose_q_has_no_unit_is_refused(curve, tmp_path, unit):
    path = write_nxcansas(tmp_path / "iq.h5", curve, provenance=PROVENANCE)
    _with_unit_of_q(path, unit)
    with pytest.raises(GumtreeError) as refused:
        read_nxcansas(path)
    assert refused.value.reason == "UNKNOWN_UNIT"


def _with_unit_of_q(path, unit):
    with h5py.File(path, "a") as file:

        def change(name, node):
            if isinstance(node, h5py.Dataset) and name.rpartition("/")[2] in ("Q", "Qdev", "q_edges"):
                node.attrs["units"] = unit

        file.visititems(change)
