"""What is selected from a Dataset shares its memory: values, errors, masks and axes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from gumtree_core.data import Axis, Dataset

SHAPE = {"frame": 3, "y": 4, "x": 5}
STARTS, STEPS = st.none() | st.integers(-6, 6), st.none() | st.sampled_from([-3, -2, -1, 1, 2, 3])
SLICES = st.builds(slice, STARTS, STARTS, STEPS)
BOUNDS = st.none() | st.floats(-2, 7)


def cube() -> Dataset:
    values = np.arange(60.0).reshape(3, 4, 5)
    return Dataset(
        values,
        values + 1,
        axes={name: Axis(np.arange(n) + 0.5, "mm") for name, n in SHAPE.items()},
        masks={"odd": values % 2 == 1, "high": values > 40},
    )


def arrays(ds: Dataset) -> dict[str, np.ndarray]:
    return {"values": ds.values, "variances": ds.variances, **ds.masks}


def assert_is_view(part: Dataset, whole: Dataset, expected) -> None:
    for name, array in arrays(part).items():
        original = arrays(whole)[name]
        assert_array_equal(array, expected(original))
        assert not array.size or not array.ndim or np.shares_memory(array, original), name
        assert not array.flags.writeable, name


@given(st.lists(SLICES | st.integers(-3, 2), min_size=1, max_size=3))
def test_slices_by_index_are_views(keys):
    whole = cube()
    part = whole[tuple(keys)]

    assert_is_view(part, whole, lambda array: array[tuple(keys)])
    for name, axis in part.axes.items():
        assert (
            not axis.values.size or not axis.ndim or np.shares_memory(axis.values, whole.axes[name].values)
        ), name


@given(st.sampled_from(list(SHAPE)), BOUNDS, BOUNDS)
def test_slices_by_coordinate_are_views(dim, start, stop):
    whole = cube()
    at = whole.axes[dim].values
    inside = np.flatnonzero(
        (at >= (-np.inf if start is None else start)) & (at < (stop if stop is not None else 9))
    )
    bounds = slice(inside[0], inside[-1] + 1) if inside.size else slice(0, 0)
    place = list(SHAPE).index(dim)
    part = whole[dim, start:stop]

    assert_is_view(part, whole, lambda array: array[(slice(None),) * place + (bounds,)])
    assert_array_equal(part.axes[dim].values, at[inside])


@given(st.permutations(list(SHAPE)))
def test_transposes_are_views(order):
    whole = cube()

    assert_is_view(
        whole.transpose(*order), whole, lambda array: array.transpose([list(SHAPE).index(d) for d in order])
    )


@given(st.data())
def test_views_of_views_are_views(data):
    whole = cube()
    order = data.draw(st.permutations(list(SHAPE)))
    keys = tuple(data.draw(st.lists(SLICES, min_size=3, max_size=3)))
    places = [list(SHAPE).index(d) for d in order]

    part = whole.transpose(*order)[keys].transpose()
    assert_is_view(part, whole, lambda array: array.transpose(places)[keys].transpose())


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (lambda ds: ds[:, np.newaxis], lambda array: array[:, np.newaxis]),
        (lambda ds: ds.expand_dims("run"), lambda array: array[np.newaxis]),
        (lambda ds: ds["frame", :1].squeeze("frame"), lambda array: array[0]),
        (lambda ds: ds.reshape({"row": 2, "half": 2}, "y"), lambda array: array.reshape(3, 2, 2, 5)),
        (lambda ds: ds.split([2], "y")[1], lambda array: array[:, 2:]),
        (lambda ds: ds.flatten(), lambda array: array.reshape(-1)),
        (lambda ds: ds.rename(frame="run"), lambda array: array),
        (lambda ds: ds.replace(title="anew", unit="counts"), lambda array: array),
        (np.flipud, np.flipud),
        (lambda ds: np.swapaxes(ds, 0, 2), lambda array: np.swapaxes(array, 0, 2)),
    ],
)
def test_other_shapes_are_views(view, expected):
    whole = cube()

    assert_is_view(view(whole), whole, expected)


@pytest.mark.parametrize("key", [[0, 2], np.array([True, False, True])])
def test_selections_by_list_and_mask_are_copies(key):
    whole = cube()
    part = whole[key]

    for name, array in arrays(part).items():
        assert_array_equal(array, arrays(whole)[name][key])
        assert not np.shares_memory(array, arrays(whole)[name])
