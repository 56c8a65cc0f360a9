"""Reading the YAML file of an instrument; a mistake is told with file, line and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedBase
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from gumtree_core.errors import GumtreeError
from gumtree_core.paths import config_directory
from servers.launcher.checks import Where, mistakes, unknown
from servers.launcher.configuration import AttributeSettings, Configuration, DeviceEntry, Simulation

_SHOWN = 10
_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "dict_type": "a table",
    "model_type": "a table",
    "list_type": "a list",
    "too_short": "a table with at least one entry",
}
_PATTERNS = {
    "devices": "a device name, domain/family/member, of letters, digits and _ . -",
    "other_devices": "a device name, domain/family/member, of letters, digits and _ . -",
    "instrument": "a name of letters, digits, _ and - that begins with a letter",
    "alias": "a name of letters, digits and _ . -",
}


def read_configuration(name_or_path: str | Path) -> Configuration:
    """Read and check the file of an instrument.

    Parameters
    ----------
    name_or_path
        A YAML file, or the name of an instrument that is shipped (`sans`).

    Raises
    ------
    GumtreeError
        CONFIG_INVALID: the file is missing, cannot be read, or has mistakes; each is one line of the message.
    """
    path = _find(name_or_path)
    data = _parse(path)
    try:
        configuration = Configuration.model_validate(_plain(data))
        found = list(mistakes(configuration))
    except ValidationError as error:
        found = [
            _mistake(each, _normal(each["loc"])) for each in error.errors() if _is_first_of_union(each["loc"])
        ]
    if found:
        texts = [f"{path}:{_line(data, where)}: {what}." for where, what in found[:_SHOWN]]
        if len(found) > _SHOWN:
            texts.append(f"And {len(found) - _SHOWN} more.")
        raise GumtreeError("CONFIG_INVALID", "\n".join(texts))
    return configuration


def _find(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    shipped = config_directory() / "instruments"
    if path.is_file():
        return path
    if len(path.parts) == 1 and (shipped / f"{path}.yaml").is_file():
        return shipped / f"{path}.yaml"
    known = ", ".join(sorted(each.stem for each in shipped.glob("*.yaml")))
    raise GumtreeError(
        "CONFIG_INVALID",
        f"There is no file {path}. Give the path of a YAML file, or an instrument that is shipped: {known}.",
    )


def _parse(path: Path) -> Any:
    try:
        data = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        what = str(error.problem or error.context).partition("\n")[0]
        raise GumtreeError("CONFIG_INVALID", f"{path}:{line}: {what}.") from error
    except (YAMLError, UnicodeDecodeError, OSError) as error:
        raise GumtreeError("CONFIG_INVALID", f"{path} cannot be read: {error}.") from error
    if not isinstance(data, Mapping):
        raise GumtreeError(
            "CONFIG_INVALID", f"{path}:1: the file must be a table that begins with `instrument: NAME`."
        )
    return data


def _is_first_of_union(where: Sequence[str | int]) -> bool:
    """Whether it is the first of the errors that pydantic gives for one value, one for each type."""
    return not (len(where) > 4 and where[2] == "properties" and str(where[4]).startswith(("list[", "dict[")))


def _normal(where: Sequence[str | int]) -> Where:
    """Keys and indices only, without the names that pydantic adds for keys of tables and types of unions."""
    kept = [part for part in where if part != "[key]" and not str(part).startswith("function-")]
    return tuple(kept[:4]) if kept[2:3] == ["properties"] else tuple(kept)


def _mistake(error: Any, where: Where) -> tuple[Where, str]:
    name, given, kind = str(where[-1]), error["input"], error["type"]
    if kind == "extra_forbidden":
        return where, unknown("entry", name, _allowed(where[:-1]))
    if kind == "missing":
        return where, f"`{name}` is missing here"
    if kind == "literal_error":
        return where, unknown(name, str(given), re.findall(r"'([^']*)'", error["ctx"]["expected"]))
    if kind == "string_pattern_mismatch":
        expected = _PATTERNS[name if name in _PATTERNS else str(where[0])]
        return where, f"{given!r} is no {expected.removeprefix('a ')}"
    if where[2:3] == ("properties",) and len(where) == 4:
        return where, f"the property {name} is one value, a list, or a table"
    if given is None:
        return where, f"`{name}` is empty; give {_EXPECTED.get(kind, 'a value')}, or leave it out"
    said = (
        f"it must be {_EXPECTED[kind]}"
        if kind in _EXPECTED
        else error["msg"].replace("Input should be", "it must be")
    )
    return where, f"`{name}` is {given!r}: {said}"


def _allowed(where: Where) -> list[str]:
    model: type[BaseModel] = Configuration
    if where[:1] == ("simulation",):
        model = Simulation
    elif where[:1] == ("devices",):
        model = AttributeSettings if len(where) == 4 else DeviceEntry
    return [field.alias or name for name, field in model.model_fields.items()]


def _line(data: Any, where: Where) -> int:
    """The line of an entry, or of the last of its parents that there is; from 1."""
    line = 1
    for part in where:
        if not isinstance(data, CommentedBase):
            break
        try:
            here = data.lc.key(part) if isinstance(data, Mapping) else data.lc.item(part)
            line, data = here[0] + 1, data[part]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            break
    return line


def _plain(data: Any) -> Any:
    """Without the line numbers, keys as text."""
    if isinstance(data, Mapping):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_plain(value) for value in data]
    return data
