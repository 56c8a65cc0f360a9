"""A careful reduction of the simulated data gives back the truth."""

from __future__ import annotations

import numpy as np
import pytest

from gumtree_core.devices.protocols import Gate, PresetMode
from gumtree_core.errors import GumtreeError
from gumtree_core.simulation import truth
from gumtree_core.simulation.clock import ManualClock
from gumtree_core.simulation.sans import GEOMETRY, Sans, Settings, slot_position
from gumtree_core.simulation.world import World

SAMPLES = ["spheres", "polymer", "glassy_carbon", "water"]
EDGES = np.arange(0.002, 0.2, 0.002)


def beam_parts(settings: Settings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distance from the beam, solid angle and 1 / cos(2 theta) - 1 from the documented numbers alone."""
    y, x = np.indices((192, 192))
    r = np.hypot((x - GEOMETRY.beam_center_x) * 5.08, (y - GEOMETRY.beam_center_y) * 5.08)
    cosine = np.cos(np.arctan(r / settings.distance))
    return r, 5.08**2 / settings.distance**2 * cosine**3, 1 / cosine - 1


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("distance", [1500.0, 4000.0, 12_000.0])
@pytest.mark.parametrize("wavelength", [5.0, 8.0])
def test_plain_corrections_of_noise_free_data_give_back_the_smeared_model(sample, distance, wavelength):
    sans = Sans(seed=4)

    def rate(name: str, **changed: float) -> np.ndarray:
        settings = Settings(name, wavelength, 10_000.0, distance, **changed)  # type: ignore[arg-type]
        observed = sans.rate(settings)
        observed = observed / (1 + observed.sum() * GEOMETRY.dead_time)
        return observed / (1 - observed.sum() * GEOMETRY.dead_time) / sans.sensitivity

    def per_transmission(name: str) -> np.ndarray:
        passed = truth.transmission(name, wavelength)
        return (rate(name) - rate("blocked_beam")) / (passed * passed ** (obliquity / 2))

    settings = Settings(sample, wavelength, 10_000.0, distance)
    r, solid_angle, obliquity = beam_parts(settings)
    scattered = per_transmission(sample)
    if sample != "glassy_carbon":
        scattered = scattered - per_transmission("empty_cell")
    direct = rate("empty_beam", beamstop=600.0, plates=2) - rate("blocked_beam")
    beam = direct.sum() / GEOMETRY.plate_transmission**2
    intensity = scattered / (beam * solid_angle * truth.sample(sample).thickness / 10)

    q = 4 * np.pi / wavelength * np.sin(np.arctan(r / distance) / 2)
    kept = r > 50.0
    number, _ = np.histogram(q[kept], EDGES)
    summed, _ = np.histogram(q[kept], EDGES, weights=intensity[kept])
    expected = truth.expected_iq(settings, EDGES, mask=~kept)
    assert np.array_equal(number == 0, np.isnan(expected))
    assert summed[number > 0] / number[number > 0] == pytest.approx(expected[number > 0], rel=2e-4)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_measured_and_reduced_curve_agrees_with_the_truth_within_its_errors(seed):
    clock = ManualClock()
    world = World(seed, clock)
    sans = world.sans

    def count(name: str, seconds: float, plates: int = 0, stop: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        for axis, place in (
            ("sample_x", slot_position(name)),
            ("attenuator", plates),
            ("beamstop_y", stop),
        ):
            world.axis(axis).move(place)
        clock.advance(100.0)
        world.main.start(Gate.EXTERNAL, 0)
        world.electronics.start(PresetMode.TIME, seconds)
        clock.advance(seconds)
        status, image = world.main.image()
        dead = 1 - status.counts / status.time * GEOMETRY.dead_time
        norm = 1 / (dead * world.electronics.status().counts * sans.sensitivity)
        return image * norm, image * norm**2

    settings = Settings("spheres")
    r, solid_angle, obliquity = beam_parts(settings)
    spot = r < 30.0
    dark, dark_variance = count("blocked_beam", 600.0)
    direct = {
        name: float((count(name, 600.0, plates=2, stop=600.0)[0] - dark)[spot].sum())
        for name in ("empty_beam", "empty_cell", "spheres")
    }
    scale = direct["empty_beam"] / GEOMETRY.plate_transmission**2 * solid_angle * 0.1
    total = np.zeros((192, 192))
    variance = np.zeros((192, 192))
    for name, sign in (("spheres", 1), ("empty_cell", -1)):
        rate, rate_variance = count(name, 300.0)
        passed = direct[name] / direct["empty_beam"]
        factor = 1 / (scale * passed * passed ** (obliquity / 2))
        total += sign * (rate - dark) * factor
        variance += (rate_variance + dark_variance) * factor**2
    q = sans.q(settings)
    kept = r > GEOMETRY.beamstop_diameter / 2 + 5.08
    edges = np.arange(0.014, 0.15, 0.002)
    number, _ = np.histogram(q[kept], edges)
    intensity = np.histogram(q[kept], edges, weights=total[kept])[0] / number
    errors = np.sqrt(np.histogram(q[kept], edges, weights=variance[kept])[0]) / number
    expected = truth.expected_iq(settings, edges, mask=~kept)
    chi_square, points = truth.reduced_chi_square(intensity, errors, expected)
    assert points == 67
    assert 0.6 < chi_square < 1.5


def test_the_resolution_matters_and_more_so_with_a_short_collimation():
    q = np.linspace(0.02, 0.12, 50)
    ideal = truth.iq("spheres", q)
    fine, coarse = (
        np.abs(truth.smeared_iq(Settings("spheres", collimation=collimation), q) / ideal - 1).max()
        for collimation in (10_000.0, 3000.0)
    )
    assert coarse > fine > 0.05


def test_bins_without_pixels_have_no_truth_and_weights_count():
    settings = Settings("polymer")
    expected = truth.expected_iq(settings, np.array([0.0, 0.001, 0.05, 0.06, 5.0, 6.0]))
    assert np.isnan(expected[[0, 4]]).all()
    assert np.isfinite(expected[[1, 2, 3]]).all()
    weights = (np.indices((192, 192))[0] == 95).astype(float)
    row = truth.expected_iq(settings, np.array([0.05, 0.06]), weights=weights)
    assert row == pytest.approx(expected[2], rel=0.05)
    assert row != expected[2]


def test_the_sensitivity_of_the_truth_is_the_one_that_was_used():
    assert np.array_equal(truth.sensitivity(5), World(5, ManualClock()).sans.sensitivity)


def test_chi_square_counts_only_points_that_can_be_compared():
    values = np.array([1.0, 2.0, np.nan, 4.0, 5.0])
    errors = np.array([0.1, 0.1, 0.1, 0.0, 0.5])
    assert truth.reduced_chi_square(values, errors, np.array([1.1, 2.0, 3.0, 4.0, 5.0])) == (
        pytest.approx(1 / 3),
        3,
    )
    with pytest.raises(GumtreeError, match="no point"):
        truth.reduced_chi_square(values, np.zeros(5), values)


def test_an_unknown_sample_is_named_with_those_there_are():
    with pytest.raises(GumtreeError, match=r"'gold'.*glassy_carbon") as refused:
        truth.smeared_iq(Settings("gold"), np.array([0.1]))
    assert refused.value.reason == "UNKNOWN_SAMPLE"
