"""Wavelength and velocity of neutrons, and how far they fall."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.constants import g, h, neutron_mass

from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.detector.pixels import Array

VELOCITY = float(h / neutron_mass * 1e10)
"""Of a neutron of 1 angstrom, in m/s: v = VELOCITY / lambda."""
GERMANIUM, GRAPHITE = 5.657906, 6.708
"""Edge of the cubic cell of germanium, and height of the hexagonal cell of graphite, in angstrom."""


def cubic_spacing(h: int, k: int, l: int, edge: float = GERMANIUM) -> float:  # noqa: E741
    """The spacing d = a / sqrt(h^2 + k^2 + l^2) of planes of a cubic crystal, in angstrom.

    Raises
    ------
    GumtreeError
        NO_REFLECTION for 0 0 0.
    """
    if not (h or k or l):
        raise GumtreeError("NO_REFLECTION", "There are no planes 0 0 0; give the reflection's indices.")
    return edge / float(np.sqrt(h * h + k * k + l * l))


def graphite_spacing(l: int = 2) -> float:  # noqa: E741
    """The spacing of the planes 0 0 l of pyrolytic graphite, in angstrom; NO_REFLECTION for l < 1."""
    if l < 1:
        raise GumtreeError("NO_REFLECTION", f"Graphite has no reflection 0 0 {l}; give 2, 4 or 6.")
    return GRAPHITE / l


def of_monochromator(spacing: float, takeoff: float) -> float:
    """The wavelength 2 d sin(takeoff / 2) in angstrom, of a monochromator's spacing d and takeoff in deg.

    Raises
    ------
    GumtreeError
        BAD_TAKEOFF unless 0 < takeoff <= 180.
    """
    if not 0 < takeoff <= 180:
        raise GumtreeError(
            "BAD_TAKEOFF", f"The takeoff angle is {takeoff:g} deg; it is to be above 0 and at most 180."
        )
    return 2 * spacing * float(np.sin(np.deg2rad(takeoff) / 2))


def of_selector(speed: float, twist: float, length: float) -> float:
    """The wavelength that a helical velocity selector lets through, in angstrom.

    Neutrons pass that fly through the rotor while it turns by the twist of its blades: lambda = h / m twist /
    (360 speed length).

    Parameters
    ----------
    speed
        Turns per minute.
    twist
        Of the blades from one end to the other, in deg.
    length
        Of the rotor, in mm.

    Raises
    ------
    GumtreeError
        BAD_SELECTOR unless all are above 0.
    """
    if not (speed > 0 and twist > 0 and length > 0):
        raise GumtreeError(
            "BAD_SELECTOR",
            f"A selector of {speed:g} rpm, {twist:g} deg and {length:g} mm lets nothing through; all are to "
            "be above 0.",
        )
    return VELOCITY * (twist / 360) / (speed / 60) / (length / 1000)


def of_flight(time: npt.ArrayLike, path: npt.ArrayLike, offset: float = 0.0) -> Array:
    """The wavelength h (t - t0) / (m L) in angstrom.

    Parameters
    ----------
    time
        t in us.
    path
        L in mm, from where the flight begins to the pixel; broadcasts with the time.
    offset
        t0 in us: when the flight begins on the clock of `time`.

    Raises
    ------
    GumtreeError
        BAD_GEOMETRY unless the path is above 0.
    """
    length = np.asarray(path, dtype=np.float64)
    if not (length > 0).all():
        raise GumtreeError("BAD_GEOMETRY", f"The flight path is {length.min():g} mm; it must be above 0.")
    return np.asarray(VELOCITY * (np.asarray(time, dtype=np.float64) - offset) * 1e-3 / length)


def fall(wavelength: npt.ArrayLike, collimation: float, distance: float) -> Array:
    """How far below the straight line through both apertures a neutron hits the detector, in mm.

    g L2 (L1 + L2) / (2 v^2): it flies upwards through the middle of both apertures and falls.

    Parameters
    ----------
    wavelength
        In angstrom.
    collimation, distance
        L1 between the apertures, and L2 from the sample's aperture to the detector, in mm.
    """
    velocity = VELOCITY / np.asarray(wavelength, dtype=np.float64)
    return np.asarray(g * distance * (collimation + distance) / (2 * velocity**2) * 1e-3)
