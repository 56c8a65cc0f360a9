"""Element by element: NumPy's ufuncs and Python's operators on Datasets, numbers and arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import units
from gumtree_core.data.axis import Axis, check_unmasked
from gumtree_core.data.checks import is_dataset
from gumtree_core.data.expressions.deferring import defer
from gumtree_core.data.mathematics.ufuncs import (
    ANGLE_CONVERSIONS,
    BINARY,
    BITWISE,
    COMPARISONS,
    LOGIC,
    QUESTIONS,
    UNARY,
    Binary,
)
from gumtree_core.data.past import merged
from gumtree_core.data.propagation.selection import Array, Shape, rearrange
from gumtree_core.data.propagation.uncertainty import Uncertainty, combine
from gumtree_core.errors import GumtreeError

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset

UNDEFINED = "undefined"
"""The mask of elements that an operation gives no number for, such as x / 0; their value is NaN."""

_SYMBOLS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "power": "**",
    "floor_divide": "//",
    "remainder": "%",
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "equal": "==",
    "not_equal": "!=",
}


def apply(function: np.ufunc, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Carry out a ufunc.

    Raises
    ------
    GumtreeError
        UNSUPPORTED_FUNCTION; UNIT_MISMATCH, DIMENSION_MISMATCH or AXIS_MISMATCH, which name the operands.
    """
    if method != "__call__":
        raise GumtreeError(
            "UNSUPPORTED_FUNCTION",
            f"numpy.{function.__name__}.{method} does not propagate errors; use sum, mean, min or max of"
            " the Dataset.",
        )
    if any(option is not None for option in options.values()):
        raise GumtreeError(
            "UNSUPPORTED_FUNCTION",
            f"numpy.{function.__name__} of a Dataset takes no {', '.join(options)}; assign the result"
            " instead.",
        )
    made = defer(function, inputs)
    if made is not None:
        return made
    if len(inputs) == 1:
        if function in ANGLE_CONVERSIONS:
            return _converted_angle(function, inputs[0])
        if function in UNARY or function in QUESTIONS:
            return _unary(function, inputs[0])
    elif function in BINARY or function in COMPARISONS or function in LOGIC:
        return _binary(function, *inputs)
    raise GumtreeError(
        "UNSUPPORTED_FUNCTION",
        f"numpy.{function.__name__} of a Dataset would lose its errors; apply it to .values if that is what"
        " you want.",
    )


def convert(ds: Dataset, unit: str) -> Dataset:
    """Convert to another unit; see `Dataset.to`."""
    target = units.canonical(unit)
    factor, offset = _conversion(ds.unit, target, f"{ds.name} in '{ds.unit}' cannot be given in '{target}'.")
    if (factor, offset) == (1.0, 0.0):
        return ds if target == ds.unit else ds.replace(unit=target)
    values = ds.values * factor
    uncertainty = combine([(ds.uncertainty, factor)], ds.shape, "to")
    return _like(ds, values + offset if offset else values, target, uncertainty, ds.history)


def _converted_angle(function: np.ufunc, ds: Dataset) -> Dataset:
    target = ANGLE_CONVERSIONS[function]
    if target == "rad" and not ds.unit:
        # A pure number is rad to the sine here, and degrees to this function of NumPy.
        raise GumtreeError(
            "UNIT_MISMATCH",
            f"numpy.{function.__name__} needs an angle with its unit, not {ds.name} without one; give it one"
            " by replace(unit='deg').",
        )
    return convert(ds, target)


def _conversion(source: str, target: str, sentence: str) -> tuple[float, float]:
    found = units.conversion(source, target)
    if found is None:
        raise GumtreeError("UNIT_MISMATCH", sentence)
    return found


def _like(
    ds: Dataset,
    values: Array,
    unit: str,
    uncertainty: Uncertainty,
    history: tuple[str, ...],
    undefined: Any = None,
) -> Dataset:
    masks = ds.raw_masks if undefined is None else with_undefined(ds.raw_masks, undefined)
    return ds.derive(values=values, unit=unit, uncertainty=uncertainty, masks=masks, history=history)


def with_undefined(masks: dict[str, NDArray[np.bool_]], undefined: NDArray[np.bool_]) -> dict[str, Any]:
    """Add to the mask of elements that are no number."""
    return {**masks, UNDEFINED: masks[UNDEFINED] | undefined if UNDEFINED in masks else undefined}


def _defined(result: Array, *operands: Array) -> tuple[Array, NDArray[np.bool_] | None]:
    """Put NaN where numbers gave none, and say where."""
    finite = np.isfinite(result)
    if finite.all():
        return result, None
    undefined = ~finite
    for operand in operands:
        undefined &= np.isfinite(operand)
    if not undefined.any():
        return result, None
    return np.where(undefined, np.asarray(np.nan, result.dtype), result), undefined


def step(
    function: np.ufunc, arguments: list[Array]
) -> tuple[Array, NDArray[np.bool_] | None, list[Array | float]]:
    """Give values, where there is none, and the derivative by each argument; all in one unit already."""
    arguments = [_real(each) for each in arguments]
    result, undefined = _defined(np.asarray(function(*arguments)), *arguments)
    if len(arguments) == 1:
        return result, undefined, [UNARY[function].derivative(arguments[0], result)]
    left, right = arguments
    rule = BINARY[function]
    return result, undefined, [rule.left(left, right, result), rule.right(left, right, result)]


def slope(derivative: Array | float, uncertainty: Uncertainty, result: Array) -> Array | float:
    """Give the derivative; 0 where there is none of an exact number that has a result, as of sqrt(0 +- 0)."""
    if not isinstance(derivative, np.ndarray):
        return derivative
    none = ~np.isfinite(derivative)
    if not none.any() or not (none := none & np.isfinite(result)).any():
        return derivative
    return np.where(none & (uncertainty.variances(result.shape) == 0), 0.0, derivative)


def _real(values: Array) -> Array:
    # Integers would wrap (1 - 2 of unsigned counts) or overflow; float64 holds 2**53 of them exactly.
    return values if values.dtype.kind == "f" else values.astype(np.float64)


def _check_logic(function: np.ufunc, *arguments: Array) -> None:
    if function in BITWISE and any(array.dtype.kind == "f" for array in arguments):
        raise GumtreeError(
            "UNSUPPORTED_FUNCTION", f"numpy.{function.__name__} joins booleans, such as (a > 1) & (a < 5)."
        )


def _unary(function: np.ufunc, ds: Dataset) -> Dataset:
    if function in QUESTIONS:
        _check_logic(function, ds.values)
        return _like(ds, function(ds.values), "", Uncertainty(), ds.history)
    rule = UNARY[function]
    unit = ds.unit
    if function is not np.positive:
        units.check_zero(unit, f"numpy.{function.__name__} of {ds.name}")
    if rule.unit == "angle":
        factor, _ = _conversion(
            unit, "rad", f"numpy.{function.__name__} needs an angle, not {ds.name} in '{unit}'."
        )
        unit = ""
    elif rule.unit in ("number", "arc"):
        sentence = (
            f"numpy.{function.__name__} needs a pure number, not {ds.name} in '{unit}'; divide by its unit."
        )
        factor, _ = _conversion(unit, "", sentence)
        unit = "rad" if rule.unit == "arc" else ""
    else:
        factor = 1.0
        unit = (
            units.power(unit, rule.exponent) if rule.unit == "power" else "" if rule.unit == "sign" else unit
        )
    with np.errstate(all="ignore"):
        argument = _real(ds.values) if factor == 1.0 else ds.values * factor
        result, undefined = _defined(function(argument), argument)
        uncertainty = Uncertainty()
        if ds.uncertainty:
            derivative = slope(rule.derivative(argument, result), ds.uncertainty, result)
            uncertainty = combine(
                [(ds.uncertainty, derivative if factor == 1.0 else derivative * factor)],
                ds.shape,
                function.__name__,
            )
    history = ds.history if rule.unit == "same" else (*ds.history, f"{function.__name__}({ds.name})")
    return _like(ds, np.asarray(result), unit, uncertainty, history, undefined)


@dataclass(frozen=True)
class _Operand:
    values: Array
    unit: str
    uncertainty: Uncertainty
    name: str
    bare: bool
    """A number or an array: it has no unit, rather than the unit 1."""


def _binary(function: np.ufunc, left: Any, right: Any) -> Dataset:
    symbol = _SYMBOLS.get(function.__name__, function.__name__)
    lead, dims, shape = _common_dimensions(left, right, symbol)
    a, b = _operand(left, dims, shape, symbol, lead), _operand(right, dims, shape, symbol, lead)
    masks = _merged_masks(left, right, dims)
    axes = _merged_axes(left, right, symbol)
    history = _merged_history(left, right)
    _check_logic(function, a.values, b.values)
    if function in LOGIC or function in COMPARISONS:
        values, _, _ = _in_one_unit(a, b, symbol) if function in COMPARISONS else (b.values, 1.0, "")
        result = np.asarray(function(a.values, values))
        return lead.derive(
            values=result,
            dims=dims,
            unit="",
            uncertainty=Uncertainty(),
            axes=axes,
            masks=masks,
            history=history,
        )
    history = (*history, f"{a.name} {symbol} {b.name}")
    with np.errstate(all="ignore"):
        x, y, unit, factor = _arguments(function, a, b, symbol)
        result, undefined = _defined(np.asarray(function(x, y)), x, y)
        uncertainty = Uncertainty()
        if a.uncertainty or b.uncertainty:
            rule = BINARY[function]
            parts: list[tuple[Uncertainty, Array | float]] = []
            if a.uncertainty:
                parts.append((a.uncertainty, slope(rule.left(x, y, result), a.uncertainty, result)))
            if b.uncertainty:
                derivative = slope(rule.right(x, y, result), b.uncertainty, result)
                parts.append((b.uncertainty, derivative if factor == 1.0 else derivative * factor))
            uncertainty = combine(parts, shape, f"{a.name} {symbol} {b.name}")
    if undefined is not None:
        masks = with_undefined(masks, undefined)
    return lead.derive(
        values=result,
        dims=dims,
        unit=unit,
        uncertainty=uncertainty,
        axes=axes,
        masks=masks,
        history=history,
    )


def _arguments(function: np.ufunc, a: _Operand, b: _Operand, symbol: str) -> tuple[Array, Array, str, float]:
    """Give both arguments as numbers that belong together, the result's unit, and the second's conversion."""
    rule: Binary = BINARY[function]
    x, y = _real(a.values), _real(b.values)
    if function in (np.add, np.subtract) and (unit := units.moved(a.unit, b.unit, function is np.subtract)):
        return x, y, unit, 1.0
    if rule.unit in ("same", "arc"):
        y, factor, unit = _in_one_unit(a, b, symbol)
        if function is np.subtract:
            unit = units.difference(unit)
        elif function not in (np.minimum, np.maximum):
            units.check_zero(unit, f"{a.name} {symbol} {b.name}")
        return x, _real(y), unit if rule.unit == "same" else "rad", factor
    for operand in (a, b):
        units.check_zero(operand.unit, f"{a.name} {symbol} {b.name}")
    if rule.unit == "ratio":
        y, factor, _ = _in_one_unit(a, b, symbol) if b.unit else (b.values, 1.0, "")
        return x, _real(y), "" if b.unit else a.unit, factor
    if rule.unit == "product":
        return x, y, units.multiply(a.unit, b.unit), 1.0
    if rule.unit == "quotient":
        return x, y, units.divide(a.unit, b.unit), 1.0
    factor, _ = _conversion(b.unit, "", f"The exponent {b.name} in '{b.unit}' is no pure number.")
    y = y if factor == 1.0 else y * factor
    if not a.unit:
        return x, y, "", factor
    if (y.size != 1 or b.uncertainty) and units.conversion(a.unit, "") == (1.0, 0.0):
        return x, y, "", factor
    if y.size != 1 or b.uncertainty:
        raise GumtreeError(
            "UNIT_MISMATCH",
            f"{a.name} in '{a.unit}' cannot be raised to {b.name}, which is no single exact number;"
            " divide by the unit first.",
        )
    return x, y, units.power(a.unit, float(y.reshape(-1)[0])), factor


def _in_one_unit(a: _Operand, b: _Operand, symbol: str) -> tuple[Array, float, str]:
    """Give the second operand in the first's unit, the factor of the conversion, and the unit of both."""
    if a.unit == b.unit:
        return b.values, 1.0, a.unit
    factor, offset = _conversion(
        b.unit,
        a.unit,
        f"{a.name} in '{a.unit or '1'}' {symbol} {b.name} in '{b.unit or '1'}': the units do not agree"
        + ("; give the number a unit with scalar(value, unit=...)." if a.bare or b.bare else "."),
    )
    if offset or (factor != 1.0 and not (a.unit and b.unit)):
        # The zeros of degC and K differ; 1 + 1 deg would be 1 rad + 1 deg.
        raise GumtreeError(
            "UNIT_MISMATCH",
            f"{a.name} in '{a.unit or '1'}' {symbol} {b.name} in '{b.unit or '1'}': give both in one unit.",
        )
    return b.values if factor == 1.0 else b.values * factor, factor, a.unit or b.unit


def _common_dimensions(left: Any, right: Any, symbol: str) -> tuple[Dataset, tuple[str, ...], Shape]:
    """Give the operand that leads (that of more dimensions, else the left), and the result's dimensions."""
    if not is_dataset(left) or not is_dataset(right):
        lead = left if is_dataset(left) else right
        return lead, lead.dims, lead.shape
    if left.dims == right.dims and left.shape == right.shape:
        return left, left.dims, left.shape
    lead, other = (right, left) if right.ndim > left.ndim else (left, right)
    sizes = {**lead.sizes, **other.sizes}
    for name in other.dims:
        if lead.sizes.get(name, sizes[name]) != sizes[name]:
            raise GumtreeError(
                "DIMENSION_MISMATCH",
                f"{left.name} {symbol} {right.name}: the dimension '{name}' has the lengths"
                f" {left.sizes[name]} and"
                f" {right.sizes[name]}.",
            )
    return lead, tuple(sizes), tuple(sizes.values())


def _places(own: tuple[str, ...], dims: tuple[str, ...]) -> list[int | None]:
    return [own.index(name) if name in own else None for name in dims]


def _operand(operand: Any, dims: tuple[str, ...], shape: Shape, symbol: str, lead: Dataset) -> _Operand:
    if is_dataset(operand):
        if operand.dims == dims:
            return _Operand(operand.values, operand.unit, operand.uncertainty, operand.name, False)
        places = _places(operand.dims, dims)
        values = rearrange(operand.values, places)
        return _Operand(values, operand.unit, operand.uncertainty.rearranged(places), operand.name, False)
    check_unmasked(operand, "BAD_OPERAND", f"{symbol} of {lead.name}: the numbers")
    foreign = getattr(operand, "units", None) or getattr(operand, "unit", None)  # as of pint and astropy
    if foreign is not None:
        raise GumtreeError(
            "BAD_OPERAND",
            f"{symbol} of {lead.name}: a {type(operand).__name__} in '{foreign}' would lose its unit; give "
            "scalar(value, unit=...), or a Dataset.",
        )
    try:
        array = np.asarray(operand)
    except ValueError:  # a ragged list
        array = np.empty((), dtype=object)
    if array.dtype.kind not in "biuf":
        what = f"an array of {array.dtype}" if isinstance(operand, np.ndarray) else type(operand).__name__
        raise GumtreeError(
            "BAD_OPERAND",
            f"{symbol} of {lead.name} takes Datasets, numbers and arrays of numbers, not {what}.",
        )
    name = f"{array.item():.6g}" if array.ndim == 0 else f"an array of shape {array.shape}"
    if array.ndim > len(shape) or any(
        m not in (1, n) for m, n in zip(array.shape[::-1], shape[::-1], strict=False)
    ):
        raise GumtreeError(
            "DIMENSION_MISMATCH",
            f"{symbol} of {lead.name} with {dict(zip(dims, shape, strict=True))} and {name}: the shapes do"
            " not agree.",
        )
    if array.ndim < len(shape):
        array = array.reshape((1,) * (len(shape) - array.ndim) + array.shape)
    return _Operand(array, "", Uncertainty(), name, True)


def _merged_masks(left: Any, right: Any, dims: tuple[str, ...]) -> dict[str, NDArray[np.bool_]]:
    masks: dict[str, NDArray[np.bool_]] = {}
    for operand in (left, right):
        if not is_dataset(operand) or not operand.raw_masks:
            continue
        places = None if operand.dims == dims else _places(operand.dims, dims)
        for name, mask in operand.raw_masks.items():
            mask = mask if places is None else rearrange(mask, places)
            known = masks.get(name)
            masks[name] = mask if known is None or known is mask else known | mask
    return masks


def _merged_axes(left: Any, right: Any, symbol: str) -> dict[str, Axis]:
    if not is_dataset(left) or not is_dataset(right):
        return dict((left if is_dataset(left) else right).axes)
    axes = dict(left.axes)
    for name, axis in right.axes.items():
        known = axes.setdefault(name, axis)
        if known is axis or known.same(axis):
            continue
        if not known.ndim and not axis.ndim:
            # Where the two were cut out of their data; the result lies at neither place.
            del axes[name]
            continue
        if not known.ndim or not axis.ndim:
            # A row of a frame meets the frame: the place that it was cut out of says nothing of the result.
            axes[name] = known if known.ndim else axis
            continue
        raise GumtreeError(
            "AXIS_MISMATCH",
            f"{left.name} {symbol} {right.name}: the axis '{name}' is {known.describe()} in one and"
            f" {axis.describe()} in the other; rebin one, or replace the axes of one where they mean the"
            " same.",
        )
    return axes


def _merged_history(left: Any, right: Any) -> tuple[str, ...]:
    if not is_dataset(left) or not is_dataset(right):
        return (left if is_dataset(left) else right).history  # type: ignore[no-any-return]
    return merged(left.history, right.history)
