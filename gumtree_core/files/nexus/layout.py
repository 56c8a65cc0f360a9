"""Where each logical key stands in a NeXus file: `config/dictionaries/gumtree.yaml` as Python."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from gumtree_core.data.units import canonical
from gumtree_core.errors import GumtreeError
from gumtree_core.files.dictionaries.dictionary import (
    Concept,
    Dictionary,
    Expression,
    dictionary,
)
from gumtree_core.files.dictionaries.tree import NAME


@dataclass(frozen=True)
class Place:
    """Where a key stands, below the entry; a `*` in key and paths stands for a name of the instrument's.

    `unit` is the logical key's unit, None where it is the value's own. `points` says that the key has one
    value for each point of a scan.
    """

    key: str
    paths: tuple[str, ...]
    unit: str | None = None
    text: bool = False
    poisson: bool = False
    points: bool = False

    def named(self, name: str) -> Place:
        """The place with `name` in place of the `*`."""
        paths = tuple(path.replace("*", name) for path in self.paths)
        return replace(self, key=self.key.replace("*", name), paths=paths)

    def beside(self, head: str, which: str) -> Place:
        """The same in a group beside this one: of another detector, for instance."""
        paths = tuple(f"{group}_{which}/{item}" for group, _, item in (p.rpartition("/") for p in self.paths))
        return replace(self, key=self.key.replace(head, f"{head}:{which}", 1), paths=paths)


@dataclass(frozen=True)
class Layout:
    """The layout of a file: places of the keys, NeXus classes of the groups, constants."""

    definition: str
    entry: str
    places: Mapping[str, Place]
    classes: Mapping[str, str]
    constants: Mapping[str, str]

    def place(self, key: str) -> Place:
        """The place of a key; GumtreeError if the table has none.

        `detector:NAME/counts` stands beside `detector/counts`, in a group of its own.
        """
        if key in self.places:
            return self.places[key]
        head, _, name = key.partition("/")
        head, colon, which = head.partition(":")
        if colon:
            return self.place(f"{head}/{name}").beside(head, which)
        pattern = self.places.get(f"{head}/*")
        if pattern is None or not name or "/" in name:
            raise GumtreeError(
                "UNKNOWN_KEY",
                f"{key!r} is no logical key. Choose one of: {', '.join(self.places)}.",
            )
        return pattern.named(name)

    def nx_class(self, group: str) -> str:
        """The NeXus class of a group, given by its path below the entry."""
        if group in self.classes:
            return self.classes[group]
        return next((self.classes[each] for each in self.classes if fnmatchcase(group, each)), "NXcollection")

    def parents(self, path: str) -> Iterator[str]:
        """The groups above a path, outermost first."""
        above = [str(each) for each in PurePosixPath(path).parents if str(each) != "."]
        return reversed(above)


@functools.cache
def gumtree_layout() -> Layout:
    """The layout of the files that GumtreeScan writes: the mapping `gumtree` with what its keys mean."""
    table = dictionary()
    mapping = table.mapping("gumtree")
    return Layout(
        definition=mapping.layout["definition"],
        entry=mapping.entry,
        places={key: _place(table, key, found) for key, found in mapping.keys.items() if ":" not in key},
        classes=dict(mapping.layout["classes"]),
        constants=dict(mapping.layout["constants"]),
    )


def known_unit(text: str) -> str:
    """The unit in its one spelling; none if it is a word of the instrument's own, such as "plates"."""
    try:
        return canonical(text)
    except GumtreeError:
        return ""


def _place(table: Dictionary, key: str, candidates: tuple[Expression, ...]) -> Place:
    concept = table.concept(key) or Concept(key)
    paths = tuple(each.path[0].replace(NAME, "*") for each in candidates)
    return Place(key, paths, concept.unit, concept.text, concept.poisson, concept.points)
