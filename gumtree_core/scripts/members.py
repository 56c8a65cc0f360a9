"""What a script declares: parameters, results and actions, and how their values are checked."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.interface import Group, Kind, Parameter

if TYPE_CHECKING:
    from gumtree_core.scripts.script import Script

Method = TypeVar("Method", bound=Callable[..., Any])
ACTION = "_gumtree_action"
MISSING: Any = object()
_ARBITRARY = ConfigDict(arbitrary_types_allowed=True)


@dataclass
class ParameterMember:
    """What `parameter` declares, and the place where a script keeps its value."""

    default: Any
    ge: float | None
    le: float | None
    live: bool
    texts: dict[str, Any]
    name: str = ""
    kind: Kind = "str"
    ndim: int = 0
    choices: tuple[str, ...] = ()
    optional: bool = False
    adapter: TypeAdapter[Any] = field(default_factory=lambda: TypeAdapter(object))

    def described(self) -> Parameter:
        """The same as plain data."""
        default = self.default
        if self.kind == "file" and default not in (None, MISSING):
            default = [str(each) for each in default] if self.ndim else str(default)
        return Parameter(
            name=self.name,
            kind=self.kind,
            default=None if default is MISSING else default,
            minimum=self.ge,
            maximum=self.le,
            choices=self.choices,
            ndim=self.ndim,
            required=default is MISSING,
            **self.texts,
        )

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, script: Script | None, owner: type) -> Any:
        if script is None:
            return self
        value = script.value(self.name)
        if value is MISSING:
            raise GumtreeError("PARAMETER_MISSING", f"{self.name} is not set. It is required.")
        script._preparations.note(self.name, value)
        return list(value) if self.ndim else value

    def __set__(self, script: Script, value: Any) -> None:
        script._values[self.name] = self.checked(value)

    def checked(self, value: Any) -> Any:
        """The value as the declared type, or a GumtreeError that says what is allowed."""
        if value is None and (self.optional or self.default is None):
            return None
        if self.kind == "run" and not self.ndim:
            return _run(self.name, value)
        if self.kind == "run" and isinstance(value, (list, tuple)):
            return [_run(self.name, each) for each in value]
        try:
            value = self.adapter.validate_python(value)
        except ValidationError as error:
            self._refuse(value, error)
        for item in value if self.ndim and not isinstance(value, str) else (value,):
            self._check_limits(item)
        return value

    def _refuse(self, value: Any, error: ValidationError) -> None:
        if self.choices:
            near = nearest(str(value), self.choices)
            raise GumtreeError(
                "PARAMETER_OUT_OF_RANGE",
                f"{self.name} cannot be {value!r}{near}; it is one of: {', '.join(self.choices)}.",
            ) from error
        what = _NOUNS.get(self.kind, "text")
        many = f"a list of which each is {what}" if self.ndim else what
        raise GumtreeError("PARAMETER_TYPE", f"{self.name} cannot be {value!r}; it is {many}.") from error

    def _check_limits(self, value: Any) -> None:
        if self.kind not in ("float", "int"):
            return
        unit = f" {self.texts['unit']}" if self.texts.get("unit") else ""
        if not math.isfinite(value):
            raise GumtreeError(
                "PARAMETER_OUT_OF_RANGE", f"{self.name} cannot be {value}; give a finite number."
            )
        if self.ge is not None and value < self.ge:
            limit = f"below its minimum of {self.ge:g}{unit}"
        elif self.le is not None and value > self.le:
            limit = f"above its maximum of {self.le:g}{unit}"
        else:
            return
        raise GumtreeError(
            "PARAMETER_OUT_OF_RANGE", f"{self.name} cannot be {value:g}{unit}: that is {limit}."
        )


@dataclass
class ResultMember:
    """What `result` declares, and the place where a script keeps it."""

    texts: dict[str, Any]
    name: str = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, script: Script | None, owner: type) -> Any:
        if script is None:
            return self
        if script._results.get(self.name) is None:
            raise GumtreeError("RESULT_MISSING", f"There is no {self.name} yet. Run an action first.")
        return script._results[self.name]

    def __set__(self, script: Script, value: Any) -> None:
        script._results[self.name] = None if value is None else self._checked(value)

    def _checked(self, value: Any) -> Any:
        declared = self.texts["ndim"]
        if type(value) is Dataset:
            self._check_ndim(value.ndim, declared)
            return value
        try:
            array = np.asarray(None if isinstance(value, Dataset) else value)
        except ValueError:  # lists of different lengths
            array = np.asarray(None)
        if array.dtype.kind not in "biuf":
            what = type(value).__name__
            raise GumtreeError(
                "RESULT_TYPE",
                f"{self.name} cannot be a {what} like this; it is a Dataset, a number or an array of them.",
            )
        self._check_ndim(array.ndim, declared)
        return array if declared else array.item()

    def _check_ndim(self, ndim: int, declared: int) -> None:
        if ndim != declared:
            raise GumtreeError(
                "RESULT_SHAPE", f"{self.name} has {ndim} dimensions and is declared with ndim={declared}."
            )


def parameter(
    default: Any = MISSING,
    *,
    ge: float | None = None,
    le: float | None = None,
    label: str = "",
    unit: str = "",
    format: str = "",
    help: str = "",
    group: str = "",
    level: Literal["operator", "expert"] = "operator",
    live: bool = False,
) -> Any:
    """Declare a parameter; without a default it is required.

    Parameters
    ----------
    ge, le
        Least and greatest value allowed.
    live
        This parameter takes the run that is being measured when the script follows a detector.
    """
    texts = {"label": label, "unit": unit, "format": format, "help": help, "group": group, "level": level}
    return ParameterMember(default, ge, le, live, texts)


def result(
    *,
    label: str = "",
    unit: str = "",
    format: str = "",
    ndim: int = 0,
    x: str = "",
    x_unit: str = "",
    onto: str = "",
    log_x: bool = False,
    log_y: bool = False,
    widget: str = "",
    help: str = "",
    group: str = "",
    level: Literal["operator", "expert"] = "operator",
) -> Any:
    """Declare a result; a curve has `ndim` 1 and names its axis with `x`, an image has `ndim` 2.

    `onto` names the curve that this one is drawn onto, as a fit onto its data.
    """
    if ndim not in (0, 1, 2):
        raise GumtreeError(
            "SCRIPT_BROKEN", f"A result has ndim 0 (a number), 1 (a curve) or 2 (an image), not {ndim}."
        )
    return ResultMember(
        {
            "label": label, "unit": unit, "format": format, "ndim": ndim, "x": x, "x_unit": x_unit,
            "onto": onto, "log_x": log_x, "log_y": log_y, "widget": widget, "help": help, "group": group,
            "level": level,
        }
    )  # fmt: skip


def action(
    label: str = "", *, help: str = "", group: str = "", live: bool = False
) -> Callable[[Method], Method]:
    """Declare a method as something the user can start; `live` marks the one that follows a detector."""

    def mark(method: Method) -> Method:
        setattr(method, ACTION, {"label": label, "help": help, "group": group, "live": live})
        return method

    return mark


def group(label: str = "", *, folded: bool = False) -> Any:
    """Declare a group: the parameters that follow belong to it, and what names it with `group=`."""
    return Group(name="", label=label, folded=folded)


def complete(declared: ParameterMember, hint: Any, cls: type) -> None:
    """Take kind, choices and validation from the type that is written beside the parameter."""
    if get_origin(hint) in (Union, UnionType):
        parts = [each for each in get_args(hint) if each is not NoneType]
        declared.optional = len(parts) < len(get_args(hint))
        hint = parts[0]
    item = hint
    if get_origin(hint) is list:
        declared.ndim, (item,) = 1, get_args(hint)
    if get_origin(item) is Literal and all(isinstance(each, str) for each in get_args(item)):
        declared.kind, declared.choices = "choice", get_args(item)
    elif item in _KINDS:
        declared.kind = _KINDS[item]
    else:
        raise GumtreeError(
            "SCRIPT_BROKEN",
            f"{cls.__name__}.{declared.name} has type {hint}; a parameter is one of "
            f"{', '.join(each.__name__ for each in _KINDS)}, Literal of texts, or a list of these.",
        )
    if declared.optional and declared.kind not in ("run", "file"):
        raise GumtreeError(
            "SCRIPT_BROKEN",
            f"{cls.__name__}.{declared.name} may be None; only runs and files may, for Tango has no missing "
            "number. Let a value such as 0 mean that it is not given.",
        )
    if declared.live and (declared.kind != "run" or declared.ndim):
        raise GumtreeError(
            "SCRIPT_BROKEN", f"{cls.__name__}.{declared.name} takes the live run, so its type is Run."
        )
    if len(set(declared.choices)) < len(declared.choices) or "" in declared.choices:
        raise GumtreeError(
            "SCRIPT_BROKEN", f"{cls.__name__}.{declared.name} has a choice that is empty or there twice."
        )
    declared.adapter = TypeAdapter(hint, config=_ARBITRARY if item is Run else None)
    if declared.default is not MISSING:
        declared.default = declared.checked(declared.default)


_KINDS: dict[Any, Kind] = {
    float: "float", int: "int", bool: "bool", str: "str", Path: "file", Run: "run",
}  # fmt: skip


_NOUNS = {"float": "a number", "int": "a whole number", "bool": "true or false", "run": "the path of a run"}


def _run(name: str, value: Any) -> Run:
    from gumtree_core.files import load

    if isinstance(value, Run):
        return value
    if isinstance(value, (str, Path)):
        return load(value)
    raise GumtreeError("PARAMETER_TYPE", f"{name} cannot be {value!r}; it is a run or the path of its file.")


def nearest(name: str, known: Any) -> str:
    """What a name that is unknown may have been meant for, in brackets; empty if there is none like it."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""
