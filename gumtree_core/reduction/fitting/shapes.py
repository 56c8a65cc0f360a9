"""The shapes of peaks and backgrounds that are fitted, by name.

Every peak has its area, its centre and its full width at half maximum (fwhm), whatever its shape; what
follows from these, such as the height, is derived with its error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Powers(NamedTuple):
    """The unit of a parameter: powers of the data's unit and of the coordinate's."""

    data: int
    coordinate: int
    position: bool = False
    """Whether it is a coordinate, not a difference of two."""


AREA, HEIGHT, SLOPE, NUMBER = Powers(1, 1), Powers(1, 0), Powers(1, -1), Powers(0, 0)
POSITION, WIDTH, RATE = Powers(0, 1, position=True), Powers(0, 1), Powers(0, -1)
_LN2 = float(np.log(2))
_GAUSS_HEIGHT = float(2 * np.sqrt(_LN2 / np.pi))
_LORENTZ_HEIGHT = float(2 / np.pi)


@dataclass(frozen=True)
class Shape:
    """What a fit needs to know of a shape.

    Attributes
    ----------
    function
        Of x and the parameters, by name.
    parameters
        The unit of each.
    limits
        Within which a parameter has a meaning.
    derived
        Expressions of the parameters, ``{p}`` standing before each name, and their units.
    defaults
        Start values that do not depend on the data.
    fixed
        Parameters that keep their start unless a fit frees them by bounds.
    peak
        Whether it has area, centre and fwhm.
    """

    function: Callable[..., Array]
    parameters: Mapping[str, Powers]
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    derived: Mapping[str, tuple[str, Powers]] = field(default_factory=dict)
    defaults: Mapping[str, float] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()
    peak: bool = False


def gaussian(x: Array, area: float, center: float, fwhm: float) -> Array:
    """Gaussian of unit area times `area`."""
    u = (x - center) / fwhm
    return np.asarray(area * _GAUSS_HEIGHT / fwhm * np.exp(-4 * _LN2 * u * u))


def lorentzian(x: Array, area: float, center: float, fwhm: float) -> Array:
    """Lorentzian (Cauchy) of unit area times `area`."""
    u = (x - center) / fwhm
    return np.asarray(area * _LORENTZ_HEIGHT / fwhm / (1 + 4 * u * u))


def pseudo_voigt(x: Array, area: float, center: float, fwhm: float, fraction: float) -> Array:
    """Sum of both of one fwhm; `fraction` is the Lorentzian's (Wertheim, RSI 45 (1974) 1369)."""
    return fraction * lorentzian(x, area, center, fwhm) + (1 - fraction) * gaussian(x, area, center, fwhm)


def voigt(x: Array, area: float, center: float, gauss_fwhm: float, lorentz_fwhm: float) -> Array:
    """Convolution of a Gaussian and a Lorentzian, by the Faddeeva function."""
    from scipy.special import voigt_profile

    sigma = gauss_fwhm / np.sqrt(8 * _LN2)
    return np.asarray(area * voigt_profile(x - center, sigma, lorentz_fwhm / 2))


def split_gaussian(x: Array, area: float, center: float, left_fwhm: float, right_fwhm: float) -> Array:
    """Two halves of Gaussians of one height; each fwhm is that of its whole Gaussian."""
    width = np.where(x < center, left_fwhm, right_fwhm)
    u = (x - center) / width
    height = area * 2 * _GAUSS_HEIGHT / (left_fwhm + right_fwhm)
    return np.asarray(height * np.exp(-4 * _LN2 * u * u))


def split_lorentzian(x: Array, area: float, center: float, left_fwhm: float, right_fwhm: float) -> Array:
    """Two halves of Lorentzians of one height."""
    u = (x - center) / np.where(x < center, left_fwhm, right_fwhm)
    return np.asarray(area * 2 * _LORENTZ_HEIGHT / (left_fwhm + right_fwhm) / (1 + 4 * u * u))


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)


def axial_divergence(
    x: Array,
    area: float,
    center: float,
    fwhm: float,
    fraction: float,
    sample_height: float,
    detector_height: float,
) -> Array:
    """Pseudo-Voigt with the asymmetry of axial divergence; x in deg of two-theta.

    Finger, Cox and Jephcoat, J. Appl. Cryst. 27 (1994) 892. `sample_height` and `detector_height` are S / L
    and H / L: half heights over the radius of the diffractometer. A ray that ends at a height h L above
    where it began is seen at 2 phi, cos 2 phi = cos 2 theta sqrt(1 + h^2), and such heights are distributed
    as a trapezium. Their equation is integrated over h, where it has no singularity, by Gauss and Legendre.
    """
    edges = (abs(detector_height - sample_height), detector_height + sample_height)
    if edges[1] <= 0:
        return pseudo_voigt(x, area, center, fwhm, fraction)
    lower = min(detector_height, sample_height)
    heights, weights = [], []
    for start, stop in ((0.0, edges[0]), (edges[0], edges[1])):
        h = start + (stop - start) * (_NODES + 1) / 2
        shared = np.minimum(2 * lower, edges[1] - h) if lower > 0 else np.ones_like(h)
        heights.append(h)
        weights.append(shared * _WEIGHTS * (stop - start))
    h, weight = np.concatenate(heights), np.concatenate(weights)
    cosine = np.clip(np.cos(np.radians(center)) * np.sqrt(1 + h * h), -1.0, 1.0)
    apparent = np.arccos(cosine)
    with np.errstate(divide="ignore"):
        weight = weight / (np.square(cosine) * np.sin(apparent)) if abs(cosine[0]) > 1e-6 else weight
    weight = np.where(np.isfinite(weight), weight, 0.0)
    shift = x[..., np.newaxis] - np.degrees(apparent)
    return np.asarray(pseudo_voigt(shift, area, 0.0, fwhm, fraction) @ (weight / weight.sum()))


def ikeda_carpenter(x: Array, area: float, start: float, alpha: float, beta: float, slow: float) -> Array:
    """Pulse of a moderator from `start` on (Ikeda and Carpenter, Nucl. Instrum. Meth. A 239 (1985) 536).

    `alpha` is the decay of the neutrons that still slow down, `beta` of those that are stored, whose part is
    `slow`. Not convoluted with any resolution.
    """
    t = np.maximum(x - start, 0.0)
    a = alpha * t
    fast = a * a * np.exp(-a)
    difference = alpha - beta
    d = difference * t
    # [exp(-beta t) - exp(-alpha t) (1 + d + d^2 / 2)] / d^3 has the limit exp(-alpha t) / 6 for d -> 0.
    small = np.abs(d) < 1e-2
    safe = np.where(small, 1.0, d)
    stored = np.where(
        small,
        np.exp(-a) * (1 / 6 + d / 24 + d * d / 120),
        (np.exp(-beta * t) - np.exp(-a) * (1 + safe + safe * safe / 2)) / safe**3,
    )
    pulse = (1 - slow) * fast + 2 * slow * alpha * alpha * beta * t**3 * stored
    return np.asarray(area * alpha / 2 * pulse)


def edge(x: Array, height: float, center: float, fwhm: float) -> Array:
    """Step from 0 to `height` whose derivative is a Gaussian of that fwhm."""
    from scipy.special import erf

    return np.asarray(height / 2 * (1 + erf(2 * np.sqrt(_LN2) * (x - center) / fwhm)))


def constant(x: Array, level: float) -> Array:
    """The same everywhere."""
    return np.full_like(x, level)


def linear(x: Array, intercept: float, slope: float) -> Array:
    """Straight line."""
    return np.asarray(intercept + slope * x)


def quadratic(x: Array, c0: float, c1: float, c2: float) -> Array:
    """c0 + c1 x + c2 x^2."""
    return np.asarray(c0 + x * (c1 + x * c2))


def cubic(x: Array, c0: float, c1: float, c2: float, c3: float) -> Array:
    """c0 + c1 x + c2 x^2 + c3 x^3."""
    return np.asarray(c0 + x * (c1 + x * (c2 + x * c3)))


def exponential(x: Array, amplitude: float, decay: float) -> Array:
    """amplitude exp(-x / decay)."""
    return np.asarray(amplitude * np.exp(-x / decay))


def power_law(x: Array, amplitude: float, exponent: float) -> Array:
    """amplitude x^exponent: the amplitude is the value at x = 1 of its unit."""
    return np.asarray(amplitude * np.power(x, exponent))


_POSITIVE = (0.0, np.inf)
_PART = (0.0, 1.0)
_PEAK = {"area": AREA, "center": POSITION, "fwhm": WIDTH}
_SPLIT = {"area": AREA, "center": POSITION, "left_fwhm": WIDTH, "right_fwhm": WIDTH}
_WIDE = {"fwhm": _POSITIVE}
_BOTH = {"left_fwhm": _POSITIVE, "right_fwhm": _POSITIVE}
_PV_HEIGHT = f"{{p}}area/{{p}}fwhm*({{p}}fraction*{_LORENTZ_HEIGHT}+(1-{{p}}fraction)*{_GAUSS_HEIGHT})"
_HALVES = "({p}left_fwhm+{p}right_fwhm)"

SHAPES: dict[str, Shape] = {
    "gaussian": Shape(
        gaussian, _PEAK, _WIDE, {"height": (f"{_GAUSS_HEIGHT}*{{p}}area/{{p}}fwhm", HEIGHT)}, peak=True
    ),
    "lorentzian": Shape(
        lorentzian, _PEAK, _WIDE, {"height": (f"{_LORENTZ_HEIGHT}*{{p}}area/{{p}}fwhm", HEIGHT)}, peak=True
    ),
    "pseudo_voigt": Shape(
        pseudo_voigt, {**_PEAK, "fraction": NUMBER}, {**_WIDE, "fraction": _PART},
        {"height": (_PV_HEIGHT, HEIGHT)}, {"fraction": 0.5}, peak=True,
    ),
    "voigt": Shape(
        voigt, {"area": AREA, "center": POSITION, "gauss_fwhm": WIDTH, "lorentz_fwhm": WIDTH},
        {"gauss_fwhm": _POSITIVE, "lorentz_fwhm": _POSITIVE},
        # Olivero and Longbothum, J. Quant. Spectrosc. Radiat. Transfer 17 (1977) 233: to 2e-4.
        {"fwhm": ("0.5346*{p}lorentz_fwhm+sqrt(0.2166*{p}lorentz_fwhm**2+{p}gauss_fwhm**2)", WIDTH)},
        peak=True,
    ),
    "split_gaussian": Shape(
        split_gaussian, _SPLIT, _BOTH,
        {"fwhm": (f"{_HALVES}/2", WIDTH), "height": (f"{2 * _GAUSS_HEIGHT}*{{p}}area/{_HALVES}", HEIGHT)},
        peak=True,
    ),
    "split_lorentzian": Shape(
        split_lorentzian, _SPLIT, _BOTH,
        {
            "fwhm": (f"{_HALVES}/2", WIDTH),
            "height": (f"{2 * _LORENTZ_HEIGHT}*{{p}}area/{_HALVES}", HEIGHT),
        },
        peak=True,
    ),
    "axial_divergence": Shape(
        axial_divergence,
        {**_PEAK, "fraction": NUMBER, "sample_height": NUMBER, "detector_height": NUMBER},
        {**_WIDE, "fraction": _PART, "sample_height": (0.0, 1.0), "detector_height": (0.0, 1.0)},
        defaults={"fraction": 0.5, "sample_height": 0.02, "detector_height": 0.02},
        fixed=("sample_height", "detector_height"), peak=True,
    ),
    "ikeda_carpenter": Shape(
        ikeda_carpenter, {"area": AREA, "start": POSITION, "alpha": RATE, "beta": RATE, "slow": NUMBER},
        {"alpha": _POSITIVE, "beta": _POSITIVE, "slow": _PART}, defaults={"slow": 0.3},
    ),
    "edge": Shape(edge, {"height": HEIGHT, "center": POSITION, "fwhm": WIDTH}, _WIDE),
    "constant": Shape(constant, {"level": HEIGHT}),
    "linear": Shape(linear, {"intercept": HEIGHT, "slope": SLOPE}),
    "quadratic": Shape(quadratic, {"c0": HEIGHT, "c1": SLOPE, "c2": Powers(1, -2)}),
    "cubic": Shape(cubic, {"c0": HEIGHT, "c1": SLOPE, "c2": Powers(1, -2), "c3": Powers(1, -3)}),
    "exponential": Shape(exponential, {"amplitude": HEIGHT, "decay": WIDTH}),
    "power_law": Shape(power_law, {"amplitude": HEIGHT, "exponent": NUMBER}),
}  # fmt: skip
"""All shapes by the name that a model is written with."""
