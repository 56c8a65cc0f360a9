"""Small-angle scattering: curves of several configurations, merged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from gumtree_core.data import Dataset, scalar, stack
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run, Value
from gumtree_core.files.nexus.nxcansas import CURVE
from gumtree_core.reduction.integration import q_bins
from gumtree_core.reduction.runs import check_different
from gumtree_core.reduction.small_angle.merging import (
    correlated,
    merge,
    overlap_scale,
    points,
)
from gumtree_core.scripts import Script, action, group, parameter, result


class SansMerge(Script):
    """Merge reduced curves of several configurations.

    Each curve is cut to the range of q where it is good. The curves are taken as they are, on absolute scale,
    or each is brought to the height of the one before it where they overlap. They are kept as points sorted
    by q, or averaged over bins. What the covariance in a file says is kept; the error of a scale factor is
    shared by all points of its curve.
    """

    author = "GumTree on Tango"
    version = "1.0"

    # fmt: off
    inputs = group("Curves")
    curves: list[Run] = parameter(label="Reduced curves", help="The one to be trusted first.")
    lowest: list[float] = parameter(
        [], unit="1/angstrom", label="Lowest q of each", help="As many as curves, or none."
    )
    highest: list[float] = parameter(
        [], unit="1/angstrom", label="Highest q of each", help="As many as curves, or none."
    )

    heights = group("Heights")
    scaling: Literal["absolute", "overlap"] = parameter(
        "absolute", label="Heights",
        help="'absolute' trusts them; 'overlap' scales each curve to those before it.",
    )
    overlap_lowest: float = parameter(
        0.0, ge=0, unit="1/angstrom", label="Lowest q of the overlap", help="0: all of it."
    )
    overlap_highest: float = parameter(
        0.0, ge=0, unit="1/angstrom", label="Highest q of the overlap", help="0: all of it."
    )

    output = group("Merged curve")
    combine: Literal["points", "inverse variance", "area"] = parameter(
        "points", label="Combine",
        help="Keep all points, or average over bins by inverse variance or by number of pixels.",
    )
    bins: int = parameter(100, ge=1, le=10_000, label="Bins of averages")
    spacing: Literal["linear", "logarithmic"] = parameter("logarithmic", label="Spacing")
    columns: bool = parameter(False, label="Columns of text too", help="Saved beside NXcanSAS: q, I, dI, dq.")

    iq: Dataset = result(
        label="I(q)", unit="1/cm", ndim=1, x="q", x_unit="1/angstrom", log_x=True, log_y=True
    )
    scales: Dataset = result(
        label="Factors by overlap", ndim=1, x="curve", help="With which each curve agrees."
    )
    # fmt: on

    @action("Merge")
    def merge(self) -> None:
        """Merge the curves."""
        self._check()
        cut = list(self._cut())
        factors = [scalar(1.0)]
        placed = [cut[0]]
        for run, curve in zip(self.curves[1:], cut[1:], strict=True):
            factor = self._factor(curve, merge(placed))
            self.log(f"{run.name} agrees with those before it times {float(factor.values):.4f}")
            placed.append(curve * factor if self.scaling == "overlap" else curve)
            factors.append(factor)
        self.scales = stack(factors, "curve", np.arange(1, len(factors) + 1))
        merged = merge(placed) if self.combine == "points" else self._averaged(placed)
        title = self.curves[0].text("run/title") or "I(q)"
        self.iq = merged.replace(title=title).with_metadata(**self._common(), steps=self._steps(factors))
        self.save_curve(self.iq, f"{Path(self.curves[0].name).stem}_merged", columns=self.columns)

    def _check(self) -> None:
        if len(self.curves) < 2:
            raise GumtreeError("NO_CURVE", f"There is {len(self.curves)} curve; merging takes two or more.")
        check_different([(f"curve {number}", run) for number, run in enumerate(self.curves, 1)], key=CURVE)
        for name in ("lowest", "highest"):
            given = len(getattr(self, name))
            if given not in (0, len(self.curves)):
                raise GumtreeError(
                    "BAD_RANGE",
                    f"`{name}` has {given} values for {len(self.curves)} curves; give one for each, or none.",
                )

    def _cut(self) -> Iterator[Dataset]:
        """The good points of each curve, with the errors that its covariance says."""
        lowest = self.lowest or [0.0] * len(self.curves)
        highest = self.highest or [np.inf] * len(self.curves)
        for run, low, high in zip(self.curves, lowest, highest, strict=True):
            curve = points(correlated(run.data(CURVE)).replace(title=run.name))
            kept = curve["q", low:high]
            if not kept.size:
                q = curve.axes["q"].values
                raise GumtreeError(
                    "BAD_RANGE",
                    f"{run.name} has no point from {low:g} to {high:g} 1/angstrom; it reaches from {q[0]:g} "
                    f"to {q[-1]:g}.",
                )
            yield kept

    def _common(self) -> dict[str, Value]:
        """What the first file says of sample and instrument, without numbers that differ between files."""
        first, *others = self.curves
        return {
            key: value
            for key, value in first.items()
            if not key.startswith("reduced/")
            and (isinstance(value, str) or all(key in run and _same(value, run.data(key)) for run in others))
        }

    def _factor(self, curve: Dataset, before: Dataset) -> Dataset:
        """By which a curve has to be multiplied; without overlap NaN, where it is not needed."""
        try:
            return overlap_scale(curve, before, self.overlap_lowest, self.overlap_highest or np.inf)
        except GumtreeError as error:
            if self.scaling == "overlap":
                raise
            self.log(error.message)
            return scalar(np.nan)

    def _averaged(self, curves: list[Dataset]) -> Dataset:
        q = [curve.axes["q"].values for curve in curves]
        low, high = min(each[0] for each in q), np.nextafter(max(each[-1] for each in q), np.inf)
        return merge(curves, self.combine, q_bins(low, high, self.bins, self.spacing))

    def _steps(self, factors: list[Dataset]) -> str:
        said = [f"{len(self.curves)} curves: {', '.join(run.name for run in self.curves)}"]
        if self.scaling == "overlap":
            said.append(f"heights by overlap: {', '.join(f'{float(each.values):.5g}' for each in factors)}")
        kept = (
            "all points" if self.combine == "points" else f"average over {self.bins} bins by {self.combine}"
        )
        return "\n".join([*said, kept])


def _same(one: Dataset, other: Dataset) -> bool:
    return bool(np.allclose(one.values, other.to(one.unit).values, rtol=1e-4))
