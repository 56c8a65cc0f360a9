"""Powder patterns in files, read back by this project's reader and by others."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gumtree_core.data import Axis, Dataset, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files import load
from gumtree_core.files.formats.powder_cif import bracketed, read_powder_cif, write_powder_cif
from gumtree_core.files.formats.powder_formats import write_fxye, write_xye

PROVENANCE = {
    "script": "powder.py", "commit": "abc", "clean": True, "time": "2026-01-02T03:04:05+00:00",
    "inputs": {"/data/a.nx.hdf": "0f"}, "parameters": {"rows": [24, 103], "title": "it's; \"quoted\" \u00b5"},
}  # fmt: skip
ANGLES = 10 + 0.05 * np.arange(200)


@pytest.fixture
def pattern() -> Dataset:
    values = 40 + 3000 * np.exp(-0.5 * ((ANGLES - 14.2) / 0.2) ** 2)
    empty = np.zeros(200, bool)
    empty[5] = True
    return Dataset(
        values, 1.7 * values, dims=("two_theta",), unit="counts", title="alumina",
        axes={"two_theta": Axis(ANGLES, "deg")}, masks={"empty": empty},
        metadata={
            "run/title": "Al2O3 #1", "sample/name": "alumina; 'pressed'", "source/probe": "neutron",
            "instrument/name": "ECHIDNA", "instrument/wavelength": scalar(1.6215, unit="angstrom"),
            "steps": "normalised\n; straightened", "run/user": "_nobody",
        },
    )  # fmt: skip


@pytest.fixture
def kept(pattern) -> Dataset:
    return pattern[~pattern.mask]


def test_xye_has_angle_intensity_and_error(pattern, kept, tmp_path):
    path = write_xye(tmp_path / "a.xye", pattern, provenance=PROVENANCE)
    rows = np.loadtxt(path)

    assert rows == pytest.approx(np.column_stack([np.delete(ANGLES, 5), kept.values, kept.errors]), rel=1e-8)
    assert path.read_text().splitlines()[:3] == ["# Al2O3 #1", "# normalised", "# ; straightened"]
    assert "# /data/a.nx.hdf sha256 0f" in path.read_text()


def test_fxye_is_in_hundredths_of_a_degree_and_lines_of_80_characters(pattern, kept, tmp_path):
    raw = write_fxye(tmp_path / "a.fxye", pattern, provenance=PROVENANCE).read_bytes()
    lines = raw.decode("ascii").split("\r\n")
    assert lines.pop() == ""
    assert {len(line) for line in lines} == {80}

    bank = next(n for n, line in enumerate(lines) if line.startswith("BANK"))
    assert all(line.startswith("#") for line in lines[1:bank])
    word, number, channels, records, binning, start, step, *_, kind = lines[bank].split()
    rows = np.array([line.split() for line in lines[bank + 1 :]], dtype=float)
    assert (word, number, binning, kind) == ("BANK", "1", "CONS", "FXYE")
    assert int(channels) == int(records) == len(rows) == 199
    assert (float(start), float(step)) == pytest.approx((1000.0, 995 / 198), rel=1e-5)
    assert rows[:, 0] == pytest.approx(100 * np.delete(ANGLES, 5))
    assert rows[:, 1] == pytest.approx(kept.values, rel=1e-7)
    assert rows[:, 2] == pytest.approx(kept.errors, rel=1e-7)


def test_fxye_refuses_errors_of_0(pattern, tmp_path):
    with pytest.raises(GumtreeError) as refused:
        write_fxye(tmp_path / "a.fxye", pattern.with_variances(np.zeros(200)), provenance={})
    assert refused.value.reason == "ZERO_VARIANCE"
    assert not list(tmp_path.iterdir())


def test_cif_is_read_by_gemmi(pattern, kept, tmp_path):
    gemmi = pytest.importorskip("gemmi")
    path = write_powder_cif(tmp_path / "a.cif", pattern, provenance=PROVENANCE)
    block = gemmi.cif.read(str(path)).sole_block()

    def item(name: str) -> str:
        return gemmi.cif.as_string(block.find_value(name))

    assert block.name == "Al2O3__1"
    assert item("_pd_spec_description") == "alumina; 'pressed'"
    assert item("_pd_meas_info_author_name") == "_nobody"
    assert item("_diffrn_radiation_probe") == "neutron"
    assert float(item("_diffrn_radiation_wavelength")) == 1.6215
    assert item("_pd_proc_info_data_reduction") == "normalised\n ; straightened"
    assert json.loads(item("_gumtree_provenance")) == PROVENANCE
    columns = {
        name: np.array([gemmi.cif.as_number(each) for each in block.find_loop(f"_pd_proc_{name}")])
        for name in ("2theta_corrected", "intensity_net", "ls_weight")
    }
    assert columns["2theta_corrected"] == pytest.approx(np.delete(ANGLES, 5))
    assert np.abs(columns["intensity_net"] - kept.values).max() < 1e-3 * kept.errors.min()
    assert columns["ls_weight"] == pytest.approx(1 / kept.variances)


def test_cif_restores_pattern_and_settings(pattern, kept, tmp_path):
    path = write_powder_cif(tmp_path / "a.cif", pattern, provenance=PROVENANCE)
    run = load(path)
    read = run.data("reduced/pattern")

    assert run.format == "pdcif"
    assert read.axes["two_theta"].values == pytest.approx(np.delete(ANGLES, 5))
    assert np.abs((read.values - kept.values) / kept.errors).max() < 1e-3
    assert read.variances == pytest.approx(kept.variances)
    assert read.unit == "counts"
    assert json.loads(run.text("reduced/provenance")) == PROVENANCE
    assert run.text("sample/name") == "alumina; 'pressed'"
    assert float(run.data("instrument/wavelength").values) == 1.6215


def test_an_existing_file_is_kept(pattern, tmp_path):
    first = write_powder_cif(tmp_path / "a.cif", pattern, provenance={})
    second = write_powder_cif(tmp_path / "a.cif", pattern * 2, provenance={})

    assert (first.name, second.name) == ("a.cif", "a_2.cif")


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e6))
def test_a_number_with_its_error_in_brackets_says_both(value, error):
    text = bracketed(value, error)
    number, _, digits = text.rstrip(")").partition("(")
    unit = 10.0 ** -len(number.partition(".")[2])

    assert float(number) == pytest.approx(value, abs=1e-3 * error)
    assert int(digits) * unit == pytest.approx(error, rel=1e-3)


@pytest.mark.parametrize("write", [write_xye, write_fxye, write_powder_cif])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda p: p.rename(two_theta="q"), "NO_CURVE"),
        (lambda p: p.without_errors(), "NO_ERRORS"),
        (lambda p: p.with_masks(all=np.ones(200, bool)), "NO_CURVE"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern, tmp_path, write, change, reason):
    with pytest.raises(GumtreeError) as refused:
        write(tmp_path / "a", change(pattern), provenance={})
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    "content", ["", "data_x\n_pd_block_id y\n", "data_x\nloop_\n_pd_a _pd_b\n1 2 3\n", "\xff"]
)
def test_what_is_no_powder_cif_is_refused(tmp_path, content):
    path = tmp_path / "a.cif"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(GumtreeError) as refused:
        read_powder_cif(path)
    assert refused.value.reason == "FILE_DAMAGED"


def test_a_parameter_that_no_line_holds_is_refused(pattern, tmp_path):
    with pytest.raises(GumtreeError) as refused:
        write_powder_cif(tmp_path / "a.cif", pattern, provenance={"parameters": {"note": 3000 * "x"}})
    assert refused.value.reason == "LINE_TOO_LONG"
