"""Residual strain from the shift of a diffraction peak, at each point of a scan."""

from __future__ import annotations

from typing import Literal

import numpy as np

from gumtree_core.data import Axis, Dataset, poisson, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.files.formats.columns import write_columns
from gumtree_core.reduction.corrections.normalization import normalize
from gumtree_core.reduction.detector.geometry import number
from gumtree_core.reduction.powder.tubes import rows
from gumtree_core.reduction.runs import check_different
from gumtree_core.reduction.scans import scanned
from gumtree_core.reduction.strain import (
    Peaks,
    d_spacing,
    fit_peaks,
    flat_field,
    pixel_two_theta,
    profile,
    strain,
    strain_map,
)
from gumtree_core.scripts import Script, action, group, parameter, result

LARGEST = 0.05
"""Strain beyond which it is a mistake."""


class Strain(Script):
    """Find the strain at each point of a scan from a diffraction peak.

    Each frame is brought to a common monitor, divided by the efficiency of its pixels and summed along the
    Debye-Scherrer rings. A peak is fitted, Bragg's law gives the distance of the lattice planes, and that of
    the unstrained material the strain.
    """

    author = "GumTree on Tango"
    version = "1.0"

    # fmt: off
    runs = group("Runs")
    sample: Run = parameter(label="Sample")
    reference: Run | None = parameter(
        None, label="Unstrained sample", help="The average of its points is d0."
    )
    flood: Run | None = parameter(None, label="Flood field")
    normalization: Literal["none", "monitor"] = parameter("none", label="Normalise to")
    position: str = parameter("", label="Motor", help="Over which it is shown; empty: as in the run.")
    map_x: str = parameter("", label="Motor of a map's columns")
    map_y: str = parameter("", label="Motor of a map's rows")

    instrument = group("Instrument")
    wavelength: float = parameter(0.0, ge=0, unit="angstrom", label="Wavelength", help="0: as in the run.")
    wavelength_error: float = parameter(0.0, ge=0, unit="angstrom", label="Its error")
    distance: float = parameter(0.0, ge=0, unit="mm", label="Detector distance", help="0: as in the run.")
    angle: float = parameter(
        0.0, ge=0, le=180, unit="deg", label="Detector angle",
        help="Two-theta of the detector's middle; 0: motor stth of the run.",
    )
    mirrored: bool = parameter(False, label="Mirrored", help="Where x grows as two-theta falls.")
    rim: int = parameter(5, ge=0, unit="pixel", label="Rim left out", help="With a flood field.")
    lowest_row: int = parameter(0, ge=0, unit="pixel", label="Lowest row")
    highest_row: int = parameter(-1, ge=-1, unit="pixel", label="Highest row", help="-1: the last.")

    peak_fit = group("Peak")
    lowest: float = parameter(ge=0, le=180, unit="deg", label="Peak from")
    highest: float = parameter(ge=0, le=180, unit="deg", label="Peak to")
    peak: Literal["gaussian", "lorentzian", "pseudo_voigt", "voigt"] = parameter("gaussian", label="Shape")
    background: Literal["constant", "linear", "quadratic"] = parameter("linear", label="Background")
    step: float = parameter(0.0, ge=0, unit="deg", label="Step of two-theta", help="0: about a pixel.")

    unstrained = group("Unstrained")
    d0: float = parameter(0.0, ge=0, unit="angstrom", label="d0", help="Unless it is measured.")
    d0_error: float = parameter(0.0, ge=0, unit="angstrom", label="Its error")

    strain: Dataset = result(label="Strain", ndim=1, x="position")
    d: Dataset = result(label="d", unit="angstrom", ndim=1, x="position")
    center: Dataset = result(label="Peak", unit="deg", ndim=1, x="position")
    fwhm: Dataset = result(label="Width of the peak", unit="deg", ndim=1, x="position")
    map: Dataset = result(label="Map of strain", ndim=2)
    d0_used: Dataset = result(label="d0", unit="angstrom")
    # fmt: on

    @action("Analyse")
    def analyse(self) -> None:
        """Fit the peak at each point, and find the strain."""
        self.map = None
        check_different([("sample", self.sample), ("flood field", self.flood)])
        if bool(self.map_x) != bool(self.map_y):
            raise GumtreeError("NO_MAP", "A map takes two motors: give `map_x` and `map_y`, or neither.")
        wavelength = self._wavelength()
        flat = None if self.flood is None else flat_field(self._counts(self.flood), self.rim)
        reference = self._unstrained(wavelength, flat)
        peaks = self._peaks(self.sample, flat)
        for point, reason in peaks.reasons.items():
            self.log(f"Point {point}: {reason}")

        name, axis = scanned(self.sample, self.position)
        positions = {"position": Axis(axis.centers, axis.unit, ("point",))}
        self.log(f"Shown over {name}")
        d = d_spacing(peaks.center, wavelength)
        change = self._no_more_than_a_crystal_bears(strain(d, reference))
        self.center, self.fwhm = (each.replace(axes=positions) for each in (peaks.center, peaks.fwhm))
        self.d, self.d0_used = d.replace(axes=positions), reference
        self.strain = change.replace(axes=positions)
        if self.map_x:
            self.map = strain_map(change, self._position(self.map_x), self._position(self.map_y))
        chi = np.mean([each.reduced_chi_square for each in peaks.fits if each])
        steps = f"{self._model}, {self.lowest:g} to {self.highest:g} deg, mean reduced chi-square {chi:.3f}"
        self.log(steps)
        curve = change.rename(point="position").replace(
            axes={"position": Axis(axis.centers, axis.unit, ("position",))}, title=f"strain over {name}"
        )
        self.save_as(
            write_columns, curve.with_metadata(steps=steps), f"{self._stem}_strain.dat", symbol="strain"
        )

    def _no_more_than_a_crystal_bears(self, change: Dataset) -> Dataset:
        usual = float(np.nanmedian(change.values))
        if abs(usual) > LARGEST:
            raise GumtreeError(
                "BAD_D0",
                f"The strain would be {usual:.3g}, and no crystal bears more than {LARGEST:g}; are the "
                "wavelength and d0 in angstrom, and is d0 that of this reflection?",
            )
        return change

    @property
    def _stem(self) -> str:
        return self.sample.name.removesuffix(".hdf").removesuffix(".nx")

    @property
    def _model(self) -> str:
        return f"{self.peak} + {self.background}"

    def _wavelength(self) -> Dataset:
        value = self.wavelength or number(self.sample, "instrument/wavelength", "angstrom")
        return scalar(value, self.wavelength_error, "angstrom", title="wavelength")

    def _counts(self, run: Run) -> Dataset:
        """Frames (point, y, x) with the errors of counting."""
        counts = run.data("detector/counts")
        if "point" not in counts.dims:
            counts = counts.expand_dims("point")
        return poisson(counts, 1)

    def _peaks(self, run: Run, flat: Dataset | None) -> Peaks:
        counts = self._counts(run)
        if self.normalization == "monitor":
            counts = normalize(counts, poisson(run.data("monitor/counts"), 0))
        axes = counts.axes
        if flat is not None:
            counts = (counts / flat).replace(axes=axes)
        last = counts.sizes["y"] - 1 if self.highest_row < 0 else self.highest_row
        counts = rows(counts, self.lowest_row, last)
        points = counts.sizes["point"]

        def curve(point: int) -> Dataset:
            self.progress(point / points, f"Point {point}")
            angles = self._two_theta(run, counts, point)
            width = self.step or float(np.median(np.abs(np.diff(angles, axis=1))))
            return profile(counts["point", point], angles, width)

        return fit_peaks(curve, points, self._model, self.lowest, self.highest)

    def _two_theta(self, run: Run, counts: Dataset, point: int) -> np.ndarray:
        x, y = (self._offsets(run, counts, dim) for dim in ("x", "y"))
        distance = self.distance or number(run, "detector/distance", "mm")
        angles = np.array([self.angle]) if self.angle else np.ravel(run.data("motor/stth").to("deg").values)
        angle = float(angles[point if angles.size > 1 else 0])
        return pixel_two_theta(-x if self.mirrored else x, y, distance, angle)

    def _offsets(self, run: Run, counts: Dataset, dim: str) -> np.ndarray:
        """Of the pixels' middles from that of the detector, mm."""
        if dim in counts.axes:
            axis = counts.axes[dim]
            return Dataset(axis.centers, dims=(dim,), unit=axis.unit).to("mm").values
        return run.data(f"detector/{dim}_offset").to("mm").values

    def _unstrained(self, wavelength: Dataset, flat: Dataset | None) -> Dataset:
        """d0: of the sample without strain, with the same wavelength, or as given."""
        if self.reference is not None:
            return d_spacing(self._peaks(self.reference, flat).center, wavelength).weighted_mean()
        if self.d0:
            return scalar(self.d0, self.d0_error, "angstrom", title="d0")
        raise GumtreeError(
            "NO_REFERENCE", "Strain is relative to d0: give d0, or the run of a sample without strain."
        )

    def _position(self, motor: str) -> Dataset:
        axis = scanned(self.sample, motor)[1]
        return Dataset(axis.centers, dims=("point",), unit=axis.unit)
