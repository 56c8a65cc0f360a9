"""Fits of curves: parameters with errors and correlations, chi-square and residuals."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gumtree_core.data import Dataset
from gumtree_core.data.propagation.uncertainty import REMEMBERED
from gumtree_core.data.units import difference
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.fitting import models as fit_models
from gumtree_core.reduction.fitting.problem import (
    Problem,
    declare,
    gain,
    minimise,
)
from gumtree_core.reduction.fitting.shapes import NUMBER, Array
from gumtree_core.reduction.fitting.weights import (
    Correlated,
    Independent,
    Statistic,
    Weights,
    shared_errors,
    weights,
)
from gumtree_core.reduction.statistics.propagation import correlated


class FitWarning(UserWarning):
    """A fit that has ended, but whose result needs a look."""


@dataclass(frozen=True)
class Fit:
    """What a fit has found.

    Attributes
    ----------
    model
        As it was given, for reports.
    parameters
        By name, scalars with error and unit, derived ones such as heights too. They share their sources of
        error with each other and with the data (up to 65536 points times parameters; beyond, what all points
        share), so that differences and ratios have exact errors.
    names
        The parameters that were varied.
    covariance
        Of these, (names, names).
    chi_square
        Of the residuals, with the correlations of neighbours; the deviance of a Poisson fit; NaN where the
        data have no errors.
    degrees_of_freedom
        Points less varied parameters.
    best
        The curve of the model over the axis of the data, with its error.
    residuals
        Data less best; their errors know that the curve follows the data, where the parameters do.
    warnings
        Sentences about what needs a look.
    """

    model: str
    parameters: Mapping[str, Dataset]
    names: tuple[str, ...]
    covariance: Array
    chi_square: float
    degrees_of_freedom: int
    best: Dataset
    residuals: Dataset
    warnings: tuple[str, ...]
    statistic: Statistic
    _problem: Problem = field(repr=False)

    def __getitem__(self, name: str) -> Dataset:
        """The parameter of that name, or the only term's that has such a one: ``fit["center"]``."""
        if name in self.parameters:
            return self.parameters[name]
        same = [p for term in self._problem.terms if (p := f"{term.prefix}{name}") in self.parameters]
        if len(same) == 1:
            return self.parameters[same[0]]
        known = ", ".join(same or self.parameters)
        raise GumtreeError(
            "UNKNOWN_PARAMETER", f"The fit of {self.model} has no one parameter {name}. It has: {known}."
        )

    @property
    def reduced_chi_square(self) -> float:
        """Chi-square over the degrees of freedom: about 1 where model and errors are right."""
        return self.chi_square / self.degrees_of_freedom if self.degrees_of_freedom else float("nan")

    @property
    def probability(self) -> float:
        """Probability that chi-square is this large or larger by chance."""
        from scipy.stats import chi2

        return float(chi2.sf(self.chi_square, self.degrees_of_freedom))

    def curve(self, x: Array, *, only: str = "") -> Dataset:
        """The model at other points, in the unit of the axis; `only` takes the terms of that name."""
        return self._problem.curve(np.asarray(x, dtype=np.float64), only)

    def report(self) -> str:
        """The fit in words, a line for each parameter."""
        name = "deviance" if self.statistic == "poisson" else "chi-square"
        lines = [
            f"{self.model} by {self.statistic}: {name} {self.chi_square:.6g}, {self.degrees_of_freedom} "
            f"degrees of freedom, reduced {self.reduced_chi_square:.4g}"
        ]
        wide = max(len(each) for each in self.parameters)
        for each, value in self.parameters.items():
            error = "" if value.errors is None else f" +- {float(value.errors):.3g}"
            state = "" if each in self.names else f"  ({self._problem.state(each)})"
            lines.append(f"  {each:{wide}} {float(value.values):.8g}{error} {value.unit}".rstrip() + state)
        for i, one in enumerate(self.names):
            for j in range(i):
                r = self.covariance[i, j] / np.sqrt(self.covariance[i, i] * self.covariance[j, j])
                if abs(r) >= 0.1:
                    lines.append(f"  correlation {self.names[j]}, {one}: {r:+.3f}")
        return "\n".join([*lines, *(f"  Warning: {each}" for each in self.warnings)])


def fit(
    data: Dataset,
    model: str | Sequence[str],
    *,
    axis: str | None = None,
    start: Mapping[str, float] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    fixed: Mapping[str, float] | None = None,
    ties: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    statistic: Statistic = "least squares",
) -> Fit:
    """Fit a model to a curve.

    Least squares minimises r^T V^-1 r with the covariance matrix V of the data (generalised least squares:
    Aitken, Proc. R. Soc. Edinburgh 55 (1936) 42), so that points which rebinning or smoothing has made
    dependent count for what they are. What points share, such as a monitor, is left out of V: as weight it
    would pull the curve off the data (D'Agostini, Nucl. Instrum. Meth. A 346 (1994) 306). It is in the errors
    of the parameters, exactly. Data without errors are weighted alike, and the errors of the parameters
    follow from the scatter. ``"poisson"`` maximises the likelihood of counts (Cash, Astrophys. J. 228 (1979)
    939), by least squares whose weights 1 / m follow the model until both stay (Nelder and Wedderburn, J. R.
    Stat. Soc. A 135 (1972) 370); take it where there are points of few counts. Where the model expects fewer
    than 0.1 counts the weight is that of 0.1, which leaves the estimate unbiased and lets a background be 0.

    The errors of the parameters are those of the data times dp/dy = (D^T V^-1 D)^-1 D^T V^-1, with D the
    derivatives of the model; so they keep the sources of the data. A Poisson fit has sources of its own, as
    the variance is that of the model.

    Parameters
    ----------
    data
        One dimension; masked points and NaN take no part.
    model
        Shapes of `shapes.SHAPES` by name, such as ``"gaussian + linear"``, or an expression in x, such as
        ``"a * exp(-x / tau)"``; a sequence has one of either in each place. Parameters are called
        ``gaussian_center``, or ``gaussian1_center`` where a shape is there several times, and as they are in
        an expression.
    axis
        The coordinate; the only one unless given. Of bins, the middles.
    start, bounds, fixed
        By parameter, in the units of data and axis; what has no start is guessed, but in an expression.
    ties
        Expressions of other parameters, such as ``{"gaussian2_fwhm": "gaussian1_fwhm"}``.
    units
        Of the parameters of an expression.
    statistic
        As above.

    Raises
    ------
    GumtreeError
        NOT_A_CURVE, UNKNOWN_AXIS, UNKNOWN_SHAPE, BAD_EXPRESSION, UNKNOWN_PARAMETER, BAD_BOUNDS, NO_START,
        TOO_FEW_POINTS, ZERO_VARIANCE, NOT_COUNTS, SINGULAR_FIT, FIT_FAILED, TOO_LARGE.

    Warns
    -----
    FitWarning
        A parameter has ended at its bound; its error is then that of a fixed one, 0.
    """
    found = fit_models.terms(model)
    parameters = fit_models.parameters_of(found)
    name = _axis(data, axis)
    x = np.asarray(data.axes[name].centers, dtype=np.float64)
    used = np.isfinite(data.values) & np.isfinite(x)
    if data.mask is not None:
        used &= ~data.mask
    problem = Problem(found, parameters, data, name, used)
    declare(problem, dict(start or {}), dict(bounds or {}), dict(fixed or {}), dict(ties or {}))
    weigh = weights(data[used], statistic)
    values, notes = minimise(problem, weigh)
    return _result(problem, model, values, weigh, dict(units or {}), statistic, notes)


def _axis(data: Dataset, axis: str | None) -> str:
    if data.ndim != 1:
        raise GumtreeError(
            "NOT_A_CURVE", f"{data.name} has the dimensions {data.sizes}; a fit takes a curve of one."
        )
    if axis is None and data.dims[0] in data.axes:
        return data.dims[0]
    if axis is None and len(data.axes) == 1:
        return next(iter(data.axes))
    if axis is None or axis not in data.axes:
        raise GumtreeError(
            "UNKNOWN_AXIS",
            f"{data.name} has the axes {', '.join(data.axes) or 'none'}; say which to fit over with axis=.",
        )
    return axis


def _result(
    problem: Problem,
    model: str | Sequence[str],
    values: Array,
    weigh: Weights,
    units: dict[str, str],
    statistic: Statistic,
    notes: list[str],
) -> Fit:
    data, used = problem.data, problem.used
    inverse = gain(problem, values, weigh)
    total = weigh.chi_square(problem.model(values, problem.x[used]))
    freedom = int(used.sum()) - len(problem.names)
    related = data.size * len(problem.names) <= REMEMBERED
    if isinstance(weigh, Independent | Correlated):
        kept = data[used].replace(unit="", axes={}, masks={}, metadata={}, history=())
        response = Dataset(weigh.response(inverse), dims=("parameter", *data.dims))
        if related:
            vector = response @ kept
        else:
            vector = correlated(values, inverse @ inverse.T, "parameter") + response @ shared_errors(kept)
        problem.vector = vector.derive(values=values)
    elif weigh.absolute:
        problem.vector = correlated(values, inverse @ inverse.T, "parameter")
    else:
        scatter = total / freedom if freedom else 0.0
        problem.vector = correlated(values, scatter * inverse @ inverse.T, "parameter")
        total = float("nan")
        if not freedom:
            notes.append("there are as many parameters as points without errors, so that they have no errors")
    fit_models.add_derived(problem.terms, problem.parameters)
    parameters = _parameters(problem, values, units)
    best = problem.curve(problem.x)
    for note in notes:
        warnings.warn(f"{data.name}: {note}.", FitWarning, stacklevel=3)
    return Fit(
        model=model if isinstance(model, str) else " + ".join(model),
        parameters=parameters,
        names=problem.names,
        covariance=problem.vector.covariance() if problem.names else np.zeros((0, 0)),
        chi_square=total,
        degrees_of_freedom=freedom,
        best=best,
        residuals=(data - (best if related else best.without_errors())).replace(title="residuals"),
        warnings=tuple(notes),
        statistic=statistic,
        _problem=problem,
    )


def _parameters(problem: Problem, values: Array, units: dict[str, str]) -> dict[str, Dataset]:
    """Every parameter, varied, tied, fixed and derived, with its unit and error."""
    names = list(problem.parameters)
    all_values = problem.others(values, names)
    slopes = problem.derivative(lambda p: problem.others(p, names), values)
    known = fit_models.powers(problem.terms)
    coordinate = problem.data.axes[problem.axis].unit
    of_data, of_width = (Dataset(1.0, unit=difference(unit)) for unit in (problem.data.unit, coordinate))
    together = Dataset(slopes, dims=("all", "parameter")) @ problem.vector if problem.names else None
    result = {}
    for k, name in enumerate(names):
        powers = known.get(name, NUMBER)
        usual = coordinate if powers.position else (of_data**powers.data * of_width**powers.coordinate).unit
        unit = units.get(name, usual)
        value = np.asarray(all_values[k])
        if together is None or not slopes[k].any():
            result[name] = Dataset(value, unit=unit, title=name)
        else:
            result[name] = together["all", k].derive(values=value, unit=unit, title=name, history=())
    return result
