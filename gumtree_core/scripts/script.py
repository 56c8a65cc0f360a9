"""The base class of scripts: it keeps their values, runs under a host, and says what a script offers."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, get_type_hints

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.interface import Action, Group, Interface, Result
from gumtree_core.scripts.members import (
    ACTION,
    MISSING,
    ParameterMember,
    ResultMember,
    complete,
    nearest,
)
from gumtree_core.scripts.preparation import Preparations


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
    _parameters: ClassVar[dict[str, ParameterMember]] = {}

    def __init__(self, **parameters: Any) -> None:
        self._values: dict[str, Any] = {}
        self._results: dict[str, Any] = {}
        self._report: Callable[[float | None, str], None] = lambda fraction, text: None
        self._output: Path | None = None
        self._preparations = Preparations()
        self.set(**parameters)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        caller = sys._getframe(1)  # types may be names of a notebook's cell or of a function
        cls._parameters = dict(cls._parameters)
        group = ""
        for name, declared in vars(cls).items():
            if isinstance(declared, (ParameterMember, ResultMember, Group)) or hasattr(declared, ACTION):
                _check_name(name, cls)
            if isinstance(declared, Group):
                group = name
            if isinstance(declared, ParameterMember):
                declared.texts["group"] = declared.texts["group"] or group
                complete(declared, _hint(name, cls, caller.f_globals, caller.f_locals), cls)
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
    def takes_runs(cls, name: str) -> bool:
        """Whether a parameter takes runs."""
        return name in cls._parameters and cls._parameters[name].kind == "run"

    @classmethod
    def _declared(cls, name: str) -> ParameterMember:
        if name not in cls._parameters:
            near = nearest(name, cls._parameters)
            known = ", ".join(cls._parameters) or "none"
            raise GumtreeError(
                "PARAMETER_UNKNOWN", f"There is no parameter {name}{near}. There are: {known}."
            )
        return cls._parameters[name]

    def value(self, name: str) -> Any:
        """The value of a parameter; `MISSING` if it has none."""
        return self._values.get(name, self._parameters[name].default)

    def take_over(self, before: Script) -> None:
        """Use what another of the same class has prepared, as long as that still holds."""
        self._preparations = before._preparations

    def parameters_set(self) -> dict[str, Any]:
        """The value of each parameter that has one."""
        return {
            name: self._values.get(name, each.default)
            for name, each in self._parameters.items()
            if name in self._values or each.default is not MISSING
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

    def save_curve(self, curve: Dataset, name: str, *, columns: bool = False, part: str = "") -> None:
        """Save a reduced curve or map as NXcanSAS with its provenance, if there is a host that wants files.

        The file is `name`.h5 in the host's folder, or the one file that the host has named; if its name ends
        with .txt or .dat, it is columns of text. With `columns`, there is such a file beside NXcanSAS: .txt
        of a curve, .dat of a map, as SasView knows them. An existing file is never overwritten: a number is
        added to the name. Plain use in a notebook and live updates save nothing.

        Parameters
        ----------
        curve
            Over q, or, in two dimensions, over qx and qy, which are its axes.
        part
            What is added to the name that the host has given, where a script saves several.

        Raises
        ------
        GumtreeError
            NO_CURVE, UNIT_MISMATCH, FILE_NOT_WRITABLE.
        """
        from gumtree_core.files.formats.columns import SUFFIXES, write_columns
        from gumtree_core.files.nexus.nxcansas import write_nxcansas
        from gumtree_core.scripts.provenance import provenance

        if self._output is None:
            return
        path = self._place(f"{name}{self._output.suffix if self._one_file() else '.h5'}", part)
        made_by = provenance(self, Path(inspect.getfile(type(self)))).as_dict()
        write = write_columns if path.suffix in SUFFIXES else write_nxcansas
        files: tuple[Path, ...] = (write(path, curve, provenance=made_by),)
        if columns and write is write_nxcansas:
            beside = files[0].with_suffix(SUFFIXES[curve.ndim - 1])
            files = (write_columns(beside, curve, provenance=made_by), *files)
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
            A writer such as `gumtree_core.files.formats.orso.write_orso`, called as ``write(path, content,
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
        made_by = provenance(self, Path(inspect.getfile(type(self)))).as_dict()
        file = write(self._place(name, part), content, provenance=made_by, **options)
        self.log(f"Saved {file}")
        self.saved = (*self.saved, file)

    def _one_file(self) -> bool:
        """Whether the host has named a file, not a folder."""
        return self._output is not None and bool(self._output.suffix) and not self._output.is_dir()

    def _place(self, name: str, part: str) -> Path:
        """Where a file goes: under its own name, or that of the file that the host has named."""
        output = self._output or Path()
        if not self._one_file():
            return output / name
        return output.with_name(f"{output.stem}{f'_{part}' if part else ''}{Path(name).suffix}")

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
                if isinstance(each, ResultMember)
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
        if (marks := getattr(each, ACTION, None))
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
