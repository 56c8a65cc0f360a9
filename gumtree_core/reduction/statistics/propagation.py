"""Results whose derivatives are known by formula, as Datasets that keep their sources of error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError


def first_order(values: npt.ArrayLike, *parts: tuple[Dataset, npt.ArrayLike], dims: Sequence[str]) -> Dataset:
    """Give computed values the errors of the numbers that they were computed from.

    For functions that NumPy has no derivative of, such as Lambert's W or an integral.

    Parameters
    ----------
    values
        Of any shape, a pure number.
    *parts
        Each number with an error (a scalar, or along some of `dims`) and the derivative by it in the shape of
        `values`, in its unit.
    dims
        The names of the dimensions of `values`.
    """
    result = Dataset(values, dims=dims)
    for number, derivative in parts:
        if number.variances is not None:
            deviation = number.replace(unit="") - number.values
            result = result + Dataset(derivative, dims=dims) * deviation
    return result.derive(values=np.asarray(values, dtype=np.float64))


def folded(
    data: Dataset, derivative: npt.ArrayLike, values: npt.ArrayLike, unit: str, dims: Sequence[str]
) -> Dataset:
    """Give a result of many elements the errors of these: ``dy = sum of derivative * dx`` over `dims`.

    Parameters
    ----------
    data
        The elements; a masked one takes no part.
    derivative
        dy/dx in the shape of `data`.
    values, unit
        Of the result, which has the other dimensions of `data`.
    dims
        What was summed over.
    """
    plain = data.replace(unit="", axes={}, metadata={})
    deviation: Dataset = (plain * Dataset(derivative, dims=data.dims)).sum(dims)
    return deviation.derive(values=np.asarray(values, dtype=np.float64), unit=Dataset(0.0, unit=unit).unit)


def correlated(values: npt.ArrayLike, covariance: npt.ArrayLike, dim: str) -> Dataset:
    """Make numbers with a covariance matrix: a product of independent unit errors with its square root.

    Raises
    ------
    GumtreeError
        BAD_COVARIANCE unless the matrix is symmetric, has no negative eigenvalue and fits the values.
    """
    matrix = np.asarray(covariance, dtype=np.float64)
    size = np.size(values)
    if matrix.shape != (size, size) or not np.isfinite(matrix).all() or not np.allclose(matrix, matrix.T):
        raise GumtreeError(
            "BAD_COVARIANCE",
            f"A covariance of {size} numbers is a symmetric matrix of that size; this has the shape "
            f"{matrix.shape}, or is not symmetric, or not finite.",
        )
    eigenvalues, vectors = np.linalg.eigh(matrix)
    if size and eigenvalues[0] < -1e-9 * max(eigenvalues[-1], 0.0):
        raise GumtreeError(
            "BAD_COVARIANCE",
            f"The covariance matrix has the eigenvalue {eigenvalues[0]:g}; variances are 0 or more.",
        )
    root = vectors * np.sqrt(np.maximum(eigenvalues, 0.0))
    unit_errors = Dataset(np.zeros(size), np.ones(size), dims=("source",))
    mixed: Dataset = Dataset(root, dims=(dim, "source")) @ unit_errors
    return mixed.derive(values=np.asarray(values, dtype=np.float64))
