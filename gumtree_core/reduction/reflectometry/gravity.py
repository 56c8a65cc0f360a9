"""How neutrons fall on their way through slits, sample and detector.

To the second order in the slope of the path, which is below 1e-3, a neutron of horizontal velocity v that
passes two slits of equal height a distance c apart is at the height k x (c - x) / 2 a distance x behind the
first, with k = g / v^2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import constants

from gumtree_core.reduction.detector.geometry import Array

VELOCITY = constants.h / constants.neutron_mass * 1e10
"""Velocity times wavelength of a neutron, in m/s angstrom."""


@dataclass(frozen=True)
class Collimation:
    """Where slits, sample and detector stand, in mm behind the first of the two slits.

    Attributes
    ----------
    second
        The second slit.
    sample, detector
        Along the horizontal.
    """

    second: float
    sample: float
    detector: float


def height(wavelength: Array, collimation: Collimation, x: float) -> Array:
    """Height of the direct path over the line through the slits, in mm; wavelength in angstrom, x in mm."""
    return np.asarray(_curvature(wavelength) * x * (collimation.second - x) / 2)


def slope(wavelength: Array, collimation: Collimation, x: float) -> Array:
    """Slope of the path, in rad: below zero where the neutrons fall."""
    return np.asarray(_curvature(wavelength) * (collimation.second / 2 - x))


def deflection(wavelength: Array, collimation: Collimation, *, reflected: bool) -> Array:
    """How much higher than without gravity neutrons arrive at the detector, in mm.

    A sample under a small angle mirrors the fall before it, -(y + y' D), and the neutrons fall by k D^2 / 2
    again on the way D to the detector; so what is reflected is bent far less than the direct beam.
    """
    direct = height(wavelength, collimation, collimation.detector)
    if not reflected:
        return direct
    way = collimation.detector - collimation.sample
    return np.asarray(-direct - _curvature(wavelength) * way**2)


def _curvature(wavelength: Array) -> Array:
    """g / v^2, in 1/mm."""
    return np.asarray(constants.g * (np.asarray(wavelength) / VELOCITY) ** 2 * 1e-3)
