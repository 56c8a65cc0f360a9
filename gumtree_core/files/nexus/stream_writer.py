"""Columns that grow row by row in an HDF5 file, while others read it: frames, and what is known of each.

The file is in HDF5's single-writer-multiple-readers mode from its first moment. In that mode nothing can be
created, so all that will ever be in the file is made before; only values and lengths change afterwards. For
each row the values are flushed, then the number of rows is raised and flushed: whoever reads, also after
the writer was killed, takes that many rows and has them whole.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5s
from numpy.typing import NDArray

from gumtree_core.errors import GumtreeError
from gumtree_core.files.nexus.frame_compression import FILTER, FrameCompressor, cores

_ROWS = 256
"""Rows of a chunk of numbers: 2 kB, little to write anew at each row."""
_LARGEST = 2**32
"""Bytes of a frame, which HDF5 counts with 32 bits."""
_RESERVE = 2**20
"""Bytes of the disk that are left free, so that a file can always be closed."""
_ONE = h5s.create(h5s.SCALAR)


@dataclass(frozen=True)
class Growing:
    """What of a file grows.

    Parameters
    ----------
    columns
        The datasets that get a value for each row, as `create_column` makes them.
    recorded
        The number of rows that are whole.
    planned
        How many rows there may be; 0 if that is not known.
    totals
        Numbers that hold the sum of a column.
    """

    columns: Mapping[str, h5py.Dataset]
    recorded: h5py.Dataset
    planned: int = 0
    totals: Mapping[str, h5py.Dataset] = field(default_factory=dict)


def create_column(group: h5py.Group, path: str, shape: tuple[int, ...], dtype: str) -> h5py.Dataset:
    """A dataset that grows by a number or by a frame; frames are compressed, each by itself.

    Raises
    ------
    GumtreeError
        BAD_COLUMN.
    """
    kind = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    if kind.kind not in "iuf" or kind.itemsize > 8 or not 0 < size < _LARGEST:
        raise GumtreeError(
            "BAD_COLUMN",
            f"{path} cannot be recorded: it is of type {kind} and shape {shape}. Give an integer or float "
            "type of at most 64 bits, and lengths of at least 1; a frame may have up to 4.29 GB.",
        )
    return group.create_dataset(
        path,
        shape=(0, *shape),
        maxshape=(None, *shape),
        chunks=(1 if shape else _ROWS, *shape),
        dtype=kind,
        **(FILTER if shape else {}),
    )


@dataclass(frozen=True)
class _Column:
    """A dataset that grows, with what is asked of it for each row."""

    dataset: h5py.Dataset
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    compressor: FrameCompressor | None

    @classmethod
    def of(cls, dataset: h5py.Dataset, pool: Executor, threads: int) -> _Column:
        shape, dtype = dataset.shape[1:], dataset.dtype
        ours = bool(shape) and FrameCompressor.available()
        return cls(dataset, shape, dtype, FrameCompressor(shape, dtype, pool, threads) if ours else None)

    def stored(self, row: NDArray[Any]) -> NDArray[Any]:
        """What goes into the file, as far as we make it."""
        return row if self.compressor is None else self.compressor.compress(row)

    def write(self, row: int, stored: NDArray[Any]) -> None:
        target = self.dataset.id
        target.set_extent((row + 1, *self.shape))
        if self.compressor is not None:
            target.write_direct_chunk((row, *(0 for _ in self.shape)), stored)
        elif self.shape:
            self.dataset[row] = stored
        else:
            space = h5s.create_simple((row + 1,))
            space.select_hyperslab((row,), (1,))
            target.write(_ONE, space, stored)


class StreamWriter:
    """One file, from its creation to `close`. One thread at a time.

    Parameters
    ----------
    path
        The file, which must not exist.
    create
        Makes all that will be in the file.

    Raises
    ------
    GumtreeError
        FILE_EXISTS; DATA_NOT_WRITTEN if the file system refuses (so do all methods).
    """

    def __init__(self, path: Path, create: Callable[[h5py.File], Growing]) -> None:
        self.path = path
        self.rows = 0
        self._broken = False
        self._room = 0
        with writing(path):
            if path.exists():
                raise GumtreeError("FILE_EXISTS", f"{path} exists already and is not overwritten.")
            # The name appears when the file is complete as a file, and never replaces another.
            draft = path.with_name(f".{path.name}.{os.getpid()}")
            draft.unlink(missing_ok=True)
            self._file = h5py.File(draft, "x", libver=("v110", "v110"))
            try:
                self._growing = create(self._file)
                self._file.swmr_mode = True
                self._file.flush()
                os.link(draft, path)
            except BaseException:
                self._file.close()
                raise
            finally:
                draft.unlink()
        self._totals = dict.fromkeys(self._growing.totals, 0.0)
        others = max(cores() - 1, 1)
        self._pool = ThreadPoolExecutor(others, "compress")  # starts a thread when there is work for it
        self._columns = {
            key: _Column.of(dataset, self._pool, others) for key, dataset in self._growing.columns.items()
        }

    def append(self, values: Mapping[str, Any], number: int | None = None) -> None:
        """Write one row, a value for each column; when this returns the row survives a kill.

        Parameters
        ----------
        values
            By column. A frame has the column's shape, and a type that the column's holds without loss.
        number
            Which row it is, from 0 on, if whoever sends them counts: none may be missing or come twice.

        Raises
        ------
        GumtreeError
            FILE_CLOSED, OUT_OF_ORDER, BAD_POINT, DISK_FULL: nothing has been written, and the next call may
            succeed. DATA_NOT_WRITTEN: the file takes no more; what it has stays, and `recover` closes it.
        """
        self._check_open()
        self._check_number(number)
        rows = {key: self._checked(key, column, values.get(key)) for key, column in self._columns.items()}
        stored = {key: self._columns[key].stored(row) for key, row in rows.items()}
        self._check_room(sum(each.nbytes for each in stored.values()))
        try:
            with writing(self.path):
                for key, column in self._columns.items():
                    column.write(self.rows, stored[key])
                for key, total in self._growing.totals.items():
                    _set(total, self._totals[key] + float(rows[key]))
                self._file.flush()
                _set(self._growing.recorded, self.rows + 1)
                self._file.flush()
        except GumtreeError:
            self._broken = True
            raise
        for key in self._totals:
            self._totals[key] += float(rows[key])
        self.rows += 1

    @property
    def closed(self) -> bool:
        """Whether `close` has been called."""
        return not self._file

    def close(self, finish: Callable[[], None]) -> None:
        """End the file; `finish` writes what is known at the end only."""
        if self.closed:
            return
        self._pool.shutdown()
        with writing(self.path):
            try:
                finish()
                self._file.flush()
            finally:
                self._file.close()
            sync(self.path)

    def _check_open(self) -> None:
        if self.closed:
            raise GumtreeError("FILE_CLOSED", f"{self.path} has been closed with {self.rows} points.")
        if self._broken:
            raise GumtreeError(
                "DATA_NOT_WRITTEN",
                f"{self.path} takes no more points, as it could not be written before. The {self.rows} that "
                "it has stay; go on in another file.",
            )

    def _check_number(self, number: int | None) -> None:
        if number is not None and number != self.rows:
            what = "came again" if number < self.rows else f"came before {self.rows}"
            raise GumtreeError(
                "OUT_OF_ORDER",
                f"Point {number} {what} and is not written to {self.path}, which has {self.rows} points, "
                f"from 0 on. Send {self.rows}.",
            )
        if self.rows == self._growing.planned > 0:
            raise GumtreeError(
                "BAD_POINT",
                f"Point {self.rows + 1} is not written to {self.path}: {self._growing.planned} were planned. "
                "Plan more, or 0 if their number is not known.",
            )

    def _checked(self, key: str, column: _Column, value: Any) -> NDArray[Any]:
        """The value as it will be read; HDF5 would repeat one of another shape, and clip another type."""
        array = np.asarray(value)
        shape, dtype = column.shape, column.dtype
        if array.shape == shape and array.dtype.kind in "iuf":
            if np.can_cast(array.dtype, dtype, "safe"):
                return np.asarray(array, dtype, order="C")
            if not shape:
                with np.errstate(invalid="ignore", over="ignore"):
                    number = array.astype(dtype)
                if number == array or dtype.kind == array.dtype.kind == "f":
                    return number
        raise GumtreeError(
            "BAD_POINT",
            f"Point {self.rows + 1} is not written: {key} has to be of shape {shape} and type {dtype}, and "
            f"is of shape {array.shape} and type {array.dtype}{'' if array.ndim else f' ({value!r})'}.",
        )

    def _check_room(self, need: int) -> None:
        """The disk is asked again when half of what was free has been used: on a network that takes long."""
        self._room -= need
        if self._room >= 0:
            return
        try:
            disk = os.statvfs(self.path)
        except OSError:
            return  # who writes will be told
        free = disk.f_bavail * disk.f_frsize
        self._room = (free - need - _RESERVE) // 2
        if self._room < 0:
            raise GumtreeError(
                "DISK_FULL",
                f"Point {self.rows + 1} is not written to {self.path}: it needs {need / 1e6:.3g} MB, and "
                f"{free / 1e6:.3g} MB of the disk are free, of which {_RESERVE / 1e6:.3g} MB are kept. The "
                f"{self.rows} points before it stay. Make room and write it again.",
            )


def _set(dataset: h5py.Dataset, value: float) -> None:
    dataset.id.write(h5s.ALL, h5s.ALL, np.array(value, dataset.dtype))


def sync(path: Path) -> None:
    """Have the operating system bring the file to the disk, so that it survives a power failure."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say which file could not be written, and why."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        system = re.search(r"error message = '([^']+)'", str(error))
        why = system[1] if system else " ".join(str(error).split())
        raise GumtreeError(
            "DATA_NOT_WRITTEN", f"{path} could not be written: {why}. Check the disk and its permissions."
        ) from error
