"""Time-of-flight reflectometry: from runs at several angles to one R(Q)."""

from __future__ import annotations

from typing import Literal

import numpy as np

from gumtree_core.data import Axis, Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.files.formats.orso import write_orso
from gumtree_core.reduction.reflectometry.beam import Ridge
from gumtree_core.reduction.reflectometry.footprint import illuminated
from gumtree_core.reduction.reflectometry.reflectivity import (
    Extraction,
    Spectrum,
    one_for_each,
    reflectivity,
    spectrum,
    wavelength_bins,
)
from gumtree_core.reduction.reflectometry.stitching import plateau, stitch
from gumtree_core.reduction.runs import check_different
from gumtree_core.scripts import Script, action, group, parameter, result

KEPT = (
    "run/title", "run/start_time", "run/user", "experiment/title", "instrument/name", "source/name",
    "source/probe", "sample/name",
)  # fmt: skip
"""What the curve says of the first run."""

ABOVE_1 = 1.2
"""From here on R is worth a word; below, it may be the drift of the source."""


class Reflectometry(Script):
    """Reduce time-of-flight runs at one or several angles to R(Q).

    The wavelength follows from the time of flight behind the pair of choppers. The beam is found on the
    detector at long wavelengths and followed as it falls; the background under it is taken from the rows
    beside it. What is reflected is divided by the direct beam, each per monitor count, in bins of wavelength.
    Half the angle between both beams is theta. Curves of growing angle are scaled onto the first where they
    overlap.
    """

    author = "GumTree on Tango"
    version = "1.0"

    # fmt: off
    runs = group("Runs")
    reflected: list[Run] = parameter(
        label="Reflected beams", help="One or several angles, the smallest first."
    )
    direct: list[Run] = parameter(
        label="Direct beams", help="One for all angles, or one for each in their order."
    )

    bins = group("Wavelength")
    lowest_wavelength: float = parameter(2.5, ge=0.1, le=100, unit="angstrom", label="Lowest wavelength")
    highest_wavelength: float = parameter(19.0, ge=0.1, le=100, unit="angstrom", label="Highest wavelength")
    bin_width: float = parameter(
        2.0, ge=0.01, le=50, unit="percent", label="Width of the bins", help="Relative."
    )

    beam = group("Beam on the detector")
    foreground: float = parameter(
        3.0, ge=0.5, le=20, label="Half width of the foreground",
        help="In standard deviations of the beam, to whole rows of the detector.",
    )
    background: Literal["line", "mean", "none"] = parameter(
        "line", label="Background", help="Through the rows beside the beam."
    )
    background_gap: float = parameter(
        4.0, ge=0, le=200, unit="pixel", label="Gap between beam and background"
    )
    background_width: float = parameter(
        2.0, ge=0.1, le=100, label="Width of the background",
        help="On each side, in standard deviations of the beam.",
    )
    gravity: bool = parameter(True, label="Follow the beam as it falls", level="expert")
    beam_center: list[float] = parameter(
        [], label="Rows of the reflected beams", level="expert",
        help="One for each angle, where no beam is found; needs its width too.",
    )
    beam_sigma: float = parameter(
        0.0, ge=0, unit="pixel", label="Width of the reflected beams", level="expert",
        help="Standard deviation, for rows given by hand.",
    )

    curve = group("Curve")
    stitching: Literal["scale", "as measured"] = parameter("scale", label="Overlaps")
    critical_q: float = parameter(
        0.0, ge=0, le=1, unit="1/angstrom", label="Critical Q",
        help="R is 1 below it, and all is divided by its mean there. 0: as measured.",
    )
    sample_length: float = parameter(
        0.0, ge=0, le=10_000, unit="mm", label="Length of the sample",
        help="Along the beam, to divide by the part of the beam that it catches. 0: it catches all.",
    )

    r: Dataset = result(label="R(Q)", ndim=1, x="q", x_unit="1/angstrom", log_y=True)
    theta: Dataset = result(label="Angles", unit="deg", ndim=1, x="angle", format="%.4f")
    scale_factors: Dataset = result(label="Scale factors", ndim=1, x="angle", format="%.4f")
    # fmt: on

    @action("Reduce")
    def reduce(self) -> None:
        """Reduce to one R(Q)."""
        check_different([(f"angle {number}", run) for number, run in enumerate(self.reflected, 1)])
        self._steps = ["time of flight to wavelength behind a pair of choppers"]
        axis = wavelength_bins(self.lowest_wavelength, self.highest_wavelength, self.bin_width / 100)
        beams = zip(self.reflected, self._direct_beams(axis), self._ridges(), strict=True)
        curves = [self._reflectivity(run, direct, axis, ridge) for run, direct, ridge in beams]
        self.progress(0.9, "Stitching")
        angles = np.array([float(each.metadata["theta"].values) for each in curves])
        order = np.argsort(angles, kind="stable")
        r, factors = stitch([curves[k] for k in order], self.stitching == "scale")
        numbered = Axis(np.arange(1.0, len(curves) + 1), dims=("angle",))
        self.theta = Dataset(angles[order], dims=("angle",), unit="deg", axes={"angle": numbered})
        self.scale_factors = factors.with_axes(angle=numbered)
        if self.critical_q:
            r = r / plateau(r, self.critical_q)
            self._steps.append(f"divided by the mean below {self.critical_q:g} 1/angstrom")
        self._tell_what_is_above_1(r)
        self.r = self._described(r)
        references = [str(run.path) for run in self.direct if run.path is not None]
        self.save_as(
            write_orso, self.r, f"{self.reflected[0].name.partition('.')[0]}_r.ort", references=references
        )
        self.progress(1.0, "Reduced")

    def _direct_beams(self, axis: Axis) -> list[Spectrum]:
        """The spectrum of the direct beam of each angle; one that serves several is one source of error."""
        if not self.reflected or not self.direct:
            raise GumtreeError("RUNS_MISSING", "Give at least one reflected and one direct beam.")
        self.progress(0.05, "Direct beams")
        found = [spectrum(run, axis, reflected=False, extraction=self._extraction) for run in self.direct]
        for run, beam in zip(self.direct, found, strict=True):
            self.log(f"{run.name}: direct beam at row {beam.ridge.center:.2f}")
        self._steps.append(f"direct beam {', '.join(run.name for run in self.direct)}")
        return one_for_each(found, len(self.reflected), "direct beams")

    def _reflectivity(self, run: Run, direct: Spectrum, axis: Axis, ridge: Ridge | None) -> Dataset:
        beam = spectrum(run, axis, reflected=True, extraction=self._extraction, ridge=ridge)
        curve = reflectivity(beam, direct)
        theta = curve.metadata["theta"].to("rad").values
        low, high = beam.regions.foreground
        self._steps.append(
            f"{run.name}: theta {np.degrees(theta):.4f} deg, rows {low + 0.5:g} to {high - 0.5:g}, "
            f"background {self.background}, per monitor count, over the direct beam"
        )
        self.log(self._steps[-1])
        if self.sample_length:
            part = float(illuminated(theta, self.sample_length, beam.flight))
            self._steps.append(f"{run.name}: {100 * part:.1f} % of the beam falls onto the sample")
            curve = curve / part
        return curve

    @property
    def _extraction(self) -> Extraction:
        return Extraction(
            width=self.foreground,
            gap=self.background_gap,
            beside=self.background_width,
            background=self.background,
            gravity=self.gravity,
        )

    def _ridges(self) -> list[Ridge | None]:
        """Where the reflected beams are, if that is given by hand."""
        if not self.beam_center:
            return [None] * len(self.reflected)
        if len(self.beam_center) != len(self.reflected) or not self.beam_sigma:
            raise GumtreeError(
                "RUNS_DIFFER",
                f"There are {len(self.beam_center)} rows and a width of {self.beam_sigma:g} pixel for "
                f"{len(self.reflected)} reflected beams; give a row for each, and a width above 0.",
            )
        return [Ridge(center, self.beam_sigma) for center in self.beam_center]

    def _tell_what_is_above_1(self, r: Dataset) -> None:
        """Nothing reflects more than all; but slits may have been changed, so the curve is kept."""
        above = r[(r.values > ABOVE_1) & (r.values - 1 > 5 * r.errors)]
        if above.size:
            self.log(
                f"R is up to {above.values.max():.4g}: were reflected and direct beams exchanged, or the "
                "slits changed between them? A `critical_q` inside the plateau makes that 1."
            )

    def _described(self, r: Dataset) -> Dataset:
        first = self.reflected[0]
        known = {key: first[key] for key in KEPT if key in first}
        title = first.text("run/title") or first.text("sample/name") or "R(Q)"
        steps = {"theta": self.theta, "steps": "\n".join(self._steps)}
        return r.replace(title=title, metadata={**r.metadata, **known, **steps})
