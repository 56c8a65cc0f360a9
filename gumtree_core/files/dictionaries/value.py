"""The value of a key as a mapping describes it: read, transformed, and in the key's unit, when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from gumtree_core.data import Axis, Dataset, scalar
from gumtree_core.data.units import canonical, conversion, parse_quantity
from gumtree_core.errors import GumtreeError
from gumtree_core.files.dictionaries import steps as mapping_steps
from gumtree_core.files.dictionaries.dictionary import Concept, Expression, FileMapping
from gumtree_core.files.dictionaries.steps import Look
from gumtree_core.files.dictionaries.tree import (
    Item,
    Point,
    Source,
    Tree,
    below,
    group_name,
)
from gumtree_core.files.nexus.layout import known_unit
from gumtree_core.files.nexus.writer import RUNNING
from gumtree_core.files.run import Value

UNITLESS = (None, "", "counts", "pixel")
"""Units of concepts for which a bare number is clear."""
_USUAL_DIMS: Mapping[int, tuple[str, ...]] = {0: (), 1: ("point",), 2: ("y", "x"), 3: ("point", "y", "x")}


@dataclass(frozen=True)
class Context:
    """What the values of a run share."""

    source: Source
    mapping: FileMapping
    entry: str
    readers: Mapping[str, MappedValue]
    identity: str


@dataclass(frozen=True)
class MappedValue:
    """The value of a key, read when it is called."""

    concept: Concept
    expression: Expression
    context: Context = field(default=None, repr=False, compare=False)  # type: ignore[assignment]

    @property
    def where(self) -> str:
        """The path in the file, and what is done to it."""
        steps = "".join(
            f" | {step.name}" + ("" if step.argument is None else f" {step.argument}")
            for step in self.expression.then
        )
        return f"{self.expression}{steps}"

    def nbytes(self) -> int:
        """How much memory what stands in the file needs, as the file declares it; nothing is read."""
        with self.context.source.open() as tree:
            items = [tree.item(path) for path in self.expression.path]
            return sum(item.nbytes for item in items if item is not None)

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
                return group_name(path)
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
            ds, part = self._raw(point) if constant is None else (_constant(constant), "")
            for step in expression.then:
                ds = mapping_steps.apply(step.name, ds, step.argument, look)
            if point is not None and not part and "point" in ds.dims:
                ds, part = ds["point", _checked(point, ds.sizes["point"])], f"/{point}"
            return self._finished(ds, {} if len(asking) > 1 else expression.axes, look, part)
        except GumtreeError as error:
            if key in error.message and self.context.source.name in error.message:
                raise
            raise GumtreeError(
                error.reason, f"{key} of {self.context.source.name}: {error.message}"
            ) from error

    def _other(self, point: Point, asking: tuple[str, ...], key: str) -> Dataset:
        reader = self.context.readers.get(key)
        if reader is None or reader.concept.text:
            raise GumtreeError("KEY_MISSING", f"it needs {key}, which {self.context.source.name} has not.")
        return reader._dataset(point, asking)

    def _raw(self, point: Point) -> tuple[Dataset, str]:
        """What stands in the file, in the file's unit and with named dimensions; and which part of it."""
        expression = self.expression
        with self.context.source.open() as tree:
            items = [self._item(tree, path) for path in expression.path]
            if items[0].growing and self.context.mapping.recorded:
                return self._recorded(tree, items[0], point)
            dims = self._dims(len(items[0].shape))
            scanned = dims[:1] == ("point",) and items[0].shape[0] != 1
            if point is not None and scanned and len(items) == 1 and not expression.then:
                index = _checked(point, items[0].shape[0])
                return self._made(items[0].read(index), dims[isinstance(index, int) :], items[0]), f"/{index}"
            parts = [self._made(item.read(), self._dims(len(item.shape)), item) for item in items]
        ds = parts[0]
        if len(parts) > 1:
            values = np.concatenate([np.atleast_1d(part.to(ds.unit).values) for part in parts])
            ds = Dataset(values, dims=ds.dims or ("point",), unit=ds.unit)
        if ds.dims[:1] != ("point",):
            return ds, ""
        if ds.shape[0] == 1:
            if point is not None and expression.dims and self.concept.points:
                _checked(point, 1)
            return ds["point", 0], ""
        return ds, ""

    def _recorded(self, tree: Tree, item: Item, point: Point) -> tuple[Dataset, str]:
        """What has been recorded so far; of a run that has but one point, that one."""
        context = self.context
        recorded, planned = (
            int(self._item(tree, below(context.entry, path)).read())
            for path in (context.mapping.recorded, context.mapping.planned)
        )
        dims = self._dims(len(item.shape))
        if planned != 1:
            if point is None:
                return self._made(item.read(slice(0, recorded)), dims, item), f"/{recorded}"
            index = _checked(point, recorded)
            if isinstance(index, slice):
                index = slice(*index.indices(recorded))
            return self._made(item.read(index), dims[isinstance(index, int) :], item), f"/{index}"
        if recorded == 0:
            raise self._no_point(context.readers["run/status"]._text())
        return self._made(item.read(0), dims[1:], item), ""

    def _no_point(self, status: str) -> GumtreeError:
        name, key = self.context.source.name, self.concept.key
        if status == RUNNING:
            return GumtreeError(
                "NO_POINT_YET", f"{name} has no {key} yet: the count has not ended. Read it later."
            )
        return GumtreeError(
            "NO_POINT",
            f"{name} has no {key}: its run was {status} before a count had ended. Measure it again.",
        )

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
        stated = item.unit.strip()
        meant = self.expression.units.get(stated, stated)
        unit = known_unit(meant)
        if not unit and not meant and self.expression.unit is not None:
            unit = canonical(self.expression.unit)
        if not unit and self.concept.unit not in UNITLESS and (meant or not self.expression.then):
            said = f"the unit {meant!r}, which is not known" if meant else "no unit"
            raise GumtreeError(
                "BAD_UNIT",
                f"{self.expression} has {said}; say in the mapping what it is (`unit:` or `units:`).",
            )
        return Dataset(np.asarray(values), dims=dims, unit=unit)

    def _finished(self, ds: Dataset, axes: Mapping[str, str], look: Look, part: str) -> Dataset:
        concept, expression = self.concept, self.expression
        own = concept.unit is None or expression.poisson is False
        wanted = ds.unit if own or concept.unit is None else concept.unit
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
            unit=wanted,
            masks={"missing": masked} if masked.any() else {},
            title=concept.key,
            source=f"{self.context.identity}{part}/{concept.key}",
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
