"""Dictionaries: what a key means (concept), which keys an application needs (view), where they are (mapping).

The idea is that of the Common Data Model Access of SOLEIL and ANSTO (Poirier et al., ICALEPCS 2011): a
program asks for keys, and a text file for each facility says where they stand. The YAML files are described
in docs/add_a_facility.md.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from gumtree_core.errors import GumtreeError
from gumtree_core.paths import config_directory, instruments_directory


@dataclass(frozen=True)
class Concept:
    """What a logical key means; a `*` in the key stands for a name of the instrument's.

    `unit` is None where each value has its own. `points` says that a scan has a value for each point.
    """

    key: str
    label: str = ""
    unit: str | None = None
    description: str = ""
    synonyms: tuple[str, ...] = ()
    text: bool = False
    poisson: bool = False
    points: bool = False


@dataclass(frozen=True)
class View:
    """The keys that an application needs, and those that it makes use of."""

    description: str = ""
    keys: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """A named transformation with its argument; None where it has none."""

    name: str
    argument: Any = None


@dataclass(frozen=True)
class Expression:
    """One way to a key's value: paths in the file (several are joined), or a constant; then steps.

    Parameters
    ----------
    path
        Below the entry, or from the root with a leading `/`; `*` stands for any name, `<name>` for what the
        key has in place of its `*`, `:NXclass` behind a name for groups of that class, and `@` parts a
        group or item from its attribute. For text, a group stands for its own name, and `.` is the entry.
    constant
        A number, a number with its unit, or text; needs no path.
    then
        Transformations in order.
    unit
        Of a value for which the file gives none.
    units
        What the units that the file gives mean, where they are wrong or not known.
    dims
        Names of the dimensions of the array in the file.
    ndim
        How many dimensions it has to have; -1 for any number.
    axes
        Keys whose values are axes of this one, by the names of the axes.
    missing
        What the file holds in place of a value that it has not.
    poisson
        Whether the values are counts with Poisson's variances; None where the concept says it.
    """

    path: tuple[str, ...] = ()
    constant: str | float | None = None
    then: tuple[Step, ...] = ()
    unit: str | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    dims: tuple[str, ...] = ()
    ndim: int = -1
    axes: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str | float, ...] = ()
    poisson: bool | None = None

    def named(self, name: str) -> Expression:
        """The same with the name in place of `<name>`."""
        return replace(self, path=tuple(path.replace("<name>", name) for path in self.path))

    def __str__(self) -> str:
        """Where it looks."""
        return " + ".join(self.path) or f"constant {self.constant}"


@dataclass(frozen=True)
class Recognition:
    """What an entry of a file has if a mapping fits it: paths that exist, and texts that match patterns."""

    has: tuple[str, ...] = ()
    text: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def conditions(self) -> int:
        """How many there are: of two mappings that fit, the one with more is the more specific."""
        return len(self.has) + len(self.text)


@dataclass(frozen=True)
class FileMapping:
    """Where a facility's files have the keys.

    Parameters
    ----------
    name
        Of the mapping: the name of its file.
    source
        The YAML file.
    title, tested
        For people: whose files, and what it was tried on.
    view
        The application that the files are for; `gumtree inspect` tells which of its keys are missing.
    entry
        Pattern of the names of the groups that hold a run each; `/` for a file that is one run.
    recognise
        Alternatives; the mapping fits where one of them does.
    keys
        Candidates for each key; the first that the file has is taken.
    recorded, planned
        Paths of the numbers of points that are recorded and were planned, in a file that is written to.
    layout
        What a writer needs beside the keys.
    """

    name: str
    source: Path
    title: str = ""
    tested: str = ""
    view: str = ""
    entry: str = "*"
    recognise: tuple[Recognition, ...] = ()
    keys: Mapping[str, tuple[Expression, ...]] = field(default_factory=dict)
    recorded: str = ""
    planned: str = ""
    layout: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Dictionary:
    """All concepts, views and mappings; mappings in the order in which they are tried."""

    concepts: Mapping[str, Concept]
    views: Mapping[str, View]
    mappings: tuple[FileMapping, ...]

    def concept(self, key: str) -> Concept | None:
        """What a key means: `detector:NAME/counts` is `detector/counts` of another detector."""
        head, slash, rest = key.partition("/")
        plain = head.partition(":")[0] + slash + rest
        found = self.concepts.get(plain)
        if found is not None:
            return replace(found, key=key)
        for pattern, concept in self.concepts.items():
            if "*" in pattern and pattern.count("/") == plain.count("/") and fnmatchcase(plain, pattern):
                return replace(concept, key=key)
        return None

    def mapping(self, name: str) -> FileMapping:
        """The mapping of a name."""
        found = next((each for each in self.mappings if each.name == name), None)
        if found is None:
            known = ", ".join(sorted(each.name for each in self.mappings))
            raise GumtreeError("UNKNOWN_MAPPING", f"There is no mapping {name!r}. There are: {known}.")
        return found

    def called(self, synonym: str) -> str | None:
        """The key that has a synonym."""
        wanted = synonym.casefold()
        for concept in self.concepts.values():
            if wanted in (each.casefold() for each in concept.synonyms):
                return concept.key
        return None


def dictionary() -> Dictionary:
    """What is shipped, of the instruments of this machine, and of the user; later ones override.

    A file is read again only when it has changed.

    Raises
    ------
    GumtreeError
        BAD_DICTIONARY, naming file, line and key.
    """
    files = tuple((path, path.stat().st_mtime_ns) for path in dictionary_files())
    return _read(files)


def dictionary_files() -> list[Path]:
    """The YAML files, in the order in which they override each other."""
    found: list[Path] = []
    for folder in dictionary_folders():
        found += sorted(folder.glob("*.yaml"))
    return found


def dictionary_folders() -> Iterable[Path]:
    """Folders of dictionaries: the shipped one, those of instruments on this machine, the user's."""
    yield config_directory() / "dictionaries"
    yield from sorted(instruments_directory().glob("*/dictionaries"))
    own = os.environ.get("GUMTREE_DICTIONARIES")
    if own is None:
        yield user_config_path("gumtree") / "dictionaries"
    else:
        yield from (Path(folder).expanduser() for folder in own.split(os.pathsep) if folder)


@functools.lru_cache(maxsize=4)
def _read(files: tuple[tuple[Path, int], ...]) -> Dictionary:
    from gumtree_core.files.dictionaries.reading import read_dictionary

    return read_dictionary([path for path, _ in files])
