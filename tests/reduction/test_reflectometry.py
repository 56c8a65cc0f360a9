"""Reflectometry by time of flight: the parts, and a simulated measurement with a known answer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import constants

from gumtree_core.data import Axis, Dataset, poisson, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.reduction.reflectometry.beam import Regions, Ridge, find_ridge, rows_within, weights
from gumtree_core.reduction.reflectometry.flight import flight
from gumtree_core.reduction.reflectometry.footprint import illuminated
from gumtree_core.reduction.reflectometry.gravity import VELOCITY, Collimation, deflection, height, slope
from gumtree_core.reduction.reflectometry.reflectivity import (
    Extraction,
    one_for_each,
    reflectivity,
    spectrum,
    wavelength_bins,
)
from gumtree_core.reduction.reflectometry.stitching import plateau, scale_onto, stitch

WAY = Collimation(second=2858.0, sample=3135.5, detector=5635.5)
PIXEL = 1.0407
ROWS = 221
DIRECT_ROW = 115.4
BINS = wavelength_bins(3, 18, 0.03)


def beamline(**changed: object) -> dict[str, object]:
    """What a run says of an instrument like Platypus."""
    speeds = {"ch1": 1380.0, "ch2": 0.0, "ch3": -1380.0, "ch4": 0.0}
    items: dict[str, object] = {
        "instrument/source_distance": scalar(5045.4, unit="mm"),
        "detector/distance": scalar(2500.0, unit="mm"),
        "detector/pixel_size_y": scalar(PIXEL, unit="mm"),
        "detector/y": scalar(0.0, unit="mm"),
        "monitor/counts": poisson(np.array(1_000_000), 0),
        "chopper/radius": scalar(350.0, unit="mm"),
    }
    for disc, place, opening in (("ch1", 0, 60), ("ch2", 103, 10), ("ch3", 359, 25), ("ch4", 808, 60)):
        items |= {
            f"chopper/{disc}/speed": scalar(speeds[disc], unit="rpm"),
            f"chopper/{disc}/distance": scalar(place, unit="mm"),
            f"chopper/{disc}/opening": scalar(opening, unit="deg"),
            f"chopper/{disc}/phase": scalar(42.5 if disc == "ch3" else 0, unit="deg"),
            f"chopper/{disc}/phase_offset": scalar(0.0, unit="deg"),
        }
    for slit, place in (("second", 1909.9), ("third", 4767.9)):
        items |= {
            f"slit/{slit}/distance": scalar(place, unit="mm"),
            f"slit/{slit}/height": scalar(0.5, unit="mm"),
        }
    return {key: value for key, value in (items | changed).items() if value is not None}


def expected_counts(
    wavelength: np.ndarray, rate: np.ndarray, row: float, *, reflected: bool, background: float
) -> np.ndarray:
    """(time, row), of a Gaussian beam that falls, on a background that rises along the rows."""
    edges = np.arange(ROWS + 1) - 0.5
    center = row + deflection(wavelength, WAY, reflected=reflected) / PIXEL
    from scipy.special import ndtr

    share = np.diff(ndtr((edges[None, :] - center[:, None]) / 1.3), axis=1)
    level = background * (0.5 + np.arange(ROWS) / ROWS)
    return rate[:, None] * share + level


def measured(
    rate: Callable[[np.ndarray], np.ndarray],
    *,
    reflected: bool,
    row: float = DIRECT_ROW,
    lifted: float = 0.0,
    background: float = 0.0,
    seed: int | None = None,
) -> Run:
    time = np.arange(0, 43_000, 43.0)
    way = flight(Run(beamline()))
    edges = way.wavelength(time)
    middle = (edges[1:] + edges[:-1]) / 2
    counts = expected_counts(middle, rate(middle), row, reflected=reflected, background=background)
    counts = np.where(middle[:, None] > 0, counts, 0.0)
    if seed is not None:
        counts = np.random.default_rng(seed).poisson(counts)
    return Run(
        beamline()
        | {
            "detector/y": scalar(lifted, unit="mm"),
            "detector/counts": poisson(
                counts,
                0,
                dims=("time_of_flight", "y"),
                axes={"time_of_flight": Axis(time, "us", dims=("time_of_flight",))},
                unit="counts",
            ),
        },
        format="simulated",
    )


def spectrum_of_source(wavelength: np.ndarray) -> np.ndarray:
    return 2e4 * np.exp(-(((wavelength - 5) / 4) ** 2)) + 2000


class TestGravity:
    def test_a_neutron_passes_both_slits(self):
        wavelength = np.array([2.0, 20.0])
        assert height(wavelength, WAY, 0.0) == pytest.approx([0, 0])
        assert height(wavelength, WAY, WAY.second) == pytest.approx([0, 0])

    def test_the_path_is_the_parabola_of_free_fall(self):
        velocity = VELOCITY / 20
        c, x = WAY.second / 1000, 5.6355
        launch = 0.5 * np.arcsin(constants.g * c / velocity**2)
        exact = x * np.tan(launch) - constants.g * x**2 / (2 * (velocity * np.cos(launch)) ** 2)
        assert height(np.array([20.0]), WAY, 5635.5)[0] / 1000 == pytest.approx(exact, rel=1e-5)

    def test_the_slope_is_that_of_the_path(self):
        step = 1e-3
        rise = height(np.array([15.0]), WAY, 3000 + step) - height(np.array([15.0]), WAY, 3000 - step)
        assert slope(np.array([15.0]), WAY, 3000.0) == pytest.approx(rise / (2 * step), rel=1e-6)

    def test_a_reflected_beam_is_where_ray_tracing_puts_it(self):
        wavelength, theta = np.array([18.0]), np.radians(0.5)
        k = constants.g / (VELOCITY / 18.0) ** 2 * 1e-3

        def arrives(k: float) -> float:
            # the path before the sample meets its surface, a line through the sample's place
            s, c = WAY.sample, WAY.second
            roots = np.roots([-k / 2, k * c / 2 - np.tan(theta), s * np.tan(theta)]) if k else [s]
            x = min(np.real(roots), key=lambda root: abs(root - s))
            y, before = k * x * (c - x) / 2, k * (c / 2 - x)
            after = np.tan(2 * theta - np.arctan(before))
            way = WAY.detector - x
            return y + after * way - k / 2 * (1 + after**2) * way**2

        moved = arrives(k) - arrives(0.0)
        assert deflection(wavelength, WAY, reflected=True)[0] == pytest.approx(moved, rel=0.05)


class TestFlight:
    def test_the_wavelength_is_that_of_the_flight_time(self):
        way = flight(Run(beamline()))
        assert way.choppers.opening == pytest.approx(0, abs=1e-9)
        assert way.length == pytest.approx(5045.4 + 2500 - 359 / 2)
        delay = 1e6 * 30 / (360 * 23)  # half the master's window after the start signal
        time = way.length * 1e3 / VELOCITY * 5.0
        found = way.wavelength(np.array([delay, time + delay]))
        assert found == pytest.approx([0, 5.0], rel=2e-3, abs=2e-3)

    def test_the_resolution_adds_burst_crossing_and_bin_width(self):
        way = flight(Run(beamline()))
        fine = np.array([9.9999, 10.0001])
        time = way.length * 1e3 / VELOCITY * 10
        burst = 359 * 1e3 / VELOCITY * 10
        crossing = 1e6 * 0.5 / (2 * np.pi * 350 * 23)
        expected = 10 * np.hypot(burst, crossing) / time / np.sqrt(12)
        assert way.sigma_wavelength(fine)[0] == pytest.approx(expected, rel=1e-6)
        wide = way.sigma_wavelength(np.array([9.5, 10.5]))[0]
        assert wide == pytest.approx(np.hypot(expected, 1 / np.sqrt(12)), rel=1e-6)

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"chopper/ch3/speed": scalar(0, unit="rpm")}, "NO_CHOPPERS"),
            ({"instrument/mode": "SB"}, "BAD_GEOMETRY"),
            ({"detector/distance": scalar(0, unit="mm")}, "BAD_GEOMETRY"),
            ({"slit/third/distance": scalar(1000, unit="mm")}, "BAD_GEOMETRY"),
            ({"chopper/radius": None}, "KEY_MISSING"),
        ],
    )
    def test_a_run_that_cannot_be_understood_is_refused(self, changed, reason):
        with pytest.raises(GumtreeError) as refused:
            flight(Run(beamline(**changed)))
        assert refused.value.reason == reason

    def test_a_file_may_name_master_and_slave(self):
        named = {
            "chopper/master": scalar(1),
            "chopper/slave": scalar(3),
            "chopper/ch2/speed": scalar(1380, unit="rpm"),
        }
        assert flight(Run(beamline(**named))).choppers.separation == 359


class TestRegions:
    @given(st.floats(40, 180), st.floats(0.5, 8), st.floats(-5, 5))
    def test_a_straight_background_is_taken_off_whatever_the_place(self, center, sigma, moved):
        regions = Regions.around(Ridge(center, sigma), width=3, gap=4, background=2)
        share = weights(regions, np.array([moved]), ROWS, "line")[0]
        assert share @ np.ones(ROWS) == pytest.approx(0, abs=1e-8)
        assert share @ np.arange(ROWS) == pytest.approx(0, abs=1e-6)

    def test_a_mean_background_needs_no_line(self):
        regions = Regions.around(Ridge(100, 2), width=3, gap=4, background=2)
        share = weights(regions, np.zeros(1), ROWS, "mean")[0]
        assert share @ np.full(ROWS, 7.0) == pytest.approx(0, abs=1e-9)
        low, high = regions.foreground
        assert weights(regions, np.zeros(1), ROWS, "none").sum() == pytest.approx(high - low)

    def test_rows_that_are_partly_inside_count_in_part(self):
        assert rows_within((1.25, 3.5), np.zeros(1), 6)[0] == pytest.approx([0, 0.25, 1, 1, 0, 0])
        assert rows_within((1.25, 3.5), np.array([0.25]), 6)[0] == pytest.approx([0, 0, 1, 1, 0.25, 0])

    def test_a_beam_beyond_the_detector_is_refused(self):
        regions = Regions.around(Ridge(2, 2), width=3, gap=4, background=2)
        with pytest.raises(GumtreeError, match="beyond the 221 rows"):
            weights(regions, np.zeros(1), ROWS, "line")

    def test_a_background_needs_rows(self):
        regions = Regions.around(Ridge(5, 1), width=3, gap=4, background=2)
        with pytest.raises(GumtreeError) as refused:
            weights(regions, np.zeros(1), 10, "line")
        assert refused.value.reason == "NO_BACKGROUND"


class TestRidge:
    def test_it_is_found_where_it_is_on_a_background(self):
        run = measured(spectrum_of_source, reflected=False, row=97.3, background=2.0, seed=1)
        found = spectrum(run, BINS, reflected=False).ridge
        assert found.center == pytest.approx(97.3, abs=0.02)
        # as wide as the beam, a row, and rows shared when the falling beam is followed
        assert found.sigma == pytest.approx(np.sqrt(1.3**2 + 1 / 12 + 1 / 6), rel=0.02)
        assert abs(found.center - 97.3) < 5 * found.center_error

    def test_nothing_to_be_seen_is_said(self):
        with pytest.raises(GumtreeError) as refused:
            find_ridge(np.zeros((10, 50)), np.zeros(10))
        assert refused.value.reason == "NO_BEAM"


THETA = np.radians(0.6)
LIFT = 2500 * np.tan(2 * THETA)


def mirror(wavelength: np.ndarray) -> np.ndarray:
    """What a step of silicon reflects, by Fresnel's formula, at the angle with which neutrons arrive."""
    q = 4 * np.pi / wavelength * np.sin(THETA - slope(wavelength, WAY, WAY.sample))
    below = np.sqrt((q**2 - 0.0103**2).astype(complex))
    return np.abs((q - below) / (q + below)) ** 2


class TestReflectivity:
    def test_without_noise_the_curve_is_that_of_the_mirror(self):
        extraction = Extraction(width=6)
        direct = spectrum(
            measured(spectrum_of_source, reflected=False, background=3.0),
            BINS,
            reflected=False,
            extraction=extraction,
        )
        seen = measured(
            lambda wavelength: mirror(wavelength) * spectrum_of_source(wavelength),
            reflected=True,
            lifted=LIFT,
            background=0.5,
        )
        curve = reflectivity(spectrum(seen, BINS, reflected=True, extraction=extraction), direct)
        wavelength = curve.metadata["wavelength"].values
        assert float(curve.metadata["theta"].values) == pytest.approx(0.6, abs=2e-4)
        q = 4 * np.pi / wavelength * np.sin(THETA - slope(wavelength, WAY, WAY.sample))
        assert curve.axes["q"].values == pytest.approx(q, rel=5e-4)
        steady = np.abs(q - 0.0103) > 0.001  # a bin averages over the edge
        assert curve.values[steady] == pytest.approx(mirror(wavelength)[steady], rel=5e-3)

    def test_with_noise_it_is_recovered_within_statistics(self):
        direct = spectrum(
            measured(spectrum_of_source, reflected=False, background=1.0, seed=2), BINS, reflected=False
        )
        pulls = []
        for seed in range(3, 7):
            seen = measured(
                lambda wavelength: mirror(wavelength) * spectrum_of_source(wavelength),
                reflected=True,
                lifted=LIFT,
                background=1.0,
                seed=seed,
            )
            ridge = Ridge(DIRECT_ROW, 1.33)
            curve = reflectivity(spectrum(seen, BINS, reflected=True, ridge=ridge), direct)
            wavelength = curve.metadata["wavelength"].values
            steady = np.abs(curve.axes["q"].values - 0.0103) > 0.001
            pulls.append(((curve.values - mirror(wavelength)) / curve.errors)[steady])
        pull = np.concatenate(pulls)
        assert np.mean(pull**2) == pytest.approx(1.0, abs=0.25)
        assert abs(pull.mean()) < 0.25  # a background drawn low would leave the faint end too high

    def test_counts_are_conserved_and_neighbours_know_what_they_share(self):
        run = measured(spectrum_of_source, reflected=False, seed=5)
        monitor = 1e6
        taken = spectrum(run, BINS, reflected=False, extraction=Extraction(width=8, background="none"))
        intensity = taken.intensity * monitor
        edges = taken.flight.wavelength(run.data("detector/counts").axes["time_of_flight"].values)
        whole = (edges[:-1] >= BINS.values[0]) & (edges[1:] <= BINS.values[-1])
        inside = run.data("detector/counts").values[whole].sum()
        assert float(intensity.sum().values) == pytest.approx(inside, rel=0.02)
        covariance = taken.intensity.covariance()
        beside = (
            np.diagonal(covariance, 1)
            - np.outer(taken.intensity.values, taken.intensity.values).diagonal(1) / monitor
        )
        assert np.all(beside[:5] > 0)

    def test_the_monitor_is_one_error_of_all_points(self):
        direct = measured(spectrum_of_source, reflected=False)
        few = Run({**{key: direct[key] for key in direct}, "monitor/counts": poisson(np.array(100), 0)})
        taken = spectrum(few, BINS, reflected=False)
        assert taken.intensity.correlation()[0, -1] > 0.9

    def test_two_direct_beams_reflect_nothing(self):
        taken = spectrum(measured(spectrum_of_source, reflected=False), BINS, reflected=False)
        with pytest.raises(GumtreeError) as refused:
            reflectivity(taken, taken)
        assert refused.value.reason == "NOT_REFLECTED"

    def test_a_sample_that_looks_down_reflects_alike(self):
        direct = spectrum(measured(spectrum_of_source, reflected=False), BINS, reflected=False)
        up, down = (
            reflectivity(
                spectrum(measured(spectrum_of_source, reflected=True, lifted=lift), BINS, reflected=True),
                direct,
            )
            for lift in (LIFT, -LIFT)
        )
        assert float(down.metadata["theta"].values) == pytest.approx(
            float(up.metadata["theta"].values), rel=1e-2
        )
        # gravity adds to the angle above and takes off it below
        assert down.axes["q"].values[0] < up.axes["q"].values[0]

    @pytest.mark.parametrize(
        ("bins", "changed", "reason"),
        [
            (wavelength_bins(3, 30, 0.03), {}, "BAD_BINS"),
            (BINS, {"monitor/counts": poisson(np.array(0), 0)}, "NO_MONITOR"),
            (BINS, {"detector/counts": poisson(np.ones((4, 5)), 0, dims=("y", "x"))}, "NOT_TIME_OF_FLIGHT"),
        ],
    )
    def test_what_cannot_be_reduced_is_refused(self, bins, changed, reason):
        run = measured(spectrum_of_source, reflected=False)
        with pytest.raises(GumtreeError) as refused:
            spectrum(Run({**{key: run[key] for key in run}, **changed}), bins, reflected=False)
        assert refused.value.reason == reason

    @pytest.mark.parametrize("limits", [(0, 5, 0.1), (5, 3, 0.1), (3, 5, 0), (3, 5, 1.5)])
    def test_bins_that_are_none_are_refused(self, limits):
        with pytest.raises(GumtreeError, match="no bins of relative width"):
            wavelength_bins(*limits)

    def test_each_angle_has_a_direct_beam(self):
        taken = spectrum(measured(spectrum_of_source, reflected=False), BINS, reflected=False)
        assert one_for_each([taken], 3, "direct beams") == [taken] * 3
        with pytest.raises(GumtreeError, match="2 direct beams for 3 runs"):
            one_for_each([taken, taken], 3, "direct beams")


def curve(q: np.ndarray, factor: float = 1.0, error: float = 0.01) -> Dataset:
    values = factor * 1e-6 * q**-3.0
    return Dataset(
        values, (error * values) ** 2, dims=("q",), axes={"q": Axis(q, "1/angstrom")},
        metadata={"dq": Dataset(0.02 * q, dims=("q",), unit="1/angstrom")},
    )  # fmt: skip


class TestStitching:
    def test_curves_are_laid_on_the_first(self):
        first, second = curve(np.geomspace(0.01, 0.05, 40)), curve(np.geomspace(0.03, 0.2, 40), 0.02)
        joined, factors = stitch([first, second])
        assert factors.values == pytest.approx([1, 50], rel=2e-3)
        q = joined.axes["q"].values
        assert np.all(np.diff(q) > 0)
        assert joined.values == pytest.approx(1e-6 * q**-3.0, rel=3e-3)
        assert joined.metadata["dq"].values == pytest.approx(0.02 * q)

    def test_the_error_of_the_factor_is_shared(self):
        first, second = curve(np.geomspace(0.01, 0.05, 40)), curve(np.geomspace(0.03, 0.2, 40), 0.02, 1e-5)
        joined, factors = stitch([first, second])
        beyond = joined[joined.axes["q"].values > 0.05]
        assert beyond.correlation()[0, -1] > 0.95
        assert beyond.errors[-1] / beyond.values[-1] == pytest.approx(factors.errors[1] / 50, rel=0.05)

    def test_errors_that_both_curves_share_cancel_in_the_factor(self):
        shared = scalar(1.0, 0.1)
        first, second = curve(np.geomspace(0.01, 0.05, 40)), curve(np.geomspace(0.03, 0.2, 40), 0.02)
        assert scale_onto(second * shared, first * shared).errors == pytest.approx(
            scale_onto(second, first).errors, rel=1e-6
        )

    def test_curves_that_do_not_overlap_are_refused(self):
        first, second = curve(np.geomspace(0.01, 0.02, 9)), curve(np.geomspace(0.03, 0.2, 9))
        with pytest.raises(GumtreeError) as refused:
            stitch([first, second])
        assert refused.value.reason == "NO_OVERLAP"
        assert stitch([first, second], scale=False)[0].size == 18

    def test_a_plateau_is_a_weighted_mean(self):
        q = np.geomspace(0.005, 0.05, 30)
        flat = Dataset(np.full(30, 0.9), np.full(30, 0.01**2), dims=("q",), axes={"q": Axis(q, "1/angstrom")})
        assert float(plateau(flat, 0.01)) == pytest.approx(0.9)
        with pytest.raises(GumtreeError, match="no good points"):
            plateau(flat, 0.001)


class TestFootprint:
    def test_a_long_sample_catches_all_and_a_short_one_in_proportion(self):
        way = flight(Run(beamline()))
        theta = np.radians([0.05, 0.1, 10.0])
        part = illuminated(theta, 100.0, way)
        assert part[2] == pytest.approx(1)
        assert part[1] / part[0] == pytest.approx(2, rel=1e-3)  # within the bright middle

    def test_it_is_what_rays_through_the_slits_do(self):
        way = flight(Run(beamline()))
        rng = np.random.default_rng(3)
        first, second = rng.uniform(-0.25, 0.25, (2, 400_000))
        at_sample = first + (second - first) * way.collimation.sample / way.collimation.second
        theta = np.radians(0.3)
        caught = np.mean(np.abs(at_sample) < 100 * np.sin(theta) / 2)
        assert illuminated(theta, 100.0, way) == pytest.approx(caught, abs=3e-3)

    def test_a_sample_has_a_length(self):
        with pytest.raises(GumtreeError, match="0 mm long"):
            illuminated(np.array([0.01]), 0.0, flight(Run(beamline())))
