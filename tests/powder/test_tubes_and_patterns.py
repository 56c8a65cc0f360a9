"""Tubes brought together, straightened and clustered, on patterns that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from gumtree_core.data import Axis, Dataset, poisson, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.reduction.corrections.normalization import normalize
from gumtree_core.reduction.powder.calibration import read_efficiency
from gumtree_core.reduction.powder.patterns import cluster, rescaled, step, stitch
from gumtree_core.reduction.powder.straightening import binned_mean, bins, straightened_sum, true_angle
from gumtree_core.reduction.powder.tubes import (
    centers_of_edges,
    corrected_for_efficiency,
    rows,
    vertical_sum,
    vertically_shifted,
    with_angular_offsets,
)
from gumtree_core.scripts import load_script

STEPS, ROWS, TUBES = 5, 8, 4
ANGLES = 20 + 0.1 * np.arange(STEPS)[:, np.newaxis] + 0.5 * np.arange(TUBES)


@pytest.fixture
def scan() -> Dataset:
    counts = np.random.default_rng(1).integers(50, 150, (STEPS, ROWS, TUBES))
    axes = {
        "two_theta": Axis(ANGLES, "deg", ("point", "x")),
        "y": Axis(10.0 * (np.arange(ROWS) - 3.5), "mm", ("y",)),
    }
    return poisson(counts, 1, dims=("point", "y", "x"), unit="counts", axes=axes, title="scan")


def test_the_arithmetic_of_echidna():
    counts = poisson(np.array([[12.5], [25.0]]), 0, dims=("point", "x"), unit="counts")
    scaled = normalize(counts, poisson(np.array([10.0, 20.0]), 0, dims=("point",)))

    assert_allclose(scaled.values, [[25.0], [25.0]])
    assert_allclose(scaled.variances, [[112.5], [56.25]])


def test_points_within_a_quarter_of_a_degree_become_one():
    axes = {"two_theta": Axis([0.95, 1.01, 1.10, 1.30], "deg")}
    points = Dataset([1.0, 2.0, 3.0, 7.0], [0.5, 1.0, 2.0, 7.0], dims=("two_theta",), axes=axes)
    mean, total = cluster(points, 0.25), cluster(points, 0.25, "sum")

    assert_allclose(mean.values, [2, 7])
    assert_allclose(mean.variances, [3.5 / 9, 7])
    assert_allclose(mean.axes["two_theta"].values, [1.02, 1.30])
    assert_allclose(total.values, [6, 7])
    assert_allclose(total.variances, [3.5, 7])
    assert mean.metadata["contributors"].values.tolist() == [3, 1]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60), st.floats(0.01, 10))
def test_a_cluster_holds_every_point_once_and_is_no_wider_than_said(angles, width):
    axes = {"two_theta": Axis(np.sort(angles), "deg")}
    points = Dataset(np.ones(len(angles)), dims=("two_theta",), axes=axes)
    found = cluster(points, width, "sum")

    assert found.values.sum() == len(angles)
    assert (np.diff(found.axes["two_theta"].values) > 0).all()


def test_whole_rows_are_moved_and_what_comes_from_beyond_is_masked(scan):
    shifted = vertically_shifted(scan, Dataset([0, 2, -1, 0], dims=("x",), unit="pixel"))

    assert np.array_equal(shifted.values[:, :6, 1], scan.values[:, 2:, 1])
    assert np.array_equal(shifted.values[:, 1:, 2], scan.values[:, :7, 2])
    assert np.array_equal(shifted.variances[:, 1:, 2], scan.variances[:, :7, 2])
    assert shifted.masks["beyond_tube"][0].T.tolist() == [
        [False] * 8, [False] * 6 + [True] * 2, [True] + [False] * 7, [False] * 8,
    ]  # fmt: skip
    assert np.array_equal(shifted.axes["two_theta"].values, ANGLES)


def test_a_part_of_a_row_is_taken_from_two_and_their_error_with_it(scan):
    shifted = vertically_shifted(scan, Dataset([0.25, 0, 0, 0], dims=("x",), unit="pixel"))
    first, second = scan.values[0, :2, 0]

    assert shifted.values[0, 0, 0] == pytest.approx(0.75 * first + 0.25 * second)
    assert shifted.variances[0, 0, 0] == pytest.approx(0.75**2 * first + 0.25**2 * second)
    # Rows that share a row are correlated: the sum of two has all of it.
    both = shifted["point", 0]["x", 0]["y", :2].sum()
    third = scan.values[0, 2, 0]
    assert float(both.variances) == pytest.approx(0.75**2 * first + second + 0.25**2 * third)
    assert not shifted.mask[:, :, 1:].any()


def test_the_error_of_an_efficiency_is_shared_by_all_steps(scan):
    factors = Dataset(np.full((ROWS, TUBES), 2.0), np.full((ROWS, TUBES), 0.01), dims=("y", "x"))
    tubes = vertical_sum(corrected_for_efficiency(scan, factors))
    counts = scan.values.astype(float)

    assert_allclose(tubes.values, 2 * counts.sum(axis=1))
    assert_allclose(tubes.variances, 4 * counts.sum(axis=1) + 0.01 * np.square(counts).sum(axis=1))
    covariance = tubes["x", 1].covariance()
    assert covariance[0, 3] == pytest.approx(0.01 * (counts[0, :, 1] * counts[3, :, 1]).sum())


def test_a_large_scan_remembers_what_its_steps_share():
    counts = np.full((40, 80, 30), 100)
    scan = poisson(counts, 1, dims=("point", "y", "x"))
    factors = Dataset(np.ones((80, 30)), np.full((80, 30), 0.01), dims=("y", "x"))
    mean = vertical_sum(scan * factors).mean("point")

    assert scan.size > 65536
    assert_allclose(mean.variances, 80 * (100 / 40 + 0.01 * 100**2))


def test_masked_rows_are_made_up_for(scan):
    masked = np.zeros((ROWS, TUBES), bool)
    masked[:2, 3] = True
    tubes = vertical_sum(scan.with_masks(obscured=Dataset(masked, dims=("y", "x"))))

    assert_allclose(tubes.values[:, 3], scan.values[:, 2:, 3].sum(axis=1) * 8 / 6)
    assert_allclose(tubes.metadata["contributors"].values[0], [1, 1, 1, 0.75])


def test_stitched_tubes_are_in_the_order_of_their_angle(scan):
    moved = with_angular_offsets(scan, Dataset([0, 0, 0.25, 0], dims=("x",), unit="deg"))
    pattern = stitch(vertical_sum(moved))
    sums = scan.values.sum(axis=1)

    assert pattern.dims == ("two_theta",)
    assert (np.diff(pattern.axes["two_theta"].values) >= 0).all()
    at = np.argmin(np.abs(pattern.axes["two_theta"].values - (ANGLES[1, 2] + 0.25)))
    assert pattern.values[at] == sums[1, 2]
    assert pattern.values.sum() == sums.sum()
    assert step(scan) == pytest.approx(0.1)


def test_a_pixel_above_the_plane_sees_the_angle_between_beam_and_line_to_it():
    angle, height, radius = 40.0, 150.0, 1250.0
    line = np.array([radius * np.sin(np.radians(angle)), height, radius * np.cos(np.radians(angle))])

    assert true_angle(angle, height, radius) == pytest.approx(
        np.degrees(np.arccos(line[2] / np.linalg.norm(line)))
    )
    assert true_angle(140.0, height, radius) < 140
    assert true_angle(90.0, height, radius) == pytest.approx(90)


@pytest.mark.parametrize("sharing", ["nearest", "shared"])
def test_binning_conserves_counts(sharing):
    random = np.random.default_rng(2)
    angle = random.uniform(10, 12, 5000)
    data = poisson(random.poisson(20, 5000), 1, dims=("event",))
    binned = binned_mean(data, angle, bins(9.9, 12.1, 0.05), sharing)

    assert float(binned.metadata["total"].sum().values) == pytest.approx(data.values.sum())
    assert float(binned.metadata["total"].sum().variances) == pytest.approx(data.variances.sum())
    assert binned.metadata["contributors"].values.sum() == pytest.approx(5000)
    moment = binned.metadata["angle"].values * binned.metadata["contributors"].values
    assert np.nansum(moment) == pytest.approx(angle.sum())


def test_neighbours_that_share_pixels_are_correlated_by_what_they_share():
    data = poisson([100], 1, dims=("pixel",))
    total = binned_mean(data, [1.025], bins(1.0, 1.2, 0.1), "shared").metadata["total"]

    assert_allclose(total.values, [75, 25, 0])
    assert_allclose(total.covariance()[:2, :2], [[56.25, 18.75], [18.75, 6.25]])


@pytest.mark.parametrize("sharing", ["nearest", "shared"])
def test_a_curved_ring_becomes_a_sharp_peak_at_its_angle(sharing):
    radius, peak, width = 1250.0, 20.0, 0.15
    steps, tubes, heights = 25, 6, 150 * np.linspace(-1, 1, 60)
    tube_angles = 18 + 0.05 * np.arange(steps)[:, np.newaxis] + 1.25 * np.arange(tubes)
    angle = true_angle(tube_angles[:, np.newaxis, :], heights[:, np.newaxis], radius)
    signal = 100 * np.exp(-0.5 * ((angle - peak) / width) ** 2) + 1
    axes = {"two_theta": Axis(tube_angles, "deg", ("point", "x")), "y": Axis(heights, "mm", ("y",))}
    scan = Dataset(signal, signal, dims=("point", "y", "x"), axes=axes)
    pattern = straightened_sum(scan, radius, bins(19.2, 22.0, 0.05), sharing)
    x = pattern.axes["two_theta"].centers
    expected = 60 * (100 * np.exp(-0.5 * ((x - peak) / width) ** 2) + 1)
    flat = vertical_sum(scan).values.max()

    assert pattern.values == pytest.approx(expected, abs=60 * 4)
    assert (pattern.values * x).sum() / pattern.values.sum() == pytest.approx(
        (expected * x).sum() / expected.sum(), abs=1e-3
    )
    assert flat < 0.75 * pattern.values.max()  # without straightening it is smeared


def test_tubes_that_are_aligned_have_the_middle_of_their_edges_in_common():
    profile = ((np.arange(40) > 9) & (np.arange(40) < 31)).astype(float) * 100
    image = np.column_stack([profile, np.roll(profile, 2), np.zeros(40)])
    middles = centers_of_edges(Dataset(image, dims=("y", "x")))

    assert middles[:2] == pytest.approx([20, 22])
    assert np.isnan(middles[2])


def test_a_pattern_is_scaled_by_an_exact_number(scan):
    pattern = stitch(vertical_sum(scan))
    scaled = rescaled(pattern, 1000)

    assert scaled.values.max() == pytest.approx(1000)
    assert_allclose(scaled.errors / scaled.values, pattern.errors / pattern.values)


def _dark(scan: Dataset) -> Dataset:
    return stitch(vertical_sum(scan * 0))


def _ones(*shape):
    return Dataset(np.ones(shape), dims=("y", "x"))


def _without_heights(scan):
    return scan["y", 2:4].replace(axes={"two_theta": scan.axes["two_theta"]})


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda scan: vertically_shifted(scan, Dataset([1, 2], dims=("x",))), "SIZES_DIFFER"),
        (lambda scan: corrected_for_efficiency(scan, _ones(2, 4)), "SIZES_DIFFER"),
        (lambda scan: with_angular_offsets(scan.replace(axes={}), scalar(0.0, unit="deg")), "NO_TWO_THETA"),
        (lambda scan: rows(scan, 3, 8), "BAD_RANGE"),
        (lambda scan: rows(scan, 3, 2), "BAD_RANGE"),
        (lambda scan: step(scan["point", :1]), "NO_STEPS"),
        (lambda scan: cluster(stitch(vertical_sum(scan)), 0.0), "BAD_RANGE"),
        (lambda scan: cluster(vertical_sum(scan), 0.1), "NO_CURVE"),
        (lambda scan: rescaled(_dark(scan), 100), "NO_CURVE"),
        (lambda scan: straightened_sum(scan, 0, bins(20, 22, 0.1)), "BAD_RANGE"),
        (lambda scan: straightened_sum(scan, 0.001, bins(20, 22, 0.1)), "BAD_RANGE"),
        (lambda scan: bins(20, 160, 1e-6), "BAD_RANGE"),
        (lambda scan: straightened_sum(_without_heights(scan), 1250, bins(20, 22, 0.1)), "NO_HEIGHT"),
        (lambda scan: bins(20, 20, 0.1), "BAD_RANGE"),
        (lambda scan: binned_mean(scan, scan.values, Axis([0, 1, 3], "deg", ("two_theta",))), "UNEQUAL_BINS"),
    ],
)
def test_bad_input_is_refused(scan, call, reason):
    with pytest.raises(GumtreeError) as refused:
        call(scan)
    assert refused.value.reason == reason


@pytest.mark.parametrize("text", ["", "1 0.5\n2 0.25\n", "number_of_tubes 4\n"])
def test_a_text_that_holds_no_efficiencies_is_refused(tmp_path, text):
    file = tmp_path / "offsets.txt"
    file.write_text(text)

    with pytest.raises(GumtreeError, match="no file of efficiencies") as refused:
        read_efficiency(file)

    assert refused.value.reason == "FILE_DAMAGED"


def _run(scan: Dataset, **axes: Dataset) -> Run:
    monitor = poisson(np.full(scan.sizes["point"], 1000), 0, dims=("point",))
    counts = scan.replace(axes={**scan.axes, **axes})
    distance = scalar(1250, unit="mm")
    return Run({"detector/counts": counts, "monitor/counts": monitor, "detector/distance": distance})


def test_a_scan_is_no_background_of_itself(scan):
    run = _run(scan)

    with pytest.raises(GumtreeError, match="given as sample and as background") as refused:
        load_script("powder")(sample=run, background=run, lowest_row=0, highest_row=3).reduce()

    assert refused.value.reason == "RUN_TWICE"


def test_a_background_at_other_angles_is_refused(scan):
    angles = scan.axes["two_theta"]
    moved = Dataset(angles.values + 0.5, dims=angles.dims, unit=angles.unit)

    with pytest.raises(GumtreeError) as refused:
        load_script("powder")(
            sample=_run(scan), background=_run(scan, two_theta=moved), lowest_row=0, highest_row=3
        ).reduce()

    assert refused.value.reason == "AXIS_MISMATCH"
