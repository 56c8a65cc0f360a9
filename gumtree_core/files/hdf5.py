"""HDF5 files read with care: what is declared is not believed, and no link leads out of the file's folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  (makes HDF5 read compressed frames)
import numpy as np

from gumtree_core.errors import GumtreeError
from gumtree_core.files.nexus_recovery import is_open_for_writing
from gumtree_core.files.tree import Point

SIGNATURE = b"\x89HDF\r\n\x1a\n"
HOPS = 32
"""Links that are followed to one item."""
COMPRESSION = 5000
"""How much larger an array may be than what is stored of it, once it is large at all."""
LARGE = 64 * 2**20
"""Bytes from which on an array is compared with what is stored of it."""

FAILURES = (OSError, RuntimeError, LookupError, ValueError, TypeError, OverflowError, AttributeError)
"""What h5py raises where a file is damaged."""


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open for reading, also what is being written or was left open by a writer that was killed.

    Raises
    ------
    GumtreeError
        FILE_MISSING, FILE_FORMAT_UNKNOWN, FILE_LOCKED, FILE_DAMAGED.
    """
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError as error:
        raise GumtreeError("FILE_MISSING", f"{path} does not exist. Give the path of a data file.") from error
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM):
            raise GumtreeError("FILE_LOCKED", f"{path} may not be read: permission denied.") from error
        if not h5py.is_hdf5(path):
            raise GumtreeError("FILE_FORMAT_UNKNOWN", f"{path} is no HDF5 file. ({error})") from error
        file = _open_again(path)
    with file:
        yield file


def _open_again(path: Path) -> h5py.File:
    """Open what could not be opened: it is, or was until now, open for writing; or it is damaged."""
    try:
        return h5py.File(path, "r", swmr=is_open_for_writing(path))
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK):
            raise GumtreeError(
                "FILE_LOCKED",
                f"{path} is open for writing in another program, which lets nobody read it meanwhile. Try "
                "again when it has been closed.",
            ) from error
        raise GumtreeError(
            "FILE_DAMAGED",
            f"{path} cannot be read: it is truncated or damaged. Copy it again from its source. ({error})",
        ) from error


@contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Turn what h5py raises inside of this context into an error that names the file.

    Raises
    ------
    GumtreeError
        FILE_DAMAGED, NOT_ENOUGH_MEMORY.
    """
    try:
        yield
    except MemoryError as error:
        raise GumtreeError("NOT_ENOUGH_MEMORY", f"{path} needs more memory than there is.") from error
    except FAILURES as error:
        raise GumtreeError(
            "FILE_DAMAGED", f"{path} cannot be read: it is damaged. Copy it again from its source. ({error})"
        ) from error


@dataclass(frozen=True)
class Hdf5Source:
    """A file on disk."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @contextmanager
    def open(self) -> Iterator[Hdf5Tree]:
        """The file as a tree."""
        with damage_told(self.path), ExitStack() as stack:
            yield Hdf5Tree(stack.enter_context(open_hdf5(self.path)), self.path, stack)


class Hdf5Tree:
    """The groups and items of an open file; links are followed as far as they stay in its folder."""

    def __init__(self, file: h5py.File, path: Path, stack: ExitStack) -> None:
        self._file = file
        self._path = path
        self._folder = path.resolve().parent
        self._stack = stack
        self._nodes: dict[str, Any] = {}

    def names(self, group: str) -> Iterable[str]:
        """What is in a group."""
        found = self._node(group)
        return [str(name) for name in found] if isinstance(found, h5py.Group) else []

    def has(self, path: str) -> bool:
        """Whether there is something, or a link that cannot be followed: reading it will tell why."""
        plain, _, attribute = path.partition("@")
        try:
            node = self._node(plain)
        except GumtreeError:
            return True
        return node is not None and (not attribute or attribute in node.attrs)

    def is_group(self, path: str) -> bool:
        """Whether there is a group."""
        return isinstance(self._node(path), h5py.Group)

    def item(self, path: str) -> Hdf5Item | Hdf5Attribute | None:
        """A dataset or an attribute."""
        plain, _, attribute = path.partition("@")
        node = self._node(plain)
        if node is None:
            return None
        if attribute:
            return Hdf5Attribute(node, attribute, self._path) if attribute in node.attrs else None
        return Hdf5Item(node, self._path, self._folder) if isinstance(node, h5py.Dataset) else None

    def _node(self, path: str) -> Any:
        """What stands at a path; None if nothing does. Looked up once."""
        path = path.strip("/")
        if not path:
            return self._file
        if path not in self._nodes:
            above, _, name = path.rpartition("/")
            try:
                self._nodes[path] = self._walk(self._node(above), [name], path)
            except FAILURES as error:
                raise GumtreeError(
                    "FILE_DAMAGED", f"{path} cannot be found in {self._path}: {error}."
                ) from error
        return self._nodes[path]

    def _walk(self, node: Any, parts: list[str], path: str) -> Any:
        """Follow names from a group on, and the links that stand there."""
        hops = 0
        while parts:
            name = parts.pop(0)
            if name in ("", "."):
                continue
            link = node.get(name, getlink=True) if isinstance(node, h5py.Group) else None
            if link is None:
                return None
            if isinstance(link, h5py.HardLink):
                node = node[name]
                continue
            hops += 1
            if hops > HOPS:
                raise GumtreeError(
                    "FILE_DAMAGED",
                    f"{path} of {self._path} is a link that leads in a circle: nothing is read.",
                )
            parts = [*link.path.split("/"), *parts]
            if isinstance(link, h5py.ExternalLink):
                node = self._outside(path, node, link.filename)
            elif link.path.startswith("/"):
                node = node.file
        return node

    def _outside(self, path: str, node: Any, name: str) -> h5py.File:
        beside = Path(os.fsdecode(node.file.filename)).resolve().parent
        target = inside(self._folder, beside, name, f"{path} of {self._path}")
        return self._stack.enter_context(open_hdf5(target))


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
                f"{what} declares {_size(whole)} in the shape {self.shape}, of which the file stores "
                f"{_size(stored)}: it is damaged, or was never filled.",
            )
        free = available_memory()
        if declared > free:
            raise GumtreeError(
                "NOT_ENOUGH_MEMORY",
                f"{what} has {_size(declared)} in the shape {self.shape}, and {_size(free)} of memory are "
                "free. Read single points: run.point(0).",
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


def _size(count: int) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count = count / 1000  # type: ignore[assignment]
    return f"{count:.3g} TB"
