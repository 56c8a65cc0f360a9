from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gumtree_core.data import Dataset, poisson, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.normalization import live, rate, time_per_monitor


@given(st.floats(1, 3e6), st.floats(1, 1e4))
def test_the_dead_time_correction_inverts_what_a_non_paralysable_detector_loses(true, time):
    tau = 3e-7
    seen = true / (1 + true * tau)
    image = Dataset(np.full((2, 5), seen * time / 10), dims=("y", "x"))

    assert float(live(image, time, tau).sum().values) == pytest.approx(true * time, rel=1e-9)


def test_a_detector_that_is_dead_for_half_of_the_time_cannot_be_corrected():
    image = Dataset(np.full((2, 5), 100.0), dims=("y", "x"))

    assert float(live(image, 1.0, 4.99e-4).values[0, 0]) == pytest.approx(100 / 0.501)
    with pytest.raises(GumtreeError, match="50 %") as refused:
        live(image, 1.0, 5e-4)
    assert refused.value.reason == "DEAD_TIME_TOO_LONG"


def test_a_rate_is_per_second_or_per_monitor_count(small_run):
    per_second, per_monitor = rate(small_run(), "time"), rate(small_run(), "monitor")

    assert per_second.unit == "counts/s"
    assert np.all(per_second.values == 10)
    assert per_second.errors == pytest.approx(np.full((3, 4), 1.0))
    assert per_monitor.unit == ""
    assert per_monitor.values == pytest.approx(np.full((3, 4), 0.25))


def test_a_rate_per_second_becomes_one_per_monitor_count_with_its_error(small_run):
    run = small_run()
    converted = rate(run, "time") * time_per_monitor(run)
    per_monitor = rate(run, "monitor")

    assert converted.unit == per_monitor.unit
    assert converted.values == pytest.approx(per_monitor.values)
    assert converted.sum().errors == pytest.approx(per_monitor.sum().errors)
    assert (converted - per_monitor).errors == pytest.approx(np.zeros((3, 4)), abs=1e-8)


def test_the_monitor_is_shared_by_all_pixels(small_run):
    total = rate(small_run(), "monitor").sum()

    assert float(total.values) == pytest.approx(3.0)
    assert float(total.errors) == pytest.approx(3.0 * np.sqrt(1 / 1200 + 1 / 400))


def test_the_dead_time_is_that_of_the_run_unless_given(small_run):
    run = small_run(detector__dead_time=scalar(1.0, unit="ms"))

    assert rate(run, "time").values == pytest.approx(np.full((3, 4), 10 / (1 - 0.12)))
    assert np.all(rate(run, "time", dead_time=0.0).values == 10)


def test_the_variance_of_no_counts_is_as_asked(small_run):
    run = small_run(np.array([[0, 4]]))

    assert rate(run, "time", zero_count_variance=0).errors == pytest.approx(np.array([[0, 0.2]]))
    assert rate(run, "time", zero_count_variance=1).errors == pytest.approx(np.array([[0.1, 0.2]]))


NO_TIME = scalar(0.0, unit="s")


@pytest.mark.parametrize(
    ("by", "changed", "reason"),
    [
        ("monitor", {"monitor__counts": poisson(np.array(0), 0)}, "NO_MONITOR"),
        ("monitor", {"monitor__counts": None}, "KEY_MISSING"),
        ("monitor", {"monitor__counts": Dataset([3.0, 4.0], dims=("point",))}, "NOT_A_NUMBER"),
        ("monitor", {"detector__time": NO_TIME, "detector__dead_time": scalar(1e-6, unit="s")}, "NO_TIME"),
        ("time", {"detector__time": NO_TIME}, "NO_TIME"),
        ("time", {"detector__time": None}, "KEY_MISSING"),
        ("time", {"detector__dead_time": scalar(1.0, unit="s")}, "DEAD_TIME_TOO_LONG"),
        ("time", {"detector__counts": Dataset(np.ones((2, 3, 4)), dims=("point", "y", "x"))}, "NOT_AN_IMAGE"),
    ],
)
def test_what_cannot_be_normalised_is_refused(small_run, by, changed, reason):
    with pytest.raises(GumtreeError) as refused:
        rate(small_run(**changed), by)

    assert refused.value.reason == reason
