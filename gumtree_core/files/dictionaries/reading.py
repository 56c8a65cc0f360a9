"""Reads the YAML files of dictionaries; a mistake is told with file, line and key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from gumtree_core.errors import GumtreeError
from gumtree_core.files.dictionaries.dictionary import (
    Concept,
    Dictionary,
    Expression,
    FileMapping,
    Recognition,
    Step,
    View,
)
from gumtree_core.files.dictionaries.schema import (
    ConceptEntry,
    DictionaryFile,
    ExpressionEntry,
    Mistake,
    ReadFile,
    RecognitionEntry,
    ViewEntry,
    Where,
    key_called,
    mistakes,
    nearest,
)
from gumtree_core.files.formats.yaml_header import parse_yaml
from gumtree_core.paths import config_directory

_SHOWN = 10
_EXPECTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "dict_type": "a table",
    "model_type": "a table",
    "list_type": "a list",
    "tuple_type": "a list",
}


def read_dictionary(paths: Sequence[Path]) -> Dictionary:
    """Read files; a mapping, concept or view of a later one replaces that of the same name.

    Raises
    ------
    GumtreeError
        BAD_DICTIONARY.
    """
    files = [ReadFile(path, _parse(path)) for path in paths]
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
    found = [mistake for file in checked for mistake in mistakes(file, plain, mappings)]
    if found:
        raise _invalid(found)
    made = {file.name: _mapping(file, mappings, plain) for file in mappings.values()}
    # Of several that fit a file, the user's own comes first, and among equals the more specific.
    rank = {folder: k for k, folder in enumerate(dict.fromkeys(path.parent for path in paths))}
    tried = sorted(made.values(), key=lambda each: (-rank[each.source.parent], -_specific(each), each.name))
    return Dictionary(concepts, views, tuple(tried))


def _specific(mapping: FileMapping) -> int:
    return max((each.conditions for each in mapping.recognise), default=0)


def _parse(path: Path) -> DictionaryFile:
    try:
        text = path.read_text(encoding="utf-8")
        # What is shipped is ours; others may be made to do harm.
        shipped = path.parent == config_directory() / "dictionaries"
        data = YAML(typ="safe").load(text) if shipped else parse_yaml(text)
        return DictionaryFile.model_validate(data or {})
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
        return where, "there is no such entry" + nearest(str(where[-1]), _entries(where))
    if not where:
        return where, "the file must be a table"
    said = _EXPECTED.get(kind)
    return where, f"it is {error['input']!r}, and must be {said}" if said else f"{error['msg']}"


def _entries(where: Where) -> Iterable[str]:
    models: dict[str, type[BaseModel]] = {
        "concepts": ConceptEntry,
        "views": ViewEntry,
        "recognise": RecognitionEntry,
        "keys": ExpressionEntry,
    }
    model = models.get(str(where[0]), DictionaryFile) if len(where) > 1 else DictionaryFile
    return model.model_fields


def _invalid(found: Iterable[Mistake]) -> GumtreeError:
    all_mistakes = list(found)
    lines = [
        f"{path}:{_line(path, where)}: {_named(where)}{what}." for path, where, what in all_mistakes[:_SHOWN]
    ]
    if len(all_mistakes) > _SHOWN:
        lines.append(f"And {len(all_mistakes) - _SHOWN} more.")
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


def _mapping(file: ReadFile, mappings: Mapping[str, ReadFile], dictionary: Dictionary) -> FileMapping:
    content = file.content
    base = _mapping(mappings[content.extends], mappings, dictionary) if content.extends else None
    keys = dict(base.keys) if base else {}
    units = content.units
    rename: Callable[[str], str] = lambda key: key_called(dictionary, key) or key  # noqa: E731
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


def _expression(each: ExpressionEntry, rename: Callable[[str], str]) -> Expression:
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
