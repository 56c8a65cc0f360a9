"""From the detector to curves and maps: the shapes that patterns are integrated over."""

from gumtree_core.reduction.integration.bins import Spacing, free_bins, phi_bins, q_bins
from gumtree_core.reduction.integration.plan import Plan, Weighting
from gumtree_core.reduction.integration.plans import (
    annulus,
    circle,
    circular,
    cut,
    horizontal,
    q_grid,
    rectangle,
    rings,
    sector,
    vertical,
)

__all__ = [
    "Plan",
    "Spacing",
    "Weighting",
    "annulus",
    "circle",
    "circular",
    "cut",
    "free_bins",
    "horizontal",
    "phi_bins",
    "q_bins",
    "q_grid",
    "rectangle",
    "rings",
    "sector",
    "vertical",
]
