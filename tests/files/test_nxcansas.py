"""Reduced curves as NXcanSAS."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from gumtree_core.data import Axis, Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files.nxcansas import read_nxcansas, write_nxcansas

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


def test_the_file_follows_the_application_definition(curve, tmp_path):
    path = write_nxcansas(tmp_path / "iq.h5", curve, provenance=PROVENANCE)

    with h5py.File(path) as file:
        entry = file["sasentry01"]
        data = entry["sasdata01"]
        assert entry.attrs["canSAS_class"] == "SASentry"
        assert entry["definition"].asstr()[()] == "NXcanSAS"
        assert (data.attrs["signal"], data.attrs["I_axes"], data.attrs["Q_indices"]) == ("I", "Q", 0)
        assert data["I"].attrs["units"] == "1/cm"
        assert data["I"].attrs["uncertainties"] == "Idev"
        assert data["Q"].attrs["resolutions"] == "Qdev"
        note = json.loads(entry["sasprocess01/sasnote/provenance"].asstr()[()])
    assert note == PROVENANCE


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
