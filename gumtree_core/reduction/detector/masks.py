"""Masks from shapes on the detector and from files; true is masked, as everywhere.

Shapes are in pixels, x along the columns and y along the rows; a pixel is masked where its centre is inside.
Combine masks by `|`, and mask what is outside by `~`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run, load
from gumtree_core.files.formats.mantid_mask import IDS as MASKED_IDS
from gumtree_core.files.nexus.pixel_mask import write_nexus_mask
from gumtree_core.files.saving import save_new

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
        BAD_SHAPE unless it has three corners or more, all of them numbers.
    """
    _need(len(corners) >= 3, f"a polygon of {len(corners)} corners")
    _need(bool(np.isfinite(corners).all()), f"a polygon with the corners {list(corners)}")
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
    """A mask of a file: NumPy's, EDF, TIFF or fit2d's (1 is masked), or any other in which `files.load` finds
    `detector/mask`, such as the masks of the NCNR and the pixel_mask of NeXus files.

    Rows are as the file has them. fit2d and Dioptas turn some pictures upside down before masks are drawn on
    them: turn these back by `[::-1]`.

    Raises
    ------
    GumtreeError
        BAD_MASK where there is none, or no pixel would be left; PIXELS_DIFFER where it is for another
        detector; as `files.load`.
    """
    return of_run(load(path), shape)


def of_run(run: Run, shape: Shape) -> Mask:
    """The mask that a file holds; errors as `from_file`."""
    if MASKED_IDS in run:
        raise GumtreeError(
            "BAD_MASK",
            f"{run.name} names detector ids and not pixels: make a mask of it by `masks.of_ids`, which is "
            "told the id of the first pixel, and save that by `write_mask`.",
        )
    if "detector/mask" not in run:
        raise GumtreeError(
            "BAD_MASK", f"{run.name} holds no mask: its pixels have to be 0, or 1 where masked."
        )
    found = run.data("detector/mask").values
    if found.shape != shape:
        turned = (
            " It seems to be saved with x first; save its transpose." if found.shape == shape[::-1] else ""
        )
        raise GumtreeError(
            "PIXELS_DIFFER",
            f"The mask {run.name} is of the shape {found.shape} and the detector of {shape}; choose one of "
            f"this detector.{turned}",
        )
    return _leaves_some(np.asarray(found > 0), run.name)


def of_ids(run: Run, shape: Shape, first_id: int, along: Literal["x", "y"] = "x") -> Mask:
    """The mask that a file of Mantid holds, which names detectors by id.

    Parameters
    ----------
    run
        The file, by `files.load`.
    shape
        Of the detector, (y, x).
    first_id
        Of the pixel (0, 0); the instrument definition of Mantid says it (`idstart`).
    along
        Where the next id is: along x, row by row, or along y (`idfillbyfirst`).

    Raises
    ------
    GumtreeError
        KEY_MISSING where it has no ids; PIXELS_DIFFER where an id is not on the detector; BAD_MASK where no
        pixel would be left.
    """
    ids = run.data(MASKED_IDS).values
    last_id = first_id + shape[0] * shape[1] - 1
    if ids.size and not first_id <= ids.min() <= ids.max() <= last_id:
        raise GumtreeError(
            "PIXELS_DIFFER",
            f"The mask {run.name} names the ids {ids.min()} to {ids.max()}, and the detector of {shape} "
            f"pixels has {first_id} to {last_id}; give the id of its first pixel, or the right mask.",
        )
    mask = np.zeros(shape[0] * shape[1], dtype=bool)
    mask[ids - first_id] = True
    return _leaves_some(mask.reshape(shape) if along == "x" else mask.reshape(shape[::-1]).T, run.name)


def share(mask: Mask) -> str:
    """How many pixels a mask takes, for people: "12 of 1200 pixels (1 %)"."""
    return f"{np.count_nonzero(mask)} of {mask.size} pixels ({100 * np.mean(mask):.3g} %)"


def write_mask(path: str | Path, mask: Mask) -> Path:
    """Write a mask, 1 where it is true, that silx, pyFAI and fit2d open too; never over another file.

    Parameters
    ----------
    path
        Its ending says how: .edf, .msk (fit2d), .npy, .tif or .tiff, .h5 or .nxs (NeXus: pixel_mask, and
        `mask` for silx and pyFAI). If there is a file already, a number is added.

    Raises
    ------
    GumtreeError
        BAD_MASK for another ending or what is no array (y, x) of true and false; FILE_NOT_WRITABLE.
    """
    values, path = np.asarray(mask), Path(path)
    if values.dtype != np.bool_ or values.ndim != 2:
        raise GumtreeError(
            "BAD_MASK", f"A mask is an array (y, x) of true and false, not {values.dtype} {values.shape}."
        )
    if path.suffix not in _WRITERS:
        raise GumtreeError("BAD_MASK", f"{path.name} cannot be written; a mask is {', '.join(_WRITERS)}.")
    return save_new(path, partial(_WRITERS[path.suffix], values))


def _write_edf(mask: Mask, path: Path) -> None:
    from fabio.edfimage import EdfImage

    EdfImage(data=mask.astype(np.uint8), header={"masked_value": "nonzero"}).write(str(path))


def _write_fit2d(mask: Mask, path: Path) -> None:
    from fabio.fit2dmaskimage import Fit2dMaskImage

    Fit2dMaskImage(data=mask.astype(np.uint8)).write(str(path))


def _write_numpy(mask: Mask, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, mask.astype(np.uint8))


def _write_tiff(mask: Mask, path: Path) -> None:
    from PIL import Image

    Image.fromarray(mask.astype(np.uint8)).save(path, format="TIFF")


_WRITERS: dict[str, Callable[[Mask, Path], None]] = {
    ".edf": _write_edf,
    ".msk": _write_fit2d,
    ".npy": _write_numpy,
    ".tif": _write_tiff,
    ".tiff": _write_tiff,
    ".h5": write_nexus_mask,
    ".nxs": write_nexus_mask,
}


def _leaves_some(mask: Mask, name: str) -> Mask:
    if mask.all():
        raise GumtreeError(
            "BAD_MASK",
            f"{name} masks all {mask.size} pixels. True, or 1, is masked; if it says 1 for what is used, "
            "save its opposite.",
        )
    return mask


def _grid(shape: Shape) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    row, column = np.indices(shape, dtype=np.float64)
    return column, row


def _need(given: bool, what: str) -> None:
    if not given:
        raise GumtreeError("BAD_SHAPE", f"There is no inside of {what}; give one in pixels.")
