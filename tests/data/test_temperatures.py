"""Units whose zero is their own: degC can be compared, averaged and subtracted, but not scaled or summed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from gumtree_core.data import Axis, Dataset, scalar
from gumtree_core.errors import GumtreeError

WARM = Dataset([20.0, 21.0, 25.0], [0.04, 0.04, 0.04], unit="degC", title="T")
KELVIN = WARM.to("K")

DIFFERENCES = {
    "minus": lambda t: t - t["x", 0],
    "minus of what depends on it": lambda t: t - t,
    "diff": lambda t: t.diff("x"),
    "std": lambda t: t.std("x"),
    "ptp": lambda t: np.ptp(t),
}
NUMBERS = {
    "mean": lambda t: t.mean(),
    "mean of a dimension": lambda t: t.mean("x"),
    "weighted mean": lambda t: t.weighted_mean(),
    "max": lambda t: t.max(),
    "clip": lambda t: np.clip(t, t["x", 0], t["x", 1]),
    "maximum": lambda t: np.maximum(t, t["x", 1]),
    "where": lambda t: np.where(t > t["x", 0], t, t["x", 2]),
    "concatenate": lambda t: np.concatenate([t, t]),
    "group": lambda t: t.with_axes(s=Axis([1, 1, 2], dims=("x",))).groupby("s").mean(),
}
MEANINGLESS = {
    "sum of two": lambda t: t + t,
    "sum": lambda t: t.sum(),
    "cumsum": lambda t: t.cumsum("x"),
    "times": lambda t: t * 2,
    "over": lambda t: t / scalar(2.0, unit="s"),
    "number over": lambda t: 1 / t,
    "negative": lambda t: -t,
    "absolute": lambda t: abs(t),
    "square": lambda t: np.square(t),
    "power": lambda t: t**2,
    "root": lambda t: np.sqrt(t),
    "hypot": lambda t: np.hypot(t, t),
    "rest": lambda t: t % t["x", 0],
    "bins": lambda t: t.bin_sum(np.array([0, 0, 1]), 2, "b"),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_differences_are_those_of_kelvin_and_have_a_unit_of_their_own(name):
    found, expected = DIFFERENCES[name](WARM), DIFFERENCES[name](KELVIN)
    assert found.unit == "delta_degC"
    assert_allclose(found.values, expected.values, atol=1e-12)
    assert_allclose(found.variances, expected.variances, atol=1e-12)


@pytest.mark.parametrize("name", NUMBERS)
def test_averages_and_choices_are_those_of_kelvin(name):
    found, expected = NUMBERS[name](WARM), NUMBERS[name](KELVIN)
    assert found.unit == "degC"
    assert_allclose(found.values, expected.values - 273.15, atol=1e-10)
    assert_allclose(found.variances, expected.variances, atol=1e-12)


@pytest.mark.parametrize("name", MEANINGLESS)
def test_what_depends_on_where_zero_is_is_refused(name):
    MEANINGLESS[name](KELVIN)
    with pytest.raises(GumtreeError, match=r"'degC'.*convert with to\(\) first, degC to K"):
        MEANINGLESS[name](WARM)


def test_a_difference_can_be_added_and_subtracted():
    step = Dataset([1.0, 2.0, 3.0], unit="delta_degC")
    assert_array_equal((WARM + step).values, [21, 23, 28])
    assert_array_equal((step + WARM).values, [21, 23, 28])
    assert_array_equal((WARM - step).values, [19, 19, 22])
    assert (WARM + step).unit == (step + WARM).unit == (WARM - step).unit == "degC"
    assert (step * 2).unit == "delta_degC"
    assert_array_equal(step.to("K").values, [1, 2, 3])
    with pytest.raises(GumtreeError, match="do not agree"):
        step - WARM
    with pytest.raises(GumtreeError, match="cannot be given in 'delta_degC'"):
        WARM.to("delta_degC")


def test_a_ramp_is_one_of_differences():
    ramp, time = Dataset([1.0, 2.0, 3.0], unit="degC/min"), scalar(2.0, unit="min")
    assert ramp.unit == "delta_degC/min"
    assert_array_equal((WARM + ramp * time).values, [22, 25, 31])
    assert ramp.to("K/s").values[1] == pytest.approx(2 / 60)


def test_along_an_axis_in_celsius_lengths_are_differences():
    curve = Dataset(
        [1.0, 2.0, 4.0], [1.0, 1.0, 1.0], unit="counts", dims="T", axes={"T": Axis([10.0, 20, 40], "degC")}
    )
    assert curve.integrate("T").unit == "counts*delta_degC"
    assert float(curve.integrate("T").values) == pytest.approx(15 + 60)
    assert curve.gradient("T").unit == "counts/delta_degC"
    assert_allclose(curve.interpolate("T", [15.0, 30.0]).values, [1.5, 3.0])


def test_where_takes_its_dimensions_from_the_condition_too():
    row = Dataset([1.0, 2.0], dims="x", unit="mm")
    condition = Dataset([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dims=("y", "x")) > 2.5
    chosen = np.where(condition, row, row * 10)
    assert chosen.unit == "mm"
    assert_array_equal(chosen.values, [[10, 20], [1, 2], [1, 2]])
