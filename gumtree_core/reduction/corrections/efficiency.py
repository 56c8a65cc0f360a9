"""Gas detectors: what they see of a neutron that comes at an angle; tubes in the shadow of others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.statistics.propagation import first_order

Array = NDArray[np.float64]

HELIUM_CROSS_SECTION = 5333.0
"""Absorption of helium-3 in barn at 1.798 angstrom (Sears, Neutron News 3 (1992) 26)."""
THERMAL = 1.798
BOLTZMANN = 1.380649e-23
IMPACTS = 64
"""Points of the numerical integration across a tube."""
BLOCK = 1 << 14
"""Rays that are integrated at once: a detector of 1024 x 1024 pixels would need gigabytes."""


def helium_absorption(pressure: float, wavelength: Array | float, temperature: float = 293.0) -> Array:
    """Absorption of helium-3 gas, in 1/mm: n sigma, proportional to the wavelength.

    Parameters
    ----------
    pressure
        Of the helium-3 alone, in bar.
    wavelength
        In angstrom.
    temperature
        At which it has that pressure, in K.

    Raises
    ------
    GumtreeError
        BAD_ABSORPTION unless all are above 0.
    """
    if not (pressure > 0 and temperature > 0 and (np.asarray(wavelength) > 0).all()):
        raise GumtreeError(
            "BAD_ABSORPTION",
            f"Helium of {pressure:g} bar and {temperature:g} K: pressure, temperature and wavelength must be "
            "above 0.",
        )
    density = pressure * 1e5 / (BOLTZMANN * temperature) * 1e-9  # 1/mm^3
    return np.asarray(density * HELIUM_CROSS_SECTION * 1e-22 * np.asarray(wavelength) / THERMAL)


def flat_detector(
    cosine: Array, gas: float | Dataset, window: float | Dataset = 0.0, *, relative: bool = True
) -> Dataset:
    """Efficiency of a flat gas detector, (y, x), for rays at an angle to its normal; divide by it.

    exp(-w / cos) (1 - exp(-g / cos)): an oblique ray has a longer way through the window and through the gas.
    The SANS macros of the NCNR and of Quokka correct so, with g and w of helium and aluminium.

    Parameters
    ----------
    cosine
        Of the angle of each pixel; for a detector across the beam that of 2 theta.
    gas, window
        mu times depth of each, straight on: from `helium_absorption` and the depth; 0 for what is left out.
    relative
        To that of a ray straight on, so that the middle of the detector is not changed.

    Raises
    ------
    GumtreeError
        BAD_ABSORPTION where the gas absorbs nothing or a number is negative; BAD_GEOMETRY unless
        0 < cosine <= 1.
    """
    g, w = _number(gas, "gas"), _number(window, "window", zero=True)
    slant = 1 / _cosine(cosine)

    def seen(paths: Array) -> tuple[Array, Array, Array]:
        inside, outside = np.exp(-float(g.values) * paths), np.exp(-float(w.values) * paths)
        value = outside * (1 - inside)
        return value, outside * inside * paths, -paths * value

    value, by_gas, by_window = seen(slant)
    if relative:
        one, one_by_gas, one_by_window = seen(np.ones(1))
        by_gas = by_gas / one - value * one_by_gas / one**2
        by_window = by_window / one - value * one_by_window / one**2
        value = value / one
    return first_order(value, (g, by_gas), (w, by_window), dims=("y", "x")[2 - value.ndim :])


def tube_efficiency(
    cosine: Array,
    gas: float | Dataset,
    wall: float | Dataset = 0.0,
    *,
    outer: float = 1.0,
    tilt_cosine: Array | float = 1.0,
    pitch: float | None = None,
) -> Dataset:
    """Efficiency of tubes side by side in a plane, with the shadow of the neighbour that stands before.

    The mean over impact parameters across the outer diameter of exp(-walls) (1 - exp(-gas)), with paths in
    the circles of tube and wall over the cosine of the tilt along the tube. Where the tubes are seen so
    obliquely that their projections overlap, pitch cos < 2 outer, the ray has passed neighbours before. So
    it is per area of the tube's projection; the solid angle is `tube_solid_angle`'s. Accurate to 1e-3.

    Parameters
    ----------
    cosine
        Of the angle between the normal of the plane and the ray, seen along the tubes.
    gas
        mu times the inner radius: along a diameter, a ray meets twice this.
    wall
        mu times the inner radius, of the wall's material.
    outer
        Outer radius over inner radius.
    tilt_cosine
        Of the angle between the ray and the plane across the tubes.
    pitch
        Distance of the tubes' axes over the inner radius; a single tube without.

    Raises
    ------
    GumtreeError
        BAD_ABSORPTION, BAD_GEOMETRY.
    """
    g, w = _number(gas, "gas"), _number(wall, "wall", zero=True)
    across, along = np.broadcast_arrays(_cosine(cosine), _cosine(tilt_cosine))
    if not outer >= 1 or (pitch is not None and not pitch >= 2 * outer * (1 - 1e-9)):
        raise GumtreeError(
            "BAD_GEOMETRY",
            f"Tubes of outer radius {outer:g} (inner 1) cannot be {pitch} apart; the outer radius is at least"
            " 1 and the pitch two of it.",
        )
    found = np.empty((3, across.size))
    for start in range(0, across.size, BLOCK):
        part = slice(start, start + BLOCK)
        found[:, part] = _seen(
            across.reshape(-1)[part], along.reshape(-1)[part], float(g.values), float(w.values), outer, pitch
        )
    value, by_gas, by_wall = found.reshape(3, *across.shape)
    return first_order(value, (g, by_gas), (w, by_wall), dims=("y", "x")[2 - across.ndim :])


def _seen(
    across: Array, along: Array, mu: float, wall: float, outer: float, pitch: float | None
) -> tuple[Array, Array, Array]:
    """Efficiency and its derivatives by both absorptions, of (n,) rays."""
    nodes, weights = np.polynomial.legendre.leggauss(IMPACTS)
    # The sine makes points dense at the edges, where the paths end with a vertical slope.
    impact = outer * np.sin(np.pi / 2 * nodes)
    share = weights * np.cos(np.pi / 2 * nodes)
    share = share / share.sum()
    own = _chord(impact, 1.0)
    gas_before = np.zeros((across.size, IMPACTS))
    wall_before = np.broadcast_to((_chord(impact, outer) - own) / 2, gas_before.shape)
    step = np.inf if pitch is None else pitch * float(across.min())
    for k in range(1, int(np.ceil(2 * outer / step))):
        assert pitch is not None
        neighbour = impact - k * pitch * across[:, np.newaxis]
        chord = _chord(neighbour, 1.0)
        gas_before = gas_before + chord
        wall_before = wall_before + _chord(neighbour, outer) - chord
    tilt = 1 / along[:, np.newaxis]
    through = np.exp(-(mu * gas_before + wall * wall_before) * tilt)
    absorbed = -np.expm1(-mu * own * tilt)
    by_gas = through * tilt * (own * np.exp(-mu * own * tilt) - gas_before * absorbed)
    seen = through * absorbed
    return seen @ share, by_gas @ share, -(wall_before * tilt * seen) @ share


def tube_solid_angle(distance: Array, tilt_cosine: Array, radius: float, height: float) -> Array:
    """Solid angle of a piece of a tube, in sr: 2 R h cos(tilt) / d^2.

    A tube looks equally wide from all sides around it; only its tilt along the ray makes it smaller, where
    the cosine of 2 theta enters in the third power for a flat detector.

    Parameters
    ----------
    distance
        From the sample, in mm.
    tilt_cosine
        Of the angle between the ray and the plane across the tube.
    radius, height
        Of the piece, in mm.
    """
    return np.asarray(2 * radius * height * np.asarray(tilt_cosine) / np.square(distance))


def visible_part(cosine: Array, radius: float, pitch: float) -> Array:
    """The part of a tube that its neighbour does not hide: pitch cos / (2 R), at most 1.

    Divide by it where the tubes absorb all that they meet; else `tube_efficiency` is right.
    """
    return np.asarray(np.minimum(1.0, pitch * _cosine(cosine) / (2 * radius)))


def _chord(impact: Array, radius: float) -> Array:
    return np.asarray(2 * np.sqrt(np.maximum(radius**2 - np.square(impact), 0.0)))


def _cosine(cosine: Array | float) -> Array:
    given = np.asarray(cosine, dtype=np.float64)
    if not ((given > 0) & (given <= 1 + 1e-12)).all():
        raise GumtreeError(
            "BAD_GEOMETRY",
            f"A cosine is {float(given.min()):g} to {float(given.max()):g}; rays meet a detector from the "
            "front, with one above 0 and at most 1.",
        )
    return given


def _number(value: float | Dataset, what: str, *, zero: bool = False) -> Dataset:
    given = value if isinstance(value, Dataset) else Dataset(value)
    least = "0 or above" if zero else "above 0"
    if given.ndim or not (given.values > 0 or (zero and given.values == 0)) or not np.isfinite(given.values):
        raise GumtreeError(
            "BAD_ABSORPTION", f"Absorption times depth of the {what} is {given.values}; one number {least}."
        )
    return given
