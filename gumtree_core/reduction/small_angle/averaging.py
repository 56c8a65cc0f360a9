"""What a pattern is averaged to: I(q) all around or of a sector, I(phi) of a ring, I along a cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gumtree_core.data import Axis, Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.detector.geometry import Array, Geometry
from gumtree_core.reduction.detector.pixels import QMap
from gumtree_core.reduction.integration import (
    Plan,
    Weighting,
    annulus,
    cut,
    free_bins,
    phi_bins,
    rings,
    sector,
)


@dataclass(frozen=True, eq=False)
class Averaging:
    """Averages of the patterns, (y, x), of one geometry; each plan is made once.

    Attributes
    ----------
    detector, wavelength
        The geometry; the wavelength in angstrom.
    bins
        Edges of q, in 1/angstrom.
    weighting
        As `Plan.average` takes it.
    split
        Whether pixels of sectors, rings and cuts are split among bins by area.
    """

    detector: Geometry
    wavelength: float
    bins: Axis
    weighting: Weighting = "area"
    split: bool = False
    _plans: dict[str, tuple[tuple[float, ...], Plan]] = field(default_factory=dict, repr=False)

    @cached_property
    def q(self) -> Array:
        """Of each pixel, (y, x), in 1/angstrom."""
        return self.detector.q(self.wavelength)

    @cached_property
    def q_map(self) -> QMap:
        """The components of q of each pixel, and its corners."""
        return self.detector.q_map(self.wavelength)

    def curve(self, pattern: Dataset, angle: float = 0.0, width: float = 360.0) -> Dataset:
        """I(q), with the pixels of each bin in its metadata.

        Parameters
        ----------
        angle, width
            Direction and width of a sector in deg. Below 180 it is taken on both sides of the beam; 360 is
            all around.

        Raises
        ------
        GumtreeError
            NO_PIXELS where no bin has any; as `Plan.average`.
        """

        def make() -> Plan:
            if width == 360 and not self.split:
                return rings(self.q, self.bins)
            return sector(self.q_map, self.bins, angle, width, both_sides=width < 180, split=self.split)

        plan = self._plan("curve", (angle, width), make)
        used = plan if pattern.mask is None else plan.without(pattern.mask)
        return self._average(pattern, plan).with_metadata(
            pixels=Dataset(used.area, dims=("q",), title="pixels")
        )

    def ring(self, pattern: Dataset, lowest: float, highest: float, bins: int) -> Dataset:
        """I(phi) of a ring of q, all around in so many bins; its title says which. Errors as `curve`."""

        def make() -> Plan:
            return annulus(self.q_map, phi_bins(-180, 180, bins), lowest, highest, split=self.split)

        found = self._average(pattern, self._plan("ring", (lowest, highest, bins), make))
        return found.replace(title=f"ring from {lowest:g} to {highest:g} 1/angstrom")

    def along(self, pattern: Dataset, angle: float, width: float) -> Dataset:
        """I along a cut through the beam, on both sides of it; its title says which. Errors as `curve`.

        Parameters
        ----------
        angle
            Of the cut, in deg; 0: horizontal.
        width
            Of the cut, in 1/angstrom.
        """

        def make() -> Plan:
            rising = self.bins.values
            both_sides = free_bins([*-rising[::-1], *rising[rising > 0]])
            return cut(self.q_map, both_sides, angle, width, split=self.split)

        found = self._average(pattern, self._plan("cut", (angle, width), make))
        seen = abs(found.axes["q"].centers) >= self.bins.values[0]
        return found[seen].replace(title=f"cut at {angle:g} deg, {width:g} 1/angstrom wide")

    def placed(self, pattern: Dataset) -> Dataset:
        """The pattern with qx, qy and qz of its pixels as axes."""
        components = {"qx": self.q_map.qx, "qy": self.q_map.qy, "qz": self.q_map.qz}
        axes = {name: Axis(values, "1/angstrom", pattern.dims) for name, values in components.items()}
        return pattern.with_axes(**axes)

    def _plan(self, kind: str, how: tuple[float, ...], make: Callable[[], Plan]) -> Plan:
        """The last one of its kind, if it is made in that way."""
        known = self._plans.get(kind)
        if known is None or known[0] != how:
            known = self._plans[kind] = how, make()
        return known[1]

    def _average(self, pattern: Dataset, plan: Plan) -> Dataset:
        curve = plan.average(pattern, self.weighting)
        if not np.isfinite(curve.values).any():
            seen = self.q if pattern.mask is None else self.q[~pattern.mask]
            there = (
                f"reaches from {seen.min():.4g} to {seen.max():.4g}"
                if seen.size
                else "has no pixel left at any"
            )
            raise GumtreeError(
                "NO_PIXELS",
                f"There is no pixel in any bin: what is not masked {there} 1/angstrom. Change the limits of "
                "q, or the mask.",
            )
        return curve
