"""What a user types, as a value: parsed by the parameter's kind, checked against its limits. No Qt."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from gumtree_core.interface import Parameter
from taurus_gui.sentences import beyond_limits, with_unit

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


def parse(parameter: Parameter, text: str) -> Any:
    """The value that `text` stands for, of the type in which it is written to the device.

    Lists are separated by commas. A choice is its text; of an enumerated attribute (kind `choice`) its index.

    Raises
    ------
    ValueError
        One sentence for the user: not a number, beyond a limit, not one of the choices.
    """
    if parameter.ndim == 1:
        single = replace(parameter, ndim=0)
        return [parse(single, part.strip()) for part in text.split(",") if part.strip()]
    label = parameter.label or parameter.name
    if parameter.kind == "float":
        return _limited(parameter, _float(label, text))
    if parameter.kind == "int":
        return _limited(parameter, _int(label, text))
    if parameter.kind == "bool":
        return _bool(label, text)
    if parameter.choices:
        if text not in parameter.choices:
            raise ValueError(f"{label}: '{text}' is not one of {', '.join(parameter.choices)}.")
        return parameter.choices.index(text) if parameter.kind == "choice" else text
    return text


def tip(parameter: Parameter) -> str:
    """Help and limits, for a tool tip."""
    limits = [
        with_unit(f"{sign} {limit:.12g}", parameter.unit)
        for sign, limit in (("≥", parameter.minimum), ("≤", parameter.maximum))
        if limit is not None
    ]
    return "\n".join(part for part in (parameter.help, ", ".join(limits)) if part)


def _float(label: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{label}: '{text}' is not a number (use a point for decimals).") from None
    if not math.isfinite(value):
        raise ValueError(f"{label}: '{text}' is not a finite number.")
    return value


def _int(label: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{label}: '{text}' is not a whole number.") from None


def _limited(parameter: Parameter, value: float) -> float:
    told = beyond_limits(parameter, value)
    if told:
        raise ValueError(told)
    return value


def _bool(label: str, text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise ValueError(f"{label}: '{text}' is neither yes nor no.")
