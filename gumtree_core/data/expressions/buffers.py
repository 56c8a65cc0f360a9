"""Memory of big results that are no longer used serves the next ones: fresh pages cost as much as a sum."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data.expressions.opcodes import LINE

Floats = NDArray[np.float64]

SMALLEST = 1 << 16
"""Bytes below which NumPy's own allocation is as fast."""
KEPT = 1 << 29
"""Bytes that are kept for later, at most."""

_free: dict[int, list[Floats]] = {}
_lock = threading.Lock()
_kept = 0


class _Lease:
    """Gives its memory back when the last array that uses it is gone."""

    def __init__(self, memory: Floats) -> None:
        self._memory = memory
        self.__array_interface__ = memory.__array_interface__

    def __del__(self) -> None:
        global _kept
        memory = self._memory
        # A finalizer may run inside of `empty`, in the same thread: never wait.
        if not _lock.acquire(blocking=False):
            return
        try:
            if _kept + memory.nbytes <= KEPT:
                _free.setdefault(memory.size, []).append(memory)
                _kept += memory.nbytes
        finally:
            _lock.release()


def empty(size: int) -> Floats:
    """Make a flat array of float64 whose content is arbitrary."""
    global _kept
    if size * 8 < SMALLEST:
        return np.empty(size)
    memory = None
    if _lock.acquire(blocking=False):
        try:
            free: Any = _free.get(size)
            if free:
                memory = free.pop()
                _kept -= memory.nbytes
        finally:
            _lock.release()
    return np.asarray(_Lease(_aligned(size) if memory is None else memory))


def _aligned(size: int) -> Floats:
    """Memory that begins with a line of the cache, so that whole lines can be stored."""
    memory = np.empty(size + LINE)
    first = -(memory.ctypes.data // 8) % LINE
    return memory[first : first + size]


def release() -> None:
    """Give the kept memory back to the system."""
    global _kept
    with _lock:
        _free.clear()
        _kept = 0
