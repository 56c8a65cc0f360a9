"""The named transformations that a mapping may apply to what stands in a file, one after the other."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np

from gumtree_core.data import Dataset, scalar
from gumtree_core.data.units import parse_quantity
from gumtree_core.errors import GumtreeError
from gumtree_core.files.nexus.pixel_mask import unusable

Look: TypeAlias = "Callable[[str], Dataset]"
"""Gives the value of another key of the same run."""

UNEVEN = 0.01
"""By how much of itself a pixel's size may differ from their mean."""


@dataclass(frozen=True)
class Transformation:
    """A step: what it does, and what kind of argument it takes ("", "dimension", "dimensions", "operand")."""

    apply: Callable[[Dataset, Any, Look], Dataset]
    argument: str = ""
    optional: bool = False


def apply(name: str, ds: Dataset, argument: Any, look: Look) -> Dataset:
    """The Dataset after a step.

    Raises
    ------
    GumtreeError
        BAD_SHAPE where the data do not fit the step, and what Dataset raises.
    """
    return STEPS[name].apply(ds, argument, look)


def mistake_of_step(step: Any, is_key: Callable[[str], bool]) -> str:
    """What is wrong with a step as it was read: (name, None) or {name: argument}; empty if nothing is."""
    if isinstance(step, tuple):
        name, argument = step
    elif isinstance(step, dict) and len(step) == 1:
        ((name, argument),) = step.items()
    else:
        return "a step is a name, or a table of a name and its argument"
    if name not in STEPS:
        near = difflib.get_close_matches(str(name), STEPS, n=1)
        return f"there is no step {name}" + (
            f"; did you mean `{near[0]}`" if near else f"; there are {', '.join(STEPS)}"
        )
    kind, optional = STEPS[name].argument, STEPS[name].optional
    if argument is None:
        return "" if optional or not kind else f"{name} needs an argument: {{{name}: ...}}"
    if not kind:
        return f"{name} takes no argument"
    if kind == "operand":
        return _mistake_of_operand(name, argument, is_key)
    texts = argument if isinstance(argument, list) else [argument]
    wrong = (kind == "dimension") == isinstance(argument, list) or not all(isinstance(t, str) for t in texts)
    return f"{name} takes {'a dimension' if kind == 'dimension' else 'a list of dimensions'}" if wrong else ""


def _mistake_of_operand(name: str, argument: Any, is_key: Callable[[str], bool]) -> str:
    if isinstance(argument, (int, float)) and not isinstance(argument, bool):
        return ""
    if isinstance(argument, str):
        if is_key(argument):
            return ""
        try:
            parse_quantity(argument)
        except GumtreeError:
            return f"{argument!r} is no number, no number with a unit, and no logical key"
        return ""
    return f"{name} takes a number, a number with its unit, or a logical key"


def _operand(argument: Any, look: Look) -> Dataset:
    if not isinstance(argument, str):
        return scalar(float(argument))
    if argument[:1].isalpha():
        return look(argument)
    number, unit = parse_quantity(argument)
    return scalar(number, unit=unit)


def _needs_length(ds: Dataset, least: int, step: str) -> None:
    if ds.ndim == 0 or ds.shape[0] < least:
        raise GumtreeError(
            "BAD_SHAPE", f"{step} needs {least} or more values along a dimension; the shape is {ds.shape}."
        )


def _first(ds: Dataset, _: Any, __: Look) -> Dataset:
    if ds.ndim == 0:
        return ds
    _needs_length(ds, 1, "first")
    return ds[ds.dims[0], 0]


def _last(ds: Dataset, _: Any, __: Look) -> Dataset:
    if ds.ndim == 0:
        return ds
    _needs_length(ds, 1, "last")
    return ds[ds.dims[0], ds.shape[0] - 1]


def _transpose(ds: Dataset, dims: list[str] | None, _: Look) -> Dataset:
    if dims is None:
        return Dataset(ds.values.T, dims=ds.dims, unit=ds.unit)
    if "point" not in ds.dims:  # of a scan that has one point
        dims = [dim for dim in dims if dim != "point"]
    if sorted(dims) != sorted(ds.dims):
        raise GumtreeError("BAD_SHAPE", f"transpose to {dims} does not fit data of the dimensions {ds.dims}.")
    return ds.transpose(*dims)


def _pitch(ds: Dataset, _: Any, __: Look) -> Dataset:
    _needs_length(ds, 2, "pitch")
    steps = np.abs(np.diff(ds.values.astype(np.float64), axis=-1))
    mean = steps.mean()
    if not np.all(np.abs(steps - mean) <= UNEVEN * mean):
        raise GumtreeError(
            "BAD_SHAPE",
            f"pitch needs evenly spaced edges; theirs are {steps.min():.6g} to {steps.max():.6g} apart.",
        )
    return scalar(float(mean), unit=ds.unit)


def _centers(ds: Dataset, _: Any, __: Look) -> Dataset:
    _needs_length(ds, 2, "centers")
    values = ds.values.astype(np.float64)
    return Dataset((values[..., 1:] + values[..., :-1]) / 2, dims=ds.dims, unit=ds.unit)


def _flip(ds: Dataset, dim: str, _: Look) -> Dataset:
    if dim not in ds.dims:
        raise GumtreeError("BAD_SHAPE", f"flip along {dim} does not fit data of the dimensions {ds.dims}.")
    return Dataset(np.flip(ds.values, ds.dims.index(dim)), dims=ds.dims, unit=ds.unit)


def _sum(ds: Dataset, dim: str, _: Look) -> Dataset:
    if dim not in ds.dims:
        raise GumtreeError("BAD_SHAPE", f"sum over {dim} does not fit data of the dimensions {ds.dims}.")
    return Dataset(
        ds.values.sum(ds.dims.index(dim)), dims=[each for each in ds.dims if each != dim], unit=ds.unit
    )


def _pixel_mask(ds: Dataset, _: Any, __: Look) -> Dataset:
    if ds.values.dtype.kind not in "biu":
        raise GumtreeError(
            "BAD_TYPE", f"pixel_mask needs bits, that is whole numbers, not {ds.values.dtype}."
        )
    return Dataset(unusable(ds.values), dims=ds.dims)


def _elementwise(function: np.ufunc, ds: Dataset) -> Dataset:
    result: Any = function(ds)
    return cast(Dataset, result)


def _combined(function: np.ufunc, ds: Dataset, argument: Any, look: Look) -> Dataset:
    result: Any = function(ds, _operand(argument, look))
    return cast(Dataset, result)


STEPS: Mapping[str, Transformation] = {
    "first": Transformation(_first),
    "last": Transformation(_last),
    "transpose": Transformation(_transpose, "dimensions", optional=True),
    "flip": Transformation(_flip, "dimension"),
    "sum": Transformation(_sum, "dimension"),
    "pitch": Transformation(_pitch),
    "centers": Transformation(_centers),
    "pixel_mask": Transformation(_pixel_mask),
    "absolute": Transformation(lambda ds, _, __: _elementwise(np.abs, ds)),
    "cos": Transformation(lambda ds, _, __: _elementwise(np.cos, ds)),
    "sin": Transformation(lambda ds, _, __: _elementwise(np.sin, ds)),
    "add": Transformation(lambda ds, argument, look: _combined(np.add, ds, argument, look), "operand"),
    "subtract": Transformation(
        lambda ds, argument, look: _combined(np.subtract, ds, argument, look), "operand"
    ),
    "multiply": Transformation(
        lambda ds, argument, look: _combined(np.multiply, ds, argument, look), "operand"
    ),
    "divide": Transformation(lambda ds, argument, look: _combined(np.divide, ds, argument, look), "operand"),
}
