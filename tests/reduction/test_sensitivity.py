from __future__ import annotations

import numpy as np
import pytest

from gumtree_core.data import Dataset, poisson
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.corrections.sensitivity import sensitivity
from gumtree_core.reduction.detector.geometry import Geometry
from gumtree_core.simulation import truth

SHAPE = (192, 192)
DETECTOR = Geometry(SHAPE, 2000.0, 5.08, 5.08, 96.3, 94.6)


def flood_of(efficiency: np.ndarray) -> Dataset:
    """What a flat scatterer shows."""
    return Dataset(100 * efficiency * DETECTOR.relative_solid_angle, dims=("y", "x"))


def test_the_efficiency_of_each_pixel_comes_back():
    efficiency = truth.sensitivity(5)

    found = sensitivity(flood_of(efficiency), DETECTOR)

    assert found.values == pytest.approx(efficiency, rel=1e-12)
    assert float(found.mean().values) == pytest.approx(1.0)


def test_the_shadow_and_pixels_that_are_dead_or_hot_take_no_part():
    efficiency = np.ones(SHAPE)
    shadowed = DETECTOR.radius <= 40.0
    efficiency[shadowed] = 0.01
    efficiency[3, 4], efficiency[5, 6] = 0.0, 2.0

    found = sensitivity(flood_of(efficiency), DETECTOR, shadow=40.0)

    assert np.array_equal(found.masks["shadow"], shadowed)
    assert set(zip(*np.nonzero(found.mask & ~shadowed), strict=True)) == {(3, 4), (5, 6)}
    assert float(found.mean().values) == pytest.approx(1.0)
    assert found.values[~found.mask] == pytest.approx(1.0, rel=1e-12)


def test_a_pixel_is_masked_by_the_limits_that_are_given():
    efficiency = np.ones(SHAPE)
    efficiency[0, 0] = 0.85

    assert sensitivity(flood_of(efficiency), DETECTOR).mask.sum() == 0
    assert sensitivity(flood_of(efficiency), DETECTOR, lowest=0.9).mask.sum() == 1


def test_the_errors_are_those_of_the_counts_and_of_their_mean():
    detector = Geometry((1, 2), 1e6, 5.0, 5.0, 0.0, 0.0)

    found = sensitivity(poisson(np.array([[100, 100]]), 0, dims=("y", "x")), detector)

    assert found.errors[0] == pytest.approx(np.sqrt(2 * 100) / 200 * np.ones(2))  # of 2 a / (a + b)
    assert found.sum().errors == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("level", [0.0, -1.0])
def test_a_flood_without_counts_is_refused(level):
    with pytest.raises(GumtreeError) as refused:
        sensitivity(flood_of(np.full(SHAPE, level)), DETECTOR)

    assert refused.value.reason == "BAD_FLOOD"
