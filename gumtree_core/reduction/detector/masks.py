"""Masks from shapes on the detector and from files; true is masked, as everywhere.

Shapes are in pixels, x along the columns and y along the rows; a pixel is masked where its centre is inside.
Combine masks by `|`, and mask what is outside by `~`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gumtree_core.errors import GumtreeError

Mask = NDArray[np.bool_]
Shape = tuple[int, int]


def rectangle(shape: Shape, x: tuple[float, float], y: tuple[float, float]) -> Mask:
    """Pixels from x[0] to x[1] and from y[0] to y[1], both included.

    Raises
    ------
    GumtreeError
        BAD_SHAPE where it has no inside.
    """
    _need(x[0] <= x[1] and y[0] <= y[1], f"a rectangle from ({x[0]:g}, {y[0]:g}) to ({x[1]:g}, {y[1]:g})")
    column, row = _grid(shape)
    return np.asarray((column >= x[0]) & (column <= x[1]) & (row >= y[0]) & (row <= y[1]))


def ellipse(
    shape: Shape, center: tuple[float, float], radii: tuple[float, float], angle: float = 0.0
) -> Mask:
    """Pixels in an ellipse about (x, y), whose first radius is turned by `angle` in deg; a circle if equal.

    Raises
    ------
    GumtreeError
        BAD_SHAPE unless both radii are above 0.
    """
    _need(min(radii) > 0, f"an ellipse of the radii {radii[0]:g} and {radii[1]:g}")
    column, row = _grid(shape)
    a = np.deg2rad(angle)
    u, v = column - center[0], row - center[1]
    along, across = u * np.cos(a) + v * np.sin(a), v * np.cos(a) - u * np.sin(a)
    return np.asarray((along / radii[0]) ** 2 + (across / radii[1]) ** 2 <= 1)


def beam_stop(shape: Shape, center: tuple[float, float], radius: float) -> Mask:
    """The shadow of a round beam stop about (x, y), in pixels; as `ellipse`."""
    return ellipse(shape, center, (radius, radius))


def sector(
    shape: Shape,
    center: tuple[float, float],
    phi: float,
    width: float,
    radii: tuple[float, float] = (0.0, np.inf),
) -> Mask:
    """Pixels whose azimuth about (x, y) is within `width` about `phi` (deg), between two radii.

    Raises
    ------
    GumtreeError
        BAD_SHAPE.
    """
    _need(0 < width <= 360 and 0 <= radii[0] < radii[1], f"a sector of {width:g} deg between {radii}")
    column, row = _grid(shape)
    u, v = column - center[0], row - center[1]
    radius, azimuth = np.hypot(u, v), np.rad2deg(np.arctan2(v, u))
    inside = (azimuth - phi + width / 2) % 360 < width
    return np.asarray(inside & (radius >= radii[0]) & (radius < radii[1]))


def polygon(shape: Shape, corners: Sequence[tuple[float, float]]) -> Mask:
    """Pixels in a polygon of corners (x, y); where it crosses itself, what is surrounded an odd number of
    times.

    Raises
    ------
    GumtreeError
        BAD_SHAPE unless it has three corners or more.
    """
    _need(len(corners) >= 3, f"a polygon of {len(corners)} corners")
    column, row = _grid(shape)
    inside = np.zeros(shape, dtype=bool)
    previous = corners[-1]
    for corner in corners:
        (x, y), (s, t) = corner, previous
        if y != t:
            crosses = (row >= min(y, t)) & (row < max(y, t))
            inside ^= crosses & (column < x + (row - y) * (s - x) / (t - y))
        previous = corner
    return inside


def from_file(path: str | Path, shape: Shape) -> Mask:
    """A mask of a file: NumPy's (.npy, true or above 0 is masked), or whatever `files.load` knows to hold
    `detector/mask`, such as the masks of the NCNR.

    Raises
    ------
    GumtreeError
        BAD_MASK where there is none; PIXELS_DIFFER where it is for another detector.
    """
    path = Path(path)
    if path.suffix == ".npy":
        try:
            found = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise GumtreeError("BAD_MASK", f"{path} cannot be read as a mask: {error}.") from error
        if not isinstance(found, np.ndarray) or found.dtype.kind not in "biu":
            raise GumtreeError("BAD_MASK", f"{path} holds no mask of true and false or of integers.")
    else:
        from gumtree_core.files import load

        found = load(path).data("detector/mask").values
    if found.shape != shape:
        raise GumtreeError(
            "PIXELS_DIFFER",
            f"The mask {path.name} is of the shape {found.shape} and the detector of {shape}; choose one "
            "of this detector.",
        )
    return np.asarray(found > 0)


def _grid(shape: Shape) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    row, column = np.indices(shape, dtype=np.float64)
    return column, row


def _need(given: bool, what: str) -> None:
    if not given:
        raise GumtreeError("BAD_SHAPE", f"There is no inside of {what}; give one in pixels.")
