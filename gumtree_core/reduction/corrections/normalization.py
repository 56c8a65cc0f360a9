"""From counts to rates: dead time, counting time or monitor."""

from __future__ import annotations

from typing import Literal

import numpy as np

from gumtree_core.data import Dataset, poisson, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.reduction.corrections.dead_time import DeadTimeModel, live

Normalization = Literal["monitor", "time"]


def rate(
    run: Run,
    normalization: Normalization,
    *,
    dead_time: float | Dataset | None = None,
    dead_time_model: DeadTimeModel = "non-paralysable",
    zero_count_variance: float = 1.0,
) -> Dataset:
    """Counts per monitor count or per second, corrected for dead time.

    Parameters
    ----------
    run
        With `detector/counts`, an image (y, x) or a scan (point, y, x), and `monitor/counts` or
        `detector/time`, of each point or of all.
    dead_time
        Of the whole detector, in s where it is a number; that of the run (0 if it says none) unless given.
    dead_time_model
        How events that come too soon are lost; see `dead_time.live`.
    zero_count_variance
        Variance of a pixel that has counted nothing.

    Returns
    -------
    Dataset
        As the counts, unit 1 (counts per monitor count) or counts/s. The monitor's error is one source that
        all pixels of a point share. Points without monitor or time are masked.

    Raises
    ------
    GumtreeError
        KEY_MISSING, DEAD_TIME_TOO_LONG; NOT_A_NUMBER where monitor or time do not fit the counts; NO_MONITOR,
        NO_TIME where none is above 0.
    """
    counts = poisson(run.data("detector/counts"), zero_count_variance)
    if dead_time is None:
        dead_time = run.data("detector/dead_time") if "detector/dead_time" in run else 0.0
    given = dead_time if isinstance(dead_time, Dataset) else scalar(dead_time, unit="s")
    if np.any(given.values):
        counts = live(counts, _time(run), given.squeeze(), model=dead_time_model)
    if normalization == "monitor":
        per_monitor: Dataset = counts / _monitor(run)
        return per_monitor
    per_second: Dataset = counts / _time(run)
    return per_second


def time_per_monitor(run: Run) -> Dataset:
    """What makes a rate per second one per monitor count, in s/counts, with the monitor's error.

    Raises
    ------
    GumtreeError
        KEY_MISSING, NOT_A_NUMBER; NO_MONITOR, NO_TIME where that is not above 0.
    """
    seconds: Dataset = _time(run) / _monitor(run)
    return seconds


def normalize(counts: Dataset, monitor: Dataset, target: float | None = None) -> Dataset:
    """Scale counts to a common monitor: n target / m, in the unit of the counts.

    Parameters
    ----------
    counts
        Such as (point, y, x).
    monitor
        Counts of the monitor at each point, with their errors; one source for all elements of a point. A
        point without any is masked.
    target
        The common monitor, an exact number; the largest unless given.

    Raises
    ------
    GumtreeError
        NO_MONITOR where no point has monitor counts or the target is not above 0.
    """
    good = np.asarray(monitor.values > 0)
    if target is None:
        target = float(np.max(np.where(good, monitor.values, 0.0))) if good.size else 0.0
    if not target > 0 or not good.any():
        raise GumtreeError(
            "NO_MONITOR",
            f"There is nothing to normalise to: the target is {target:g} and {int(good.sum())} of "
            f"{good.size} points have monitor counts. Normalise to time instead.",
        )
    scaled: Dataset = counts * (target / monitor.with_masks(no_monitor=~good).replace(unit=""))
    return scaled


def _monitor(run: Run) -> Dataset:
    monitor = _for_each_point(run, "monitor/counts")
    if monitor.variances is None and (monitor.values >= 0).all():
        monitor = poisson(monitor, 0)
    good = np.asarray(monitor.values > 0)
    if not good.any():
        raise GumtreeError(
            "NO_MONITOR",
            f"{run.name} has {float(np.max(monitor.values)):g} monitor counts; normalise to time instead.",
        )
    return monitor if good.all() else monitor.with_masks(no_monitor=~good)


def _time(run: Run) -> Dataset:
    time = _for_each_point(run, "detector/time").to("s")
    good = np.asarray(time.values > 0)
    if not good.all():
        raise GumtreeError(
            "NO_TIME",
            f"{run.name} was counted for {float(np.min(time.values)):g} s; there is nothing to normalise.",
        )
    return time


def _for_each_point(run: Run, key: str) -> Dataset:
    """A number for all counts, or one for each of their points."""
    value = run.data(key)
    if value.size == 1:
        value = value.squeeze()
    counts = run.data("detector/counts")
    if value.ndim and any(counts.sizes.get(dim) != length for dim, length in value.sizes.items()):
        raise GumtreeError(
            "NOT_A_NUMBER",
            f"{key} of {run.name} has {value.size} values {value.sizes}, which are not of the points of its "
            f"counts {counts.sizes}.",
        )
    if not np.isfinite(value.values).all():
        raise GumtreeError("NOT_A_NUMBER", f"{key} of {run.name} is not known; give a run that knows it.")
    return value
