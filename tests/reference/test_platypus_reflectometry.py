"""Runs 708, 709 and 710 of Platypus over 711, beside refnx run live and its reduction of 2012."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from gumtree_core.data import Axis, Dataset, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run, load
from gumtree_core.files.formats.orso import CURVE
from gumtree_core.reduction.reflectometry.beam import Ridge, find_ridge
from gumtree_core.reduction.reflectometry.flight import flight
from gumtree_core.reduction.reflectometry.gravity import deflection
from gumtree_core.reduction.reflectometry.reflectivity import (
    Extraction,
    reflectivity,
    spectrum,
    wavelength_bins,
)
from gumtree_core.reduction.reflectometry.stitching import plateau, stitch
from gumtree_core.scripts import load_script

ANGLES, DIRECT = (708, 709, 710), 711
BINS = wavelength_bins(2.5, 19, 0.03)
REFNX_PIXEL = 1.177
"""Height of a row in mm that refnx takes for files that do not say it."""
FWHM = np.sqrt(8 * np.log(2))


@pytest.fixture(scope="module")
def platypus(reference) -> Path:
    return reference / "ansto_platypus"


@pytest.fixture(scope="module")
def runs(platypus) -> dict[int, Run]:
    return {number: load(platypus / f"PLP0000{number}.nx.hdf") for number in (*ANGLES, DIRECT)}


@dataclass
class Peer:
    """What refnx finds, over growing q."""

    q: np.ndarray
    r: np.ndarray
    error: np.ndarray
    fwhm: np.ndarray
    ridge: Ridge
    direct: Ridge

    @property
    def certain(self) -> np.ndarray:
        return self.r > 10 * self.error


@pytest.fixture(scope="module")
def refnx(platypus, tmp_path_factory) -> Mapping[tuple[int, bool], Peer]:
    """By run, and whether the background is subtracted."""
    reduce = pytest.importorskip("refnx.reduce", reason="refnx is an optional peer")
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for background in (True, False):
            work = reduce.PlatypusReduce(str(platypus / f"PLP0000{DIRECT}.nx.hdf"))
            for number in ANGLES:
                path = str(platypus / f"PLP0000{number}.nx.hdf")
                _, told = work.reduce(path, save=False, rebin_percent=3.0, background=background)
                order = np.argsort(told["x"][0])
                columns = [told[name][0][order] for name in ("x", "y", "y_err", "x_err")]
                beams = [
                    Ridge(float(beam.m_beampos[0]), float(beam.m_beampos_sd[0]))
                    for beam in (told["reflected_beam"], told["direct_beam"])
                ]
                found[number, background] = Peer(*columns, *beams)
    return found


def as_refnx(runs: Mapping[int, Run], number: int, peer: Peer, background: str) -> Dataset:
    """Our reduction with the peer's height of a row, beams and regions, and the reflected beam unbent."""

    def run(number: int) -> Run:
        ours = runs[number]
        return Run(
            {**{key: ours[key] for key in ours}, "detector/pixel_size_y": scalar(REFNX_PIXEL, unit="mm")}
        )

    direct = spectrum(
        run(DIRECT),
        BINS,
        reflected=False,
        ridge=peer.direct,
        extraction=Extraction(width=2, background=background),
    )
    reflected = spectrum(
        run(number),
        BINS,
        reflected=True,
        ridge=peer.ridge,
        extraction=Extraction(width=2, background=background, gravity=False),
    )
    return reflectivity(reflected, direct)


@pytest.mark.parametrize("number", ANGLES)
def test_without_background_the_curve_is_that_of_refnx(runs, refnx, number):
    peer = refnx[number, False]
    curve = as_refnx(runs, number, peer, "none")

    assert curve.axes["q"].values == pytest.approx(peer.q, rel=1e-5)
    low, median, high = np.percentile(curve.values / peer.r, [10, 50, 90])
    assert median == pytest.approx(1, abs=1e-3)
    assert low > 0.995
    assert high < 1.005
    assert np.median(curve.errors / peer.error) == pytest.approx(1, abs=0.01)
    assert curve.metadata["dq"].values * FWHM == pytest.approx(peer.fwhm, rel=2e-3)


def test_with_background_it_is_within_three_percent_of_refnx(runs, refnx):
    ratios = []
    for number in ANGLES:
        peer = refnx[number, True]
        curve = as_refnx(runs, number, peer, "line")
        ratios.append((curve.values / peer.r)[peer.certain])
    low, median, high = np.percentile(np.concatenate(ratios), [10, 50, 90])

    assert median == pytest.approx(1, abs=0.03)
    assert low > 0.92
    assert high < 1.08


def test_the_stitched_curve_is_within_three_percent_of_refnx(runs, refnx):
    """As a user gets it: beam, regions and angle found by each program itself.

    Their angle of 708 is 1.5 % larger: it is not corrected for the fall of the reflected beam, and the height
    of a row is not that of the file. `test_the_angle_is_that_of_the_motor` decides. So their Q is taken with
    our angle here.
    """
    script = load_script("reflectometry")
    work = script(
        reflected=[runs[number] for number in ANGLES], direct=[runs[DIRECT]], bin_width=3.0, critical_q=0.0095
    )
    work.reduce()
    curves = []
    for number, theta in zip(ANGLES, np.radians(work.theta.values), strict=True):
        peer = refnx[number, True]
        their_theta = np.arcsin(peer.q[0] * BINS.centers[-1] / (4 * np.pi))
        our_theta = theta + (their_theta - their_theta_unbent(runs, number, peer))
        curves.append(
            Dataset(
                peer.r,
                peer.error**2,
                dims=("q",),
                axes={"q": Axis(peer.q * np.sin(our_theta) / np.sin(their_theta), "1/angstrom")},
            )
        )
    theirs, _ = stitch(curves)
    theirs = theirs / plateau(theirs, 0.0095)
    q, certain = theirs.axes["q"].values, theirs.values > 10 * theirs.errors
    ours = np.exp(np.interp(q, work.r.axes["q"].values, np.log(np.maximum(work.r.values, 1e-12))))
    ratio = (ours / theirs.values)[certain]
    low, median, high = np.percentile(ratio, [10, 50, 90])

    assert median == pytest.approx(1, abs=0.03)
    assert low > 0.92
    assert high < 1.08


def their_theta_unbent(runs: Mapping[int, Run], number: int, peer: Peer) -> float:
    """The angle of infinitely fast neutrons, by the peer's beams and height of a row."""
    lift = float(runs[number].data("detector/y").values) - float(runs[DIRECT].data("detector/y").values)
    apart = lift + (peer.ridge.center - peer.direct.center) * REFNX_PIXEL
    return float(np.arctan(apart / float(runs[number].data("detector/distance").values)) / 2)


def test_the_angle_is_that_of_the_motor(runs):
    direct = spectrum(runs[DIRECT], BINS, reflected=False)
    curve = reflectivity(spectrum(runs[708], BINS, reflected=True), direct)

    motor = float(runs[708].data("motor/sth").to("deg").values)
    assert float(curve.metadata["theta"].values) == pytest.approx(motor, rel=3e-3)


def test_the_direct_beam_falls_as_far_as_the_files_height_of_a_row_says(runs):
    run = runs[DIRECT]
    counts = run.data("detector/counts").sum("x")
    way = flight(run)
    edges = way.wavelength(counts.axes["time_of_flight"].values)
    middle = (edges[1:] + edges[:-1]) / 2
    image = counts.values.astype(float)
    wavelengths, centers = [], []
    for low in np.arange(4.0, 18.0, 1.0):
        slice_ = (middle >= low) & (middle < low + 1)
        centers.append(find_ridge(image[slice_], np.zeros(slice_.sum())).center)
        wavelengths.append(np.average(middle[slice_], weights=image[slice_].sum(axis=1)))
    expected = deflection(np.array(wavelengths), way.collimation, reflected=False)
    seen = np.polyfit(expected, centers, 1)[0]

    pixel = float(run.data("detector/pixel_size_y").to("mm").values)
    assert 1 / seen == pytest.approx(pixel, rel=0.03)


def test_the_curve_of_2012_is_found_again(platypus, runs):
    script = load_script("reflectometry")
    work = script(reflected=[runs[number] for number in ANGLES], direct=[runs[DIRECT]], critical_q=0.0095)
    work.reduce()
    q, r = np.loadtxt(platypus / "c_PLP0000708.dat", usecols=(0, 1), unpack=True)
    there = (q > work.r.axes["q"].values[0]) & (q < 0.1)
    ours = np.exp(np.interp(q, work.r.axes["q"].values, np.log(np.maximum(work.r.values, 1e-12))))

    assert np.median((ours / r)[there]) == pytest.approx(1, abs=0.05)
    assert np.all(np.diff(work.theta.values) > 0)


def test_the_command_writes_a_file_that_orsopy_reads(platypus, tmp_path, monkeypatch):
    fileio = pytest.importorskip("orsopy.fileio", reason="orsopy is an optional peer")
    from gumtree_core.commands import main

    words = ["gumtree", "reduce", "reflectometry", "--output", str(tmp_path / "r.ort")]
    for number in ANGLES:
        words += ["--reflected", str(platypus / f"PLP0000{number}.nx.hdf")]
    words += ["--direct", str(platypus / f"PLP0000{DIRECT}.nx.hdf"), "--critical-q", "0.0095"]
    monkeypatch.setattr("sys.argv", words)
    try:
        main()
    except SystemExit as done:
        assert not done.code  # noqa: PT017 (the code is what is tested)
    (data_set,) = fileio.load_orso(str(tmp_path / "r.ort"))

    measurement = data_set.info.data_source.measurement
    assert [Path(each.file).name for each in measurement.data_files] == [f"PLP0000{n}.nx.hdf" for n in ANGLES]
    assert [Path(each.file).name for each in measurement.additional_files] == [f"PLP0000{DIRECT}.nx.hdf"]
    assert all(each.hash.check(each.file) for each in measurement.data_files if hasattr(each.hash, "check"))
    assert measurement.instrument_settings.incident_angle.max == pytest.approx(6.47, abs=0.01)
    assert data_set.info.data_source.experiment.instrument == "PLATYPUS"
    again = load(tmp_path / "r.ort").data(CURVE)
    assert again.values == pytest.approx(data_set.data[:, 1])
    assert again.values[:20] == pytest.approx(np.ones(20), abs=0.06)


def test_a_run_counts_for_one_angle_only(runs):
    script = load_script("reflectometry")
    work = script(reflected=[runs[708], runs[709], runs[708]], direct=[runs[DIRECT]])

    with pytest.raises(GumtreeError, match=r"PLP0000708\.nx\.hdf is given as angle 1 and as angle 3"):
        work.reduce()


@pytest.mark.parametrize(("reflected", "direct", "told"), [(708, DIRECT, 0), (DIRECT, 708, 1)])
def test_more_than_all_is_reflected_only_if_beams_are_exchanged(runs, reflected, direct, told):
    said = []
    work = load_script("reflectometry")(reflected=[runs[reflected]], direct=[runs[direct]])
    work.host(None, lambda fraction, text: said.append(text))
    work.reduce()

    assert sum(text.startswith("R is up to 3259: were reflected") for text in said) == told


def test_the_critical_edge_is_that_of_silicon(runs):
    """Fresnel's formula, smeared by our resolution, with the scale of Q free: how far theta is right."""
    from scipy.optimize import least_squares

    work = load_script("reflectometry")(reflected=[runs[708]], direct=[runs[DIRECT]], critical_q=0.0095)
    work.reduce()
    curve = work.r["q", 0.0:0.03]
    q, sigma = curve.axes["q"].values, curve.metadata["dq"].values
    node, weight = np.polynomial.hermite_e.hermegauss(31)
    weight = weight / weight.sum()
    critical = np.sqrt(16 * np.pi * 2.07e-6)

    def fresnel(scale: float) -> np.ndarray:
        at = scale * (q[:, None] + sigma[:, None] * node)
        below = np.sqrt((at**2 - critical**2).astype(complex))
        return (np.abs((at - below) / (at + below)) ** 2) @ weight

    error = np.hypot(curve.errors, 0.01 * curve.values)
    found = least_squares(lambda p: (p[1] * fresnel(p[0]) - curve.values) / error, [1.0, 1.0])
    assert found.x[0] == pytest.approx(1, abs=7e-3)
