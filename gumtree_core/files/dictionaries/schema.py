"""What a YAML file of dictionaries may say: its schema, and what a schema cannot know."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict

from gumtree_core.data.units import canonical
from gumtree_core.errors import GumtreeError
from gumtree_core.files.dictionaries.dictionary import Dictionary
from gumtree_core.files.dictionaries.steps import mistake_of_step
from gumtree_core.files.dictionaries.tree import NAME

Where: TypeAlias = tuple[str | int, ...]
Mistake: TypeAlias = tuple[Path, Where, str]


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


class ConceptEntry(_Strict):
    """What a key means."""

    label: str = ""
    unit: str | None = None
    description: str = ""
    synonyms: Texts = []
    text: bool = False
    poisson: bool = False
    points: bool = False


class ViewEntry(_Strict):
    """The keys that a technique needs."""

    description: str = ""
    keys: Texts = []
    optional: Texts = []


class ExpressionEntry(_Strict):
    """One way to find the value of a key."""

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


class RecognitionEntry(_Strict):
    """By what a file of the facility is known."""

    has: Texts = []
    text: dict[str, Texts] = {}


class DictionaryFile(_Strict):
    """A whole YAML file."""

    concepts: dict[str, ConceptEntry] = {}
    views: dict[str, ViewEntry] = {}
    title: str = ""
    tested: str = ""
    view: str = ""
    extends: str = ""
    entry: str = "*"
    recognise: Annotated[list[RecognitionEntry], BeforeValidator(_listed)] = []
    units: dict[str, str] = {}
    keys: dict[
        str, Annotated[list[ExpressionEntry] | None, BeforeValidator(lambda v: v and _expressed(v))]
    ] = {}
    recorded: str = ""
    planned: str = ""
    layout: dict[str, Any] = {}


@dataclass(frozen=True)
class ReadFile:
    """A YAML file and where it stands."""

    path: Path
    content: DictionaryFile

    @property
    def name(self) -> str:
        """What `extends` calls it."""
        return self.path.stem


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence that proposes what was meant."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean `{near[0]}`" if near else f"; there are {', '.join(sorted(known))}"


def mistakes(file: ReadFile, dictionary: Dictionary, mappings: Mapping[str, ReadFile]) -> Iterator[Mistake]:
    """What is wrong with the meaning of a file whose form is right."""
    content = file.content
    for where, what in (
        *_wrong_concepts(content),
        *_wrong_views(content, dictionary),
        *_wrong_heads(file, dictionary, mappings),
    ):
        yield file.path, where, what
    for key, expressions in content.keys.items():
        if key_called(dictionary, key) is None:
            yield file.path, ("keys", key), f"it is no logical key{nearest(key, dictionary.concepts)}"
            continue
        for k, each in enumerate(expressions or ()):
            for where, what in _wrong_expression(key, each, dictionary):
                yield file.path, ("keys", key, k, *where), what


def _wrong_concepts(content: DictionaryFile) -> Iterator[tuple[Where, str]]:
    for key, concept in content.concepts.items():
        if key.count("/") < 1 or key.count("*") > 1:
            yield ("concepts", key), "a key is written group/name, with at most one *"
        if concept.unit:
            yield from _wrong_unit(("concepts", key, "unit"), concept.unit)


def _wrong_views(content: DictionaryFile, dictionary: Dictionary) -> Iterator[tuple[Where, str]]:
    for name, view in content.views.items():
        for kind, keys in (("keys", view.keys), ("optional", view.optional)):
            for k, key in enumerate(keys):
                if dictionary.concept(key) is None:
                    near = nearest(key, dictionary.concepts)
                    yield ("views", name, kind, k), f"{key} is no logical key{near}"


def _wrong_heads(
    file: ReadFile, dictionary: Dictionary, mappings: Mapping[str, ReadFile]
) -> Iterator[tuple[Where, str]]:
    content = file.content
    if content.view and content.view not in dictionary.views:
        yield ("view",), f"there is no view {content.view}{nearest(content.view, dictionary.views)}"
    if content.extends:
        seen = [file.name]
        base = content.extends
        while base:
            if base not in mappings or base in seen:
                why = "extends itself" if base in seen else "is none"
                yield ("extends",), f"the mapping {base} {why}{nearest(base, mappings)}"
                break
            seen.append(base)
            base = mappings[base].content.extends
    for text, unit in content.units.items():
        yield from _wrong_unit(("units", text), unit)
    for k, each in enumerate(content.recognise):
        if not each.has and not each.text:
            yield ("recognise", k), "it needs `has` or `text`, or it would fit every file"


def _wrong_expression(key: str, each: ExpressionEntry, dictionary: Dictionary) -> Iterator[tuple[Where, str]]:
    if bool(each.path) == (each.constant is not None):
        yield (), "it needs a `path` or a `constant`, and not both"
    for path in each.path:
        if ("*" in key) != (NAME in path):
            yield ("path",), f"{NAME} in a path stands for the * of its key, and {path!r} does not fit {key}"
        if not path.strip("/@"):
            yield ("path",), f"{path!r} is no path"
    for k, step in enumerate(each.then):
        what = mistake_of_step(step, lambda name: key_called(dictionary, name) is not None)
        if what:
            yield ("then", k), what
    for name, other in each.axes.items():
        if key_called(dictionary, other) is None:
            yield ("axes", name), f"{other} is no logical key{nearest(other, dictionary.concepts)}"
    for where, unit in ((("unit",), each.unit), *((("units", text), u) for text, u in each.units.items())):
        if unit:
            yield from _wrong_unit(where, unit)


def _wrong_unit(where: Where, unit: str) -> Iterator[tuple[Where, str]]:
    try:
        canonical(unit)
    except GumtreeError as error:
        yield where, error.message.rstrip(".")


def key_called(dictionary: Dictionary, key: str) -> str | None:
    """The key itself, or the one that has it as a synonym."""
    return key if dictionary.concept(key) is not None else dictionary.called(key)
