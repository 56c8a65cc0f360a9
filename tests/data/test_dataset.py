import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from gumtree_core.data import Axis, Dataset, poisson, scalar
from gumtree_core.data.past import LIMIT as HISTORY_LIMIT
from gumtree_core.errors import GumtreeError


def reason(call) -> str:
    with pytest.raises(GumtreeError) as caught:
        call()
    assert caught.value.message.endswith(".")
    return caught.value.reason


def test_a_dataset_holds_what_it_was_given():
    ds = Dataset(
        [[1, 2, 3], [4, 5, 6]],
        "poisson",
        axes={"x": Axis([0.0, 1, 2, 3], "mm"), "y": Dataset([10.0, 20.0], unit="mm")},
        unit="counts",
        masks={"edge": [[True, False, False]] * 2},
        metadata={"sample": "silver behenate"},
        title="frame",
        history=("measured",),
    )

    assert (ds.dims, ds.shape, ds.ndim, ds.size, ds.sizes) == (("y", "x"), (2, 3), 2, 6, {"y": 2, "x": 3})
    assert ds.dtype.kind == "i"
    assert_array_equal(ds.variances, ds.values)
    assert_allclose(ds.errors, np.sqrt(ds.values))
    assert ds.axes["x"].is_edges
    assert not ds.axes["y"].is_edges
    assert_allclose(ds.axes["x"].centers, [0.5, 1.5, 2.5])
    assert ds.masks["edge"].sum() == 2
    assert ds.metadata["sample"] == "silver behenate"
    assert ds.title == "frame"
    assert ds.history[0] == "measured"
    assert "0 for 0 counts" in ds.history[1]


def test_exact_numbers_have_no_variances():
    assert Dataset([1.0, 2.0]).variances is None
    assert Dataset([1.0, 2.0]).errors is None
    assert (Dataset([1.0, 2.0]) * 3).variances is None


def test_elements_are_not_assigned():
    ds = Dataset([1.0, 2.0])

    def assign() -> None:
        ds[ds > 1] = 0

    assert reason(assign) == "READ_ONLY"


def test_a_number_is_a_dataset_too():
    ds = Dataset(0.5, 0.01)

    assert (ds.dims, ds.shape) == ((), ())
    assert_allclose([float(ds), float(ds.errors)], [0.5, 0.1])
    assert f"{scalar(1.2345, 0.1, 'mm'):.2f}" == "1.23 +- 0.10 mm"


def test_the_dimensions_have_the_names_of_axes_that_fit():
    assert Dataset([1.0, 2.0], axes={"q": [0.1, 0.2]}).dims == ("q",)
    assert Dataset(np.ones((2, 3)), axes={"a": [1, 2], "b": [1, 2, 3, 4]}).dims == ("a", "b")
    assert Dataset(np.ones((2, 3)), axes={"x": [1, 2, 3]}).dims == ("y", "x")
    assert Dataset(np.ones((2, 3, 4))).dims == ("z", "y", "x")


def test_an_axis_of_two_dimensions_may_have_edges_along_one():
    angle = np.arange(12.0).reshape(3, 4)
    ds = Dataset(np.ones((3, 3)), dims=("step", "tube"), axes={"angle": Axis(angle, "deg", ("step", "tube"))})

    assert ds.axes["angle"].edges == "tube"
    assert ds.axes["angle"].centers.shape == (3, 3)
    assert_allclose(ds.axes["angle"].widths, 1)


def test_the_rule_for_zero_counts_has_to_be_named():
    with pytest.raises(TypeError):
        poisson([0, 1])
    assert_array_equal(poisson([0, 4], 1).variances, [1, 4])
    assert_array_equal(poisson([0, 4], 0).variances, [0, 4])
    assert "1 for 0 counts" in poisson([0, 4], 1).history[-1]


def test_poisson_replaces_the_errors_of_a_dataset_and_keeps_all_else_and_its_identity():
    once, twice = (
        Dataset([0, 4], "poisson", source="file", axes={"q": [1, 2]}, unit="counts") for _ in range(2)
    )
    ruled, again = poisson(once, 1), poisson(twice, zero_count_variance=1)

    assert_array_equal(ruled.variances, [1, 4])
    assert ruled.dims == ("q",)
    assert "q" in ruled.axes
    assert_array_equal((ruled - again).variances, 0)
    assert_array_equal(poisson(once["q", 1:], 1).variances, [4])


def test_dead_pixels_may_hold_anything_where_they_are_masked():
    ds = poisson([3, -1], 1, masks={"dead": [False, True]})

    assert_array_equal(ds.sum().values, 3)
    assert_array_equal(ds.sum().variances, 3)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Dataset(["a", "b"]), "BAD_VALUES"),
        (lambda: Dataset(np.array([1, None], dtype=object)), "BAD_VALUES"),
        (lambda: Dataset([[1, 2], [3]]), "BAD_VALUES"),
        (lambda: Dataset([1j]), "BAD_VALUES"),
        (lambda: Dataset(Dataset([1.0])), "BAD_VALUES"),
        (lambda: Dataset([1.0, 2.0], [1.0]), "BAD_VARIANCES"),
        (lambda: Dataset([1.0, 2.0], 0.1), "BAD_VARIANCES"),
        (lambda: Dataset([1.0, 2.0], [1.0, -1.0], title="rate"), "BAD_VARIANCES"),
        (lambda: Dataset([1.0, 2.0], [1.0, np.nan]), "BAD_VARIANCES"),
        (lambda: Dataset([1.0, 2.0], [1.0, np.inf]), "BAD_VARIANCES"),
        (lambda: Dataset([1.0, 2.0], ["a", "b"]), "BAD_VARIANCES"),
        (lambda: Dataset([1.0, 2.0], "gauss"), "BAD_VARIANCES"),
        (lambda: scalar(1.0, -0.1), "BAD_VARIANCES"),
        (lambda: scalar(1.0, float("nan")), "BAD_VARIANCES"),
        (lambda: poisson([1, -1], 1), "BAD_COUNTS"),
        (lambda: Dataset([1.0, np.nan], "poisson"), "BAD_COUNTS"),
        (lambda: poisson([1, 1], -1), "BAD_VARIANCES"),
        (lambda: Dataset([1.0], dims=("a", "b")), "BAD_DIMENSIONS"),
        (lambda: Dataset([[1.0]], dims=("a", "a")), "BAD_DIMENSIONS"),
        (lambda: Dataset(np.ones((1, 1, 1, 1))), "BAD_DIMENSIONS"),
        (lambda: Dataset([1.0, 2.0], axes={"x": [1, 2, 3, 4]}), "BAD_AXIS"),
        (lambda: Dataset([1.0, 2.0], axes={"x": ["a", "b"]}), "BAD_AXIS"),
        (lambda: Dataset(np.ones((2, 2)), axes={"q": [1, 2]}), "BAD_AXIS"),
        (lambda: Dataset([1.0, 2.0], axes={"q": Axis([1, 2], dims=("y",))}), "BAD_AXIS"),
        (lambda: Axis([1, 2], errors=[1]), "BAD_AXIS"),
        (lambda: Axis([[1, 2], [3]]), "BAD_AXIS"),
        (lambda: Axis([1, 2], dims=("y", "x")), "BAD_AXIS"),
        (lambda: Dataset([1.0, 2.0], masks={"m": [True]}), "BAD_MASK"),
        (lambda: Dataset([1.0, 2.0], masks={"m": [0, 1]}), "BAD_MASK"),
        (lambda: Dataset([1.0, 2.0]).rename(z="q"), "UNKNOWN_DIMENSION"),
        (lambda: Dataset(np.ones((2, 2))).rename(x="y"), "BAD_DIMENSIONS"),
        (lambda: Dataset(np.ones((2, 2))).transpose("x"), "BAD_DIMENSIONS"),
        (lambda: float(Dataset([1.0, 2.0])), "NOT_SCALAR"),
        (lambda: bool(Dataset([1.0, 2.0]) > 1), "NOT_SCALAR"),
    ],
)
def test_bad_input_is_refused_with_a_reason(make, expected):
    assert reason(make) == expected


def test_the_error_names_the_dataset_and_the_first_bad_element():
    with pytest.raises(GumtreeError, match=r"'rate'.*-1\.0 at \(1,\)"):
        Dataset([1.0, 2.0], [1.0, -1.0], title="rate")


def test_new_errors_replace_the_old_ones_and_leave_all_else():
    ds = Dataset([4.0, 9.0], "poisson", unit="counts", masks={"bad": [False, True]}, metadata={"run": 7})
    new = ds.with_variances([1.0, 2.0])
    assert_array_equal(new.variances, [1, 2])
    assert_array_equal((new - ds).variances, [5, 11])  # independent of the old ones
    assert (new.unit, new.metadata["run"], new.history[-1]) == ("counts", 7, "errors given anew")
    assert_array_equal(new.mask, ds.mask)
    with pytest.raises(GumtreeError, match="shape") as caught:
        ds.with_variances([1.0])
    assert caught.value.reason == "BAD_VARIANCES"


def test_an_empty_dataset_is_allowed():
    empty = Dataset(np.zeros((0, 3)), np.zeros((0, 3)))

    assert (empty + empty).shape == (0, 3)
    assert_array_equal(empty.sum("y").values, 0)
    assert_array_equal(empty.sum("y").variances, 0)


def test_values_are_not_copied_and_cannot_be_written_through_a_dataset():
    array = np.arange(6.0)
    ds = Dataset(array)

    assert np.shares_memory(ds.values, array)
    with pytest.raises(ValueError, match="read-only"):
        ds.values[0] = 1
    with pytest.raises(AttributeError):
        ds.values = array
    with pytest.raises(TypeError):
        ds.axes["x"] = array
    array[0] = 7  # the caller's own array is still the caller's


def test_transposing_renaming_and_describing_anew_are_views():
    ds = Dataset(np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(2, 3), axes={"x": [1, 2, 3]})

    turned = ds.transpose().rename(x="column")
    assert turned.dims == ("column", "y")
    assert np.shares_memory(turned.values, ds.values)
    assert_array_equal(turned.variances, ds.variances.T)
    assert "column" in turned.axes
    assert turned.axes["column"].dims == ("column",)
    assert_array_equal((turned.rename(column="x") - ds).variances, 0)


def test_a_dataset_can_be_described_anew():
    ds = Dataset([1.0, 2.0], [1.0, 1.0], title="old", masks={"m": [True, False]})
    new = (
        ds.replace(title="new", unit="mm", masks={}).with_axes(q=[1, 2]).with_metadata(run=7).noted("checked")
    )

    assert (new.title, new.unit, dict(new.masks), new.metadata["run"]) == ("new", "mm", {}, 7)
    assert new.history == ("checked",)
    assert "q" in new.axes
    assert_array_equal((new.replace(unit="") - ds).variances, 0)
    assert set(ds.with_masks(n=[False, True]).masks) == {"m", "n"}
    assert ds.without_errors().variances is None


def test_a_mask_may_depend_on_some_dimensions_only():
    rows = Dataset([True, False], dims="y")
    ds = Dataset(np.ones((2, 3)), masks={"rows": rows})

    assert_array_equal(ds.masks["rows"], [[True] * 3, [False] * 3])
    assert_array_equal(ds.sum("y").values, 1)


def test_history_tells_what_was_done_and_stays_short():
    a, b = Dataset([1.0], title="sample"), Dataset([2.0], title="dark")

    assert (a - b).sum().history == ("sample - dark", "sum of sample over x")
    for _ in range(3 * HISTORY_LIMIT):
        a = a + b
    assert len(a.history) == HISTORY_LIMIT
    assert a.history[0] == "..."


@pytest.mark.parametrize("again", [lambda ds: pickle.loads(pickle.dumps(ds)), copy.deepcopy, copy.copy])
def test_a_copy_is_the_same_in_all_respects(again):
    ds = Dataset(
        np.arange(6.0).reshape(2, 3),
        "poisson",
        axes={"x": Axis([0.0, 1, 2, 3], "mm", title="across"), "y": Axis([1, 2], errors=[0.1, 0.1])},
        masks={"m": Dataset([True, False, False], dims="x")},
        metadata={"temperature": Dataset([1.0, 2.0], dims="y", unit="K")},
        unit="counts",
    )
    same = again(ds.sum("x") + ds["x", 0])
    first = ds.sum("x") + ds["x", 0]

    assert_array_equal(same.values, first.values)
    assert_allclose((same - first).variances, 0, atol=1e-12)
    assert (same.unit, same.dims, same.history) == (first.unit, first.dims, first.history)
    assert same.metadata["temperature"].unit == "K"
    assert not same.values.flags.writeable
    assert_array_equal(same.axes["y"].errors, [0.1, 0.1])


def test_a_dataset_shows_itself():
    ds = poisson(
        [[0, 4], [9, 1]],
        1,
        axes={"x": Axis([0, 1, 2], "mm")},
        masks={"edge": [[True, False], [False, False]]},
        metadata={"sample": "<water>"},
        title="frame",
    )
    text, html = repr(ds), ds._repr_html_()

    for part in (
        "'frame' (y: 2, x: 2) [counts]",
        "0 .. 9",
        "1 .. 3, 1 source",
        "x: 3 edges",
        "25.0%",
        "water",
    ):
        assert part in text
        assert part.replace("'", "&#x27;") in html
    assert "&lt;water&gt;" in html
    assert repr(scalar(2.0, 0.5, "mm")) == "Dataset(2 +- 0.5 mm)"
    assert "empty" in repr(Dataset(np.zeros(0)))


def test_it_behaves_as_a_sequence_and_an_array():
    ds = Dataset([[1.0, 2.0], [3.0, 4.0]])

    assert len(ds) == 2
    assert [float(row.sum()) for row in ds] == [3, 7]
    assert_array_equal(np.asarray(ds), ds.values)
    assert_array_equal(np.asarray(ds, dtype=np.int64), [[1, 2], [3, 4]])
    with pytest.raises(TypeError):
        len(scalar(1.0))
    with pytest.raises(TypeError):
        hash(ds)


def test_axes_convert_and_compare():
    axis = Axis([0.0, 10.0, 20.0], "mm", "x", errors=[0.1, 0.1, 0.1])

    assert_allclose(axis.to("cm").values, [0, 1, 2])
    assert_allclose(axis.to("cm").errors, 0.01)
    assert axis.same(axis.to("cm"))
    assert not axis.same(Axis([0.0, 10.0, 20.1], "mm", "x"))
    assert not axis.same(Axis([0.0, 10.0, 20.0], "s", "x"))
    assert reason(lambda: axis.to("s")) == "UNIT_MISMATCH"
    assert reason(lambda: axis.widths) == "NO_BIN_EDGES"
