"""Small-angle scattering: from runs to I(q) on an absolute scale."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from gumtree_core.data import Dataset, errors, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.files.formats.columns import write_columns
from gumtree_core.reduction.corrections.sensitivity import sensitivity
from gumtree_core.reduction.detector.geometry import geometry, image, number
from gumtree_core.reduction.integration import (
    annulus,
    cut,
    free_bins,
    phi_bins,
    q_bins,
    rings,
    sector,
)
from gumtree_core.reduction.small_angle.absolute import direct_beam_scale, standard_scale
from gumtree_core.reduction.small_angle.sans import (
    DISTANCE,
    WAVELENGTH,
    Counting,
    beam_center,
    belong_together,
    of_each_pixel,
    resolution,
    said_of,
    thickness,
)
from gumtree_core.reduction.small_angle.standards import (
    Standard,
    flat,
    glassy_carbon,
    water_for_x_rays,
)
from gumtree_core.scripts import Script, action, group, parameter, result


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
    standard_material: Literal["NIST SRM 3600", "water (x-rays)", "flat scatterer"] = parameter(
        "NIST SRM 3600", label="Material of the standard"
    )
    standard_level: float = parameter(0.0, ge=0, unit="1/cm", label="Level of the flat scatterer")
    standard_level_error: float = parameter(0.0, ge=0, unit="1/cm", label="Error of that")
    standard_thickness: float = parameter(
        0.0, ge=0, le=1000, unit="mm", label="Thickness of the standard",
        help="0: as certified, or as in its run.",
    )
    standard_in_cell: bool = parameter(False, label="It is in the cell")

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
        True, label="It is in the cell", help="If not, the cell is subtracted from water only."
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
    pattern: Dataset = result(label="Corrected pattern", unit="1/cm", ndim=2, help="Before averaging.")
    transmission: Dataset = result(label="Transmission of the sample", format="%.4f")
    # fmt: on
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
        for part in {"iphi", "along_cut"} & self.results().keys():
            self.save_as(write_columns, getattr(self, part), f"{name}_{part}.txt", part=part)

    def _reduce(self) -> None:
        self._check_runs()
        self._counting = Counting(
            self.blocked_beam,
            self.normalization,
            self.zero_count_variance,
            self.beam_radius,
            self.attenuation,
        )
        center = beam_center(self.sample, self.direct_beam, self.beam_center_x, self.beam_center_y)
        self._detector = geometry(self.sample, center, self.pixel_size)
        self._wavelength = number(self.sample, "instrument/wavelength", "angstrom")
        self._steps = [f"beam centre ({center[0]:.2f}, {center[1]:.2f}) pixel"]

        self.progress(0.1, "Scattering of the sample")
        known = self.sample_transmission or number(self.sample, "sample/transmission", "", 0.0)
        if not known and self.sample_beam is None:
            self.log("The transmission of the sample is not known and taken to be 1.")
        self.transmission = self._through(self.sample_beam, known or 1.0, self.sample_transmission_error)
        pattern = self._scattered(self.sample, self.transmission)
        self._cell: Dataset | None = None
        if self.empty_cell is not None:
            through = self._through(self.cell_beam, self.cell_transmission, self.cell_transmission_error)
            self._cell = self._scattered(self.empty_cell, through)
            if self.sample_in_cell:
                pattern = self._without_cell(pattern)
                self._steps.append(f"less {self.empty_cell.name}")

        self.progress(0.4, "Solid angle and sensitivity")
        self._relative = self._sensitivity()
        self._steps += ["solid angle", *self._names("sensitivity from", self.flood, self.sensitivity_file)]
        pattern = self._flat(pattern)
        self._steps += self._names("pixels masked by", self.mask_file)
        if self.shadow_radius > 0:
            self._steps.append(f"shadow of the beam stop masked to {self.shadow_radius:g} mm")

        self.progress(0.6, "Absolute scale")
        if self.standard is not None:
            pattern = (pattern / self._scale_by_standard(self.standard)).to("1/cm")
        elif self.direct_beam is not None:
            pattern = (pattern / self._scale_by_beam(self.direct_beam)).to("1/cm")
        self.pattern = pattern

        self.progress(0.8, "Averages over rings")
        self.iq = self._described(self._rings(pattern, self.sector_width))
        self._cuts(pattern)
        self.log(f"Done: {'; '.join(self._steps)}.")
        self.progress(1.0, "Reduced")

    def _check_runs(self) -> None:
        """Refuse what cannot be combined: one geometry serves all runs, and transmissions are relative."""
        image(self.sample)
        through = {
            "sample": self.sample_beam, "cell": self.cell_beam, "water": self.flood_beam,
            "standard": self.standard_beam,
        }  # fmt: skip
        open_beam = self.open_beam or self.direct_beam
        for what, run in through.items():
            if run is not None and open_beam is None:
                raise GumtreeError(
                    "NO_DIRECT_BEAM",
                    f"The direct beam through the {what} ({run.name}) says nothing without the empty direct "
                    "beam; give that too.",
                )
        if self.flood is not None and self.sensitivity_file is not None:
            raise GumtreeError(
                "TWO_SENSITIVITIES",
                f"{self.flood.name} and {self.sensitivity_file.name} both give the sensitivity; leave one "
                "out.",
            )
        here = (self.empty_cell, self.flood, self.direct_beam, self.standard)
        belong_together(self.sample, here, (DISTANCE, WAVELENGTH))
        belong_together(self.sample, (*through.values(), self.open_beam), (WAVELENGTH,))
        belong_together(self.open_beam or self.sample, through.values(), (DISTANCE,))

    def _through(self, run: Run | None, given: float, error: float = 0.0) -> Dataset:
        """The transmission of what is in a direct beam, relative to the empty one; as given without a run."""
        if run is not None and self.open_beam is not None:
            return self._counting.transmission_elsewhere(run, self.open_beam, self.pixel_size)
        if run is not None and self.direct_beam is not None:
            return self._counting.transmission(run, self.direct_beam, self._detector)
        return scalar(given, error)

    def _scattered(self, run: Run, through: Dataset) -> Dataset:
        self._steps.append(self._counting.describe(run, through))
        return self._counting.scattered(run, through, self._detector)

    def _without_cell(self, scattered: Dataset) -> Dataset:
        return scattered if self._cell is None else scattered - self._cell

    def _sensitivity(self) -> Dataset | None:
        if self.sensitivity_file is not None:
            return of_each_pixel(self.sensitivity_file, "detector/sensitivity", self._detector.shape)
        if self.flood is None:
            return None
        through = self._through(self.flood_beam, self.flood_transmission, self.flood_transmission_error)
        flood = self._masked(self._without_cell(self._scattered(self.flood, through)))
        return sensitivity(flood, self._detector, shadow=self.shadow_radius)

    def _flat(self, scattered: Dataset) -> Dataset:
        """What an even detector would see at equal solid angles, without the pixels that are masked."""
        pattern: Dataset = scattered / Dataset(self._detector.relative_solid_angle, dims=("y", "x"))
        return self._masked(pattern if self._relative is None else pattern / self._relative)

    def _masked(self, pattern: Dataset) -> Dataset:
        if self.mask_file is not None:
            mask = of_each_pixel(self.mask_file, "detector/mask", self._detector.shape)
            pattern = pattern.with_masks(mask=mask.values)
        if self.shadow_radius > 0:
            pattern = pattern.with_masks(beam_stop=self._detector.radius <= self.shadow_radius)
        return pattern

    def _scale_by_beam(self, run: Run) -> Dataset:
        """Water does not show the pixels in the direct beam: they are taken to be as those around."""
        seen_by = scalar(1.0, self.beam_sensitivity_error)
        from_file = self._relative if self.sensitivity_file is not None else None
        if from_file is None and self._relative is not None and self.shadow_radius > 0:
            around = self._detector.radius > 2 * self.shadow_radius
            seen_by = seen_by * self._relative.with_masks(far=around).mean()
        beam = self._counting.direct_beam(run, self._detector, from_file) / seen_by
        thick = thickness(self.sample, self.thickness)
        self._steps.append(f"absolute scale from {run.name}, thickness {10 * float(thick.values):g} mm")
        return direct_beam_scale(beam, self._detector, thick)

    def _scale_by_standard(self, run: Run) -> Dataset:
        standard = self._known_standard()
        scattered = self._scattered(run, self._through(self.standard_beam, self.standard_transmission))
        in_cell = self._without_cell(scattered) if self.standard_in_cell else scattered
        measured = self._rings(self._flat(in_cell))
        own = thickness(run, self.standard_thickness or standard.thickness)
        thick = thickness(self.sample, self.thickness)
        self._steps.append(
            f"absolute scale from {run.name} ({standard.name}, {10 * float(own.values):g} mm), thickness "
            f"{10 * float(thick.values):g} mm"
        )
        return standard_scale(measured, standard, own, thick)

    def _known_standard(self) -> Standard:
        if self.standard_material == "flat scatterer":
            return flat(self.standard_level, self.standard_level_error)
        return glassy_carbon() if self.standard_material == "NIST SRM 3600" else water_for_x_rays()

    def _rings(self, pattern: Dataset, width: float = 360.0) -> Dataset:
        """I(q) of all azimuths, or of a sector."""
        axis = q_bins(self.q_min, self.q_max, self.bins, self.spacing)
        if width == 360 and not self.split_pixels:
            plan = rings(self._detector.q(self._wavelength), axis)
        else:
            q_map, both = self._detector.q_map(self._wavelength), width < 180
            plan = sector(q_map, axis, self.sector_angle, width, both_sides=both, split=self.split_pixels)
            self._steps.append(f"sector of {width:g} deg about {self.sector_angle:g} deg")
        curve = plan.average(pattern, self.weighting)
        used = plan if pattern.mask is None else plan.without(pattern.mask)
        return curve.with_metadata(pixels=Dataset(used.area, dims=("q",), title="pixels"))

    def _cuts(self, pattern: Dataset) -> None:
        self.iphi = self.along_cut = None
        if not (self.ring_q_max or self.cut_width):
            return
        q_map = self._detector.q_map(self._wavelength)
        if self.ring_q_max:
            phi = phi_bins(-180, 180, self.ring_bins)
            ring = annulus(q_map, phi, self.ring_q_min, self.ring_q_max, split=self.split_pixels)
            what = f"ring from {self.ring_q_min:g} to {self.ring_q_max:g} 1/angstrom"
            self.iphi = self._told(ring.average(pattern, self.weighting), what)
        if self.cut_width:
            rising = q_bins(self.q_min, self.q_max, self.bins, self.spacing).values
            both_sides = free_bins([*-rising[::-1], *rising[rising > 0]])
            line = cut(q_map, both_sides, self.cut_angle, self.cut_width, split=self.split_pixels)
            curve = line.average(pattern, self.weighting)
            what = f"cut at {self.cut_angle:g} deg, {self.cut_width:g} 1/angstrom wide"
            self.along_cut = self._told(curve[abs(curve.axes["q"].centers) >= self.q_min], what)

    def _told(self, curve: Dataset, what: str) -> Dataset:
        steps = "\n".join([*self._steps[:-1], what])
        return curve.replace(title=f"{self.sample.text('run/title')}: {what}").with_metadata(steps=steps)

    def _described(self, iq: Dataset) -> Dataset:
        self._steps.append(f"average over {self.bins} {self.spacing} bins by {self.weighting}")
        run = self.sample
        metadata = said_of(run, self._detector, self.transmission, self.thickness)
        metadata |= {"pixels": iq.metadata["pixels"], "steps": "\n".join(self._steps)}
        try:
            metadata["dq"] = resolution(run, self._detector, iq.axes["q"].centers)
        except GumtreeError as error:  # the curve is good without
            self.log(f"No resolution: {error.message}")
        return iq.replace(title=run.text("run/title") or "I(q)", metadata=metadata)

    def _names(self, what: str, *runs: Run | None) -> list[str]:
        return [f"{what} {run.name}" for run in runs if run is not None]
