from __future__ import annotations

import numpy as np
import pytest

from gumtree_core.data import Dataset, poisson, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.corrections.normalization import normalize, rate, time_per_monitor


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
        ("time", {"detector__time": scalar(float("nan"), unit="s")}, "NOT_A_NUMBER"),
    ],
)
def test_what_cannot_be_normalised_is_refused(small_run, by, changed, reason):
    with pytest.raises(GumtreeError) as refused:
        rate(small_run(**changed), by)

    assert refused.value.reason == reason


def scan(small_run, monitor: list[int]) -> object:
    return small_run(
        np.full((1, 1), 1),
        detector__counts=poisson(np.array([[[12], [20]], [[25], [40]]]), 0, dims=("point", "y", "x")),
        monitor__counts=poisson(np.array(monitor), 0, dims=("point",)),
        detector__time=Dataset([10.0, 20.0], dims=("point",), unit="s"),
    )


def test_each_point_of_a_scan_has_its_monitor_and_its_time(small_run):
    run = scan(small_run, [10, 20])

    assert rate(run, "time").values[:, 0, 0] == pytest.approx([1.2, 1.25])
    per_monitor = rate(run, "monitor")
    assert per_monitor.values[:, 0, 0] == pytest.approx([1.2, 1.25])
    assert per_monitor.variances[0, 0, 0] == pytest.approx(12 / 100 + 12**2 / 1000)
    assert per_monitor.flatten().correlation()[0, 1] > 0.5  # of one point: one monitor
    assert per_monitor.flatten().correlation()[0, 2] == 0  # of two


def test_each_point_of_a_scan_is_corrected_for_its_own_dead_time(small_run):
    run = scan(small_run, [10, 20])

    corrected = rate(run, "time", dead_time=0.05).values[:, 0, 0]

    assert corrected == pytest.approx([1.2 / (1 - 32 * 0.05 / 10), 1.25 / (1 - 65 * 0.05 / 20)])


def test_a_point_without_monitor_is_masked_and_the_others_stay(small_run):
    per_monitor = rate(scan(small_run, [10, 0]), "monitor")

    assert per_monitor.mask[:, 0, 0].tolist() == [False, True]


def test_monitors_of_an_old_file_without_errors_are_counts_too(small_run):
    run = small_run(monitor__counts=Dataset(400, unit="counts"))

    assert float(rate(run, "monitor").sum().errors) == pytest.approx(3 * np.sqrt(1 / 1200 + 1 / 400))


def test_normalised_counts_have_the_errors_that_echidna_gives_them():
    """12.5 counts at monitor 10 and 25 at 20, to 20: var 112.5 and 56.25; see GumTree's own tests."""
    counts = Dataset([[12.5], [25.0]], [[12.5], [25.0]], dims=("point", "x"), unit="counts")
    monitor = poisson([10, 20], 0, dims="point")

    scaled = normalize(counts, monitor)

    assert scaled.unit == "counts"
    assert scaled.values[:, 0] == pytest.approx([25, 25])
    assert scaled.variances[:, 0] == pytest.approx([112.5, 56.25])
    background = Dataset([[10.0], [10.0]], [[10.0], [10.0]], dims=("point", "x"), unit="counts")
    less = Dataset([[25.0], [25.0]], [[25.0], [25.0]], dims=("point", "x"), unit="counts") - background
    assert (less.values[0, 0], less.errors[0, 0]) == (15, pytest.approx(np.sqrt(35)))


def test_normalising_leaves_out_a_point_without_monitor_and_refuses_none_at_all():
    counts = poisson(np.full((2, 3), 100), 0, dims=("point", "x"))

    scaled = normalize(counts, poisson([1000, 0], 0, dims="point"), target=500.0)

    assert scaled.mask.tolist() == [[False] * 3, [True] * 3]
    assert scaled.values[0].tolist() == [50.0] * 3
    with pytest.raises(GumtreeError, match="0 of 2 points") as refused:
        normalize(counts, poisson([0, 0], 0, dims="point"))
    assert refused.value.reason == "NO_MONITOR"
