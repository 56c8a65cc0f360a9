import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from gumtree_core.data import Axis, Dataset, concatenate, scalar
from gumtree_core.errors import GumtreeError


@pytest.fixture
def curve() -> Dataset:
    return Dataset([4.0, 8.0, 6.0], "poisson", axes={"q": Axis([0.0, 1, 2, 4], "1/nm")}, unit="counts")


def test_a_new_bin_gets_the_part_of_the_counts_that_it_covers(curve):
    result = curve.rebin("q", [0, 0.5, 3.0, 4.0])

    assert_allclose(result.values, [2, 2 + 8 + 3, 3])
    assert_allclose(result.variances, [1, 1 + 8 + 1.5, 1.5])
    assert_allclose(result.covariance()[0, 1], 0.5 * 0.5 * 4)
    assert_allclose(result.covariance()[1, 2], 0.5 * 0.5 * 6)
    assert result.axes["q"].is_edges
    assert result.unit == "counts"


def test_a_density_is_the_average_over_the_new_bin(curve):
    result = curve.rebin("q", [0, 0.5, 3.0, 4.0], density=True)

    assert_allclose(result.values, [4, (0.5 * 4 + 1 * 8 + 1 * 6) / 2.5, 6])
    assert_allclose(float(result.integrate("q")), float(curve.integrate("q")))


def test_new_edges_may_have_a_unit_of_their_own(curve):
    result = curve.rebin("q", Axis([0.0, 0.15, 0.4], "1/angstrom"))

    assert_allclose(result.values, [8, 10])
    assert result.axes["q"].unit == "1/angstrom"
    assert_allclose(curve.rebin("q", Dataset([0.0, 0.15, 0.4], unit="1/angstrom")).values, [8, 10])


def test_a_falling_axis_is_rebinned_as_a_rising_one(curve):
    falling = curve["q", ::-1].with_axes(q=Axis([4.0, 2, 1, 0], "1/nm"))

    assert_allclose(falling.rebin("q", [0, 0.5, 3.0, 4.0]).values, [2, 13, 3])
    assert_allclose(falling.rebin("q", [4.0, 3.0, 0.5, 0.0]).variances, [1.5, 10.5, 1])


def test_beyond_the_old_bins_nothing_is_known(curve):
    result = curve.rebin("q", [-2.0, -1.0, 0.5, 3.0, 5.0, 6.0])

    assert_array_equal(result.masks["empty"], [True, False, False, False, True])
    assert_allclose(result.values, [0, 2, 13, 3, 0])
    assert_allclose(float(result.sum()), 18)
    assert np.isnan(curve.rebin("q", [5.0, 6.0], density=True).values[0])


def test_a_masked_bin_takes_no_part(curve):
    masked = curve.with_masks(dead=[False, True, False])

    counts = masked.rebin("q", [0.0, 1.5, 4.0])
    assert_allclose(counts.values, [4, 6])
    assert not counts.masks
    assert_allclose(masked.rebin("q", [0.0, 1.5, 4.0], density=True).values, [4, 6])
    hidden = masked.rebin("q", [0.0, 1.0, 1.7, 4.0])
    assert_array_equal(hidden.masks["dead"], [False, True, False])
    assert_allclose(float(hidden.sum()), float(masked.sum()))


def test_unknown_variances_of_masked_bins_do_not_spread():
    ds = Dataset(
        [1.0, np.nan, 3.0],
        [1.0, np.nan, 3.0],
        axes={"x": [0.0, 1, 2, 3]},
        masks={"bad": [False, True, False]},
    )

    result = ds.rebin("x", [0.0, 0.5, 1.5, 2.5, 3.0])
    assert_allclose(result.values, [0.5, 0.5, 1.5, 1.5])
    assert_allclose(result.variances, [0.25, 0.25, 0.75, 0.75])
    assert_allclose(ds.rebin("x", [0.0, 3.0]).variances, [4])


def test_nan_that_is_not_masked_stays_where_it_reaches():
    ds = Dataset([1.0, np.nan, 3.0], axes={"x": [0.0, 1, 2, 3]})

    assert_array_equal(np.isnan(ds.rebin("x", [0.0, 1.0, 2.5, 3.0])).values, [False, True, False])


def test_other_dimensions_keep_their_axes_and_what_ran_along_goes(curve):
    frame = Dataset(
        np.ones((2, 3)),
        axes={"y": [1.0, 2], "x": [0.0, 1, 2, 3], "angle": Axis([5.0, 6, 7], dims="x")},
        metadata={"wire": Dataset([1, 2, 3], dims="x"), "step": Dataset([1, 2], dims="y"), "who": "me"},
    )

    result = frame.rebin("x", [0.0, 1.5, 2.0, 3.0])
    assert set(result.axes) == {"y", "x"}
    assert set(result.metadata) == {"step", "who"}


def test_rebinning_may_follow_the_first_dimension():
    frame = Dataset(np.arange(6.0).reshape(3, 2), "poisson", axes={"y": [0.0, 1, 2, 3], "x": [1.0, 2]})

    assert_allclose(frame.rebin("y", [0.0, 1.5, 3.0]).values, [[1, 2.5], [5, 6.5]])
    assert_allclose(frame.rebin("y", [0.0, 1.5, 3.0]).variances, [[0.5, 1.75], [4.5, 5.75]])


edges = hnp.arrays(float, st.integers(2, 9), elements=st.floats(-3, 3, width=32), unique=True).map(np.sort)


@given(old=edges, new=edges, seed=st.integers(0, 99), falling=st.booleans())
def test_counts_and_the_error_of_their_sum_are_conserved(old, new, seed, falling):
    random = np.random.default_rng(seed)
    n = old.size - 1
    wide = np.unique(np.concatenate([[old[0] - 1], new, [old[-1] + 1]]))
    ds = Dataset(random.uniform(0, 9, n), "poisson", axes={"x": old}) * scalar(1.0, 0.1)

    result = ds.rebin("x", wide[::-1] if falling else wide)

    assert_allclose(result.values.sum(), ds.values.sum(), rtol=1e-9)
    # 1^T C 1 is the variance of the sum.
    assert_allclose(result.covariance().sum(), ds.covariance().sum(), rtol=1e-9)
    assert_allclose(float(result.sum().variances), float(ds.sum().variances), rtol=1e-9)
    assert_allclose(np.diagonal(result.covariance()), result.variances, rtol=1e-9, atol=1e-12)


@given(old=edges, seed=st.integers(0, 99))
def test_the_same_bins_are_the_same_data(old, seed):
    ds = Dataset(np.random.default_rng(seed).uniform(0, 9, old.size - 1), "poisson", axes={"x": old})

    for density in (False, True):
        again = ds.rebin("x", old, density)
        assert_allclose(again.values, ds.values, rtol=1e-12)
        assert_allclose((again - ds).variances, 0, atol=1e-12)


@given(old=edges, new=edges)
def test_the_parts_rebinned_add_up_to_the_whole_rebinned(old, new):
    n = old.size - 1
    ds = Dataset(np.arange(1.0, n + 1), "poisson", axes={"x": old})
    parts = [part for part in ds.split([n // 2]) if part.size]

    sums = [part.rebin("x", new).values for part in parts]
    assert_allclose(concatenate(parts, "x").rebin("x", new).values, sum(sums), atol=1e-9)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda ds: ds.rebin("x", [0.0, 1.0]), "UNKNOWN_AXIS"),
        (lambda ds: ds.rebin("q", [0.0]), "BAD_BIN_EDGES"),
        (lambda ds: ds.rebin("q", [0.0, 2.0, 1.0]), "BAD_BIN_EDGES"),
        (lambda ds: ds.rebin("q", [0.0, np.nan]), "BAD_AXIS"),
        (lambda ds: ds.rebin("q", [[0.0, 1.0]]), "BAD_AXIS"),
        (lambda ds: ds.rebin("q", Axis([0.0, 1.0], "mm")), "UNIT_MISMATCH"),
        (lambda ds: ds.with_axes(q=[1.0, 2, 3]).rebin("q", [0.0, 1.0]), "NO_BIN_EDGES"),
        (lambda ds: ds.with_axes(q=[1.0, 2, 0, 3]).rebin("q", [0.0, 1.0]), "BAD_BIN_EDGES"),
    ],
)
def test_bad_bins_are_refused(curve, call, reason):
    with pytest.raises(GumtreeError) as caught:
        call(curve)
    assert caught.value.reason == reason
    assert caught.value.message.endswith(".")
