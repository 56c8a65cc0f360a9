"""The dynamic attributes that a script's Interface becomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tango

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files.addresses import files, summands
from gumtree_core.interface import Interface, Parameter, Result

MAX_LENGTH = 1 << 20
MAX_IMAGE = 4096

_TYPES: Mapping[str, Any] = {
    "float": float, "int": int, "bool": bool, "str": str, "file": str, "run": str, "choice": tango.DevEnum,
}  # fmt: skip


@dataclass(frozen=True)
class Member:
    """One attribute to make: what `tango.server.attribute` takes, and its hint for the GUI."""

    name: str
    options: dict[str, Any]
    hint: dict[str, Any] = field(default_factory=dict)
    writable: bool = False

    def same(self, other: Member | None) -> bool:
        """Whether one attribute can be both."""
        return other is not None and (self.options, self.writable) == (other.options, other.writable)


def members(interface: Interface) -> Iterator[Member]:
    """The attributes of a script: parameters first, then each result with its errors and its axis."""
    for parameter in interface.parameters:
        yield _parameter(parameter)
    for result in interface.results:
        yield from _result(result)


def command_name(action: str) -> str:
    """The command of an action: CapWords."""
    return "".join(part.capitalize() for part in action.split("_"))


def check_names(file: str, interface: Interface, taken: Set[str]) -> None:
    """Refuse a script whose attributes or commands would take the place of others.

    Tango does not tell capitals from small letters; `taken` are the names, in small letters, that the device
    itself has.

    Raises
    ------
    GumtreeError
        SCRIPT_BROKEN
    """
    for kind, names in (
        ("attribute", [member.name for member in members(interface)]),
        ("command", [command_name(action.name) for action in interface.actions]),
    ):
        seen: dict[str, str] = {}
        for name in names:
            if not name.isascii():
                why = "has letters that Tango does not know; use a to z"
            elif name.lower() in taken:
                why = "is a name of the device itself; choose another"
            elif name.lower() in seen:
                why = f"is there twice ({seen[name.lower()]}), with errors and axes of results counted"
            else:
                seen[name.lower()] = name
                continue
            raise GumtreeError("SCRIPT_BROKEN", f"{file}: the {kind} {name} {why}.")


def to_tango(parameter: Parameter, value: Any) -> Any:
    """A parameter's value for its attribute: a choice is its index, no run an empty text.

    None if a number or a choice is not set: the attribute then has no value.
    """
    if value is None:
        return "" if parameter.kind in ("run", "file", "str") and not parameter.ndim else None
    if parameter.ndim:
        return [_scalar_to_tango(parameter, each) for each in value]
    return _scalar_to_tango(parameter, value)


def _scalar_to_tango(parameter: Parameter, value: Any) -> Any:
    return parameter.choices.index(value) if parameter.kind == "choice" else value


def from_tango(parameter: Parameter, value: Any, folder: str = "") -> Any:
    """What the script is given for an attribute's value; None where it is not set.

    A run is the path of its file (or what else `load` takes), whole or from `folder`; FILE_MISSING if there
    is none.
    """
    if parameter.ndim:
        return [_scalar_from_tango(parameter, each, folder) for each in value]
    return _scalar_from_tango(parameter, value, folder)


def _scalar_from_tango(parameter: Parameter, value: Any, folder: str) -> Any:
    if parameter.kind == "choice":
        return parameter.choices[int(value)]
    if parameter.kind == "run":
        return _existing(parameter, str(value), folder) if value else None
    if parameter.kind == "file":
        return str(value) or None
    return value.item() if isinstance(value, np.generic) else value


def _existing(parameter: Parameter, text: str, folder: str) -> str:
    parts = summands(text, folder)
    if all(files(part) and Path(part).expanduser().is_absolute() for part in parts):
        return "+".join(parts)
    where = f", or the name of a file in {folder}" if folder else ""
    raise GumtreeError(
        "FILE_MISSING",
        f"{parameter.label or parameter.name} cannot be {text!r}: there is no such file. "
        f"Give a full path{where}.",
    )


def published_results(
    interface: Interface, results: Mapping[str, Any], before: Set[str] = frozenset()
) -> dict[str, Any]:
    """The attribute values that belong to the results of a run.

    Errors that are not known are NaN, and so is what is masked. `before` are the results of the same action's
    last run: those that this run has not made get None, for no value.

    Raises
    ------
    GumtreeError
        RESULT_TOO_LARGE
    """
    values: dict[str, Any] = {}
    for result in interface.results:
        made = results.get(result.name)
        if made is not None or result.name in before:
            values.update(dict.fromkeys(member.name for member in _result(result)))
        if made is None:
            continue
        _check_size(result, getattr(made, "shape", ()))
        if not isinstance(made, Dataset):
            values[result.name] = _numbers(made)
            continue
        values[result.name] = _numbers(_seen(made, made.values))
        errors = made.errors if made.errors is not None else np.full(made.shape, np.nan)
        values[f"{result.name}_errors"] = _numbers(_seen(made, errors))
        if result.x and result.x in made.axes:
            values[f"{result.name}_{result.x}"] = _numbers(made.axes[result.x].centers)
    return values


def _seen(made: Dataset, numbers: Any) -> Any:
    mask = made.mask
    return numbers if mask is None or not mask.any() else np.where(mask, np.nan, numbers)


def result_units(interface: Interface, results: Mapping[str, Any]) -> dict[str, str]:
    """The unit in which each attribute's value has come out: a relative intensity is not in 1/cm."""
    units: dict[str, str] = {}
    for result in interface.results:
        made = results.get(result.name)
        if isinstance(made, Dataset):
            units |= dict.fromkeys((result.name, f"{result.name}_errors"), made.unit)
            if result.x and result.x in made.axes:
                units[f"{result.name}_{result.x}"] = made.axes[result.x].unit
    return units


def _check_size(result: Result, shape: tuple[int, ...]) -> None:
    largest = MAX_LENGTH if result.ndim == 1 else MAX_IMAGE
    if max(shape, default=0) > largest:
        raise GumtreeError(
            "RESULT_TOO_LARGE",
            f"{result.name} has the shape {shape}; at most {largest} points a side can be shown.",
        )


def _numbers(array: Any) -> Any:
    if np.ndim(array) == 0:
        return float(array)
    return np.ascontiguousarray(array, dtype=np.float64)


def _parameter(parameter: Parameter) -> Member:
    options = _texts(parameter)
    options["dtype"] = (_TYPES[parameter.kind],) if parameter.ndim else _TYPES[parameter.kind]
    if parameter.ndim:
        options["max_dim_x"] = MAX_LENGTH
    if parameter.kind == "choice":
        options["enum_labels"] = list(parameter.choices)
    if parameter.minimum is not None:
        options["min_value"] = parameter.minimum
    if parameter.maximum is not None:
        options["max_value"] = parameter.maximum
    hint = {"group": parameter.group or "parameters", "required": parameter.required, "kind": parameter.kind}
    return Member(parameter.name, options, hint, writable=True)


def _result(result: Result) -> Iterator[Member]:
    shape: dict[str, Any] = {"dtype": {0: float, 1: (float,), 2: ((float,),)}[result.ndim]}
    if result.ndim:
        shape["max_dim_x"] = MAX_LENGTH if result.ndim == 1 else MAX_IMAGE
    if result.ndim == 2:
        shape["max_dim_y"] = MAX_IMAGE
    widget = result.widget or {0: "", 1: "curve", 2: "image"}[result.ndim]
    hint = {
        "group": result.group or "results",
        "widget": widget,
        "errors": f"{result.name}_errors",
        "onto": result.onto,
        "log_x": result.log_x,
        "log_y": result.log_y,
    }
    if result.x:
        hint["x"] = f"{result.name}_{result.x}"
    label = result.label or result.name
    yield Member(result.name, {**_texts(result), **shape}, hint)
    hidden = {"hidden": True, "group": hint["group"]}
    errors = {"label": f"{label}, error", "unit": result.unit, "doc": "One standard deviation."}
    yield Member(f"{result.name}_errors", {**errors, **shape}, hidden)
    if result.x:
        axis = {"label": result.x, "unit": result.x_unit, "doc": f"Axis of {label}."}
        yield Member(f"{result.name}_{result.x}", {**axis, **shape}, hidden)


def _texts(item: Parameter | Result) -> dict[str, Any]:
    level = tango.DispLevel.EXPERT if item.level == "expert" else tango.DispLevel.OPERATOR
    texts = {"label": item.label or item.name, "unit": item.unit, "doc": item.help, "format": item.format}
    return {"display_level": level, **{key: value for key, value in texts.items() if value}}
