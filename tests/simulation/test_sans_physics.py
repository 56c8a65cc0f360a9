"""The simulated instrument: geometry, rates and the sample changer."""

from __future__ import annotations

import numpy as np
import pytest

from gumtree_core.simulation.samples import SAMPLES
from gumtree_core.simulation.sans import (
    GEOMETRY,
    SLOTS,
    Sans,
    Settings,
    angle_dependent_transmission,
    overlap,
    slot_position,
)


@pytest.fixture(scope="module")
def sans() -> Sans:
    return Sans(seed=1)


def place(sans: Sans, sample_x: float, attenuator: float = 0.0) -> Settings:
    return sans.settings(sample_x, 5.0, 10_000.0, 4000.0, 0.0, attenuator)


@pytest.mark.parametrize("name", SLOTS)
def test_each_slot_puts_its_sample_fully_into_the_beam(sans, name):
    for off in (-3.5, 0.0, 3.5):
        settings = place(sans, slot_position(name) + off)
        assert (settings.sample, settings.opening) == (name, 1.0)


def test_between_the_slots_is_cadmium_and_at_an_edge_part_of_the_beam(sans):
    assert sans.rate(place(sans, 25.0)).sum() == pytest.approx(GEOMETRY.dark_rate)
    assert place(sans, 2 * 50.0 + 10.0).opening == pytest.approx(0.5, abs=0.15)
    openings = [place(sans, x).opening for x in np.linspace(0, 25, 60)]
    assert openings == sorted(openings, reverse=True)


def test_rates_are_those_of_a_real_instrument(sans):
    for name in ("spheres", "polymer", "glassy_carbon", "water"):
        for distance in (1300.0, 4000.0, 10_000.0):
            rate = sans.rate(Settings(name, distance=distance)).sum()
            assert 1e2 < rate < 2e5
            assert rate * GEOMETRY.dead_time < 0.06
    direct = sans.rate(Settings("empty_beam", beamstop=600.0, plates=2)).sum()
    assert 1e3 < direct < 1e5


@pytest.mark.parametrize("distance", [1300.0, 4000.0, 10_000.0])
def test_the_beam_stop_hides_the_whole_direct_beam(sans, distance):
    assert sans.rate(Settings("empty_beam", distance=distance)).sum() == pytest.approx(GEOMETRY.dark_rate)


def test_the_direct_beam_is_complete_where_the_beam_stop_is_out(sans):
    settings = Settings("empty_beam", beamstop=600.0, plates=2)
    seen = (sans.rate(settings) - GEOMETRY.dark_rate / 192**2) / sans.sensitivity
    assert seen.sum() == pytest.approx(sans.beam(settings) * 0.01 * GEOMETRY.efficiency)
    y, x = np.indices(seen.shape)
    assert np.average(x, weights=seen) == pytest.approx(GEOMETRY.beam_center_x, abs=1e-3)
    assert np.average(y, weights=seen) == pytest.approx(GEOMETRY.beam_center_y, abs=1e-3)


def test_the_spot_has_the_second_moment_that_the_resolution_assumes(sans):
    settings = Settings("empty_beam", distance=12_000.0, beamstop=600.0)
    spot = sans.direct_beam(settings)
    x = (np.indices(spot.shape)[1] - GEOMETRY.beam_center_x) * GEOMETRY.pixel_size_x
    measured = np.sqrt(np.sum(spot * x**2)) / settings.distance * 2 * np.pi / settings.wavelength
    assert measured == pytest.approx(float(sans.sigma(settings, np.array(0.0))), rel=2e-3)


def test_the_flux_falls_with_the_square_of_the_collimation_and_with_the_attenuator(sans):
    def direct(**changed: float) -> float:
        settings = Settings("empty_beam", beamstop=600.0, **changed)  # type: ignore[arg-type]
        return float((sans.rate(settings) - GEOMETRY.dark_rate / 192**2).sum())

    assert direct(collimation=5000.0) / direct() == pytest.approx(4.0, rel=0.03)
    assert direct(plates=3) / direct() == pytest.approx(1e-3)
    assert direct(wavelength=10.0) / direct() == pytest.approx(2.0**-4 * np.exp(0.75 * (4.871 / 5) ** 2))


def test_transmission_can_be_measured_with_the_direct_beam(sans):
    near = sans.radius < 32.0

    def spot(sample: str) -> float:
        rate = sans.rate(Settings(sample, beamstop=600.0, plates=2)) - GEOMETRY.dark_rate / 192**2
        return float((rate / sans.sensitivity)[near].sum())

    for name in ("spheres", "polymer", "glassy_carbon", "water"):
        assert spot(name) / spot("empty_beam") == pytest.approx(sans.transmission(name, 5.0), rel=1e-3)


def test_the_sensitivity_is_fixed_by_the_seed_and_realistic(sans):
    assert np.array_equal(Sans(seed=1).sensitivity, sans.sensitivity)
    assert not np.array_equal(Sans(seed=2).sensitivity, sans.sensitivity)
    assert sans.sensitivity.mean() == pytest.approx(1.0)
    assert 0.02 < sans.sensitivity.std() < 0.06
    assert sans.sensitivity.min() > 0.7


def test_the_angle_dependent_transmission_agrees_with_its_usual_approximation():
    cosine = np.cos(np.radians(np.array([0.0, 5.0, 15.0, 30.0])))
    exact = angle_dependent_transmission(0.5, cosine)
    assert exact[0] == 1.0
    assert exact == pytest.approx(0.5 ** ((1 / cosine - 1) / 2), rel=5e-4)
    assert np.all(np.diff(exact) < 0)
    thickness = np.linspace(0, 1, 20001)  # path in, then path out at the angle
    paths = thickness + (1 - thickness) / cosine[-1]
    assert 0.5 * exact[-1] == pytest.approx(np.trapezoid(0.5**paths, thickness), rel=1e-8)


def test_two_discs_overlap_as_geometry_says():
    assert overlap(np.array(0.0), 2.0, 5.0) == pytest.approx(4 * np.pi)
    assert overlap(np.array(7.1), 2.0, 5.0) == pytest.approx(0.0, abs=1e-6)
    assert overlap(np.array(1.0), 1.0, 1.0) == pytest.approx(2 * np.pi / 3 - np.sqrt(3) / 2)


def test_the_slots_hold_all_samples():
    assert tuple(SAMPLES) == SLOTS
