"""Variances of counts, with a named rule for elements of zero counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gumtree_core.data import checks
from gumtree_core.data.dataset import Dataset
from gumtree_core.data.propagation.selection import Selection
from gumtree_core.data.propagation.uncertainty import Uncertainty
from gumtree_core.errors import GumtreeError


def poisson(
    counts: npt.ArrayLike | Dataset, zero_count_variance: float, *, unit: str = "counts", **options: Any
) -> Dataset:
    """Give counts the variance that counting has.

    Parameters
    ----------
    counts
        Counts, 0 or more, as an array, or as a Dataset whose errors are replaced; rates and normalised counts
        are none.
    zero_count_variance
        Variance of an element of 0 counts. Reductions differ, and the result where counts are few depends on
        it: 0 is the plain estimate from one count; 1 is the rule of the SANS programs of ORNL and Mantid.
        There is no default.
    unit, **options
        As `Dataset` takes them; not with a Dataset.

    Raises
    ------
    GumtreeError
        BAD_COUNTS where counts are negative or not finite; BAD_VARIANCES where `zero_count_variance` is
        negative.
    """
    if not (zero_count_variance >= 0 and np.isfinite(zero_count_variance)):
        raise GumtreeError(
            "BAD_VARIANCES", f"The variance of zero counts is {zero_count_variance}; give 0 or 1."
        )
    plain = counts if isinstance(counts, Dataset) else Dataset(counts, unit=unit, **options)
    identity = options.get("source", "")
    if isinstance(counts, Dataset) and counts.uncertainty.terms:
        # Counts that are read, or added, twice stay one source; a part or a multiple of them is another.
        terms, everything = counts.uncertainty.terms, Selection.whole(counts.shape)
        if all(
            term.source.variances.size == counts.size
            and term.selection.same(everything)
            and (term.coefficient == 1).all()
            for term in terms
        ):
            known = " + ".join(sorted(term.source.id for term in terms))
            identity = f"{known} zero_count_variance={zero_count_variance:g}"
    counted = plain.values
    if not zero_count_variance and checks.are_counts(counted):
        uncertainty = Uncertainty.of_counts(counted, identity)
    else:
        variances = checks.counts(counted, zero_count_variance, plain.mask, plain.title)
        uncertainty = Uncertainty.of(variances, identity)
    return plain.derive(
        uncertainty=uncertainty,
        history=(*plain.history, f"poisson: variance = counts, {zero_count_variance:g} for 0 counts"),
    )
