"""Estimates from counts, regions of a detector, peaks, and results whose derivatives are known."""

from gumtree_core.reduction.statistics.estimates import (
    Interval,
    Mean,
    Robust,
    credible_interval,
    outliers,
    poisson_interval,
    posterior,
    robust,
    weighted_mean,
)

__all__ = [
    "Interval",
    "Mean",
    "Robust",
    "credible_interval",
    "outliers",
    "poisson_interval",
    "posterior",
    "robust",
    "weighted_mean",
]
