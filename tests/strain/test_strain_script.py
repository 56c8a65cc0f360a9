"""The script `strain` in Python, on the command line and in GumtreeReduction."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from tango import DevState
from tango.test_context import MultiDeviceTestContext

from gumtree_core.commands import main
from gumtree_core.data import scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files import load
from gumtree_core.paths import config_directory
from gumtree_core.scripts import load_script
from servers.reduction import GumtreeReduction

DEVICE = "test/reduction/strain"
WAVELENGTH, SPACING = 1.67, 1.1702
PEAK = {"lowest": 89.5, "highest": 93.0}
ROWS, COLUMNS = 4, 6
KNOWN = 1e-3 * np.sin(np.arange(ROWS)[:, np.newaxis] + 0.5 * np.arange(COLUMNS))


def distance(found: np.ndarray, errors: np.ndarray, known: np.ndarray) -> float:
    """Cumulative probability of chi-square."""
    return float(stats.chi2.cdf(np.square((found - known) / errors).sum(), known.size))


@pytest.fixture
def weld(kowari) -> str:
    sx = np.tile(5.0 * np.arange(COLUMNS), ROWS)
    return kowari("KWR0000001.nx.hdf", KNOWN.ravel(), 1, sx=sx, sz=np.repeat(2.0 * np.arange(ROWS), COLUMNS))


@pytest.fixture
def powder(kowari) -> str:
    return kowari("KWR0000002.nx.hdf", np.zeros(20), 2)


def test_known_strain_is_mapped_in_python(weld, tmp_path):
    work = load_script("strain")(
        sample=tmp_path / weld, wavelength=WAVELENGTH, d0=SPACING, map_x="sx", map_y="sz", **PEAK
    )
    work.analyse()

    assert 0.001 < distance(work.strain.values, work.strain.errors, KNOWN.ravel()) < 0.999
    assert (work.strain.errors < 6e-5).all()
    assert work.map.values == pytest.approx(work.strain.values.reshape(ROWS, COLUMNS))
    assert work.map.axes["x"].values == pytest.approx(5.0 * np.arange(COLUMNS))
    assert work.center.unit == "deg"
    assert work.d.values == pytest.approx(SPACING * (1 + KNOWN.ravel()), rel=3e-4)


@pytest.mark.parametrize(
    ("changed", "reason", "told"),
    [
        ({"wavelength": 0.167}, "BAD_D0", "strain would be -0.9"),
        ({"d0": 0.11702}, "BAD_D0", "in angstrom"),
        ({"lowest": 93.0, "highest": 89.5}, "BAD_RANGE", "lower angle first"),
        ({"lowest": 100.0, "highest": 110.0}, "NO_PEAK", r"detector sees 86\.\d* to 95\.\d* deg"),
        ({"map_x": "sx"}, "NO_MAP", "`map_x` and `map_y`"),
    ],
)
def test_what_is_no_strain_is_refused(weld, tmp_path, changed, reason, told):
    given = {"wavelength": WAVELENGTH, "d0": SPACING, **PEAK, **changed}
    with pytest.raises(GumtreeError, match=told) as refused:
        load_script("strain")(sample=tmp_path / weld, **given).analyse()

    assert refused.value.reason == reason


def test_a_scan_is_no_flood_field_of_itself(weld, tmp_path):
    run = load(tmp_path / weld)
    with pytest.raises(GumtreeError, match="as sample and as flood field"):
        load_script("strain")(sample=run, flood=run, wavelength=WAVELENGTH, d0=SPACING, **PEAK).analyse()


def test_a_reference_of_the_same_wavelength_makes_its_error_cancel(weld, powder, tmp_path):
    work = load_script("strain")(
        sample=tmp_path / weld, reference=tmp_path / powder, wavelength=1.672, wavelength_error=0.005, **PEAK
    )
    work.analyse()

    assert 0.001 < distance(work.strain.values, work.strain.errors, KNOWN.ravel()) < 0.999
    assert (work.strain.errors < 6e-5).all()
    assert float(work.d0_used.errors) == pytest.approx(0.005 / 1.672 * SPACING, rel=0.01)


def test_the_command_saves_strain_over_the_motor(weld, powder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = f"gumtree reduce strain --sample {weld} --reference {powder} --wavelength 1.67 --position sx"
    monkeypatch.setattr(sys, "argv", f"{words} --lowest 89.5 --highest 93 --output out".split())
    with pytest.raises(SystemExit) as ended:
        main()

    assert not ended.value.code, capsys.readouterr().err
    (file,) = Path("out").iterdir()
    rows = np.loadtxt(file)
    assert file.name == "KWR0000001_strain.dat"
    assert "# position (mm)  strain  dstrain\n" in file.read_text()
    assert rows[:, 0] == pytest.approx(np.tile(5.0 * np.arange(COLUMNS), ROWS))
    assert 0.001 < distance(rows[:, 1], rows[:, 2], KNOWN.ravel()) < 0.999


def test_the_server_finds_strain(weld, tmp_path, wait_until):
    def at_rest() -> bool:
        return device.state() in (DevState.ON, DevState.ALARM)

    properties = {
        "ScriptDirectory": str(config_directory() / "scripts"),
        "RawDirectory": str(tmp_path),
        "DataDirectory": str(tmp_path / "reduced"),
    }
    servers = [{"class": GumtreeReduction, "devices": [{"name": DEVICE, "properties": properties}]}]
    with MultiDeviceTestContext(servers, process=True) as context:
        device = context.get_device(DEVICE)
        wait_until(at_rest, explain=device.status)
        device.script = "strain"
        wait_until(at_rest, explain=device.status)
        settings = {"sample": weld, "wavelength": WAVELENGTH, "d0": SPACING, "map_x": "sx", "map_y": "sz"}
        for name, value in {**settings, **PEAK}.items():
            device.write_attribute(name, value)
        device.Analyse()
        wait_until(at_rest, 60, explain=device.status)

        assert device.state() == DevState.ON, device.status()
        assert 0.001 < distance(device.strain, device.strain_errors, KNOWN.ravel()) < 0.999
        assert device.map.shape == (ROWS, COLUMNS)
        assert Path(device.output_file).is_file()


def test_strain_without_reference_is_refused(scan):
    work = load_script("strain")(sample=scan(np.zeros(2), 1), **PEAK)
    with pytest.raises(GumtreeError) as refused:
        work.analyse()
    assert refused.value.reason == "NO_REFERENCE"


def test_a_flood_field_and_the_monitor_are_taken_out(scan):
    uneven = np.random.default_rng(6).uniform(0.7, 1.3, (60, 140))
    flood = scan(np.zeros(1), 7)
    counts = flood.data("detector/counts")
    flat = counts.derive(values=np.random.default_rng(8).poisson(4000 * uneven)[np.newaxis])
    work = load_script("strain")(
        sample=scan(KNOWN.ravel(), 9, uneven), flood=scan(np.zeros(1), 7, **{"detector/counts": flat}),
        normalization="monitor", d0=SPACING, rim=2, step=0.08, **PEAK,
    )  # fmt: skip
    work.analyse()
    off = work.strain.values - KNOWN.ravel()
    covariance = work.strain.covariance()  # all points share the errors of the flood field

    assert 0.001 < stats.chi2.cdf(off @ np.linalg.solve(covariance, off), off.size) < 0.999
    assert (covariance > 0).all()


def test_a_mirrored_detector_and_its_angle_may_be_told(scan):
    run = scan(KNOWN.ravel(), 10)
    x = run.data("detector/x_offset")
    counts = run.data("detector/counts")
    turned = {"detector/x_offset": -x, "motor/stth": scalar(0.0, unit="deg"), "detector/counts": counts}
    work = load_script("strain")(
        sample=scan(KNOWN.ravel(), 10, **turned), mirrored=True, angle=91.0, d0=SPACING, **PEAK
    )
    work.analyse()

    assert 0.001 < distance(work.strain.values, work.strain.errors, KNOWN.ravel()) < 0.999
