"""The values in HDF5 files, read with care: neither size nor type that is declared is believed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gumtree_core.errors import GumtreeError
from gumtree_core.files.dictionaries.tree import Point

COMPRESSION = 5000
"""How much larger an array may be than what is stored of it, once it is large at all."""
LARGE = 64 * 2**20
"""Bytes from which on an array is compared with what is stored of it."""

FAILURES = (OSError, RuntimeError, LookupError, ValueError, TypeError, OverflowError, AttributeError)
"""What h5py raises where a file is damaged."""


def inside(folder: Path, beside: Path, name: str, what: str) -> Path:
    """The file of a link, which must be in `folder` or below and must exist.

    Raises
    ------
    GumtreeError
        LINK_OUTSIDE, FILE_MISSING.
    """
    try:
        target = (beside / name).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise GumtreeError("LINK_OUTSIDE", f"{what} is a link to no usable file name: {error}.") from error
    if not target.is_relative_to(folder):
        raise GumtreeError(
            "LINK_OUTSIDE",
            f"{what} is a link to {name}, which is not in the folder of the file: it is not followed. Copy "
            "that file beside this one if you trust it.",
        )
    if not target.is_file():
        raise GumtreeError("FILE_MISSING", f"{what} is a link to {target}, which does not exist.")
    return target


class Hdf5Attribute:
    """An attribute of a group or dataset."""

    growing = False
    unit = ""
    nbytes = 0

    def __init__(self, node: Any, name: str, path: Path) -> None:
        self._node, self._name, self._path = node, name, path

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the value."""
        return tuple(self._node.attrs.get_id(self._name).shape)

    @property
    def kind(self) -> str:
        """What can be read from it."""
        return _kind(self._node.attrs.get_id(self._name).dtype)

    def read(self, point: Point = None) -> Any:
        """The value."""
        try:
            value = self._node.attrs[self._name]
        except FAILURES as error:
            raise GumtreeError(
                "FILE_DAMAGED", f"The attribute {self._name} of {self._path} cannot be read: {error}."
            ) from error
        value = value if point is None else np.asarray(value)[point]
        return plain_text(value) if self.kind == "text" else np.asarray(value)


class Hdf5Item:
    """A dataset."""

    def __init__(self, dataset: h5py.Dataset, path: Path, folder: Path) -> None:
        self._dataset, self._path, self._folder = dataset, path, folder

    @property
    def shape(self) -> tuple[int, ...]:
        """As declared."""
        return tuple(self._dataset.shape or ())

    @property
    def kind(self) -> str:
        """What can be read from it."""
        return "empty" if self._dataset.shape is None else _kind(self._dataset.dtype)

    @property
    def unit(self) -> str:
        """The attribute `units`."""
        return plain_text(self._dataset.attrs.get("units", self._dataset.attrs.get("unit", "")))

    @property
    def nbytes(self) -> int:
        """As declared."""
        return int(self._dataset.size or 0) * int(self._dataset.dtype.itemsize)

    @property
    def growing(self) -> bool:
        """Whether the first dimension has no end."""
        return bool(self._dataset.maxshape) and self._dataset.maxshape[0] is None

    def read(self, point: Point = None) -> Any:
        """The values; nothing is allocated for what is declared but neither stored nor fits in memory."""
        self._check(point)
        try:
            values = self._dataset[() if point is None else point]
        except FAILURES as error:
            raise GumtreeError(
                "FILE_DAMAGED", f"{self._dataset.name} cannot be read from {self._path}: {error}."
            ) from error
        return plain_text(values) if self.kind == "text" else np.asarray(values)

    def _check(self, point: Point) -> None:
        dataset, what = self._dataset, f"{self._dataset.name} of {self._path}"
        if self.kind not in ("number", "text"):
            raise GumtreeError(
                "BAD_TYPE", f"{what} is neither numbers nor text, but {self.kind}: it cannot be used."
            )
        if dataset.is_virtual:
            beside = Path(os.fsdecode(dataset.file.filename)).resolve().parent
            for source in dataset.virtual_sources():
                if source.file_name != ".":
                    inside(self._folder, beside, source.file_name, what)
        for name, _, _ in dataset.external or ():
            inside(self._folder, self._folder, os.fsdecode(name), what)
        declared = dataset.size * max(dataset.dtype.itemsize, 1)
        if isinstance(point, int) and self.shape:
            declared //= max(self.shape[0], 1)
        elif isinstance(point, slice):
            declared = declared // max(self.shape[0], 1) * len(range(*point.indices(self.shape[0])))
        if declared < LARGE:
            return
        stored = dataset.id.get_storage_size()
        whole = dataset.size * dataset.dtype.itemsize
        if not dataset.is_virtual and not dataset.external and whole > COMPRESSION * max(stored, 1):
            raise GumtreeError(
                "FILE_DAMAGED",
                f"{what} declares {size_text(whole)} in the shape {self.shape}, of which the file stores "
                f"{size_text(stored)}: it is damaged, or was never filled.",
            )
        free = available_memory()
        if declared > free:
            raise GumtreeError(
                "NOT_ENOUGH_MEMORY",
                f"{what} has {size_text(declared)} in the shape {self.shape}, and {size_text(free)} of "
                "memory are free. Read single points: run.point(0).",
            )


def _kind(dtype: np.dtype[Any]) -> str:
    if h5py.check_string_dtype(dtype) is not None or dtype.kind in "SU":
        return "text"
    if h5py.check_ref_dtype(dtype) is not None:
        return "references to other objects"
    if dtype.kind in "biuf" and dtype.subdtype is None:
        return "number"
    return f"values of type {dtype}"


def plain_text(value: Any) -> str:
    """Text as h5py gives it: bytes or str, or the first of an array of them."""
    value = np.ravel(value) if isinstance(value, (np.ndarray, list, tuple)) else value
    if isinstance(value, np.ndarray):
        value = value[0] if value.size else ""
    if isinstance(value, h5py.Empty):
        return ""
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            value = value.decode("latin-1")
    return str(value).rstrip("\0")


def available_memory() -> int:
    """Bytes that can be allocated without swapping."""
    try:
        with Path("/proc/meminfo").open() as file:
            fields = dict(line.split(":", 1) for line in file)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def size_text(count: float) -> str:
    """A number of bytes for people."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
