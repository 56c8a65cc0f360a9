"""Where a ray that comes at an angle is absorbed in a thick detector, and so where it seems to be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gumtree_core.errors import GumtreeError

Array = NDArray[np.float64]


def absorption_depth(cosine: Array, absorption: float, depth: float) -> tuple[Array, Array]:
    """Mean depth at which rays are absorbed and its standard deviation, along the normal, in mm.

    With k = mu / cos and x = k D: z = 1 / k - D / (e^x - 1), var z = 1 / k^2 - D^2 e^x / (e^x - 1)^2; D / 2
    and D^2 / 12 for thin gas.

    Parameters
    ----------
    cosine
        Of the angle between ray and normal.
    absorption
        mu in 1/mm, as `efficiency.helium_absorption` gives it.
    depth
        Of the gas, in mm.

    Raises
    ------
    GumtreeError
        BAD_GEOMETRY, BAD_ABSORPTION.
    """
    cosine = np.asarray(cosine, dtype=np.float64)
    if not ((cosine > 0) & (cosine <= 1 + 1e-12)).all():
        raise GumtreeError("BAD_GEOMETRY", "Rays meet a detector from the front: 0 < cosine <= 1.")
    if not (absorption >= 0 and depth >= 0 and np.isfinite(absorption * depth)):
        raise GumtreeError(
            "BAD_ABSORPTION",
            f"The gas absorbs {absorption:g} per mm over {depth:g} mm; both must be 0 or above.",
        )
    x = absorption * depth / cosine
    thin = x < 1e-2
    safe = np.where(thin, 1.0, x)
    # In units of D; series where the terms cancel.
    mean = np.where(thin, 0.5 - x / 12 + x**3 / 720, 1 / safe - 1 / np.expm1(np.minimum(safe, 700)))
    half = np.minimum(safe / 2, 350)
    variance = np.where(
        thin, 1 / 12 - np.square(x) / 240, 1 / np.square(safe) - 1 / np.square(2 * np.sinh(half))
    )
    return np.asarray(depth * mean), np.asarray(depth * np.sqrt(variance))


def parallax(
    offset: Array, distance: float, absorption: float, depth: float, *, from_window: bool = True
) -> tuple[Array, Array]:
    """True offset of each pixel and the blur by depth, in mm.

    A ray at the offset r in the plane of the window is seen at r + z tan(angle), z its depth of absorption:
    outwards. The offset in the plane at `distance` follows from r_seen = tan(angle) (L + z(angle)), solved
    by iteration.

    Parameters
    ----------
    offset
        Seen, from the point where the beam meets the detector, in mm; any shape, signed or radial.
    distance
        Sample to window, in mm; with `from_window=False` to the plane in the gas where a straight ray is
        absorbed on average, as a calibration of the distance may give it.
    absorption, depth
        As of `absorption_depth`.

    Returns
    -------
    tuple of Array
        Offset in the plane at `distance`, and the standard deviation of the position by the depth.

    Raises
    ------
    GumtreeError
        BAD_GEOMETRY, BAD_ABSORPTION.
    """
    if not distance > 0:
        raise GumtreeError("BAD_GEOMETRY", f"The distance is {distance:g} mm; it must be above 0.")
    seen = np.asarray(offset, dtype=np.float64)
    straight = float(absorption_depth(np.ones(1), absorption, depth)[0][0])
    window = distance if from_window else distance - straight
    tangent = seen / (window + straight)
    spread = np.zeros_like(seen)
    for _ in range(50):
        cosine = 1 / np.sqrt(1 + np.square(tangent))
        mean, spread = absorption_depth(cosine, absorption, depth)
        moved = seen / (window + mean)
        done = bool(np.all(np.abs(moved - tangent) <= 1e-14 * (1 + np.abs(moved))))
        tangent = moved
        if done:
            break
    return np.asarray(tangent * distance), np.asarray(np.abs(tangent) * spread)
