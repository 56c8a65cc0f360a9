"""Parts of the plane of q, and what runs along them: the shapes of integration."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Axis
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.detector.pixels import Array, QMap
from gumtree_core.reduction.integration.members import Split, Whole
from gumtree_core.reduction.integration.plan import Plan

HALF = 180.0


@dataclass(frozen=True)
class Region:
    """A convex part of the plane: within half-planes, and between two values of |q|.

    Attributes
    ----------
    planes
        (a, b, c): q (a cos(phi) + b sin(phi)) >= c; in pairs of limits, of which the first belongs to the
        region and the second does not.
    lowest, highest
        Of |q|, in 1/angstrom.
    azimuth
        Where the planes are those of a wedge: its lowest azimuth and its width, in deg.
    """

    planes: tuple[tuple[float, float, float], ...] = ()
    lowest: float = 0.0
    highest: float = np.inf
    azimuth: tuple[float, float] | None = None

    def holds(self, q_map: QMap) -> NDArray[np.bool_]:
        """Whether the centre of each pixel is inside."""
        inside = (q_map.q >= self.lowest) & (q_map.q < self.highest)
        if self.azimuth is not None:
            lowest, width = self.azimuth
            return np.asarray(inside & ((np.rad2deg(q_map.phi) - lowest) % 360 < width))
        u, v = q_map.q * np.cos(q_map.phi), q_map.q * np.sin(q_map.phi)
        for k, (a, b, c) in enumerate(self.planes):
            across = a * u + b * v
            inside &= across > c if k % 2 else across >= c
        return np.asarray(inside)


def wedge(middle: float, width: float) -> tuple[Region, ...]:
    """The azimuths within `width` about `middle`, in deg; in parts where they are more than a half."""
    if not 0 < width <= 2 * HALF:
        raise GumtreeError("BAD_SECTOR", f"A sector is above 0 and at most 360 deg wide, not {width:g} deg.")
    if not np.isfinite(middle):
        raise GumtreeError("BAD_SECTOR", f"The direction of a sector is {middle:g} deg; give a number.")
    if width == 2 * HALF:
        return (Region(),)
    if width > HALF:
        return (*wedge(middle - width / 4, width / 2), *wedge(middle + width / 4, width / 2))
    low, high = np.deg2rad((middle - width / 2, middle + width / 2))
    planes = ((-np.sin(low), np.cos(low), 0.0), (np.sin(high), -np.cos(high), 0.0))
    limits = tuple((float(a), float(b), c) for a, b, c in planes)
    return (Region(limits, azimuth=(middle - width / 2, width)),)


def strip(angle: float, width: float, offset: float = 0.0) -> Region:
    """A strip of a width in 1/angstrom along a line in the direction `angle` (deg), `offset` to its left."""
    if not width > 0:
        raise GumtreeError("BAD_WIDTH", f"The width of a cut is {width:g} 1/angstrom; it must be above 0.")
    if not np.isfinite([angle, offset]).all():
        raise GumtreeError(
            "BAD_WIDTH",
            f"A cut at {angle:g} deg, {offset:g} 1/angstrom beside the beam, is none; give numbers.",
        )
    a = np.deg2rad(angle)
    sine, cosine = float(np.sin(a)), float(np.cos(a))
    return Region(
        ((-sine, cosine, offset - width / 2), (sine, -cosine, -offset - width / 2)),
    )


Kind = Literal["radial", "angular", "linear", "map"]
_KINDS = {"radial": 0, "angular": 1, "linear": 2, "map": 3}


def plan(
    q_map: QMap,
    regions: tuple[Region, ...],
    kind: Kind,
    axes: tuple[Axis, ...],
    angle: float = 0.0,
    *,
    split: bool,
) -> Plan:
    """A plan of the pixels in some regions that do not overlap, over bins of |q|, of the azimuth in deg, of
    the component of q in the direction `angle` in deg, or of (qy, qx)."""
    if not split:
        index = _index(q_map, kind, axes, angle)
        inside = np.zeros(q_map.shape, dtype=bool)
        for region in regions:
            inside |= region.holds(q_map)
        number = int(np.prod([axis.values.size - 1 for axis in axes]))
        return Plan(q_map.shape, Whole.of_index(np.where(inside, index, -1), number), axes)
    corners = np.ascontiguousarray(q_map.corners().reshape(-1, 4, 2))
    kernel = importlib.import_module("gumtree_core.reduction.integration.splitting_kernels")
    edges = np.asarray(axes[-1].values, dtype=np.float64)
    other = np.asarray(axes[0].values, dtype=np.float64)
    if kind == "angular":
        edges = np.deg2rad(edges)
    parts = [
        kernel.split(
            corners,
            np.array(region.planes, dtype=np.float64).reshape(-1, 3),
            region.lowest, region.highest, _KINDS[kind], edges, other, np.deg2rad(angle),
        )
        for region in regions
    ]  # fmt: skip
    number = int(np.prod([axis.values.size - 1 for axis in axes]))
    return Plan(q_map.shape, _merged(parts, number), axes)


def _index(q_map: QMap, kind: Kind, axes: tuple[Axis, ...], angle: float) -> NDArray[np.intp]:
    u, v = q_map.q * np.cos(q_map.phi), q_map.q * np.sin(q_map.phi)
    if kind == "radial":
        return places(q_map.q, axes[0].values)
    if kind == "angular":
        edges = axes[0].values
        phi = (np.rad2deg(q_map.phi) - edges[0]) % 360 + edges[0]
        return places(phi, edges)
    if kind == "linear":
        a = np.deg2rad(angle)
        return places(u * np.cos(a) + v * np.sin(a), axes[0].values)
    rows, columns = places(v, axes[0].values), places(u, axes[1].values)
    return np.where((rows < 0) | (columns < 0), -1, rows * (axes[1].values.size - 1) + columns)


def places(coordinate: Array, edges: Array) -> NDArray[np.intp]:
    """The bin of each coordinate, which begins with its lower edge; -1 for none."""
    index = np.searchsorted(edges, coordinate, side="right") - 1
    return np.where((coordinate >= edges[0]) & (coordinate < edges[-1]), index, -1)


def _merged(parts: list[Any], number: int) -> Split:
    """The parts of all regions, sorted by pixel, each pair of pixel and bin once."""
    pixel, at, share = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    if len(parts) > 1:
        pairs, back = np.unique(pixel * number + at, return_inverse=True)
        pixel, at, share = pairs // number, pairs % number, np.bincount(back, share, pairs.size)
    return Split(pixel.astype(np.intp), at.astype(np.intp), share, number)
