"""Small-angle scattering: from runs to I(q) on an absolute scale."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gumtree_core.data import Dataset, errors, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.files.formats.columns import write_columns
from gumtree_core.reduction.corrections.sensitivity import sensitivity
from gumtree_core.reduction.corrections.transmission import at_angle
from gumtree_core.reduction.detector.geometry import Geometry, geometry, number
from gumtree_core.reduction.detector.masks import of_run, share
from gumtree_core.reduction.integration import q_bins
from gumtree_core.reduction.small_angle.absolute import direct_beam_scale, standard_scale
from gumtree_core.reduction.small_angle.averaging import Averaging
from gumtree_core.reduction.small_angle.roles import Roles
from gumtree_core.reduction.small_angle.sans import (
    Counting,
    beam_center,
    of_each_pixel,
    resolution,
    resolution_of_pixels,
    said_of,
    thickness,
)
from gumtree_core.reduction.small_angle.standards import Standard, flat, glassy_carbon, water_for_x_rays
from gumtree_core.scripts import Script, action, group, parameter, prepared, result


class SansReduction(Script):
    """Reduce a SANS run to I(q).

    Each run is corrected for dead time, normalised, and freed of the background that the blocked beam gives.
    What the sample scatters is divided by its transmission at each angle; the empty cell's is subtracted. The
    pattern is divided by solid angle and sensitivity (of a file, or water, treated likewise), put on absolute
    scale with the attenuated direct beam or a standard sample, and averaged over rings of q. A step whose run
    is not given is left out.
    """

    author = "GumTree on Tango"
    version = "1.1"

    # fmt: off
    runs = group("Runs")
    sample: Run = parameter(label="Sample", live=True)
    empty_cell: Run | None = parameter(None, label="Empty cell")
    blocked_beam: Run | None = parameter(None, label="Blocked beam, or dark current")
    sensitivity_file: Run | None = parameter(
        None, label="Sensitivity", help="A file that holds it, such as a DIV file of the NCNR."
    )
    flood: Run | None = parameter(None, label="Water (flood)")
    mask_file: Run | None = parameter(None, label="Mask")
    direct_beam: Run | None = parameter(None, label="Direct beam, attenuated")
    sample_beam: Run | None = parameter(None, label="Direct beam through the sample")
    cell_beam: Run | None = parameter(None, label="Direct beam through the empty cell")
    flood_beam: Run | None = parameter(None, label="Direct beam through the water")
    open_beam: Run | None = parameter(
        None, label="Direct beam of the transmissions",
        help="Needed only where they were measured in another configuration: the empty beam of that.",
    )

    scale = group("Absolute scale by a standard", folded=True)
    standard: Run | None = parameter(
        None, label="Standard sample", help="If given, it makes the scale in place of the beam."
    )
    standard_beam: Run | None = parameter(None, label="Direct beam through the standard")
    standard_transmission: float = parameter(
        1.0, ge=0, le=1, label="Transmission of the standard", help="Used unless it is measured."
    )
    standard_transmission_error: float = parameter(
        0.0, ge=0, le=1, label="Error of the transmission of the standard"
    )
    standard_material: Literal["NIST SRM 3600", "water (x-rays)", "flat scatterer"] = parameter(
        "NIST SRM 3600", label="Material of the standard"
    )
    standard_level: float = parameter(0.0, ge=0, unit="1/cm", label="Level of the flat scatterer")
    standard_level_error: float = parameter(0.0, ge=0, unit="1/cm", label="Error of that")
    standard_thickness: float = parameter(
        0.0, ge=0, le=1000, unit="mm", label="Thickness of the standard",
        help="0: as certified, or as in its run.",
    )
    standard_in_cell: bool = parameter(False, label="Standard is in the cell")

    corrections = group("Corrections")
    normalization: Literal["monitor", "time"] = parameter("monitor", label="Normalise to")
    sample_transmission: float = parameter(
        0.0, ge=0, le=1, label="Transmission of the sample",
        help="In its cell; 0: as in its run, or 1. Used unless the direct beam with and without it is given.",
    )
    sample_transmission_error: float = parameter(
        0.0, ge=0, le=1, label="Error of the transmission of the sample"
    )
    sample_in_cell: bool = parameter(
        True, label="Sample is in the cell", help="If not, the cell is subtracted from water only."
    )
    cell_transmission: float = parameter(
        1.0, ge=0, le=1, label="Transmission of the empty cell", help="Used unless it is measured."
    )
    cell_transmission_error: float = parameter(
        0.0, ge=0, le=1, label="Error of the transmission of the empty cell"
    )
    flood_transmission: float = parameter(
        1.0, ge=0, le=1, label="Transmission of the water", help="Used unless it is measured."
    )
    flood_transmission_error: float = parameter(
        0.0, ge=0, le=1, label="Error of the transmission of the water"
    )
    thickness: float = parameter(
        0.0, ge=0, le=1000, unit="mm", label="Thickness", help="Of the sample; 0: as in its run."
    )
    attenuation: float = parameter(
        0.0, ge=0, le=1, label="Transmission of the attenuator",
        help="In all direct beams, 1 if there was none; 0: as in each run.",
    )

    curve = group("Curve")
    q_min: float = parameter(0.015, ge=0, le=10, unit="1/angstrom", label="Lowest q")
    q_max: float = parameter(0.145, ge=0, le=10, unit="1/angstrom", label="Highest q")
    bins: int = parameter(130, ge=1, le=10_000, label="Bins")
    spacing: Literal["linear", "logarithmic"] = parameter("linear", label="Spacing")
    weighting: Literal["area", "inverse variance"] = parameter("area", label="Weighting")
    columns: bool = parameter(False, label="Columns of text too", help="Saved beside NXcanSAS: q, I, dI, dq.")
    save_pattern: bool = parameter(
        False, label="I(qx, qy) too", help="The corrected pattern, saved beside I(q)."
    )

    cuts = group("Sectors and cuts", folded=True)
    sector_width: float = parameter(
        360.0, ge=1, le=360, unit="deg", label="I(q) of a sector of",
        help="Below 180 it is taken on both sides of the beam; 360: all around.",
    )
    sector_angle: float = parameter(
        0.0, unit="deg", label="Direction of the sector", help="0: along x, 90: along y."
    )
    ring_q_max: float = parameter(
        0.0, ge=0, le=10, unit="1/angstrom", label="I(phi) of a ring up to", help="0: none."
    )
    ring_q_min: float = parameter(0.0, ge=0, le=10, unit="1/angstrom", label="I(phi) of a ring from")
    ring_bins: int = parameter(72, ge=1, le=3600, label="Bins of phi")
    cut_width: float = parameter(
        0.0, ge=0, le=10, unit="1/angstrom", label="Width of a cut through the beam", help="0: none."
    )
    cut_angle: float = parameter(
        0.0, unit="deg", label="Direction of the cut", help="0: horizontal, 90: vertical."
    )
    split_pixels: bool = parameter(
        False, label="Split pixels among bins",
        help="By area, for curves of sectors and cuts that are narrow; correlates neighbouring points.",
    )

    expert = group("Beam centre and details", folded=True)
    beam_center_x: float = parameter(
        0.0, unit="pixel", label="Beam centre x", help="0: from the direct beam, or as in the run."
    )
    beam_center_y: float = parameter(0.0, unit="pixel", label="Beam centre y")
    pixel_size: float = parameter(0.0, ge=0, unit="mm", label="Pixel size", help="0: as in the run.")
    beam_radius: float = parameter(30.0, ge=1, unit="mm", label="Radius of the direct beam")
    shadow_radius: float = parameter(0.0, ge=0, unit="mm", label="Radius of the beam stop's shadow")
    beam_sensitivity_error: float = parameter(
        0.0, ge=0, le=1, label="Error of the sensitivity at the beam",
        help="It is not measured there: the beam stop hides those pixels. Relative; shared by all points.",
    )
    zero_count_variance: float = parameter(
        0.0, ge=0, le=1, label="Variance of zero counts",
        help="0 is right for averages by area; the programs of ORNL use 1.",
    )
    error_rule: Literal["exact", "independent"] = parameter(
        "exact", label="Errors",
        help="'independent' forgets that pixels share monitor, transmission and flood, as most programs do.",
    )

    iq: Dataset = result(
        label="I(q)", unit="1/cm", ndim=1, x="q", x_unit="1/angstrom", log_x=True, log_y=True
    )
    iphi: Dataset = result(label="I(phi)", unit="1/cm", ndim=1, x="phi", x_unit="deg")
    along_cut: Dataset = result(
        label="I along the cut", unit="1/cm", ndim=1, x="q", x_unit="1/angstrom", log_y=True
    )
    pattern: Dataset = result(
        label="Corrected pattern", unit="1/cm", ndim=2, log_y=True, help="Before averaging."
    )
    transmission: Dataset = result(label="Transmission of the sample", format="%.4f")
    # fmt: on

    @action("Reduce", live=True)
    def reduce(self) -> None:
        """Reduce to I(q)."""
        if self.q_min >= self.q_max:
            raise GumtreeError(
                "BAD_RANGE",
                f"The lowest q is {self.q_min:g} and the highest {self.q_max:g} 1/angstrom: give a lowest "
                "below the highest.",
            )
        if self.weighting == "inverse variance" and self.zero_count_variance == 0:
            raise GumtreeError(
                "NO_WEIGHT",
                "Weighting by inverse variance gives pixels without counts an infinite weight. Set the "
                "variance of zero counts to 1, or weight by area.",
            )
        with errors(self.error_rule):
            self._reduce()
        name = Path(self.sample.name).stem
        self.save_curve(self.iq, f"{name}_iq", columns=self.columns)
        if self.save_pattern:
            self.save_curve(self.pattern, f"{name}_iqxqy", columns=self.columns, part="iqxqy")
        for part in {"iphi", "along_cut"} & self.results().keys():
            self.save_as(write_columns, getattr(self, part), f"{name}_{part}.txt", part=part)

    def _reduce(self) -> None:
        self._roles().check()
        run = self.sample
        detector = geometry(run, self._center(run), self.pixel_size)
        averages = self._averaging(detector, number(run, "instrument/wavelength", "angstrom"))

        self.progress(0.1, "Scattering of the sample")
        self.transmission = self._transmission(run, detector)
        pattern = self._scattered(run, self.transmission, detector)
        if self.sample_in_cell:
            pattern = self._without_cell(pattern, detector)

        self.progress(0.4, "Solid angle and sensitivity")
        pattern = self._masked(pattern / self._even(detector), detector)

        self.progress(0.6, "Absolute scale")
        scaled = self.standard is not None or self.direct_beam is not None
        centimetres = float(thickness(run, self.thickness).values) if scaled else 0.0
        if scaled:
            pattern = (pattern / self._scale(averages, centimetres)).to("1/cm")
        steps = self._steps(detector, centimetres)
        self.pattern = self._map(pattern, averages, steps)

        self.progress(0.8, "Averages over rings")
        steps += self._averages()
        self.iq = self._curve(pattern, averages, steps)
        self._cuts(pattern, averages, steps)
        self.log(f"Done: {'; '.join(steps)}.")
        self.progress(1.0, "Reduced")

    def _roles(self) -> Roles:
        return Roles(
            sample=self.sample,
            empty_cell=self.empty_cell,
            blocked_beam=self.blocked_beam,
            flood=self.flood,
            standard=self.standard,
            sensitivity_file=self.sensitivity_file,
            direct_beam=self.direct_beam,
            open_beam=self.open_beam,
            through={what: getattr(self, f"{what}_beam") for what in ("sample", "cell", "flood", "standard")},
        )

    def _center(self, run: Run) -> tuple[float, float]:
        if self.direct_beam is None:
            return beam_center(run, None, self.beam_center_x, self.beam_center_y)
        return self._center_of(self.direct_beam)

    @prepared
    def _center_of(self, beam: Run) -> tuple[float, float]:
        return beam_center(beam, beam, self.beam_center_x, self.beam_center_y)

    @prepared
    def _counting(self) -> Counting:
        return Counting(
            self.blocked_beam,
            self.normalization,
            self.zero_count_variance,
            self.beam_radius,
            self.attenuation,
        )

    def _transmission(self, run: Run, detector: Geometry) -> Dataset:
        known = self.sample_transmission or number(run, "sample/transmission", "", 0.0)
        if not known and self.sample_beam is None:
            self.log("The transmission of the sample is not known and taken to be 1.")
        return self._through("sample", detector, known or 1.0)

    @prepared
    def _through(self, what: str, detector: Geometry, known: float = 0.0) -> Dataset:
        """The transmission of sample, cell, flood or standard: measured in the direct beam, or as given."""
        run = getattr(self, f"{what}_beam")
        if run is not None and self.open_beam is not None:
            return self._counting().transmission_elsewhere(run, self.open_beam, self.pixel_size)
        if run is not None and self.direct_beam is not None:
            return self._counting().transmission(run, self.direct_beam, detector)
        given = known or getattr(self, f"{what}_transmission")
        return scalar(given, getattr(self, f"{what}_transmission_error"))

    def _scattered(self, run: Run, through: Dataset, detector: Geometry) -> Dataset:
        """What a run has scattered: its signal over its transmission at each angle."""
        scattered: Dataset = self._counting().signal(run) / self._at_angle(through, detector)
        return scattered

    @prepared
    def _at_angle(self, through: Dataset, detector: Geometry) -> Dataset:
        return at_angle(through, detector.cosine)

    @prepared
    def _cell(self, run: Run, detector: Geometry) -> Dataset:
        return self._scattered(run, self._through("cell", detector), detector)

    def _without_cell(self, scattered: Dataset, detector: Geometry) -> Dataset:
        return scattered if self.empty_cell is None else scattered - self._cell(self.empty_cell, detector)

    @prepared
    def _sensitivity(self, detector: Geometry) -> Dataset | None:
        if self.sensitivity_file is not None:
            return of_each_pixel(self.sensitivity_file, "detector/sensitivity", detector.shape)
        if self.flood is None:
            return None
        flood = self._scattered(self.flood, self._through("flood", detector), detector)
        scatterer = self._masked(self._without_cell(flood, detector), detector)
        return sensitivity(scatterer, detector, shadow=self.shadow_radius)

    @prepared
    def _even(self, detector: Geometry) -> Dataset:
        """What an even scatterer would show: solid angle and sensitivity of each pixel."""
        solid_angle = Dataset(detector.relative_solid_angle, dims=("y", "x"))
        relative = self._sensitivity(detector)
        return solid_angle if relative is None else relative * solid_angle

    def _masked(self, pattern: Dataset, detector: Geometry) -> Dataset:
        masks = self._masks(detector)
        return pattern.with_masks(**masks) if masks else pattern

    @prepared
    def _masks(self, detector: Geometry) -> dict[str, Any]:
        masks = {}
        if self.mask_file is not None:
            masks["mask"] = of_run(self.mask_file, detector.shape)
            self.log(f"{self.mask_file.name} masks {share(masks['mask'])}.")
        if self.shadow_radius > 0:
            masks["beam_stop"] = detector.radius <= self.shadow_radius
        return masks

    @prepared
    def _averaging(self, detector: Geometry, wavelength: float) -> Averaging:
        bins = q_bins(self.q_min, self.q_max, self.bins, self.spacing)
        return Averaging(detector, wavelength, bins, self.weighting, self.split_pixels)

    @prepared
    def _scale(self, averages: Averaging, centimetres: float) -> Dataset:
        """What the scattering of a sample of this thickness is divided by."""
        thick = scalar(centimetres, unit="cm")
        if self.standard is not None:
            return self._scale_by_standard(self.standard, averages, thick)
        return self._scale_by_beam(self.direct_beam, averages.detector, thick)

    def _scale_by_beam(self, run: Run, detector: Geometry, thick: Dataset) -> Dataset:
        """Water does not show the pixels in the direct beam: they are taken to be as those around."""
        seen_by = scalar(1.0, self.beam_sensitivity_error)
        relative = self._sensitivity(detector)
        from_file = relative if self.sensitivity_file is not None else None
        if from_file is None and relative is not None and self.shadow_radius > 0:
            around = detector.radius > 2 * self.shadow_radius
            seen_by = seen_by * relative.with_masks(far=around).mean()
        beam = self._counting().direct_beam(run, detector, from_file) / seen_by
        return direct_beam_scale(beam, detector, thick)

    def _scale_by_standard(self, run: Run, averages: Averaging, thick: Dataset) -> Dataset:
        detector = averages.detector
        scattered = self._scattered(run, self._through("standard", detector), detector)
        if self.standard_in_cell:
            scattered = self._without_cell(scattered, detector)
        measured = averages.curve(self._masked(scattered / self._even(detector), detector))
        return standard_scale(measured, self._known_standard(), self._standard_thickness(run), thick)

    def _standard_thickness(self, run: Run) -> Dataset:
        return thickness(run, self.standard_thickness or self._known_standard().thickness)

    @prepared
    def _known_standard(self) -> Standard:
        if self.standard_material == "flat scatterer":
            return flat(self.standard_level, self.standard_level_error)
        return glassy_carbon() if self.standard_material == "NIST SRM 3600" else water_for_x_rays()

    def _map(self, pattern: Dataset, averages: Averaging, steps: list[str]) -> Dataset:
        """I(qx, qy), with what was done and what is known of it."""
        run, detector = self.sample, averages.detector
        metadata = said_of(run, detector, self.transmission, self.thickness) | {"steps": "\n".join(steps)}
        if self.save_pattern:
            with suppress(GumtreeError):  # told with the curve
                metadata |= resolution_of_pixels(run, detector, averages.q_map)
        title = run.text("run/title") or "I(qx, qy)"
        return averages.placed(pattern).replace(title=title, metadata=metadata)

    def _curve(self, pattern: Dataset, averages: Averaging, steps: list[str]) -> Dataset:
        """I(q), with what was done and what is known of it."""
        curve = averages.curve(pattern, self.sector_angle, self.sector_width)
        if np.nanmax(curve.values) < 0:
            self.log("I(q) is negative throughout: are the runs of sample, cell and background exchanged?")
        run, detector = self.sample, averages.detector
        metadata = said_of(run, detector, self.transmission, self.thickness)
        metadata |= {"pixels": curve.metadata["pixels"], "steps": "\n".join(steps)}
        try:
            metadata["dq"] = resolution(run, detector, curve.axes["q"].centers)
        except GumtreeError as error:  # the curve is good without
            self.log(f"No resolution: {error.message}")
        return curve.replace(title=run.text("run/title") or "I(q)", metadata=metadata)

    def _cuts(self, pattern: Dataset, averages: Averaging, steps: list[str]) -> None:
        self.iphi = self.along_cut = None
        if self.ring_q_max:
            found = averages.ring(pattern, self.ring_q_min, self.ring_q_max, self.ring_bins)
            self.iphi = self._told(found, steps)
        if self.cut_width:
            self.along_cut = self._told(averages.along(pattern, self.cut_angle, self.cut_width), steps)

    def _told(self, curve: Dataset, steps: list[str]) -> Dataset:
        done = "\n".join([*steps[:-1], curve.title])
        title = f"{self.sample.text('run/title')}: {curve.title}"
        return curve.replace(title=title).with_metadata(steps=done)

    def _steps(self, detector: Geometry, centimetres: float) -> list[str]:
        """What has been done, in order, for people and files."""
        told = self._counting().describe
        steps = [f"beam centre ({detector.center_x:.2f}, {detector.center_y:.2f}) pixel"]
        steps.append(told(self.sample, self.transmission))
        if self.empty_cell is not None:
            steps.append(told(self.empty_cell, self._through("cell", detector)))
            steps += [f"less {self.empty_cell.name}"] if self.sample_in_cell else []
        if self.flood is not None:
            steps.append(told(self.flood, self._through("flood", detector)))
        steps.append("solid angle")
        for what, run in (
            ("sensitivity from", self.flood),
            ("sensitivity from", self.sensitivity_file),
            ("pixels masked by", self.mask_file),
        ):
            steps += [f"{what} {run.name}"] if run is not None else []
        if self.shadow_radius > 0:
            steps.append(f"shadow of the beam stop masked to {self.shadow_radius:g} mm")
        thick = f"thickness {10 * centimetres:g} mm"
        if self.standard is not None:
            own = float(self._standard_thickness(self.standard).values)
            steps.append(told(self.standard, self._through("standard", detector)))
            name = self._known_standard().name
            steps.append(f"absolute scale from {self.standard.name} ({name}, {10 * own:g} mm), {thick}")
        elif self.direct_beam is not None:
            steps.append(f"absolute scale from {self.direct_beam.name}, {thick}")
        return steps

    def _averages(self) -> list[str]:
        whole = self.sector_width == 360 and not self.split_pixels
        sector = [] if whole else [f"sector of {self.sector_width:g} deg about {self.sector_angle:g} deg"]
        return [*sector, f"average over {self.bins} {self.spacing} bins by {self.weighting}"]
