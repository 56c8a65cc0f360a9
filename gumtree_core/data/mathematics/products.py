"""Products of vectors and matrices; errors and correlations are exact, as those of a product and a sum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gumtree_core.data import units
from gumtree_core.data.axis import Axis, check_unmasked
from gumtree_core.data.checks import is_dataset
from gumtree_core.data.metadata import without
from gumtree_core.data.propagation.uncertainty import Uncertainty
from gumtree_core.data.shaping.reshaping import flatten, fresh
from gumtree_core.errors import GumtreeError

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset

LARGEST = 100_000_000
"""Products of single elements that a matrix product may have."""


def matmul(one: Any, other: Any) -> Dataset:
    """Multiply vectors and matrices: the last dimension of one meets the first of the other, as in NumPy.

    The result has the other dimensions, with their axes; a name that both have gets ``_2`` in the second. A
    masked element takes no part.

    Parameters
    ----------
    one, other
        Datasets or arrays of one or two dimensions.

    Raises
    ------
    GumtreeError
        DIMENSION_MISMATCH; TOO_LARGE beyond 1e8 products of single elements.
    """
    a, b = _factor(one, other, "row"), _factor(other, one, "column")
    if a.ndim not in (1, 2) or b.ndim not in (1, 2) or a.shape[-1] != b.shape[0]:
        raise GumtreeError(
            "DIMENSION_MISMATCH",
            f"{a.name} @ {b.name}: the shapes {a.shape} and {b.shape} are no vectors or matrices that fit.",
        )
    count = a.size * (b.shape[1] if b.ndim == 2 else 1)
    if count > LARGEST:
        raise GumtreeError(
            "TOO_LARGE", f"{a.name} @ {b.name} takes {count} products with errors, more than {LARGEST}."
        )
    left, right = a.dims[:-1], tuple(f"{name}_2" if name in a.dims[:-1] else name for name in b.dims[1:])
    inner = fresh((*left, *right), "inner")
    product = _bare(a, (*left, inner)) * _bare(b, (inner, *right))
    result: Dataset = product.sum(inner)
    axes = {name: axis for name, axis in a.axes.items() if a.dims[-1] not in (axis.dims or ())}
    renamed = dict(zip(b.dims[1:], right, strict=True))
    for name, axis in b.axes.items():
        if b.dims[0] not in (axis.dims or ()):
            axes.setdefault(renamed.get(name, name), axis.renamed(renamed))
    lead = a if is_dataset(one) else b
    gone = a.dims[-1] if lead is a else b.dims[0]
    return result.transpose(*left, *right).derive(
        axes=axes,
        metadata=without(lead.metadata, {gone: lead.sizes[gone]}),
        title=lead.title,
        history=(*lead.history, f"{a.name} @ {b.name}"),
    )


def _bare(ds: Dataset, dims: tuple[str, ...]) -> Dataset:
    return ds.derive(dims=dims, axes={}, metadata={})


def _factor(operand: Any, other: Any, dim: str) -> Dataset:
    """Take an array as exact numbers; a matrix' own dimension is called row or column."""
    if is_dataset(operand):
        return operand  # type: ignore[no-any-return]
    check_unmasked(operand, "BAD_OPERAND", "The factors of a matrix product")
    array = np.asarray(operand)
    if array.dtype.kind not in "biuf" or array.ndim not in (1, 2):
        raise GumtreeError(
            "BAD_OPERAND", "Matrix products take Datasets and arrays of one or two dimensions."
        )
    names = ("inner",) if array.ndim == 1 else (dim, "inner") if dim == "row" else ("inner", dim)
    return other.derive(  # type: ignore[no-any-return]
        values=array, dims=names, unit="", uncertainty=Uncertainty(), axes={}, masks={}, metadata={}, title=""
    )


def dot(one: Any, other: Any) -> Dataset:
    """Multiply as `matmul` does, or by a number."""
    if np.ndim(_values(one)) == 0 or np.ndim(_values(other)) == 0:
        return one * other  # type: ignore[no-any-return]
    return matmul(one, other)


def outer(one: Any, other: Any) -> Dataset:
    """Multiply each element of one with each of the other; what has several dimensions is flattened."""
    a, b = _factor(one, other, "row"), _factor(other, one, "column")
    a, b = (part if part.ndim == 1 else flatten(part) for part in (a, b))
    (first,), (second,) = a.dims, b.dims
    if first == second:
        renamed = f"{second}_2"
        axes = {renamed if n == second else n: x.renamed({second: renamed}) for n, x in b.axes.items()}
        b = b.derive(dims=(renamed,), axes={n: x for n, x in axes.items() if n not in a.axes})
    product: Dataset = a * b
    return product.transpose(first, b.dims[0])


def inverse(ds: Dataset) -> Dataset:
    """Invert a square matrix; ``d(A^-1) = -A^-1 dA A^-1``. The dimensions swap places.

    Raises
    ------
    GumtreeError
        DIMENSION_MISMATCH, SINGULAR_MATRIX; MASKED where elements are masked.
    """
    if ds.ndim != 2 or ds.shape[0] != ds.shape[1]:
        raise GumtreeError(
            "DIMENSION_MISMATCH", f"Only square matrices have an inverse, not {ds.name} {ds.sizes}."
        )
    if ds.mask is not None and ds.mask.any():
        raise GumtreeError("MASKED", f"{ds.name} has masked elements; a matrix with holes has no inverse.")
    try:
        values = np.linalg.inv(ds.values)
    except np.linalg.LinAlgError as error:
        raise GumtreeError(
            "SINGULAR_MATRIX", f"The matrix {ds.name} is singular and has no inverse."
        ) from error
    change = matmul(matmul(-values, ds), values)
    first, second = ds.dims
    axes: dict[str, Axis] = dict(ds.axes)
    return ds.derive(
        values=values,
        dims=(second, first),
        unit=units.power(ds.unit, -1.0),
        uncertainty=change.uncertainty,
        axes=axes,
        masks={},
        history=(*ds.history, f"inverse of {ds.name}"),
    )


def _values(operand: Any) -> Any:
    return operand.values if is_dataset(operand) else operand
