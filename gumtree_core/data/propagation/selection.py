"""Which element of a flat source stands behind each element of an array.

Like NumPy's strides: slices, transpositions and broadcasts change an offset and a few integers, so that a
view of a Dataset costs no memory for its errors either. Only fancy indexing needs a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Shape: TypeAlias = tuple[int, ...]
Selector: TypeAlias = "int | slice | NDArray[np.intp]"
"""What is taken along a dimension; integers are not negative, slices start inside, arrays hold positions."""


def rearrange(array: Array, axes: Sequence[int | None]) -> Array:
    """View an array with its dimensions in another order; None inserts one of length 1."""
    kept = [axis for axis in axes if axis is not None]
    if kept != list(range(array.ndim)):
        array = array.transpose(kept)
    if len(kept) != len(axes):
        array = array[tuple(np.newaxis if axis is None else slice(None) for axis in axes)]
    return array


def take(array: Array, key: Sequence[Selector]) -> Array:
    """Take from an array whose dimensions of length 1 stand for any length; a view without tables."""
    stands_for_all = [length == 1 for length in array.shape]
    basic = tuple(
        (0 if isinstance(item, int) else slice(None))
        if alone
        else (slice(None) if isinstance(item, np.ndarray) else item)
        for item, alone in zip(key, stands_for_all, strict=True)
    )
    result = array[basic] if basic else array
    position = 0
    for item, alone in zip(key, stands_for_all, strict=True):
        if isinstance(item, np.ndarray) and not alone:
            result = np.take(result, item, axis=position)
        position += not isinstance(item, int)
    return result


@dataclass(frozen=True, eq=False)
class Selection:
    """The source's element is ``offset + sum(strides * position)``, or stands in `table`.

    A stride of 0 means that the same element stands behind all positions along that dimension. `table` has
    the array's dimensions, with length 1 in place of such strides.
    """

    offset: int
    strides: tuple[int, ...]
    table: NDArray[np.intp] | None = None

    @classmethod
    def whole(cls, shape: Shape) -> Selection:
        """Select every element once, in C order."""
        return _whole(shape)

    @classmethod
    def of_table(cls, table: NDArray[np.intp]) -> Selection:
        """Select by position; a table of one element is an offset."""
        if table.size == 1:
            return cls(int(table.flat[0]), (0,) * table.ndim)
        return cls(0, tuple(int(length > 1) for length in table.shape), table)

    @property
    def is_constant(self) -> bool:
        """Whether one element of the source stands behind all."""
        return not any(self.strides)

    def same(self, other: Selection) -> bool:
        """Whether both give the same elements."""
        if self is other:
            return True
        if (self.table is None) != (other.table is None):
            return False
        if self.table is not None and other.table is not None:
            return self.table is other.table or np.array_equal(self.table, other.table)
        return self.offset == other.offset and self.strides == other.strides

    def index(self, shape: Shape) -> NDArray[np.intp]:
        """Give the positions in the source, an array that broadcasts to `shape`."""
        if self.table is not None:
            return self.table
        result = np.full((1,) * len(shape), self.offset, dtype=np.intp)
        for dimension, stride in enumerate(self.strides):
            if stride:
                steps = stride * np.arange(shape[dimension], dtype=np.intp)
                result = result + steps.reshape([-1 if k == dimension else 1 for k in range(len(shape))])
        return result

    def of(self, flat: Array, shape: Shape) -> Array:
        """Give the selected elements, as an array that broadcasts to `shape`; a view without table."""
        if self.table is not None:
            return flat[self.table]
        if 0 in shape:
            return np.zeros(shape, flat.dtype)
        lengths = tuple(length if stride else 1 for length, stride in zip(shape, self.strides, strict=True))
        size = flat.itemsize
        return np.ndarray(
            lengths, flat.dtype, flat, self.offset * size, tuple(stride * size for stride in self.strides)
        )

    def repeats(self, shape: Shape) -> bool:
        """Whether some element of the source stands behind more than one position."""
        if any(length > 1 and not stride for length, stride in zip(shape, self.strides, strict=True)):
            return True
        return self.table is not None and np.unique(self.table).size < self.table.size

    def rearranged(self, axes: Sequence[int | None]) -> Selection:
        """Follow `rearrange`; dimensions of stride 0 may be left out."""
        strides = tuple(0 if axis is None else self.strides[axis] for axis in axes)
        if self.table is None:
            return Selection(self.offset, strides)
        kept = sorted(axis for axis in axes if axis is not None)
        table = self.table.squeeze(tuple(k for k in range(self.table.ndim) if k not in kept))
        places = [None if axis is None else kept.index(axis) for axis in axes]
        return Selection(self.offset, strides, rearrange(table, places))

    def taken(self, key: Sequence[Selector], shape: Shape) -> Selection:
        """Follow `take` on an array of `shape`."""
        if self.table is not None:
            return Selection.of_table(take(self.table, key))
        tables = [
            isinstance(item, np.ndarray) and stride for item, stride in zip(key, self.strides, strict=True)
        ]
        if any(tables):
            return Selection.of_table(take(self.index(shape), key))
        offset, strides = self.offset, []
        for item, stride, length in zip(key, self.strides, shape, strict=True):
            if isinstance(item, int):
                offset += item * stride
            elif isinstance(item, slice):
                start, _, step = positions = item.indices(length)
                count = len(range(*positions))
                offset += start * stride if count else 0
                strides.append(stride * step if count > 1 else 0)
            else:
                strides.append(0)
        return Selection(offset, tuple(strides))


@lru_cache(maxsize=1024)
def _whole(shape: Shape) -> Selection:
    return Selection(0, tuple(prod(shape[k + 1 :]) if shape[k] > 1 else 0 for k in range(len(shape))))
