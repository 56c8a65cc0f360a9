"""What a reduction of simulated data must give back.

All curves are dSigma/dOmega in 1/cm of the sample alone, without its cell, incoherent background included; q
is in 1/angstrom. `Settings` says which sample was measured and how: wavelength, collimation, distance, and
the beam stop where it hides pixels.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from gumtree_core.errors import GumtreeError
from gumtree_core.simulation.samples import SAMPLES, Sample
from gumtree_core.simulation.sans import Sans, Settings

Array = NDArray[np.float64]


def sample(name: str) -> Sample:
    """The sample of that name; raises GumtreeError UNKNOWN_SAMPLE if there is none."""
    if name not in SAMPLES:
        raise GumtreeError(
            "UNKNOWN_SAMPLE",
            f"The simulation knows no sample {name!r}; its samples are {', '.join(SAMPLES)}.",
        )
    return SAMPLES[name]


def iq(name: str, q: Array) -> Array:
    """I(q) as it is, without any resolution."""
    return sample(name).iq(np.asarray(q, dtype=float))


def smeared_iq(settings: Settings, q: Array) -> Array:
    """I(q) of the sample as the instrument's resolution shows it; q of any shape within the detector."""
    sample(settings.sample)
    return _instrument().smeared(settings.sample, settings, np.asarray(q, dtype=float))


def expected_iq(
    settings: Settings, q_edges: Array, *, mask: NDArray[np.bool_] | None = None, weights: Array | None = None
) -> Array:
    """The smeared I(q) averaged over the pixels of each bin, as a reduction averages it.

    Parameters
    ----------
    settings
        Sample, wavelength, collimation, distance and beam stop of the measurement.
    q_edges
        Edges of the bins, shape (n + 1,), rising. A pixel belongs to the bin that holds its centre.
    mask
        True where a pixel is left out, shape (y, x); unless given, where the beam stop hides any of it.
    weights
        Weight of each pixel in the average, shape (y, x); all alike unless given.

    Returns
    -------
    Array
        Shape (n,); NaN for a bin without pixels.
    """
    instrument = _instrument()
    kept = ~(instrument.shadow(settings) < 1 if mask is None else mask)
    q = instrument.q(settings)[kept]
    weight = np.ones(q.shape) if weights is None else weights[kept]
    total, _ = np.histogram(q, q_edges, weights=weight)
    summed, _ = np.histogram(q, q_edges, weights=weight * smeared_iq(settings, q))
    return np.where(total > 0, summed / np.where(total > 0, total, 1.0), np.nan)


def transmission(name: str, wavelength: float) -> float:
    """Transmission of the sample, in its cell if it has one, relative to the empty beam."""
    sample(name)
    return _instrument().transmission(name, wavelength)


def sensitivity(seed: int) -> Array:
    """Relative efficiency of each pixel (y, x) of the instrument with this seed; its mean is 1."""
    return Sans(seed).sensitivity


def reduced_chi_square(intensity: Array, errors: Array, expected: Array) -> tuple[float, int]:
    """Mean squared deviation in units of the errors, and of how many points.

    Points without a finite value in any of the three (shape (n,)), or without an error, are left out. No
    parameter is fitted: the number of points is the number of degrees of freedom.
    """
    usable = np.isfinite(intensity) & np.isfinite(errors) & np.isfinite(expected) & (errors > 0)
    if not usable.any():
        raise GumtreeError(
            "NOTHING_TO_COMPARE", "The reduced curve has no point with an error in the range of the truth."
        )
    deviation = (intensity[usable] - expected[usable]) / errors[usable]
    return float(np.mean(deviation**2)), int(usable.sum())


@cache
def _instrument() -> Sans:
    return Sans(seed=0)
