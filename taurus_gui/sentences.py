"""Values and failures in words: what a user reads instead of a DevFailed."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import tango

from gumtree_core.errors import GumtreeError
from gumtree_core.interface import Parameter, Result

LIMIT_REASON = "API_WAttrOutsideLimit"
_UNREACHABLE = {
    "API_ConnectionFailed",
    "API_CantConnectToDevice",
    "API_CantConnectToDatabase",
    "API_DeviceNotExported",
    "API_CorbaException",
    "API_CommunicationFailed",
    "API_DeviceNotDefined",
    "DB_DeviceNotDefined",
    "API_ServerNotRunning",
}


def number(value: Any, format: str = "", kind: str = "float") -> str:
    """A number as text: by the attribute's printf format, else six significant digits."""
    try:
        if format:
            return (format % value).strip()
        if kind == "int":
            return f"{int(value)}"
        return f"{float(value):.6g}"
    except (TypeError, ValueError, OverflowError):
        return str(value)


def with_error(value: float, error: float) -> str:
    """A number and its standard deviation, which has two digits.

    >>> with_error(67.15271, 0.00612), with_error(118986, 345.2), with_error(1.61e-7, 2.2e-9)
    ('67.1527 ± 0.0061', '118986 ± 345', '(1.610 ± 0.022)e-07')
    """
    if error < 1e-9 * abs(value):
        return f"{value:.9g} ± {error:.1e}"
    power = math.floor(math.log10(max(abs(value), error)))
    power = power if power < -4 or power > 8 else 0
    decimals = max(0, 1 - math.floor(math.log10(error)) + power)
    text = f"{value / 10.0**power:.{decimals}f} ± {error / 10.0**power:.{decimals}f}"
    return f"({text})e{power:+03d}" if power else text


def duration(seconds: float) -> str:
    """A time in the units that people use for so long a one.

    >>> duration(8.4), duration(533), duration(4980), duration(200_000)
    ('8 s', '8 min 53 s', '1 h 23 min', '2 d 7 h')
    """
    whole = max(0, round(seconds))
    for unit, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // part} {smaller}"
    return f"{whole} s"


def with_unit(text: str, unit: str) -> str:
    """`text` and its unit, if it has one."""
    return f"{text} {unit}" if unit else text


def value_text(item: Parameter | Result, value: Any) -> str:
    """A value of a parameter or result as text, without its unit."""
    if value is None:
        return ""
    if item.ndim > 0:
        single = Result(item.name, item.kind, format=item.format, choices=item.choices)
        return ", ".join(value_text(single, each) for each in value)
    if item.kind == "bool":
        return "yes" if value else "no"
    if item.kind == "choice" and not isinstance(value, str):
        index = int(value)
        return item.choices[index] if 0 <= index < len(item.choices) else str(index)
    if item.kind in ("float", "int"):
        return number(value, item.format, item.kind)
    return str(value)


def answer_text(value: Any) -> str:
    """What a command has returned: lists, and objects in JSON, with a line for each part."""
    if value is None:
        return ""
    if isinstance(value, str):
        try:
            parts = json.loads(value) if value.startswith("{") else None
        except ValueError:
            parts = None
        return "\n".join(f"{key}: {part}" for key, part in parts.items()) if parts else value.rstrip()
    if isinstance(value, list | tuple | np.ndarray):
        return "\n".join(str(each) for each in value)
    return str(value)


def beyond_limits(parameter: Parameter, value: float) -> str:
    """The sentence for a value beyond its limits; empty if it is within."""
    label = parameter.label or parameter.name

    def told(each: float) -> str:
        return with_unit(f"{each:.12g}", parameter.unit)

    if parameter.maximum is not None and value > parameter.maximum:
        return f"{label} {told(value)} is above the limit of {told(parameter.maximum)}."
    if parameter.minimum is not None and value < parameter.minimum:
        return f"{label} {told(value)} is below the limit of {told(parameter.minimum)}."
    return ""


def failure(error: BaseException, parameter: Parameter | None = None, value: Any = None) -> str:
    """One sentence that tells what went wrong.

    Parameters
    ----------
    error
        What a read, a write or a command raised.
    parameter, value
        What was written, if it was a write: a limit error is then told with value, limit and unit.
    """
    if isinstance(error, GumtreeError):
        return _sentence(error.message)
    if not isinstance(error, tango.DevFailed) or not error.args:
        return _sentence(str(error) or type(error).__name__)
    first = error.args[0]
    reason, text = first.reason, _last_line(first.desc)
    if reason == LIMIT_REASON and parameter is not None:
        values = value if isinstance(value, (list, tuple)) else [value]
        told = next((told for each in values if (told := beyond_limits(parameter, each))), "")
        if told:
            return told
    if any(
        each.reason in ("API_DeviceTimedOut", "API_CommandTimedOut") or "TIMEOUT" in each.desc
        for each in error.args
    ):
        return "The device did not answer in time; it may still be doing what it was asked for."
    if reason in _UNREACHABLE:
        return "The device does not answer; its server is not running or cannot be reached."
    if reason == "API_CommandNotAllowed":
        return "This command is not possible in the device's present state."
    if reason == "API_AttrNotAllowed":
        return "This value cannot be read or set in the device's present state."
    return _sentence(text)


def unreachable(error: BaseException) -> bool:
    """Whether the failure says that there is no server to talk to."""
    return isinstance(error, tango.DevFailed) and any(each.reason in _UNREACHABLE for each in error.args)


def _last_line(text: str) -> str:
    """A Python server sends a traceback or `Type: text`; the last line holds what happened."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    head, separator, tail = last.partition(": ")
    if separator and head.isidentifier() and head.endswith(("Error", "Exception")):
        return tail
    return last


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."
