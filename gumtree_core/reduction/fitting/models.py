"""From the text of a model to what is fitted: shapes, parameters, units and start values."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.fitting.shapes import (
    SHAPES,
    Array,
    Powers,
    Shape,
)

if TYPE_CHECKING:
    import lmfit

ENDS = 0.15
"""The part of the points at each end that the start values take for background."""


@dataclass(frozen=True)
class Term:
    """One summand of a model: a shape of the table, or a user's expression in x."""

    prefix: str
    model: lmfit.Model
    shape: Shape | None


def terms(model: str | Sequence[str]) -> tuple[Term, ...]:
    """Read a model.

    Raises
    ------
    GumtreeError
        UNKNOWN_SHAPE, BAD_EXPRESSION.
    """
    names = _split(model)
    many = Counter(names)
    counted: Counter[str] = Counter()
    made = []
    for name in names:
        counted[name] += 1
        if name in SHAPES:
            number = str(counted[name]) if many[name] > 1 else ""
            made.append(_shape_term(name, f"{name}{number}_"))
        else:
            made.append(_expression_term(name))
    return tuple(made)


def _split(model: str | Sequence[str]) -> list[str]:
    if not isinstance(model, str):
        return [each.strip() for each in model]
    parts = [part.strip() for part in model.split("+")]
    return parts if all(part in SHAPES for part in parts) else [model.strip()]


def _shape_term(name: str, prefix: str) -> Term:
    import lmfit

    shape = SHAPES[name]
    return Term(prefix, lmfit.Model(shape.function, prefix=prefix), shape)


def _expression_term(text: str) -> Term:
    import lmfit.models

    try:
        model = lmfit.models.ExpressionModel(text, independent_vars=["x"])
    except (ValueError, SyntaxError, NameError, KeyError, TypeError) as error:
        unknown = next((part.strip() for part in text.split("+") if part.strip() not in SHAPES), text)
        if not unknown.isidentifier():
            raise GumtreeError(
                "BAD_EXPRESSION", f"{text!r} is no expression in x and parameters: {error}."
            ) from error
        near = difflib.get_close_matches(unknown, SHAPES, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise GumtreeError(
            "UNKNOWN_SHAPE",
            f"There is no shape {unknown!r}.{hint} There are: {', '.join(SHAPES)}; or write an expression in "
            "x, such as 'a * exp(-x / tau)'.",
        ) from error
    return Term("", model, None)


def parameters_of(found: Sequence[Term]) -> lmfit.Parameters:
    """Parameters with their limits and derived ones, not started yet."""
    import lmfit

    parameters = lmfit.Parameters()
    for term in found:
        for name in term.model.param_names:
            if name in parameters:
                continue  # one that several expressions share
            low, high = (-np.inf, np.inf)
            if term.shape is not None:
                low, high = term.shape.limits.get(name.removeprefix(term.prefix), (low, high))
            parameters.add(name, value=0.0 if low <= 0 <= high else low, min=low, max=high)
    return parameters


def add_derived(found: Sequence[Term], parameters: lmfit.Parameters) -> None:
    """Add what follows from the parameters, such as heights."""
    for term in found:
        for name, (expression, _) in (term.shape.derived if term.shape else {}).items():
            parameters.add(f"{term.prefix}{name}", expr=expression.format(p=term.prefix))


def powers(found: Sequence[Term]) -> dict[str, Powers]:
    """The unit of each parameter of a shape, as powers of the units of data and coordinate."""
    known: dict[str, Powers] = {}
    for term in found:
        if term.shape is not None:
            known |= {term.prefix + name: unit for name, unit in term.shape.parameters.items()}
            known |= {term.prefix + name: unit for name, (_, unit) in term.shape.derived.items()}
    return known


def evaluate(found: Sequence[Term], parameters: Any, x: Array) -> Array:
    """The sum of all terms at x."""
    total = np.zeros(np.shape(x))
    for term in found:
        total = total + np.asarray(term.model.eval(parameters, x=x), dtype=np.float64)
    return total


def guess(found: Sequence[Term], x: Array, y: Array) -> dict[str, float]:
    """Start values of all shapes: a background through the ends, peaks on what stands above it."""
    start: dict[str, float] = {}
    backgrounds = [term for term in found if term.shape is not None and not _local(term)]
    rest = y.astype(np.float64)
    if backgrounds:
        local = any(_local(term) for term in found)
        base, rest = _background(backgrounds, x, rest, local=local)
        start |= base
    for term in found:
        if term.shape is None or not _local(term):
            continue
        start |= {term.prefix + name: value for name, value in term.shape.defaults.items()}
        values = _edge(x, rest) if "height" in term.shape.parameters else _peak(x, rest)
        if "start" in term.shape.parameters:
            values = _pulse(x, rest)
        own = {term.prefix + n: v for n, v in values.items() if n in term.shape.parameters}
        start |= own
        if term.shape.peak:
            full = {n.removeprefix(term.prefix): v for n, v in start.items() if n.startswith(term.prefix)}
            known = {n: v for n, v in full.items() if n in term.shape.parameters}
            rest = rest - np.nan_to_num(term.shape.function(x, **known))
    return start


def _local(term: Term) -> bool:
    shape = term.shape
    return shape is not None and bool({"center", "start"} & set(shape.parameters))


def _background(
    backgrounds: Sequence[Term], x: Array, y: Array, *, local: bool
) -> tuple[dict[str, float], Array]:
    """The first background takes what the ends say (all points, if there are no peaks); further ones 0."""
    start: dict[str, float] = {}
    order = np.argsort(x)
    n = max(1, round(ENDS * len(x)))
    ends = np.concatenate([order[:n], order[-n:]]) if local else order
    first, *others = backgrounds
    assert first.shape is not None
    names = list(first.shape.parameters)
    xs, ys = x[ends], y[ends]
    if local:
        left, right = order[:n], order[-n:]
        xs = np.array([x[left].mean(), x[right].mean()])
        ys = np.array([np.median(y[left]), np.median(y[right])])
    if first.prefix.startswith("exponential"):
        start |= dict(zip([first.prefix + name for name in names], _decay(xs, ys), strict=True))
    elif first.prefix.startswith("power_law"):
        start |= dict(zip([first.prefix + name for name in names], _power(xs, ys), strict=True))
    else:
        degree = min(len(names) - 1, len(np.unique(xs)) - 1)
        coefficients = np.zeros(len(names))
        coefficients[: degree + 1] = np.polynomial.Polynomial.fit(xs, ys, degree).convert().coef
        start |= {first.prefix + name: float(c) for name, c in zip(names, coefficients, strict=True)}
    for term in others:
        assert term.shape is not None
        start |= {term.prefix + name: 1.0 if name == "decay" else 0.0 for name in term.shape.parameters}
    values = {
        name.removeprefix(first.prefix): v for name, v in start.items() if name.startswith(first.prefix)
    }
    return start, y - first.shape.function(x, **values)


def _decay(x: Array, y: Array) -> tuple[float, float]:
    slope, level = _line(x, np.log(np.maximum(y, _least(y))))
    return float(np.exp(level)), -1 / slope if slope else 1e3 * float(np.ptp(x) or 1)


def _power(x: Array, y: Array) -> tuple[float, float]:
    good = x > 0
    if good.sum() < 2:
        return float(np.mean(y)), 0.0
    slope, level = _line(np.log(x[good]), np.log(np.maximum(y[good], _least(y))))
    return float(np.exp(level)), slope


def _least(y: Array) -> float:
    positive = y[y > 0]
    return float(positive.min()) if positive.size else 1e-12


def _line(x: Array, y: Array) -> tuple[float, float]:
    if np.ptp(x) == 0:
        return 0.0, float(np.mean(y))
    slope, level = np.polyfit(x, y, 1)
    return float(slope), float(level)


def _peak(x: Array, y: Array) -> dict[str, float]:
    """Highest point of the smoothed curve (or lowest, if that stands out more), and where it is half."""
    order = np.argsort(x)
    xs, ys = x[order], y[order]
    smooth = np.convolve(np.pad(ys, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    middle = float(np.median(smooth))
    sign = 1.0 if smooth.max() - middle >= middle - smooth.min() else -1.0
    smooth = sign * smooth
    top = int(np.argmax(smooth))
    height = float(smooth[top])
    below = smooth < height / 2 if height > 0 else smooth < smooth.min() + (height - smooth.min()) / 2
    left = np.flatnonzero(below[:top])
    right = np.flatnonzero(below[top:])
    low = xs[left[-1]] if left.size else xs[0]
    high = xs[top + right[0]] if right.size else xs[-1]
    step = float(np.ptp(xs)) / max(len(xs) - 1, 1)
    width = max(float(high - low) - step, step)
    area = sign * (height if height > 0 else float(np.ptp(smooth))) * width
    widths = {"fwhm": 1.0, "left_fwhm": 1.0, "right_fwhm": 1.0, "gauss_fwhm": 0.7, "lorentz_fwhm": 0.5}
    start = {name: part * width for name, part in widths.items()}
    return {"area": area, "center": float(xs[top]), **start}


def _pulse(x: Array, y: Array) -> dict[str, float]:
    peak = _peak(x, y)
    width = peak["fwhm"]
    return {"area": peak["area"], "start": peak["center"] - width, "alpha": 3 / width, "beta": 1 / width}


def _edge(x: Array, y: Array) -> dict[str, float]:
    order = np.argsort(x)
    xs, ys = x[order], y[order]
    n = max(1, round(ENDS * len(xs)))
    low, high = float(np.median(ys[:n])), float(np.median(ys[-n:]))
    half = (ys - low) * np.sign(high - low) > abs(high - low) / 2
    center = float(xs[int(np.argmax(half))]) if half.any() else float(xs.mean())
    return {"height": high - low, "center": center, "fwhm": float(np.ptp(xs)) / 10}
