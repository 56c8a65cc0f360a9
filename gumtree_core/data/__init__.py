"""Data with errors, units, axes and metadata."""

from .axis import Axis
from .dataset import Dataset, scalar
from .joining import concatenate, stack
from .plotting import plot
from .poisson import poisson
from .uncertainty import CorrelationWarning, errors

__all__ = [
    "Axis",
    "CorrelationWarning",
    "Dataset",
    "concatenate",
    "errors",
    "plot",
    "poisson",
    "scalar",
    "stack",
]
