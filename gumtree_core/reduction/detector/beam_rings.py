"""Beam centre and distance from the rings of a powder, such as silver behenate."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.detector.geometry import Geometry
from gumtree_core.reduction.detector.pixels import Array

SILVER_BEHENATE = 58.380
"""Spacing of the layers in angstrom (Huang et al., J. Appl. Cryst. 26 (1993) 180)."""


@dataclass(frozen=True)
class RingFit:
    """What rings tell of the detector.

    Attributes
    ----------
    geometry
        With the centre and distance found.
    center_errors, distance_error
        Standard deviations in pixels and mm, from the scatter of the points about the rings.
    points
        How many points of rings were used.
    """

    geometry: Geometry
    center_errors: tuple[float, float]
    distance_error: float
    points: int


def fit_rings(
    counts: Dataset,
    start: Geometry,
    wavelength: float,
    *,
    spacing: float = SILVER_BEHENATE,
    orders: tuple[int, ...] = (1,),
    width: float = 0.2,
    sectors: int = 36,
    fit_distance: bool = True,
) -> RingFit:
    """Beam centre, and distance, that make rings round and their radii L tan(2 arcsin(n lambda / 2 d)).

    In each of `sectors` the radius of each ring is where the pattern, less a straight background, has its
    centre of mass; centre and distance are fitted to these points by least squares with a soft-l1 loss, so
    that some spoiled sectors (a shadow, a module's gap) do no harm. It is repeated about the ring found until
    it stays.

    Parameters
    ----------
    counts
        (y, x); masked pixels take no part.
    start
        With a centre and distance off by less than `width` of a radius.
    wavelength
        In angstrom.
    spacing
        d in angstrom.
    orders
        n of the rings to use.
    width
        Half of what is looked at about a ring, relative to its radius.
    fit_distance
        Else that of `start` is kept.

    Raises
    ------
    GumtreeError
        NO_RINGS where too few sectors see a ring; BAD_WAVELENGTH where a ring cannot be.
    """
    sines = np.array(orders) * wavelength / (2 * spacing)
    if not ((sines > 0) & (sines < np.sin(np.pi / 4))).all():
        raise GumtreeError(
            "BAD_WAVELENGTH",
            f"With {wavelength:g} angstrom and a spacing of {spacing:g} angstrom there are no rings {orders} "
            "before the sample's 90 deg.",
        )
    slopes = np.tan(2 * np.arcsin(sines))
    found = start
    for _ in range(20):
        points = _points(counts, found, slopes, width, sectors)
        fit = _fit(points, found, slopes, fit_distance)
        moved = np.hypot(fit.geometry.center_x - found.center_x, fit.geometry.center_y - found.center_y)
        stretched = abs(fit.geometry.distance / found.distance - 1)
        found = fit.geometry
        if moved < 1e-4 and stretched < 1e-6:
            break
    return fit


def _points(counts: Dataset, geometry: Geometry, slopes: Array, width: float, sectors: int) -> Array:
    """(points, 3): x and y in mm from the beam of `geometry`, and the number of the ring."""
    pixels = geometry.pixels
    x, y = pixels.centers[..., 0], pixels.centers[..., 1]
    values = np.asarray(counts.values, dtype=np.float64)
    good = np.isfinite(values) if counts.mask is None else np.isfinite(values) & ~counts.mask
    radius, phi = np.hypot(x, y), np.arctan2(y, x)
    slot = ((phi + np.pi) / (2 * np.pi) * sectors).astype(int) % sectors
    found = []
    for number, slope in enumerate(slopes):
        expected = slope * geometry.distance
        low, high = expected * (1 - width), expected * (1 + width)
        near = good & (radius >= low) & (radius <= high)
        for at in range(sectors):
            here = near & (slot == at)
            if here.sum() < 8:
                continue
            r, n = radius[here], values[here]
            if (r.min() - low > width * expected / 4) or (high - r.max() > width * expected / 4):
                continue  # the ring is cut here
            rim = np.abs(r - expected) > 0.7 * width * expected
            if rim.sum() < 4:
                continue
            net = n - np.polyval(np.polyfit(r[rim], n[rim], 1), r)
            if not net[~rim].sum() > 5 * np.std(net[rim]) * np.sqrt((~rim).sum()) + 1e-9 * n.sum():
                continue  # no ring above the background's noise
            above = np.maximum(net, 0.0) / r
            middle = float(expected)
            for _ in range(5):  # about the ring, so that the background's noise does not pull
                window = np.abs(r - middle) < 0.5 * width * expected
                if not above[window].sum() > 0:
                    break
                middle = float((r * above)[window].sum() / above[window].sum())
            azimuth = (at + 0.5) / sectors * 2 * np.pi - np.pi
            found.append((middle * np.cos(azimuth), middle * np.sin(azimuth), number))
    if len(found) < 8:
        raise GumtreeError(
            "NO_RINGS",
            f"Only {len(found)} sectors of {counts.name} see a ring, and 8 are needed; check wavelength, "
            "distance and centre to start from.",
        )
    return np.array(found)


def _fit(points: Array, geometry: Geometry, slopes: Array, fit_distance: bool) -> RingFit:
    from scipy.optimize import least_squares

    x, y, slope = points[:, 0], points[:, 1], slopes[points[:, 2].astype(int)]

    def misfit(p: Array) -> Array:
        distance = p[2] if fit_distance else geometry.distance
        return np.asarray(np.hypot(x - p[0], y - p[1]) - slope * distance)

    start = [0.0, 0.0, geometry.distance][: 3 if fit_distance else 2]
    first = misfit(np.array(start))
    scale = max(1.4826 * float(np.median(np.abs(first - np.median(first)))), 1e-3)
    result = least_squares(misfit, start, loss="soft_l1", f_scale=scale, x_scale="jac")
    freedom = max(len(x) - len(start), 1)
    robust = 1.4826 * float(np.median(np.abs(result.fun))) * np.sqrt(len(x) / freedom)
    errors = robust * np.sqrt(np.diag(np.linalg.inv(result.jac.T @ result.jac)))
    made = replace(
        geometry,
        center_x=_pixel(geometry, "x", float(result.x[0])),
        center_y=_pixel(geometry, "y", float(result.x[1])),
        distance=float(result.x[2]) if fit_distance else geometry.distance,
    )
    return RingFit(
        made,
        (float(errors[0] / geometry.pixel_size_x), float(errors[1] / geometry.pixel_size_y)),
        float(errors[2]) if fit_distance else 0.0,
        len(x),
    )


def _pixel(geometry: Geometry, axis: str, millimetres: float) -> float:
    """The pixel, with fractions, that is so far from the beam."""
    number = geometry.shape[1 if axis == "x" else 0]
    pixels = np.arange(-number, 2 * number, dtype=np.float64)
    places = geometry.x(pixels) if axis == "x" else geometry.y(pixels)
    return float(np.interp(millimetres, places, pixels))
