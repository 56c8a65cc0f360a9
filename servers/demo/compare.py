"""How well a reduced curve agrees with the truth that the simulation knows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gumtree_core.files.nexus.nxcansas import read_nxcansas
from gumtree_core.simulation import truth
from gumtree_core.simulation.sans import Settings

EXPECTED = (0.8, 1.2)
"""Where the reduced chi-square of a right reduction lies, 19 times of 20."""


@dataclass(frozen=True)
class Agreement:
    """Reduced chi-square per degree of freedom; no parameter is fitted."""

    chi_square: float
    points: int

    @property
    def as_expected(self) -> bool:
        """Whether it lies where that of a right reduction does."""
        return EXPECTED[0] <= self.chi_square <= EXPECTED[1]


def compare(file: Path, settings: Settings) -> Agreement:
    """Compare I(q) in an NXcanSAS file with the smeared truth averaged over the same pixels.

    chi^2 = r C^-1 r / n, with r the differences and C the covariance of the n points, since all share the
    errors of monitor, transmissions and absolute scale.
    """
    curve = read_nxcansas(file)
    expected = truth.expected_iq(settings, _edges(curve.axes["q"].centers))
    kept = np.isfinite(expected) & np.isfinite(curve.values)
    if curve.mask is not None:
        kept &= ~curve.mask
    difference = (curve.values - expected)[kept]
    covariance = curve.metadata["covariance"][np.ix_(kept, kept)]
    chi_square = float(difference @ np.linalg.solve(covariance, difference)) / len(difference)
    return Agreement(chi_square, len(difference))


def _edges(centers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges of bins of one width; the file has their centres."""
    half = (centers[1] - centers[0]) / 2
    return np.append(centers - half, centers[-1] + half)
