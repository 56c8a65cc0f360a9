import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from gumtree_core.data import Axis, Dataset, scalar
from gumtree_core.errors import GumtreeError


@pytest.fixture
def frame() -> Dataset:
    values = np.arange(20.0).reshape(4, 5)
    return Dataset(
        values,
        values + 1,
        axes={"y": Axis([0.0, 1, 2, 3], "mm"), "x": Axis([0.0, 1, 2, 3, 4, 5], "mm")},
        masks={"low": values < 3},
        metadata={"temperature": Dataset([1.0, 2, 3, 4], dims="y", unit="K"), "sample": "water"},
        unit="counts",
    )


@pytest.fixture
def curve() -> Dataset:
    return Dataset([1.0, 2, 3, 4], [1.0, 1, 1, 1], axes={"q": Axis([0.1, 0.2, 0.3, 0.4], "1/angstrom")})


def test_a_slice_carries_axes_masks_metadata_and_errors_and_shares_memory(frame):
    part = frame["y", 1:3]

    assert part.shape == (2, 5)
    assert np.shares_memory(part.values, frame.values)
    assert np.shares_memory(part.axes["y"].values, frame.axes["y"].values)
    assert np.shares_memory(part.masks["low"], frame.masks["low"])
    assert_array_equal(part.variances, frame.variances[1:3])
    assert_array_equal(part.axes["y"].values, [1, 2])
    assert_array_equal(part.metadata["temperature"].values, [2, 3])
    assert part.metadata["sample"] == "water"


def test_a_slice_of_bins_keeps_their_edges(frame):
    assert_array_equal(frame["x", 1:3].axes["x"].values, [1, 2, 3])
    assert_array_equal(frame["x", ::2].axes["x"].values, [0.5, 2.5, 4.5])
    assert_array_equal(frame["x", ::-1].axes["x"].values, [4.5, 3.5, 2.5, 1.5, 0.5])
    assert frame["x", 3].axes["x"].values == 3.5


@pytest.mark.parametrize(
    "key",
    [
        2,
        -1,
        slice(1, 3),
        slice(None, None, -1),
        slice(10, 20),
        (slice(None), 1),
        (..., slice(1, 4, 2)),
        (1, ...),
        (slice(None), [3, 0, 0]),
        (slice(None), np.array([True, False, True, False, True])),
        np.array([True, False, True, False]),
        (-2, -3),
    ],
)
def test_indexing_is_that_of_numpy(frame, key):
    part = frame[key]

    assert_array_equal(part.values, frame.values[key])
    assert_array_equal(part.variances, frame.variances[key])
    assert_array_equal(part.masks["low"], frame.masks["low"][key])
    assert_array_equal((part - part).variances, 0)


def test_a_range_of_coordinates_is_half_open_and_a_view(curve):
    part = curve["q", 0.2:0.4]

    assert_array_equal(part.values, [2, 3])
    assert np.shares_memory(part.values, curve.values)
    assert_array_equal(curve["q", 0.25:].values, [3, 4])
    assert_array_equal(curve["q", :0.25].values, [1, 2])
    assert curve["q", 5.0:6.0].shape == (0,)


def test_a_coordinate_may_have_a_unit_of_its_own(curve):
    assert_array_equal(curve["q", "2 1/nm":"3.5 1/nm"].values, [2, 3])
    assert_array_equal(curve["q", scalar(2.0, unit="1/nm") :].values, [2, 3, 4])


def test_bins_belong_to_a_range_where_their_middle_does(frame):
    assert_array_equal(frame["x", 1.4:3.0].axes["x"].values, [1, 2, 3])


def test_a_descending_axis_is_cut_by_coordinate_too():
    ds = Dataset([1.0, 2, 3, 4], axes={"x": [4.0, 3, 2, 1]})

    assert_array_equal(ds["x", 2.0:4.0].values, [2, 3])


def test_an_axis_of_another_name_selects_along_its_dimension():
    ds = Dataset([1.0, 2, 3], dims="x", axes={"angle": Axis([10.0, 20, 30], "deg", "x")})

    assert_array_equal(ds["angle", 15.0:].values, [2, 3])
    assert_array_equal(ds["angle", 1:].values, [2, 3])


def test_one_coordinate_gives_the_bin_that_holds_it_or_the_point_that_lies_there(frame, curve):
    assert_array_equal(frame["x", 2.3].values, frame.values[:, 2])
    assert_array_equal(frame["x", 5.0].values, frame.values[:, 4])
    assert float(curve["q", 0.3]) == 3
    with pytest.raises(GumtreeError, match=r"nearest point is 0\.3"):
        curve["q", 0.31]


def test_a_mask_of_the_whole_shape_gives_a_list_of_elements(frame):
    chosen = frame[frame > 15]

    assert chosen.dims == ("element",)
    assert_array_equal(chosen.values, [16, 17, 18, 19])
    assert_array_equal(chosen.variances, [17, 18, 19, 20])
    assert_array_equal(chosen.axes["y"].values, 3)
    assert_array_equal(chosen.axes["x"].values, [1.5, 2.5, 3.5, 4.5])
    assert_array_equal(frame[frame.values > 15].values, chosen.values)


def test_a_mask_dataset_selects_along_its_own_dimension(frame):
    columns = Dataset([1.0, 2, 3, 4, 5], dims="x") > 3

    assert_array_equal(frame[columns].values, frame.values[:, 3:])


def test_metadata_of_each_scan_point_follows_and_other_metadata_stays(frame):
    assert float(frame["y", 2].metadata["temperature"]) == 3
    assert frame["x", 1:2].metadata["temperature"].shape == (4,)


@pytest.mark.parametrize(
    ("select", "reason"),
    [
        (lambda ds: ds["z", 0], "UNKNOWN_DIMENSION"),
        (lambda ds: ds["z", 0.5:], "UNKNOWN_AXIS"),
        (lambda ds: ds[7], "INDEX_OUT_OF_RANGE"),
        (lambda ds: ds["x", -6], "INDEX_OUT_OF_RANGE"),
        (lambda ds: ds[[0, 9]], "INDEX_OUT_OF_RANGE"),
        (lambda ds: ds[0, 0, 0], "BAD_INDEX"),
        (lambda ds: ds[..., ...], "BAD_INDEX"),
        (lambda ds: ds["x"], "BAD_INDEX"),
        (lambda ds: ds["x", 1, 2], "BAD_INDEX"),
        (lambda ds: ds[0.5:], "BAD_INDEX"),
        (lambda ds: ds["x", ::0], "BAD_INDEX"),
        (lambda ds: ds["x", 0.5:2.5:1], "BAD_INDEX"),
        (lambda ds: ds[np.array([True, False])], "BAD_INDEX"),
        (lambda ds: ds[np.ones((2, 2), dtype=bool)], "BAD_INDEX"),
        (lambda ds: ds["x", 9.5], "COORDINATE_OUT_OF_RANGE"),
        (lambda ds: ds["x", "1 s":], "UNIT_MISMATCH"),
        (lambda ds: ds["x", "one":], "BAD_QUANTITY"),
    ],
)
def test_a_bad_selection_is_refused_with_a_reason(frame, select, reason):
    with pytest.raises(GumtreeError) as caught:
        select(frame)
    assert caught.value.reason == reason


@given(
    a=st.slices(6),
    b=st.slices(6),
    operation=st.sampled_from(
        [lambda x, y: x + y, lambda x, y: x * y, lambda x, y: x / (y + 10), lambda x, y: x - x]
    ),
)
def test_slicing_commutes_with_arithmetic(a, b, operation):
    random = np.random.default_rng(1)
    one = Dataset(random.uniform(1, 2, (6, 6)), random.uniform(0, 1, (6, 6)))
    other = Dataset(random.uniform(1, 2, 6), random.uniform(0, 1, 6))

    first = operation(one[a, b], other[b])
    last = operation(one, other)[a, b]

    assert_array_equal(first.values, last.values)
    assert_allclose(first.variances, last.variances, rtol=1e-14)
    assert_allclose((first - last).variances, 0, atol=1e-14)
