import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from gumtree_core.data import Axis, Dataset, concatenate, scalar, stack
from gumtree_core.errors import GumtreeError


@pytest.fixture
def frame() -> Dataset:
    values = np.arange(1.0, 25).reshape(4, 6)
    return Dataset(
        values,
        values / 10,
        axes={"y": Axis([0.0, 1, 2, 3], "mm"), "x": Axis(np.arange(7.0), "mm")},
        masks={"low": values < 3, "row": Dataset([True, False, False, False], dims="y")},
        metadata={"log": {"temperature": Dataset([1.0, 2, 3, 4], dims="y", unit="K")}, "who": "me"},
        unit="counts",
    )


def same(one: Dataset, other: Dataset) -> None:
    assert one.dims == other.dims
    assert_array_equal(one.values, other.values)
    assert_allclose((one - other).variances, 0, atol=1e-12)
    assert_array_equal(one.variances, other.variances)
    assert set(one.axes) == set(other.axes)
    assert all(axis.same(other.axes[name]) for name, axis in one.axes.items())
    assert {name: mask.tolist() for name, mask in one.masks.items()} == {
        name: mask.tolist() for name, mask in other.masks.items()
    }


def test_one_dimension_becomes_several_without_a_copy(frame):
    cube = frame.reshape({"block": 2, "pixel": -1}, "x")

    assert cube.sizes == {"y": 4, "block": 2, "pixel": 3}
    assert np.shares_memory(cube.values, frame.values)
    assert_array_equal(cube.values, frame.values.reshape(4, 2, 3))
    assert_array_equal(cube.variances, frame.variances.reshape(4, 2, 3))
    assert cube.axes["x"].edges == "pixel"
    assert_array_equal(cube.axes["x"].values, [[0, 1, 2, 3], [3, 4, 5, 6]])
    assert_array_equal(cube.masks["low"], frame.masks["low"].reshape(4, 2, 3))


def test_errors_are_reshaped_without_a_copy_too(frame):
    for ds in (frame.reshape({"a": 2, "b": 3}, "x"), frame.flatten(), frame[:, None], *frame.split(2, "x")):
        assert all(term.selection.table is None for term in ds.uncertainty.terms)
        assert all(term.source is frame.uncertainty.terms[0].source for term in ds.uncertainty.terms)


def test_metadata_of_each_scan_point_is_reshaped_with_its_dimension(frame):
    cube = frame.reshape({"cycle": 2, "point": 2}, "y")

    assert_array_equal(cube.metadata["log"]["temperature"].values, [[1, 2], [3, 4]])
    assert float(cube[1, 0].metadata["log"]["temperature"]) == 3
    assert cube.metadata["who"] == "me"


def test_several_dimensions_become_one(frame):
    flat = frame.flatten()

    assert flat.dims == ("element",)
    assert np.shares_memory(flat.values, frame.values)
    assert_array_equal(flat.values, frame.values.reshape(-1))
    assert_array_equal(flat.variances, frame.variances.reshape(-1))
    assert_array_equal(flat.axes["x"].values, np.tile(np.arange(6) + 0.5, 4))
    assert_array_equal(flat.axes["y"].values, np.repeat(np.arange(4), 6))
    assert_array_equal(flat.metadata["log"]["temperature"].values, np.repeat([1, 2, 3, 4], 6))
    assert_array_equal(flat.masks["row"], np.arange(24) < 6)


def test_some_dimensions_of_three_become_one_in_the_order_that_is_named():
    cube = Dataset(np.arange(24.0).reshape(2, 3, 4), "poisson", dims=("a", "b", "c"))

    assert cube.flatten(("b", "c"), "bc").dims == ("a", "bc")
    assert cube.flatten(("a", "b"), "ab").dims == ("ab", "c")
    mixed = cube.flatten(("c", "a"), "ca")
    assert mixed.dims == ("ca", "b")
    assert_array_equal(mixed.values, cube.values.transpose(2, 0, 1).reshape(8, 3))
    assert_array_equal(mixed.variances, mixed.values)


@given(
    lengths=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)),
    steps=st.tuples(st.sampled_from([1, -1, 2]), st.sampled_from([1, -1])),
    edges=st.booleans(),
)
def test_flattening_undoes_reshaping(lengths, steps, edges):
    n = int(np.prod(lengths))
    whole = Dataset(
        np.arange(2.0 * n).reshape(2, n),
        "poisson",
        dims=("y", "x"),
        axes={"x": np.arange(n + edges, dtype=float)},
        masks={"m": np.arange(2 * n).reshape(2, n) % 3 == 0},
    )
    ds = whole[:, :: steps[0]] if n % 2 == 0 or steps[0] != 2 else whole
    ds = ds * scalar(1.0, 0.1)
    split = {"a": -1, "b": lengths[1] if ds.sizes["x"] % lengths[1] == 0 else 1}

    same(ds.reshape(split, "x").flatten(("a", "b"), "x"), ds)


def test_reshaped_data_meet_the_original_elements(frame):
    cube = frame.reshape({"block": 2, "pixel": 3}, "x")
    monitor = scalar(10.0, 1.0)

    ratio = (cube / monitor)["block", 0] - frame["x", :3].rename(x="pixel") / monitor
    assert_allclose(ratio.variances, 0, atol=1e-12)
    shared = (frame.sum("x") * 1.0).reshape({"cycle": 2, "point": 2}, "y")
    assert_allclose(shared.variances, frame.sum("x").variances.reshape(2, 2))


def test_an_axis_of_two_dimensions_is_flattened_and_split(frame):
    angle = Axis(np.arange(24.0).reshape(6, 4), "deg", ("x", "y"))
    turned = frame.with_axes(angle=angle)

    assert_array_equal(turned.flatten().axes["angle"].values, angle.values.T.reshape(-1))
    assert turned.reshape({"a": 2, "b": 3}, "x").axes["angle"].dims == ("a", "b", "y")
    assert_array_equal(
        turned.reshape({"a": 2, "b": 3}, "x").axes["angle"].values, angle.values.reshape(2, 3, 4)
    )


def test_a_new_dimension_is_inserted_and_removed_without_a_copy(frame):
    raised = frame.expand_dims("point", 1)

    assert raised.dims == ("y", "point", "x")
    assert np.shares_memory(raised.values, frame.values)
    same(raised.squeeze(), frame)
    same(raised.squeeze("point"), frame)
    assert frame.expand_dims("point", -1).dims == ("y", "x", "point")
    assert frame[np.newaxis].dims == ("new", "y", "x")
    assert frame[1, None, ..., None].dims == ("new", "x", "new_2")
    assert_array_equal(frame[1, None, ..., None].variances, frame.variances[1, None, ..., None])


def test_cutting_gives_views_that_join_again_with_their_metadata(frame):
    parts = frame.split(2, "y")

    assert [part.shape for part in parts] == [(2, 6), (2, 6)]
    assert np.shares_memory(parts[1].values, frame.values)
    again = concatenate(parts, "y")
    same(again, frame)
    assert_array_equal(again.metadata["log"]["temperature"].values, [1, 2, 3, 4])
    assert [part.shape[1] for part in frame.split([1, 4], "x")] == [1, 3, 2]
    assert [part.shape[1] for part in np.array_split(frame, 4, axis=1)] == [2, 2, 1, 1]
    assert len(np.split(frame, 4)) == 4


def test_sorting_carries_everything_along(frame):
    ordered = frame.sort("y", descending=True)

    assert_array_equal(ordered.values, frame.values[::-1])
    assert_array_equal(ordered.variances, frame.variances[::-1])
    assert_array_equal(ordered.axes["y"].values, [3, 2, 1, 0])
    assert_array_equal(ordered.metadata["log"]["temperature"].values, [4, 3, 2, 1])
    assert frame.sort("y") is frame
    by_values = frame.sort(Dataset([3.0, np.nan, 1.0, 2.0], dims="y"))
    assert_array_equal(by_values.axes["y"].values, [2, 3, 0, 1])
    by_array = frame.sort(Dataset([3.0, np.nan, 1.0, 3.0], dims="y"), descending=True)
    assert_array_equal(by_array.axes["y"].values, [0, 3, 2, 1])
    assert_array_equal(np.sort(Dataset([3.0, 1.0, 2.0])).values, [1, 2, 3])


def test_rolling_moves_the_data_against_their_coordinates(frame):
    moved = frame.roll("x", 2)

    assert_array_equal(moved.values, np.roll(frame.values, 2, axis=1))
    assert_array_equal(moved.variances, np.roll(frame.variances, 2, axis=1))
    assert_array_equal(moved.masks["low"], np.roll(frame.masks["low"], 2, axis=1))
    assert moved.axes["x"].same(frame.axes["x"])


def test_repeated_elements_are_one_source():
    ds = Dataset([4.0, 9.0], "poisson")

    assert_allclose(float(ds.repeat("x", 3).sum().variances), 9 * 13)
    assert_allclose(float(ds.tile("x", 2).sum().variances), 4 * 13)
    assert_array_equal(ds.repeat("x", [1, 2]).values, [4, 9, 9])


def test_renaming_a_dimension_renames_it_in_the_metadata(frame):
    renamed = frame.rename(y="step")

    assert float(renamed["step", 2].metadata["log"]["temperature"]) == 3


def test_metadata_deep_inside_is_sliced_and_other_metadata_stays_whole(frame):
    log = {"deep": {"er": Dataset([1, 2, 3, 4], dims="y"), "text": "abc", "list": [1, 2, 3, 4]}, "n": 4}
    ds = frame.with_metadata(log=log, other=Dataset([1, 2], dims="y"), field=Dataset(np.ones((4, 6))))

    part = ds["y", 1:3]["x", 0]
    assert_array_equal(part.metadata["log"]["deep"]["er"].values, [2, 3])
    assert part.metadata["log"]["deep"]["text"] == "abc"
    assert part.metadata["log"]["deep"]["list"] == [1, 2, 3, 4]
    assert part.metadata["log"]["n"] == 4
    assert part.metadata["other"].size == 2
    assert part.metadata["field"].shape == (2,)
    assert_array_equal(ds.metadata["log"]["deep"]["er"].values, [1, 2, 3, 4])


def test_metadata_that_only_some_parts_have_or_that_differs_is_left_out_of_a_join(frame):
    one, other = frame["y", :2], frame["y", 2:].with_metadata(who="you", extra=1)

    joined = concatenate([one, other], "y")
    assert set(joined.metadata) == {"log"}
    assert set(stack([one, one], "again").metadata) == {"log", "who"}


def test_a_row_of_a_frame_meets_the_frame(frame):
    difference = frame - frame["y", 0]

    assert difference.axes["y"].same(frame.axes["y"])
    assert_array_equal(difference.variances[0], 0)
    assert_allclose(difference.variances[1], frame.variances[1] + frame.variances[0])


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda ds: ds.reshape({"a": 2, "b": 2}, "x"), "BAD_DIMENSIONS"),
        (lambda ds: ds.reshape({"a": -1, "b": -1}, "x"), "BAD_DIMENSIONS"),
        (lambda ds: ds.reshape({"a": 4, "b": -1}, "x"), "BAD_DIMENSIONS"),
        (lambda ds: ds.reshape({"y": 2, "b": 3}, "x"), "BAD_DIMENSIONS"),
        (lambda ds: ds.reshape({"a": 2, "b": 3}), "BAD_DIMENSIONS"),
        (lambda ds: ds.reshape({"a": 2, "b": 3}, "z"), "UNKNOWN_DIMENSION"),
        (lambda ds: ds.flatten(("x", "z")), "UNKNOWN_DIMENSION"),
        (lambda ds: ds.flatten(("x",), "y"), "BAD_DIMENSIONS"),
        (lambda ds: ds.expand_dims("x"), "BAD_DIMENSIONS"),
        (lambda ds: ds.expand_dims("new", 5), "BAD_DIMENSIONS"),
        (lambda ds: ds.squeeze("x"), "BAD_DIMENSIONS"),
        (lambda ds: ds.split(4, "x"), "BAD_INDEX"),
        (lambda ds: ds.sort("q"), "UNKNOWN_AXIS"),
        (lambda ds: ds.sort(np.ones(3)), "BAD_LABELS"),
        (lambda ds: ds.sort(Dataset(np.ones(3), dims="x")), "BAD_LABELS"),
        (lambda ds: ds.sort(), "BAD_LABELS"),
        (lambda ds: ds.roll("z", 1), "UNKNOWN_DIMENSION"),
        (lambda ds: ds.repeat("x", [1, 2]), "BAD_INDEX"),
        (lambda ds: ds[None, 0, 0, 0], "BAD_INDEX"),
        (lambda ds: ds.split("a"), "BAD_INDEX"),
        (lambda ds: ds.split(2.5), "BAD_INDEX"),
        (lambda ds: ds.reshape({"a": 1.5, "b": 4}, "x"), "BAD_DIMENSIONS"),
        (lambda ds: ds.tile("x", -1), "BAD_INDEX"),
        (lambda ds: ds.roll("x", 0.5), "BAD_INDEX"),
        (lambda ds: np.delete(ds, 7, axis=0), "UNSUPPORTED_FUNCTION"),
        (lambda ds: np.take(ds, 0.5, axis=0), "UNSUPPORTED_FUNCTION"),
    ],
)
def test_what_fits_no_shape_is_refused(frame, call, reason):
    with pytest.raises(GumtreeError) as caught:
        call(frame)
    assert caught.value.reason == reason
    assert caught.value.message.endswith(".")


def test_t_reverses_the_dimensions():
    d = Dataset(np.arange(6.0).reshape(2, 3), dims=("y", "x"))
    assert d.T.dims == ("x", "y")
    assert np.shares_memory(d.T.values, d.values)
