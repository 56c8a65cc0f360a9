"""How pixels belong to bins: whole, or split by area. Sums over them, and what these are made of."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data.expressions.execution import all_cores
from gumtree_core.data.propagation.selection import Selection
from gumtree_core.data.propagation.uncertainty import Recipe, Term

Array = NDArray[np.float64]

PARALLEL = 250_000
"""Pixels from which a second thread pays."""
PARALLEL_COLUMNS = 100_000
"""The same of pixels times columns that are summed at once."""
_KINDS = frozenset(
    map(np.dtype, ("float64", "float32", "int16", "uint16", "int32", "uint32", "int64", "uint64"))
)
_ONE = np.ones(1)


class Column(NamedTuple):
    """What is to be summed, flat, (pixels,): values; or values squared, or one number's, times variances."""

    values: NDArray[Any]
    variances: Array | None = None


class Members(Protocol):
    """What a plan needs to know of its bins; all arrays are flat, (pixels,) or (bins,)."""

    @property
    def number(self) -> int:
        """Of the bins."""

    @property
    def identity(self) -> str:
        """The same for the same pixels in the same bins."""

    @property
    def overlapping(self) -> bool:
        """Whether bins have pixels in common."""

    def without(self, masked: NDArray[np.bool_]) -> Members:
        """Leave out pixels."""

    def total(self, values: NDArray[Any]) -> Array:
        """Sum the values in each bin."""

    def sums(self, columns: Sequence[Column]) -> list[Array]:
        """Sum each column in each bin; an error of a pixel counts with the square of its share."""

    def used(self, pixels: int) -> NDArray[np.bool_]:
        """Which of so many pixels take part."""

    def occupied(self) -> NDArray[np.bool_]:
        """Which bins have any pixel."""

    def recipe(self, term: Term, coefficients: Array, shape: tuple[int, ...]) -> Recipe:
        """What the sums of coefficient * ds are made of."""


@dataclass(frozen=True, eq=False)
class Whole:
    """Each pixel in one bin or in none.

    Attributes
    ----------
    places
        Of each pixel; `number` where it takes no part.
    """

    places: NDArray[Any]
    number: int

    @classmethod
    def of_index(cls, index: NDArray[Any], number: int) -> Whole:
        """From the bin of each pixel; what is not in 0 .. number - 1 takes no part."""
        places = np.where((index >= 0) & (index < number), index, number).reshape(-1)
        return cls(places.astype(np.uint16 if number < 1 << 16 else np.int32), number)

    @cached_property
    def identity(self) -> str:
        """See `Members`."""
        return _digest(self.number, self.places)

    overlapping = False

    def without(self, masked: NDArray[np.bool_]) -> Whole:
        """See `Members`."""
        return Whole(np.where(masked, self.places.dtype.type(self.number), self.places), self.number)

    def total(self, values: NDArray[Any]) -> Array:
        """See `Members`."""
        return np.asarray(self._run("add", _known(values))[: self.number])

    def sums(self, columns: Sequence[Column]) -> list[Array]:
        """See `Members`."""
        if len(columns) == 2 and columns[1].variances is not None and columns[1].values.size == 1:
            pairs = self._run("add_both", _known(columns[0].values), columns[1].variances)
            total, variances = pairs.T[:, : self.number].copy()
            return [total, variances * columns[1].values.item() ** 2]
        if len(columns) > 2 and len(columns) * self.places.size >= PARALLEL_COLUMNS:
            with all_cores() as threads:
                if threads > 1:
                    return self._at_once(columns, threads)
        return [self._sum(*column) for column in columns]

    def _sum(self, values: NDArray[Any], variances: Array | None) -> Array:
        if variances is None:
            return self.total(values)
        if values.size == 1:
            return np.asarray(self.total(variances) * values.item() ** 2)
        return np.asarray(self._run("add_squares", values, variances)[: self.number])

    def _at_once(self, columns: Sequence[Column], threads: int) -> list[Array]:
        """By several threads, each of which takes a part of a column at a time."""
        arrays, factors, addresses = [], [], []
        for values, variances in columns:
            alone = variances is not None and values.size == 1
            one = np.ascontiguousarray(variances if alone else values, dtype=np.float64)
            arrays += [one, variances]  # to be there until the end
            factors.append(values.item() ** 2 if alone else 1.0)
            addresses.append((one.ctypes.data, 0 if alone or variances is None else variances.ctypes.data))
        found = _kernels().add_columns(
            self.places, np.array(addresses, dtype=np.int64), self.number, threads
        )[:, : self.number]
        del arrays
        return [sums if factor == 1 else sums * factor for sums, factor in zip(found, factors, strict=True)]

    def _run(self, name: str, *arrays: NDArray[Any]) -> Array:
        size = self.places.size
        if size >= PARALLEL:
            with all_cores() as threads:
                if threads > 1:
                    parallel = getattr(_kernels(), name)
                    return np.asarray(parallel(self.places, *arrays, self.number, threads))
        return np.asarray(getattr(_kernels(), f"{name}_part")(self.places, *arrays, self.number))

    def occupied(self) -> NDArray[np.bool_]:
        """See `Members`."""
        return np.asarray(np.bincount(self.places, minlength=self.number + 1)[: self.number] > 0)

    def used(self, pixels: int) -> NDArray[np.bool_]:
        """See `Members`."""
        return np.asarray(self.places < self.number)

    @cached_property
    def _rows(self) -> NDArray[np.intp]:
        rows = self.places.astype(np.intp)
        rows[rows == self.number] = -1
        return rows

    def rows(self, shape: tuple[int, ...]) -> NDArray[np.intp]:
        """The bin of each pixel, in the shape of the pixels; -1 for none."""
        return self._rows.reshape(shape)

    def _table(self, shape: tuple[int, ...]) -> Selection:
        table = self._tables.get(shape)
        if table is None:
            table = self._tables[shape] = Selection.of_table(self.rows(shape))
        return table

    @cached_property
    def _tables(self) -> dict[tuple[int, ...], Selection]:
        return {}

    def recipe(self, term: Term, coefficients: Array, shape: tuple[int, ...]) -> Recipe:
        """See `Members`."""
        weights = coefficients.reshape(shape if coefficients.size > 1 else (1,) * len(shape))
        return Recipe(term.source, term.selection, self._table(shape), weights, shape)


@dataclass(frozen=True, eq=False)
class Split:
    """Pixels split over bins: `share` of the area of `pixel` lies in `bin`; sorted by pixel, none twice."""

    pixel: NDArray[np.intp]
    bin: NDArray[np.intp]
    share: Array
    number: int

    @cached_property
    def identity(self) -> str:
        """See `Members`."""
        return _digest(self.number, self.pixel, self.bin, self.share)

    @cached_property
    def overlapping(self) -> bool:
        """See `Members`."""
        return bool((self.pixel[1:] == self.pixel[:-1]).any())

    def without(self, masked: NDArray[np.bool_]) -> Split:
        """See `Members`."""
        kept = ~masked[self.pixel]
        return Split(self.pixel[kept], self.bin[kept], self.share[kept], self.number)

    def used(self, pixels: int) -> NDArray[np.bool_]:
        """See `Members`."""
        found = np.zeros(pixels, dtype=bool)
        found[self.pixel] = True
        return found

    def total(self, values: NDArray[Any]) -> Array:
        """See `Members`."""
        return self._sum(_known(values), _ONE, 1)

    def sums(self, columns: Sequence[Column]) -> list[Array]:
        """See `Members`."""
        return [
            self.total(values) if variances is None else self._sum(variances, values, 2)
            for values, variances in columns
        ]

    def _sum(self, values: NDArray[Any], weights: Array, power: int) -> Array:
        return np.asarray(
            _kernels().add_shares(
                self.pixel, self.bin, self.share, values, weights.reshape(-1), self.number, power
            )
        )

    def occupied(self) -> NDArray[np.bool_]:
        """See `Members`."""
        return np.asarray(np.bincount(self.bin, minlength=self.number) > 0)

    def recipe(self, term: Term, coefficients: Array, shape: tuple[int, ...]) -> Recipe:
        """See `Members`."""
        flat = coefficients.reshape(-1)
        weights = self.share * (flat if flat.size == 1 else flat[self.pixel])
        columns = self.pixel + term.selection.offset
        return Recipe(
            term.source, Selection.of_table(columns), Selection.of_table(self.bin), weights, self.bin.shape
        )


def _known(values: NDArray[Any]) -> NDArray[Any]:
    """Flat, of a type that the kernels are compiled for."""
    flat = np.ascontiguousarray(values).reshape(-1)
    return flat if flat.dtype in _KINDS else flat.astype(np.float64)


def _digest(number: int, *arrays: NDArray[Any]) -> str:
    state = hashlib.sha256(f"{number}".encode())
    for array in arrays:
        state.update(array.tobytes())
    return state.hexdigest()[:32]


_loaded: Any = None


def _kernels() -> Any:
    """The compiled loops; Numba is imported when it is needed first."""
    global _loaded
    if _loaded is None:
        _loaded = importlib.import_module("gumtree_core.reduction.integration.kernels")
    return _loaded
