"""Variances of counts, with a named rule for elements of zero counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from ..errors import GumtreeError
from .selection import Array
from .uncertainty import Floats

if TYPE_CHECKING:
    from .dataset import Dataset


def poisson(
    counts: npt.ArrayLike, zero_count_variance: float, *, unit: str = "counts", **options: Any
) -> Dataset:
    """Make a Dataset of counts, with the variance that counting gives.

    Parameters
    ----------
    counts
        Counts, 0 or more; rates and normalised counts are none.
    zero_count_variance
        Variance of an element of 0 counts. Reductions differ, and the result where counts are few depends on
        it: 0 is the plain estimate from one count; 1 is the rule of the SANS programs of ORNL and Mantid.
        There is no default.
    unit, **options
        As `Dataset` takes them.

    Raises
    ------
    GumtreeError
        BAD_COUNTS where counts are negative or not finite; BAD_VARIANCES where `zero_count_variance` is
        negative.
    """
    from .dataset import Dataset

    if not (zero_count_variance >= 0 and np.isfinite(zero_count_variance)):
        raise GumtreeError(
            "BAD_VARIANCES", f"The variance of zero counts is {zero_count_variance}; give 0 or 1."
        )
    plain = Dataset(counts, unit=unit, **options)
    variances = zero_counts(plain.values, zero_count_variance, plain.mask, plain.title)
    history = (*plain.history, f"poisson: variance = counts, {zero_count_variance:g} for 0 counts")
    return Dataset(counts, variances, unit=unit, **{**options, "history": history})


def zero_counts(
    counts: Array, zero_count_variance: float, mask: NDArray[np.bool_] | None, title: str
) -> Floats:
    """Give the variances of counts; what is masked may be anything."""
    variances = np.asarray(counts, dtype=np.float64)
    bad = ~(np.isfinite(variances) & (variances >= 0))
    if mask is not None and bad.any():
        variances = np.where(bad & mask, np.nan, variances)
        bad &= ~mask
    if bad.any():
        raise GumtreeError(
            "BAD_COUNTS",
            f"{int(bad.sum())} of the counts{f' of {title!r}' if title else ''} are negative or no number,"
            f" the first {variances[bad][0]}; Poisson's rule holds for counts alone, mask these or give"
            " variances.",
        )
    if zero_count_variance:
        variances = np.where(variances == 0, zero_count_variance, variances)
    return variances
