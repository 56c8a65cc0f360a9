"""The resolution of a pinhole instrument."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.detector.pixels import Array, QMap
from gumtree_core.reduction.detector.wavelengths import fall


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
    Carpenter, J. Appl. Cryst. 17 (1984) 249). Gravity is left out; `Pinholes` has it.

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
    _check(wavelength, collimation, distance)
    first, second = source_aperture / 2, sample_aperture / 2
    k = 2 * np.pi / wavelength
    geometric = (
        3 * (first / collimation) ** 2
        + 3 * second**2 * (1 / collimation + 1 / distance) ** 2
        + (pixel_size / distance) ** 2
    )
    return np.asarray(np.sqrt((q * wavelength_spread) ** 2 / 6 + k**2 / 12 * geometric))


def _check(wavelength: float, collimation: float, distance: float) -> None:
    for name, value in (("wavelength", wavelength), ("collimation", collimation), ("distance", distance)):
        if not value > 0:
            raise GumtreeError("BAD_GEOMETRY", f"The {name} is {value:g}; the resolution needs one above 0.")


@dataclass(frozen=True)
class Pinholes:
    """A small-angle instrument with round apertures.

    Attributes
    ----------
    wavelength, wavelength_spread
        In angstrom; relative full width at half maximum of a triangle.
    collimation, distance
        L1 between the apertures, and L2 from the sample's aperture to the detector, in mm.
    source_aperture, sample_aperture
        Diameters, in mm.
    pixel_size
        In mm.
    beam_stop
        Its diameter, in mm; 0: none.
    beam_stop_distance
        From the beam stop to the detector, in mm: its shadow is larger by L2 / (L2 - this).
    """

    wavelength: float
    wavelength_spread: float
    collimation: float
    distance: float
    source_aperture: float
    sample_aperture: float
    pixel_size: float
    beam_stop: float = 0.0
    beam_stop_distance: float = 0.0

    def __post_init__(self) -> None:
        _check(self.wavelength, self.collimation, self.distance)
        if not 0 <= self.beam_stop_distance < self.distance:
            raise GumtreeError(
                "BAD_GEOMETRY",
                f"The beam stop is {self.beam_stop_distance:g} mm before the detector; give 0 up to "
                f"the distance of the sample, {self.distance:g} mm.",
            )

    @property
    def k(self) -> float:
        """2 pi / lambda, in 1/angstrom."""
        return 2 * np.pi / self.wavelength

    @property
    def _geometric(self) -> float:
        """Variance of a component of q by apertures and pixel."""
        first, second = self.source_aperture / 2, self.sample_aperture / 2
        return (
            self.k**2
            / 12
            * (
                3 * (first / self.collimation) ** 2
                + 3 * second**2 * (1 / self.collimation + 1 / self.distance) ** 2
                + (self.pixel_size / self.distance) ** 2
            )
        )

    @property
    def _fallen(self) -> float:
        """What the mean fall is in q, in 1/angstrom."""
        return self.k * float(fall(self.wavelength, self.collimation, self.distance)) / self.distance

    def components(self, q_map: QMap) -> tuple[Array, Array]:
        """Standard deviations of qx and qy at each pixel, in 1/angstrom.

        A slower neutron is scattered by a larger angle and falls further. With the beam centre where the mean
        wavelength falls, s_x^2 = s_g^2 + w^2 / 6 qx^2 and s_y^2 = s_g^2 + w^2 / 6 (qy - 2 q_fall)^2, where
        s_g is that of apertures and pixel, w the relative full width of the spectrum and q_fall = k fall / L2
        (Mildner, Carpenter and Worcester, J. Appl. Cryst. 19 (1986) 311).
        """
        spectrum = self.wavelength_spread**2 / 6
        return (
            np.asarray(np.sqrt(self._geometric + spectrum * q_map.qx**2)),
            np.asarray(np.sqrt(self._geometric + spectrum * (q_map.qy - 2 * self._fallen) ** 2)),
        )

    def parallel_perpendicular(self, q_map: QMap) -> tuple[Array, Array]:
        """Standard deviations along q and across it at each pixel, in 1/angstrom; as `components`."""
        spectrum = self.wavelength_spread**2 / 6
        sine, cosine = np.sin(q_map.phi), np.cos(q_map.phi)
        x, y = q_map.qx, q_map.qy - 2 * self._fallen
        along, across = x * cosine + y * sine, y * cosine - x * sine
        return (
            np.asarray(np.sqrt(self._geometric + spectrum * along**2)),
            np.asarray(np.sqrt(self._geometric + spectrum * across**2)),
        )

    def around(self, q: Array) -> Array:
        """Standard deviation of q on rings far from the beam stop, in 1/angstrom: `sigma_q` with gravity.

        The mean over the ring of the variance along q (`parallel_perpendicular`), s_g^2 + w^2 / 6 (q^2 + 2
        q_fall^2): what gravity does above the beam and below it cancels to first order.
        """
        spectrum = self.wavelength_spread**2 / 6
        return np.asarray(np.sqrt(self._geometric + spectrum * (np.square(q) + 2 * self._fallen**2)))

    def shadow(self, q: Array) -> Array:
        """The fraction of what is scattered with q that passes beside the beam stop, 0 to 1.

        [1 + erf((r - R) / sqrt(2 v))] / 2 at the radius r = L2 tan(2 theta), for a shadow of radius R blurred
        by a detector whose pixel is the full width at half maximum of a Gaussian of variance v (Barker and
        Pedersen, J. Appl. Cryst. 28 (1995) 105).
        """
        if not self.beam_stop:
            return np.ones_like(q)
        from scipy.special import erf

        away = self._radius(q) - self._shadow_radius
        return np.asarray((1 + erf(away / np.sqrt(2 * self._detector))) / 2)

    def ring(self, q: Array) -> tuple[Array, Array, Array]:
        """Of rings about q: standard deviation of q, mean q, and the fraction beside the beam stop.

        The formula of Barker and Pedersen, J. Appl. Cryst. 28 (1995) 105: in real space at the detector, the
        variances of the apertures, (R1 L2 / L1)^2 / 4 + (R2 L2 / L')^2 / 4 with 1 / L' = 1 / L1 + 1 / L2, of
        the pixel and of the fall, w^2 / 6 (2 fall)^2; close to the beam stop the ring loses its inner side,
        which moves its mean and makes it narrower.

        Parameters
        ----------
        q
            In 1/angstrom, above 0.
        """
        from scipy.special import gamma, gammainc, gammaincc

        first, second = self.source_aperture / 2, self.sample_aperture / 2
        apertures = (first * self.distance / self.collimation) ** 2 / 4
        apertures += (second * (1 + self.distance / self.collimation)) ** 2 / 4
        spectrum = self.wavelength_spread**2 / 6
        gravity = spectrum * (2 * float(fall(self.wavelength, self.collimation, self.distance))) ** 2
        radius, pixel = self._radius(q), self._detector
        seen = self.shadow(q)
        away = radius - self._shadow_radius
        depth = away**2 / (2 * pixel)
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = 1 + np.sqrt(pixel / (2 * np.pi)) * np.exp(-depth) / (radius * seen)
            rest = np.where(away < 0, gammaincc(1.5, depth), 1 + gammainc(1.5, depth)) * gamma(1.5)
            narrowed = rest / (seen * np.sqrt(np.pi)) - radius**2 * (moved - 1) ** 2 / pixel
        if not self.beam_stop:
            moved, narrowed = np.ones_like(q), np.ones_like(q)
        middle = moved * radius
        variance = apertures + narrowed * pixel + gravity
        mean = middle + variance / (2 * middle)
        spread = np.maximum(variance - (variance / (2 * middle)) ** 2, 0.0)
        mean_q = 2 * self.k * np.sin(np.arctan2(mean, self.distance) / 2)
        return np.asarray(mean_q * np.sqrt(spread / middle**2 + spectrum)), np.asarray(mean_q), seen

    @property
    def _shadow_radius(self) -> float:
        return self.beam_stop / 2 * self.distance / (self.distance - self.beam_stop_distance)

    @property
    def _detector(self) -> float:
        """Variance of a Gaussian whose full width at half maximum is a pixel."""
        return self.pixel_size**2 / (8 * float(np.log(2)))

    def _radius(self, q: Array) -> Array:
        return np.asarray(self.distance * np.tan(2 * np.arcsin(np.asarray(q) / (2 * self.k))))
