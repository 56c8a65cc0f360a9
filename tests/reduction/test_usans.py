"""Bonse-Hart cameras: a simulated measurement gives back the scattering that it was made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import erf

from gumtree_core.data import Axis, Dataset, poisson, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.reduction.small_angle import usans
from gumtree_core.scripts import load_script

WAVELENGTH, SLIT, SIGMA, MIDDLE = 4.74, 0.0586, 2e-6, 3.31e-5
ROCKING, WIDE, THICKNESS, DARK, BEAM = 0.75, 0.8, 1.0, 2e-6, 0.2
FORWARD, RADIUS = 5e5, 8000.0
ANGLE = 3.3e-5 + np.concatenate([np.linspace(-1e-5, 1e-5, 41), np.geomspace(1.1e-5, 6e-4, 40)])
MONITOR = 1e6 * np.where(np.abs(ANGLE - MIDDLE) < 1.2e-5, 1, 20)
TURNED = 4 * np.pi / WAVELENGTH * np.sin((ANGLE - MIDDLE) / 2)
WIDTH = np.sqrt(2 * np.pi) * SIGMA


def guinier(q: np.ndarray) -> np.ndarray:
    return np.asarray(FORWARD * np.exp(-((q * RADIUS) ** 2) / 3))


def guinier_smeared(q: np.ndarray) -> np.ndarray:
    """The mean over the slit, which for a Gaussian is known exactly."""
    return np.asarray(guinier(q) * np.sqrt(3 * np.pi) / (2 * RADIUS * SLIT) * erf(SLIT * RADIUS / np.sqrt(3)))


def empty_rate() -> np.ndarray:
    wings = 1e-6 / (1 + (TURNED / 1e-4) ** 2)
    return np.asarray(BEAM * (np.exp(-(((ANGLE - MIDDLE) / SIGMA) ** 2) / 2) + wings))


def sample_rate() -> np.ndarray:
    accepted = WIDTH * 2 * SLIT * WAVELENGTH / (2 * np.pi)
    scattered = WIDE * THICKNESS / 10 * accepted * BEAM * guinier_smeared(TURNED)
    return np.asarray(ROCKING * empty_rate() + scattered)


def scan(rate: np.ndarray, name: str, seed: int | None, through: float = 1.0, **changed: object) -> Run:
    """Counts of a rate per monitor count; without seed as expected, else as counted."""
    draw: Callable[[np.ndarray], np.ndarray] = np.asarray
    if seed is not None:
        draw = np.random.default_rng(seed).poisson
    beyond = np.where(np.abs(TURNED) < 1e-4, 0.5, 1.0)
    items = {
        "detector/counts": poisson(draw((rate + DARK) * MONITOR), 1, dims=("point",), unit="counts"),
        "monitor/counts": poisson(draw(MONITOR), 0, dims=("point",), unit="counts"),
        "detector:transmission/counts": poisson(
            draw(MONITOR * through * beyond), 0, dims=("point",), unit="counts"
        ),
        "motor/m2om": Dataset(np.degrees(ANGLE), dims=("point",), unit="deg"),
        "instrument/wavelength": scalar(WAVELENGTH, unit="angstrom"),
        "sample/thickness": scalar(THICKNESS, unit="mm"),
        "run/title": name,
    } | {key.replace("__", "/"): value for key, value in changed.items()}
    return Run(items, format=name)


def runs(seed: int | None) -> dict[str, Run]:
    seeds = [None] * 3 if seed is None else [3 * seed, 3 * seed + 1, 3 * seed + 2]
    return {
        "sample": scan(sample_rate(), "sample", seeds[0], WIDE),
        "empty": scan(empty_rate(), "empty", seeds[1]),
        "blocked": scan(np.zeros_like(ANGLE), "blocked", seeds[2]),
    }


def reduced(seed: int | None, **options: object):
    work = load_script("usans")(slit=SLIT, **runs(seed), **options)
    work.reduce()
    return work


def good(iq: Dataset) -> np.ndarray:
    return ~iq.mask if iq.mask is not None else np.ones(iq.shape, bool)


class TestScript:
    def test_without_noise_the_scattering_comes_back(self):
        work = reduced(None)
        q = work.iq.axes["q"].values
        small = good(work.iq) & (q < 4e-4)
        assert work.iq.values[small] == pytest.approx(guinier_smeared(q[small]), rel=0.02)
        assert work.iq.unit == "1/cm"
        assert float(work.beam.values) == pytest.approx(BEAM, rel=1e-4)
        assert float(work.rocking_transmission.values) == pytest.approx(ROCKING, rel=2e-3)
        assert float(work.sas_transmission.values) == pytest.approx(ROCKING / WIDE, rel=2e-3)

    @pytest.mark.parametrize("centering", ["fit", "symmetry"])
    def test_with_noise_it_comes_back_within_statistics(self, centering):
        pulls = []
        for seed in range(1, 7):
            iq = reduced(seed, centering=centering).iq
            q = iq.axes["q"].values
            pulls.append(((iq.values - guinier_smeared(q)) / iq.errors)[good(iq)])
        pull = np.concatenate(pulls)
        assert np.mean(pull**2) == pytest.approx(1, abs=0.3)
        assert abs(pull.mean()) < 0.3

    def test_beam_and_transmissions_are_one_error_of_all_points(self):
        given = {"wide_transmission": 0.8, "wide_transmission_error": 0.2}
        iq = reduced(1, **given).iq
        strong = good(iq) & (iq.axes["q"].values < 1.5e-4)
        correlation = iq[np.flatnonzero(strong)].correlation()
        assert correlation.min() > 0.8

    def test_a_scan_that_runs_backwards_is_the_same(self):
        forwards = runs(None)
        back = {
            name: Run(
                {
                    key: run[key] if isinstance(run[key], str) or not run[key].dims else run[key][::-1]
                    for key in run
                }
            )
            for name, run in forwards.items()
        }
        work = load_script("usans")(slit=SLIT, **back)
        work.reduce()
        assert work.iq.values == pytest.approx(reduced(None).iq.values, nan_ok=True)

    def test_the_dead_time_of_the_detector_is_corrected(self):
        tau, seconds = 2e-6, 1.0
        true = (sample_rate() + DARK) * MONITOR
        time = Dataset(np.full(ANGLE.shape, seconds), dims=("point",), unit="s")
        for model, seen in (
            ("non-paralysable", true / (1 + true * tau / seconds)),
            ("paralysable", true * np.exp(-true * tau / seconds)),
        ):
            run = scan(sample_rate(), "sample", None, detector__time=time)
            counts = poisson(seen, 1, dims=("point",), unit="counts")
            dead = Run({key: run[key] for key in run} | {"detector/counts": counts})
            curve = usans.rocking_curve(dead, "m2om", dead_time=tau, model=model)
            assert curve.values == pytest.approx(true / MONITOR, rel=1e-6)

    def test_the_command_writes_six_columns(self, tmp_path):
        work = load_script("usans")(slit=SLIT, **runs(2))
        work.host(tmp_path, lambda fraction, text: None)
        work.reduce()
        (path,) = work.saved
        columns = np.loadtxt(path)
        assert path.name == "sample_usans.dat"
        assert columns.shape == (int(good(work.iq).sum()), 6)
        assert columns[:, 1] == pytest.approx(work.iq.values[good(work.iq)], rel=1e-8)
        assert np.all(columns[:, 3] == -SLIT)
        assert np.array_equal(columns[:, 4], columns[:, 0])
        assert np.all(columns[:, 5] == 1)
        assert "usans.py" in path.read_text()

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"motor": "m1om"}, "KEY_MISSING"),
            (
                {
                    "sample": Run(
                        {**{k: v for k, v in runs(None)["sample"].items() if k != "sample/thickness"}}
                    )
                },
                "NO_THICKNESS",
            ),
            ({"empty": scan(np.zeros_like(ANGLE), "nothing", 7)}, "NO_PEAK"),
            ({"wide_q": 0.9}, "NO_BEAM"),
            ({"sample": Run({**runs(None)["sample"], "detector/counts": scalar(3.0)})}, "NOT_A_SCAN"),
        ],
    )
    def test_what_cannot_be_reduced_is_refused(self, changed, reason):
        work = load_script("usans")(**{"slit": SLIT, **runs(None), **changed})
        with pytest.raises(GumtreeError) as refused:
            work.reduce()
        assert refused.value.reason == reason

    def test_a_sample_that_lets_more_than_all_through_is_the_empty_beam(self):
        exchanged = runs(1)
        exchanged["sample"], exchanged["empty"] = exchanged["empty"], exchanged["sample"]
        work = load_script("usans")(slit=SLIT, **exchanged)
        with pytest.raises(GumtreeError, match=r"1\.33\d* times that of sample.*exchanged") as refused:
            work.reduce()
        assert refused.value.reason == "BAD_TRANSMISSION"

    def test_one_scan_is_not_the_sample_and_the_empty_beam(self):
        given = runs(1)
        work = load_script("usans")(slit=SLIT, sample=given["sample"], empty=given["sample"])
        with pytest.raises(GumtreeError, match="given as sample and as empty beam"):
            work.reduce()

    def test_the_slit_has_to_be_said_as_it_makes_the_scale(self):
        declared = {each.name: each for each in load_script("usans").interface().parameters}
        assert declared["slit"].required


def rocking(center: float, noise: int | None = None) -> Dataset:
    counts = 1e4 * np.exp(-(((ANGLE - center) / SIGMA) ** 2) / 2)
    if noise is not None:
        counts = np.random.default_rng(noise).poisson(counts)
    return poisson(counts, 1, dims=("angle",), axes={"angle": Axis(ANGLE, "rad")}, unit="counts")


class TestPeak:
    def test_a_gaussian_is_found_between_points(self):
        found = usans.peak(rocking(MIDDLE))
        assert float(found.center) == pytest.approx(MIDDLE, abs=1e-12)
        assert float(found.height) == pytest.approx(1e4)
        assert float(found.fwhm) == pytest.approx(SIGMA * np.sqrt(8 * np.log(2)))

    def test_its_errors_are_those_of_many_repetitions(self):
        peaks = [usans.peak(rocking(MIDDLE, noise)) for noise in range(300)]
        for name in ("center", "height", "fwhm"):
            values = np.array([float(getattr(each, name)) for each in peaks])
            error = float(getattr(peaks[0], name).errors)
            assert values.std() == pytest.approx(error, rel=0.15)

    def test_the_symmetry_finds_it_too(self):
        assert usans.symmetric_center(rocking(MIDDLE)) == pytest.approx(MIDDLE, abs=2e-8)

    def test_the_area_over_the_height_is_the_width(self):
        curve = rocking(MIDDLE)
        width = usans.integral_width(curve, usans.peak(curve).height)
        assert float(width) == pytest.approx(WIDTH, rel=1e-3)
        assert width.unit == "rad"

    def test_a_flat_curve_has_no_peak(self):
        flat = poisson(
            np.full(9, 5), 1, dims=("angle",), axes={"angle": Axis(np.arange(9.0), "rad")}, unit="counts"
        )
        with pytest.raises(GumtreeError, match="no round top"):
            usans.peak(flat)


def test_smearing_is_that_of_a_gaussian_known_exactly():
    q = np.geomspace(1e-5, 1e-3, 9)
    assert usans.smear(q, guinier, SLIT) == pytest.approx(guinier_smeared(q), rel=1e-9)


def test_q_is_that_of_half_the_angle():
    curve = usans.over_q(rocking(MIDDLE), MIDDLE, WAVELENGTH)
    assert curve.axes["q"].values == pytest.approx(TURNED)
    assert curve.axes["q"].unit == "1/angstrom"
    with pytest.raises(GumtreeError, match="must be above 0"):
        usans.over_q(rocking(MIDDLE), MIDDLE, 0.0)
