"""From time of flight to wavelength, behind a pair of choppers.

A. A. van Well and H. Fredrikze, Physica B 357 (2005) 204; M. James et al., J. Neutron Res. 14 (2006) 91;
A. Nelson and C. Dewhurst, J. Appl. Cryst. 46 (2013) 1338.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.reduction.detector.geometry import Array, number
from gumtree_core.reduction.reflectometry.gravity import VELOCITY, Collimation, height

SPINNING = 10.0
"""Speed in rpm above which a disc takes part."""
STRAIGHT = ("FOC", "MT", "POL", "POLANAL", "")
"""Modes in which the beam comes straight from the choppers to the sample."""
RECTANGLE = 1 / np.sqrt(12)
"""Standard deviation of a rectangle of width 1."""


@dataclass(frozen=True)
class ChopperPair:
    """Two discs that let a pulse through whose length goes with the wavelength.

    Attributes
    ----------
    frequency
        In Hz.
    position
        Of the first disc, in mm behind the first chopper of the instrument.
    separation
        Of the discs, in mm.
    opening
        Angle in deg by which the pair is open for infinitely fast neutrons; 0 where it is just blind to them.
    delay
        Angle in deg from the start signal to the middle of the pulse of infinitely fast neutrons.
    radius
        Of the discs at the beam, in mm.
    """

    frequency: float
    position: float
    separation: float
    opening: float
    delay: float
    radius: float


@dataclass(frozen=True)
class Flight:
    """The way of the neutrons from the choppers to the detector.

    Attributes
    ----------
    choppers
        Where it begins: midway between the discs.
    first_slit
        In mm behind the first chopper of the instrument; `collimation` begins there.
    collimation
        Slits, sample and detector.
    length
        In mm.
    first_gap, second_gap
        How far the slits are open in the plane of reflection, in mm.
    """

    choppers: ChopperPair
    first_slit: float
    collimation: Collimation
    length: float
    first_gap: float
    second_gap: float

    def wavelength(self, time: Array) -> Array:
        """Wavelength in angstrom of each time in us after the start signal.

        lambda = h t / (m L). Long wavelengths pass the discs below the axis, and so a little later; the
        second disc is passed lower than the first, as if the pair were open by that angle.
        """
        pair = self.choppers
        start = np.full(np.shape(time), self._microseconds(pair.delay))
        for _ in range(2):
            found = self._straight(time - start)
            first = height(found, self.collimation, pair.position - self.first_slit)
            second = height(found, self.collimation, pair.position + pair.separation - self.first_slit)
            low = np.arctan(first / pair.radius) + np.arctan((second - first) / pair.radius)
            start = self._microseconds(pair.delay - np.degrees(low) / 2)
        return self._straight(time - start)

    def sigma_wavelength(self, edges: Array) -> Array:
        """Standard deviation of the wavelength in each bin, in angstrom; edges in angstrom.

        sigma = lambda / (sqrt(12) t) sqrt(tau_c^2 + tau_h^2 + tau_b^2): burst time of the pair
        z / v + opening / frequency, time in which the discs' edge crosses the beam, and width of the bin.
        """
        pair = self.choppers
        wavelength = (edges[1:] + edges[:-1]) / 2
        per_angstrom = 1e3 / VELOCITY
        time = self.length * per_angstrom * wavelength
        burst = pair.separation * per_angstrom * wavelength + 1e6 * pair.opening / (360 * pair.frequency)
        crossing = 1e6 * self.second_gap / (2 * np.pi * pair.radius * pair.frequency)
        width = self.length * per_angstrom * np.diff(edges)
        return np.asarray(wavelength * RECTANGLE * np.sqrt(burst**2 + crossing**2 + width**2) / time)

    @property
    def sigma_angle(self) -> float:
        """Standard deviation of the angle of incidence that the slits leave, in rad."""
        return float(RECTANGLE * np.hypot(self.first_gap, self.second_gap) / self.collimation.second)

    def _straight(self, time: Array) -> Array:
        return np.asarray(time * 1e-3 * VELOCITY / self.length)

    def _microseconds(self, angle: Array | float) -> Array:
        return np.asarray(1e6 * np.asarray(angle) / (360 * self.choppers.frequency))


def flight(run: Run) -> Flight:
    """The way of the neutrons in a run.

    Raises
    ------
    GumtreeError
        KEY_MISSING; BAD_GEOMETRY for a mode in which mirrors bend the beam, or lengths that are not above 0.
    """
    mode = run.text("instrument/mode")
    if mode not in STRAIGHT:
        raise GumtreeError(
            "BAD_GEOMETRY",
            f"{run.name} was measured in the mode {mode}, where mirrors bend the beam; only straight ones "
            f"({', '.join(STRAIGHT[:-1])}) can be reduced.",
        )
    pair = chopper_pair(run)
    first, second = (number(run, f"slit/{name}/distance", "mm") for name in ("second", "third"))
    sample = number(run, "instrument/source_distance", "mm")
    distance = number(run, "detector/distance", "mm")
    two_theta = number(run, "detector/two_theta", "rad", 0.0)
    length = sample + distance / np.cos(two_theta) - pair.position - pair.separation / 2
    for name, value in (("collimation", second - first), ("detector/distance", distance), ("way", length)):
        if not value > 0:
            raise GumtreeError(
                "BAD_GEOMETRY", f"{name} of {run.name} is {value:g} mm long; it must be above 0."
            )
    return Flight(
        choppers=pair,
        first_slit=first,
        collimation=Collimation(second - first, sample - first, sample - first + distance),
        length=float(length),
        first_gap=number(run, "slit/second/height", "mm"),
        second_gap=number(run, "slit/third/height", "mm"),
    )


def chopper_pair(run: Run) -> ChopperPair:
    """The two discs that spin, by the keys ``chopper/ch1/...`` and so on.

    The start signal comes when the middle of the master's window is at the beam, but for its
    ``phase_offset``. The pair is closed to infinitely fast neutrons when the windows' edges meet, at the sum
    of half the openings; ``phase`` and ``phase_offset`` of the slave say how far it is from there.

    Raises
    ------
    GumtreeError
        KEY_MISSING; NO_CHOPPERS unless two discs spin.
    """
    discs = sorted(key.split("/")[1] for key in run if key.startswith("chopper/") and key.endswith("/speed"))
    spinning = [disc for disc in discs if abs(number(run, f"chopper/{disc}/speed", "rpm", 0.0)) > SPINNING]
    if len(spinning) < 2:
        raise GumtreeError(
            "NO_CHOPPERS",
            f"In {run.name} {len(spinning)} choppers spin faster than {SPINNING:g} rpm; the wavelength needs "
            "a pair.",
        )
    master, slave = (_named(run, "chopper/master", spinning[0]), _named(run, "chopper/slave", spinning[1]))

    def of(disc: str, what: str, unit: str) -> float:
        return number(run, f"chopper/{disc}/{what}", unit)

    opening = (of(master, "opening", "deg") + of(slave, "opening", "deg")) / 2
    opening -= of(slave, "phase", "deg") + of(slave, "phase_offset", "deg")
    delay = (of(master, "opening", "deg") + of(master, "phase_offset", "deg") - opening) / 2
    return ChopperPair(
        frequency=abs(of(master, "speed", "rpm")) / 60,
        position=of(master, "distance", "mm"),
        separation=of(slave, "distance", "mm") - of(master, "distance", "mm"),
        opening=opening,
        delay=delay,
        radius=number(run, "chopper/radius", "mm"),
    )


def _named(run: Run, key: str, otherwise: str) -> str:
    """The disc that a file names, if it names one: unused files say 0."""
    named = f"ch{number(run, key, '', 0.0):.0f}"
    return named if f"chopper/{named}/speed" in run else otherwise
