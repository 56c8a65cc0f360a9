"""What a fit minimises: squares of residuals that have unit variance and are independent of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from gumtree_core.data import Dataset
from gumtree_core.data.propagation.uncertainty import Uncertainty
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.fitting.shapes import Array

Statistic = Literal["least squares", "poisson"]
LARGEST_COVARIANCE = 5000
"""Points up to which correlations of the data are taken into account: the work goes with their cube."""
LEAST = 0.1
"""Counts that a point is weighted by where the model expects fewer, or less than none: with 1 / m as weight
such points would decide everything, and what they say of the errors would be nothing."""


class Weights(Protocol):
    """How far a model is from the data, in units of what is expected by chance."""

    @property
    def absolute(self) -> bool:
        """Whether the unit is known beforehand."""

    def residual(self, model: Array) -> Array:
        """Whose squares add up to what is minimised."""

    def white(self, deviation: Array, model: Array) -> Array:
        """Small deviations, or columns of them, in that unit."""

    def chi_square(self, model: Array) -> float:
        """How far it is in all."""
        residual = self.residual(model)
        return float(residual @ residual)

    def after(self, model: Array) -> Weights | None:
        """The weights that the best model so far asks for; None where they are the data's."""
        return None


@dataclass(frozen=True)
class Alike(Weights):
    """Data without errors."""

    y: Array
    absolute: bool = False

    def residual(self, model: Array) -> Array:
        """Data less model."""
        return self.y - model

    def white(self, deviation: Array, model: Array) -> Array:
        """As they are."""
        return deviation


@dataclass(frozen=True)
class Independent(Weights):
    """Points with an error each."""

    y: Array
    sigma: Array
    absolute: bool = True

    def residual(self, model: Array) -> Array:
        """In units of the error."""
        return (self.y - model) / self.sigma

    def white(self, deviation: Array, model: Array) -> Array:
        """In units of the error."""
        return np.asarray((deviation.T / self.sigma).T)

    def response(self, inverse: Array) -> Array:
        """From what acts on residuals, (parameters, points), to what acts on the data."""
        return inverse / self.sigma


@dataclass(frozen=True)
class Correlated(Weights):
    """Points whose covariance matrix is L L^T; `root` is L."""

    y: Array
    root: Array
    absolute: bool = True

    def residual(self, model: Array) -> Array:
        """L^-1 (y - m)."""
        return self.white(self.y - model, model)

    def white(self, deviation: Array, model: Array) -> Array:
        """L^-1 times the deviation."""
        from scipy.linalg import solve_triangular

        return np.asarray(solve_triangular(self.root, deviation, lower=True))

    def response(self, inverse: Array) -> Array:
        """From what acts on residuals, (parameters, points), to what acts on the data."""
        from scipy.linalg import solve_triangular

        return np.asarray(solve_triangular(self.root, inverse.T, lower=True, trans="T").T)


@dataclass(frozen=True)
class Counts(Weights):
    """Counts, whose variance is that of the model: of the best one so far, until it is the best of all."""

    y: Array
    variance: Array
    absolute: bool = True

    def residual(self, model: Array) -> Array:
        """In units of the root of the variance."""
        return np.asarray((self.y - model) / np.sqrt(self.variance))

    def chi_square(self, model: Array) -> float:
        """The deviance 2 sum(m - y + y ln(y / m)), with no m below 0, nor below the least where y > 0."""
        m = np.maximum(model, np.where(self.y > 0, LEAST, 0.0))
        counted = self.y > 0
        y = self.y[counted]
        return float(2 * ((m - self.y).sum() + (y * np.log(y / m[counted])).sum()))

    def after(self, model: Array) -> Counts:
        """With the variance of that model."""
        return Counts(self.y, np.maximum(model, LEAST))

    def white(self, deviation: Array, model: Array) -> Array:
        """In units of the root of the model."""
        return np.asarray((deviation.T / np.sqrt(np.maximum(model, LEAST))).T)


def weights(data: Dataset, statistic: Statistic) -> Weights:
    """Choose by statistic and errors; `data` has the points that take part.

    Raises
    ------
    GumtreeError
        UNKNOWN_STATISTIC, NOT_COUNTS, ZERO_VARIANCE, SINGULAR_FIT, TOO_LARGE.
    """
    y = np.asarray(data.values, dtype=np.float64)
    if statistic == "poisson":
        if (y < 0).any() or not np.allclose(y, np.round(y)):
            raise GumtreeError(
                "NOT_COUNTS",
                f"{data.name} holds values that are no counts (0, 1, 2, ...); fit rates by least squares.",
            )
        return Counts(y, np.maximum(y, 1.0))
    if statistic != "least squares":
        raise GumtreeError(
            "UNKNOWN_STATISTIC", f"The statistic is 'least squares' or 'poisson', not {statistic!r}."
        )
    if data.variances is None:
        return Alike(y)
    own = _own_errors(data)
    variances = np.zeros(len(y)) if own.variances is None else np.asarray(own.variances)
    if (variances == 0).any():
        raise GumtreeError(
            "ZERO_VARIANCE",
            f"{int((variances == 0).sum())} points of {data.name} have no error of their own and would weigh"
            " infinitely. Mask them, choose a zero_count_variance, or fit counts with statistic='poisson'.",
        )
    if len(y) > LARGEST_COVARIANCE:
        _check_independent(own)
        return Independent(y, np.sqrt(variances))
    covariance = own.covariance()
    if np.count_nonzero(covariance) <= len(y):
        return Independent(y, np.sqrt(variances))
    try:
        return Correlated(y, np.asarray(np.linalg.cholesky(covariance), dtype=np.float64))
    except np.linalg.LinAlgError as error:
        raise GumtreeError(
            "SINGULAR_FIT",
            f"The errors of {data.name} are completely correlated, so that its points are no independent "
            "measurements, as when bins are made finer; fit the data before.",
        ) from error


def _own_errors(data: Dataset) -> Dataset:
    """The data with the errors that each point has for itself, or with some neighbours, alone."""
    own = tuple(term for term in data.uncertainty.terms if not term.selection.repeats(data.shape))
    return data.derive(uncertainty=Uncertainty(own))


def shared_errors(data: Dataset) -> Dataset:
    """The data with the errors that points have in common, such as a monitor's, alone."""
    shared = tuple(term for term in data.uncertainty.terms if term.selection.repeats(data.shape))
    return data.derive(uncertainty=Uncertainty(shared))


def _check_independent(data: Dataset) -> None:
    if any(term.source.correlated for term in data.uncertainty.terms):
        raise GumtreeError(
            "TOO_LARGE",
            f"{data.name} has {data.size} points with correlated errors; a fit takes {LARGEST_COVARIANCE} of"
            " such. Rebin, or fit a part.",
        )
