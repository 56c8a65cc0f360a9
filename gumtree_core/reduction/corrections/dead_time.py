"""Counts that a detector has missed while it was dead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Dataset, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.statistics.propagation import first_order

DeadTimeModel = Literal["non-paralysable", "paralysable"]
LONGEST = 0.5
"""The largest part of the time that a non-paralysable detector may be dead."""
SCAN = "point"


def live(
    counts: Dataset,
    time: float | Dataset,
    dead_time: float | Dataset,
    *,
    model: DeadTimeModel = "non-paralysable",
    shared: Sequence[str] | None = None,
) -> Dataset:
    """Correct for dead time.

    With N the counts of all elements that are dead together, t the time and r = N tau / t, each element is
    multiplied by

    - non-paralysable: 1 / (1 - r), each event that is counted makes the detector dead for tau;
    - paralysable: exp(x) with x exp(-x) = r, that is x = -W(-r) with Lambert's W: each event does, counted or
      not. There are two rates that give the same counts; the lower is taken

    (Knoll, Radiation Detection and Measurement, 4th ed., chapter 4).

    Dead time makes counts more regular than Poisson's rule says: the variance of N is N (1 - r)^2 for the
    first model (Mueller, Nucl. Instrum. Meth. 112 (1973) 47). So the factor is taken as exact: the variance
    of a corrected element, factor^2 n, and that of their sum are then right, where propagation through N as
    well would give sums an error that is 1 / (1 - r) times too large. For the second model, whose N has the
    variance N (1 - 2 x exp(-x)), the little that is missing is a source that the elements share. The error of
    tau is a source of its own.

    Parameters
    ----------
    counts
        Of any dimensions, with the variance of counts. Masked elements have made the detector dead too.
    time
        In s where it is a number; a scalar or along dimensions that are not shared, such as `point`. Of
        time-of-flight data that are not shared along the flight, the time in each bin: width times pulses.
    dead_time
        In s where it is a number; a scalar, or of each tube or pixel.
    shared
        Dimensions along which elements are dead together: ``("y", "x")`` for a detector with one electronics,
        ``("y",)`` for tubes along y, ``()`` for single pixels. All but `point` unless given.

    Raises
    ------
    GumtreeError
        BAD_DEAD_TIME; NO_TIME; DEAD_TIME_TOO_LONG where r is 0.5 or more, of a paralysable detector 1/e or
        more: no such rate can be corrected with confidence.
    """
    tau = (dead_time if isinstance(dead_time, Dataset) else scalar(dead_time, unit="s")).to("s")
    seconds = (time if isinstance(time, Dataset) else scalar(time, unit="s")).to("s")
    _check(tau, seconds)
    together = tuple(d for d in counts.dims if d != SCAN) if shared is None else tuple(shared)
    total = _total(counts, together)
    rate = np.asarray((total / seconds.without_errors()).values, dtype=np.float64)
    dead = np.asarray((Dataset(rate, dims=total.dims) * tau.without_errors()).values)
    if dead.shape != rate.shape:
        raise GumtreeError(
            "BAD_DEAD_TIME",
            f"The dead time has the dimensions {tau.sizes} and the counts that are dead together "
            f"{total.sizes}; give one for each of these, or one for all.",
        )
    if model == "paralysable":
        paralysed: Dataset = counts * _paralysable(total, rate, dead, tau, exact=counts.variances is None)
        return paralysed
    if model != "non-paralysable":
        raise GumtreeError(
            "BAD_DEAD_TIME", f"A detector is 'non-paralysable' or 'paralysable', not {model!r}."
        )
    _check_part(dead, LONGEST, tau)
    factor = 1 / (1 - dead)
    corrected: Dataset = counts * first_order(factor, (tau, np.square(factor) * rate), dims=total.dims)
    return corrected


def _total(counts: Dataset, together: tuple[str, ...]) -> Dataset:
    unknown = [dim for dim in together if dim not in counts.dims]
    if unknown:
        raise GumtreeError(
            "BAD_DEAD_TIME", f"{counts.name} has no dimension {', '.join(unknown)}; it has {counts.dims}."
        )
    axes = tuple(counts.dims.index(dim) for dim in together)
    rest = tuple(dim for dim in counts.dims if dim not in together)
    return Dataset(np.nansum(np.asarray(counts.values, dtype=np.float64), axis=axes), dims=rest)


def _check(tau: Dataset, seconds: Dataset) -> None:
    if not (np.isfinite(tau.values).all() and (tau.values >= 0).all()):
        raise GumtreeError(
            "BAD_DEAD_TIME", f"The dead time is {float(np.min(tau.values)):g} s; it must be 0 or more."
        )
    if not (seconds.values > 0).all():
        raise GumtreeError(
            "NO_TIME", f"It was counted for {float(np.min(seconds.values)):g} s; that must be above 0."
        )


def _check_part(dead: NDArray[np.float64], longest: float, tau: Dataset) -> None:
    worst = float(dead.max()) if dead.size else 0.0
    if worst >= longest:
        raise GumtreeError(
            "DEAD_TIME_TOO_LONG",
            f"With a dead time of {float(np.max(tau.values)):g} s the detector was dead for "
            f"{100 * worst:.0f} % of the time. Attenuate the beam, or check the dead time.",
        )


def _paralysable(
    total: Dataset, rate: NDArray[np.float64], dead: NDArray[np.float64], tau: Dataset, *, exact: bool
) -> Dataset:
    """The factor with the error of tau, and of what N varies more than its share of Poisson's rule."""
    from scipy.special import lambertw

    _check_part(dead, float(np.exp(-1)), tau)
    x = -np.real(lambertw(-dead))
    factor = np.exp(x)
    by_tau = np.square(factor) * rate / (1 - x)
    counted = np.asarray(total.values)
    excess = x * (2 * -np.expm1(-x) - x) / np.square(1 - x) / np.where(counted > 0, counted, 1.0)
    common = Dataset(np.ones_like(x), excess, dims=total.dims) if (excess > 0).any() and not exact else 1.0
    corrected: Dataset = common * first_order(factor, (tau, by_tau), dims=total.dims)
    return corrected
