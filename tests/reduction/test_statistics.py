"""Estimates against published tables, simulated counts and the `uncertainties` package."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson as poisson_law

from gumtree_core.data import Axis, Dataset, poisson, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.fitting.shapes import gaussian
from gumtree_core.reduction.statistics import (
    credible_interval,
    outliers,
    poisson_interval,
    posterior,
    robust,
    weighted_mean,
)
from gumtree_core.reduction.statistics.peaks import find_peaks
from gumtree_core.reduction.statistics.regions import region


def test_the_limits_of_few_counts_are_those_of_the_tables():
    """Gehrels, Astrophys. J. 303 (1986) 336, tables 1 and 2: 0.8413 one-sided."""
    interval = poisson_interval(Dataset([0, 1, 2, 5, 10, 100], unit="counts"))

    assert interval.high.values == pytest.approx([1.841, 3.300, 4.638, 8.382, 14.27, 111.0], rel=5e-4)
    assert interval.low.values == pytest.approx([0, 0.173, 0.708, 2.840, 6.891, 90.02], rel=2e-3)
    assert interval.high.unit == "counts"


@given(st.floats(0.05, 40), st.sampled_from([0.5, 0.68, 0.95]))
def test_the_interval_covers_the_mean_at_least_as_often_as_it_says(mean, confidence):
    counts = np.arange(0, 140)
    interval = poisson_interval(Dataset(counts), confidence)
    covered = (interval.low.values <= mean) & (mean <= interval.high.values)

    assert poisson_law.pmf(counts, mean)[covered].sum() >= confidence - 1e-9


def test_a_posterior_has_an_error_for_no_counts():
    counts = Dataset([0, 4], unit="counts")

    assert posterior(counts).values.tolist() == [0.5, 4.5]
    assert posterior(counts, "uniform").variances.tolist() == [1, 5]
    interval = credible_interval(counts, "uniform", 0.9)
    assert interval.high.values[0] == pytest.approx(-np.log(0.05))
    assert interval.low.values[0] == pytest.approx(-np.log(0.95))


def test_a_masked_element_is_no_estimate_and_no_obstacle():
    counts = Dataset([3.0, -1.0], masks={"bad": np.array([False, True])})

    assert poisson_interval(counts).high.values[0] == pytest.approx(5.918, rel=1e-3)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: poisson_interval(Dataset([0.5])), "BAD_COUNTS"),
        (lambda: poisson_interval(Dataset([-1])), "BAD_COUNTS"),
        (lambda: poisson_interval(Dataset([1]), 1.0), "BAD_CONFIDENCE"),
        (lambda: posterior(Dataset([1]), "flat"), "UNKNOWN_PRIOR"),
        (lambda: weighted_mean(Dataset([1.0, 2.0])), "NO_VARIANCES"),
        (lambda: weighted_mean(Dataset([1.0, 2.0], [1.0, 0.0])), "ZERO_VARIANCE"),
        (lambda: weighted_mean(Dataset([1.0, 2.0]) * scalar(1.0, 0.1)), "SINGULAR_COVARIANCE"),
        (lambda: robust(Dataset([1.0]), "mode"), "UNKNOWN_ESTIMATOR"),
        (lambda: robust(Dataset([np.nan])), "NO_ELEMENTS"),
        (lambda: outliers(Dataset(np.ones((4, 4))), size=4), "BAD_NEIGHBOURHOOD"),
        (lambda: outliers(Dataset(np.full((4, 4), 0.5))), "BAD_COUNTS"),
        (lambda: outliers(Dataset(np.ones((4, 4))), 40.0), "BAD_THRESHOLD"),
    ],
)
def test_what_cannot_be_estimated_is_refused(call, reason):
    with pytest.raises(GumtreeError) as refused:
        call()

    assert refused.value.reason == reason


def test_the_weighted_mean_is_the_best_one_and_knows_whether_measurements_agree():
    found = weighted_mean(Dataset([1.0, 2.0, 4.0], [1.0, 1.0, 4.0], unit="mm"))

    assert float(found.value.values) == pytest.approx((1 + 2 + 1) / 2.25)
    assert float(found.value.variances) == pytest.approx(1 / 2.25)
    assert found.chi_square == pytest.approx(np.sum((np.array([1, 2, 4]) - 4 / 2.25) ** 2 / [1, 1, 4]))
    assert found.degrees_of_freedom == 2
    assert found.value.unit == "mm"


def test_what_measurements_share_does_not_average_out():
    own = Dataset([10.0, 12.0], [4.0, 4.0])

    found = weighted_mean(own + scalar(0.0, 3.0))

    assert float(found.value.values) == pytest.approx(11)
    assert float(found.value.variances) == pytest.approx(2 + 9)
    assert float((found.value - own.mean()).errors) == pytest.approx(3)


@pytest.mark.parametrize("estimator", ["median", "sigma clip", "huber"])
def test_wild_elements_do_not_move_a_robust_estimate(estimator):
    """200 samples of 300, of which 20 are wild: the error stated is that of the centres."""
    rng = np.random.default_rng(3)
    centers, stated, spreads = [], [], []
    for _ in range(200):
        x = rng.normal(10, 2, 300)
        clean = robust(Dataset(x, np.full(300, 4.0)), estimator)
        centers.append(float(clean.center.values))
        stated.append(float(clean.center.errors))
        spreads.append(float(clean.sigma.values))
        x[:20] = 1e3
        assert abs(float(robust(Dataset(x), estimator).center.values) - 10) < 0.9

    assert np.mean(spreads) == pytest.approx(2, rel=0.02)
    assert np.std(centers) == pytest.approx(np.mean(stated), rel=0.16)


@pytest.mark.parametrize("estimator", ["median", "sigma clip", "huber"])
def test_a_scale_that_all_elements_share_is_in_the_robust_estimate(estimator):
    x = np.random.default_rng(1).normal(10, 1, 100)

    found = robust(Dataset(x) * scalar(1.0, 0.1), estimator)

    assert float(found.center.errors) == pytest.approx(0.1 * float(found.center.values), rel=0.02)


def test_sigma_clipping_tells_what_it_has_left_out():
    x = np.r_[np.random.default_rng(1).normal(0, 1, 200), 50.0]

    assert np.flatnonzero(~robust(Dataset(x), "sigma clip").used)[-1] == 200


def test_identical_elements_have_no_spread():
    for estimator in ("median", "sigma clip", "huber"):
        found = robust(Dataset(np.full(10, 3.0)), estimator)
        assert (float(found.center.values), float(found.sigma.values)) == (3, 0)


@pytest.mark.parametrize(("mean", "hot", "dead"), [(0.2, 9, None), (30.0, 75, 0), (1000.0, 1250, 700)])
def test_hot_and_dead_pixels_are_found_and_no_others(mean, hot, dead):
    rng = np.random.default_rng(4)
    image = rng.poisson(mean, (128, 128))
    image[5, 0], wild = hot, [[5, 0]]
    if dead is not None:
        image[100, 60] = dead
        wild.append([100, 60])

    assert np.argwhere(outliers(Dataset(image))).tolist() == wild


def test_a_masked_pixel_is_not_judged():
    image = np.full((9, 9), 20)
    image[4, 4] = 10_000

    assert not outliers(Dataset(image).with_masks(hot=image > 1000)).any()


def test_the_statistics_of_a_region_have_the_errors_of_the_uncertainties_package():
    unc = pytest.importorskip("uncertainties")
    umath = pytest.importorskip("uncertainties.umath")
    rng = np.random.default_rng(6)
    values = rng.poisson(50, (4, 5))
    data = poisson(values, 1, axes={"y": Axis(np.arange(4) * 2.0, "mm"), "x": Axis(np.arange(6.0), "mm")})
    inside = rng.random((4, 5)) < 0.7

    found = region(data, inside)

    n = [
        (unc.ufloat(v, np.sqrt(v)), 2.0 * j, i + 0.5) for (j, i), v in np.ndenumerate(values) if inside[j, i]
    ]
    total = sum(v for v, _, _ in n)
    for dim, k in (("y", 1), ("x", 2)):
        center = sum(each[0] * each[k] for each in n) / total
        width = umath.sqrt(sum(each[0] * (each[k] - center) ** 2 for each in n) / total)
        for ours, theirs in ((found.center[dim], center), (found.width[dim], width)):
            assert float(ours.values) == pytest.approx(theirs.n)
            assert float(ours.errors) == pytest.approx(theirs.s, rel=1e-6)
            assert ours.unit == "mm"
    assert float(found.total.values) == pytest.approx(total.n)
    assert int(found.pixels.values) == inside.sum()
    chosen = values[inside]
    assert float(found.sigma.values) == pytest.approx(chosen.std(ddof=1))
    assert (float(found.minimum.values), float(found.maximum.values)) == (chosen.min(), chosen.max())
    assert float(found.mean.errors) == pytest.approx(np.sqrt(chosen.sum()) / chosen.size)


def test_a_region_of_a_scan_has_a_value_for_each_point():
    frames = poisson(np.arange(24).reshape(2, 3, 4), 1, dims=("point", "y", "x"))
    frames = frames.with_axes(point=Axis([0.1, 0.2], "deg"))
    inside = np.zeros((3, 4), bool)
    inside[1, 1:3] = True

    found = region(frames, inside)

    assert found.total.values.tolist() == [11, 35]
    assert found.total.axes["point"].unit == "deg"
    assert found.center["x"].values == pytest.approx([(5 + 12) / 11, (17 + 36) / 35])
    assert found.center["x"].unit == "pixel"
    assert found.center["y"].values == pytest.approx([1, 1])
    assert found.center["x"].axes["point"].values.tolist() == [0.1, 0.2]


def test_masked_pixels_take_no_part_and_a_point_without_counts_has_no_centre():
    counts = np.array([[[0, 0]], [[5, 900]]])
    frames = poisson(counts, 1, dims=("point", "y", "x")).with_masks(hot=counts == 900)

    found = region(frames)

    assert found.pixels.values.tolist() == [2, 1]
    assert found.center["x"].mask.tolist() == [True, False]
    assert found.center["x"].values[1] == 0


def test_a_large_region_is_exact_without_a_warning():
    image = poisson(np.ones((400, 400), dtype=int), 1, dims=("y", "x"))

    found = region(image)

    assert float(found.center["x"].values) == pytest.approx(199.5)
    assert float(found.center["x"].errors) == pytest.approx(np.sqrt((400**2 - 1) / 12) / 400)


@pytest.mark.parametrize(
    ("inside", "dims"),
    [
        (np.zeros((3, 4), bool), ("y", "x")),
        (np.ones((4, 3), bool), ("y", "x")),
        (np.ones((3, 4)), ("y", "x")),
        (None, ("y", "tube")),
        (None, ()),
    ],
)
def test_a_region_that_does_not_fit_is_refused(inside, dims):
    with pytest.raises(GumtreeError) as refused:
        region(Dataset(np.ones((3, 4)), dims=("y", "x")), inside, dims)

    assert refused.value.reason == "BAD_REGION"


X = np.linspace(40, 50, 501)


def pattern(seed: int, *peaks: tuple[float, float], level: float = 30.0) -> Dataset:
    mean = level + 2 * (X - 40) + sum(gaussian(X, area, at, 0.2) for area, at in peaks)
    counts = np.random.default_rng(seed).poisson(mean)
    return poisson(counts, 1, axes={"two_theta": Axis(X, "deg")}, title="pattern")


def test_peaks_are_found_where_they_are_and_their_pulls_are_normal():
    pulls = []
    for seed in range(200):
        found = find_peaks(pattern(seed, (20, 42.1), (10, 45.0)), width=0.2)
        assert len(found) == 2
        for peak, true in zip(found, (42.1, 45.0), strict=True):
            pulls.append((float(peak.position.values) - true) / float(peak.position.errors))

    assert abs(np.mean(pulls)) < 0.15
    assert np.std(pulls) == pytest.approx(1, abs=0.12)


def test_the_height_of_a_peak_is_that_above_its_background():
    heights = [float(find_peaks(pattern(seed, (20, 42.1)), width=0.2)[0].height.values) for seed in range(50)]

    assert np.mean(heights) == pytest.approx(20 * 0.9394 / 0.2, rel=0.05)


def test_noise_gives_false_peaks_as_rarely_as_its_statistics_say():
    """3 sigma: 1.35e-3 of about 500 / 10 independent points, 100 times: 7 expected; at 5 sigma none."""
    curves = [pattern(seed) for seed in range(100)]

    assert 3 <= sum(len(find_peaks(each, width=0.2, significance=3)) for each in curves) <= 40
    assert not any(find_peaks(each, width=0.2, significance=5) for each in curves)


def test_a_hot_point_that_is_masked_is_no_peak():
    data = pattern(1)
    values = data.values.copy()
    values[250] = 5000
    wild = poisson(values, 1, axes=dict(data.axes))

    assert find_peaks(wild, width=0.2)
    assert not find_peaks(wild.with_masks(hot=values > 1000), width=0.2)


@pytest.mark.parametrize(
    ("data", "width", "reason"),
    [
        (Dataset(np.ones((2, 2))), 1, "NOT_A_CURVE"),
        (Dataset(np.ones(50)), 5, "NO_VARIANCES"),
        (Dataset(np.ones(50), np.zeros(50)), 5, "ZERO_VARIANCE"),
        (Dataset(np.ones(50), np.ones(50)), 0.5, "BAD_WIDTH"),
        (Dataset(np.ones(50), np.ones(50)), 40, "BAD_WIDTH"),
        (Dataset(np.ones(50), np.ones(50), axes={"x": np.geomspace(1, 10, 50)}), 1, "UNEVEN_POINTS"),
    ],
)
def test_where_no_peak_can_be_found_it_says_why(data, width, reason):
    with pytest.raises(GumtreeError) as refused:
        find_peaks(data, width=width)

    assert refused.value.reason == reason
