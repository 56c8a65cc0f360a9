"""Where the beam is on the detector, and what lies beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.detector.geometry import Array

Background = Literal["line", "mean", "none"]
ENOUGH = 20
"""Counts below which no beam is looked for."""


@dataclass(frozen=True)
class Ridge:
    """The beam along the detector's rows, as a Gaussian; in pixels, pixel k spans k - 0.5 to k + 0.5.

    Attributes
    ----------
    center, sigma
        Where neutrons would arrive that do not fall, and the standard deviation.
    center_error
        Standard deviation of the centre.
    """

    center: float
    sigma: float
    center_error: float = 0.0


@dataclass(frozen=True)
class Regions:
    """Which rows are foreground, and which beside it are background; in pixels of an unbent beam.

    Attributes
    ----------
    foreground
        First and last edge.
    background
        The same of the region below and of that above.
    """

    foreground: tuple[float, float]
    background: tuple[tuple[float, float], tuple[float, float]]

    @classmethod
    def around(cls, ridge: Ridge, *, width: float, gap: float, background: float) -> Regions:
        """Whole rows that hold `width` standard deviations to each side, and background beyond a gap.

        Parameters
        ----------
        width, background
            Of the foreground to each side, and of each region of background; in standard deviations.
        gap
            Between foreground and background, in pixels.
        """
        reach = width * ridge.sigma
        low, high = np.floor(ridge.center - reach) - 0.5, np.ceil(ridge.center + reach) + 0.5
        beside = max(np.ceil(background * ridge.sigma), 1.0)
        return cls(
            (float(low), float(high)),
            ((float(low - gap - beside), float(low - gap)), (float(high + gap), float(high + gap + beside))),
        )


def rows_within(region: tuple[float, float], shift: Array, rows: int) -> Array:
    """Which fraction of each row lies in a region that moves by `shift` pixels; (shift, row)."""
    centers = np.arange(rows)
    low, high = region[0] + shift[:, None], region[1] + shift[:, None]
    covered = np.minimum(centers + 0.5, high) - np.maximum(centers - 0.5, low)
    return np.asarray(np.clip(covered, 0.0, 1.0))


def weights(regions: Regions, shift: Array, rows: int, background: Background) -> Array:
    """Weight of each row in the beam's intensity less background, for each time; (shift, row).

    Least squares through the rows beside the beam, a straight line or a mean, give the background under it
    as a weighted sum of their counts; so the net intensity is one weighted sum too, and its error is exact.
    All rows count alike: weighting by 1 / counts draws the line towards rows that happen to be low.

    Parameters
    ----------
    shift
        Of the beam, in pixels.

    Raises
    ------
    GumtreeError
        BEAM_OUTSIDE where the foreground reaches beyond the detector; NO_BACKGROUND where there are too few
        rows beside it.
    """
    foreground = rows_within(regions.foreground, shift, rows)
    width = regions.foreground[1] - regions.foreground[0]
    if np.any(foreground.sum(axis=1) < width - 1e-9):
        raise GumtreeError(
            "BEAM_OUTSIDE",
            f"The beam, rows {regions.foreground[0]:g} to {regions.foreground[1]:g}, reaches beyond the "
            f"{rows} rows of the detector. Choose a narrower foreground, or give its centre.",
        )
    if background == "none":
        return foreground
    beside = sum(rows_within(each, shift, rows) for each in regions.background)
    assert not isinstance(beside, int)
    number = beside.sum(axis=1)
    if np.any(number < (1 if background == "mean" else 2) - 1e-9):
        raise GumtreeError(
            "NO_BACKGROUND",
            f"There are too few rows beside the beam ({regions.foreground[0]:g} to {regions.foreground[1]:g} "
            f"of {rows}) for a background; choose smaller regions, a mean, or none.",
        )
    share = beside / number[:, None]
    under = foreground.sum(axis=1)[:, None] * share
    if background == "line":
        row = np.arange(rows) - (share * np.arange(rows)).sum(axis=1)[:, None]
        lever = (foreground * row).sum(axis=1) / (beside * row**2).sum(axis=1)
        under = under + lever[:, None] * beside * row
    return np.asarray(foreground - under)


def profile(counts: Array, shift: Array) -> Array:
    """Counts of all times in rows of an unbent beam, (row,); counts (time, row), shift in pixels."""
    rows = counts.shape[1]
    edges = np.arange(rows + 1) - 0.5
    below = np.concatenate([np.zeros((len(counts), 1)), np.cumsum(counts, axis=1)], axis=1)
    moved = sum(np.interp(edges + by, edges, each) for by, each in zip(shift, below, strict=True))
    return np.diff(np.asarray(moved))


def find_ridge(counts: Array, shift: Array, *, name: str = "run") -> Ridge:
    """Find the beam: a Gaussian on a constant background, fitted to the rows around the brightest.

    Parameters
    ----------
    counts
        (time, row), of the wavelengths that are used.
    shift
        How far gravity bends the beam at each time, in pixels.

    Raises
    ------
    GumtreeError
        NO_BEAM where there are too few counts, or no peak.
    """
    from scipy.optimize import curve_fit

    seen = profile(counts, shift)
    if seen.sum() < ENOUGH:
        raise GumtreeError(
            "NO_BEAM",
            f"{name} has {seen.sum():g} counts in the chosen wavelengths; a beam needs {ENOUGH} or more.",
        )
    row = np.arange(len(seen), dtype=np.float64)
    floor = float(np.median(seen))
    brightest = int(np.argmax(np.convolve(seen, np.ones(3), "same")))
    sigma = _half_width(seen - floor, brightest) / 1.18
    center = float(brightest)
    for _ in range(5):
        near = np.abs(row - center) <= max(6 * sigma, 5.0)
        start = (floor, max(seen[near].max() - floor, 1.0), center, sigma)
        try:
            found, covariance = curve_fit(
                _gaussian, row[near], seen[near], start, np.sqrt(np.maximum(seen[near], 1.0)), True
            )
        except (RuntimeError, TypeError, ValueError) as error:
            raise _no_peak(name) from error
        last, (_, _, center, sigma) = center, found
        sigma = abs(sigma)
        if not (0 <= center < len(seen) and 0 < sigma < len(seen)):
            raise _no_peak(name)
        if abs(center - last) < 1e-3:
            break
    return Ridge(float(center), float(sigma), float(np.sqrt(covariance[2, 2])))


def _gaussian(row: Array, floor: float, peak: float, center: float, sigma: float) -> Array:
    return np.asarray(floor + peak * np.exp(-(((row - center) / sigma) ** 2) / 2))


def _half_width(seen: Array, at: int) -> float:
    """Half width at half maximum, in rows."""
    below = np.flatnonzero(seen < seen[at] / 2)
    return float(np.clip(np.abs(below - at).min(initial=len(seen)), 1, len(seen) / 4))


def _no_peak(name: str) -> GumtreeError:
    return GumtreeError(
        "NO_BEAM", f"No peak is found along the rows of {name}. Give the centre of the beam by hand."
    )
