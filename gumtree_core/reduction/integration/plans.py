"""From the detector to a curve or a map: the shapes that patterns are integrated over.

Each shape gives a `Plan`, which is made once and averages any number of frames. The azimuth runs from the
columns' direction (x) towards the rows' (y), in deg. `split` shares a pixel among the bins by area; else it
belongs to the bin of its centre.
"""

from __future__ import annotations

from gumtree_core.data import Axis, Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.detector.pixels import Array, QMap
from gumtree_core.reduction.integration.members import Whole
from gumtree_core.reduction.integration.plan import Plan, Weighting
from gumtree_core.reduction.integration.regions import (
    Region,
    places,
    plan,
    strip,
    wedge,
)


def rings(q: Array, bins: Axis) -> Plan:
    """Rings of constant q, each pixel in the bin of its centre.

    Parameters
    ----------
    q
        Of each pixel, in any shape, in 1/angstrom.
    bins
        Edges, as `q_bins` makes them; an edge belongs to the bin that begins with it.
    """
    return Plan(q.shape, Whole.of_index(places(q, bins.values), bins.values.size - 1), (bins,))


def circular(pattern: Dataset, q: Array, bins: Axis, weighting: Weighting = "area") -> Dataset:
    """Average over the pixels whose centres lie in each bin: `rings(q, bins).average(pattern, weighting)`.

    For a series of frames make the plan once.
    """
    return rings(q, bins).average(pattern, weighting)


def circle(q_map: QMap, bins: Axis, *, split: bool = False) -> Plan:
    """I(q) over whole rings; as `rings`, of a `QMap`, so that pixels may be split."""
    return plan(q_map, (Region(),), "radial", (bins,), split=split)


def sector(
    q_map: QMap, bins: Axis, phi: float, width: float, *, both_sides: bool = False, split: bool = False
) -> Plan:
    """I(q) over the azimuths within `width` about `phi`, and those opposite with `both_sides`; in deg.

    Raises
    ------
    GumtreeError
        BAD_SECTOR unless 0 < width <= 360, or 180 on both sides.
    """
    if both_sides and width > 180:
        raise GumtreeError(
            "BAD_SECTOR", f"A sector on both sides is at most 180 deg wide, not {width:g} deg."
        )
    regions = wedge(phi, width) + (wedge(phi + 180, width) if both_sides else ())
    return plan(q_map, regions, "radial", (bins,), split=split)


def annulus(q_map: QMap, bins: Axis, lowest: float, highest: float, *, split: bool = False) -> Plan:
    """I(phi) over the ring between two q in 1/angstrom; bins as `phi_bins` makes them.

    Raises
    ------
    GumtreeError
        BAD_RANGE unless 0 <= lowest < highest; BAD_BINS where a bin of split pixels is wider than 180 deg.
    """
    if not 0 <= lowest < highest:
        raise GumtreeError(
            "BAD_RANGE",
            f"There is no ring from {lowest:g} to {highest:g} 1/angstrom; give a lowest q below the highest.",
        )
    if split and (bins.values[1:] - bins.values[:-1]).max() > 180:
        raise GumtreeError("BAD_BINS", "Pixels are split over bins of the azimuth of at most 180 deg.")
    return plan(q_map, (Region((), lowest, highest),), "angular", (bins,), split=split)


def cut(
    q_map: QMap, bins: Axis, angle: float, width: float, *, offset: float = 0.0, split: bool = False
) -> Plan:
    """I along a line through the beam in the direction `angle` (deg), or `offset` to its left.

    Parameters
    ----------
    bins
        Of the component of q along the line, negative on the other side of the beam; see `free_bins`.
    width, offset
        Of the strip across the line, in 1/angstrom.

    Raises
    ------
    GumtreeError
        BAD_WIDTH.
    """
    return plan(q_map, (strip(angle, width, offset),), "linear", (bins,), angle, split=split)


def horizontal(q_map: QMap, bins: Axis, width: float, *, offset: float = 0.0, split: bool = False) -> Plan:
    """I(qx) of a strip along x; as `cut`."""
    return cut(q_map, bins, 0.0, width, offset=offset, split=split)


def vertical(q_map: QMap, bins: Axis, width: float, *, offset: float = 0.0, split: bool = False) -> Plan:
    """I(qy) of a strip along y, `offset` to the right of the beam; as `cut`."""
    return cut(q_map, bins, 90.0, width, offset=-offset, split=split)


def rectangle(
    q_map: QMap, bins: Axis, x: tuple[float, float], y: tuple[float, float], *, split: bool = False
) -> Plan:
    """I(q) of the pixels in a rectangle of the plane of q, x and y from and to, in 1/angstrom.

    Raises
    ------
    GumtreeError
        BAD_RANGE.
    """
    if not (x[0] < x[1] and y[0] < y[1]):
        raise GumtreeError(
            "BAD_RANGE", f"There is no rectangle from {x[0]:g}, {y[0]:g} to {x[1]:g}, {y[1]:g}."
        )
    region = Region(((1.0, 0.0, x[0]), (-1.0, 0.0, -x[1]), (0.0, 1.0, y[0]), (0.0, -1.0, -y[1])))
    return plan(q_map, (region,), "radial", (bins,), split=split)


def q_grid(q_map: QMap, x_bins: Axis, y_bins: Axis, *, split: bool = False) -> Plan:
    """I(qy, qx) on an even grid: bins of q cos(phi) and q sin(phi), as `free_bins(edges, "qx")`."""
    return plan(q_map, (Region(),), "map", (y_bins, x_bins), split=split)
