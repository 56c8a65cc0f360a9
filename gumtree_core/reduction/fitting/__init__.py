"""Fits of curves: shapes, weights, the way to the best parameters, and what a fit has found."""

from gumtree_core.reduction.fitting.fits import Fit, FitWarning, fit

__all__ = ["Fit", "FitWarning", "fit"]
