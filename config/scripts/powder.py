"""Powder diffraction with a detector of many tubes: from the steps of a scan to one pattern."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from gumtree_core.data import Dataset, poisson, scalar
from gumtree_core.files import Run
from gumtree_core.files.formats.columns import write_columns
from gumtree_core.files.formats.powder_cif import write_powder_cif
from gumtree_core.files.formats.powder_formats import write_fxye, write_xye
from gumtree_core.reduction.corrections.normalization import normalize
from gumtree_core.reduction.detector.geometry import number
from gumtree_core.reduction.powder.calibration import (
    read_angular_offsets,
    read_efficiency,
    read_vertical_offsets,
)
from gumtree_core.reduction.powder.gains import refine_gains
from gumtree_core.reduction.powder.patterns import cluster, rescaled, step, stitch
from gumtree_core.reduction.powder.straightening import bins, straightened_sum
from gumtree_core.reduction.powder.tubes import (
    corrected_for_efficiency,
    rows,
    two_theta,
    vertical_sum,
    vertically_shifted,
    with_angular_offsets,
)
from gumtree_core.reduction.runs import check_different
from gumtree_core.scripts import Script, action, group, parameter, result

WRITERS = {"cif": write_powder_cif, "xye": write_xye, "fxye": write_fxye, "dat": write_columns}


class Powder(Script):
    """Reduce a powder diffraction scan to one pattern.

    Each step is brought to a common monitor, and a background subtracted. Tubes are put to one height, pixels
    multiplied with their efficiency, tubes to their angles. If the scan goes beyond the distance of two
    tubes, their gains may be refined from the angles that several have measured. Then all pixels are summed
    along the Debye-Scherrer cones, or straight up each tube, and points that lie together become one.
    """

    author = "GumTree on Tango"
    version = "1.0"

    # fmt: off
    runs = group("Runs")
    sample: Run = parameter(label="Sample")
    background: Run | None = parameter(None, label="Background", help="Empty can, same steps.")
    normalization: Literal["monitor", "time"] = parameter("monitor", label="Normalise to")
    target: float = parameter(
        0.0, ge=0, label="Common monitor or time", help="Counts or s; 0: the highest there is."
    )

    detector = group("Detector")
    efficiency: Path | None = parameter(
        None, label="Efficiencies", help="Text or HDF5: a factor for each pixel."
    )
    vertical_offsets: Path | None = parameter(
        None, label="Vertical offsets", help="Two columns: tube from 1 on, pixels too high."
    )
    angular_offsets: Path | None = parameter(
        None, label="Angular offsets", help="A column of degrees, such as an .ang file."
    )
    wavelength: float = parameter(
        0.0, ge=0, le=100, unit="angstrom", label="Wavelength",
        help="For the file of the pattern; 0: as in the run.",
    )
    zero: float = parameter(
        0.0, ge=-180, le=180, unit="deg", label="Zero", help="Added to two-theta of all tubes."
    )
    lowest_row: int = parameter(24, ge=0, label="Lowest row", unit="pixel")
    highest_row: int = parameter(103, ge=0, label="Highest row", unit="pixel")
    radius: float = parameter(0.0, ge=0, unit="mm", label="Radius", help="To the tubes; 0: as in the file.")
    refine: bool = parameter(False, label="Refine gains", help="After Ford and Rollett.")

    sums = group("Pattern")
    summation: Literal["straightened", "vertical"] = parameter(
        "straightened", label="Sum",
        help="'straightened' along the cones, which is right; 'vertical' straight up the tubes.",
    )
    sharing: Literal["nearest", "shared"] = parameter(
        "nearest", label="Pixels between bins", level="expert",
        help="Of 'straightened': into the bin that they lie in, or into two, which correlates neighbours.",
    )
    width: float = parameter(
        0.0, ge=0, le=10, unit="deg", label="Step of the pattern", help="0: the step of the scan."
    )
    together: float = parameter(
        0.6, ge=0.01, le=10, label="Points become one within",
        help="In steps. Of 'vertical' and of the angles that gains are refined from.",
    )
    highest: float = parameter(0.0, ge=0, label="Scale to a highest point of", help="0: not scaled.")

    output = group("Files")
    format: Literal["cif", "xye", "fxye", "dat", "all"] = parameter(
        "cif", label="Format", help="'cif' keeps all settings; 'all' writes all four."
    )

    pattern: Dataset = result(label="Pattern", unit="counts", ndim=1, x="two_theta", x_unit="deg")
    gains: Dataset = result(label="Gains of tubes", ndim=1, x="x")
    gains_chi_square: float = result(label="Reduced chi-square of the gains")
    # fmt: on

    @action("Reduce")
    def reduce(self) -> None:
        """Reduce the scan."""
        self._steps: list[str] = []
        self.gains, self.gains_chi_square = None, None
        check_different([("sample", self.sample), ("background", self.background)])
        scan = self._normalised(self.sample)
        if self.background is not None:
            scan = scan - self._normalised(self.background, self._target)
            self._note(f"less {self.background.name}")

        self.progress(0.2, "Efficiencies and offsets")
        scan = self._calibrated(scan)
        scan = rows(scan, self.lowest_row, self.highest_row)
        self._note(f"rows {self.lowest_row} to {self.highest_row}")

        self._width = self.width or step(scan)
        if self.refine:
            self.progress(0.4, "Refining gains")
            scan = self._with_gains(scan)

        self.progress(0.6, "Summing")
        pattern = self._straightened(scan) if self.summation == "straightened" else self._clustered(scan)
        if self.highest:
            pattern = rescaled(pattern, self.highest)
            self._note(f"scaled to a highest point of {self.highest:g}")
        title = self.sample.text("sample/name") or self.sample.text("run/title") or self.sample.name
        self.pattern = pattern.replace(title=title).with_metadata(**self._told())
        for ending in WRITERS if self.format == "all" else (self.format,):
            self.save_as(WRITERS[ending], self.pattern, f"{self._stem}.{ending}")

    @property
    def _stem(self) -> str:
        return self.sample.name.removesuffix(".hdf").removesuffix(".nx")

    def _normalised(self, run: Run, target: float | None = None) -> Dataset:
        """Counts at the common monitor or time, which is that of the sample for all runs."""
        counts = poisson(run.data("detector/counts"), 1)
        if self.normalization == "monitor":
            exposure = poisson(run.data("monitor/counts"), 0)
        else:
            exposure = run.data("detector/time").to("s")
        if target is None:
            self._target = target = self.target or float(exposure.values.max())
            self._note(f"each step at a {self.normalization} of {target:g}")
        return normalize(counts, exposure, target)

    def _calibrated(self, scan: Dataset) -> Dataset:
        if self.vertical_offsets is not None:
            scan = vertically_shifted(scan, read_vertical_offsets(self.vertical_offsets))
            self._note(f"vertical offsets of {self.vertical_offsets.name}")
        if self.efficiency is not None:
            scan = corrected_for_efficiency(scan, read_efficiency(self.efficiency))
            self._note(f"efficiencies of {self.efficiency.name}")
        if self.angular_offsets is not None:
            scan = with_angular_offsets(scan, read_angular_offsets(self.angular_offsets))
            self._note(f"angular offsets of {self.angular_offsets.name}")
        return with_angular_offsets(scan, scalar(self.zero, unit="deg"))

    def _with_gains(self, scan: Dataset) -> Dataset:
        found = refine_gains(vertical_sum(scan), self.together * self._width)
        self.gains, self.gains_chi_square = found.values, found.reduced_chi_square
        self._note(f"gains of tubes, reduced chi-square {found.reduced_chi_square:.3f}")
        return scan / found.values

    def _straightened(self, scan: Dataset) -> Dataset:
        radius = self.radius or number(self.sample, "detector/distance", "mm")
        angles = two_theta(scan).values
        edges = bins(float(np.min(angles)), float(np.max(angles)), self._width)
        self._note(f"summed along the cones at a radius of {radius:g} mm, bins of {self._width:.6g} deg")
        pattern = straightened_sum(scan, radius, edges, self.sharing)
        return pattern if pattern.mask is None else pattern[~pattern.mask]

    def _clustered(self, scan: Dataset) -> Dataset:
        width = self.together * self._width
        self._note(f"summed straight up the tubes, averaged within {width:.6g} deg")
        return cluster(stitch(vertical_sum(scan)), width)

    def _note(self, text: str) -> None:
        self._steps.append(text)
        self.log(text)

    def _told(self) -> dict[str, object]:
        """What the file of the pattern says about the run."""
        groups = ("run/", "sample/", "instrument/", "source/", "detector/distance")
        known = {key: self.sample[key] for key in self.sample if key.startswith(groups)}
        if self.wavelength:
            known["instrument/wavelength"] = scalar(self.wavelength, unit="angstrom")
        return {**known, "steps": "\n".join(self._steps)}
