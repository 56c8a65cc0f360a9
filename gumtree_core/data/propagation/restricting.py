"""Errors of which some elements take no part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data.propagation.selection import Selection, Shape
from gumtree_core.data.propagation.uncertainty import Uncertainty


def restricted(uncertainty: Uncertainty, keep: NDArray[np.bool_] | None, shape: Shape) -> Uncertainty:
    """Give the elements where `keep` is false the error 0, even where it was not known (NaN).

    Parameters
    ----------
    keep
        Broadcasts to `shape`; None keeps all.
    shape
        Of the array with these errors.
    """
    if keep is None:
        return uncertainty
    terms = []
    for term in uncertainty.terms:
        known = np.isfinite(term.source.variances)
        selection = term.selection
        if not known.all() and known.any():
            # 0 * NaN is NaN: what takes no part refers to an element whose variance is a number.
            index = np.where(keep, selection.index(shape), int(np.argmax(known)))
            selection = Selection.of_table(index.astype(np.intp))
        coefficient = np.where(keep, term.coefficient, 0.0)
        terms.append(replace(term, selection=selection, coefficient=coefficient))
    return Uncertainty(tuple(terms))
