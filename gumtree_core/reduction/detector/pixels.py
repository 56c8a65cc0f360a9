"""Where pixels are in space, and the momentum transfer that they see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from gumtree_core.errors import GumtreeError

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class QMap:
    """The momentum transfer of elastic scattering, k' - k, at each pixel.

    Attributes
    ----------
    qx, qy, qz
        In 1/angstrom, any shape; x and y as the detector's columns and rows grow, z along the beam, so that
        qz is 0 or below.
    corners
        Gives q times the direction of the azimuth, (u, v) of each pixel's four corners in order: (..., 4, 2).
    """

    qx: Array
    qy: Array
    qz: Array
    corners: Callable[[], Array]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the detector."""
        return self.qx.shape

    @cached_property
    def q(self) -> Array:
        """|Q| = 4 pi / lambda sin(theta)."""
        return np.asarray(np.sqrt(self.qx**2 + self.qy**2 + self.qz**2))

    @cached_property
    def phi(self) -> Array:
        """The azimuth about the beam in rad, from x towards y, -pi to pi."""
        return np.asarray(np.arctan2(self.qy, self.qx))


@dataclass(frozen=True, eq=False)
class Pixels:
    """Pixels in space, seen from the sample.

    Attributes
    ----------
    centers
        (..., 3): x, y, z in mm; z along the beam.
    corners
        Gives the four corners of each pixel in order, (..., 4, 3), in mm.
    """

    centers: Array
    corners: Callable[[], Array]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the detector."""
        return self.centers.shape[:-1]

    @cached_property
    def two_theta(self) -> Array:
        """Scattering angle in rad."""
        return _two_theta(self.centers)

    @cached_property
    def phi(self) -> Array:
        """The azimuth about the beam in rad, from x towards y, -pi to pi."""
        return np.asarray(np.arctan2(self.centers[..., 1], self.centers[..., 0]))

    @cached_property
    def distance(self) -> Array:
        """From the sample, in mm."""
        return np.asarray(np.linalg.norm(self.centers, axis=-1))

    @cached_property
    def solid_angle(self) -> Array:
        """Of each pixel in sr, as two triangles (van Oosterom and Strackee, IEEE Trans. Biomed. Eng. 30
        (1983) 125)."""
        corners = self.corners()
        return _triangle(corners[..., (0, 1, 2), :]) + _triangle(corners[..., (0, 2, 3), :])

    def q_map(self, wavelength: float | npt.ArrayLike) -> QMap:
        """The momentum transfer at each pixel.

        Parameters
        ----------
        wavelength
            In angstrom; a number, or an array that broadcasts with the pixels, such as (time_of_flight, 1,
            1), which gives (time_of_flight, y, x).

        Raises
        ------
        GumtreeError
            BAD_WAVELENGTH unless all are above 0.
        """
        waves = np.asarray(wavelength, dtype=np.float64)
        if not (waves > 0).all():
            raise GumtreeError(
                "BAD_WAVELENGTH", f"The wavelength is {waves.min():g} angstrom; it must be above 0."
            )
        k = 2 * np.pi / waves
        half, across = self.two_theta / 2, 2 * k * np.sin(self.two_theta / 2) * np.cos(self.two_theta / 2)
        return QMap(
            qx=np.asarray(across * np.cos(self.phi)),
            qy=np.asarray(across * np.sin(self.phi)),
            qz=np.asarray(-2 * k * np.sin(half) ** 2),
            corners=partial(_q_corners, self.corners, k),
        )


@dataclass(frozen=True)
class Panel:
    """A flat detector anywhere.

    Attributes
    ----------
    shape
        (y, x).
    pixel_size_x, pixel_size_y
        In mm.
    position
        Of its middle, seen from the sample: x, y, z in mm.
    pitch, yaw, roll
        In deg: turned about x, then about y, then about z (its middle stays); 0 stands upright across the
        beam.
    """

    shape: tuple[int, int]
    pixel_size_x: float
    pixel_size_y: float
    position: tuple[float, float, float]
    pitch: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0
    _basis: tuple[Array, Array] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not (min(self.shape) > 0 and self.pixel_size_x > 0 and self.pixel_size_y > 0):
            raise GumtreeError(
                "BAD_GEOMETRY",
                f"A panel of {self.shape} pixels of {self.pixel_size_x:g} x {self.pixel_size_y:g} mm has no "
                "area; all must be above 0.",
            )
        a, b, c = np.deg2rad((self.pitch, self.yaw, self.roll))
        about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
        about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
        about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
        turned = about_z @ about_y @ about_x
        object.__setattr__(self, "_basis", (turned[:, 0], turned[:, 1]))

    def _points(self, rows: NDArray[Any], columns: NDArray[Any]) -> Array:
        right, up = self._basis
        height, width = self.shape
        along = (columns - (width - 1) / 2) * self.pixel_size_x
        above = (rows - (height - 1) / 2) * self.pixel_size_y
        return np.asarray(self.position + along[None, :, None] * right + above[:, None, None] * up)

    @property
    def pixels(self) -> Pixels:
        """Where its pixels are, (y, x)."""
        height, width = self.shape
        return Pixels(self._points(np.arange(height), np.arange(width)), self._corners)

    def _corners(self) -> Array:
        height, width = self.shape
        return of_vertices(self._points(np.arange(height + 1) - 0.5, np.arange(width + 1) - 0.5))


def together(*panels: Pixels) -> Pixels:
    """The pixels of several panels as one row, (pixel,), in the order given; `Dataset.flatten` and
    `concatenate` do the same with their counts."""
    centers = np.concatenate([panel.centers.reshape(-1, 3) for panel in panels])
    return Pixels(centers, lambda: np.concatenate([panel.corners().reshape(-1, 4, 3) for panel in panels]))


def of_vertices(vertices: Array) -> Array:
    """Four corners of each pixel, (y, x, 4, n), of the (y + 1, x + 1, n) points between them."""
    return np.stack([vertices[:-1, :-1], vertices[:-1, 1:], vertices[1:, 1:], vertices[1:, :-1]], axis=-2)


def _two_theta(points: Array) -> Array:
    return np.asarray(np.arctan2(np.hypot(points[..., 0], points[..., 1]), points[..., 2]))


def _q_corners(corners: Callable[[], Array], k: Array) -> Array:
    if k.ndim:
        raise GumtreeError(
            "SEVERAL_WAVELENGTHS", "Pixels are split for one wavelength at a time; integrate without."
        )
    points = corners()
    q = 2 * k * np.sin(_two_theta(points) / 2)
    phi = np.arctan2(points[..., 1], points[..., 0])
    return np.stack([q * np.cos(phi), q * np.sin(phi)], axis=-1)


def _triangle(points: Array) -> Array:
    a, b, c = (points[..., k, :] for k in range(3))
    la, lb, lc = (np.linalg.norm(side, axis=-1) for side in (a, b, c))
    volume = np.abs(np.sum(a * np.cross(b, c), axis=-1))
    below = la * lb * lc + np.sum(a * b, -1) * lc + np.sum(a * c, -1) * lb + np.sum(b * c, -1) * la
    return np.asarray(2 * np.arctan2(volume, below))
