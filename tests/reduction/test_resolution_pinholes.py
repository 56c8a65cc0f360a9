"""Resolution with gravity and beam stop, and positions of a real detector, against the table of the NCNR."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gumtree_core.errors import GumtreeError
from gumtree_core.files import load
from gumtree_core.reduction.detector.geometry import Geometry, geometry
from gumtree_core.reduction.detector.wavelengths import fall
from gumtree_core.reduction.integration.resolution import Pinholes, sigma_q

NG3 = Pinholes(6.0, 0.142, 8500.5, 4050.0, 50.0, 3.0, 5.0, 50.8, 241.9)
"""As the header of SILIC010 says; the stop is where the NCNR's programs have it."""


@pytest.fixture(scope="module")
def silica():
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("GUMTREE_REFERENCE_DATA", beside)) / "nist_ng3"
    if not folder.is_dir():
        pytest.skip(f"no reference data: set GUMTREE_REFERENCE_DATA ({folder} is not there)")
    table = np.loadtxt(folder / "SILIC010.DAT", skiprows=19).reshape(128, 128, 7)
    return load(folder / "SILIC010.SA3_SRK_S110"), np.moveaxis(table, -1, 0)


def even(run) -> Geometry:
    """The table's programs take even pixels here."""
    return replace(geometry(run), nonlinearity_x=0.0, nonlinearity_y=0.0)


def test_q_of_each_pixel_is_that_of_the_table(silica):
    run, table = silica

    q_map = even(run).q_map(6.0)

    for found, expected in ((q_map.qx, table[0]), (q_map.qy, table[1]), (-q_map.qz, table[3])):
        assert np.abs(found - expected).max() < 1e-6 * np.ptp(expected)


def test_the_nonlinearity_of_the_detector_moves_its_rim_only(silica):
    run, _ = silica

    straight, bent = even(run), geometry(run)

    assert bent.nonlinearity_x == 10_000
    moved = bent.x(np.arange(128)) - straight.x(np.arange(128))
    assert np.abs(moved[60:68]).max() < 1e-3
    assert moved[0] == pytest.approx(-(317.5**3 - 18.25**3) / 3e8, rel=2e-3)


def test_the_shadow_of_the_beam_stop_is_that_of_the_table(silica):
    run, table = silica

    assert np.abs(NG3.shadow(even(run).q_map(6.0).q) - table[6]).max() < 2e-3


def test_the_components_are_those_of_the_table_but_for_its_pixel_term(silica):
    run, table = silica
    free = table[6] > 0.99

    x, y = NG3.components(even(run).q_map(6.0))

    assert np.abs(x / table[4] - 1)[free].max() < 0.03
    assert np.abs(y / table[5] - 1)[free].max() < 0.06
    rim = np.hypot(table[0], table[1]) > 0.08
    assert np.median(np.abs(x / table[4] - 1)[rim]) < 0.005


def test_without_stop_and_gravity_a_ring_has_the_old_formula():
    """But for the pixel, which the one takes as a box and the other as a Gaussian of its full width."""
    q = np.linspace(0.04, 0.3, 9)
    short = replace(NG3, beam_stop=0.0, wavelength=2.0)

    found, mean, shadow = short.ring(q)

    expected = sigma_q(
        q, wavelength=2.0, wavelength_spread=0.142, collimation=8500.5, distance=4050.0, source_aperture=50.0,
        sample_aperture=3.0, pixel_size=5.0,
    )  # fmt: skip
    pixel = (np.pi * 5.0 / 4050) ** 2 * (1 / (8 * np.log(2)) - 1 / 12)
    assert found == pytest.approx(np.sqrt(expected**2 + pixel), rel=0.01)
    assert mean == pytest.approx(q, rel=0.02)
    assert np.all(shadow == 1)


def test_far_from_the_stop_it_does_not_matter():
    q = np.array([0.03, 0.1])

    for with_stop, without in zip(NG3.ring(q), replace(NG3, beam_stop=0.0).ring(q), strict=True):
        assert with_stop == pytest.approx(without, rel=1e-6)


def test_behind_the_stop_a_ring_is_seen_on_its_outer_side():
    q = np.array([0.0066])
    sigma, mean, shadow = NG3.ring(q)

    assert mean > replace(NG3, beam_stop=0.0).ring(q)[1] > q
    assert sigma < replace(NG3, beam_stop=0.0).ring(q)[0]
    assert 0.1 < shadow < 0.4


def test_moments_of_a_ring_behind_the_stop_are_those_of_simulated_neutrons():
    """Neutrons of a Gaussian radius of the pixel's width that pass beside the stop."""
    still = replace(NG3, wavelength_spread=1e-6, source_aperture=1e-6, sample_aperture=1e-6)
    q = np.array([0.0070])
    sigma, mean, shadow = still.ring(q)
    radius = 4050 * np.tan(2 * np.arcsin(q / (2 * still.k)))
    drawn = np.random.default_rng(1).normal(radius, 5 / 2.35482, 2_000_000)
    passed = drawn[drawn > 50.8 / 2 * 4050 / (4050 - 241.9)]
    in_q = 2 * still.k * np.sin(np.arctan2(passed, 4050) / 2)

    assert shadow == pytest.approx(passed.size / drawn.size, abs=2e-3)
    assert mean == pytest.approx(in_q.mean(), rel=3e-3)
    assert sigma == pytest.approx(in_q.std(), rel=0.02)


def test_gravity_smears_upwards_and_downwards_differently():
    slow = Pinholes(20.0, 0.14, 15_000, 15_000, 50, 10, 5)
    q_map = Geometry((3, 1), 15_000, 5.0, 200.0, 0.0, 1.0).q_map(20.0)

    x, y = slow.components(q_map)

    assert y[0, 0] > y[2, 0]
    assert y[1, 0] > x[1, 0]
    along, across = slow.parallel_perpendicular(q_map)
    assert along[[0, 2]] == pytest.approx(y[[0, 2]])
    assert across[[0, 2]] == pytest.approx(x[[0, 2]])
    fallen = float(fall(20.0, 15_000, 15_000))
    assert y[1, 0] ** 2 - x[1, 0] ** 2 == pytest.approx(
        0.14**2 / 6 * (2 * fallen / 15_000 * 2 * np.pi / 20) ** 2
    )


@pytest.mark.parametrize("change", [{"wavelength": 0.0}, {"distance": -1.0}, {"beam_stop_distance": 5000.0}])
def test_an_instrument_that_is_none_is_refused(change):
    with pytest.raises(GumtreeError) as refused:
        replace(NG3, **change)

    assert refused.value.reason == "BAD_GEOMETRY"


def test_a_ring_has_the_mean_variance_of_its_pixels():
    slow = Pinholes(18.0, 0.14, 15_000, 15_000, 50, 10, 5)
    detector = Geometry((201, 201), 15_000, 5.0, 5.0, 100, 100)
    q_map = detector.q_map(18.0)
    ring = np.abs(q_map.q - 0.008) < 1e-4

    along, _ = slow.parallel_perpendicular(q_map)
    expected = np.sqrt(np.mean(along[ring] ** 2))

    assert slow.around(np.array([0.008])) == pytest.approx(expected, rel=2e-3)
    without = sigma_q(
        np.array([0.008]), wavelength=18.0, wavelength_spread=0.14, collimation=15_000, distance=15_000,
        source_aperture=50, sample_aperture=10, pixel_size=5,
    )  # fmt: skip
    assert slow.around(np.array([0.008])) > 1.01 * without
