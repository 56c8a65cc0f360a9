"""What a script or a device offers, as plain data.

A script declares an `Interface`; a Tango device is read as one; the reduction server, the GUI and the
command line each turn one into attributes, panels and options. It holds no behaviour and no value.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

SCHEMA = 1

Level = Literal["operator", "expert"]
Kind = Literal["float", "int", "bool", "str", "choice", "file", "run"]
"""`file` is a path; `run` is a path that is loaded as a Run before the script sees it."""


@dataclass(frozen=True)
class Parameter:
    """A value that the user sets. `ndim` 0 is a scalar, 1 a list, 2 a table."""

    name: str
    kind: Kind
    label: str = ""
    default: Any = None
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    format: str = ""
    ndim: int = 0
    required: bool = False
    help: str = ""
    level: Level = "operator"
    group: str = ""


@dataclass(frozen=True)
class Result:
    """A value that the user sees.

    Of a curve, `x` and `errors` name the results that belong to it, and `onto` the curve that it is drawn
    onto, such as a fit onto its data.
    """

    name: str
    kind: Kind
    label: str = ""
    unit: str = ""
    format: str = ""
    ndim: int = 0
    choices: tuple[str, ...] = ()
    x: str = ""
    x_unit: str = ""
    errors: str = ""
    onto: str = ""
    log_x: bool = False
    log_y: bool = False
    widget: str = ""
    hidden: bool = False
    help: str = ""
    level: Level = "operator"
    group: str = ""


@dataclass(frozen=True)
class Action:
    """Something the user can start. `allowed_states` empty means any."""

    name: str
    label: str = ""
    argument: Parameter | None = None
    allowed_states: tuple[str, ...] = ()
    confirm: str = ""
    hidden: bool = False
    help: str = ""
    level: Level = "operator"
    group: str = ""


@dataclass(frozen=True)
class Group:
    """A titled box of parameters, results and actions; groups are shown in the order given."""

    name: str
    label: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Interface:
    """All that a script or a device offers, in the order in which it is shown."""

    name: str
    title: str = ""
    help: str = ""
    parameters: tuple[Parameter, ...] = ()
    results: tuple[Result, ...] = ()
    actions: tuple[Action, ...] = ()
    groups: tuple[Group, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)

    def parameter(self, name: str) -> Parameter:
        """The parameter of that name (KeyError if there is none)."""
        return _named(self.parameters, name)

    def result(self, name: str) -> Result:
        """The result of that name (KeyError if there is none)."""
        return _named(self.results, name)

    def action(self, name: str) -> Action:
        """The action of that name (KeyError if there is none)."""
        return _named(self.actions, name)

    def to_json(self) -> str:
        """As JSON text, with the schema's version; `from_json` reads it back."""
        return json.dumps({"schema": SCHEMA, **dataclasses.asdict(self)})

    @classmethod
    def from_json(cls, text: str) -> Interface:
        """Read what `to_json` wrote; keys of a newer schema are passed over."""
        data = json.loads(text)
        return cls(
            name=data["name"],
            title=data.get("title", ""),
            help=data.get("help", ""),
            parameters=tuple(_build(Parameter, item) for item in data.get("parameters", ())),
            results=tuple(_build(Result, item) for item in data.get("results", ())),
            actions=tuple(_build_action(item) for item in data.get("actions", ())),
            groups=tuple(_build(Group, item) for item in data.get("groups", ())),
            metadata=data.get("metadata", {}),
        )


_Item = TypeVar("_Item", Parameter, Result, Action)
_Built = TypeVar("_Built", Parameter, Result, Action, Group)
_TUPLES = {"choices", "allowed_states"}


def _named(items: tuple[_Item, ...], name: str) -> _Item:
    for item in items:
        if item.name == name:
            return item
    raise KeyError(name)


def _build(cls: type[_Built], data: dict[str, Any]) -> _Built:
    known = {f.name for f in dataclasses.fields(cls)}
    values: dict[str, Any] = {key: value for key, value in data.items() if key in known}
    for key in _TUPLES & values.keys():
        values[key] = tuple(values[key])
    return cls(**values)


def _build_action(data: dict[str, Any]) -> Action:
    argument = data.get("argument")
    return _build(Action, {**data, "argument": _build(Parameter, argument) if argument else None})
