"""Reads a run by a mapping: which entries it fits, where each key stands, and the values when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gumtree_core.data import Axis, Dataset, scalar
from gumtree_core.data.units import conversion, parse_quantity
from gumtree_core.errors import GumtreeError
from gumtree_core.files import mapping_steps
from gumtree_core.files.dictionary import (
    Concept,
    Dictionary,
    Expression,
    FileMapping,
    Recognition,
    dictionary,
)
from gumtree_core.files.hdf5 import Hdf5Source
from gumtree_core.files.mapping_steps import Look
from gumtree_core.files.nexus_layout import known_unit
from gumtree_core.files.run import Run, Value
from gumtree_core.files.tree import Item, Point, Source, Tree, find

UNITLESS = (None, "", "counts", "pixel")
"""Units of concepts for which a bare number is clear."""
_SHOWN = 10
_USUAL_DIMS: Mapping[int, tuple[str, ...]] = {0: (), 1: ("point",), 2: ("y", "x"), 3: ("point", "y", "x")}


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
                return read_by_mapping(source, mapping, table, _chosen(tree, path, entries, entry))
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
        if next(find(tree, _below(entry, path)), None) is None:
            return False
    return all(_matches(tree, _below(entry, path), patterns) for path, patterns in recognition.text.items())


def _matches(tree: Tree, pattern: str, wanted: tuple[str, ...]) -> bool:
    for match in find(tree, pattern):
        item = tree.item(match.path)
        if item is None or item.kind != "text":
            continue
        text = str(item.read()).casefold()
        if any(fnmatchcase(text, each.casefold()) for each in wanted):
            return True
    return False


def _below(entry: str, path: str) -> str:
    if path.startswith("/"):
        return path
    return f"{entry.rstrip('/')}{'' if path.startswith('@') else '/'}{path}"


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
    context = _Context(source, readers, identity)
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
    return list(dict.fromkeys(match.name for match in find(tree, _below(entry, expression.path[0]))))


def _resolved(
    tree: Tree, entry: str, expression: Expression, concept: Concept, wild: bool
) -> Expression | None:
    """The expression with paths that the file has and that can be meant; None if it lacks one."""
    paths = []
    for pattern in expression.path:
        found = find(tree, _below(entry, pattern))
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
        return _group_name(path) not in expression.missing
    if item is None or item.kind == "empty" or (not concept.text and item.kind == "text"):
        return False
    if wild and not concept.text and item.kind != "number":
        return False
    if expression.ndim not in (-1, len(item.shape)):
        return False
    single = int(np.prod(item.shape)) == 1
    return not (single and expression.missing and _is_missing(item, expression.missing))


def _group_name(path: str) -> str:
    return [part for part in path.split("/") if part not in ("", ".")][-1]


def _is_missing(item: Item, missing: tuple[str | float, ...]) -> bool:
    value = item.read()
    if item.kind == "text":
        return value in missing
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
        return source.name
    if not known[0]:
        return f"{source.path.resolve()}/{source.path.stat().st_mtime_ns}{entry}"
    return "/".join((source.name, *known)) + entry


@dataclass(frozen=True)
class _Context:
    """What the values of a run share."""

    source: Source
    readers: Mapping[str, MappedValue]
    identity: str


@dataclass(frozen=True)
class MappedValue:
    """The value of a key, read when it is called."""

    concept: Concept
    expression: Expression
    context: _Context = field(default=None, repr=False, compare=False)  # type: ignore[assignment]

    @property
    def where(self) -> str:
        """The path in the file, and what is done to it."""
        steps = "".join(
            f" | {step.name}" + ("" if step.argument is None else f" {step.argument}")
            for step in self.expression.then
        )
        return f"{self.expression}{steps}"

    def __call__(self) -> Value:
        """The whole value."""
        return self.at(None)

    def at(self, point: Point) -> Value:
        """The value at one point or some points of a scan; only they are read where that can be."""
        if self.concept.text:
            return self._text()
        return self._dataset(point, ())

    def _text(self) -> str:
        if self.expression.constant is not None:
            return str(self.expression.constant)
        path = self.expression.path[0]
        with self.context.source.open() as tree:
            if tree.is_group(path):
                return _group_name(path)
            value = self._item(tree, path).read()
        return value if isinstance(value, str) else _number_as_text(np.ravel(value)[0])

    def _item(self, tree: Tree, path: str) -> Item:
        item = tree.item(path)
        if item is None:
            raise GumtreeError(
                "FILE_DAMAGED", f"{path} is not in {self.context.source.name} any more; load it again."
            )
        return item

    def _dataset(self, point: Point, asking: tuple[str, ...]) -> Dataset:
        key, expression = self.concept.key, self.expression
        if key in asking:
            raise GumtreeError("BAD_DICTIONARY", f"{key} is computed from itself: {' from '.join(asking)}.")
        asking = (*asking, key)
        look = partial(self._other, point, asking)
        try:
            constant = expression.constant
            ds = self._raw(point) if constant is None else _constant(constant)
            for step in expression.then:
                ds = mapping_steps.apply(step.name, ds, step.argument, look)
            return self._finished(ds, {} if len(asking) > 1 else expression.axes, look, point)
        except GumtreeError as error:
            if key in error.message:
                raise
            raise GumtreeError(
                error.reason, f"{key} of {self.context.source.name}: {error.message}"
            ) from error

    def _other(self, point: Point, asking: tuple[str, ...], key: str) -> Dataset:
        reader = self.context.readers.get(key)
        if reader is None or reader.concept.text:
            raise GumtreeError("KEY_MISSING", f"it needs {key}, which {self.context.source.name} has not.")
        return reader._dataset(point, asking)

    def _raw(self, point: Point) -> Dataset:
        """What stands in the file, with the file's unit in its right spelling and with named dimensions."""
        expression = self.expression
        plain = len(expression.path) == 1 and not expression.then
        parts = []
        with self.context.source.open() as tree:
            for path in expression.path:
                item = self._item(tree, path)
                dims = self._dims(len(item.shape))
                along = dims[:1] == ("point",)
                if point is not None and plain and along and item.shape[0] > 1:
                    return self._made(
                        item.read(_checked(point, item.shape[0])), dims[isinstance(point, int) :], item
                    )
                parts.append(self._made(item.read(), dims, item))
        ds = parts[0]
        if len(parts) > 1:
            values = np.concatenate([np.atleast_1d(part.to(ds.unit).values) for part in parts])
            ds = Dataset(values, dims=ds.dims or ("point",), unit=ds.unit)
        if ds.dims[:1] == ("point",):
            if ds.shape[0] == 1:
                return ds["point", 0]
            if point is not None:
                return ds["point", _checked(point, ds.shape[0])]
        return ds

    def _dims(self, ndim: int) -> tuple[str, ...]:
        given = self.expression.dims
        if not given:
            return _USUAL_DIMS.get(ndim) or tuple(f"dim_{k}" for k in range(ndim))
        if len(given) < ndim:
            raise GumtreeError(
                "BAD_SHAPE",
                f"{self.expression} has {ndim} dimensions, and the mapping names {', '.join(given)} only.",
            )
        return given[len(given) - ndim :]

    def _made(self, values: Any, dims: tuple[str, ...], item: Item) -> Dataset:
        stated = item.unit
        unit = known_unit(self.expression.units.get(stated, stated))
        if not unit and self.expression.unit is not None:
            unit = self.expression.unit
        if not unit and not self.expression.then and self.concept.unit not in UNITLESS:
            said = f"the unit {stated!r}, which is not known" if stated else "no unit"
            raise GumtreeError(
                "BAD_UNIT",
                f"{self.expression} has {said}; say in the mapping what it is (`unit:` or `units:`).",
            )
        return Dataset(np.asarray(values), dims=dims, unit=unit)

    def _finished(self, ds: Dataset, axes: Mapping[str, str], look: Look, point: Point) -> Dataset:
        concept, expression = self.concept, self.expression
        wanted = concept.unit if concept.unit is not None else ds.unit
        values = ds.values
        if ds.unit != wanted and not (not ds.unit and wanted in UNITLESS):
            found = conversion(ds.unit, wanted)
            if found is None:
                raise GumtreeError("BAD_UNIT", f"its unit is {ds.unit!r}, which is no {wanted!r}.")
            values = values if found == (1, 0) else values * found[0] + found[1]
        poisson = concept.poisson if expression.poisson is None else expression.poisson
        numbers = [each for each in expression.missing if isinstance(each, (int, float))]
        masked = np.isin(values, numbers) if numbers and ds.ndim else np.zeros((), bool)
        return Dataset(
            values,
            "poisson" if poisson else None,
            dims=ds.dims,
            axes=dict(self._axes(ds, axes, look)),
            unit=wanted if expression.poisson is not False else (ds.unit or wanted),
            masks={"missing": masked} if masked.any() else {},
            title=concept.key,
            source=f"{self.context.identity}/{concept.key}" + ("" if point is None else f"/{point}"),
        )

    def _axes(self, ds: Dataset, axes: Mapping[str, str], look: Look) -> Iterator[tuple[str, Axis]]:
        for name, key in axes.items():
            if key not in self.context.readers:
                continue
            other = look(key)
            if other.ndim and set(other.dims) <= set(ds.dims):
                yield name, Axis(other.values, other.unit, other.dims)


def _checked(point: int | slice, length: int) -> int | slice:
    if isinstance(point, int) and not -length <= point < length:
        raise GumtreeError("NO_POINT", f"there is no point {point}; there are {length}, from 0 on.")
    return point % length if isinstance(point, int) else point


def _constant(value: str | float) -> Dataset:
    if not isinstance(value, str):
        return scalar(float(value))
    number, unit = parse_quantity(value)
    return scalar(number, unit=unit)


def _number_as_text(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, np.floating) else str(value)
