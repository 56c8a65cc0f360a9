"""What a sample and its can absorb of their own scattering; divide an intensity by these.

Every function gives the mean of exp(-mu (path in + path out)) over the volume: 1 without absorption.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.statistics.propagation import first_order

Array = NDArray[np.float64]
RADII, ANGLES = 48, 192
"""Points of the numerical integration over a cylinder: better than 1e-6 for mu R up to 5."""


def plate(
    absorption: float | Dataset, incidence: float, exit_angle: Array | float, *, dim: str = "two_theta"
) -> Dataset:
    """Absorption factor of a flat plate, in transmission or reflection.

    In transmission, with a = mu t / cos(incidence) and b = mu t / cos(exit), A = (e^-a - e^-b) / (b - a), and
    e^-a where both are equal; in reflection, A = (1 - e^-(a + b)) / (a + b) (International Tables for
    Crystallography C, 6.3.3). Relative to the volume of the plate, not to the beam that it takes in.

    Parameters
    ----------
    absorption
        mu t: absorption and scattering out of the beam per length, times thickness.
    incidence
        Between the beam and the normal of the plate, in rad, below pi / 2.
    exit_angle
        Between the scattered ray and the direction in which the normal leaves the plate, in rad: below pi / 2
        in transmission, above it in reflection. A number or (dim,).

    Raises
    ------
    GumtreeError
        BAD_ABSORPTION where mu t is negative; BAD_GEOMETRY where a ray runs along the plate.
    """
    mu = _coefficient(absorption, "mu t")
    inward, outward = np.cos(incidence), np.cos(np.asarray(exit_angle, dtype=np.float64))
    if not inward > 1e-6 or (np.abs(outward) < 1e-6).any():
        raise GumtreeError(
            "BAD_GEOMETRY", "A ray runs along the plate: incidence and exit must differ from 90 deg."
        )
    t = float(mu.values)
    a, b = t / inward, t / np.abs(outward)
    through = outward > 0
    start = np.where(through, np.exp(-np.minimum(a, b)), 1.0)
    gap = np.where(through, np.abs(b - a), a + b)
    values = start * _mean_of_exponential(gap)
    # The derivative by mu t: of exp(-s) m(g), with s and g proportional to it.
    rate = np.where(through, np.minimum(1 / inward, 1 / np.abs(outward)), 0.0)
    spread = np.where(through, np.abs(1 / inward - 1 / np.abs(outward)), 1 / inward + 1 / np.abs(outward))
    slope = start * (-rate * _mean_of_exponential(gap) + spread * _slope_of_mean(gap))
    return first_order(values, (mu, slope), dims=(dim,) if np.ndim(exit_angle) else ())


def cylinder(absorption: float | Dataset, two_theta: Array | float, *, dim: str = "two_theta") -> Dataset:
    """Absorption factor of a cylinder across the beam, which it is bathed in.

    Integrated numerically over the circle, rays in the plane across the axis (International Tables for
    Crystallography C, 6.3.3). For mu R below 1 the formula of Hewat (Acta Cryst. A35 (1979) 248), which
    Rietveld programs use, is within 1 %.

    Parameters
    ----------
    absorption
        mu R: absorption and scattering out of the beam per length, times radius.
    two_theta
        In rad; a number or (dim,).

    Raises
    ------
    GumtreeError
        BAD_ABSORPTION where mu R is negative; BAD_GEOMETRY where an angle is beyond pi.
    """
    mu = _coefficient(absorption, "mu R")
    angles = _angles(two_theta)
    points = _ring(0.0, 1.0)
    values, slopes = np.empty(angles.size), np.empty(angles.size)
    for k, angle in enumerate(angles):
        path = _path(points, 0.0, 1.0, inward=True) + _path(points, angle, 1.0)
        through = np.exp(-float(mu.values) * path)
        values[k] = through @ points.weight
        slopes[k] = -(path * through) @ points.weight
    dims = (dim,) if np.ndim(two_theta) else ()
    shape = np.shape(two_theta)
    return first_order(values.reshape(shape), (mu, slopes.reshape(shape)), dims=dims)


@dataclass(frozen=True)
class PaalmanPings:
    """Absorption factors of a sample in a can; the first letter says who scatters, the others who absorb.

    With them the sample alone scatters I_s = I_sc / A_s,sc - I_c A_c,sc / (A_s,sc A_c,c), I_sc of both and
    I_c of the empty can.
    """

    sample_in_both: Dataset
    can_in_both: Dataset
    can_in_can: Dataset

    def subtract(self, both: Dataset, can: Dataset) -> Dataset:
        """What the sample alone would scatter without any absorption."""
        scattered: Dataset = (both - can * (self.can_in_both / self.can_in_can)) / self.sample_in_both
        return scattered


def paalman_pings(
    sample: float | Dataset,
    can: float | Dataset,
    radius: float,
    outer_radius: float,
    two_theta: Array | float,
    *,
    dim: str = "two_theta",
) -> PaalmanPings:
    """Absorption factors of a cylinder in a can, both bathed in the beam.

    Paalman and Pings, J. Appl. Phys. 33 (1962) 2635, integrated numerically.

    Parameters
    ----------
    sample, can
        mu of each, in 1/mm.
    radius, outer_radius
        Of the sample, which fills the can, and of the can, in mm.
    two_theta
        In rad; a number or (dim,).

    Raises
    ------
    GumtreeError
        BAD_ABSORPTION where a mu is negative; BAD_GEOMETRY unless 0 < radius < outer_radius, or
        where an angle is beyond pi.
    """
    mu, wall = _coefficient(sample, "mu"), _coefficient(can, "mu of the can")
    if not 0 < radius < outer_radius:
        raise GumtreeError(
            "BAD_GEOMETRY",
            f"A sample of radius {radius:g} mm does not fit into a can of outer radius {outer_radius:g} mm.",
        )
    angles = _angles(two_theta)
    inner, shell = _ring(0.0, radius), _ring(radius, outer_radius)
    found = np.empty((3, 3, angles.size))  # factor; value and the derivatives by both mu; angle
    for k, angle in enumerate(angles):
        for row, points, with_sample in ((0, inner, True), (1, shell, True), (2, shell, False)):
            core = _path(points, 0.0, radius, inward=True) + _path(points, angle, radius)
            whole = _path(points, 0.0, outer_radius, inward=True) + _path(points, angle, outer_radius)
            inside = core if with_sample else np.zeros_like(core)
            through = np.exp(-float(mu.values) * inside - float(wall.values) * (whole - core)) * points.weight
            found[row, :, k] = through.sum(), -(inside @ through), -((whole - core) @ through)
    shape, dims = np.shape(two_theta), (dim,) if np.ndim(two_theta) else ()
    factors = [
        first_order(
            each[0].reshape(shape), (mu, each[1].reshape(shape)), (wall, each[2].reshape(shape)), dims=dims
        )
        for each in found
    ]
    return PaalmanPings(*factors)


@dataclass(frozen=True)
class _Points:
    """Points of a ring with the part of its area that each stands for."""

    x: Array
    y: Array
    weight: Array


def _angles(two_theta: Array | float) -> Array:
    angles = np.atleast_1d(np.asarray(two_theta, dtype=np.float64))
    worst = float(np.max(np.abs(angles), initial=0.0))
    if not worst <= np.pi:
        raise GumtreeError(
            "BAD_GEOMETRY", f"2 theta is {worst:g} rad, which is beyond pi; give it in rad, not in deg."
        )
    return angles


def _ring(inner: float, outer: float) -> _Points:
    """Gauss and Legendre along the radius, with a substitution for the edge; evenly around."""
    nodes, weights = np.polynomial.legendre.leggauss(RADII)
    # r = inner + (outer - inner) sin(pi (n + 1) / 4): dense at the outer edge, where paths end steeply.
    angle = np.pi / 4 * (nodes + 1)
    r = inner + (outer - inner) * np.sin(angle)
    share = weights * np.cos(angle) * r
    phi = 2 * np.pi * (np.arange(ANGLES) + 0.5) / ANGLES
    weight = np.repeat(share / share.sum(), ANGLES) / ANGLES
    return _Points(np.outer(r, np.cos(phi)).ravel(), np.outer(r, np.sin(phi)).ravel(), weight)


def _path(points: _Points, angle: float, radius: float, *, inward: bool = False) -> Array:
    """Path from each point outwards along a direction (or inwards to it), inside a circle."""
    along = points.x * np.cos(angle) + points.y * np.sin(angle)
    across = points.y * np.cos(angle) - points.x * np.sin(angle)
    half = np.sqrt(np.maximum(radius**2 - np.square(across), 0.0))
    start = -along if inward else along
    return np.asarray(np.maximum(half - np.maximum(start, -half), 0.0))


def _mean_of_exponential(x: Array) -> Array:
    """(1 - e^-x) / x, 1 at 0."""
    small = np.abs(x) < 1e-8
    safe = np.where(small, 1.0, x)
    return np.where(small, 1 - x / 2, -np.expm1(-safe) / safe)


def _slope_of_mean(x: Array) -> Array:
    """The derivative of that."""
    small = np.abs(x) < 1e-3
    safe = np.where(small, 1.0, x)
    series = -0.5 + x / 3 - np.square(x) / 8 + x**3 / 30
    return np.where(small, series, (safe * np.exp(-safe) + np.expm1(-safe)) / np.square(safe))


def _coefficient(value: float | Dataset, what: str) -> Dataset:
    given = value if isinstance(value, Dataset) else Dataset(value)
    if given.ndim or not np.isfinite(given.values) or given.values < 0:
        raise GumtreeError("BAD_ABSORPTION", f"{what} is {given.values}; it must be one number, 0 or above.")
    return given
