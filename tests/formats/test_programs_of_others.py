"""What we write is read by the programs that people fit with, and validates as NeXus."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from gumtree_core.data import Axis, Dataset, poisson, scalar
from gumtree_core.files.nexus.nxcansas import write_nxcansas

PROVENANCE = {"script": "sans.py", "created": "2026-11-23T10:00:00+00:00", "version": "0.1.0"}


@pytest.fixture
def curve() -> Dataset:
    q = np.geomspace(0.005, 0.3, 41)
    middle = (q[1:] + q[:-1]) / 2
    values = 12 * np.exp(-((middle * 40) ** 2) / 3) + 0.05
    return Dataset(
        values, (0.03 * values) ** 2, dims=("q",), unit="1/cm", title="silica",
        axes={"q": Axis(q, "1/angstrom", ("q",))},
        metadata={
            "dq": Dataset(0.05 * middle, dims=("q",), unit="1/angstrom"),
            "sample/name": "silica 2 %", "instrument/name": "SANS", "source/probe": "neutron",
            "instrument/wavelength": scalar(6.0, unit="angstrom"), "sample/thickness": scalar(2.0, unit="mm"),
            "sample/transmission": scalar(0.7, 0.01),
        },
    )  # fmt: skip


def validated(path) -> str:
    pytest.importorskip("nexusformat", reason="nexusformat is not installed")
    validate = "import sys; from nexusformat.scripts.nxvalidate import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", validate, str(path)], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout + done.stderr


def test_sasdata_loads_our_nxcansas(curve, tmp_path):
    loader = pytest.importorskip("sasdata.dataloader.loader", reason="sasdata is not installed")
    path = write_nxcansas(tmp_path / "silica.h5", curve, provenance=PROVENANCE)

    (found,) = loader.Loader().load(str(path))

    q = curve.axes["q"].centers
    assert found.x == pytest.approx(q)
    assert found.y == pytest.approx(curve.values)
    assert found.dy == pytest.approx(curve.errors)
    assert found.dx == pytest.approx(0.05 * q)
    assert (found.x_unit, found.y_unit) in (("1/A", "1/cm"), ("A^{-1}", "cm^{-1}"), ("1/angstrom", "1/cm"))
    assert found.sample.name == "silica 2 %"
    assert found.sample.transmission == pytest.approx(0.7)


def test_nxcansas_validates(curve, tmp_path):
    told = validated(write_nxcansas(tmp_path / "silica.h5", curve, provenance=PROVENANCE))

    assert "NXcanSAS" in told
    assert "number of errors: 0" in told, told


@pytest.mark.parametrize("kind", ["curve", "image"])
def test_saved_datasets_validate(kind, curve, tmp_path):
    saved = curve if kind == "curve" else poisson(np.arange(12).reshape(3, 4), 0, dims=("y", "x"))
    saved.save(tmp_path / "saved.nxs")

    pytest.importorskip("nexusformat", reason="nexusformat is not installed")
    program = (
        "import sys; from nexusformat.nexus.validate import FileValidator, logger\n"
        "FileValidator(sys.argv[1]).validate(); print('errors', logger.total['error'])"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "saved.nxs")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert "errors 0" in done.stdout, done.stdout + done.stderr
