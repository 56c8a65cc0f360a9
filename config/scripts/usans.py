"""Ultra-small-angle scattering: from rocking curves to a slit-smeared I(q)."""

from __future__ import annotations

from typing import Literal

import numpy as np

from gumtree_core.data import Dataset, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.files.formats.slit_columns import write_slit_columns
from gumtree_core.reduction.detector.geometry import number
from gumtree_core.reduction.runs import check_different
from gumtree_core.reduction.small_angle import usans
from gumtree_core.scripts import Script, action, group, parameter, result

DRIFT = 0.02
"""By which the beam may have changed between two runs."""


class Usans(Script):
    """Reduce rocking curves of a Bonse-Hart camera to a slit-smeared I(q).

    Counts are corrected for dead time and divided by those of the monitor. Each curve is laid to the middle
    of its peak. The empty beam, times the transmission of the sample's peak, is subtracted; what is left is
    divided by the transmission with all that is scattered, thickness, solid angle and the height of the beam.
    """

    author = "GumTree on Tango"
    version = "1.0"

    # fmt: off
    runs = group("Runs")
    sample: Run = parameter(label="Sample")
    empty: Run = parameter(label="Empty beam")
    blocked: Run | None = parameter(
        None, label="Blocked beam", help="Its mean is the background without beam."
    )
    motor: str = parameter("m2om", label="Motor of the analyser")

    corrections = group("Corrections")
    dead_time: float = parameter(0.0, ge=0, le=1, unit="s", label="Dead time", help="0: as in each run.")
    dead_time_model: Literal["non-paralysable", "paralysable"] = parameter(
        "non-paralysable", label="Detector"
    )
    centering: Literal["fit", "symmetry"] = parameter(
        "fit", label="Middle of a peak",
        help="By a Gaussian through its top, or by the overlap with its mirror image.",
    )
    wide_transmission: float = parameter(
        0.0, ge=0, le=1, label="Transmission with all that is scattered",
        help="0: from the transmission detector of both runs.",
    )
    wide_transmission_error: float = parameter(0.0, ge=0, le=1, label="Its error")
    thickness: float = parameter(
        0.0, ge=0, le=1000, unit="mm", label="Thickness", help="Of the sample; 0: as in its run."
    )
    rocking_width: float = parameter(
        0.0, ge=0, le=1e5, unit="arcsec", label="Width of the rocking curve",
        help="0: area over height of the empty beam's peak. Some programs take the half-value width instead.",
    )
    wavelength: float = parameter(
        0.0, ge=0, le=20, unit="angstrom", label="Wavelength", help="0: as in the run."
    )
    slit: float = parameter(
        ge=1e-4, le=10, unit="1/angstrom", label="Half height of the slit",
        help="dQv, of the instrument at this wavelength.",
    )

    curve = group("Curve")
    lowest_q: float = parameter(
        3e-5, ge=0, le=1, unit="1/angstrom", label="Lowest q", help="Of both sides of the peak."
    )
    wide_q: float = parameter(
        5e-4, ge=0, le=1, unit="1/angstrom", label="Transmission beyond", level="expert",
        help="Where the analyser no longer takes the beam from the transmission detector.",
    )

    iq: Dataset = result(
        label="I(q), slit-smeared", unit="1/cm", ndim=1, x="q", x_unit="1/angstrom", log_x=True, log_y=True
    )
    rocking_transmission: Dataset = result(label="Transmission of the peak", format="%.4f")
    sas_transmission: Dataset = result(
        label="Unscattered part", format="%.4f", help="T_rock / T_wide: below 0.9 the sample scatters twice."
    )
    beam: Dataset = result(label="Height of the empty beam's peak", format="%.6g")
    # fmt: on

    @action("Reduce")
    def reduce(self) -> None:
        """Reduce to I(q)."""
        check_different([("sample", self.sample), ("empty beam", self.empty), ("blocked beam", self.blocked)])
        wavelength = self.wavelength or number(self.sample, "instrument/wavelength", "angstrom")
        thickness = self.thickness or number(self.sample, "sample/thickness", "mm", 0.0)
        dark = scalar(0.0) if self.blocked is None else self._rocking(self.blocked).mean()
        sample, empty = self._rocking(self.sample), self._rocking(self.empty)
        top, beam = usans.peak(sample - dark), usans.peak(empty - dark)
        self.beam = beam.height
        self.rocking_transmission = self._at_most_1(top.height / beam.height)
        centers = self._center(sample, top), self._center(empty, beam)
        q_sample, q_empty = (
            usans.over_q(curve, center, wavelength)
            for curve, center in zip((sample, empty), centers, strict=True)
        )
        wide = self._wide(centers, wavelength)
        self.sas_transmission = self.rocking_transmission / wide
        width = usans.integral_width(empty - dark, beam.height)
        if self.rocking_width:
            width = scalar(self.rocking_width, unit="arcsec").to("rad")
        iq = usans.slit_smeared(
            q_sample,
            q_empty,
            background=dark,
            rocking_transmission=self.rocking_transmission,
            wide_transmission=wide,
            beam=self.beam,
            thickness=thickness,
            solid_angle=usans.solid_angle(width, self.slit, wavelength),
        )
        iq = iq[iq.axes["q"].values >= self.lowest_q]
        steps = [
            f"{self.sample.name} less {self.empty.name} times {float(self.rocking_transmission):.4f}",
            f"over the transmission {float(wide):.4f}, thickness {thickness:g} mm, and the empty beam within "
            f"{float(width) * 1e6:.3g} microrad by a slit of dQv {self.slit:g} 1/angstrom",
        ]
        for step in steps:
            self.log(step)
        self.iq = iq.replace(
            title=self.sample.text("run/title") or "I(q)",
            metadata={"slit": scalar(self.slit, unit="1/angstrom"), "steps": "\n".join(steps)},
        )
        self.save_as(write_slit_columns, self.iq, f"{self.sample.name.partition('.')[0]}_usans.dat")

    def _rocking(self, run: Run) -> Dataset:
        return usans.rocking_curve(
            run, self.motor, dead_time=self.dead_time or None, model=self.dead_time_model
        )

    def _at_most_1(self, transmission: Dataset) -> Dataset:
        above = float(transmission) - 1
        if above > 5 * float(transmission.errors) and above > DRIFT:
            raise GumtreeError(
                "BAD_TRANSMISSION",
                f"The peak of {self.sample.name} is {float(transmission):.4g} times that of "
                f"{self.empty.name}, and no sample lets more than 1 through; are they exchanged?",
            )
        return transmission

    def _center(self, curve: Dataset, peak: usans.Peak) -> float:
        return usans.symmetric_center(curve) if self.centering == "symmetry" else float(peak.center)

    def _wide(self, centers: tuple[float, float], wavelength: float) -> Dataset:
        if self.wide_transmission:
            return scalar(self.wide_transmission, self.wide_transmission_error)
        from_peak = 2 * np.arcsin(self.wide_q * wavelength / (4 * np.pi))
        far = (
            np.abs(run.data(f"motor/{self.motor}").to("rad").values - center) > from_peak
            for run, center in zip((self.sample, self.empty), centers, strict=True)
        )
        return usans.wide_transmission(self.sample, self.empty, tuple(far))
