"""Estimates from counts, means of measurements, robust estimates, and elements that stand out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Dataset
from gumtree_core.data.units import difference
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.statistics.propagation import folded

Array = NDArray[np.float64]
Prior = Literal["uniform", "jeffreys"]
Estimator = Literal["median", "sigma clip", "huber"]

ONE_SIGMA = 0.682689492137086
"""The probability within one standard deviation of a normal distribution."""
MAD_TO_SIGMA = 1.482602218505602
"""From the median of absolute deviations to the standard deviation of a normal distribution."""
HUBER = 1.345
"""Deviation in sigma from which on Huber's estimate counts a point less: 95 % efficient for normal noise."""
CLIP = 3.0
"""Deviation in sigma beyond which sigma clipping leaves a point out."""
_ROUNDS = 200


@dataclass(frozen=True)
class Interval:
    """Limits in the unit and the dimensions of what they belong to."""

    low: Dataset
    high: Dataset


@dataclass(frozen=True)
class Mean:
    """A weighted mean, and whether the measurements agree.

    Attributes
    ----------
    value
        With its error.
    chi_square, degrees_of_freedom
        Of the measurements about it.
    probability
        That chi-square is this large or larger by chance.
    """

    value: Dataset
    chi_square: float
    degrees_of_freedom: int
    probability: float


@dataclass(frozen=True)
class Robust:
    """An estimate that single wild elements do not move.

    Attributes
    ----------
    center
        With the error that the elements' errors give it; exact where they have none.
    sigma
        Standard deviation of one element, as that of a normal distribution.
    used
        Which elements took part, in the shape of the data.
    """

    center: Dataset
    sigma: Dataset
    used: NDArray[np.bool_]


def poisson_interval(counts: Dataset, confidence: float = ONE_SIGMA) -> Interval:
    """Central confidence interval of the mean of which these are counts.

    From chi^2(a / 2; 2 n) / 2 to chi^2(1 - a / 2; 2 n + 2) / 2, a = 1 - confidence (Garwood, Biometrika 28
    (1936) 437). It covers the mean with at least that confidence, however few the counts are. The limits of
    a rate are these over time or monitor.

    Raises
    ------
    GumtreeError
        BAD_COUNTS, BAD_CONFIDENCE.
    """
    from scipy.stats import chi2

    n = _counts(counts)
    tail = (1 - _confidence(confidence)) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(n > 0, chi2.ppf(tail, 2 * np.where(n > 0, n, 1)) / 2, np.where(np.isnan(n), np.nan, 0))
        high = chi2.isf(tail, 2 * n + 2) / 2
    plain = counts.without_errors()
    return Interval(_with_values(plain, low), _with_values(plain, high))


def credible_interval(counts: Dataset, prior: Prior = "jeffreys", confidence: float = ONE_SIGMA) -> Interval:
    """Central interval in which the mean is with that probability, given a prior.

    The posterior is a gamma distribution of shape n + 1/2 (``"jeffreys"``, p ~ 1 / sqrt(mean)) or n + 1
    (``"uniform"``).

    Raises
    ------
    GumtreeError
        BAD_COUNTS, BAD_CONFIDENCE, UNKNOWN_PRIOR.
    """
    from scipy.stats import gamma

    shape = _counts(counts) + _prior(prior)
    tail = (1 - _confidence(confidence)) / 2
    plain = counts.without_errors()
    return Interval(_with_values(plain, gamma.ppf(tail, shape)), _with_values(plain, gamma.isf(tail, shape)))


def posterior(counts: Dataset, prior: Prior = "jeffreys") -> Dataset:
    """Mean and standard deviation of the posterior of each element, as independent errors.

    n + 1/2 or n + 1 is both mean and variance (see `credible_interval`). Where counts are few this has an
    error for 0 counts, unlike n; added up over many elements the prior adds up too, so sum counts first.

    Raises
    ------
    GumtreeError
        BAD_COUNTS, UNKNOWN_PRIOR.
    """
    shape = _counts(counts) + _prior(prior)
    return _with_values(counts, shape).with_variances(shape)


def weighted_mean(data: Dataset) -> Mean:
    """The best mean of measurements of one quantity, with their covariances.

    m = 1^T V^-1 x / 1^T V^-1 1, var m = 1 / 1^T V^-1 1, chi^2 = (x - m)^T V^-1 (x - m) (Aitken, Proc. R. Soc.
    Edinburgh 55 (1936) 42). The mean keeps the sources of error. Masked elements take no part. Counts must
    not be weighted by 1 / counts: that is biased to small values; sum them.

    Raises
    ------
    GumtreeError
        NO_VARIANCES, ZERO_VARIANCE; SINGULAR_COVARIANCE where measurements say the same.
    """
    from scipy.stats import chi2

    if data.variances is None:
        raise GumtreeError("NO_VARIANCES", f"{data.name} has no errors to weigh by; take the mean.")
    flat = data.flatten() if data.ndim != 1 else data
    used = np.isfinite(flat.values) if flat.mask is None else np.isfinite(flat.values) & ~flat.mask
    flat = flat[used].replace(axes={}, masks={})
    if not flat.size or not (np.asarray(flat.variances) > 0).all():
        raise GumtreeError(
            "ZERO_VARIANCE", f"{data.name} needs at least one element, and each an error above 0."
        )
    covariance = flat.covariance()
    try:
        root = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError as error:
        raise GumtreeError(
            "SINGULAR_COVARIANCE",
            f"The elements of {data.name} are completely correlated: they say the same; take one of them.",
        ) from error
    ones = np.linalg.solve(root, np.ones(flat.size))
    weights = np.linalg.solve(root.T, ones) / (ones @ ones)
    value = float(weights @ flat.values)
    residual = np.linalg.solve(root, flat.values - value)
    total, freedom = float(residual @ residual), flat.size - 1
    mean = folded(flat, weights, value, data.unit, flat.dims)
    return Mean(mean, total, freedom, float(chi2.sf(total, freedom)) if freedom else 1.0)


def robust(data: Dataset, estimator: Estimator = "median") -> Robust:
    """Estimate the centre and the spread of elements of which some are wild.

    - ``"median"``: median, and 1.4826 times the median of absolute deviations (MAD; Hampel, J. Am. Stat.
      Assoc. 69 (1974) 383). The error of the centre is that of the mean of the middle 2 / pi of the elements,
      which is that of a median of normal noise.
    - ``"sigma clip"``: mean and standard deviation of what is within 3 sigma, repeated until nothing changes,
      from the median on; sigma is that of a normal distribution cut off there.
    - ``"huber"``: the M-estimate of location with k = 1.345 (Huber, Ann. Math. Stat. 35 (1964) 73), and the
      MAD.

    Masked elements and NaN take no part.

    Raises
    ------
    GumtreeError
        NO_ELEMENTS, UNKNOWN_ESTIMATOR.
    """
    good = np.isfinite(data.values) if data.mask is None else np.isfinite(data.values) & ~data.mask
    if not good.any():
        raise GumtreeError("NO_ELEMENTS", f"{data.name} has no element that is neither masked nor NaN.")
    x = np.asarray(data.values, dtype=np.float64)[good]
    center = float(np.median(x))
    sigma = MAD_TO_SIGMA * float(np.median(np.abs(x - center)))
    inner = np.ones(x.size, dtype=bool)
    if estimator == "median":
        weights = _middle(x, center)
    elif estimator == "sigma clip":
        center, sigma, inner = _clipped(x, center, sigma)
        weights = inner / inner.sum()
    elif estimator == "huber":
        center, weights = _huber(x, center, sigma)
    else:
        raise GumtreeError(
            "UNKNOWN_ESTIMATOR",
            f"The estimator is 'median', 'sigma clip' or 'huber', not {estimator!r}.",
        )
    derivative = np.zeros(data.shape)
    derivative[good] = weights
    used = good.copy()
    used[good] = inner
    filled = data.with_masks(robust=~good) if not good.all() else data
    value = folded(filled, derivative, center, data.unit, data.dims)
    return Robust(value, Dataset(sigma, unit=difference(data.unit)), used)


def outliers(counts: Dataset, threshold: float = 5.0, size: int = 5) -> NDArray[np.bool_]:
    """Pixels that count more or less than their neighbours by more than Poisson's rule allows: hot and dead.

    The expectation is the median of the pixels around, without the pixel itself; the probability of counts
    that far or farther from it is compared with that of `threshold` standard deviations of a normal
    distribution. So a pixel of 3 counts among empty ones need not be hot, and one of 0 among 5 not dead.

    Parameters
    ----------
    counts
        (y, x), or any dimensions; numbers of counts. Masked pixels are not judged, and are taken for as
        bright as the median of all.
    threshold
        In standard deviations, on either side; above 0 and at most 30.
    size
        Width of the neighbourhood in pixels; odd, 3 or more. It must be wider than what is measured is
        steep: a beam spot of a few pixels is an outlier too.

    Returns
    -------
    NDArray
        True where a pixel stands out; give it to ``with_masks``.

    Raises
    ------
    GumtreeError
        BAD_COUNTS, BAD_NEIGHBOURHOOD, BAD_THRESHOLD.
    """
    from scipy.ndimage import median_filter
    from scipy.stats import norm, poisson

    if size < 3 or size % 2 == 0:
        raise GumtreeError("BAD_NEIGHBOURHOOD", f"A neighbourhood is 3, 5, 7, ... pixels wide, not {size}.")
    if not 0 < threshold <= 30:
        raise GumtreeError(
            "BAD_THRESHOLD", f"The threshold is {threshold:g} standard deviations; give 1 to 30, 5 is usual."
        )
    n = _counts(counts)
    known = np.isfinite(n)
    filled = np.where(known, n, np.median(n[known]) if known.any() else 0.0)
    around = np.ones((size,) * counts.ndim, dtype=bool)
    around[(size // 2,) * counts.ndim] = False
    expected = np.asarray(median_filter(filled, footprint=around, mode="reflect"))
    # A Poisson distribution of mean m has its median between m - ln 2 and m + 1 / 3 (Choi, Proc. Am. Math.
    # Soc. 121 (1994) 245); the median of some pixels has pi / 2 of the variance of their mean.
    probability = norm.sf(threshold * np.sqrt(1 + np.pi / 2 / around.sum()))
    high = poisson.sf(filled - 1, expected + np.log(2)) < probability
    low = poisson.cdf(filled, np.maximum(expected - 1 / 3, 0.0)) < probability
    return np.asarray(known & (high | low))


def _middle(x: Array, center: float) -> Array:
    near = np.argsort(np.abs(x - center), kind="stable")[: max(1, round(2 / np.pi * x.size))]
    weights = np.zeros(x.size)
    weights[near] = 1 / near.size
    return weights


def _clipped(x: Array, center: float, sigma: float) -> tuple[float, float, NDArray[np.bool_]]:
    # The variance of a normal distribution that is cut off at 3 sigma, over the whole one's.
    cut = 1 - 2 * CLIP * np.exp(-(CLIP**2) / 2) / np.sqrt(2 * np.pi) / 0.9973002039367398
    used = np.ones(x.size, dtype=bool)
    for _ in range(_ROUNDS):
        new = np.abs(x - center) <= CLIP * sigma
        center = float(x[new].mean())
        sigma = float(x[new].std()) / float(np.sqrt(cut))
        if (new == used).all():
            break
        used = new
    return center, sigma, used


def _huber(x: Array, center: float, sigma: float) -> tuple[float, Array]:
    if sigma == 0:
        weights = (x == center).astype(np.float64)
        return center, weights / weights.sum()
    inner = np.ones(x.size, dtype=bool)
    for _ in range(_ROUNDS):
        u = (x - center) / (HUBER * sigma)
        inner = np.abs(u) <= 1
        weights = np.where(inner, 1.0, 1 / np.maximum(np.abs(u), 1.0))
        moved = float((weights * x).sum() / weights.sum())
        if abs(moved - center) <= 1e-12 * max(abs(center), sigma):
            break
        center = moved
    # What is far counts with a constant, so that only the inner elements move the centre.
    return center, inner / inner.sum()


def _counts(counts: Dataset) -> Array:
    n = np.array(counts.values, dtype=np.float64)
    if counts.mask is not None:
        n[counts.mask] = np.nan
    bad = (n < 0) | np.isinf(n) | (np.abs(n - np.round(n)) > 1e-6)
    if bad.any():
        raise GumtreeError(
            "BAD_COUNTS",
            f"{int(bad.sum())} elements of {counts.name} are no counts (0, 1, 2, ...), the first "
            f"{n[bad][0]:g}; rates and normalised counts are none.",
        )
    return n


def _confidence(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise GumtreeError("BAD_CONFIDENCE", f"A confidence is between 0 and 1, not {confidence:g}.")
    return confidence


def _prior(prior: Prior) -> float:
    if prior not in ("jeffreys", "uniform"):
        raise GumtreeError("UNKNOWN_PRIOR", f"The prior is 'jeffreys' or 'uniform', not {prior!r}.")
    return 0.5 if prior == "jeffreys" else 1.0


def _with_values(like: Dataset, values: Array) -> Dataset:
    return like.derive(values=np.asarray(values, dtype=np.float64))
