"""How much of the beam falls onto the sample."""

from __future__ import annotations

import numpy as np

from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.detector.geometry import Array
from gumtree_core.reduction.reflectometry.flight import Flight


def illuminated(theta: Array, length: float, flight: Flight) -> Array:
    """Part of the beam that falls onto a sample in its middle, from 0 to 1.

    Two slits make a beam of trapezoidal profile, whose bright middle of half height u and whole half height p
    follow from similar triangles (V.-O. de Haan et al., Nucl. Instrum. Meth. A 362 (1995) 434); the sample
    holds what lies within length sin(theta) / 2 of the middle.

    Parameters
    ----------
    theta
        Angle of incidence, in rad.
    length
        Of the sample along the beam, in mm.

    Raises
    ------
    GumtreeError
        BAD_GEOMETRY unless the length is above 0.
    """
    if not length > 0:
        raise GumtreeError("BAD_GEOMETRY", f"The sample is {length:g} mm long; it must be above 0.")
    behind = (flight.collimation.sample - flight.collimation.second) / flight.collimation.second
    first, second = flight.first_gap / 2, flight.second_gap / 2
    whole = second + (first + second) * behind
    bright = abs(second + (second - first) * behind)
    reach = length * np.sin(np.asarray(theta)) / 2
    edge = np.clip(reach - bright, 0.0, whole - bright)
    slope = whole - bright
    falling = edge - edge**2 / (2 * slope) if slope > 0 else edge
    return np.asarray(2 * (np.minimum(reach, bright) + falling) / (whole + bright))
