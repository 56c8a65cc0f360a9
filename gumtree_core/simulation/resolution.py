"""How wavelength spread and collimation smear I(q)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import i0e

from gumtree_core.simulation.models import Curve

Array = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)
_REACH = 6.0


def geometric_sigma(
    wavelength: float,
    collimation: float,
    distance: float,
    source_radius: float,
    sample_radius: float,
    pixel_size: float,
) -> float:
    """Standard deviation of q from the collimation and the pixel, in each direction, in 1/angstrom.

    k^2 / 12 (3 R1^2 / L1^2 + 3 R2^2 (1/L1 + 1/L2)^2 + d^2 / L2^2) with k = 2 pi / lambda (Mildner and
    Carpenter, J. Appl. Cryst. 17 (1984) 249). Lengths in mm, wavelength in angstrom.
    """
    k = 2 * np.pi / wavelength
    variance = (
        3 * (source_radius / collimation) ** 2
        + 3 * (sample_radius * (1 / collimation + 1 / distance)) ** 2
        + (pixel_size / distance) ** 2
    )
    return float(k * np.sqrt(variance / 12))


def total_sigma(q: Array, geometric: float, wavelength_spread: float) -> Array:
    """Standard deviation of q in 1/angstrom, sqrt(sigma_geo^2 + (q w)^2 / 6), w = FWHM of a triangle."""
    return np.asarray(np.sqrt(geometric**2 + (q * wavelength_spread) ** 2 / 6))


def smear(curve: Curve, q: Array, sigma: Array) -> Array:
    """The curve as it is seen at q with resolution `sigma`; both of shape (n,), in 1/angstrom.

    The resolution function is the azimuthal average of a Gaussian in two dimensions,
    R(q', q) = q' / sigma^2 exp(-(q'^2 + q^2) / (2 sigma^2)) I0(q' q / sigma^2)
    (Pedersen, Posselt and Mortensen, J. Appl. Cryst. 23 (1990) 321), normalised to 1 and integrated by Gauss
    and Legendre over 6 sigma to both sides.
    """
    low = np.maximum(q - _REACH * sigma, 0.0)[:, np.newaxis]
    high = (q + _REACH * sigma)[:, np.newaxis]
    at = low + (high - low) * (_NODES + 1) / 2
    centre, width = q[:, np.newaxis], sigma[:, np.newaxis]
    kernel = _WEIGHTS * at * np.exp(-((at - centre) ** 2) / (2 * width**2)) * i0e(at * centre / width**2)
    return np.asarray(np.sum(kernel * curve(at), axis=1) / np.sum(kernel, axis=1))
