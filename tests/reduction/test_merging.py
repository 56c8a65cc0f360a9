"""Curves that overlap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gumtree_core.data import Axis, Dataset, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.integration import q_bins
from gumtree_core.reduction.small_angle.merging import (
    correlated,
    merge,
    overlap_scale,
    points,
)

FAR, NEAR = np.linspace(0.01, 0.1, 91), np.linspace(0.05, 0.4, 141)


def law(q: np.ndarray) -> np.ndarray:
    return 10 / (1 + (20 * q) ** 2)


def curve(q: np.ndarray, factor: float = 1.0, error: float = 0.01, **metadata: object) -> Dataset:
    values = factor * law(q)
    return Dataset(
        values,
        (error * values) ** 2,
        dims=("q",),
        axes={"q": Axis(q, "1/angstrom", ("q",))},
        unit="1/cm",
        metadata={"dq": Dataset(0.1 * q, dims=("q",), unit="1/angstrom"), **metadata},
    )


@given(st.floats(0.1, 10.0))
def test_the_scale_of_a_curve_is_what_it_was_multiplied_by(factor):
    scale = overlap_scale(curve(NEAR, 1 / factor), curve(FAR))

    assert float(scale.values) == pytest.approx(factor, rel=1e-4)  # the reference is interpolated


def test_the_error_of_a_scale_is_what_repeated_measurements_show():
    rng = np.random.default_rng(1)
    scales = []
    for _ in range(300):
        noisy = [
            (c.without_errors() + Dataset(rng.normal(0, c.errors), dims=("q",), unit="1/cm")).with_variances(
                c.variances
            )
            for c in (curve(NEAR, 0.5), curve(FAR))
        ]
        scales.append(overlap_scale(*noisy))
    values = np.array([float(each.values) for each in scales])
    said = float(scales[0].errors)

    assert values.mean() == pytest.approx(2.0, rel=3e-3)
    assert values.std() == pytest.approx(said, rel=0.15)  # of 300: 4 %


def test_all_points_of_a_scaled_curve_share_the_error_of_its_scale():
    near = curve(NEAR, 0.5, error=1e-6)
    scaled = near * overlap_scale(near, curve(FAR))

    assert scaled.correlation()[0, -1] > 0.999


def test_what_two_curves_share_cancels_in_their_scale():
    transmission = scalar(0.5, 0.05)
    near, far = curve(NEAR) / transmission, curve(FAR) / transmission

    assert float(overlap_scale(near, far).errors) < 0.003


def test_curves_of_different_units_are_scaled_by_a_number():
    near = curve(NEAR).to("1/m")
    scale = overlap_scale(near, curve(FAR))

    assert (near * scale).to("1/cm").values == pytest.approx(law(NEAR), rel=1e-4)


@pytest.mark.parametrize(
    ("lowest", "highest", "reason"), [(0.0, 1.0, ""), (0.2, 0.3, "NO_OVERLAP"), (0.0, 0.051, "NO_OVERLAP")]
)
def test_a_scale_needs_three_points_in_common(lowest, highest, reason):
    if not reason:
        overlap_scale(curve(NEAR), curve(FAR), lowest, highest)
        return
    with pytest.raises(GumtreeError, match="points in common") as refused:
        overlap_scale(curve(NEAR), curve(FAR), lowest, highest)
    assert refused.value.reason == reason


def test_a_curve_that_would_have_to_be_turned_round_is_refused():
    with pytest.raises(GumtreeError, match="both scatter") as refused:
        overlap_scale(curve(NEAR, -1.0), curve(FAR))
    assert refused.value.reason == "BAD_SCALE"


def test_masked_points_take_no_part():
    near = curve(NEAR)
    spoiled = Dataset(
        np.where(NEAR < 0.06, 1e6, near.values), near.variances, dims=("q",), axes=near.axes, unit="1/cm",
        masks={"stop": NEAR < 0.06},
    )  # fmt: skip

    assert float(overlap_scale(spoiled, curve(FAR)).values) == pytest.approx(1.0, rel=1e-4)
    assert points(spoiled).size == np.count_nonzero(NEAR >= 0.06)


def test_points_of_all_curves_are_kept_in_the_order_of_q():
    merged = merge([curve(NEAR), curve(FAR)])
    q = merged.axes["q"].values

    assert merged.size == NEAR.size + FAR.size
    assert (np.diff(q) >= 0).all()
    assert merged.values == pytest.approx(law(q))
    assert merged.metadata["dq"].values == pytest.approx(0.1 * q)


def test_points_that_fall_together_are_averaged_by_their_inverse_variance():
    q = np.array([0.1, 0.2, 0.3])
    one = curve(q, 1.0, error=0.1)
    other = curve(q, 2.0, error=0.1)
    merged = merge([one, other], "inverse variance", q_bins(0.05, 0.35, 3))
    weights = 1 / one.variances, 1 / other.variances

    assert merged.values == pytest.approx((weights[0] * law(q) + weights[1] * 2 * law(q)) / sum(weights))
    assert merged.variances == pytest.approx(1 / sum(weights))
    assert merged.metadata["dq"].values == pytest.approx(0.1 * q)


def test_points_may_be_averaged_by_the_number_of_their_pixels():
    q = np.array([0.1, 0.2, 0.3])
    number = Dataset(np.array([1, 2, 3]), dims=("q",))
    one, other = curve(q, 1.0, pixels=number), curve(q, 4.0, pixels=number * 2)
    merged = merge([one, other], "area", q_bins(0.05, 0.35, 3))

    assert merged.values == pytest.approx(3 * law(q))
    assert np.array_equal(merged.metadata["pixels"].values, [3, 6, 9])


def test_the_resolution_of_an_average_covers_the_distance_of_its_points():
    near = curve(np.array([0.1, 0.12, 0.3]))
    merged = merge([near], "inverse variance", q_bins(0.05, 0.35, 2))
    weight = 1 / near.variances[:2]
    mean = np.average([0.1, 0.12], weights=weight)
    expected = np.average(np.array([0.01, 0.012]) ** 2 + (np.array([0.1, 0.12]) - mean) ** 2, weights=weight)

    assert merged.metadata["dq"].values[0] ** 2 == pytest.approx(expected)


def test_bins_without_points_are_masked():
    merged = merge([curve(FAR)], "inverse variance", q_bins(0.01, 0.4, 10))

    assert merged.mask is not None
    assert not merged.mask[0]
    assert merged.mask[-1]


@pytest.mark.parametrize(
    ("curves", "combine", "bins", "reason"),
    [
        ([], "points", None, "NO_CURVE"),
        ([curve(FAR)[:0]], "points", None, "NO_CURVE"),
        ([Dataset([1.0], dims=("x",))], "points", None, "NO_CURVE"),
        ([curve(FAR)], "area", None, "NO_BINS"),
        ([curve(FAR)], "area", q_bins(0, 1, 3), "NO_WEIGHT"),
        ([curve(FAR, error=0.0)], "inverse variance", q_bins(0, 1, 3), "NO_WEIGHT"),
    ],
)
def test_what_cannot_be_merged_is_refused(curves, combine, bins, reason):
    with pytest.raises(GumtreeError) as refused:
        merge(curves, combine, bins)
    assert refused.value.reason == reason


@pytest.mark.parametrize("size", [5, 300])
def test_the_errors_of_a_curve_are_those_of_its_covariance(size):
    q = np.linspace(0.01, 0.1, size)
    rough = np.random.default_rng(2).normal(size=(size, size))
    covariance = rough @ rough.T
    read = curve(q, covariance=covariance)
    restored = correlated(read)

    assert restored.values == pytest.approx(read.values)
    assert restored.covariance() == pytest.approx(covariance, rel=1e-9, abs=1e-9 * size)
    assert "covariance" not in restored.metadata
    assert restored.unit == "1/cm"


def test_points_without_a_number_have_no_covariance():
    covariance = np.diag([1.0, np.nan, 4.0])
    restored = correlated(curve(np.array([0.1, 0.2, 0.3]), covariance=covariance))

    assert restored.variances == pytest.approx([1.0, 0.0, 4.0])


def test_a_covariance_of_another_size_is_refused():
    with pytest.raises(GumtreeError) as refused:
        correlated(curve(FAR, covariance=np.eye(3)))
    assert refused.value.reason == "BAD_COVARIANCE"
