"""What we write is read by the programs that people fit with, and validates as NeXus."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gumtree_core.data import Axis, Dataset, poisson, scalar
from gumtree_core.files import load
from gumtree_core.files.formats.columns import write_columns
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


@pytest.fixture
def image() -> Dataset:
    """I(qx, qy) of a flat detector, with a masked corner."""
    x, y = np.meshgrid(np.linspace(-0.1, 0.12, 8), np.linspace(-0.08, 0.09, 6))
    qx, qy, qz = x * (1 - y**2), y * (1 - x**2), -(x**2) - y**2
    values = np.exp(-((qx / 0.05) ** 2)) + 0.1
    across = {"dims": ("y", "x"), "unit": "1/angstrom"}
    return Dataset(
        values, (0.03 * values) ** 2, dims=("y", "x"), unit="1/cm", title="fibres",
        axes={name: Axis(q, "1/angstrom", ("y", "x")) for name, q in (("qx", qx), ("qy", qy), ("qz", qz))},
        masks={"corner": (x < 0) & (y < -0.05)},
        metadata={
            "dqx": Dataset(0.05 * abs(qx) + 0.001, **across),
            "dqy": Dataset(0.04 * abs(qy) + 0.002, **across),
            "dq": Dataset(0.05 * np.hypot(qx, qy), **across),
            "sample/name": "fibres", "source/probe": "neutron",
            "instrument/wavelength": scalar(6.0, unit="angstrom"),
        },
    )  # fmt: skip


def check_map(found, image: Dataset, exact: float) -> None:
    assert found.data == pytest.approx(image.values.ravel(), rel=exact)
    assert found.err_data == pytest.approx(image.errors.ravel(), rel=exact)
    assert found.qx_data == pytest.approx(image.axes["qx"].values.ravel(), rel=exact)
    assert found.qy_data == pytest.approx(image.axes["qy"].values.ravel(), rel=exact)
    assert found.dqx_data == pytest.approx(image.metadata["dqx"].values.ravel(), rel=exact)
    assert found.dqy_data == pytest.approx(image.metadata["dqy"].values.ravel(), rel=exact)
    assert np.array_equal(found.mask, ~image.mask.ravel())


def test_sasdata_loads_our_map(image, tmp_path):
    loader = pytest.importorskip("sasdata.dataloader.loader", reason="sasdata is not installed")
    path = write_nxcansas(tmp_path / "fibres.h5", image, provenance=PROVENANCE)

    (found,) = loader.Loader().load(str(path))

    check_map(found, image, 1e-15)
    assert found.I_unit in ("1/cm", "cm^{-1}")
    assert found.Q_unit in ("1/A", "1/angstrom", "A^{-1}")
    assert found.sample.name == "fibres"
    assert found.source.wavelength == pytest.approx(6)


@pytest.mark.parametrize("turned", [False, True])
def test_sasdata_loads_columns_of_our_map(image, turned, tmp_path):
    loader = pytest.importorskip("sasdata.dataloader.loader", reason="sasdata is not installed")
    grid = {"qx": Axis(np.linspace(-0.1, 0.1, 9), "1/angstrom"), "qy": Axis(np.arange(6.0), "1/nm")}
    on_grid = Dataset(image.values, image.variances, dims=("qy", "qx"), axes=grid).transpose()
    given = on_grid if turned else image
    path = write_columns(tmp_path / "fibres.dat", given, provenance=PROVENANCE)

    (found,) = loader.Loader().load(str(path))

    assert not found.errors
    assert (len(found.x_bins), len(found.y_bins)) == (8, 6)
    if turned:
        assert found.qx_data == pytest.approx(np.tile(grid["qx"].values[:-1] + 0.0125, 6))
        assert found.qy_data == pytest.approx(np.repeat(np.arange(6) / 10, 8))
        assert found.data == pytest.approx(image.values.ravel())
    else:
        check_map(found, image, 1e-9)


@pytest.mark.parametrize(
    "name",
    [
        "33837rear_2D_1.75_16.5_NXcanSAS.h5",
        "33837rear_2D_1.75_16.5_NXcanSAS_v3.h5",
        "14250_2D_NoDetInfo_NXcanSAS_v3.h5",
        "BAM_2D.h5",
    ],
)
def test_maps_of_mantid_and_bam_are_read_as_sasdata_reads_them(name):
    """Files that come with sasdata: a draft of the definition, Mantid's of ISIS, and one of BAM."""
    loader = pytest.importorskip("sasdata.dataloader.loader", reason="sasdata is not installed")
    path = Path(loader.__file__).parents[1] / "example_data" / "2d_data" / name
    if not path.exists():
        pytest.skip(f"this sasdata comes without {name}")
    ours = load(path).data("reduced/iqxqy")
    (theirs,) = loader.Loader().load(str(path))

    qx, qy = np.meshgrid(ours.axes["qx"].values, ours.axes["qy"].values)
    by_rows = theirs.qx_data[0] != theirs.qx_data[1]
    for mine, other in ((ours.values, theirs.data), (qx, theirs.qx_data), (qy, theirs.qy_data)):
        assert np.allclose((mine if by_rows else mine.T).ravel(), other, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("unit", ["1/cm", "counts/s"])
def test_a_map_validates(image, unit, tmp_path):
    told = validated(write_nxcansas(tmp_path / "map.h5", image.replace(unit=unit), provenance=PROVENANCE))

    assert "NXcanSAS" in told
    assert "number of errors: 0" in told, told


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
