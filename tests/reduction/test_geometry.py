from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gumtree_core.data import Dataset, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.detector.geometry import (
    Geometry,
    center_of_mass,
    geometry,
    number,
)
from gumtree_core.simulation.sans import GEOMETRY, Sans, Settings

WAVELENGTH = 5.0
distances = st.floats(500, 30_000)


def square(distance: float = 1000.0, center: float = 5.0) -> Geometry:
    return Geometry((11, 11), distance, 5.0, 5.0, center, center)


def test_known_angle_and_q():
    detector = Geometry((1, 2), 1000.0, 1000.0, 5.0, 0.0, 0.0)

    assert detector.two_theta[0] == pytest.approx([0.0, np.pi / 4])
    assert detector.q(WAVELENGTH)[0] == pytest.approx([0.0, 4 * np.pi / 5 * np.sin(np.pi / 8)])


@given(distances, st.floats(-3, 14), st.floats(-3, 14))
def test_two_theta_is_the_angle_of_the_distance_from_the_beam(distance, x, y):
    detector = Geometry((11, 12), distance, 5.0, 4.0, x, y)

    expected = np.arctan(detector.radius / distance)
    assert detector.two_theta == pytest.approx(expected, abs=1e-12)
    assert detector.cosine == pytest.approx(np.cos(expected), abs=1e-12)
    row, column = 7, 2
    assert detector.radius[row, column] == pytest.approx(np.hypot(5 * (column - x), 4 * (row - y)))


@given(distances, st.floats(0.5, 30))
def test_q_is_symmetric_about_the_beam(distance, wavelength):
    q = square(distance).q(wavelength)

    for turned in (q[::-1], q[:, ::-1], q.T):
        assert q == pytest.approx(turned, rel=1e-12)
    assert q[5, 5] == 0
    assert np.all(np.diff(q[5, 5:]) > 0)


@given(st.floats(0.5, 30))
def test_q_falls_with_the_wavelength(wavelength):
    assert square().q(2 * wavelength) * 2 == pytest.approx(square().q(wavelength))


def test_solid_angles_add_up_to_that_of_the_plate():
    """A square plate of half side a at distance L fills 4 arcsin(a^2 / (a^2 + L^2))."""
    n, side, distance = 801, 2000.0, 1000.0
    detector = Geometry((n, n), distance, side / n, side / n, (n - 1) / 2, (n - 1) / 2)

    total = (detector.relative_solid_angle * detector.straight_solid_angle).sum()

    half = side / 2
    assert total == pytest.approx(4 * np.arcsin(half**2 / (half**2 + distance**2)), rel=1e-5)


def test_geometry_is_read_from_the_run_in_any_unit(small_run):
    run = small_run(detector__distance=scalar(1.5, unit="m"))

    assert geometry(run) == Geometry((3, 4), 1500.0, 5.0, 4.0, 1.0, 1.0)
    assert geometry(run, (2.5, 0.5), 6.0) == Geometry((3, 4), 1500.0, 6.0, 6.0, 2.5, 0.5)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"detector__distance": None}, "KEY_MISSING"),
        ({"detector__distance": scalar(0.0, unit="mm")}, "BAD_GEOMETRY"),
        ({"detector__pixel_size_x": scalar(-5.0, unit="mm")}, "BAD_GEOMETRY"),
        ({"detector__beam_center_x": scalar(np.nan, unit="pixel")}, "NOT_A_NUMBER"),
        ({"detector__beam_center_y": Dataset([1.0, 2.0], unit="pixel")}, "NOT_A_NUMBER"),
        ({"detector__distance": scalar(3.0, unit="s")}, "UNIT_MISMATCH"),
        ({"detector__counts": Dataset(np.ones((2, 3, 4)), dims=("point", "y", "x"))}, "NOT_AN_IMAGE"),
    ],
)
def test_a_run_without_a_usable_geometry_is_refused(small_run, changed, reason):
    with pytest.raises(GumtreeError) as refused:
        geometry(small_run(**changed))

    assert refused.value.reason == reason


@pytest.mark.parametrize("wavelength", [0.0, -5.0, np.nan])
def test_a_wavelength_that_is_none_is_refused(wavelength):
    with pytest.raises(GumtreeError, match="wavelength") as refused:
        square().q(wavelength)

    assert refused.value.reason == "BAD_WAVELENGTH"


def test_a_number_may_have_a_substitute_where_the_run_does_not_know_it(small_run):
    assert number(small_run(), "detector/dead_time", "s", 0.0) == 0.0
    assert number(small_run(), "detector/time", "ms", 0.0) == 10_000.0


@pytest.mark.parametrize("distance", [2000.0, 4000.0, 8000.0])
def test_the_center_of_a_simulated_beam_is_found_to_a_fiftieth_of_a_pixel(distance):
    beam = Settings("empty_beam", distance=distance, beamstop=600.0, plates=2)
    counts = np.random.default_rng(1).poisson(Sans(2).rate(beam) * 600)

    x, y = center_of_mass(Dataset(counts, dims=("y", "x")))

    assert np.hypot(x - GEOMETRY.beam_center_x, y - GEOMETRY.beam_center_y) < 0.02


@given(st.floats(14, 26), st.floats(14, 26))
def test_a_spot_is_found_wherever_it_is(x, y):
    rows, columns = np.indices((40, 40))
    spot = 1e4 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8)

    assert center_of_mass(Dataset(spot, dims=("y", "x"))) == pytest.approx((x, y), abs=0.01)


def test_of_two_spots_that_near_the_start_is_found():
    image = np.zeros((40, 80))
    image[20, 20], image[20, 60] = 50, 100

    assert center_of_mass(Dataset(image, dims=("y", "x")), radius=5) == (60, 20)
    assert center_of_mass(Dataset(image, dims=("y", "x")), start=(18.0, 20.0), radius=5) == (20, 20)


def test_there_is_no_center_without_counts():
    with pytest.raises(GumtreeError) as refused:
        center_of_mass(Dataset(np.zeros((5, 5)), dims=("y", "x"), title="dark"))

    assert refused.value.reason == "NO_BEAM"
