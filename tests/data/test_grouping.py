import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from gumtree_core.data import Axis, CorrelationWarning, Dataset, scalar, stack
from gumtree_core.errors import GumtreeError


@pytest.fixture
def scan() -> Dataset:
    values = np.arange(1.0, 9).reshape(4, 2)
    return Dataset(
        values,
        "poisson",
        dims=("point", "x"),
        axes={"temperature": Axis([20.0, 10.0, 20.0, np.nan], "K", "point"), "x": [0.0, 1]},
        metadata={"sample": "D2O", "slit": Dataset([1, 2, 3, 4], dims="point")},
        unit="counts",
    )


def test_elements_with_one_label_are_summed_and_the_labels_become_the_axis(scan):
    groups = scan.groupby("temperature")
    result = groups.sum()

    assert result.dims == ("temperature", "x")
    assert_array_equal(result.axes["temperature"].values, [10, 20])
    assert result.axes["temperature"].unit == "K"
    assert_array_equal(result.values, [[3, 4], [1 + 5, 2 + 6]])
    assert_array_equal(result.variances, result.values)
    assert_array_equal(result.axes["x"].values, [0, 1])
    assert set(result.metadata) == {"sample"}
    assert len(groups) == 2
    assert [label for label, _ in groups] == [10, 20]


def test_labels_may_be_text_and_are_kept(scan):
    result = scan.groupby(["b", "a", "b", "a"], dim="point", name="sample_name").mean()

    assert result.metadata["sample_name"] == ("a", "b")
    assert_array_equal(result.values, [[5, 6], [3, 4]])
    assert_allclose(result.variances, [[10 / 4, 12 / 4], [6 / 4, 8 / 4]])


def test_bins_of_a_coordinate_are_groups_too(scan):
    result = scan.groupby("temperature", Axis([5.0, 15.0, 20.0, 30.0], "K")).sum()

    assert result.axes["temperature"].is_edges
    assert_array_equal(result.values, [[3, 4], [0, 0], [6, 8]])
    assert_array_equal(result.masks["empty"][:, 0], [False, True, False])
    kelvin = scan.groupby("temperature", Axis([5000.0, 15000.0, 30000.0], "mK")).mean()
    assert_array_equal(kelvin.values, [[3, 4], [3, 4]])


def test_the_last_bin_holds_its_upper_edge():
    ds = Dataset(np.ones(3), axes={"x": [0.0, 1.0, 2.0]})

    assert_array_equal(ds.groupby("x", [0.0, 1.0, 2.0]).sum().values, [1, 2])
    assert_array_equal(ds.groupby("x", [2.0, 1.0, 0.0]).sum().values, [2, 1])


def test_a_coordinate_of_several_dimensions_groups_them_all():
    q = np.array([[0.1, 0.2, 0.3], [0.2, 0.3, 0.4]])
    frame = Dataset(np.arange(6.0).reshape(2, 3), "poisson", axes={"q": Axis(q, "1/nm", ("y", "x"))})

    rings = frame.groupby("q", [0.05, 0.25, 0.45]).sum()
    assert_array_equal(rings.values, [0 + 1 + 3, 2 + 4 + 5])
    assert_array_equal(rings.variances, rings.values)
    by_label = frame.groupby(Dataset(np.array([[0, 1, 0], [1, 1, 0]]))).sum()
    assert_array_equal(by_label.values, [0 + 2 + 5, 1 + 3 + 4])


def test_a_masked_element_takes_no_part_in_its_group(scan):
    masked = scan.with_masks(bad=scan == 5)

    assert_array_equal(masked.groupby("temperature").sum().values, [[3, 4], [1, 8]])
    assert_array_equal(masked.groupby("temperature").mean().values, [[3, 4], [1, 4]])
    assert_array_equal(masked.with_masks(all=scan < 3).groupby("temperature").mean().mask[1], [True, False])


def test_a_monitor_shared_by_all_stays_shared_by_the_groups(scan):
    groups = (scan["x", 0] / scalar(2.0, 0.2)).groupby("temperature").sum()

    shared = 0.01
    s = groups.values
    assert_allclose(groups.covariance()[0, 1], s[0] * s[1] * shared)


@given(labels=st.lists(st.integers(0, 3), min_size=1, max_size=8), seed=st.integers(0, 99))
def test_grouping_is_what_a_loop_gives(labels, seed):
    random = np.random.default_rng(seed)
    index = np.array(labels)
    ds = Dataset(random.uniform(1, 9, (2, index.size)), "poisson", dims=("y", "x"))
    groups = ds.groupby(index, dim="x", name="label")

    for name in ("sum", "mean", "min", "max", "std", "weighted_mean"):
        result = getattr(groups, name)()
        loop = stack([getattr(ds[:, index == k], name)("x") for k in np.unique(index)], "label")
        loop = loop.with_axes(label=np.unique(index)).transpose("y", "label")
        assert_allclose(result.values, loop.values, rtol=1e-12)
        assert_allclose(result.variances, loop.variances, rtol=1e-12)
        if name != "std":  # that of one element has no derivative
            assert_allclose((result - loop).variances, 0, atol=1e-9)


def test_medians_of_groups_and_any_function_of_them(scan):
    with pytest.warns(CorrelationWarning, match="median"):
        medians = scan.groupby("temperature").median()

    assert_array_equal(medians.values, [[3, 4], [3, 4]])
    counts = scan.groupby("temperature").apply(lambda part: part.sum("point").without_errors())
    assert_array_equal(counts.values, scan.groupby("temperature").sum().values)


@pytest.fixture
def events() -> Dataset:
    x, t = [0.1, 0.5, 0.5, 1.0, 3.0, np.nan], [1.0, 1.0, 2.0, 2.0, 2.0, 1.0]
    return Dataset(
        np.ones(6),
        "poisson",
        dims="event",
        axes={"x": Axis(x, "mm", "event"), "t": Axis(t, "ms", "event")},
        unit="counts",
    )


def test_events_are_counted_in_bins_with_the_variance_of_counts(events):
    result = events.histogram({"x": [0.0, 0.5, 1.5, 2.0]}, zero_count_variance=0)

    assert_array_equal(result.values, [1, 3, 0])
    assert_array_equal(result.variances, [1, 3, 0])
    assert result.dims == ("x",)
    assert result.axes["x"].is_edges
    assert result.unit == "counts"
    assert not result.masks
    assert_array_equal(
        events.histogram({"x": [0.0, 0.5, 1.5, 2.0]}, zero_count_variance=1).variances, [1, 3, 1]
    )
    assert "variance 1 for 0 counts" in events.histogram({"x": [0.0, 1.0]}, 1).history[-1]


def test_events_are_counted_in_bins_of_several_coordinates(events):
    result = events.histogram({"t": [0.0, 2.5, 3.0], "x": [0.0, 0.75, 4.0]}, 1)
    by_unit = events.histogram({"t": Axis([0.0, 1500.0, 2500.0], "us"), "x": [0.0, 0.75, 4.0]}, 1)

    assert result.dims == by_unit.dims == ("t", "x")
    assert_array_equal(by_unit.values, [[2, 0], [1, 2]])
    assert_array_equal(by_unit.variances, [[2, 1], [1, 2]])
    assert_array_equal(by_unit.axes["t"].values, [0, 1500, 2500])
    assert_array_equal(result.values, [[3, 2], [0, 0]])


def test_the_sum_of_a_histogram_has_the_error_of_all_its_counts(events):
    result = events.histogram({"x": np.linspace(0, 4, 9)}, 0)

    assert_allclose([float(result.sum()), float(result.sum().variances)], [5, 5])


def test_histograms_of_the_same_events_share_their_errors(events):
    bins = {"x": [0.0, 0.5, 4.0]}

    assert_array_equal((events.histogram(bins, 1) - events.histogram(bins, 1)).variances, 0)
    whole = events.histogram({"t": [0.0, 5.0]}, 0)
    part = events.histogram({"x": [0.0, 4.0]}, 0)
    # Both hold the five events that have an x; the sixth has none.
    assert_allclose(float((whole["t", 0] - part["x", 0]).variances), 1)
    early = events["event", :2].histogram({"t": [0.0, 5.0]}, 0)
    assert_allclose(float((whole - early)["t", 0].variances), 4)


def test_weights_count_with_their_squares_and_their_own_errors(events):
    weighted = (events * 2.0).histogram({"x": [0.0, 1.0]}, 0)
    assert_allclose([float(weighted[0]), float(weighted[0].variances)], [8, 16])

    efficiency = scalar(0.5, 0.1)
    corrected = (events / efficiency).histogram({"x": [0.0, 1.0]}, 0)
    assert_allclose(float(corrected[0].variances), 4 * 4 + (8 / 0.5 * 0.1) ** 2)


def test_exact_weights_are_added_up_without_errors(events):
    exact = events.without_errors()

    result = exact.histogram({"x": [0.0, 1.0]}, None)
    assert_array_equal(result.values, [4])
    assert result.variances is None
    with pytest.raises(GumtreeError, match="poisson") as caught:
        exact.histogram({"x": [0.0, 1.0]}, 0)
    assert caught.value.reason == "NO_VARIANCES"


def test_masked_events_are_not_counted(events):
    masked = events.with_masks(early=np.array([True, False, False, False, False, False]))

    assert_array_equal(masked.histogram({"x": [0.0, 0.5, 1.0]}, 0).values, [0, 3])


@given(n=st.integers(0, 60), seed=st.integers(0, 99))
def test_counts_are_those_of_numpy(n, seed):
    random = np.random.default_rng(seed)
    x, y = random.integers(-2, 7, (2, n)) / 2
    events = Dataset(
        np.ones(n), "poisson", dims="event", axes={"x": Axis(x, dims="event"), "y": Axis(y, dims="event")}
    )
    edges = [np.array([-0.5, 0.0, 1.0, 2.5]), np.array([-1.0, 0.5, 3.0])]

    ours = events.histogram(dict(zip("xy", edges, strict=True)), 0)
    assert_array_equal(ours.values, np.histogram2d(x, y, edges)[0])
    assert_allclose(ours.variances, ours.values)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda ds: ds.groupby("q"), "UNKNOWN_AXIS"),
        (lambda ds: ds.groupby([1, 2, 3], dim="point"), "BAD_LABELS"),
        (lambda ds: ds.groupby([1, 2, 3, 4]), "BAD_LABELS"),
        (lambda ds: ds.groupby([1, 2, 3, 4], dim="z"), "UNKNOWN_DIMENSION"),
        (lambda ds: ds.groupby(["a", "b", "c", "d"], [0, 1], dim="point"), "BAD_LABELS"),
        (lambda ds: ds.groupby([np.nan] * 4, dim="point"), "BAD_LABELS"),
        (lambda ds: ds.groupby("temperature", [1.0, 1.0]), "BAD_BIN_EDGES"),
        (lambda ds: ds.groupby("temperature", Axis([1.0, 2.0], "mm")), "UNIT_MISMATCH"),
        (lambda ds: ds.groupby("temperature", name="x"), "BAD_DIMENSIONS"),
        (lambda ds: ds.groupby("temperature", [0.0, 1.0]).min(), "NO_ELEMENTS"),
        (lambda ds: ds.histogram({}, 0), "BAD_BIN_EDGES"),
        (lambda ds: ds.histogram([0.0, 1.0], 0), "BAD_BIN_EDGES"),
        (lambda ds: ds.histogram({"temperature": [0.0, 1.0]}, -1), "BAD_VARIANCES"),
        (lambda ds: ds.histogram({"temperature": [0.0]}, 0), "BAD_BIN_EDGES"),
        (lambda ds: ds.histogram({"temperature": [0.0, 1.0], "x": [0.0, 1.0]}, 0), "BAD_AXIS"),
        (lambda ds: ds.histogram({"q": [0.0, 1.0]}, 0), "UNKNOWN_AXIS"),
    ],
)
def test_what_makes_no_groups_is_refused(scan, call, reason):
    with pytest.raises(GumtreeError) as caught:
        call(scan)
    assert caught.value.reason == reason
    assert caught.value.message.endswith(".")
