"""Sums of big arrays along neighbouring dimensions, by all cores."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from threading import Thread
from typing import Any

import numpy as np

from gumtree_core.data.expressions import execution
from gumtree_core.data.propagation.selection import Array

BIG = 1_000_000
"""Elements from which rows are worth the start of a thread."""
WIDTH = 4096
"""Elements whose sums stay in the first cache: 32 kB."""


def total(array: Array, axes: Sequence[int]) -> Any:
    """Sum over dimensions: as `array.sum(axes)`, in the shape of the others; floats are summed as float64."""
    if array.dtype.kind == "f" and array.dtype.itemsize < 8:  # float32 counts in ones up to 2**24 only
        return array.sum(axis=tuple(axes), dtype=np.float64)
    first, last = (axes[0], axes[-1]) if len(axes) else (0, 0)
    if (
        array.dtype != np.float64
        or array.size <= execution.ONE_THREAD
        or not array.flags.c_contiguous
        or last - first + 1 != len(axes)
    ):
        return array.sum(axis=tuple(axes))
    outer, summed = prod(array.shape[:first]), prod(array.shape[first : last + 1])
    inner = prod(array.shape[last + 1 :])
    with execution.all_cores() as threads:
        if threads == 1 or (inner == 1 and outer * summed < BIG):
            return array.sum(axis=tuple(axes))
        if inner == 1:
            return _rows(array.reshape(outer, summed), threads).reshape(array.shape[:first])
        parts = 1 if outer >= 2 * threads else threads
        out = np.empty((parts, outer, inner))
        execution.kernels().sum_middle(array.reshape(outer, summed, inner), parts, min(WIDTH, inner), out)
    result = out[0] if parts == 1 else out.sum(axis=0)
    return result.reshape(array.shape[:first] + array.shape[last + 1 :])


def _rows(array: Array, threads: int) -> Array:
    """Sum each row by NumPy's pairwise sums, the most accurate ones, a part of the rows in each thread."""
    rows = len(array)
    pieces = [slice(rows * k // threads, rows * (k + 1) // threads) for k in range(threads)]
    out = np.empty(rows)

    def work(piece: slice) -> None:
        np.add.reduce(array[piece], axis=1, out=out[piece])

    others = [Thread(target=work, args=(piece,)) for piece in pieces[1:]]
    for other in others:
        other.start()
    work(pieces[0])
    for other in others:
        other.join()
    return out
