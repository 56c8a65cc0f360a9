"""Reads the YAML files of dictionaries; a mistake is told with file, line and key."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from gumtree_core.data.units import canonical
from gumtree_core.errors import GumtreeError
from gumtree_core.files.dictionary import (
    Concept,
    Dictionary,
    Expression,
    FileMapping,
    Recognition,
    Step,
    View,
)
from gumtree_core.files.mapping_steps import mistake_of_step
from gumtree_core.paths import config_directory

Where: TypeAlias = tuple[str | int, ...]
Mistake: TypeAlias = tuple[Path, Where, str]

_SHOWN = 10
_NAME = "<name>"
_EXPECTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "dict_type": "a table",
    "model_type": "a table",
    "list_type": "a list",
    "tuple_type": "a list",
}


def _listed(value: Any) -> Any:
    """One thing, or a list of them."""
    return value if isinstance(value, list) or value is None else [value]


def _expressed(value: Any) -> Any:
    """An expression, of which the path alone is text."""
    return [each if isinstance(each, dict) else {"path": each} for each in _listed(value) or ()]


def _stepped(value: Any) -> Any:
    """Steps as (name, argument): `first` or `{multiply: 2}`."""
    return [(each, None) if isinstance(each, str) else each for each in _listed(value) or ()]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


Texts = Annotated[list[str], BeforeValidator(_listed)]


class _Concept(_Strict):
    label: str = ""
    unit: str | None = None
    description: str = ""
    synonyms: Texts = []
    text: bool = False
    poisson: bool = False
    points: bool = False


class _View(_Strict):
    description: str = ""
    keys: Texts = []
    optional: Texts = []


class _Expression(_Strict):
    path: Texts = []
    constant: str | float | int | None = None
    then: Annotated[list[Any], BeforeValidator(_stepped)] = []
    unit: str | None = None
    units: dict[str, str] = {}
    dims: Texts = []
    ndim: int = -1
    axes: dict[str, str] = {}
    missing: Annotated[list[str | float | int], BeforeValidator(_listed)] = []
    poisson: bool | None = None


class _Recognition(_Strict):
    has: Texts = []
    text: dict[str, Texts] = {}


class _File(_Strict):
    concepts: dict[str, _Concept] = {}
    views: dict[str, _View] = {}
    title: str = ""
    tested: str = ""
    view: str = ""
    extends: str = ""
    entry: str = "*"
    recognise: Annotated[list[_Recognition], BeforeValidator(_listed)] = []
    units: dict[str, str] = {}
    keys: dict[str, Annotated[list[_Expression] | None, BeforeValidator(lambda v: v and _expressed(v))]] = {}
    recorded: str = ""
    planned: str = ""
    layout: dict[str, Any] = {}


@dataclass(frozen=True)
class _Read:
    path: Path
    content: _File

    @property
    def name(self) -> str:
        return self.path.stem


def read_dictionary(paths: Sequence[Path]) -> Dictionary:
    """Read files; a mapping, concept or view of a later one replaces that of the same name.

    Raises
    ------
    GumtreeError
        BAD_DICTIONARY.
    """
    files = [_Read(path, _parse(path)) for path in paths]
    concepts = {
        key: Concept(key=key, **each.model_dump() | {"synonyms": tuple(each.synonyms)})
        for file in files
        for key, each in file.content.concepts.items()
    }
    views = {
        name: View(each.description, tuple(each.keys), tuple(each.optional))
        for file in files
        for name, each in file.content.views.items()
    }
    plain = Dictionary(concepts, views, ())
    mappings = {file.name: file for file in files if file.content.keys or file.content.extends}
    # What is shipped is checked by our tests: it costs each process a while.
    shipped = config_directory() / "dictionaries"
    checked = [file for file in files if file.path.parent != shipped]
    found = [mistake for file in checked for mistake in _mistakes(file, plain, mappings)]
    if found:
        raise _invalid(found)
    made = {file.name: _mapping(file, mappings, plain) for file in mappings.values()}
    # Of several that fit a file, the user's own comes first, and among equals the more specific.
    rank = {folder: k for k, folder in enumerate(dict.fromkeys(path.parent for path in paths))}
    tried = sorted(made.values(), key=lambda each: (-rank[each.source.parent], -_specific(each), each.name))
    return Dictionary(concepts, views, tuple(tried))


def _specific(mapping: FileMapping) -> int:
    return max((each.conditions for each in mapping.recognise), default=0)


def _parse(path: Path) -> _File:
    try:
        text = path.read_text(encoding="utf-8")
        data = YAML(typ="safe").load(text)
        return _File.model_validate(data or {})
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        what = str(error.problem or error.context).partition("\n")[0]
        raise GumtreeError("BAD_DICTIONARY", f"{path}:{line}: {what}.") from error
    except ValidationError as error:
        raise _invalid([(path, *_of_pydantic(each)) for each in error.errors()]) from error
    except (YAMLError, UnicodeDecodeError, OSError, RecursionError, ValueError) as error:
        raise GumtreeError("BAD_DICTIONARY", f"{path} cannot be read: {error}.") from error


def _of_pydantic(error: Any) -> tuple[Where, str]:
    where: Where = tuple(part for part in error["loc"] if not str(part).startswith(("function-", "[key]")))
    kind = error["type"]
    if kind == "extra_forbidden":
        return where, "there is no such entry" + _nearest(str(where[-1]), _entries(where))
    if not where:
        return where, "the file must be a table"
    said = _EXPECTED.get(kind)
    return where, f"it is {error['input']!r}, and must be {said}" if said else f"{error['msg']}"


def _entries(where: Where) -> Iterable[str]:
    models: dict[str, type[BaseModel]] = {
        "concepts": _Concept,
        "views": _View,
        "recognise": _Recognition,
        "keys": _Expression,
    }
    model = models.get(str(where[0]), _File) if len(where) > 1 else _File
    return model.model_fields


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean `{near[0]}`" if near else f"; there are {', '.join(sorted(known))}"


def _invalid(found: Iterable[Mistake]) -> GumtreeError:
    mistakes = list(found)
    lines = [
        f"{path}:{_line(path, where)}: {_named(where)}{what}." for path, where, what in mistakes[:_SHOWN]
    ]
    if len(mistakes) > _SHOWN:
        lines.append(f"And {len(mistakes) - _SHOWN} more.")
    return GumtreeError("BAD_DICTIONARY", "\n".join(lines))


def _named(where: Where) -> str:
    texts = [str(part) for part in where if isinstance(part, str)]
    return f"{', '.join(texts)}: " if texts else ""


def _line(path: Path, where: Where) -> int:
    """The line of the innermost part of `where` that stands in the file."""
    node: Node | None = YAML(typ="safe", pure=True).compose(path)
    line = 1
    for part in where:
        if isinstance(node, MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == part), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


# What pydantic cannot know


def _mistakes(file: _Read, dictionary: Dictionary, mappings: Mapping[str, _Read]) -> Iterator[Mistake]:
    content = file.content
    for where, what in (
        *_wrong_concepts(content),
        *_wrong_views(content, dictionary),
        *_wrong_heads(file, dictionary, mappings),
    ):
        yield file.path, where, what
    for key, expressions in content.keys.items():
        if _canonical(dictionary, key) is None:
            yield file.path, ("keys", key), f"it is no logical key{_nearest(key, dictionary.concepts)}"
            continue
        for k, each in enumerate(expressions or ()):
            for where, what in _wrong_expression(key, each, dictionary):
                yield file.path, ("keys", key, k, *where), what


def _wrong_concepts(content: _File) -> Iterator[tuple[Where, str]]:
    for key, concept in content.concepts.items():
        if key.count("/") < 1 or key.count("*") > 1:
            yield ("concepts", key), "a key is written group/name, with at most one *"
        if concept.unit:
            yield from _wrong_unit(("concepts", key, "unit"), concept.unit)


def _wrong_views(content: _File, dictionary: Dictionary) -> Iterator[tuple[Where, str]]:
    for name, view in content.views.items():
        for kind, keys in (("keys", view.keys), ("optional", view.optional)):
            for k, key in enumerate(keys):
                if dictionary.concept(key) is None:
                    near = _nearest(key, dictionary.concepts)
                    yield ("views", name, kind, k), f"{key} is no logical key{near}"


def _wrong_heads(
    file: _Read, dictionary: Dictionary, mappings: Mapping[str, _Read]
) -> Iterator[tuple[Where, str]]:
    content = file.content
    if content.view and content.view not in dictionary.views:
        yield ("view",), f"there is no view {content.view}{_nearest(content.view, dictionary.views)}"
    if content.extends:
        seen = [file.name]
        base = content.extends
        while base:
            if base not in mappings or base in seen:
                why = "extends itself" if base in seen else "is none"
                yield ("extends",), f"the mapping {base} {why}{_nearest(base, mappings)}"
                break
            seen.append(base)
            base = mappings[base].content.extends
    for text, unit in content.units.items():
        yield from _wrong_unit(("units", text), unit)
    for k, each in enumerate(content.recognise):
        if not each.has and not each.text:
            yield ("recognise", k), "it needs `has` or `text`, or it would fit every file"


def _wrong_expression(key: str, each: _Expression, dictionary: Dictionary) -> Iterator[tuple[Where, str]]:
    if bool(each.path) == (each.constant is not None):
        yield (), "it needs a `path` or a `constant`, and not both"
    for path in each.path:
        if ("*" in key) != (_NAME in path):
            yield ("path",), f"{_NAME} in a path stands for the * of its key, and {path!r} does not fit {key}"
        if not path.strip("/@"):
            yield ("path",), f"{path!r} is no path"
    for k, step in enumerate(each.then):
        what = mistake_of_step(step, lambda name: _canonical(dictionary, name) is not None)
        if what:
            yield ("then", k), what
    for name, other in each.axes.items():
        if _canonical(dictionary, other) is None:
            yield ("axes", name), f"{other} is no logical key{_nearest(other, dictionary.concepts)}"
    for where, unit in ((("unit",), each.unit), *((("units", text), u) for text, u in each.units.items())):
        if unit:
            yield from _wrong_unit(where, unit)


def _wrong_unit(where: Where, unit: str) -> Iterator[tuple[Where, str]]:
    try:
        canonical(unit)
    except GumtreeError as error:
        yield where, error.message.rstrip(".")


def _canonical(dictionary: Dictionary, key: str) -> str | None:
    """The key itself, or the one that has it as a synonym."""
    return key if dictionary.concept(key) is not None else dictionary.called(key)


# What was read, as it is used


def _mapping(file: _Read, mappings: Mapping[str, _Read], dictionary: Dictionary) -> FileMapping:
    content = file.content
    base = _mapping(mappings[content.extends], mappings, dictionary) if content.extends else None
    keys = dict(base.keys) if base else {}
    units = content.units
    rename: Callable[[str], str] = lambda key: _canonical(dictionary, key) or key  # noqa: E731
    for key, expressions in content.keys.items():
        keys[rename(key)] = tuple(_expression(each, rename) for each in expressions or ())
    keys = {
        key: tuple(replace(each, units={**units, **each.units}) for each in expressions)
        for key, expressions in keys.items()
    }
    given = content.model_fields_set
    inherited = {
        name: getattr(base, name)
        for name in ("title", "view", "entry", "recorded", "planned", "layout")
        if base and name not in given
    }
    own = {
        name: getattr(content, name) for name in ("title", "tested", "view", "entry", "recorded", "planned")
    }
    return FileMapping(
        **{
            **own,
            "name": file.name,
            "source": file.path,
            "recognise": tuple(
                Recognition(tuple(each.has), {path: tuple(p) for path, p in each.text.items()})
                for each in content.recognise
            ),
            "keys": keys,
            "layout": content.layout,
            **inherited,
        }
    )


def _expression(each: _Expression, rename: Callable[[str], str]) -> Expression:
    steps = [item if isinstance(item, tuple) else next(iter(item.items())) for item in each.then]
    return Expression(
        path=tuple(each.path),
        constant=each.constant,
        then=tuple(Step(name, argument) for name, argument in steps),
        unit=each.unit,
        units=dict(each.units),
        dims=tuple(each.dims),
        ndim=each.ndim,
        axes={name: rename(key) for name, key in each.axes.items()},
        missing=tuple(each.missing),
        poisson=each.poisson,
    )
