"""The simulated small-angle instrument: what its detector and its monitor see, as expected rates.

docs/simulation.md states the equations. Multiple scattering and gravity are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter

from gumtree_core.simulation.resolution import geometric_sigma, smear, total_sigma
from gumtree_core.simulation.samples import SAMPLES, Sample

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Geometry:
    """The instrument's constants; lengths in mm, times in s, rates in 1/s.

    Attributes
    ----------
    shape, pixel_size_x, pixel_size_y
        The detector: (y, x) and the distance of its pixels.
    beam_center_x, beam_center_y
        Where the beam hits it, in pixels; pixel k spans k - 0.5 to k + 0.5.
    efficiency, dead_time, dark_rate
        Mean efficiency; dead time of the whole detector (non-paralysable); background of the whole detector.
    source_aperture, sample_aperture
        Diameters.
    wavelength_spread
        Relative full width at half maximum of the triangular spectrum of the velocity selector.
    flux
        At the sample, in 1/(cm2 s), for 5 angstrom and 10 m of collimation.
    monitor_rate
        Of the beam monitor between velocity selector and attenuator, for 5 angstrom.
    plate_transmission, plates
        Transmission of one attenuator plate, and how many there are.
    beamstop_diameter
        It hangs directly before the detector.
    slot_pitch, slot_diameter
        The slots of the sample changer: slot k is in the beam at sample_x = k * pitch. Between the openings
        is cadmium.
    """

    shape: tuple[int, int] = (192, 192)
    pixel_size_x: float = 5.08
    pixel_size_y: float = 5.08
    beam_center_x: float = 96.3
    beam_center_y: float = 94.6
    efficiency: float = 0.8
    dead_time: float = 3e-7
    dark_rate: float = 5.0
    source_aperture: float = 40.0
    sample_aperture: float = 12.5
    wavelength_spread: float = 0.10
    flux: float = 1e6
    monitor_rate: float = 5e4
    plate_transmission: float = 0.1
    plates: int = 4
    beamstop_diameter: float = 70.0
    slot_pitch: float = 50.0
    slot_diameter: float = 20.0


GEOMETRY = Geometry()
SLOTS: tuple[str, ...] = tuple(SAMPLES)
"""The sample in each slot of the changer, from slot 0 on."""


@dataclass(frozen=True)
class Settings:
    """Where everything stands: wavelength in angstrom, lengths in mm.

    `opening` is the part of the beam that passes the slot's opening; the rest hits cadmium. `beamstop` is the
    height of the beam stop above the beam.
    """

    sample: str
    wavelength: float = 5.0
    collimation: float = 10_000.0
    distance: float = 4_000.0
    beamstop: float = 0.0
    plates: int = 0
    opening: float = 1.0


def slot_position(sample: str, geometry: Geometry = GEOMETRY) -> float:
    """The position of the sample changer, in mm, that puts this sample into the beam."""
    return SLOTS.index(sample) * geometry.slot_pitch


def overlap(distance: Array, first: float, second: float) -> Array:
    """Area common to two discs of radii `first` and `second` whose centres are `distance` apart."""
    small, large = min(first, second), max(first, second)
    d = np.clip(distance, max(large - small, 1e-12), large + small)
    cos_small = np.clip((d**2 + small**2 - large**2) / (2 * d * small), -1, 1)
    cos_large = np.clip((d**2 + large**2 - small**2) / (2 * d * large), -1, 1)
    kite = (large + small - d) * (d + small - large) * (d - small + large) * (d + small + large)
    return np.asarray(
        small**2 * np.arccos(cos_small) + large**2 * np.arccos(cos_large) - np.sqrt(np.maximum(kite, 0.0)) / 2
    )


def angle_dependent_transmission(transmission: float, cosine: Array) -> Array:
    """How much more than the straight beam a slab weakens what it scatters, cosine = cos(2 theta).

    (T^a - 1) / (a ln T) with a = 1 / cos(2 theta) - 1, exact for single scattering in a slab (Brulet et al.,
    J. Appl. Cryst. 40 (2007) 165); T^(a / 2) is its usual approximation.
    """
    exponent = (1 / cosine - 1) * np.log(transmission)
    small = np.abs(exponent) < 1e-9
    safe = np.where(small, 1.0, exponent)
    return np.where(small, 1.0, np.expm1(safe) / safe)


class Sans:
    """Expected rates as a function of settings; the seed fixes the sensitivity of the pixels."""

    def __init__(self, seed: int, geometry: Geometry = GEOMETRY) -> None:
        self.geometry = geometry
        self.sensitivity = _sensitivity(seed, geometry.shape)
        """Relative efficiency of each pixel (y, x); its mean is 1."""
        y, x = np.indices(geometry.shape)
        self._offset_x = (x - geometry.beam_center_x) * geometry.pixel_size_x
        self._offset_y = (y - geometry.beam_center_y) * geometry.pixel_size_y
        self._rate = lru_cache(64)(self._compute_rate)
        self._spline = lru_cache(64)(self._compute_spline)
        self._spot = lru_cache(16)(self._compute_spot)

    def settings(
        self,
        sample_x: float,
        wavelength: float,
        collimation: float,
        distance: float,
        beamstop: float,
        attenuator: float,
    ) -> Settings:
        """The settings that belong to the places of the axes."""
        g = self.geometry
        slot = min(max(round(sample_x / g.slot_pitch), 0), len(SLOTS) - 1)
        off = np.array(abs(sample_x - slot * g.slot_pitch))
        beam = g.sample_aperture / 2
        opening = float(overlap(off, beam, g.slot_diameter / 2)) / (np.pi * beam**2)
        plates = min(max(round(attenuator), 0), g.plates)
        return Settings(
            SLOTS[slot], wavelength, collimation, distance, beamstop, plates, min(round(opening, 9), 1.0)
        )

    def attenuation(self, plates: int) -> float:
        """Transmission of the attenuator."""
        return self.geometry.plate_transmission**plates

    def beam(self, settings: Settings) -> float:
        """Neutrons per second that reach the sample, before attenuator and changer.

        The guide's spectrum is that of a cold source of 40 K, and its divergence is filled: the flux is that
        of a uniformly bright source aperture, falling with the square of the collimation length.
        """
        g = self.geometry
        area = np.pi * (g.sample_aperture / 20) ** 2
        spread = (10_000.0 / settings.collimation) ** 2
        return float(g.flux * area * spread * _spectrum(settings.wavelength) / _spectrum(5.0))

    def monitor_rate(self, settings: Settings) -> float:
        """Expected rate of the beam monitor, which stands before attenuator, collimation and sample."""
        return self.geometry.monitor_rate * _spectrum(settings.wavelength) / _spectrum(5.0)

    def rate(self, settings: Settings) -> Array:
        """Expected rate of each pixel (y, x) before dead time, in 1/s. Do not write to it: it is kept."""
        return self._rate(settings)

    def q(self, settings: Settings) -> Array:
        """q = 4 pi / lambda sin(theta) of each pixel's centre (y, x), in 1/angstrom."""
        theta = np.arctan2(self.radius, settings.distance) / 2
        return np.asarray(4 * np.pi / settings.wavelength * np.sin(theta))

    @property
    def radius(self) -> Array:
        """Distance of each pixel's centre (y, x) from the beam, in mm."""
        return np.asarray(np.hypot(self._offset_x, self._offset_y))

    def solid_angle(self, settings: Settings) -> Array:
        """Of each pixel (y, x), in sr: p_x p_y / L2^2 cos^3(2 theta)."""
        g = self.geometry
        straight = g.pixel_size_x * g.pixel_size_y / settings.distance**2
        return straight * self.cosine(settings) ** 3

    def cosine(self, settings: Settings) -> Array:
        """cos(2 theta) of each pixel (y, x)."""
        return np.asarray(settings.distance / np.hypot(self.radius, settings.distance))

    def sigma(self, settings: Settings, q: Array) -> Array:
        """Resolution at q: the standard deviation in 1/angstrom."""
        g = self.geometry
        geometric = geometric_sigma(
            settings.wavelength,
            settings.collimation,
            settings.distance,
            g.source_aperture / 2,
            g.sample_aperture / 2,
            g.pixel_size_x,
        )
        return total_sigma(q, geometric, g.wavelength_spread)

    def smeared(self, sample: str, settings: Settings, q: Array) -> Array:
        """I(q) of the sample alone as the instrument sees it, in 1/cm; q of any shape."""
        spline = self._spline(sample, settings.wavelength, settings.collimation, settings.distance)
        return np.asarray(np.exp(spline(q)))

    def transmission(self, sample: str, wavelength: float) -> float:
        """Transmission of the sample, in its cell if it has one, relative to the empty beam."""
        return float(np.prod([part.transmission(wavelength) for part in _in_beam(sample)]))

    def shadow(self, settings: Settings) -> Array:
        """The part of each pixel (y, x) that the beam stop leaves free; 1 from radius + pixel / 2 on."""
        g = self.geometry
        r = np.hypot(self._offset_x, self._offset_y - settings.beamstop)
        return np.asarray(np.clip((r - g.beamstop_diameter / 2) / g.pixel_size_x + 0.5, 0.0, 1.0))

    def direct_beam(self, settings: Settings) -> Array:
        """The part of the direct beam that reaches each pixel (y, x); its sum is 1 where no beam stop is."""
        return self._spot(settings.collimation, settings.distance, settings.beamstop)

    def _compute_rate(self, settings: Settings) -> Array:
        g = self.geometry
        dark = g.dark_rate / self.sensitivity.size
        transmission = self.transmission(settings.sample, settings.wavelength)
        passed = self.beam(settings) * self.attenuation(settings.plates) * settings.opening * transmission
        if passed == 0:
            return np.full(g.shape, dark)
        scattered = np.zeros(g.shape)
        q = self.q(settings)
        for part in _in_beam(settings.sample):
            if part.curve is not None or part.background > 0:
                scattered += part.thickness / 10 * self.smeared(part.name, settings, q)
        scattered *= self.solid_angle(settings)
        scattered *= angle_dependent_transmission(transmission, self.cosine(settings))
        seen = scattered * self.shadow(settings) + self.direct_beam(settings)
        return np.asarray(passed * g.efficiency * self.sensitivity * seen + dark)

    def _compute_spline(
        self, sample: str, wavelength: float, collimation: float, distance: float
    ) -> Callable[[Array], Array]:
        settings = Settings(sample, wavelength, collimation, distance)
        top = float(self.q(settings).max()) * 1.001
        q = np.linspace(0.0, top, 600)
        spline: Callable[[Array], Array] = CubicSpline(
            q, np.log(smear(SAMPLES[sample].iq, q, self.sigma(settings, q)))
        )
        return spline

    def _compute_spot(self, collimation: float, distance: float, beamstop: float) -> Array:
        """Image of the source aperture through the sample aperture: the convolution of two discs."""
        g = self.geometry
        source = g.source_aperture / 2 * distance / collimation
        aperture = g.sample_aperture / 2 * (1 + distance / collimation)
        part = (np.arange(8) + 0.5) / 8 - 0.5
        sub_y, sub_x = (grid[..., np.newaxis] for grid in np.meshgrid(part, part, indexing="ij"))
        near = self.radius < source + aperture + g.pixel_size_x
        x = self._offset_x[near] + sub_x * g.pixel_size_x
        y = self._offset_y[near] + sub_y * g.pixel_size_y
        density = overlap(np.hypot(x, y), source, aperture)
        free = np.hypot(x, y - beamstop) > g.beamstop_diameter / 2
        spot = np.zeros(g.shape)
        spot[near] = np.sum(density * free, axis=(0, 1)) / density.sum()
        return spot


def _in_beam(sample: str) -> tuple[Sample, ...]:
    chosen = SAMPLES[sample]
    return (chosen, SAMPLES["empty_cell"]) if chosen.cell else (chosen,)


def _spectrum(wavelength: float) -> float:
    """Maxwellian flux of a source of 40 K in a band proportional to the wavelength, relative."""
    thermal = 4.871
    return float(wavelength**-4 * np.exp(-((thermal / wavelength) ** 2)))


def _sensitivity(seed: int, shape: tuple[int, int]) -> Array:
    """A smooth variation of about 3 % and one from pixel to pixel of 2 %."""
    rng = np.random.default_rng([seed, 0])
    smooth = gaussian_filter(rng.standard_normal(shape), sigma=shape[0] / 8, mode="reflect")
    single = np.clip(rng.standard_normal(shape), -4, 4)
    sensitivity = (1 + 0.03 * smooth / smooth.std()) * (1 + 0.02 * single)
    return np.asarray(sensitivity / sensitivity.mean())
