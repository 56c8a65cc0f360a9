"""Reads a run by a mapping: which entries it fits, where each key stands, and the values when asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from gumtree_core.errors import GumtreeError
from gumtree_core.files.dictionaries.dictionary import (
    Concept,
    Dictionary,
    Expression,
    FileMapping,
    Recognition,
    dictionary,
)
from gumtree_core.files.dictionaries.tree import (
    Item,
    Source,
    Tree,
    below,
    find,
    group_name,
)
from gumtree_core.files.dictionaries.value import Context, MappedValue
from gumtree_core.files.nexus.hdf5 import Hdf5Source
from gumtree_core.files.run import Run

_SHOWN = 10


def read_hdf5(path: Path, entry: str = "") -> Run:
    """The run in an HDF5 file, by the mapping that fits it.

    Parameters
    ----------
    path
        The file.
    entry
        Name of the group that holds the run, for files with several.

    Raises
    ------
    GumtreeError
        FILE_FORMAT_UNKNOWN, SEVERAL_RUNS, NO_SUCH_RUN, FILE_DAMAGED, BAD_DICTIONARY.
    """
    table = dictionary()
    source = Hdf5Source(path)
    with source.open() as tree:
        for mapping in table.mappings:
            entries = fitting_entries(tree, mapping)
            if entries:
                chosen = _chosen(tree, path, entries, entry)
                run = read_by_mapping(source, mapping, table, chosen)
                run.entry = chosen.strip("/") if len(entries) > 1 else ""
                return run
        groups = ", ".join(list(tree.names("/"))[:_SHOWN]) or "nothing"
    known = ", ".join(sorted(each.name for each in table.mappings if each.recognise))
    raise GumtreeError(
        "FILE_FORMAT_UNKNOWN",
        f"{path} is of no known format: it is HDF5, has {groups}, and no mapping fits it. There are mappings "
        f"for {known}; docs/add_a_facility.md tells how to add one.",
    )


def _chosen(tree: Tree, path: Path, entries: list[str], wanted: str) -> str:
    """The entry that is asked for, the only one, or the file's default."""
    names = ", ".join(entry.strip("/") for entry in entries[:_SHOWN])
    if wanted:
        found = next((entry for entry in entries if entry.strip("/") == wanted.strip("/")), None)
        if found is None:
            raise GumtreeError("NO_SUCH_RUN", f"{path} has no run {wanted!r}. It has: {names}.")
        return found
    if len(entries) == 1:
        return entries[0]
    default = tree.item("/@default")
    named = f"/{default.read()}" if default is not None and default.kind == "text" else ""
    if named in entries:
        return named
    more = f", and {len(entries) - _SHOWN} more" if len(entries) > _SHOWN else ""
    raise GumtreeError(
        "SEVERAL_RUNS",
        f"{path} has several runs: {names}{more}. Say which: {path}::{entries[0].strip('/')}.",
    )


def fitting_entries(tree: Tree, mapping: FileMapping) -> list[str]:
    """The entries of a file that a mapping fits, as paths; `/` is the file itself."""
    if not mapping.recognise:
        return []
    if mapping.entry == "/":
        entries = ["/"]
    else:
        entries = [f"/{name}" for name in tree.names("/") if fnmatchcase(name, mapping.entry)]
    return [
        entry
        for entry in entries
        if any(_fits(tree, entry, alternative) for alternative in mapping.recognise)
    ]


def _fits(tree: Tree, entry: str, recognition: Recognition) -> bool:
    for path in recognition.has:
        if next(find(tree, below(entry, path)), None) is None:
            return False
    return all(_matches(tree, below(entry, path), patterns) for path, patterns in recognition.text.items())


def _matches(tree: Tree, pattern: str, wanted: tuple[str, ...]) -> bool:
    for match in find(tree, pattern):
        item = tree.item(match.path)
        if item is None or item.kind != "text":
            continue
        text = str(item.read()).strip().casefold()
        if any(fnmatchcase(text, each.casefold()) for each in wanted):
            return True
    return False


def read_by_mapping(source: Source, mapping: FileMapping, dictionary: Dictionary, entry: str) -> Run:
    """The run in an entry; nothing but single texts and numbers is read before a key is asked for.

    Raises
    ------
    GumtreeError
        FILE_DAMAGED; when a key is asked for, also BAD_UNIT, BAD_SHAPE, BAD_TYPE, NOT_ENOUGH_MEMORY,
        LINK_OUTSIDE, FILE_MISSING, NO_POINT.
    """
    readers: dict[str, MappedValue] = {}
    with source.open() as tree:
        for key, expressions in mapping.keys.items():
            for name, found in _candidates(tree, entry, key, expressions, dictionary):
                if name == key or name not in mapping.keys:
                    readers.setdefault(name, found)
        identity = _identity(source, entry, tree, readers)
    context = Context(source, mapping, entry, readers, identity)
    items = {key: replace(reader, context=context) for key, reader in readers.items()}
    readers.update(items)
    return Run(items, path=source.path, format=mapping.name)


def _candidates(
    tree: Tree, entry: str, key: str, expressions: tuple[Expression, ...], dictionary: Dictionary
) -> Iterator[tuple[str, MappedValue]]:
    """What the file has of a key: one value, or for a key with `*` one for each name."""
    wild = "*" in key
    for expression in expressions:
        for name in _names(tree, entry, expression) if wild else ("",):
            concept = dictionary.concept(key.replace("*", name))
            if concept is None:
                continue
            resolved = _resolved(tree, entry, expression.named(name), concept, wild)
            if resolved is not None:
                yield concept.key, MappedValue(concept, resolved)
                if not wild:
                    return


def _names(tree: Tree, entry: str, expression: Expression) -> list[str]:
    return list(dict.fromkeys(match.name for match in find(tree, below(entry, expression.path[0]))))


def _resolved(
    tree: Tree, entry: str, expression: Expression, concept: Concept, wild: bool
) -> Expression | None:
    """The expression with paths that the file has and that can be meant; None if it lacks one."""
    paths = []
    for pattern in expression.path:
        found = find(tree, below(entry, pattern))
        path = next((m.path for m in found if _usable(tree, m.path, expression, concept, wild)), None)
        if path is None:
            return None
        paths.append(path)
    return replace(expression, path=tuple(paths))


def _usable(tree: Tree, path: str, expression: Expression, concept: Concept, wild: bool) -> bool:
    """Whether the value at a path can be meant, as far as can be told from its description."""
    try:
        item = tree.item(path)
    except GumtreeError:
        return not wild  # it is there and cannot be read: whoever asks for it is told why
    if item is None and concept.text and tree.is_group(path):
        return group_name(path) not in expression.missing
    if item is None or item.kind == "empty" or (not concept.text and item.kind == "text"):
        return False
    if wild and not concept.text and item.kind != "number":
        return False
    if expression.ndim not in (-1, len(item.shape)):
        return False
    single = int(np.prod(item.shape)) == 1
    return not (single and expression.missing and _is_missing(item, expression.missing))


def _is_missing(item: Item, missing: tuple[str | float, ...]) -> bool:
    value = item.read()
    if item.kind == "text":
        return str(value).strip() in missing
    number = float(np.ravel(value)[0])
    return any(
        number == each or (each != each and number != number)
        for each in missing
        if isinstance(each, (int, float))
    )


def _identity(source: Source, entry: str, tree: Tree, readers: Mapping[str, MappedValue]) -> str:
    """The same text for the same measurement wherever its file lies."""
    known = []
    for key in ("run/start_time", "run/number", "run/title"):
        paths = readers[key].expression.path if key in readers else ()
        item = tree.item(paths[0]) if paths else None
        known.append(str(item.read()) if item is not None and np.prod(item.shape) <= 1 else "")
    if source.path is None:
        return f"{source.name}/{time.time_ns()}"  # each reading of a live system is a measurement of its own
    if not known[0]:
        return f"{source.path.resolve()}/{source.path.stat().st_mtime_ns}{entry}"
    return "/".join((source.name, *known)) + entry
