"""Large sums of arrays in which one source stands behind several terms, such as ``a[1:] - a[:-1]``.

A large fold forgets its summands. Two terms of one source cannot be folded each for itself then: what they
have in common would be lost. They are folded together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data.propagation.selection import Selection, Shape
from gumtree_core.data.propagation.uncertainty import Source, Term, warn_lost


def fold_related(
    terms: Sequence[Term],
    folded: Sequence[Term],
    rows: NDArray[np.intp],
    shape: Shape,
    result_shape: Shape,
    operation: str,
) -> list[Term]:
    """Fold terms that go back to one source together, where one of their folds has forgotten its summands.

    Parameters
    ----------
    terms, folded
        The terms of an array of `shape`, and what each became.
    rows
        Broadcasts to `shape`: the place of each element in the flat result, negative for none.
    shape, result_shape
        Of the array and of the sums.
    operation
        Names the operation in a warning.
    """
    families: dict[str, list[int]] = {}
    for k, term in enumerate(terms):
        families.setdefault(term.source.base.id, []).append(k)
    result: list[Term] = []
    for family in families.values():
        if len(family) > 1 and any(folded[k].source.ancestors for k in family):
            known = [folded[k].source.id for k in family] + [
                folded[k].coefficient.tobytes().hex() for k in family
            ]
            identity = hashlib.sha256(" ".join(known).encode()).hexdigest()[:32]
            result.append(_joint([terms[k] for k in family], rows, shape, result_shape, identity, operation))
        else:
            result += [folded[k] for k in family]
    return result


def _joint(
    terms: Sequence[Term],
    rows: NDArray[np.intp],
    shape: Shape,
    result_shape: Shape,
    identity: str,
    operation: str,
) -> Term:
    base = terms[0].source.base
    size = prod(result_shape)
    matrix = None
    for term in terms:
        part = _matrix(term, rows, shape, size)
        part = part if term.source is base else part @ term.source.matrix
        matrix = part if matrix is None else matrix + part
    assert matrix is not None
    matrix.eliminate_zeros()
    if np.bincount(matrix.indices).max(initial=0) > 1:
        warn_lost(operation, f"the sums have errors in common, too many ({prod(shape)}) to be remembered")
    variances = np.asarray(matrix.power(2) @ base.variances, dtype=np.float64)
    source = Source(variances, identity, ancestors=base.relatives)
    return Term(source, Selection.whole(result_shape), np.ones((1,) * len(result_shape)))


def _matrix(term: Term, rows: NDArray[np.intp], shape: Shape, size: int) -> Any:
    from scipy import sparse

    columns = term.selection.index(shape)
    length = term.source.variances.size
    if size == 1 and (rows >= 0).all():
        weights = np.broadcast_to(term.coefficient, shape).reshape(-1)
        total = np.bincount(np.broadcast_to(columns, shape).reshape(-1), weights, length)
        return sparse.csr_array(total[np.newaxis])
    place, column = (np.broadcast_to(index, shape).reshape(-1) for index in (rows, columns))
    weights = np.broadcast_to(term.coefficient, shape).reshape(-1)
    used = place >= 0
    if not used.all():
        place, column, weights = place[used], column[used], weights[used]
    return sparse.csr_array(sparse.coo_array((weights, (place, column)), shape=(size, length)))
