"""What a mapping is read from: groups and items by path, in a file or in a live system."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Protocol, TypeAlias

Point: TypeAlias = "int | slice | None"
"""One point of a scan, several, or (None) all."""

NAME = "<name>"
_WILD = re.compile(r"[*?]|<name>|:NX[a-z_]+(?=/|$)")
_CLASS = re.compile(r"(.+):(NX[a-z_]+)")


class Item(Protocol):
    """A value in a tree; its description is read without the value.

    `growing` says that its first dimension is longer than what has been recorded may be.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the value; empty for a single one."""

    @property
    def kind(self) -> str:
        """Either "number", "text", or another word for what cannot be used."""

    @property
    def unit(self) -> str:
        """As the file gives it; empty if it gives none."""

    @property
    def nbytes(self) -> int:
        """How much memory the whole value needs."""

    @property
    def growing(self) -> bool:
        """Whether a writer makes it longer with each point."""

    def read(self, point: Point = None) -> Any:
        """The value, or some of it along its first dimension; text as str."""


class Tree(Protocol):
    """Groups and items by path, from the root."""

    def names(self, group: str) -> Iterable[str]:
        """What is in a group; nothing if there is no such group."""

    def has(self, path: str) -> bool:
        """Whether there is a group, an item or an attribute."""

    def is_group(self, path: str) -> bool:
        """Whether there is a group."""

    def item(self, path: str) -> Item | None:
        """An item, or an attribute behind an `@`; None if there is none."""


class Source(Protocol):
    """Where a run comes from: it is opened for each reading, and not kept open."""

    @property
    def path(self) -> Path | None:
        """The file; None for a live system."""

    @property
    def name(self) -> str:
        """What people call it."""

    def open(self) -> AbstractContextManager[Tree]:
        """The tree, as long as the context lasts."""


def below(entry: str, path: str) -> str:
    """A path from the root, of one that is given below an entry or, with a leading `/`, from the root."""
    if path.startswith("/"):
        return path
    return f"{entry.rstrip('/')}{'' if path.startswith('@') else '/'}{path}"


def group_name(path: str) -> str:
    """The name of the group at a path."""
    return [part for part in path.split("/") if part not in ("", ".")][-1]


@dataclass(frozen=True)
class Match:
    """A path in a tree that fits a pattern, and what stands there for `<name>`."""

    path: str
    name: str = ""


def find(tree: Tree, pattern: str) -> Iterator[Match]:
    """The paths that fit a pattern, in the order of the tree."""
    if not _WILD.search(pattern):
        if tree.has(pattern):
            yield Match(pattern)
        return
    plain, at, attribute = pattern.strip("/").partition("@")
    yield from _find(tree, "", plain.split("/"), at + attribute, "")


def _find(tree: Tree, above: str, parts: list[str], attribute: str, name: str) -> Iterator[Match]:
    if not parts:
        if tree.has(above + attribute):
            yield Match(above + attribute, name)
        return
    part, *rest = parts
    if not _WILD.search(part):
        yield from _find(tree, f"{above}/{part}", rest, attribute, name)
        return
    of_class = _CLASS.fullmatch(part)
    if of_class:
        part = of_class[1]
    before, mark, after = part.partition(NAME)
    for each in tree.names(above or "/"):
        path = f"{above}/{each}"
        if mark:
            if not (each.startswith(before) and each.endswith(after) and len(each) > len(before + after)):
                continue
            name = each[len(before) : len(each) - len(after)]
        elif not fnmatchcase(each, part):
            continue
        if of_class is None or _class(tree, path) == of_class[2]:
            yield from _find(tree, path, rest, attribute, name)


def _class(tree: Tree, path: str) -> str:
    item = tree.item(f"{path}@NX_class")
    return str(item.read()) if item is not None else ""
