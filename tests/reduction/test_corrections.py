"""Attenuators, polarisation, absorption, gas detectors, parallax: against independent calculations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import dblquad, quad

from gumtree_core.data import Dataset, poisson, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.corrections.absorption import cylinder, paalman_pings, plate
from gumtree_core.reduction.corrections.attenuation import attenuators
from gumtree_core.reduction.corrections.efficiency import (
    flat_detector,
    helium_absorption,
    tube_efficiency,
    tube_solid_angle,
    visible_part,
)
from gumtree_core.reduction.corrections.parallax import absorption_depth, parallax
from gumtree_core.reduction.corrections.polarization import (
    Polarizer,
    efficiencies,
    full_polarized,
    half_polarized,
    non_flipping,
    xray_polarization,
)

TABLE = attenuators(
    np.array([4.0, 5.0, 6.0]),
    np.array([[1, 1, 1], [0.5, 0.4, 0.3], [0.05, 0.04, 0.03]]),
    np.array([[0, 0, 0], [0.01, 0.01, 0.02], [0.001, 0.001, 0.001]]),
)


def refusal(call) -> str:
    with pytest.raises(GumtreeError) as refused:
        call()
    return refused.value.reason


def error_of(function, value: float, error: float, step: float = 1e-6) -> np.ndarray:
    """First order, by differences."""
    up, down = function(value * (1 + step)), function(value * (1 - step))
    return np.abs(np.asarray(up.values) - np.asarray(down.values)) / (2 * step * value) * error


def test_an_attenuator_is_interpolated_in_its_logarithm_with_the_errors_of_both_neighbours():
    between = TABLE.transmission(1, 4.5)

    assert float(between.values) == pytest.approx(np.sqrt(0.5 * 0.4))
    relative = 0.5 * np.hypot(0.01 / 0.5, 0.01 / 0.4)
    assert float(between.errors) == pytest.approx(float(between.values) * relative)
    assert float(TABLE.transmission(1, 5.0).errors) == pytest.approx(0.01)
    assert float(TABLE.transmission(0, 5.5).values) == 1


def test_the_attenuator_of_two_runs_cancels_in_their_ratio():
    ratio = TABLE.transmission(2, 4.2) / TABLE.transmission(2, 4.2)

    assert float(ratio.errors) == pytest.approx(0, abs=1e-12)
    apart = TABLE.transmission(2, 4.2) / TABLE.transmission(1, 4.2)
    assert float(apart.errors) > 0.01 * float(apart.values)


def test_an_attenuator_over_wavelengths_of_a_flight():
    flight = Dataset([0.45, 0.55], dims="time_of_flight", unit="nm")

    through = TABLE.transmission(2, flight)

    assert through.dims == ("time_of_flight",)
    assert through.values == pytest.approx([np.sqrt(0.05 * 0.04), np.sqrt(0.04 * 0.03)])


@pytest.mark.parametrize(
    "call",
    [
        lambda: TABLE.transmission(3, 5.0),
        lambda: TABLE.transmission(-1, 5.0),
        lambda: TABLE.transmission(1, 3.9),
        lambda: TABLE.transmission(1, float("nan")),
    ],
)
def test_beyond_the_table_no_attenuator_is_made_up(call):
    assert refusal(call) == "NO_ATTENUATION"


@pytest.mark.parametrize(
    ("wavelengths", "values"),
    [([5.0, 4.0], [[0.5, 0.4]]), ([4.0, 5.0], [[0.0, 0.4]]), ([4.0, 5.0], [[1.1, 0.4]])],
)
def test_a_table_that_cannot_be_is_refused(wavelengths, values):
    assert refusal(lambda: attenuators(np.array(wavelengths), np.array(values))) == "BAD_ATTENUATION"


def matrix(p: float, f: float) -> np.ndarray:
    """Parts of spin + and - with the flipper off and on: simulated one neutron at a time below."""
    return np.array([[p, 1 - p], [p * (1 - f) + (1 - p) * f, p * f + (1 - p) * (1 - f)]])


def test_the_matrix_is_that_of_neutrons_that_are_let_through_and_flipped_one_by_one():
    rng = np.random.default_rng(2)
    p, f, n = 0.93, 0.9, 200_000
    up = rng.random(n) < p
    flipped = np.where(rng.random(n) < f, ~up, up)

    assert [up.mean(), 1 - up.mean()] == pytest.approx(matrix(p, f)[0], abs=4e-3)
    assert [flipped.mean(), 1 - flipped.mean()] == pytest.approx(matrix(p, f)[1], abs=4e-3)


unit = st.floats(0.55, 1.0)


@given(unit, unit, unit, unit, st.lists(st.floats(0.1, 100), min_size=4, max_size=4))
def test_the_spin_states_come_out_as_they_went_in(p1, f1, p2, f2, states):
    true = np.array(states).reshape(2, 2)
    seen = matrix(p1, f1) @ true @ matrix(p2, f2).T
    first, second = Polarizer(scalar(p1), scalar(f1)), Polarizer(scalar(p2), scalar(f2))

    found = full_polarized(*(scalar(each) for each in seen.ravel()), first, second)
    half = half_polarized(*(scalar(each) for each in matrix(p1, f1) @ true[0]), first)

    values = [found.plus_plus, found.plus_minus, found.minus_plus, found.minus_minus]
    assert [float(each.values) for each in values] == pytest.approx(true.ravel(), rel=1e-6, abs=1e-6)
    assert [float(each.values) for each in half] == pytest.approx(true[0], rel=1e-6, abs=1e-6)


def test_perfect_polarisers_change_nothing():
    perfect = Polarizer(scalar(1.0), scalar(1.0))
    seen = [scalar(value, 1.0) for value in (100.0, 20.0, 30.0, 90.0)]

    found = full_polarized(*seen, perfect, perfect)

    assert float((found.plus_minus - seen[1]).errors) == pytest.approx(0, abs=1e-12)
    assert float(found.minus_plus.values) == 30


def inverse(m: np.ndarray) -> np.ndarray:
    return np.array([[m[1, 1], -m[0, 1]], [-m[1, 0], m[0, 0]]]) / (m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0])


def test_errors_of_spin_states_are_those_of_the_uncertainties_package():
    unc = pytest.importorskip("uncertainties")
    numbers = {"p1": (0.97, 0.01), "f1": (0.95, 0.02), "p2": (0.94, 0.01), "f2": (0.9, 0.02)}
    counts = (1000.0, 200.0, 210.0, 900.0)
    ours = {name: scalar(*each) for name, each in numbers.items()}
    theirs = {name: unc.ufloat(*each) for name, each in numbers.items()}
    seen = [scalar(n, np.sqrt(n)) for n in counts]
    measured = np.array([unc.ufloat(n, np.sqrt(n)) for n in counts]).reshape(2, 2)

    found = full_polarized(*seen, Polarizer(ours["p1"], ours["f1"]), Polarizer(ours["p2"], ours["f2"]))

    a, b = matrix(theirs["p1"], theirs["f1"]), matrix(theirs["p2"], theirs["f2"])
    expected = inverse(a) @ measured @ inverse(b).T
    together = [found.plus_plus, found.plus_minus, found.minus_plus, found.minus_minus]
    for mine, other in zip(together, expected.ravel(), strict=True):
        assert float(mine.values) == pytest.approx(other.n)
        assert float(mine.errors) == pytest.approx(other.s, rel=1e-6)
    asymmetry = (found.plus_plus - found.minus_minus) / (found.plus_plus + found.minus_minus)
    exact = (expected[0, 0] - expected[1, 1]) / (expected[0, 0] + expected[1, 1])
    assert float(asymmetry.errors) == pytest.approx(exact.s, rel=1e-6)


def test_three_measurements_do_where_both_spin_flips_are_equal():
    true = np.array([[50.0, 7.0], [7.0, 20.0]])
    seen = matrix(0.97, 0.95) @ true @ matrix(0.94, 0.9).T
    first, second = Polarizer(scalar(0.97), scalar(0.95)), Polarizer(scalar(0.94), scalar(0.9))

    found = non_flipping(scalar(seen[0, 0]), scalar(seen[0, 1]), scalar(seen[1, 1]), first, second)

    assert float(found.plus_plus.values) == pytest.approx(50)
    assert float(found.plus_minus.values) == pytest.approx(7)
    assert float(found.minus_minus.values) == pytest.approx(20)


def test_direct_beams_tell_the_efficiencies():
    beam = matrix(0.97, 0.95) @ (np.eye(2) * 500) @ matrix(0.94, 0.9).T

    found = efficiencies(*(scalar(each, 1.0) for each in beam.ravel()))

    assert float(found.first_flipper.values) == pytest.approx(0.95)
    assert float(found.second_flipper.values) == pytest.approx(0.9)
    assert float(found.product.values) == pytest.approx((2 * 0.97 - 1) * (2 * 0.94 - 1))
    first, second = found.with_polarizer(scalar(0.97))
    assert float(second.polarizer.values) == pytest.approx(0.94)
    alike, _ = found.alike()
    assert float(alike.polarization.values) ** 2 == pytest.approx(float(found.product.values))
    assert float(first.flipper.errors) > 0


def test_images_are_corrected_with_efficiencies_over_wavelength():
    off, on = (poisson(np.full((2, 3), n), 0, dims=("wavelength", "x")) for n in (100, 30))
    both = Polarizer(Dataset([0.99, 0.95], [1e-4, 1e-4], dims="wavelength"), scalar(0.97, 0.01))

    plus, minus = half_polarized(off, on, both)

    for k, p in enumerate((0.99, 0.95)):
        expected = np.linalg.inv(matrix(p, 0.97)) @ [100, 30]
        assert plus.values[k] == pytest.approx(np.full(3, expected[0]))
        assert minus.values[k] == pytest.approx(np.full(3, expected[1]))


def test_what_polarises_nothing_is_refused():
    assert refusal(lambda: Polarizer(scalar(0.5), scalar(1.0))) == "BAD_EFFICIENCY"
    assert refusal(lambda: Polarizer(scalar(0.9), scalar(0.0))) == "BAD_EFFICIENCY"
    assert refusal(lambda: Polarizer(scalar(float("nan")), scalar(1.0))) == "BAD_EFFICIENCY"
    same = scalar(100.0, 1.0)
    assert refusal(lambda: efficiencies(same, same, same, same)) == "NO_POLARIZATION"


def test_the_polarisation_of_x_rays():
    angle = np.radians([0, 30, 90])

    assert xray_polarization(angle) == pytest.approx((1 + np.cos(angle) ** 2) / 2)
    assert xray_polarization(angle, 0.0, 1.0) == pytest.approx(np.cos(angle) ** 2)
    assert xray_polarization(angle, np.pi / 2, 1.0) == pytest.approx([1, 1, 1])
    assert refusal(lambda: xray_polarization(angle, 0.0, 1.5)) == "BAD_POLARIZATION"


@pytest.mark.parametrize("mu_t", [1e-9, 0.1, 1.0, 5.0])
@pytest.mark.parametrize("exit_angle", [0.0, 0.3, 0.30001, 1.2, np.pi - 0.3, np.pi - 1.3])
def test_the_plate_is_the_integral_over_its_depth(mu_t, exit_angle):
    def path(z: float) -> float:
        out = (1 - z) / np.cos(exit_angle) if exit_angle < np.pi / 2 else -z / np.cos(exit_angle)
        return np.exp(-mu_t * (z / np.cos(0.3) + out))

    assert float(plate(mu_t, 0.3, exit_angle).values) == pytest.approx(quad(path, 0, 1)[0], rel=1e-9)


@pytest.mark.parametrize("mu_t", [1e-6, 0.8, 3.0])
def test_the_error_of_the_absorption_is_shared_by_all_angles_of_a_plate(mu_t):
    angles = np.array([0.1, 0.3, 1.0, 2.0, 2.9])

    found = plate(scalar(mu_t, 0.1 * mu_t), 0.3, angles)

    expected = error_of(lambda m: plate(m, 0.3, angles), mu_t, 0.1 * mu_t, 1e-4)
    assert found.errors == pytest.approx(expected, rel=1e-4)
    assert found.correlation()[0, 4] == pytest.approx(1)


def test_a_cylinder_absorbs_as_the_international_tables_say():
    """A* = 1 / A at 2 theta 0: volume C, table 6.3.3.2."""
    for mu_r, tabulated in ((0.1, 1.184), (0.5, 2.300), (1.0, 5.091)):
        assert 1 / float(cylinder(mu_r, 0.0).values) == pytest.approx(tabulated, rel=4e-4)


@pytest.mark.parametrize(("mu_r", "two_theta"), [(0.5, 0.4), (2.0, 1.7), (5.0, 3.0)])
def test_the_cylinder_is_the_integral_over_its_circle(mu_r, two_theta):
    def out(x: float, y: float, angle: float) -> float:
        b, c = x * np.cos(angle) + y * np.sin(angle), x * x + y * y - 1
        return -b + np.sqrt(max(b * b - c, 0.0))

    expected, _ = dblquad(
        lambda y, x: np.exp(-mu_r * (out(x, y, np.pi) + out(x, y, two_theta))),
        -1, 1, lambda x: -np.sqrt(1 - x * x), lambda x: np.sqrt(1 - x * x), epsabs=1e-8,
    )  # fmt: skip

    assert float(cylinder(mu_r, two_theta).values) == pytest.approx(expected / np.pi, rel=1e-5)


def test_a_cylinder_is_near_to_the_formula_of_hewat():
    two_theta = np.linspace(0, np.pi, 7)
    s = np.square(np.sin(two_theta / 2))
    for mu_r in (0.1, 0.5, 0.9):
        hewat = np.exp(-(1.7133 - 0.0368 * s) * mu_r + (0.0927 + 0.375 * s) * mu_r**2)
        assert cylinder(mu_r, two_theta).values == pytest.approx(hewat, rel=0.01)


def test_the_error_of_the_absorption_of_a_cylinder():
    angles = np.array([0.2, 2.0])

    found = cylinder(scalar(0.7, 0.05), angles)

    assert found.errors == pytest.approx(error_of(lambda m: cylinder(m, angles), 0.7, 0.05), rel=1e-5)
    assert float(cylinder(0.0, 1.0).values) == pytest.approx(1, rel=1e-12)


def simulated(mu: float, can: float, r: float, outer: float, angle: float) -> tuple[float, float, float]:
    """Paalman and Pings by rays from random points."""
    rng = np.random.default_rng(8)
    points = rng.uniform(-outer, outer, (400_000, 2))
    radius = np.hypot(*points.T)

    def path(direction: float, size: float) -> np.ndarray:
        b = points @ [np.cos(direction), np.sin(direction)]
        root = b * b - radius**2 + size**2
        far, near = -b + np.sqrt(np.maximum(root, 0)), -b - np.sqrt(np.maximum(root, 0))
        return np.where(root > 0, np.maximum(far, 0) - np.maximum(near, 0), 0)

    core, whole = (path(np.pi, size) + path(angle, size) for size in (r, outer))
    both, alone = np.exp(-mu * core - can * (whole - core)), np.exp(-can * (whole - core))
    inner, shell = radius < r, (radius >= r) & (radius < outer)
    return both[inner].mean(), both[shell].mean(), alone[shell].mean()


def test_a_sample_in_a_can_is_what_simulated_rays_say():
    found = paalman_pings(0.2, 0.15, 3.0, 3.5, 1.1)

    values = [found.sample_in_both, found.can_in_both, found.can_in_can]
    assert [float(each.values) for each in values] == pytest.approx(
        simulated(0.2, 0.15, 3.0, 3.5, 1.1), rel=4e-3
    )


def test_a_can_that_absorbs_nothing_leaves_the_cylinder():
    angles = np.array([0.2, 2.0])
    found = paalman_pings(scalar(0.3, 0.02), 0.0, 2.0, 2.4, angles)

    assert found.sample_in_both.values == pytest.approx(cylinder(0.6, angles).values, rel=1e-6)
    assert found.can_in_can.values == pytest.approx([1, 1])
    assert found.sample_in_both.errors == pytest.approx(cylinder(scalar(0.6, 0.04), angles).errors, rel=1e-5)


def test_the_can_is_subtracted_and_the_error_of_its_absorption_is_shared():
    factors = paalman_pings(scalar(0.3, 0.02), scalar(0.1, 0.01), 2.0, 2.4, np.array([0.2, 2.0]))
    sample, can = Dataset([10.0, 20.0], dims="two_theta"), Dataset([3.0, 4.0], dims="two_theta")
    both = sample * factors.sample_in_both + can * factors.can_in_both
    empty = can * factors.can_in_can

    found = factors.subtract(both, empty)

    assert found.values == pytest.approx([10, 20])
    assert found.errors == pytest.approx([0, 0], abs=1e-10)


@pytest.mark.parametrize(
    "call",
    [
        lambda: plate(-1.0, 0.0, 0.0),
        lambda: plate(float("nan"), 0.0, 0.0),
        lambda: plate(1.0, np.pi / 2, 0.0),
        lambda: plate(1.0, 0.0, np.array([np.pi / 2])),
        lambda: cylinder(-0.1, 0.0),
        lambda: cylinder(0.1, 90.0),
        lambda: paalman_pings(0.1, 0.1, 1.0, 2.0, np.array([0.0, 45.0])),
        lambda: paalman_pings(0.1, 0.1, 2.0, 1.0, 0.0),
    ],
)
def test_what_absorbs_impossibly_is_refused(call):
    assert refusal(call) in ("BAD_ABSORPTION", "BAD_GEOMETRY")


def test_helium_of_one_bar_absorbs_as_the_sans_macros_say():
    """They use 0.146 per cm, angstrom and 2 bar or so: 0.0733 per bar at 293 K."""
    assert 10 * helium_absorption(1.0, 1.0) == pytest.approx(0.0733, rel=1e-3)
    assert helium_absorption(2.0, 6.0) == pytest.approx(12 * helium_absorption(1.0, 1.0))
    assert refusal(lambda: helium_absorption(0.0, 6.0)) == "BAD_ABSORPTION"


def test_an_oblique_ray_has_a_longer_way_through_window_and_gas():
    cosine = np.cos(np.array([[0.0, 0.4]]))
    g, w = 0.9, 0.05

    found = flat_detector(cosine, scalar(g, 0.1), scalar(w, 0.01))

    def seen(c: float) -> float:
        return np.exp(-w / c) * (1 - np.exp(-g / c))

    assert found.values[0] == pytest.approx([1, seen(np.cos(0.4)) / seen(1)])
    by_gas = error_of(lambda m: flat_detector(cosine, m, w), g, 0.1)
    by_window = error_of(lambda m: flat_detector(cosine, g, m), w, 0.01)
    assert found.errors[0] == pytest.approx(np.hypot(by_gas, by_window)[0], rel=1e-5, abs=1e-9)
    assert flat_detector(cosine, 100.0).values == pytest.approx(np.ones((1, 2)))  # black
    assert flat_detector(cosine, g, relative=False).values[0, 0] == pytest.approx(1 - np.exp(-g))


def rays(angle: float, tilt: float, mu: float, wall: float, outer: float, pitch: float) -> float:
    """What the middle one of many tubes absorbs of rays that cross its projection, by tracing them."""
    rng = np.random.default_rng(9)
    impact = rng.uniform(-outer, outer, 200_000)
    through, absorbed = np.ones(impact.size), np.zeros(impact.size)
    for k in range(6, -1, -1):  # from the farthest tube before it to the tube itself
        b = np.abs(impact - k * pitch * np.cos(angle))
        gas = 2 * np.sqrt(np.maximum(1 - b * b, 0)) / np.cos(tilt)
        walls = 2 * np.sqrt(np.maximum(outer**2 - b * b, 0)) / np.cos(tilt) - gas
        if k:
            through *= np.exp(-mu * gas - wall * walls)
        else:
            absorbed = through * np.exp(-wall * walls / 2) * (1 - np.exp(-mu * gas))
    return absorbed.mean()


@pytest.mark.parametrize(("angle", "tilt"), [(0.0, 0.0), (0.3, 0.5), (0.9, 0.2), (1.3, 0.0)])
def test_tubes_absorb_what_traced_rays_say_their_neighbours_shadow_included(angle, tilt):
    found = tube_efficiency(
        np.array([np.cos(angle)]), 0.8, 0.1, outer=1.1, tilt_cosine=np.cos(tilt), pitch=2.3
    )

    assert float(found.values[0]) == pytest.approx(rays(angle, tilt, 0.8, 0.1, 1.1, 2.3), rel=6e-3)


def test_the_error_of_gas_and_wall_of_a_tube():
    cosine = np.array([1.0, 0.4])

    found = tube_efficiency(cosine, scalar(0.8, 0.1), scalar(0.1, 0.02), outer=1.1, pitch=2.3)

    by_gas = error_of(lambda m: tube_efficiency(cosine, m, 0.1, outer=1.1, pitch=2.3), 0.8, 0.1)
    by_wall = error_of(lambda m: tube_efficiency(cosine, 0.8, m, outer=1.1, pitch=2.3), 0.1, 0.02)
    assert found.errors == pytest.approx(np.hypot(by_gas, by_wall), rel=1e-5)


def test_the_shadow_of_black_tubes_is_that_of_their_outline():
    cosine = np.array([1.0, 0.9, 0.6, 0.3])

    black = tube_efficiency(cosine, 1e5, pitch=2.2)

    assert visible_part(cosine, 1.0, 2.2) == pytest.approx([1, 0.99, 0.66, 0.33])
    assert black.values == pytest.approx(visible_part(cosine, 1.0, 2.2), abs=0.02)


def test_the_solid_angle_of_a_tube_is_its_projection():
    assert tube_solid_angle(np.array([1000.0]), np.array([0.5]), 4.0, 10.0) == pytest.approx(4e-5)


@pytest.mark.parametrize(
    "call",
    [
        lambda: flat_detector(np.array([[1.2]]), 1.0),
        lambda: flat_detector(np.array([[0.0]]), 1.0),
        lambda: flat_detector(np.array([[1.0]]), 0.0),
        lambda: flat_detector(np.array([[1.0]]), 1.0, -0.1),
        lambda: tube_efficiency(np.array([1.0]), 1.0, pitch=1.5),
        lambda: tube_efficiency(np.array([1.0]), 1.0, outer=0.9),
        lambda: parallax(np.zeros(1), 0.0, 0.1, 10.0),
        lambda: absorption_depth(np.array([0.0]), 0.1, 10.0),
        lambda: absorption_depth(np.ones(1), -0.1, 10.0),
    ],
)
def test_detectors_that_cannot_be_are_refused(call):
    assert refusal(call) in ("BAD_GEOMETRY", "BAD_ABSORPTION")


@pytest.mark.parametrize("mu", [0.0, 1e-6, 3e-4, 0.05, 2.0])
@pytest.mark.parametrize("angle", [0.0, 0.7])
def test_the_depth_of_absorption_is_that_of_an_exponential_cut_off(mu, angle):
    depth, k = 25.0, mu / np.cos(angle)
    norm = quad(lambda z: np.exp(-k * z), 0, depth)[0]
    first = quad(lambda z: z * np.exp(-k * z), 0, depth)[0] / norm
    second = quad(lambda z: (z - first) ** 2 * np.exp(-k * z), 0, depth)[0] / norm

    mean, spread = absorption_depth(np.array([np.cos(angle)]), mu, depth)

    assert mean[0] == pytest.approx(first, rel=1e-7)
    assert spread[0] == pytest.approx(np.sqrt(second), rel=1e-6)


def test_parallax_is_undone():
    """Rays to known offsets are absorbed at random depths; on average they are seen where it says."""
    true, distance, mu, depth = 300.0, 1000.0, 0.05, 25.0
    tangent, cosine = true / distance, distance / np.hypot(true, distance)
    rng = np.random.default_rng(1)
    u = rng.random(400_000) * -np.expm1(-mu * depth / cosine)
    z = -np.log1p(-u) * cosine / mu
    seen = (distance + z) * tangent

    found, blur = parallax(np.array([seen.mean(), -seen.mean(), 0.0]), distance, mu, depth)

    assert found == pytest.approx([true, -true, 0], abs=0.02)
    assert blur[0] == pytest.approx(seen.std(), rel=0.01)
    thin, _ = parallax(np.array([300.0]), distance, 1e-9, 0.0)
    assert thin[0] == 300


def test_a_distance_that_a_calibration_gave_changes_nothing_near_the_beam():
    found, _ = parallax(np.array([1.0]), 1000.0, 0.05, 25.0, from_window=False)

    assert found[0] == pytest.approx(1.0, rel=1e-4)
