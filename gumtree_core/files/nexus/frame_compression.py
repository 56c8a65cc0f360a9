"""Frames compressed as the HDF5 filter bitshuffle (32008) stores them, outside of HDF5 and on all cores.

Inside of HDF5 one frame is compressed at a time, by one core, and nobody else may use the library meanwhile.
The work is done by the C library bitshuffle in the plugin that hdf5plugin installs for reading; a call of it
holds no lock of Python. docs/decisions/0009-frames-compressed-outside-hdf5.md tells why it is this one.
"""

from __future__ import annotations

import ctypes
import functools
import os
import struct
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any

import hdf5plugin
import numpy as np
from numpy.typing import NDArray

FILTER = hdf5plugin.Bitshuffle(cname="lz4")
"""What readers need, as arguments of `create_dataset`."""

_HEADER = struct.Struct(">QI")
"""Bytes of the frame, and of a block, before compression."""
_SLAB = 512 * 1024
"""Bytes for which it pays to wake another thread: compressing them takes some 0.3 ms."""


class FrameCompressor:
    """Compresses frames of one shape and type.

    The blocks of a frame (8 kB each) are compressed independently of each other, so that slabs of them can be
    compressed at the same time and put together: the result is the same as that of the filter.

    Parameters
    ----------
    shape, dtype
        Of a frame.
    pool
        Threads that take part.
    threads
        How many threads the pool has.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any], pool: Executor, threads: int) -> None:
        self._library = _library()
        self._pool = pool
        self._itemsize = dtype.itemsize
        self._size = int(np.prod(shape, dtype=np.int64))
        self._block = self._library.bshuf_default_block_size(self._itemsize)
        slabs = max(1, min(threads + 1, self._size * self._itemsize // _SLAB))
        blocks = -(-self._size // (self._block * slabs))
        self._slabs = list(self._places(blocks * self._block))
        start, _, room = self._slabs[-1]
        self._chunk = np.empty(start + room, np.uint8)
        header = _HEADER.pack(self._size * self._itemsize, self._block * self._itemsize)
        self._chunk[: _HEADER.size] = np.frombuffer(header, np.uint8)

    @staticmethod
    def available() -> bool:
        """Whether the plugin lets others use its library; if not, HDF5 has to compress."""
        try:
            _library()
        except (OSError, AttributeError, KeyError):
            return False
        return True

    def compress(self, frame: NDArray[Any]) -> NDArray[np.uint8]:
        """The chunk of a frame, which must be contiguous: bytes that are valid until the next call."""
        others = [self._pool.submit(self._compress, frame, slab) for slab in range(1, len(self._slabs))]
        end = _HEADER.size + self._compress(frame, 0)
        for (start, _, _), other in zip(self._slabs[1:], others, strict=True):
            length = other.result()
            ctypes.memmove(self._chunk.ctypes.data + end, self._chunk.ctypes.data + start, length)
            end += length
        return self._chunk[:end]

    def _places(self, step: int) -> Iterator[tuple[int, int, int]]:
        """Of each slab: where its bytes go, its first value, and how many bytes it may need."""
        start = _HEADER.size
        for first in range(0, self._size, step):
            count = min(step, self._size - first)
            room = int(self._library.bshuf_compress_lz4_bound(count, self._itemsize, self._block))
            yield start, first, room
            start += room

    def _compress(self, frame: NDArray[Any], slab: int) -> int:
        start, first, _ = self._slabs[slab]
        end = self._slabs[slab + 1][1] if slab + 1 < len(self._slabs) else self._size
        length: int = self._library.bshuf_compress_lz4(
            frame.ctypes.data + first * self._itemsize,
            self._chunk.ctypes.data + start,
            end - first,
            self._itemsize,
            self._block,
        )
        if length < 0:
            raise RuntimeError(f"bitshuffle gave up with its code {length}")
        return length


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(hdf5plugin.get_config().registered_filters["bshuf"])
    size = ctypes.c_size_t
    library.bshuf_default_block_size.restype = size
    library.bshuf_default_block_size.argtypes = [size]
    library.bshuf_compress_lz4_bound.restype = size
    library.bshuf_compress_lz4_bound.argtypes = [size, size, size]
    library.bshuf_compress_lz4.restype = ctypes.c_int64
    library.bshuf_compress_lz4.argtypes = [ctypes.c_void_p, ctypes.c_void_p, size, size, size]
    return library
