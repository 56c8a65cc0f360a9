"""Where the pixels of a flat detector are, seen from the sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.reduction.detector.nonlinearity import position
from gumtree_core.reduction.detector.pixels import Pixels, QMap, of_vertices

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Geometry:
    """A flat detector perpendicular to the beam.

    Attributes
    ----------
    shape
        (y, x).
    distance
        Sample to detector, in mm.
    pixel_size_x, pixel_size_y
        In mm.
    center_x, center_y
        Where the beam hits the detector, in pixels; pixel k spans k - 0.5 to k + 0.5.
    nonlinearity_x, nonlinearity_y
        c in mm of a detector that sees pixel k at c tan((k - middle) pixel size / c); 0: even pixels.
    """

    shape: tuple[int, int]
    distance: float
    pixel_size_x: float
    pixel_size_y: float
    center_x: float
    center_y: float
    nonlinearity_x: float = 0.0
    nonlinearity_y: float = 0.0

    def __post_init__(self) -> None:
        for name in ("distance", "pixel_size_x", "pixel_size_y"):
            if not getattr(self, name) > 0:
                raise GumtreeError(
                    "BAD_GEOMETRY",
                    f"{name} is {getattr(self, name)} mm; it must be above 0. Is the file right?",
                )

    @property
    def radius(self) -> Array:
        """Distance of each pixel's centre from the beam, (y, x), in mm."""
        height, width = self.shape
        return np.asarray(np.hypot(self.x(np.arange(width)), self.y(np.arange(height))[:, np.newaxis]))

    def x(self, column: npt.ArrayLike) -> Array:
        """Where a column is, in mm from the beam."""
        return self._from_beam(column, self.shape[1], self.pixel_size_x, self.nonlinearity_x, self.center_x)

    def y(self, row: npt.ArrayLike) -> Array:
        """Where a row is, in mm from the beam."""
        return self._from_beam(row, self.shape[0], self.pixel_size_y, self.nonlinearity_y, self.center_y)

    @staticmethod
    def _from_beam(pixel: npt.ArrayLike, number: int, size: float, curvature: float, center: float) -> Array:
        if not curvature:
            return np.asarray((np.asarray(pixel) - center) * size)
        here, beam = (position(at, number, size, curvature) for at in (pixel, center))
        return np.asarray(here - beam)

    @property
    def pixels(self) -> Pixels:
        """Where the pixels are in space, (y, x)."""
        height, width = self.shape
        return Pixels(self._points(np.arange(height), np.arange(width)), self._corners)

    def q_map(self, wavelength: float) -> QMap:
        """qx, qy, qz and phi of each pixel, (y, x); as `Pixels.q_map`."""
        return self.pixels.q_map(wavelength)

    def _points(self, rows: npt.ArrayLike, columns: npt.ArrayLike) -> Array:
        x, y = np.meshgrid(self.x(columns), self.y(rows))
        return np.stack([x, y, np.full(x.shape, self.distance)], axis=-1)

    def _corners(self) -> Array:
        height, width = self.shape
        return of_vertices(self._points(np.arange(height + 1) - 0.5, np.arange(width + 1) - 0.5))

    @property
    def two_theta(self) -> Array:
        """Scattering angle of each pixel's centre, (y, x), in rad."""
        return np.asarray(np.arctan2(self.radius, self.distance))

    @property
    def cosine(self) -> Array:
        """cos(2 theta) of each pixel, (y, x)."""
        return np.asarray(self.distance / np.hypot(self.radius, self.distance))

    @property
    def relative_solid_angle(self) -> Array:
        """Solid angle of each pixel over that of one at the beam, (y, x): cos^3(2 theta)."""
        return np.asarray(self.cosine**3)

    @property
    def straight_solid_angle(self) -> float:
        """Solid angle of a pixel at the beam, in sr: its area over the squared distance."""
        return self.pixel_size_x * self.pixel_size_y / self.distance**2

    def q(self, wavelength: float) -> Array:
        """q = 4 pi / lambda sin(theta) of each pixel, (y, x), in 1/angstrom; wavelength in angstrom.

        Raises
        ------
        GumtreeError
            BAD_WAVELENGTH unless it is above 0.
        """
        if not wavelength > 0:
            raise GumtreeError(
                "BAD_WAVELENGTH", f"The wavelength is {wavelength:g} angstrom; it must be above 0."
            )
        return np.asarray(4 * np.pi / wavelength * np.sin(self.two_theta / 2))


def geometry(
    run: Run, center: tuple[float, float] | None = None, pixel_size: float | None = None
) -> Geometry:
    """The geometry of a run's detector.

    Parameters
    ----------
    center
        Beam centre (x, y) in pixels; that of the run unless given.
    pixel_size
        In mm, for both directions; that of the run unless given.

    Raises
    ------
    GumtreeError
        KEY_MISSING, NOT_AN_IMAGE, BAD_GEOMETRY.
    """
    height, width = image(run).shape
    if center is None:
        center = (
            number(run, "detector/beam_center_x", "pixel"),
            number(run, "detector/beam_center_y", "pixel"),
        )
    return Geometry(
        shape=(height, width),
        distance=number(run, "detector/distance", "mm"),
        pixel_size_x=pixel_size or number(run, "detector/pixel_size_x", "mm"),
        pixel_size_y=pixel_size or number(run, "detector/pixel_size_y", "mm"),
        center_x=center[0],
        center_y=center[1],
        nonlinearity_x=number(run, "detector/nonlinearity_x", "mm", 0.0),
        nonlinearity_y=number(run, "detector/nonlinearity_y", "mm", 0.0),
    )


def image(run: Run) -> Dataset:
    """The counts of a run, (y, x); NOT_AN_IMAGE if it holds several images, as a scan does."""
    counts = run.data("detector/counts")
    if counts.ndim != 2:
        raise GumtreeError(
            "NOT_AN_IMAGE",
            f"{run.name} holds counts of the dimensions {counts.dims}, not one image (y, x). Count at one "
            "point, or take one point of the scan: FILE@7, or FILE@3-9 for points added.",
        )
    return counts


def number(run: Run, key: str, unit: str, otherwise: float | None = None) -> float:
    """One number of a run in a unit; `otherwise`, if given, where the run has no such key.

    Raises
    ------
    GumtreeError
        KEY_MISSING; NOT_A_NUMBER for several values or one that is not finite; units that do not agree.
    """
    if otherwise is not None and key not in run:
        return otherwise
    values = run.data(key).to(unit).values
    if np.size(values) != 1:
        raise GumtreeError(
            "NOT_A_NUMBER", f"{key} of {run.name} has {np.size(values)} values where one is needed."
        )
    value = float(np.reshape(values, ()))
    if not np.isfinite(value):
        raise GumtreeError("NOT_A_NUMBER", f"{key} of {run.name} is {value}; give a run that knows it.")
    return value


def center_of_mass(
    counts: Dataset, start: tuple[float, float] | None = None, radius: float = 12.0
) -> tuple[float, float]:
    """Beam centre (x, y) in pixels: the centre of mass of the counts around it.

    Iterated: the pixels within `radius` pixels of the last centre are averaged until it moves by less than
    1e-4 pixel. It starts at `start`, or at the brightest pixel. What is masked does not count.

    Raises
    ------
    GumtreeError
        NO_BEAM where there are no counts.
    """
    values = np.asarray(counts.values, dtype=np.float64)
    seen = np.isfinite(values) if counts.mask is None else np.isfinite(values) & ~counts.mask
    values = np.where(seen, values, 0.0)
    y, x = np.indices(values.shape)
    row, column = divmod(int(np.argmax(values)), values.shape[1])
    center = start or (float(column), float(row))
    for _ in range(200):
        near = values * (np.hypot(x - center[0], y - center[1]) <= radius)
        total = float(near.sum())
        if not total > 0:
            raise GumtreeError(
                "NO_BEAM", f"{counts.name} has no counts within {radius:g} pixels of {center}."
            )
        moved = float((x * near).sum()) / total, float((y * near).sum()) / total
        if np.hypot(moved[0] - center[0], moved[1] - center[1]) < 1e-4:
            return moved
        center = moved
    return center
