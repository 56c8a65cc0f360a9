"""The YAML file of an instrument, checked; a mistake is named with file, line and what is allowed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from gumtree_core.errors import GumtreeError
from gumtree_core.paths import config_directory

DeviceClass = Literal[
    "GumtreeMotor",
    "GumtreeCounter",
    "GumtreeDetector",
    "GumtreeScan",
    "GumtreeReduction",
    "GumtreeScriptRepository",
]
DEVICE_NAME = re.compile(r"[\w.-]+/[\w.-]+/[\w.-]+")
_REFERENCE = re.compile(rf"(?:^|=)({DEVICE_NAME.pattern})(?:/\w+)?$")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Simulation(_Model):
    """The simulated hardware: what it is, the seed of all its randomness, and how fast its time runs."""

    kind: Literal["sans"] = "sans"
    seed: int = Field(1, ge=0)
    speed: float = Field(1.0, gt=0, le=100_000)


class AttributeSettings(_Model):
    """What the database keeps of an attribute."""

    label: str | None = None
    unit: str | None = None
    format: str | None = None
    min_value: float | None = None
    max_value: float | None = None
    abs_change: float | None = None

    def as_properties(self) -> dict[str, list[str]]:
        """As Tango stores them."""
        return {key: [str(value)] for key, value in self.model_dump(exclude_none=True).items()}


class DeviceEntry(_Model):
    """One Tango device."""

    device_class: DeviceClass = Field(alias="class")
    alias: str = Field("", pattern=r"^[\w.-]*$")
    properties: dict[str, str | float | int | bool | list[str] | dict[str, str]] = {}
    attributes: dict[str, AttributeSettings] = {}


class Configuration(_Model):
    """A whole instrument."""

    instrument: str = Field(pattern=r"^[A-Za-z][\w-]*$")
    title: str = ""
    simulation: Simulation | None = None
    keys: dict[str, str | float | int] = {}
    devices: dict[str, DeviceEntry] = Field(min_length=1)

    @model_validator(mode="after")
    def _names(self) -> Configuration:
        for name in self.devices:
            if not DEVICE_NAME.fullmatch(name):
                raise _Mistake(
                    ("devices", name), "a device's name is domain/family/member, like sans/motor/phi"
                )
        aliases: dict[str, str] = {}
        for name, entry in self.devices.items():
            if entry.alias and entry.alias in aliases:
                raise _Mistake(
                    ("devices", name, "alias"), f"{entry.alias} is the alias of {aliases[entry.alias]} too"
                )
            aliases[entry.alias] = name
        for key, value in self.keys.items():
            self._check_reference(("keys", key), str(value))
        for name, entry in self.devices.items():
            for prop, value in entry.properties.items():
                for text in _texts(value):
                    self._check_reference(("devices", name, "properties", prop), text)
        return self

    def _check_reference(self, where: tuple[str, ...], text: str) -> None:
        found = _REFERENCE.search(text.strip())
        domains = {name.split("/")[0] for name in self.devices}
        if found and found[1].split("/")[0] in domains and found[1] not in self.devices:
            raise _Mistake(where, f"the file declares no device {found[1]}{_nearest(found[1], self.devices)}")


class _Mistake(ValueError):
    def __init__(self, where: tuple[str, ...], what: str) -> None:
        super().__init__(what)
        self.where = where


def read_configuration(name_or_path: str | Path) -> Configuration:
    """Read and check the file of an instrument.

    Parameters
    ----------
    name_or_path
        A YAML file, or the name of an instrument that is shipped (`sans`).

    Raises
    ------
    GumtreeError
        CONFIG_MISSING, CONFIG_INVALID.
    """
    path = _find(name_or_path)
    try:
        data = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _invalid(path, mark.line + 1 if mark else 1, str(error.problem or error.context)) from error
    if not isinstance(data, Mapping):
        raise _invalid(path, 1, "it must be a table that begins with `instrument: NAME`")
    try:
        return Configuration.model_validate(_plain(data))
    except ValidationError as error:
        first = error.errors()[0]
        cause = (first.get("ctx") or {}).get("error")
        where = cause.where if isinstance(cause, _Mistake) else tuple(first["loc"])
        raise _invalid(path, _line(data, where), _sentence(first, where)) from error


def _find(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    shipped = config_directory() / "instruments"
    if path.is_file():
        return path
    if path.suffix == "" and (shipped / f"{path}.yaml").is_file():
        return shipped / f"{path}.yaml"
    known = ", ".join(sorted(each.stem for each in shipped.glob("*.yaml")))
    raise GumtreeError(
        "CONFIG_MISSING",
        f"There is no file {path}. Give a YAML file, or one of the instruments shipped: {known}.",
    )


def _sentence(error: Any, where: tuple[Any, ...]) -> str:
    name = ".".join(str(part) for part in where)
    given = error.get("input")
    if error["type"] == "extra_forbidden":
        allowed = _allowed(where[:-1])
        return f"{name} is not known here{_nearest(str(where[-1]), allowed)}; allowed: {', '.join(allowed)}"
    if error["type"] == "missing":
        return f"{name} is missing"
    if error["type"] == "literal_error":
        expected = re.findall(r"'([^']*)'", error["ctx"]["expected"])
        return f"{name} is {given!r}{_nearest(str(given), expected)}; allowed: {', '.join(expected)}"
    cause = (error.get("ctx") or {}).get("error")
    if isinstance(cause, _Mistake):
        return f"{name}: {cause}"
    return f"{name} is {given!r}: {error['msg'][0].lower()}{error['msg'][1:]}"


def _allowed(where: tuple[Any, ...]) -> list[str]:
    model: type[BaseModel] = Configuration
    if where[:1] == ("simulation",):
        model = Simulation
    elif where[:1] == ("devices",) and len(where) == 2:
        model = DeviceEntry
    elif where[:1] == ("devices",) and len(where) == 4:
        model = AttributeSettings
    return [field.alias or name for name, field in model.model_fields.items()]


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _line(data: Any, where: tuple[Any, ...]) -> int:
    line = 1
    for part in where:
        if not isinstance(data, Mapping) or part not in data:
            break
        line = data.lc.key(part)[0] + 1
        data = data[part]
    return line


def _plain(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_plain(value) for value in data]
    return data


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [str(each) for each in value.values()]
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _invalid(path: Path, line: int, what: str) -> GumtreeError:
    return GumtreeError("CONFIG_INVALID", f"{path}:{line}: {what}.")
