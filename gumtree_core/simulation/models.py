"""Models of I(q) on absolute scale: q in 1/angstrom, intensity in 1/cm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

Array = NDArray[np.float64]
Curve = Callable[[Array], Array]

_PER_ANGSTROM_TO_PER_CM = 1e8


def schulz(radius: Array, mean: float, spread: float) -> Array:
    """The Schulz distribution of radii, not normalised.

    R^z exp(-(z + 1) R / mean) with z = 1 / spread^2 - 1, `spread` being the relative standard deviation
    (Kotlarchyk and Chen, J. Chem. Phys. 79 (1983) 2461).
    """
    z = 1 / spread**2 - 1
    ratio = radius / mean
    return np.asarray(np.exp(z * np.log(ratio) - (z + 1) * (ratio - 1)))


def sphere_form_factor(q: Array, radius: Array) -> Array:
    """P(qR) = (3 (sin x - x cos x) / x^3)^2, broadcast over q and radius; 1 at q = 0."""
    x = np.asarray(q * radius)
    small = x < 0.05
    safe = np.where(small, 1.0, x)
    amplitude = np.where(
        small, 1 - x**2 / 10 + x**4 / 280, 3 * (np.sin(safe) - safe * np.cos(safe)) / safe**3
    )
    return np.asarray(amplitude**2)


def polydisperse_spheres(radius: float, spread: float, volume_fraction: float, contrast: float) -> Curve:
    """Dilute spheres with a Schulz distribution of radii.

    I(q) = phi drho^2 <V^2 P> / <V>, the averages integrated numerically over the distribution.

    Parameters
    ----------
    radius, spread
        Mean radius in angstrom and relative standard deviation of the radii.
    volume_fraction, contrast
        phi, and the difference of scattering length density in 1/angstrom^2.
    """
    nodes, weights = np.polynomial.legendre.leggauss(160)
    reach = 7 * spread
    low, high = max(1e-3, 1 - reach) * radius, (1 + reach) * radius
    radii = low + (high - low) * (nodes + 1) / 2
    number = weights * schulz(radii, radius, spread)
    volume = 4 * np.pi / 3 * radii**3
    share = number * volume**2 / np.sum(number * volume)

    def exact(q: Array) -> Array:
        shape = np.asarray(sphere_form_factor(q[:, np.newaxis], radii) @ share)
        return volume_fraction * contrast**2 * _PER_ANGSTROM_TO_PER_CM * shape

    return _tabulated(exact)


def guinier_porod(scale: float, radius_of_gyration: float, exponent: float) -> Curve:
    """A Guinier region that goes over smoothly into a power law.

    scale exp(-q^2 Rg^2 / 3) below q1 = sqrt(3 m / 2) / Rg, and D q^-m above it with D such that value and
    slope are continuous (Hammouda, J. Appl. Cryst. 43 (2010) 716, for s = 0).

    Parameters
    ----------
    scale
        I(0) in 1/cm.
    radius_of_gyration, exponent
        Rg in angstrom, and m.
    """
    crossover = np.sqrt(1.5 * exponent) / radius_of_gyration
    porod = scale * np.exp(-exponent / 2) * crossover**exponent

    def curve(q: Array) -> Array:
        guinier = scale * np.exp(-((q * radius_of_gyration) ** 2) / 3)
        return np.where(q <= crossover, guinier, porod * np.maximum(q, crossover) ** -exponent)

    return curve


def debye_bueche(scale: float, length: float) -> Curve:
    """Scattering of a random two-phase solid, scale / (1 + q^2 length^2)^2 (Debye and Bueche, 1949)."""

    def curve(q: Array) -> Array:
        return np.asarray(scale / (1 + (q * length) ** 2) ** 2)

    return curve


def log_interpolation(q: Array, intensity: Array) -> Curve:
    """Straight lines in log I over log q through tabulated points.

    Below the first point I stays constant; above the last one it falls as q^-4, as it does for sharp
    interfaces.
    """
    log_q, log_i = np.log(q), np.log(intensity)

    def curve(at: Array) -> Array:
        x = np.log(np.maximum(at, q[0]))
        return np.asarray(np.exp(np.interp(x, log_q, log_i) - 4 * np.maximum(x - log_q[-1], 0.0)))

    return curve


def _tabulated(exact: Curve) -> Curve:
    """The same curve from a table of 4000 points, which is quick to evaluate."""
    grid = np.geomspace(1e-5, 10.0, 4000)
    spline = CubicSpline(np.log(grid), np.log(exact(grid)))

    def curve(q: Array) -> Array:
        return np.asarray(np.exp(spline(np.log(np.clip(q, grid[0], grid[-1])))))

    return curve
