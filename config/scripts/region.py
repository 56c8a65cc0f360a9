"""Statistics of a region of any detector, for an image, a scan or times of flight; a peak fitted to it."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np

from gumtree_core.data import Dataset, poisson
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.files.formats.columns import write_columns
from gumtree_core.reduction.corrections.normalization import rate
from gumtree_core.reduction.detector.masks import ellipse, polygon, rectangle
from gumtree_core.reduction.fitting import FitWarning, fit
from gumtree_core.reduction.scans import POINT, scanned
from gumtree_core.reduction.statistics import outliers
from gumtree_core.reduction.statistics.regions import region
from gumtree_core.scripts import Script, action, group, parameter, result


class RegionOfInterest(Script):
    """Sum up a region of a detector, and fit a peak.

    The counts in a rectangle, an ellipse or a polygon: their sum, mean and spread, the centre of mass and the
    width. A scan gives the sum over the motor, times of flight give a spectrum, an image its profile along x;
    a peak is fitted to that curve, with a background. Errors know what all pixels share.
    """

    author = "GumTree on Tango"
    version = "1.0"

    # fmt: off
    data = group("Data")
    run: Run = parameter(label="Run", live=True)
    normalization: Literal["none", "monitor", "time"] = parameter("none", label="Normalise to")
    along: str = parameter(
        "", label="Curve along",
        help="A motor, or a dimension: point, time_of_flight, y, x. Empty: what was scanned, else x.",
    )
    zero_count_variance: float = parameter(
        1.0, ge=0, le=1, label="Variance of zero counts", level="expert", help="Of a point of the curve."
    )

    where = group("Region")
    shape: Literal["rectangle", "ellipse", "polygon"] = parameter(
        "rectangle", label="Shape", help="All of the detector where its pixels are not limited."
    )
    x_min: int = parameter(0, ge=0, label="First pixel in x", unit="pixel")
    x_max: int = parameter(-1, ge=-1, label="Last pixel in x", unit="pixel", help="-1: the detector's last.")
    y_min: int = parameter(0, ge=0, label="First pixel in y", unit="pixel")
    y_max: int = parameter(-1, ge=-1, label="Last pixel in y", unit="pixel", help="-1: the detector's last.")
    polygon_x: list[float] = parameter([], label="Corners in x", unit="pixel")
    polygon_y: list[float] = parameter([], label="Corners in y", unit="pixel")
    outlier_threshold: float = parameter(
        0.0, ge=0, le=20, label="Mask hot and dead pixels beyond",
        help="In standard deviations from their neighbours, over all points; 0 masks none, 6 is usual.",
    )

    peak_fit = group("Peak")
    peak: Literal[
        "none", "gaussian", "lorentzian", "pseudo_voigt", "voigt", "split_gaussian", "split_lorentzian",
        "edge",
    ] = parameter("gaussian", label="Shape of the peak")
    background: Literal["none", "constant", "linear", "quadratic"] = parameter("constant", label="Background")
    statistic: Literal["least squares", "poisson"] = parameter(
        "least squares", label="Statistic",
        help="'poisson' where there are points of few counts; these must not be normalised.",
    )

    curve: Dataset = result(label="Curve", ndim=1, x="position")
    best: Dataset = result(label="Fitted curve", ndim=1, x="position", onto="curve")
    image: Dataset = result(label="Region, all points", ndim=2)
    total: Dataset = result(label="Sum")
    mean: Dataset = result(label="Mean of a pixel")
    sigma: Dataset = result(label="Standard deviation of the pixels")
    maximum: Dataset = result(label="Highest pixel")
    center_x: Dataset = result(label="Centre of mass in x")
    center_y: Dataset = result(label="Centre of mass in y")
    width_x: Dataset = result(label="Standard deviation in x")
    width_y: Dataset = result(label="Standard deviation in y")
    peak_center: Dataset = result(label="Centre of the peak")
    peak_fwhm: Dataset = result(label="Full width at half maximum")
    peak_area: Dataset = result(label="Area of the peak")
    peak_height: Dataset = result(label="Height of the peak")
    reduced_chi_square: float = result(label="Reduced chi-square")
    # fmt: on

    @action("Evaluate", live=True)
    def evaluate(self) -> None:
        """Sum up the region, and fit the peak."""
        counts = self._counts()
        inside = self._inside(counts)
        self.progress(0.2, "Statistics of the region")
        chosen = counts.with_masks(outside=Dataset(~inside, dims=("y", "x")))
        self.image = chosen.sum([dim for dim in counts.dims if dim not in ("y", "x")])
        found = region(self.image, inside)
        self.total, self.mean, self.sigma, self.maximum = found.total, found.mean, found.sigma, found.maximum
        self.center_x, self.center_y = found.center["x"], found.center["y"]
        self.width_x, self.width_y = found.width["x"], found.width["y"]
        self.progress(0.6, "Curve")
        self.curve = self._curve(chosen)
        self.log(f"{int(found.pixels.values)} pixels hold {float(found.total.values):.6g} {found.total.unit}")
        self._fit()
        self._save()
        self.progress(1.0, "Evaluated")

    def _counts(self) -> Dataset:
        counts = self.run.data("detector/counts")
        if not {"y", "x"} <= set(counts.dims):
            raise GumtreeError(
                "NOT_AN_IMAGE",
                f"{self.run.name} holds counts of {', '.join(counts.dims)}, not of y and x.",
            )
        hot = None
        if self.outlier_threshold:
            seen = counts.sum([dim for dim in counts.dims if dim not in ("y", "x")])
            hot = outliers(seen, self.outlier_threshold)
            self.log(f"{int(hot.sum())} pixels are masked as hot or dead")
        if self.normalization == "none":
            data = poisson(counts, 0)
        else:
            data = rate(self.run, self.normalization, zero_count_variance=0)
        self._scale = float(np.nansum(data.values))
        return data if hot is None else data.with_masks(outliers=Dataset(hot, dims=("y", "x")))

    def _inside(self, counts: Dataset) -> np.ndarray:
        shape = counts.sizes["y"], counts.sizes["x"]
        if self.shape == "polygon":
            return polygon(shape, self._corners())
        if self.polygon_x or self.polygon_y:
            self.log(f"The corners of a polygon are not used: the shape is {self.shape}.")
        x = (self.x_min, shape[1] - 1 if self.x_max < 0 else self.x_max)
        y = (self.y_min, shape[0] - 1 if self.y_max < 0 else self.y_max)
        if self.shape == "rectangle" or x[0] > x[1] or y[0] > y[1]:
            return rectangle(shape, x, y)
        middle = (x[0] + x[1]) / 2, (y[0] + y[1]) / 2
        return ellipse(shape, middle, ((x[1] - x[0] + 1) / 2, (y[1] - y[0] + 1) / 2))

    def _corners(self) -> list[tuple[float, float]]:
        if len(self.polygon_x) != len(self.polygon_y):
            raise GumtreeError(
                "BAD_SHAPE",
                f"The polygon has {len(self.polygon_x)} corners in x and {len(self.polygon_y)} in y; give as "
                "many of both.",
            )
        return list(zip(self.polygon_x, self.polygon_y, strict=True))

    def _curve(self, chosen: Dataset) -> Dataset:
        """The sum over all dimensions but one, over its coordinate."""
        free = [dim for dim in chosen.dims if dim not in ("y", "x")]
        dim = self.along if self.along in chosen.dims else POINT if self.along else [*free, "x"][0]
        if dim not in chosen.dims:
            raise GumtreeError(
                "NOT_SCANNED",
                f"{self.run.name} is no scan of {self.along}: its dimensions are {', '.join(chosen.dims)}.",
            )
        curve = self._with_empty_points(chosen.sum([each for each in chosen.dims if each != dim]))
        name = dim
        if dim == POINT and self.along != POINT:
            name, axis = scanned(self.run, self.along)
        elif dim in curve.axes and curve.axes[dim].dims == (dim,):
            axis = curve.axes[dim]
        else:
            axis = Dataset(np.arange(curve.sizes[dim], dtype=float), dims=(dim,), unit="pixel").as_axis()
        curve = curve.replace(axes={"position": axis}, title=f"sum over {name}")
        beyond = curve.masks.get("outside")
        return curve if beyond is None else curve[~beyond]

    def _with_empty_points(self, curve: Dataset) -> Dataset:
        """Give points without counts an error, after the sum: one of each empty pixel would add up."""
        if curve.variances is None or not self.zero_count_variance:
            return curve
        counted = float(np.sum(self.run.data("detector/counts").values))
        scale = self._scale / counted if counted else 1.0
        empty = np.where(curve.variances == 0, self.zero_count_variance * scale**2, 0.0)
        return curve + Dataset(np.zeros(curve.shape), empty, dims=curve.dims, unit=curve.unit)

    def _fit(self) -> None:
        """Fit, if a peak is wanted and there is one; the sums are good without."""
        self.best = self.peak_center = self.peak_fwhm = self.peak_area = self.peak_height = None
        self.reduced_chi_square = None
        self._found = ""
        if self.peak == "none":
            return
        model = self.peak if self.background == "none" else f"{self.peak} + {self.background}"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FitWarning)  # they stand in the report
                found = fit(self.curve, model, axis="position", statistic=self.statistic)
        except GumtreeError as error:
            self.log(f"No peak: {error.message}")
            return
        self._found = found.report()
        self.log(self._found)
        self.best = found.best
        self.peak_center, self.peak_fwhm = found["center"], found["fwhm"]
        self.reduced_chi_square = found.reduced_chi_square
        if self.peak != "edge":
            self.peak_area = found["area"]
        self.peak_height = found["height"] if self.peak != "voigt" else None

    def _save(self) -> None:
        """The curve as columns of text, below the numbers of the region and of the fit."""
        numbers = [
            f"{each.label}: {float(value.values):.9g} +- {float(value.errors):.3g} {value.unit}".rstrip()
            for each in self.interface().results
            if isinstance(value := self.results().get(each.name), Dataset) and not value.ndim
        ]
        steps = "\n".join([*numbers, *([self._found] if self._found else [])])
        name = f"{self.run.name.partition('.')[0]}_region.txt"
        curve = self.curve.rename(**{self.curve.dims[0]: "position"})
        self.save_as(write_columns, curve.with_metadata(steps=steps), name, symbol="sum")
