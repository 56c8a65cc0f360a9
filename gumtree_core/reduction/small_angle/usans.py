"""Ultra-small-angle scattering with a Bonse-Hart camera: from rocking curves to a slit-smeared I(q).

J. G. Barker et al., J. Appl. Cryst. 38 (2005) 1004; C. Rehm et al., J. Appl. Cryst. 46 (2013) 1699.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from gumtree_core.data import Axis, Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.reduction.corrections.dead_time import DeadTimeModel
from gumtree_core.reduction.corrections.normalization import rate
from gumtree_core.reduction.detector.geometry import Array

ANGLE = "angle"
Centering = Literal["fit", "symmetry"]
TOP = 0.5
"""Of the peak's height: points above it are fitted."""
FLATTEST = 0.1
"""Curvature of the logarithm of the top in units of its extent; of a whole peak it is 2.8."""
FOOT = 0.05
"""Of the peak's height: what the symmetry is looked for in."""


@dataclass(frozen=True)
class Peak:
    """The top of a rocking curve.

    Attributes
    ----------
    center
        In rad.
    height
        In the unit of the curve; less background only if the curve is.
    fwhm
        Full width at half maximum of the Gaussian that fits the top, in rad.
    """

    center: Dataset
    height: Dataset
    fwhm: Dataset


def rocking_curve(
    run: Run,
    motor: str,
    *,
    dead_time: float | None = None,
    model: DeadTimeModel = "non-paralysable",
) -> Dataset:
    """Counts per monitor count over the analyser's angle.

    Parameters
    ----------
    run
        A scan: `detector/counts` and `monitor/counts` (point,), and `motor/<name>` in a unit of angle.
    motor
        The name of the motor that turned the analyser.
    dead_time
        In s; needs `detector/time` (point,). That of the run unless given.

    Returns
    -------
    Dataset
        (angle,), growing, in rad.

    Raises
    ------
    GumtreeError
        NOT_A_SCAN, KEY_MISSING, and as `normalization.rate`.
    """
    counts = run.data("detector/counts")
    angle = run.data(f"motor/{motor}").to("rad")
    if counts.dims != ("point",) or angle.dims != ("point",):
        raise GumtreeError(
            "NOT_A_SCAN",
            f"{run.name} holds counts of the dimensions {counts.dims} and {motor} of {angle.dims}; a rocking "
            "curve has one value of each for a point of the scan.",
        )
    curve = rate(run, "monitor", dead_time=dead_time, dead_time_model=model, zero_count_variance=1.0)
    curve = curve.replace(axes={}, metadata={}, title=run.name).rename(point=ANGLE)
    return curve.with_axes(**{ANGLE: Axis(angle.values, "rad", dims=(ANGLE,))}).sort(ANGLE)


def peak(curve: Dataset) -> Peak:
    """Fit the top of a rocking curve: a parabola through the logarithms of the points above half its height.

    Least squares with equal weights: such points have much the same relative error. The errors know that
    height and centre come from the points of the curve itself.

    Raises
    ------
    GumtreeError
        NO_PEAK with fewer than three such points, or a top that is not round.
    """
    x, y = curve.axes[ANGLE].values, np.asarray(curve.values, dtype=np.float64)
    top = np.flatnonzero(y >= TOP * np.nanmax(y)) if np.any(y > 0) else np.empty(0, dtype=np.intp)
    if top.size < 3:
        raise _no_peak(curve)
    middle, scale = float(x[np.nanargmax(y)]), float(np.ptp(x[top])) or 1.0
    along = (x[top] - middle) / scale
    solver = np.linalg.pinv(np.column_stack([np.ones(top.size), along, along**2]))
    logarithm: Any = np.log(curve[top].replace(axes={}))
    constant, linear, square = (
        (logarithm * Dataset(row, dims=(ANGLE,))).sum().replace(unit="", metadata={}) for row in solver
    )
    if not float(square.values) < -FLATTEST:
        raise _no_peak(curve)
    height: Any = np.exp(constant - linear * linear / (4 * square))
    width: Any = np.sqrt(-4 * np.log(2) / square)
    return Peak(
        center=(middle - linear / (2 * square) * scale).replace(unit="rad"),
        height=height.replace(unit=curve.unit),
        fwhm=(width * scale).replace(unit="rad"),
    )


def symmetric_center(curve: Dataset) -> float:
    """Angle in rad about which a rocking curve is most symmetric: the best overlap with its mirror image.

    It maximises the integral of f(x) f(2 c - x) over the points above a twentieth of the height, for peaks
    that are no Gaussians.

    Raises
    ------
    GumtreeError
        NO_PEAK.
    """
    x, y = curve.axes[ANGLE].values, np.asarray(curve.values, dtype=np.float64)
    high = np.flatnonzero(y >= FOOT * np.nanmax(y)) if np.any(y > 0) else np.empty(0, dtype=np.intp)
    if high.size < 3:
        raise _no_peak(curve)
    first, last = max(high[0] - 1, 0), min(high[-1] + 1, len(x) - 1)
    fine, step = np.linspace(x[first], x[last], 2001, retstep=True)
    height = np.interp(fine, x, y)
    overlap = np.convolve(height, height)
    best = int(np.clip(np.argmax(overlap), 1, len(overlap) - 2))
    below, here, above = overlap[best - 1 : best + 2]
    best_fine = best + 0.5 * (below - above) / (below - 2 * here + above)
    return float(fine[0] + best_fine * step / 2)


def integral_width(curve: Dataset, height: Dataset) -> Dataset:
    """Area of a rocking curve over its height, in rad: the acceptance of the analyser in its plane.

    What is scattered is folded with the rocking curve, so this is the width by which it has to be divided; of
    a Gaussian it is 1.064 times the full width at half maximum.
    """
    width: Dataset = curve.integrate(ANGLE) / height
    return width.replace(unit="rad")


def solid_angle(width: Dataset, slit: float, wavelength: float) -> Dataset:
    """Solid angle that the analyser accepts, in sr: width in rad times 2 dQv lambda / (2 pi) across.

    Parameters
    ----------
    slit
        dQv, half the height of the slit that smears, in 1/angstrom.
    wavelength
        In angstrom.
    """
    accepted: Dataset = width * (2 * slit * wavelength / (2 * np.pi))
    return accepted.replace(unit="sr")


def over_q(curve: Dataset, center: float, wavelength: float) -> Dataset:
    """The same curve over q = 4 pi / lambda sin(|angle - center| / 2), with its sign, in 1/angstrom."""
    if not wavelength > 0:
        raise GumtreeError(
            "BAD_WAVELENGTH", f"The wavelength is {wavelength:g} angstrom; it must be above 0."
        )
    q = 4 * np.pi / wavelength * np.sin((curve.axes[ANGLE].values - center) / 2)
    return curve.replace(axes={}).rename(**{ANGLE: "q"}).with_axes(q=Axis(q, "1/angstrom", dims=("q",)))


def wide_transmission(
    sample: Run, empty: Run, beyond: Sequence[Array], detector: str = "transmission"
) -> Dataset:
    """Transmission of a sample with all that it scatters: counts of a wide detector, per monitor count.

    Parameters
    ----------
    beyond
        (point,) for each run: true where the analyser does not reflect the beam away from that detector.
    detector
        Its name: ``detector:transmission/counts`` (point,).

    Raises
    ------
    GumtreeError
        KEY_MISSING; NO_BEAM where no point is far enough from the peak, or there are no counts.
    """
    seen = []
    for run, far in zip((sample, empty), beyond, strict=True):
        counts, monitor = run.data(f"detector:{detector}/counts"), run.data("monitor/counts")
        if not np.any(far) or not np.any(counts.values[far]):
            raise GumtreeError(
                "NO_BEAM",
                f"{run.name} has no counts of {detector} far from the peak; give the transmission.",
            )
        seen.append(counts[np.flatnonzero(far)].sum() / monitor[np.flatnonzero(far)].sum())
    transmission: Dataset = seen[0] / seen[1]
    return transmission


def slit_smeared(
    sample: Dataset,
    empty: Dataset,
    *,
    background: Dataset,
    rocking_transmission: Dataset,
    wide_transmission: Dataset,
    beam: Dataset,
    thickness: float,
    solid_angle: Dataset,
) -> Dataset:
    """Scattering of the sample, smeared by the slit, in 1/cm.

    I = (S - b - T_rock (E - b)) / (T_wide d dOmega I0), with E interpolated at the sample's q. Transmissions,
    beam, solid angle and background are shared by all points, which the errors know.

    Parameters
    ----------
    sample, empty
        (q,) counts per monitor count.
    background
        The same without beam, of all points.
    rocking_transmission, wide_transmission
        Of the sample: of its peak, and of all that it scatters.
    beam
        Height of the empty peak.
    thickness
        In mm.

    Returns
    -------
    Dataset
        (q,), masked as `undefined` beyond the range of the empty run.

    Raises
    ------
    GumtreeError
        NO_THICKNESS.
    """
    if not thickness > 0:
        raise GumtreeError("NO_THICKNESS", f"The sample is {thickness:g} mm thick; it must be above 0.")
    through = empty.sort("q").interpolate("q", sample.axes["q"]) - background
    scattered = sample - background - rocking_transmission * through
    seen = wide_transmission * beam * solid_angle.to("rad^2").replace(unit="")
    intensity: Dataset = scattered / seen / Dataset(thickness / 10, unit="cm")
    return intensity.to("1/cm").replace(title=sample.title, metadata={})


def smear(q: Array, intensity: Any, slit: float, points: int = 400) -> Array:
    """What a slit makes of a model: the mean of I(sqrt(q^2 + u^2)) for u from 0 to dQv.

    Parameters
    ----------
    q
        In 1/angstrom.
    intensity
        A function of q.
    slit
        dQv in 1/angstrom.
    """
    node, weight = np.polynomial.legendre.leggauss(points)
    least = max(float(np.abs(q).min()), slit * 1e-6) / 10
    grow = np.log1p(slit / least)
    # Nodes are dense where u is small: the intensity falls over decades.
    u = least * np.expm1(grow * (node + 1) / 2)
    step = weight / 2 * grow * (u + least)
    values = intensity(np.hypot(np.asarray(q)[:, None], u))
    return np.asarray((values * step).sum(axis=1) / slit)


def _no_peak(curve: Dataset) -> GumtreeError:
    return GumtreeError(
        "NO_PEAK",
        f"The rocking curve of {curve.name} has no round top of three points or more above half of its "
        "height; scan the peak in finer steps.",
    )
