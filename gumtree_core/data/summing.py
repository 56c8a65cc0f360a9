"""Sums of big arrays along neighbouring dimensions, by all cores."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from . import execution
from .selection import Array

WIDTH = 32_768
"""Elements whose sums stay in the second cache: 256 kB."""


def total(array: Array, axes: Sequence[int]) -> Any:
    """Sum over dimensions: as `array.sum(axes)`, in the shape of the others."""
    first, last = (axes[0], axes[-1]) if len(axes) else (0, 0)
    if (
        array.dtype != np.float64
        or array.size <= execution.ONE_THREAD
        or not array.flags.c_contiguous
        or last == array.ndim - 1  # NumPy's pairwise sums are as fast as memory, and the most accurate
        or last - first + 1 != len(axes)
    ):
        return array.sum(axis=tuple(axes))
    outer, summed = prod(array.shape[:first]), prod(array.shape[first : last + 1])
    inner = prod(array.shape[last + 1 :])
    with execution.all_cores() as threads:
        if threads == 1:
            return array.sum(axis=tuple(axes))
        parts = 1 if outer * -(-inner // WIDTH) >= 2 * threads else threads
        out = np.empty((parts, outer, inner))
        execution.kernels().sum_middle(array.reshape(outer, summed, inner), parts, min(WIDTH, inner), out)
    result = out[0] if parts == 1 else out.sum(axis=0)
    return result.reshape(array.shape[:first] + array.shape[last + 1 :])
