"""R(Q) as ORSO's .ort: read by orsopy, and by ourselves."""

from __future__ import annotations

import copy
import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gumtree_core.data import Axis, Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files import load
from gumtree_core.files.formats.orso import CURVE, PROVENANCE, write_orso

Q = np.geomspace(0.01, 0.3, 6)
PROVENANCE_OF_IT: dict[str, Any] = {
    "script": "reflectometry.py",
    "script_sha256": "ab" * 32,
    "commit": "cd" * 20,
    "clean": True,
    "parameters": {
        "reflected": ["run 1.nx.hdf", "2.nx.hdf"],
        "gravity": False,
        "bin_width": 2.0,
        "note": None,
    },
    "inputs": {"run 1.nx.hdf": "12" * 32, "2.nx.hdf": "34" * 32, "direct.nx.hdf": "56" * 32},
    "packages": {"gumtree-tango": "0.1.0", "numpy": "2.0"},
    "time": "2026-03-04T20:44:01+11:00",
    "user": "someone",
}


def curve(**metadata: Any) -> Dataset:
    values = 1e-6 * Q**-3.0
    return Dataset(
        values,
        (0.02 * values) ** 2,
        dims=("q",),
        axes={"q": Axis(Q, "1/angstrom")},
        masks={"bad": np.arange(6) == 2},
        metadata={
            "dq": Dataset(0.03 * Q, dims=("q",), unit="1/angstrom"),
            "wavelength": Dataset(np.linspace(19, 3, 6), dims=("q",), unit="angstrom"),
            "theta": Dataset([0.5, 2.0], dims=("angle",), unit="deg"),
            "sample/name": "air: a # film [\"'] on Si",
            "instrument/name": "PLATYPUS",
            "run/start_time": "2025-12-01T10:00:00+11:00",
            "steps": "background from a line\nover the direct beam",
            **metadata,
        },
        title="a film",
    )


def written(tmp_path: Path, **metadata: Any) -> Path:
    return write_orso(
        tmp_path / "r.ort", curve(**metadata), provenance=PROVENANCE_OF_IT, references=["direct.nx.hdf"]
    )


def test_orsopy_reads_values_units_and_header(tmp_path):
    fileio = pytest.importorskip("orsopy.fileio", reason="orsopy is an optional peer")
    (data_set,) = fileio.load_orso(str(written(tmp_path)))
    kept = np.arange(6) != 2

    assert data_set.data[:, 0] == pytest.approx(Q[kept])
    assert data_set.data[:, 1] == pytest.approx(curve().values[kept])
    assert data_set.data[:, 2] == pytest.approx(0.02 * curve().values[kept])
    assert data_set.data[:, 3] == pytest.approx(0.03 * Q[kept])
    columns = data_set.info.columns
    assert [getattr(each, "name", None) for each in columns[:2]] == ["Qz", "R"]
    assert columns[0].unit == "1/angstrom"
    assert [(each.error_of, each.value_is) for each in columns[2:4]] == [("R", "sigma"), ("Qz", "sigma")]
    assert (columns[4].name, columns[4].unit) == ("lambda", "angstrom")
    source, reduction = data_set.info.data_source, data_set.info.reduction
    assert source.sample.name == "air: a # film [\"'] on Si"
    assert source.experiment.start_date == datetime.datetime.fromisoformat("2025-12-01T10:00:00+11:00")
    settings = source.measurement.instrument_settings
    assert (settings.incident_angle.min, settings.incident_angle.max) == (0.5, 2.0)
    assert (settings.wavelength.min, settings.wavelength.max) == (3, 19)
    assert [each.file for each in source.measurement.data_files] == ["run 1.nx.hdf", "2.nx.hdf"]
    assert [each.file for each in source.measurement.additional_files] == ["direct.nx.hdf"]
    assert (reduction.software.name, reduction.software.version) == ("gumtree-tango", "0.1.0")
    assert reduction.corrections == ["background from a line", "over the direct beam"]
    assert reduction.call == (
        "gumtree reduce reflectometry --reflected 'run 1.nx.hdf' --reflected 2.nx.hdf --no-gravity "
        "--bin-width 2.0"
    )
    assert reduction.timestamp == datetime.datetime.fromisoformat("2026-03-04T20:44:01+11:00")


def test_the_digest_of_each_file_is_in_the_place_that_the_standard_has(tmp_path):
    base = pytest.importorskip("orsopy.fileio", reason="orsopy is an optional peer")
    (data_set,) = base.load_orso(str(written(tmp_path)))
    digest = data_set.info.data_source.measurement.data_files[0].hash
    digest = digest if isinstance(digest, dict) else vars(digest)
    assert (digest["digest"], digest["algorithm"]) == ("12" * 32, "sha256")


def test_orsopy_finds_nothing_to_complain_of(tmp_path):
    """What it does not know or does not find in a header, orsopy tells by warnings; here they are errors."""
    fileio = pytest.importorskip("orsopy.fileio", reason="orsopy is an optional peer")
    (data_set,) = fileio.load_orso(str(written(tmp_path)))
    again = tmp_path / "again.ort"
    fileio.save_orso([data_set], str(again))
    assert fileio.load_orso(str(again))[0].info.reduction == data_set.info.reduction


def test_it_is_read_back_as_a_run(tmp_path):
    run = load(written(tmp_path))
    kept = np.arange(6) != 2
    read = run.data(CURVE)

    assert read.values == pytest.approx(curve().values[kept])
    assert read.errors == pytest.approx(0.02 * curve().values[kept])
    assert read.axes["q"].unit == "1/angstrom"
    assert read.metadata["dq"].values == pytest.approx(0.03 * Q[kept])
    assert read.metadata["wavelength"].unit == "angstrom"
    assert run.text("sample/name") == "air: a # film [\"'] on Si"
    assert "over the direct beam" in run.text(PROVENANCE)


def test_the_first_data_set_of_a_file_that_orsopy_has_written_is_read(tmp_path):
    fileio = pytest.importorskip("orsopy.fileio", reason="orsopy is an optional peer")
    header = fileio.Orso.empty()
    header.columns = [
        fileio.Column("Qz", "1/nm"),
        fileio.Column("R"),
        fileio.ErrorColumn("R"),
        fileio.ErrorColumn("Qz", "resolution", "FWHM"),
    ]
    header.data_source.sample.name = "theirs"
    rows = np.column_stack([10 * Q, Q**-4, Q**-4 / 10, Q])
    both = [fileio.OrsoDataset(copy.deepcopy(header), factor * rows) for factor in (1, 2)]
    fileio.save_orso(both, str(tmp_path / "t.ort"))
    read = load(tmp_path / "t.ort").data(CURVE)

    assert read.axes["q"].to("1/angstrom").values == pytest.approx(Q)
    assert read.metadata["dq"].values == pytest.approx(Q / np.sqrt(8 * np.log(2)))


def test_a_curve_without_resolution_and_errors_still_has_its_columns_in_order(tmp_path):
    bare = Dataset(Q**-4, dims=("q",), axes={"q": Axis(Q, "1/angstrom")})
    path = write_orso(tmp_path / "bare.ort", bare, provenance={})
    assert np.loadtxt(path).shape == (6, 3)
    assert load(path).data(CURVE).values == pytest.approx(Q**-4)


def test_a_time_of_day_is_no_date(tmp_path):
    path = written(tmp_path, **{"run/start_time": "20:44:01"})
    assert "start_date: null" in path.read_text()


def test_no_file_is_overwritten(tmp_path):
    assert [written(tmp_path).name, written(tmp_path).name] == ["r.ort", "r_2.ort"]


def test_what_is_no_curve_is_refused(tmp_path):
    with pytest.raises(GumtreeError) as refused:
        write_orso(tmp_path / "r.ort", Dataset(np.ones((2, 2))), provenance={})
    assert refused.value.reason == "NO_CURVE"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 3],
        lambda text: text.replace("columns:", "pillars:"),
        lambda text: text.replace("e-02 ", "e-02 x "),
        lambda text: text.replace("data_source:", "data_source: ["),
        lambda text: "\n".join(text.splitlines()[:-2]) + "\n1.0 2.0\n",
    ],
)
def test_a_damaged_file_is_said_to_be_one(tmp_path, damage):
    path = written(tmp_path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(GumtreeError) as refused:
        load(path)
    assert refused.value.reason in ("FILE_DAMAGED", "NO_CURVE")
    assert "\n" not in refused.value.message


@pytest.mark.parametrize("unit", ["1/angstrom", "1/A", "A^-1", "Angstrom-1", "1/nm", "nm^-1"])
def test_q_is_understood_as_other_programs_spell_its_unit(tmp_path, unit):
    path = written(tmp_path)
    path.write_text(
        path.read_text().replace("unit: 1/angstrom", f"unit: {unit}").replace("unit: 1/Å", f"unit: {unit}")
    )
    q = load(path).data(CURVE).axes["q"]
    factor = 0.1 if "nm" in unit else 1.0
    assert q.to("1/angstrom").values[0] == pytest.approx(factor * Q[0])


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("unit: 1/angstrom", "unit: furlong"),
        ("unit: 1/angstrom", "unit: s"),
        ("unit: 1/angstrom", "unit: null"),
        ("unit: angstrom", "unit: plates"),
    ],
)
def test_a_unit_that_is_none_is_refused(tmp_path, line, changed):
    path = written(tmp_path)
    text = path.read_text()
    assert line in text
    path.write_text(text.replace(line, changed))
    with pytest.raises(GumtreeError) as refused:
        load(path)
    assert refused.value.reason == "UNKNOWN_UNIT"
    assert path.name in refused.value.message


def test_points_without_a_reflectivity_are_masked_and_those_without_q_refused(tmp_path):
    path = written(tmp_path)
    *head, last = path.read_text().splitlines()
    columns = last.split()
    path.write_text("\n".join([*head, " ".join([columns[0], "nan", *columns[2:]])]) + "\n")
    read = load(path).data(CURVE)
    assert read.mask.tolist() == [False] * (read.size - 1) + [True]

    path.write_text("\n".join([*head, " ".join(["nan", *columns[1:]])]) + "\n")
    with pytest.raises(GumtreeError, match="points without Qz"):
        load(path)
