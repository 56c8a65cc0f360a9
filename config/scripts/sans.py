"""Small-angle scattering: from runs to I(q) on an absolute scale."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from gumtree_core.data import Dataset, errors, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.reduction.geometry import Array, Geometry, center_of_mass, geometry, image, number
from gumtree_core.reduction.integration import circular, q_bins
from gumtree_core.reduction.normalization import Normalization, rate, time_per_monitor
from gumtree_core.reduction.resolution import sigma_q
from gumtree_core.reduction.sensitivity import sensitivity
from gumtree_core.reduction.transmission import at_angle, beam_intensity, transmission
from gumtree_core.scripts import Script, action, group, parameter, result

SAME = 1e-3
"""How much distance and wavelength of runs that belong together may differ, relative."""
KEPT = (
    "run/title", "run/number", "instrument/name", "source/probe", "instrument/wavelength",
    "instrument/collimation_length", "detector/distance", "sample/name",
)  # fmt: skip
"""What the curve says of the sample's run."""


class SansReduction(Script):
    """Reduce a SANS run to I(q).

    Each run is corrected for dead time, normalised, and freed of the background that the blocked beam gives.
    What the sample scatters is divided by its transmission at each angle; the empty cell's is subtracted. The
    pattern is divided by solid angle and sensitivity (water, treated likewise), put on absolute scale with
    the attenuated direct beam, and averaged over rings of q. A step whose run is not given is left out.
    """

    author = "GumTree on Tango"
    version = "1.0"

    runs = group("Runs")
    corrections = group("Corrections")
    curve = group("Curve")
    expert = group("Beam centre and details", folded=True)

    sample: Run = parameter(label="Sample", group="runs", live=True)
    empty_cell: Run | None = parameter(None, label="Empty cell", group="runs")
    blocked_beam: Run | None = parameter(None, label="Blocked beam, or dark current", group="runs")
    flood: Run | None = parameter(None, label="Water (flood)", group="runs")
    direct_beam: Run | None = parameter(None, label="Direct beam, attenuated", group="runs")
    sample_beam: Run | None = parameter(None, label="Direct beam through the sample", group="runs")
    cell_beam: Run | None = parameter(None, label="Direct beam through the empty cell", group="runs")
    flood_beam: Run | None = parameter(None, label="Direct beam through the water", group="runs")

    normalization: Literal["monitor", "time"] = parameter(
        "monitor", label="Normalise to", group="corrections"
    )
    sample_transmission: float = parameter(
        1.0, ge=0, le=1, label="Transmission of the sample", group="corrections",
        help="In its cell. Used unless it is measured: the direct beam, with and without it, is given.",
    )  # fmt: skip
    sample_transmission_error: float = parameter(
        0.0, ge=0, le=1, label="Error of the transmission of the sample", group="corrections"
    )
    cell_transmission: float = parameter(
        1.0, ge=0, le=1, label="Transmission of the empty cell", group="corrections",
        help="Used unless it is measured.",
    )  # fmt: skip
    cell_transmission_error: float = parameter(
        0.0, ge=0, le=1, label="Error of the transmission of the empty cell", group="corrections"
    )
    flood_transmission: float = parameter(
        1.0, ge=0, le=1, label="Transmission of the water", group="corrections",
        help="Used unless it is measured.",
    )  # fmt: skip
    flood_transmission_error: float = parameter(
        0.0, ge=0, le=1, label="Error of the transmission of the water", group="corrections"
    )
    thickness: float = parameter(
        0.0, ge=0, le=1000, unit="mm", label="Thickness", group="corrections",
        help="Of the sample; 0: as in its run.",
    )  # fmt: skip
    attenuation: float = parameter(
        0.0, ge=0, le=1, label="Transmission of the attenuator", group="corrections",
        help="In all direct beams, 1 if there was none; 0: as in each run.",
    )  # fmt: skip

    q_min: float = parameter(0.015, ge=0, le=10, unit="1/angstrom", label="Lowest q", group="curve")
    q_max: float = parameter(0.145, ge=0, le=10, unit="1/angstrom", label="Highest q", group="curve")
    bins: int = parameter(130, ge=1, le=10_000, label="Bins", group="curve")
    spacing: Literal["linear", "logarithmic"] = parameter("linear", label="Spacing", group="curve")
    weighting: Literal["area", "inverse variance"] = parameter("area", label="Weighting", group="curve")
    columns: bool = parameter(
        False, label="Columns of text too", group="curve", help="Saved beside NXcanSAS: q, I, dI, dq."
    )

    beam_center_x: float = parameter(
        0.0, unit="pixel", label="Beam centre x", group="expert",
        help="0: from the direct beam, or as in the run.",
    )  # fmt: skip
    beam_center_y: float = parameter(0.0, unit="pixel", label="Beam centre y", group="expert")
    pixel_size: float = parameter(
        0.0, ge=0, unit="mm", label="Pixel size", group="expert", help="0: as in the run."
    )
    beam_radius: float = parameter(30.0, ge=1, unit="mm", label="Radius of the direct beam", group="expert")
    shadow_radius: float = parameter(
        0.0, ge=0, unit="mm", label="Radius of the beam stop's shadow", group="expert"
    )
    beam_sensitivity_error: float = parameter(
        0.0, ge=0, le=1, label="Error of the sensitivity at the beam", group="expert",
        help="It is not measured there: the beam stop hides those pixels. Relative; shared by all points.",
    )  # fmt: skip
    zero_count_variance: float = parameter(
        0.0, ge=0, le=1, label="Variance of zero counts", group="expert",
        help="0 is right for averages by area; the programs of ORNL use 1.",
    )  # fmt: skip
    error_rule: Literal["exact", "independent"] = parameter(
        "exact", label="Errors", group="expert",
        help="'independent' forgets that pixels share monitor, transmission and flood, as most programs do.",
    )  # fmt: skip

    iq: Dataset = result(
        label="I(q)", unit="1/cm", ndim=1, x="q", x_unit="1/angstrom", log_x=True, log_y=True
    )
    pattern: Dataset = result(label="Corrected pattern", unit="1/cm", ndim=2, help="Before averaging.")
    transmission: Dataset = result(label="Transmission of the sample", format="%.4f")

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
        self.save_curve(self.iq, f"{Path(self.sample.name).stem}_iq", columns=self.columns)

    def _reduce(self) -> None:
        self._steps: list[str] = []
        self._check_runs()
        detector = self._geometry()
        self.progress(0.1, "Scattering of the sample")
        given = scalar(self.sample_transmission, self.sample_transmission_error)
        self.transmission = self._through(self.sample_beam, given, detector)
        scattered = self._scattered(self.sample, self.transmission, detector)
        cell: Dataset | None = None
        if self.empty_cell is not None:
            given = scalar(self.cell_transmission, self.cell_transmission_error)
            cell = self._scattered(self.empty_cell, self._through(self.cell_beam, given, detector), detector)
            scattered = scattered - cell
            self._steps.append(f"less {self.empty_cell.name}")
        self.progress(0.5, "Sensitivity and absolute scale")
        pattern = scattered / Dataset(detector.relative_solid_angle, dims=("y", "x"))
        self._steps.append("solid angle")
        beam_sensitivity = scalar(1.0, self.beam_sensitivity_error)
        if self.flood is not None:
            given = scalar(self.flood_transmission, self.flood_transmission_error)
            flood = self._scattered(self.flood, self._through(self.flood_beam, given, detector), detector)
            relative = sensitivity(
                flood if cell is None else flood - cell, detector, shadow=self.shadow_radius
            )
            pattern = pattern / relative
            self._steps.append(f"sensitivity from {self.flood.name}")
            if self.shadow_radius > 0:
                near = relative.with_masks(far=detector.radius > 2 * self.shadow_radius)
                beam_sensitivity = beam_sensitivity * near.mean()
        if self.direct_beam is not None:
            pattern = (pattern * beam_sensitivity / self._absolute_scale(detector)).to("1/cm")
        if self.shadow_radius > 0:
            pattern = pattern.with_masks(beam_stop=detector.radius <= self.shadow_radius)
            self._steps.append(f"shadow of the beam stop masked to {self.shadow_radius:g} mm")
        self.pattern = pattern
        self.progress(0.8, "Average over rings")
        self.iq = self._curve(pattern, detector)
        self.log(f"Done: {'; '.join(self._steps)}.")
        self.progress(1.0, "Reduced")

    def _check_runs(self) -> None:
        """Refuse what cannot be combined: one geometry serves all runs, and transmissions are relative."""
        image(self.sample)
        through = {"sample": self.sample_beam, "cell": self.cell_beam, "water": self.flood_beam}
        for what, run in through.items():
            if run is not None and self.direct_beam is None:
                raise GumtreeError(
                    "NO_DIRECT_BEAM",
                    f"The direct beam through the {what} ({run.name}) says nothing without the empty direct "
                    "beam; give that too.",
                )
        for run in (self.empty_cell, self.flood, self.direct_beam, *through.values()):
            for key, unit in (("detector/distance", "mm"), ("instrument/wavelength", "angstrom")):
                if run is None or key not in run or key not in self.sample:
                    continue
                there, here = number(run, key, unit), number(self.sample, key, unit)
                if abs(there - here) > SAME * abs(here):
                    raise GumtreeError(
                        "RUNS_DIFFER",
                        f"{key} is {there:g} {unit} in {run.name} and {here:g} {unit} in {self.sample.name}; "
                        "choose runs of the same configuration.",
                    )

    def _geometry(self) -> Geometry:
        x, y = self.beam_center_x, self.beam_center_y
        if not (x and y) and self.direct_beam is not None:
            seen = center_of_mass(image(self.direct_beam))
            x, y = x or seen[0], y or seen[1]
        elif not (x and y):
            if "detector/beam_center_x" not in self.sample or "detector/beam_center_y" not in self.sample:
                raise GumtreeError(
                    "NO_BEAM_CENTER",
                    f"{self.sample.name} does not know its beam centre. Give the direct beam, or set "
                    "`beam_center_x` and `beam_center_y`.",
                )
            x = x or number(self.sample, "detector/beam_center_x", "pixel")
            y = y or number(self.sample, "detector/beam_center_y", "pixel")
        self._steps.append(f"beam centre ({x:.2f}, {y:.2f}) pixel")
        return geometry(self.sample, (x, y), self.pixel_size)

    def _scattered(self, run: Run, through: Dataset, detector: Geometry) -> Dataset:
        """What a run has scattered, without background, over its transmission at each angle."""
        scattered: Dataset = self._signal(run) / at_angle(through, detector.cosine)
        dead_time = number(run, "detector/dead_time", "s", 0.0)
        done = [
            f"dead time {dead_time:g} s" if dead_time else "",
            f"less {self.blocked_beam.name}" if self.blocked_beam is not None else "",
            f"normalised to {self.normalization}",
            f"over its transmission {float(through.values):.4f}" if float(through.values) != 1 else "",
        ]
        self._steps.append(f"{run.name}: {', '.join(each for each in done if each)}")
        return scattered

    def _signal(self, run: Run) -> Dataset:
        """The rate of a run less its background, which goes with time: a dark run may have no monitor."""
        if self.blocked_beam is None:
            return self._rate(run, self.normalization)
        signal = self._rate(run, "time") - self._rate(self.blocked_beam, "time")
        return signal if self.normalization == "time" else signal * time_per_monitor(run)

    def _rate(self, run: Run, normalization: Normalization) -> Dataset:
        return rate(run, normalization, zero_count_variance=self.zero_count_variance)

    def _through(self, run: Run | None, given: Dataset, detector: Geometry) -> Dataset:
        """The transmission of what is in a direct beam, relative to the empty one; as given without a run."""
        if run is None or self.direct_beam is None:
            return given
        return transmission(self._beam(run, detector), self._beam(self.direct_beam, detector))

    def _beam(self, run: Run, detector: Geometry) -> Dataset:
        """The direct beam, as it would be without attenuator."""
        if not self.attenuation and "instrument/attenuation" not in run:
            raise GumtreeError(
                "NO_ATTENUATION",
                f"{run.name} does not say what its attenuator let through. Set `attenuation`, 1 if there was "
                "none.",
            )
        attenuation = self.attenuation or number(run, "instrument/attenuation", "")
        if not 0 < attenuation <= 1:
            raise GumtreeError(
                "BAD_ATTENUATION",
                f"The attenuator of {run.name} let {attenuation:g} of the beam through, which is not above 0 "
                "and at most 1. Set `attenuation`.",
            )
        beam: Dataset = beam_intensity(self._signal(run), detector, self.beam_radius) / attenuation
        return beam

    def _absolute_scale(self, detector: Geometry) -> Dataset:
        assert self.direct_beam is not None
        thickness = self.thickness or number(self.sample, "sample/thickness", "mm", 0.0)
        if not thickness > 0:
            raise GumtreeError(
                "NO_THICKNESS",
                f"The thickness of {self.sample.name} is {thickness:g} mm; the absolute scale needs it. Set "
                "`thickness` above 0.",
            )
        beam = self._beam(self.direct_beam, detector)
        if not float(beam.values) > 0:
            raise GumtreeError(
                "NO_BEAM",
                f"{self.direct_beam.name} has no counts within {self.beam_radius:g} mm of the beam centre.",
            )
        self._steps.append(f"absolute scale from {self.direct_beam.name}, thickness {thickness:g} mm")
        return beam * detector.straight_solid_angle * Dataset(thickness / 10, unit="cm")

    def _curve(self, pattern: Dataset, detector: Geometry) -> Dataset:
        run = self.sample
        wavelength = number(run, "instrument/wavelength", "angstrom")
        axis = q_bins(self.q_min, self.q_max, self.bins, self.spacing)
        iq = circular(pattern, detector.q(wavelength), axis, self.weighting)
        self._steps.append(f"average over {self.bins} {self.spacing} bins by {self.weighting}")
        metadata = {key: run[key] for key in KEPT if key in run} | {
            "detector/pixel_size_x": scalar(detector.pixel_size_x, unit="mm"),
            "detector/pixel_size_y": scalar(detector.pixel_size_y, unit="mm"),
            "sample/transmission": self.transmission,
        }
        if self.thickness or "sample/thickness" in run:
            thickness = self.thickness or number(run, "sample/thickness", "mm")
            metadata["sample/thickness"] = scalar(thickness, unit="mm")
        sigma = self._resolution(detector, iq.axes["q"].centers, wavelength)
        if sigma is not None:
            metadata["dq"] = Dataset(sigma, dims=("q",), unit="1/angstrom")
        metadata["steps"] = "\n".join(self._steps)
        return iq.replace(title=run.text("run/title") or "I(q)", metadata=metadata)

    def _resolution(self, detector: Geometry, q: Array, wavelength: float) -> Array | None:
        """Standard deviation of q, if the run says enough for it: the curve is good without."""
        run = self.sample
        try:
            return sigma_q(
                q,
                wavelength=wavelength,
                wavelength_spread=number(run, "instrument/wavelength_spread", ""),
                collimation=number(run, "instrument/collimation_length", "mm"),
                distance=detector.distance,
                source_aperture=number(run, "instrument/source_aperture", "mm"),
                sample_aperture=number(run, "instrument/sample_aperture", "mm"),
                pixel_size=detector.pixel_size_x,
            )
        except GumtreeError as error:
            self.log(f"No resolution: {error.message}")
            return None
