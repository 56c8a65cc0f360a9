"""Beam centre and distance of simulated silver behenate; pixels in space."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gumtree_core.data import poisson
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.detector.beam_rings import SILVER_BEHENATE, fit_rings
from gumtree_core.reduction.detector.geometry import Geometry
from gumtree_core.reduction.detector.pixels import Panel, together

TRUE = Geometry((192, 192), 1850.0, 5.0, 5.0, 98.37, 91.62)


def behenate(detector: Geometry = TRUE, seed: int = 1):
    q = detector.q(6.0)
    ring = 2 * np.pi / SILVER_BEHENATE
    rate = (
        20
        + 400 * np.exp(-((q - ring) ** 2) / (2 * 0.004**2))
        + 60 * np.exp(-((q - 2 * ring) ** 2) / (2 * 0.006**2))
    )
    return poisson(np.random.default_rng(seed).poisson(rate), 0, dims=("y", "x"))


def test_center_and_distance_are_found():
    start = replace(TRUE, center_x=101.0, center_y=89.5, distance=1950.0)

    fit = fit_rings(behenate(), start, 6.0)

    assert fit.geometry.center_x == pytest.approx(TRUE.center_x, abs=0.05)
    assert fit.geometry.center_y == pytest.approx(TRUE.center_y, abs=0.05)
    assert fit.geometry.distance == pytest.approx(TRUE.distance, rel=3e-3)
    assert 0 < max(fit.center_errors) < 0.1
    assert 0 < fit.distance_error < 10


def test_the_errors_are_those_of_repeated_measurements():
    fits = [fit_rings(behenate(seed=seed), TRUE, 6.0) for seed in range(12)]
    centers = np.array([fit.geometry.center_x for fit in fits])

    assert np.abs(centers.mean() - TRUE.center_x) < 0.03
    assert centers.std() / np.mean([fit.center_errors[0] for fit in fits]) == pytest.approx(1, abs=0.7)


def test_a_shadow_and_a_hot_spot_do_no_harm():
    counts = behenate()
    values = counts.values.copy()
    values[60:75, 120:150] = 5000
    y, x = np.indices(values.shape)
    shadow = np.abs(x - TRUE.center_x) < 6
    spoiled = poisson(values, 0, dims=("y", "x")).with_masks(arm=shadow & (y < TRUE.center_y))

    fit = fit_rings(spoiled, replace(TRUE, center_x=97.0), 6.0)

    assert fit.geometry.center_x == pytest.approx(TRUE.center_x, abs=0.15)
    assert fit.geometry.center_y == pytest.approx(TRUE.center_y, abs=0.15)


def test_the_distance_may_be_kept():
    fit = fit_rings(behenate(), TRUE, 6.0, fit_distance=False)

    assert fit.geometry.distance == TRUE.distance
    assert fit.distance_error == 0


def test_a_pattern_without_rings_is_refused():
    flat = poisson(np.full((192, 192), 5), 0, dims=("y", "x"))
    noise = poisson(np.random.default_rng(2).poisson(5, (192, 192)), 0, dims=("y", "x"))

    for pattern in (flat, noise):
        with pytest.raises(GumtreeError) as refused:
            fit_rings(pattern, TRUE, 6.0)
        assert refused.value.reason == "NO_RINGS"
    with pytest.raises(GumtreeError):
        fit_rings(flat, TRUE, 200.0)


def test_an_upright_panel_is_the_flat_detector():
    panel = Panel((192, 192), 5.0, 5.0, ((95.5 - 98.37) * 5, (95.5 - 91.62) * 5, 1850.0)).pixels

    for name in ("qx", "qy", "qz", "q", "phi"):
        assert getattr(panel.q_map(6.0), name) == pytest.approx(getattr(TRUE.q_map(6.0), name), abs=1e-12)
    assert panel.two_theta == pytest.approx(TRUE.two_theta)
    assert panel.q_map(6.0).q == pytest.approx(TRUE.q(6.0), abs=1e-14)
    assert panel.solid_angle == pytest.approx(TRUE.relative_solid_angle * TRUE.straight_solid_angle, rel=1e-5)


def test_a_panel_turned_to_the_side_faces_the_sample():
    """Turned by its own angle, it is the straight panel carried about y."""
    angle = np.deg2rad(40.0)
    side = Panel((5, 7), 4.0, 4.0, (1000 * np.sin(angle), 0.0, 1000 * np.cos(angle)), yaw=40.0).pixels
    straight = Panel((5, 7), 4.0, 4.0, (0.0, 0.0, 1000.0)).pixels

    assert side.distance == pytest.approx(straight.distance)
    assert side.solid_angle == pytest.approx(straight.solid_angle)
    assert side.two_theta[2, 3] == pytest.approx(angle)
    assert np.diff(side.two_theta[2]) == pytest.approx(np.diff(np.arctan((np.arange(7) - 3) * 4 / 1000)))
    upright = Panel((5, 7), 4.0, 4.0, (0.0, 0.0, 1000.0), roll=90.0).pixels
    assert upright.centers[2, 6] == pytest.approx([0.0, 12.0, 1000.0], abs=1e-9)
    leaning = Panel((5, 7), 4.0, 4.0, (0.0, 0.0, 1000.0), pitch=90.0).pixels
    assert leaning.centers[4, 3] == pytest.approx([0.0, 0.0, 1008.0], abs=1e-9)


def test_panels_together_are_their_pixels_in_a_row():
    one, other = Panel((2, 3), 4.0, 4.0, (0, 0, 1e3)).pixels, Panel((4, 1), 4.0, 4.0, (50, 0, 2e3)).pixels

    both = together(one, other)

    assert both.shape == (10,)
    assert both.q_map(5.0).q[6:] == pytest.approx(other.q_map(5.0).q.ravel())
    assert both.solid_angle.sum() == pytest.approx(one.solid_angle.sum() + other.solid_angle.sum())


def test_wavelengths_of_flight_give_a_q_for_each_time():
    waves = np.array([2.0, 4.0])[:, None, None]

    q_map = TRUE.pixels.q_map(waves)

    assert q_map.shape == (2, 192, 192)
    assert q_map.q[1] == pytest.approx(TRUE.q(4.0))
    with pytest.raises(GumtreeError) as refused:
        q_map.corners()
    assert refused.value.reason == "SEVERAL_WAVELENGTHS"
    with pytest.raises(GumtreeError):
        TRUE.pixels.q_map(np.array([1.0, 0.0])[:, None, None])
