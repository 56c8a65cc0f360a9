"""The functions that propagate errors: value by NumPy, derivatives and the unit by the tables here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from gumtree_core.data.propagation.selection import Array

UnitRule = Literal["same", "number", "angle", "arc", "sign", "power"]


@dataclass(frozen=True)
class Unary:
    """``dy/dx`` from x and y, and what becomes of the unit.

    same: kept. number: the argument is converted to a pure number, the result is one. angle: the argument is
    converted to rad. arc: the result is in rad. sign: any unit in, none out. power: raised to `exponent`.
    """

    derivative: Callable[[Array, Array], Array | float]
    unit: UnitRule
    exponent: float = 1.0


UNARY: dict[np.ufunc, Unary] = {
    np.positive: Unary(lambda x, y: 1.0, "same"),
    np.negative: Unary(lambda x, y: -1.0, "same"),
    np.absolute: Unary(lambda x, y: np.sign(x), "same"),
    np.fabs: Unary(lambda x, y: np.sign(x), "same"),
    np.sign: Unary(lambda x, y: 0.0, "sign"),
    np.sqrt: Unary(lambda x, y: 0.5 / y, "power", 0.5),
    np.cbrt: Unary(lambda x, y: 1 / (3 * np.square(y)), "power", 1 / 3),
    np.square: Unary(lambda x, y: 2 * x, "power", 2.0),
    np.reciprocal: Unary(lambda x, y: -np.square(y), "power", -1.0),
    np.exp: Unary(lambda x, y: y, "number"),
    np.exp2: Unary(lambda x, y: y * np.log(2), "number"),
    np.expm1: Unary(lambda x, y: y + 1, "number"),
    np.log: Unary(lambda x, y: 1 / x, "number"),
    np.log2: Unary(lambda x, y: 1 / (x * np.log(2)), "number"),
    np.log10: Unary(lambda x, y: 1 / (x * np.log(10)), "number"),
    np.log1p: Unary(lambda x, y: 1 / (1 + x), "number"),
    np.sin: Unary(lambda x, y: np.cos(x), "angle"),
    np.cos: Unary(lambda x, y: -np.sin(x), "angle"),
    np.tan: Unary(lambda x, y: 1 + np.square(y), "angle"),
    np.arcsin: Unary(lambda x, y: 1 / np.sqrt(1 - np.square(x)), "arc"),
    np.arccos: Unary(lambda x, y: -1 / np.sqrt(1 - np.square(x)), "arc"),
    np.arctan: Unary(lambda x, y: 1 / (1 + np.square(x)), "arc"),
    np.sinh: Unary(lambda x, y: np.cosh(x), "number"),
    np.cosh: Unary(lambda x, y: np.sinh(x), "number"),
    np.tanh: Unary(lambda x, y: 1 - np.square(y), "number"),
    np.arcsinh: Unary(lambda x, y: 1 / np.sqrt(1 + np.square(x)), "number"),
    np.arccosh: Unary(lambda x, y: 1 / np.sqrt(np.square(x) - 1), "number"),
    np.arctanh: Unary(lambda x, y: 1 / (1 - np.square(x)), "number"),
}
"""Functions of one argument."""

ANGLE_CONVERSIONS: dict[np.ufunc, str] = {
    np.deg2rad: "rad",
    np.radians: "rad",
    np.rad2deg: "deg",
    np.degrees: "deg",
}
"""These are a conversion of the unit, whatever angle the unit is."""

BinaryDerivative = Callable[[Array, Array, Array], "Array | float"]


@dataclass(frozen=True)
class Binary:
    """``dy/da`` and ``dy/db`` from a, b and y, and the unit.

    same: both in one unit, which the result has. product, quotient: as they say. number: both pure numbers.
    arc: both in one unit, the result in rad. ratio: in one unit, the result without; by a pure number, kept.
    """

    left: BinaryDerivative
    right: BinaryDerivative
    unit: Literal["same", "product", "quotient", "number", "arc", "ratio"]


def _power_left(a: Array, b: Array, y: Array) -> Array:
    return np.asarray(np.where(b == 0, 0.0, b * np.power(a, b - 1)))


def _power_right(a: Array, b: Array, y: Array) -> Array:
    return np.asarray(np.where(y == 0, 0.0, y * np.log(np.where(y == 0, 1.0, a))))


BINARY: dict[np.ufunc, Binary] = {
    np.add: Binary(lambda a, b, y: 1.0, lambda a, b, y: 1.0, "same"),
    np.subtract: Binary(lambda a, b, y: 1.0, lambda a, b, y: -1.0, "same"),
    np.multiply: Binary(lambda a, b, y: b, lambda a, b, y: a, "product"),
    np.divide: Binary(lambda a, b, y: 1 / b, lambda a, b, y: -y / b, "quotient"),
    np.power: Binary(_power_left, _power_right, "number"),
    np.float_power: Binary(_power_left, _power_right, "number"),
    np.floor_divide: Binary(lambda a, b, y: 0.0, lambda a, b, y: 0.0, "ratio"),
    np.remainder: Binary(lambda a, b, y: 1.0, lambda a, b, y: -np.floor(a / b), "same"),
    np.minimum: Binary(lambda a, b, y: 1.0 * (a <= b), lambda a, b, y: 1.0 * (a > b), "same"),
    np.maximum: Binary(lambda a, b, y: 1.0 * (a >= b), lambda a, b, y: 1.0 * (a < b), "same"),
    np.hypot: Binary(lambda a, b, y: a / y, lambda a, b, y: b / y, "same"),
    np.arctan2: Binary(
        lambda a, b, y: b / (np.square(a) + np.square(b)),
        lambda a, b, y: -a / (np.square(a) + np.square(b)),
        "arc",
    ),
}
"""Functions of two arguments."""

COMPARISONS: frozenset[Any] = frozenset(
    (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
)
BITWISE: frozenset[Any] = frozenset((np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert))
LOGIC: frozenset[Any] = frozenset(
    (np.logical_and, np.logical_or, np.logical_xor, np.bitwise_and, np.bitwise_or, np.bitwise_xor)
)
QUESTIONS: frozenset[Any] = frozenset(
    (np.isfinite, np.isnan, np.isinf, np.signbit, np.logical_not, np.invert)
)
"""Comparisons, logic and questions give booleans without unit and error."""
