"""Units as canonical text ("counts/s", "1/angstrom"); the algebra is pint's.

A Dataset keeps its unit as text: it prints, compares, pickles and goes into a NeXus attribute as it is. pint
is imported at the first unit that is not in `COMMON`, and each answer is remembered, so that a unit costs an
operation nothing but a look-up.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gumtree_core.errors import GumtreeError

if TYPE_CHECKING:
    import pint

_COUNTED = ("counts", "counts/s", "pixel", "%")
_LENGTHS = ("angstrom", "1/angstrom", "nm", "1/nm", "um", "mm", "cm", "m", "1/cm", "1/m", "mm^2", "cm^2")
_OTHERS = ("us", "ms", "s", "1/s", "deg", "rad", "K", "T", "V", "A", "Pa", "eV", "meV", "Hz")
COMMON = frozenset((*_COUNTED, *_LENGTHS, *_OTHERS))
"""Units that are canonical as they stand; they need no pint."""

_NAMES = {
    "angstrom": "angstrom",
    "count": "counts",
    "degree": "deg",
    "delta_degree_Celsius": "delta_degC",
    "degree_Celsius": "degC",
    "percent": "%",
    "pixel": "pixel",
}


@lru_cache(maxsize=1)
def _registry() -> pint.UnitRegistry[Any]:
    import pint

    registry: pint.UnitRegistry[Any] = pint.UnitRegistry()
    registry.define("@alias angstrom = Angstrom")
    registry.define("@alias count = cts")
    return registry


def _parse(unit: str) -> Any:
    try:
        return _registry().parse_units(unit)
    except Exception as error:  # pint answers nonsense with many types, some from its tokenizer
        raise GumtreeError(
            "UNKNOWN_UNIT",
            f"'{unit}' is no unit; write it like mm, 1/angstrom or counts/s, or leave it empty.",
        ) from error


def _number(power: float) -> str:
    return "" if power == 1 else f"^{power:.12g}"


def _text(unit: Any) -> str:
    registry = _registry()
    names = [
        (_NAMES.get(name) or _symbol(registry, name), power) for name, power in sorted(unit._units.items())
    ]
    above = "*".join(name + _number(power) for name, power in names if power > 0)
    below = "".join("/" + name + _number(-power) for name, power in names if power < 0)
    return (above or ("1" if below else "")) + below


def _symbol(registry: Any, name: str) -> str:
    symbol = str(registry.get_symbol(name)).replace("µ", "u").replace("μ", "u")
    return symbol if symbol.isascii() else name


@lru_cache(maxsize=4096)
def canonical(unit: str) -> str:
    """Give the one spelling of a unit.

    Parameters
    ----------
    unit
        Any spelling that pint understands; empty for a pure number.

    Raises
    ------
    GumtreeError
        UNKNOWN_UNIT.

    Examples
    --------
    >>> canonical("millimeter"), canonical("count / second"), canonical("angstrom**-1")
    ('mm', 'counts/s', '1/angstrom')
    """
    if not isinstance(unit, str):
        raise GumtreeError("UNKNOWN_UNIT", f"A unit is text such as 'mm', not {unit!r}.")
    unit = unit.strip()
    if not unit or unit in COMMON:
        return unit
    return _text(_parse(unit))


@lru_cache(maxsize=4096)
def has_own_zero(unit: str) -> bool:
    """Whether 0 of a canonical unit is not 0 of others, as of degC: such numbers have no sums."""
    if not unit or unit in COMMON:
        return False
    return (_offset(_parse(unit), None) or 0.0) != 0.0


def _offset(unit: pint.Unit, target: pint.Unit | None) -> float | None:
    """What 0 is in another unit, or in SI's; None where they are of different sorts, as degC and degC/min."""
    import pint

    zero = _registry().Quantity(0.0, unit)
    try:
        return float((zero.to_base_units() if target is None else zero.to(target)).magnitude)
    except pint.PintError:
        return None


def check_zero(unit: str, what: str) -> None:
    """Refuse what means something only where 0 is nothing.

    Raises
    ------
    GumtreeError
        UNIT_MISMATCH.
    """
    if has_own_zero(unit):
        raise GumtreeError(
            "UNIT_MISMATCH",
            f"{what}: '{unit}' has a zero of its own, so that only differences and averages mean something;"
            " convert with to() first, degC to K.",
        )


@lru_cache(maxsize=4096)
def difference(unit: str) -> str:
    """Give the unit of a difference: delta_degC for degC, else the same."""
    if not has_own_zero(unit):
        return unit
    (name,) = _parse(unit)._units
    return _text(_parse(f"delta_{name}"))


def moved(left: str, right: str, subtracted: bool = False) -> str:
    """The unit of degC + delta_degC and the like, whose zero is their own; empty for others."""
    if has_own_zero(left) and right == difference(left):
        return left
    return right if not subtracted and has_own_zero(right) and left == difference(right) else ""


@lru_cache(maxsize=4096)
def multiply(left: str, right: str) -> str:
    """Give the unit of a product of canonical units."""
    for unit in (left, right):
        check_zero(unit, f"The product of '{left}' and '{right}'")
    if not left or not right:
        return left or right
    return _text(_parse(left) * _parse(right))


@lru_cache(maxsize=4096)
def divide(left: str, right: str) -> str:
    """Give the unit of a quotient of canonical units."""
    for unit in (left, right):
        check_zero(unit, f"The quotient of '{left}' and '{right}'")
    if not right:
        return left
    return "" if left == right else _text(_parse(left or "dimensionless") / _parse(right))


@lru_cache(maxsize=4096)
def power(unit: str, exponent: float) -> str:
    """Give the unit of a power."""
    check_zero(unit, f"The power {exponent:g} of '{unit}'")
    return unit if not unit or exponent == 1 else _text(_parse(unit) ** exponent)


@lru_cache(maxsize=4096)
def conversion(source: str, target: str) -> tuple[float, float] | None:
    """Give (factor, offset) of ``target = factor * source + offset``; None where there is none."""
    if source == target:
        return 1.0, 0.0
    registry = _registry()
    one, other = _parse(source or "dimensionless"), _parse(target or "dimensionless")
    if one.dimensionality != other.dimensionality:
        return None
    offset = _offset(one, other)
    if offset is None:
        return None
    if offset == 0.0:
        return float(registry.Quantity(1.0, one).to(other).magnitude), 0.0
    return float(registry.Quantity(1.0, one).to(other).magnitude) - offset, offset


def parse_quantity(text: str) -> tuple[float, str]:
    """Split ``"5 mm"`` into 5.0 and ``mm``.

    Raises
    ------
    GumtreeError
        BAD_QUANTITY where the text does not start with a number.
    """
    number, _, unit = text.strip().partition(" ")
    if unit in COMMON:  # loading pint takes half a second
        with suppress(ValueError):
            return float(number), unit
    try:
        quantity: Any = _registry().Quantity(text)
        return float(quantity.magnitude), _text(quantity.units)
    except Exception as error:
        raise GumtreeError(
            "BAD_QUANTITY", f"'{text}' is no number with a unit; write it like '0.1 1/angstrom'."
        ) from error
