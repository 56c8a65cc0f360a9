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

from gumtree_core.errors import GumtreeError
from gumtree_core.files.nexus.hdf5_items import (
    FAILURES,
    Hdf5Attribute,
    Hdf5Item,
    inside,
)
from gumtree_core.files.nexus.recovery import is_open_for_writing

SIGNATURE = b"\x89HDF\r\n\x1a\n"
HOPS = 32
"""Links that are followed to one item."""


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
