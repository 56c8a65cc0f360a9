"""The resolution of a pinhole instrument."""

from __future__ import annotations

import numpy as np

from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.geometry import Array


def sigma_q(
    q: Array,
    *,
    wavelength: float,
    wavelength_spread: float,
    collimation: float,
    distance: float,
    source_aperture: float,
    sample_aperture: float,
    pixel_size: float,
) -> Array:
    """Standard deviation of q, in 1/angstrom.

    sigma^2 = q^2 w^2 / 6 + k^2 / 12 [3 R1^2 / L1^2 + 3 R2^2 (1 / L1 + 1 / L2)^2 + p^2 / L2^2], with
    k = 2 pi / lambda and w the full width at half maximum of a triangular spectrum over lambda (Mildner and
    Carpenter, J. Appl. Cryst. 17 (1984) 249). Gravity is left out.

    Parameters
    ----------
    q
        In 1/angstrom, any shape.
    wavelength, wavelength_spread
        In angstrom; relative full width at half maximum.
    collimation, distance
        L1 and L2, in mm.
    source_aperture, sample_aperture
        Diameters, in mm.
    pixel_size
        In mm.

    Raises
    ------
    GumtreeError
        BAD_GEOMETRY unless wavelength, collimation and distance are above 0.
    """
    for name, value in (("wavelength", wavelength), ("collimation", collimation), ("distance", distance)):
        if not value > 0:
            raise GumtreeError("BAD_GEOMETRY", f"The {name} is {value:g}; the resolution needs one above 0.")
    first, second = source_aperture / 2, sample_aperture / 2
    k = 2 * np.pi / wavelength
    geometric = (
        3 * (first / collimation) ** 2
        + 3 * second**2 * (1 / collimation + 1 / distance) ** 2
        + (pixel_size / distance) ** 2
    )
    return np.asarray(np.sqrt((q * wavelength_spread) ** 2 / 6 + k**2 / 12 * geometric))
