"""How a script is declared: a class with typed parameters, results and actions."""

from __future__ import annotations

import difflib
import inspect
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType, SimpleNamespace, UnionType
from typing import Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.interface import Action, Group, Interface, Kind, Parameter, Result

Method = TypeVar("Method", bound=Callable[..., Any])
_ACTION = "_gumtree_action"
_MISSING: Any = object()
_ARBITRARY = ConfigDict(arbitrary_types_allowed=True)


@dataclass
class _Parameter:
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
        default = self.default
        if self.kind == "file" and default not in (None, _MISSING):
            default = [str(each) for each in default] if self.ndim else str(default)
        return Parameter(
            name=self.name,
            kind=self.kind,
            default=None if default is _MISSING else default,
            minimum=self.ge,
            maximum=self.le,
            choices=self.choices,
            ndim=self.ndim,
            required=default is _MISSING,
            **self.texts,
        )

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, script: Script | None, owner: type) -> Any:
        if script is None:
            return self
        value = script._values.get(self.name, self.default)
        if value is _MISSING:
            raise GumtreeError("PARAMETER_MISSING", f"{self.name} is not set. It is required.")
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
            near = _nearest(str(value), self.choices)
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
class _Result:
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
    default: Any = _MISSING,
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
    return _Parameter(default, ge, le, live, texts)


def result(
    *,
    label: str = "",
    unit: str = "",
    format: str = "",
    ndim: int = 0,
    x: str = "",
    x_unit: str = "",
    log_x: bool = False,
    log_y: bool = False,
    widget: str = "",
    help: str = "",
    group: str = "",
    level: Literal["operator", "expert"] = "operator",
) -> Any:
    """Declare a result; a curve has `ndim` 1 and names its axis with `x`, an image has `ndim` 2."""
    if ndim not in (0, 1, 2):
        raise GumtreeError(
            "SCRIPT_BROKEN", f"A result has ndim 0 (a number), 1 (a curve) or 2 (an image), not {ndim}."
        )
    return _Result(
        {
            "label": label, "unit": unit, "format": format, "ndim": ndim, "x": x, "x_unit": x_unit,
            "log_x": log_x, "log_y": log_y, "widget": widget, "help": help, "group": group, "level": level,
        }
    )  # fmt: skip


def action(
    label: str = "", *, help: str = "", group: str = "", live: bool = False
) -> Callable[[Method], Method]:
    """Declare a method as something the user can start; `live` marks the one that follows a detector."""

    def mark(method: Method) -> Method:
        setattr(method, _ACTION, {"label": label, "help": help, "group": group, "live": live})
        return method

    return mark


def group(label: str = "", *, folded: bool = False) -> Any:
    """Declare a group: the parameters that follow belong to it, and what names it with `group=`."""
    return Group(name="", label=label, folded=folded)


class Script:
    """Base of all scripts: typed, validated parameters, results and actions.

    The first line of the docstring is the title. `author` and `version` are shown to users. A script is
    used as a plain class too::

        reduction = SansReduction(sample=load("run.nxs"), sample_transmission=0.8)
        reduction.reduce()
        reduction.iq
    """

    author: ClassVar[str] = ""
    version: ClassVar[str] = ""
    saved: tuple[Path, ...] = ()
    """The files that actions have saved."""
    _parameters: ClassVar[dict[str, _Parameter]] = {}

    def __init__(self, **parameters: Any) -> None:
        self._values: dict[str, Any] = {}
        self._results: dict[str, Any] = {}
        self._report: Callable[[float | None, str], None] = lambda fraction, text: None
        self._output: Path | None = None
        self.set(**parameters)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        caller = sys._getframe(1)  # types may be names of a notebook's cell or of a function
        cls._parameters = dict(cls._parameters)
        group = ""
        for name, declared in vars(cls).items():
            if isinstance(declared, (_Parameter, _Result, Group)) or hasattr(declared, _ACTION):
                _check_name(name, cls)
            if isinstance(declared, Group):
                group = name
            if isinstance(declared, _Parameter):
                declared.texts["group"] = declared.texts["group"] or group
                _complete(declared, _hint(name, cls, caller.f_globals, caller.f_locals), cls)
                cls._parameters[name] = declared

    def set(self, **parameters: Any) -> None:
        """Set parameters by name; nothing is set if one of them is wrong."""
        declared = {name: self._declared(name) for name in parameters}
        checked = {name: declared[name].checked(value) for name, value in parameters.items()}
        self._values.update(checked)

    @classmethod
    def kept(cls, name: str, value: Any) -> Any:
        """A value of before, as plain data, if the parameter still takes it; a GumtreeError if not.

        Runs are not loaded; their paths are kept.
        """
        declared = cls._declared(name)
        if value is None or declared.kind == "run":
            return value
        checked = declared.checked(value)
        return value if declared.kind == "file" else checked

    @classmethod
    def _declared(cls, name: str) -> _Parameter:
        if name not in cls._parameters:
            near = _nearest(name, cls._parameters)
            known = ", ".join(cls._parameters) or "none"
            raise GumtreeError(
                "PARAMETER_UNKNOWN", f"There is no parameter {name}{near}. There are: {known}."
            )
        return cls._parameters[name]

    def parameters_set(self) -> dict[str, Any]:
        """The value of each parameter that has one."""
        return {
            name: self._values.get(name, each.default)
            for name, each in self._parameters.items()
            if name in self._values or each.default is not _MISSING
        }

    def progress(self, fraction: float, text: str = "") -> None:
        """Say how much is done, from 0 to 1."""
        self._report(fraction, text)

    def log(self, text: str) -> None:
        """Say a line to the user."""
        self._report(None, text)

    def results(self) -> dict[str, Any]:
        """The results that there are."""
        return {name: value for name, value in self._results.items() if value is not None}

    def host(self, output: Path | None, report: Callable[[float | None, str], None]) -> None:
        """Tell where files are saved (a folder, one file, or nowhere), and who hears progress and log."""
        self._output = output
        self._report = report

    def save_curve(self, curve: Dataset, name: str, *, columns: bool = False) -> None:
        """Save a reduced curve as NXcanSAS with its provenance, if there is a host that wants files.

        The file is `name`.h5 in the host's folder, or the one file that the host has named; if its name ends
        with .txt or .dat, it is columns of text. With `columns`, there is such a file beside NXcanSAS. An
        existing file is never overwritten: a number is added to the name. Plain use in a notebook and live
        updates save nothing.
        """
        from gumtree_core.files.columns import SUFFIXES, write_columns
        from gumtree_core.files.nxcansas import write_nxcansas
        from gumtree_core.scripts.provenance import provenance

        if self._output is None:
            return
        one_file = self._output.suffix and not self._output.is_dir()
        path = self._output if one_file else self._output / f"{name}.h5"
        made_by = provenance(self, Path(inspect.getfile(type(self)))).as_dict()
        write = write_columns if path.suffix in SUFFIXES else write_nxcansas
        files: tuple[Path, ...] = (write(path, curve, provenance=made_by),)
        if columns and write is write_nxcansas:
            files = (write_columns(files[0].with_suffix(".txt"), curve, provenance=made_by), *files)
        for file in files:
            self.log(f"Saved {file}")
        self.saved = (*self.saved, *files)

    def save_as(
        self, write: Callable[..., Path], content: Any, name: str, *, part: str = "", **options: Any
    ) -> None:
        """Save something in a format of its own, with its provenance, if there is a host that wants files.

        Parameters
        ----------
        write
            A writer such as `gumtree_core.files.orso.write_orso`, called as ``write(path, content,
            provenance=..., **options)``; it gives the path that it has written.
        name
            Of the file, with its ending. Where the host has named one file, that name is taken, with this
            ending.
        part
            What is added to the name that the host has given, where a script writes several files.
        """
        from gumtree_core.scripts.provenance import provenance

        if self._output is None:
            return
        path = self._output / name
        if self._output.suffix and not self._output.is_dir():
            ending = f"_{part}" if part else ""
            path = self._output.with_name(f"{self._output.stem}{ending}{Path(name).suffix}")
        made_by = provenance(self, Path(inspect.getfile(type(self)))).as_dict()
        file = write(path, content, provenance=made_by, **options)
        self.log(f"Saved {file}")
        self.saved = (*self.saved, file)

    @classmethod
    def live_action(cls) -> str:
        """The action that follows a detector; empty if there is none."""
        return next((name for name, marks in _actions(cls) if marks["live"]), "")

    @classmethod
    def live_parameter(cls) -> str:
        """The parameter that takes the run being measured; empty if there is none."""
        return next((name for name, declared in cls._parameters.items() if declared.live), "")

    @classmethod
    def interface(cls) -> Interface:
        """All that the script offers, as plain data."""
        members = [(name, each) for base in reversed(cls.__mro__) for name, each in vars(base).items()]
        title, _, rest = (inspect.getdoc(cls) or cls.__name__).partition("\n")
        return Interface(
            name=cls.__name__,
            title=title,
            help=rest.strip(),
            parameters=tuple(each.described() for each in cls._parameters.values()),
            results=tuple(
                Result(name=name, kind="float", **each.texts)
                for name, each in members
                if isinstance(each, _Result)
            ),
            actions=tuple(
                Action(name=name, label=marks["label"] or name, help=marks["help"], group=marks["group"])
                for name, marks in _actions(cls)
            ),
            groups=tuple(
                Group(name, each.label or name, each.folded)
                for name, each in members
                if isinstance(each, Group)
            ),
            metadata={"author": str(cls.author), "version": str(cls.version)},
        )


def _actions(cls: type) -> list[tuple[str, dict[str, Any]]]:
    members = [(name, each) for base in reversed(cls.__mro__) for name, each in vars(base).items()]
    return [
        (name, {**marks, "help": marks["help"] or inspect.getdoc(each) or ""})
        for name, each in members
        if (marks := getattr(each, _ACTION, None))
    ]


def _check_name(name: str, cls: type) -> None:
    if name.startswith("_") or hasattr(Script, name):
        raise GumtreeError(
            "SCRIPT_BROKEN",
            f"{cls.__name__}.{name} has a name that every script itself uses; choose another.",
        )


def _hint(name: str, cls: type, names: dict[str, Any], local: Mapping[str, Any]) -> Any:
    annotation = vars(cls).get("__annotations__", {}).get(name)
    if annotation is None:
        raise GumtreeError(
            "SCRIPT_BROKEN", f"{cls.__name__}.{name} has no type; write {name}: float = parameter(...)."
        )
    return get_type_hints(SimpleNamespace(__annotations__={name: annotation}), names, dict(local))[name]


def _complete(declared: _Parameter, hint: Any, cls: type) -> None:
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
    if declared.default is not _MISSING:
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


def _nearest(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""
