"""The points that are fitted, the state of the parameters, and the way to the best ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.fitting import models as fit_models
from gumtree_core.reduction.fitting.models import Term
from gumtree_core.reduction.fitting.shapes import Array
from gumtree_core.reduction.fitting.weights import Weights

if TYPE_CHECKING:
    import lmfit

CONDITION = 1e9
"""From this condition of the scaled derivatives on, the data do not determine all parameters."""
AT_BOUND = 1e-4
"""How near to a bound, relative to its size or start, a parameter counts as being at it."""
MOST_PASSES = 100
"""With which weights that follow the model have to settle."""
SETTLED = 1e-5
"""By which, in standard deviations of the data, the model then moves at most."""


@dataclass
class Problem:
    """The points that are fitted, the model, and the state of the parameters."""

    terms: tuple[Term, ...]
    parameters: lmfit.Parameters
    data: Dataset
    axis: str
    used: Any
    names: tuple[str, ...] = ()
    vector: Dataset = field(default_factory=lambda: Dataset(0.0))
    steps: Array = field(default_factory=lambda: np.zeros(0))
    at_bound: list[str] = field(default_factory=list)

    @property
    def x(self) -> Array:
        """Coordinates of all points of the data."""
        return np.asarray(self.data.axes[self.axis].centers, dtype=np.float64)

    def state(self, name: str) -> str:
        """Why a parameter was not varied."""
        parameter = self.parameters[name]
        if parameter.expr:
            return f"= {parameter.expr}"
        return "at its bound" if name in self.at_bound else "fixed"

    def model(self, values: Array, x: Array, only: str = "") -> Array:
        """The model at x for values of the varied parameters; `only` takes the terms of that name."""
        for name, value in zip(self.names, values, strict=True):
            self.parameters[name].value = value
        self.parameters.update_constraints()
        chosen = [each for each in self.terms if each.prefix.startswith(only)]
        return fit_models.evaluate(chosen, self.parameters, x)

    def others(self, values: Array, names: Sequence[str]) -> Array:
        """Values of any parameters, given the varied ones."""
        self.model(values, self.x[:1])
        return np.array([self.parameters[name].value for name in names], dtype=np.float64)

    def derivative(self, function: Any, values: Array) -> Array:
        """Central differences by each varied parameter, (results, parameters)."""
        columns = []
        for k, step in enumerate(self.steps):
            up, down = values.copy(), values.copy()
            up[k] = min(values[k] + step, self.parameters[self.names[k]].max)
            down[k] = max(values[k] - step, self.parameters[self.names[k]].min)
            columns.append((function(up) - function(down)) / (up[k] - down[k]))
        function(values)
        return np.column_stack(columns) if columns else np.zeros((np.size(function(values)), 0))

    def curve(self, x: Array, only: str = "") -> Dataset:
        """The model with its error."""
        values = np.asarray(self.vector.values)
        if only and not any(each.prefix.startswith(only) for each in self.terms):
            raise GumtreeError(
                "UNKNOWN_SHAPE",
                f"The model has no term {only}; it has {', '.join(each.prefix for each in self.terms)}.",
            )
        best = self.model(values, x, only)
        derivative = self.derivative(lambda p: self.model(p, x, only), values)
        dim = self.data.dims[0]
        # One term for each parameter: a product of matrices would fold them for each point anew.
        result = Dataset(np.zeros(best.shape), dims=(dim,))
        for k in range(len(values)):
            result = result + Dataset(derivative[:, k], dims=(dim,)) * self.vector["parameter", k]
        result = result.derive(values=best, unit=self.data.unit, history=(), title="fit")
        if len(x) == len(self.x) and np.array_equal(x, self.x):
            return result.with_axes(**{self.axis: self.data.axes[self.axis]})
        return result.replace(axes={self.axis: Dataset(x, dims=(dim,), unit=self.data.axes[self.axis].unit)})


def declare(
    problem: Problem,
    start: dict[str, float],
    bounds: dict[str, tuple[float, float]],
    fixed: dict[str, float],
    ties: dict[str, str],
) -> None:
    """Set what the user says of the parameters, and guess the rest."""
    parameters = problem.parameters
    for each in (start, bounds, fixed, ties):
        for name in each:
            if name not in parameters:
                raise GumtreeError(
                    "UNKNOWN_PARAMETER",
                    f"The model has no parameter {name}. It has: {', '.join(parameters)}.",
                )
    used = problem.used
    n, free = int(used.sum()), len(parameters) - len(fixed) - len(ties)
    if n < max(free, 1):
        raise GumtreeError(
            "TOO_FEW_POINTS",
            f"{n} points of {problem.data.name} are neither masked nor NaN; {free} parameters need at least"
            " as many. Fix some, or take a simpler model.",
        )
    guesses = fit_models.guess(problem.terms, problem.x[used], np.asarray(problem.data.values)[used])
    missing = [each for each in parameters if each not in guesses | start | fixed | ties]
    if missing:
        raise GumtreeError(
            "NO_START", f"Give a start value for {', '.join(missing)}: it cannot be guessed from the data."
        )
    for term in problem.terms:
        for name in term.shape.fixed if term.shape else ():
            full = term.prefix + name
            parameters[full].vary = full in bounds
    for name, parameter in parameters.items():
        low, high = bounds.get(name, (parameter.min, parameter.max))
        if not low < high:
            raise GumtreeError("BAD_BOUNDS", f"{name} cannot be from {low:g} to {high:g}.")
        value = fixed.get(name, start.get(name, guesses.get(name, 0.0)))
        if name in fixed:
            parameter.set(value=value, min=-np.inf, max=np.inf, vary=False)
            continue
        if name in start and not low <= value <= high:
            raise GumtreeError("BAD_BOUNDS", f"{name} starts at {value:g}, outside {low:g} to {high:g}.")
        parameter.set(min=low, max=high)
        parameter.set(value=_inside(value, low, high))
    for name, expression in ties.items():
        try:
            parameters[name].set(expr=expression)
            parameters.update_constraints()
        except (NameError, SyntaxError, ValueError, TypeError, AttributeError) as error:
            raise GumtreeError(
                "BAD_EXPRESSION", f"{name} cannot be tied to {expression!r}: {error}. Use parameters' names."
            ) from error
    problem.names = tuple(name for name, each in parameters.items() if each.vary and not each.expr)


def _inside(value: float, low: float, high: float) -> float:
    """A start that is not at a bound, where no method moves well."""
    margin = 1e-3 * (high - low) if np.isfinite(high - low) else 1e-3 * max(abs(value), 1e-6)
    if np.isfinite(low):
        value = max(value, low + margin)
    return min(value, high - margin) if np.isfinite(high) else value


def minimise(problem: Problem, weigh: Weights) -> tuple[Array, list[str]]:
    """Give the values of the varied parameters; those at a bound are no longer varied."""
    parameters, names = problem.parameters, problem.names
    start = np.array([parameters[name].value for name in names], dtype=np.float64)
    notes: list[str] = []
    if names:
        low = np.array([parameters[name].min for name in names])
        high = np.array([parameters[name].max for name in names])
        solved = _least(problem, weigh, start, (low, high))
        span = np.maximum(np.abs(start), np.abs(solved))
        start = solved
        for k, name in enumerate(names):
            for bound in (low[k], high[k]):
                if np.isfinite(bound) and abs(start[k] - bound) <= AT_BOUND * span[k]:
                    start[k] = bound
                    notes.append(f"{name} is at its bound of {bound:g}")
                    problem.at_bound.append(name)
                    parameters[name].set(value=bound, vary=False)
        problem.names = tuple(name for name in names if parameters[name].vary)
        start = start[[parameters[name].vary for name in names]]
    return start, notes


def _least(problem: Problem, weigh: Weights, start: Array, bounds: tuple[Array, Array]) -> Array:
    """The values with the least squares; anew with the weights that the best model asks for, till it stays.

    Raises
    ------
    GumtreeError
        FIT_FAILED.
    """
    from scipy.optimize import least_squares

    x = problem.x[problem.used]
    best = None
    for _ in range(MOST_PASSES):
        try:
            with np.errstate(all="ignore"):
                solved = least_squares(
                    lambda p, by: by.residual(problem.model(p, x)), start, bounds=bounds, args=(weigh,),
                    x_scale="jac", xtol=1e-12, ftol=1e-12, gtol=1e-12, max_nfev=200 * (len(start) + 1),
                )  # fmt: skip
        except ValueError as error:
            raise GumtreeError(
                "FIT_FAILED",
                f"The model gives no number at its start ({_listed(problem.names, start)}). Give other start "
                "values.",
            ) from error
        if solved.status == 0:
            break
        start = np.asarray(solved.x)
        before, best = best, problem.model(start, x)
        following = weigh.after(best)
        if following is None:
            return start
        if before is not None and np.linalg.norm(following.white(best - before, best)) < SETTLED:
            return start
        weigh = following
    raise GumtreeError(
        "FIT_FAILED",
        f"The fit has not converged after {solved.nfev} steps, at {_listed(problem.names, solved.x)}. Give "
        "better start values, or fix some.",
    )


def _listed(names: Sequence[str], values: Array) -> str:
    return ", ".join(f"{name} {value:.6g}" for name, value in zip(names, values, strict=True))


def _scaled_derivative(problem: Problem, values: Array, weigh: Weights) -> tuple[Array, Array]:
    """Derivatives of the whitened model, and their lengths; steps are fitted to the errors found."""
    x = problem.x[problem.used]
    spread = float(np.ptp(x)) or 1.0
    problem.steps = 1e-6 * np.where(values == 0, spread, np.abs(values))
    for _ in range(2):
        with np.errstate(all="ignore"):
            slopes = problem.derivative(lambda p: problem.model(p, x), values)
            white = weigh.white(slopes, problem.model(values, x))
        lengths = np.asarray(np.linalg.norm(white, axis=0))
        if not weigh.absolute:
            break
        with np.errstate(divide="ignore"):
            wanted = 0.01 / lengths
        problem.steps = np.where(
            np.isfinite(wanted) & (wanted > 0), np.clip(wanted, 1e-9 * np.abs(values), None), problem.steps
        )
        problem.steps = np.minimum(problem.steps, 1e-3 * np.where(values == 0, np.inf, np.abs(values)))
    return white, lengths


def gain(problem: Problem, values: Array, weigh: Weights) -> Array:
    """The pseudo-inverse of the whitened derivatives: (parameters, points).

    Raises
    ------
    GumtreeError
        SINGULAR_FIT where the data do not determine all parameters, with those that they do not.
    """
    white, lengths = _scaled_derivative(problem, values, weigh)
    if not white.size:
        return np.zeros((0, int(problem.used.sum())))
    bad = ~(np.isfinite(lengths) & (lengths > 0))
    which = [name for name, is_bad in zip(problem.names, bad, strict=True) if is_bad]
    if not which:
        left, singular, right = np.linalg.svd(white / lengths, full_matrices=False)
        if singular[-1] * CONDITION > singular[0]:
            return np.asarray((right.T / singular) @ left.T / lengths[:, np.newaxis])
        which = [name for name, part in zip(problem.names, right[-1], strict=True) if abs(part) > 0.3]
    raise GumtreeError(
        "SINGULAR_FIT",
        f"The data do not determine {', '.join(which)}. Fix one, tie them, or take a simpler model.",
    )
