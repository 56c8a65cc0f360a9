"""Gains of tubes, found again from simulated counts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gumtree_core.data import Axis, Dataset, poisson
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.powder.gains import refine_gains

TUBES, STEPS, STEP = 24, 150, 0.05
APART = 50 * STEP
ANGLES = 10 + STEP * np.arange(STEPS)[:, np.newaxis] + APART * np.arange(TUBES)
AXES = {"two_theta": Axis(ANGLES, "deg", ("point", "x"))}


def pattern(angle: np.ndarray) -> np.ndarray:
    peaks = sum(900 * np.exp(-0.5 * ((angle - center) / 0.3) ** 2) for center in (15, 22, 31, 44, 58))
    return np.asarray(120 + peaks)


@pytest.fixture(scope="module")
def true() -> np.ndarray:
    gains = np.random.default_rng(4).normal(1, 0.06, TUBES)
    return gains / gains.mean()


def simulated(true: np.ndarray, seed: int, level: float = 1.0) -> Dataset:
    counts = np.random.default_rng(seed).poisson(level * pattern(ANGLES) * true)
    return poisson(counts, 1, dims=("point", "x"), axes=AXES, title="simulated")


def test_known_gains_are_recovered_within_statistics(true):
    found = refine_gains(simulated(true, 1), 0.6 * STEP)
    deviation = found.values.values - true
    # Their sum is fixed, so that the covariance has no inverse in that direction.
    distance = deviation @ np.linalg.pinv(found.values.covariance()) @ deviation

    assert 0.001 < stats.chi2.cdf(distance, TUBES - 1) < 0.999
    assert 0.001 < stats.chi2.cdf(found.chi_square, found.degrees_of_freedom) < 0.999
    assert found.values.values.mean() == pytest.approx(1)
    assert (found.values.errors < 0.03).all()


@pytest.mark.parametrize("level", [1.0, 0.1])
def test_the_errors_of_gains_are_what_repeated_measurements_show(true, level):
    drawn = [refine_gains(simulated(true, seed, level), 0.6 * STEP) for seed in range(2, 62)]
    values = np.array([each.values.values for each in drawn])
    errors = np.mean([each.values.errors for each in drawn], axis=0)
    bias = (values.mean(axis=0) - true) / (errors / np.sqrt(len(drawn)))

    assert np.mean(values.std(axis=0, ddof=1) / errors) == pytest.approx(1, abs=0.12)
    assert 0.0005 < stats.chi2.cdf(bias @ bias, TUBES - 1) < 0.9995
    assert np.mean([each.reduced_chi_square for each in drawn]) == pytest.approx(1, abs=0.015)


def test_gains_of_data_without_noise_are_exact(true):
    exact = poisson(1e4 * pattern(ANGLES) * true, 1, dims=("point", "x"), axes=AXES)
    found = refine_gains(exact, 0.6 * STEP)

    assert found.values.values == pytest.approx(true, rel=1e-8)
    assert found.chi_square == pytest.approx(0, abs=1e-8)


def test_a_background_that_was_subtracted_does_not_matter(true):
    random = np.random.default_rng(5)
    counts = random.poisson(pattern(ANGLES) * true + 200)
    background = random.poisson(200, counts.shape)
    net = poisson(counts, 1, dims=("point", "x"), axes=AXES) - poisson(background, 1, dims=("point", "x"))
    found = refine_gains(net, 0.6 * STEP)
    deviation = found.values.values - true

    assert (
        0.001
        < stats.chi2.cdf(deviation @ np.linalg.pinv(found.values.covariance()) @ deviation, TUBES - 1)
        < 0.999
    )


def test_a_masked_tube_has_no_gain_and_the_others_do_not_mind(true):
    blind = np.zeros((STEPS, TUBES), bool)
    blind[:, 7] = True
    found = refine_gains(simulated(true, 1).with_masks(dead=blind), 0.6 * STEP).values

    assert np.flatnonzero(found.mask).tolist() == [7]
    others = np.arange(TUBES) != 7
    pulls = (found.values - true / true[others].mean())[others] / found.errors[others]
    assert np.abs(pulls).max() < 4


def test_tubes_that_have_no_angle_in_common_are_refused(true):
    short = simulated(true, 1)["point", :50]
    with pytest.raises(GumtreeError, match="Scan further than the distance of two tubes") as refused:
        refine_gains(short, 0.6 * STEP)
    assert refused.value.reason == "NO_OVERLAP"


def test_data_without_errors_are_refused(true):
    with pytest.raises(GumtreeError) as refused:
        refine_gains(simulated(true, 1).without_errors(), 0.6 * STEP)
    assert refused.value.reason == "NO_ERRORS"
