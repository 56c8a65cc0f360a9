"""The SANS script on ORNL Bio-SANS data against the tables of ORNL's own IGOR macros."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from gumtree_core.files.nexus.nxcansas import read_nxcansas
from gumtree_core.scripts import load_script

COMMON = {
    "normalization": "time",
    "weighting": "inverse variance",
    "zero_count_variance": 1.0,
    "beam_center_x": 16.6037972,
    "beam_center_y": 96.7709576,
    "pixel_size": 5.15,
    "q_min": 0.01,
    "q_max": 0.11,
    "bins": 100,
}


def table(path: Path) -> np.ndarray:
    return np.loadtxt(path, skiprows=1)


@pytest.fixture(scope="session")
def run_of(reference):
    return lambda name: str(reference / "ornl_biosans" / f"BioSANS_{name}.xml")


def test_dark_flood_and_solid_angle_as_on_the_command_line(reference, run_of, tmp_path):
    output = tmp_path / "iq.h5"
    options = {
        **COMMON,
        "error_rule": "independent",
        "sample": run_of("test_data"),
        "blocked_beam": run_of("dark_current"),
        "flood": run_of("flood_data"),
        "output": output,
    }
    words = [str(word) for key, value in options.items() for word in (f"--{key.replace('_', '-')}", value)]
    gumtree = Path(sys.executable).parent / "gumtree"
    subprocess.run([gumtree, "reduce", "sans", *words], check=True, timeout=60)

    curve = read_nxcansas(output)
    expected = table(reference / "ornl_biosans" / "reduced_center_calculated.txt")
    assert curve.unit == "counts/s"
    assert np.abs(curve.values / expected[:, 1] - 1).max() < 1e-6
    assert np.abs(curve.errors / expected[:, 2] - 1).max() < 1e-3
    with h5py.File(output) as file:
        provenance = json.loads(file["sasentry01/sasprocess/sasnote/provenance"].asstr()[()])
    assert set(provenance["inputs"]) == {run_of("test_data"), run_of("dark_current"), run_of("flood_data")}
    assert provenance["parameters"]["beam_center_x"] == 16.6037972


def test_angle_dependent_transmission(reference, run_of):
    reduction = load_script("sans")(
        **COMMON,
        error_rule="independent",
        sample=run_of("test_data"),
        sample_transmission=0.51944,
        sample_transmission_error=0.011078,
    )
    reduction.reduce()

    expected = table(reference / "ornl_biosans" / "reduced_transmission.txt")
    ratio = reduction.iq.values / expected[:, 1]
    assert np.abs(ratio / ratio.mean() - 1).max() < 1e-5
    assert np.abs(reduction.iq.errors / expected[:, 2] / ratio.mean() - 1).max() < 1e-3


def test_the_exact_errors_tell_what_the_table_leaves_out(reference, run_of):
    """All pixels share one transmission, so averaging over pixels does not make its error smaller."""
    reduction = load_script("sans")(
        **COMMON, sample=run_of("test_data"), sample_transmission=0.51944, sample_transmission_error=0.011078
    )
    reduction.reduce()

    shared = 0.011078 / 0.51944
    assert np.all(reduction.iq.errors / reduction.iq.values > shared)
    expected = table(reference / "ornl_biosans" / "reduced_transmission.txt")
    assert np.all(reduction.iq.errors / reduction.iq.values > 3 * expected[:, 2] / expected[:, 1])
