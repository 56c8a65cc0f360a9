import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from gumtree_core.data import Axis, Dataset, concatenate, poisson, scalar, stack
from gumtree_core.errors import GumtreeError


@pytest.fixture
def frame() -> Dataset:
    return Dataset(
        np.arange(6).reshape(2, 3),
        "poisson",
        axes={"y": Axis([1.0, 2], "mm"), "x": Axis([0.0, 1, 2, 3], "mm")},
        masks={"hot": [[False, False, True], [False, False, False]]},
        unit="counts",
    )


def test_a_masked_element_takes_no_part(frame):
    assert float(frame.sum()) == 13
    assert float(frame.sum().variances) == 13
    assert_array_equal(frame.sum("y").values, [3, 5, 5])
    assert_array_equal(frame.sum("y").variances, [3, 5, 5])
    assert_allclose(frame.mean("y").values, [1.5, 2.5, 5])
    assert_allclose(frame.mean("y").variances, [3 / 4, 5 / 4, 5])
    assert not frame.sum("y").masks


def test_the_axes_that_remain_are_kept(frame):
    assert set(frame.sum("y").axes) == {"x"}
    assert frame.sum("y").axes["x"].is_edges
    assert frame.sum("y").unit == "counts"


def test_the_result_is_masked_by_name_where_a_mask_covers_all():
    ds = Dataset(np.ones((2, 3)), masks={"rows": Dataset([True, False], dims="y")})

    result = ds.sum("x")
    assert_array_equal(result.masks["rows"], [True, False])
    assert float(result.sum()) == 3
    assert np.isnan(ds.mean("x").values[0])


def test_masks_that_cover_all_only_together_leave_the_result_empty():
    masks = {"a": [[True, False], [False, False]], "b": [[False, True], [False, False]]}
    ds = Dataset(np.ones((2, 2)), masks=masks)

    assert_array_equal(ds.sum("x").masks["empty"], [True, False])


def test_nan_that_is_not_masked_stays_nan():
    ds = Dataset([1.0, np.nan, 3.0], [1.0, 1.0, 1.0])

    assert np.isnan(float(ds.sum()))
    assert np.isnan(float(ds.max()))
    assert float(ds.with_masks(bad=np.isnan(ds)).sum()) == 4


def test_counts_add_up_as_integers():
    assert Dataset(np.full(10, 250, np.uint8)).sum().values == 2500


def test_the_weighted_mean_is_the_best_estimate():
    ds = Dataset([10.0, 12.0], [1.0, 4.0], unit="mm")

    best = ds.weighted_mean()
    assert_allclose([float(best), float(best.variances)], [10.4, 0.8])
    assert best.unit == "mm"
    assert_allclose(float(ds.weighted_mean(weights=[1.0, 3.0])), 11.5)
    assert_allclose(float(ds.weighted_mean(weights=Dataset([1.0, 3.0], unit="s"))), 11.5)


def test_the_weighted_mean_leaves_masked_elements_out_of_both_sums():
    ds = Dataset([10.0, 12.0, np.nan], [1.0, 4.0, 0.0], masks={"bad": [False, False, True]})

    assert_allclose(float(ds.weighted_mean()), 10.4)
    assert_allclose(float(ds.weighted_mean(weights=[1.0, 1.0, 5.0])), 11)


def test_the_weighted_mean_of_rows_weighs_each_row():
    ds = Dataset([[1.0, 3.0], [2.0, 4.0]], [[1.0, 1.0], [1.0, 3.0]])

    assert_allclose(ds.weighted_mean("x").values, [2, 2.5])


def test_no_weights_can_be_made_of_zero_variances():
    with pytest.raises(GumtreeError, match=r"1 elements.*zero_count_variance") as caught:
        poisson([0, 1], 0).weighted_mean()
    assert caught.value.reason == "ZERO_VARIANCE"
    with pytest.raises(GumtreeError) as caught:
        Dataset([1.0]).weighted_mean()
    assert caught.value.reason == "NO_VARIANCES"


def test_the_spread_and_its_error():
    values, variances = np.array([1.0, 2.0, 4.0]), np.array([0.1, 0.2, 0.3])
    ds = Dataset(values, variances, unit="mm")
    step, slopes = 1e-6, []
    for k in range(3):
        moved = values + step * (np.arange(3) == k)
        slopes.append((moved.std(ddof=1) - values.std(ddof=1)) / step)

    assert_allclose(float(ds.std(ddof=1)), values.std(ddof=1))
    assert_allclose(float(ds.std(ddof=1).variances), np.sum(np.square(slopes) * variances), rtol=1e-5)
    assert Dataset([1.0]).std(ddof=1).masks["undefined"]


def test_extremes_have_the_error_of_the_element(frame):
    assert float(frame.max()) == 5
    assert float(frame.max().variances) == 5
    assert_array_equal(frame.min("y").values, [0, 1, 5])
    assert_array_equal(frame.max("x").values, [1, 5])
    assert_array_equal(frame.max("x").variances, [1, 5])
    assert float((frame.max() - frame["y", 1]["x", 2]).variances) == 0
    with pytest.raises(GumtreeError) as caught:
        Dataset(np.zeros(0)).max()
    assert caught.value.reason == "NO_ELEMENTS"


def test_numpy_functions_and_their_axes_work_too(frame):
    assert_array_equal(np.sum(frame, axis=0).values, frame.sum("y").values)
    assert float(np.mean(frame)) == float(frame.mean())
    assert_array_equal(np.max(frame, axis=-1).values, frame.max("x").values)
    assert np.shape(frame) == (2, 3)
    with pytest.raises(GumtreeError, match="axis 2"):
        np.sum(frame, axis=2)


def test_an_unknown_dimension_is_refused(frame):
    with pytest.raises(GumtreeError, match="no dimension 'q'"):
        frame.sum("q")


def test_the_sum_into_bins_is_numpys_bincount(frame):
    index = np.array([[0, 1, 1], [0, 3, -1]])
    result = frame.bin_sum(index, 4, "q", axis=Axis([0.0, 1, 2, 3, 4], "1/nm"))

    assert result.dims == ("q",)
    assert_array_equal(result.values, [3, 1, 0, 4])
    assert_array_equal(result.variances, [3, 1, 0, 4])
    assert_array_equal(result.masks["empty"], [False, False, True, False])
    assert result.axes["q"].is_edges
    assert result.unit == "counts"


@given(st.data())
def test_binning_all_elements_conserves_their_sum_and_variance(data):
    index = np.array(data.draw(st.lists(st.integers(0, 6), min_size=24, max_size=24))).reshape(2, 3, 4)
    random = np.random.default_rng(5)
    ds = Dataset(random.uniform(0, 1, (2, 3, 4)), random.uniform(0, 1, (2, 3, 4))) / scalar(2.0, 0.1)

    binned = ds.bin_sum(index, 7, "q").sum()

    assert_allclose(float(binned), float(ds.sum()))
    assert_allclose(float(binned.variances), float(ds.sum().variances))


def test_each_point_of_a_scan_is_binned_on_its_own():
    scan = Dataset(
        np.arange(24.0).reshape(2, 3, 4), np.arange(24.0).reshape(2, 3, 4), dims=("point", "y", "x")
    )
    index = np.arange(12).reshape(3, 4) % 5
    expected = [np.bincount(index.ravel(), frame.ravel(), 5) for frame in scan.values]

    by_array = scan.bin_sum(index, 5, "q")
    by_dataset = scan.bin_sum(Dataset(index.T, dims=("x", "y")), 5, "q")

    assert by_array.dims == by_dataset.dims == ("point", "q")
    assert_array_equal(by_array.values, expected)
    assert_array_equal(by_array.variances, expected)
    assert_array_equal(by_dataset.values, expected)
    assert_array_equal((by_array["point", 1] - scan["point", 1].bin_sum(index, 5, "q")).values, 0)


@pytest.mark.parametrize(
    ("index", "n_bins", "dim", "reason"),
    [
        (np.zeros((2, 3)), 2, "q", "BAD_BIN_INDEX"),
        (np.zeros((2, 3), int), 0, "q", "BAD_BIN_INDEX"),
        (np.zeros((3, 2), int), 2, "q", "DIMENSION_MISMATCH"),
        (np.zeros((), int), 2, "q", "DIMENSION_MISMATCH"),
        (Dataset(np.zeros(3, int), dims="z"), 2, "q", "DIMENSION_MISMATCH"),
        (np.zeros(3, int), 2, "y", "BAD_DIMENSIONS"),
    ],
)
def test_bins_that_do_not_fit_are_refused(frame, index, n_bins, dim, reason):
    with pytest.raises(GumtreeError) as caught:
        frame.bin_sum(index, n_bins, dim)
    assert caught.value.reason == reason


def test_parts_are_joined_with_their_axes_and_masks():
    one = Dataset(
        [1.0, 2.0], [1.0, 2.0], axes={"x": Axis([0.0, 1, 2], "cm")}, masks={"a": [True, False]}, unit="m"
    )
    other = Dataset([300.0], [1e4], axes={"x": Axis([20.0, 30.0], "mm")}, unit="cm")

    whole = concatenate([one, other], "x")

    assert_allclose(whole.values, [1, 2, 3])
    assert_allclose(whole.variances, [1, 2, 1])
    assert_allclose(whole.axes["x"].values, [0, 1, 2, 3])
    assert_array_equal(whole.masks["a"], [True, False, False])


def test_numpys_concatenate_joins_too():
    ds = Dataset([1.0, 2.0], [1.0, 2.0])

    assert_array_equal(np.concatenate([ds, ds * 2]).variances, [1, 2, 4, 8])


def test_frames_are_stacked_with_what_differs_along_the_new_dimension():
    frames = [
        Dataset([k, k + 1.0], [1.0, 1.0], axes={"x": [0, 1]}, metadata={"run": 1, "point": k})
        for k in range(3)
    ]

    whole = stack(frames, "point", axis=Axis([0.1, 0.2, 0.3], "K"))

    assert (whole.dims, whole.shape) == (("point", "x"), (3, 2))
    assert set(whole.axes) == {"x", "point"}
    assert dict(whole.metadata) == {"run": 1}
    assert_array_equal((whole["point", 1] - frames[1]).variances, 0)


def test_a_monitor_stays_shared_by_parts_that_are_joined():
    monitor = scalar(10.0, 1.0)
    parts = [Dataset([5.0, 6.0]) / monitor, Dataset([7.0]) / monitor]

    assert_allclose(concatenate(parts, "x").correlation(), 1)


@pytest.mark.parametrize(
    ("join", "reason"),
    [
        (lambda: concatenate([], "x"), "NO_ELEMENTS"),
        (lambda: concatenate([Dataset([1.0])], "y"), "UNKNOWN_DIMENSION"),
        (lambda: concatenate([Dataset([1.0]), Dataset([[1.0]])], "x"), "DIMENSION_MISMATCH"),
        (lambda: stack([Dataset([1.0]), Dataset([1.0, 2.0])], "z"), "DIMENSION_MISMATCH"),
        (lambda: stack([Dataset([1.0])], "x"), "BAD_DIMENSIONS"),
        (lambda: concatenate([Dataset([1.0], unit="m"), Dataset([1.0], unit="s")], "x"), "UNIT_MISMATCH"),
        (
            lambda: concatenate(
                [Dataset([1.0], axes={"x": [0, 1]}), Dataset([1.0], axes={"x": [2, 3]})], "x"
            ),
            "AXIS_MISMATCH",
        ),
        (
            lambda: stack([Dataset([1.0], axes={"x": [0]}), Dataset([1.0], axes={"x": [1]})], "z"),
            "AXIS_MISMATCH",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(join, reason):
    with pytest.raises(GumtreeError) as caught:
        join()
    assert caught.value.reason == reason


def test_a_covariance_matrix_that_would_fill_the_memory_is_refused():
    with pytest.raises(GumtreeError) as caught:
        Dataset(np.ones((200, 200)), np.ones((200, 200))).covariance()
    assert caught.value.reason == "TOO_LARGE"


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_sums_of_short_floats_are_those_of_long_ones(kind):
    most = 2.0 ** (np.finfo(kind).nmant + 1)  # one more is lost in numbers of this kind
    data = Dataset(np.array([[most / 2] * 2, [most / 2] * 2, [1, 1]], kind), dims=("y", "x"))

    assert_array_equal(data.sum("y").values, [most + 1, most + 1])
    assert float(data.sum().values) == 2 * most + 2
    assert float(data.mean().values) == (most + 1) / 3
    assert_array_equal(data.cumsum("y").values[-1], [most + 1, most + 1])


def test_an_array_of_numpy_ma_without_a_masked_element_is_an_array():
    assert_array_equal(Dataset(np.ma.array([1.0, 2.0])).values, [1, 2])
