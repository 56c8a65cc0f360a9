"""Data with errors, units, axes and metadata."""

from gumtree_core.data.axis import Axis
from gumtree_core.data.dataset import Dataset, scalar
from gumtree_core.data.plots.plotting import plot
from gumtree_core.data.poisson import poisson
from gumtree_core.data.propagation.uncertainty import CorrelationWarning, errors
from gumtree_core.data.shaping.joining import concatenate, stack

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
