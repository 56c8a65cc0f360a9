from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gumtree_core.data import Dataset, poisson, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.detector.geometry import Geometry
from gumtree_core.reduction.integration import circular, q_bins, rings

DETECTOR = Geometry((30, 40), 2000.0, 5.0, 5.0, 19.3, 14.2)
Q = DETECTOR.q(5.0)
ALL = q_bins(0.0, float(Q.max()) * 1.001, 12)


def image(counts: np.ndarray) -> Dataset:
    return poisson(counts, 0, dims=("y", "x"))


def test_edges_are_as_asked():
    assert q_bins(0.0, 0.3, 3).values == pytest.approx([0, 0.1, 0.2, 0.3])
    assert q_bins(0.001, 1.0, 3, "logarithmic").values == pytest.approx([0.001, 0.01, 0.1, 1])
    assert q_bins(0.0, 0.3, 3).unit == "1/angstrom"


@pytest.mark.parametrize(
    ("lowest", "highest", "number", "spacing"),
    [
        (0.2, 0.1, 5, "linear"),
        (0.1, 0.1, 5, "linear"),
        (-0.1, 0.1, 5, "linear"),
        (0.1, 0.2, 0, "linear"),
        (0.0, 0.1, 5, "logarithmic"),
        (np.nan, 0.1, 5, "linear"),
    ],
)
def test_bins_that_are_none_are_refused(lowest, highest, number, spacing):
    with pytest.raises(GumtreeError) as refused:
        q_bins(lowest, highest, number, spacing)

    assert refused.value.reason == "BAD_BINS"


@given(st.floats(1e-3, 1e6), st.sampled_from(["area", "inverse variance"]))
def test_a_flat_pattern_gives_a_flat_curve(level, weighting):
    pattern = Dataset(np.full(Q.shape, level), np.full(Q.shape, level), dims=("y", "x"))

    curve = circular(pattern, Q, ALL, weighting)

    assert curve.values == pytest.approx(level, rel=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_averages_by_area_conserve_the_sum(seed, bins):
    counts = np.random.default_rng(seed).poisson(5, Q.shape)
    axis = q_bins(0.0, float(Q.max()) * 1.001, bins)
    pixels, _ = np.histogram(Q, axis.values)

    curve = circular(image(counts), Q, axis)

    assert np.nansum(curve.values * pixels) == pytest.approx(counts.sum())
    assert np.nansum(curve.variances * pixels.astype(float) ** 2) == pytest.approx(counts.sum())


def test_a_pixel_belongs_to_the_bin_that_begins_with_its_q():
    q = np.array([[0.0, 0.1, 0.2, 0.3]])

    curve = circular(image(np.array([[1, 2, 4, 8]])), q, q_bins(0.1, 0.3, 2))

    assert curve.values == pytest.approx([2, 4])


def test_bins_without_a_pixel_are_masked():
    curve = circular(image(np.ones(Q.shape, dtype=int)), Q, q_bins(0.0, 2 * float(Q.max()), 10))

    empty = np.histogram(Q, curve.axes["q"].values)[0] == 0
    assert empty.any()
    assert np.array_equal(curve.mask, empty)
    assert np.isnan(curve.values[empty]).all()


def test_masked_pixels_and_those_without_a_value_take_no_part():
    values = np.full(Q.shape, 7.0)
    values[:5] = 1e9
    values[20, 20] = np.nan
    pattern = Dataset(values, np.ones(Q.shape), dims=("y", "x"))
    pattern = pattern.with_masks(bad=values > 1e8)

    for weighting in ("area", "inverse variance"):
        assert circular(pattern, Q, ALL, weighting).values == pytest.approx(7.0)


def test_weights_by_inverse_variance_are_those_of_the_best_average():
    pattern = Dataset(np.array([[10.0, 20.0]]), np.array([[1.0, 4.0]]), dims=("y", "x"))
    q = np.array([[0.05, 0.06]])

    curve = circular(pattern, q, q_bins(0.0, 0.1, 1), "inverse variance")

    assert curve.values == pytest.approx([(10 + 20 / 4) / (1 + 1 / 4)])
    assert curve.errors == pytest.approx([1 / np.sqrt(1 + 1 / 4)])


def test_few_counts_bias_the_average_by_inverse_variance_but_not_that_by_area():
    counts = np.random.default_rng(1).poisson(3.0, (500, 500))
    q = np.full(counts.shape, 0.05)
    axis = q_bins(0.0, 0.1, 1)
    pattern = poisson(counts, 1, dims=("y", "x"))

    by_area = circular(pattern, q, axis)
    by_variance = circular(pattern, q, axis, "inverse variance")

    assert by_area.values[0] == pytest.approx(3.0, abs=5 * by_area.errors[0])
    assert by_variance.values[0] < 2.4


def test_what_all_pixels_share_is_not_averaged_away():
    counts = image(np.full(Q.shape, 100))

    curve = circular(counts / scalar(2.0, 0.1), Q, ALL)

    assert np.all(curve.errors / curve.values > 0.05)
    correlation = curve.correlation()
    assert correlation.min() > 0.5
    alone = circular(counts, Q, ALL)
    assert alone.correlation() == pytest.approx(np.eye(12), abs=1e-12)


def test_a_weighting_that_does_not_exist_is_refused():
    with pytest.raises(GumtreeError) as refused:
        rings(Q, q_bins(0, 1, 5)).average(Dataset(np.ones(Q.shape), dims=("y", "x")), "invers")
    assert refused.value.reason == "BAD_WEIGHTING"


@pytest.mark.parametrize(("variances", "reason"), [(None, "NO_VARIANCES"), (0.0, "NO_WEIGHT")])
def test_without_variances_there_are_no_weights(variances, reason):
    spread = None if variances is None else np.where(np.arange(Q.size).reshape(Q.shape) == 7, variances, 1.0)
    pattern = Dataset(np.ones(Q.shape), spread, dims=("y", "x"))
    plan = rings(Q, q_bins(0, float(Q.max()) * 1.01, 5))
    with pytest.raises(GumtreeError) as refused:
        plan.average(pattern, "inverse variance")
    assert refused.value.reason == reason
    if variances == 0.0:
        masked = pattern.with_masks(certain=spread == 0)
        assert plan.average(masked, "inverse variance").values == pytest.approx(1.0)


def test_a_stack_of_frames_is_told_what_to_do():
    with pytest.raises(GumtreeError, match="one frame after the other"):
        rings(Q, q_bins(0, 1, 5)).average(Dataset(np.ones((3, *Q.shape)), dims=("point", "y", "x")))
