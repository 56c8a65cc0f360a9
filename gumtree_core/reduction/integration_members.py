"""How pixels belong to bins: whole, or split by area. Sums over them, and what these are made of."""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data.expressions.execution import all_cores
from gumtree_core.data.propagation.selection import Selection
from gumtree_core.data.propagation.uncertainty import Recipe, Term

Array = NDArray[np.float64]

PARALLEL = 250_000
"""Pixels from which a second thread pays."""
_KINDS = ("float64", "float32", "int16", "uint16", "int32", "uint32", "int64", "uint64")
_ONE = np.ones(1)


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

    def both(self, values: NDArray[Any], variances: Array) -> tuple[Array, Array]:
        """Sum the values, and the variances of independent pixels."""

    def spread(self, coefficients: Array, variances: Array) -> Array:
        """The variance of the sums of coefficient * ds, with ds independent; one coefficient or (pixels,)."""

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

    def both(self, values: NDArray[Any], variances: Array) -> tuple[Array, Array]:
        """See `Members`."""
        sums = self._run("add_both", _known(values), variances)
        values, variances = sums.T[:, : self.number].copy()
        return values, variances

    def spread(self, coefficients: Array, variances: Array) -> Array:
        """See `Members`."""
        if coefficients.size == 1:
            return np.asarray(self.total(variances) * coefficients.item() ** 2)
        return np.asarray(self._run("add_squares", coefficients, variances)[: self.number])

    def _run(self, name: str, *arrays: NDArray[Any]) -> Array:
        size = self.places.size
        if size >= PARALLEL:
            with all_cores() as threads:
                if threads > 1:
                    parallel = getattr(_kernels(), name)
                    return np.asarray(parallel(self.places, *arrays, self.number, threads))
        return np.asarray(getattr(_kernels(), f"{name}_range")(self.places, *arrays, self.number, 0, size))

    def occupied(self) -> NDArray[np.bool_]:
        """See `Members`."""
        return np.asarray(np.bincount(self.places, minlength=self.number + 1)[: self.number] > 0)

    @cached_property
    def _rows(self) -> NDArray[np.intp]:
        rows = self.places.astype(np.intp)
        rows[rows == self.number] = -1
        return rows

    def rows(self, shape: tuple[int, ...]) -> NDArray[np.intp]:
        """The bin of each pixel, in the shape of the pixels; -1 for none."""
        return self._rows.reshape(shape)

    def recipe(self, term: Term, coefficients: Array, shape: tuple[int, ...]) -> Recipe:
        """See `Members`."""
        weights = coefficients.reshape(shape if coefficients.size > 1 else (1,) * len(shape))
        return Recipe(term.source, term.selection, Selection.of_table(self.rows(shape)), weights, shape)


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

    def total(self, values: NDArray[Any]) -> Array:
        """See `Members`."""
        return self._sum(_known(values), _ONE, 1)

    def both(self, values: NDArray[Any], variances: Array) -> tuple[Array, Array]:
        """See `Members`."""
        return self.total(values), self.spread(_ONE, variances)

    def spread(self, coefficients: Array, variances: Array) -> Array:
        """See `Members`."""
        return self._sum(variances, coefficients, 2)

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
    return flat if flat.dtype.name in _KINDS and flat.dtype.isnative else flat.astype(np.float64)


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
        _loaded = importlib.import_module("gumtree_core.reduction.kernels")
    return _loaded
