"""From counts to rates: dead time, counting time or monitor."""

from __future__ import annotations

from typing import Literal

from gumtree_core.data import Dataset, poisson
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.reduction.geometry import image, number

Normalization = Literal["monitor", "time"]


def rate(
    run: Run,
    normalization: Normalization,
    *,
    dead_time: float | None = None,
    zero_count_variance: float = 1.0,
) -> Dataset:
    """Counts per monitor count or per second, corrected for dead time.

    Parameters
    ----------
    run
        With `detector/counts` (y, x) and `monitor/counts` or `detector/time`.
    dead_time
        Of the whole detector, in s; that of the run (0 if it says none) unless given.
    zero_count_variance
        Variance of a pixel that has counted nothing.

    Returns
    -------
    Dataset
        (y, x), unit 1 (counts per monitor count) or counts/s. The monitor's error is one source that all
        pixels share.

    Raises
    ------
    GumtreeError
        KEY_MISSING, NOT_AN_IMAGE, DEAD_TIME_TOO_LONG; NO_MONITOR, NO_TIME where that is not above 0.
    """
    counts = poisson(image(run), zero_count_variance)
    tau = number(run, "detector/dead_time", "s", 0.0) if dead_time is None else dead_time
    if tau:
        counts = live(counts, _time(run), tau)
    if normalization == "monitor":
        per_monitor: Dataset = counts / _monitor(run)
        return per_monitor
    per_second: Dataset = counts / Dataset(_time(run), unit="s")
    return per_second


def time_per_monitor(run: Run) -> Dataset:
    """What makes a rate per second one per monitor count: a scalar in s/counts with the monitor's error.

    Raises
    ------
    GumtreeError
        KEY_MISSING; NO_MONITOR, NO_TIME where that is not above 0.
    """
    seconds: Dataset = Dataset(_time(run), unit="s") / _monitor(run)
    return seconds


def _monitor(run: Run) -> Dataset:
    monitor = run.data("monitor/counts")
    total = number(run, "monitor/counts", monitor.unit)
    if not total > 0:
        raise GumtreeError(
            "NO_MONITOR", f"{run.name} has {total:g} monitor counts; normalise to time instead."
        )
    return monitor


def _time(run: Run) -> float:
    time = number(run, "detector/time", "s")
    if not time > 0:
        raise GumtreeError(
            "NO_TIME", f"{run.name} was counted for {time:g} s; there is nothing to normalise."
        )
    return time


def live(counts: Dataset, time: float, dead_time: float) -> Dataset:
    """Correct for the dead time of a whole detector that is non-paralysable.

    n / (1 - N tau / t), with n the counts of a pixel, N those of the detector, t the time in s (Knoll,
    Radiation Detection and Measurement, 4th ed., chapter 4).

    Raises
    ------
    GumtreeError
        DEAD_TIME_TOO_LONG where N tau / t is 0.5 or more: no such rate can be corrected with confidence.
    """
    dead = float(counts.sum().values) * dead_time / time
    if dead >= 0.5:
        raise GumtreeError(
            "DEAD_TIME_TOO_LONG",
            f"With a dead time of {dead_time:g} s the detector was dead for {100 * dead:.0f} % of the time. "
            "Attenuate the beam, or check the dead time.",
        )
    corrected: Dataset = counts / (1 - dead)
    return corrected
