"""A run: what was measured, under logical keys, whatever file or live system it comes from."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError

Value: TypeAlias = Dataset | str


@runtime_checkable
class Stored(Protocol):
    """A value that is read when it is asked for, and of which one point can be read alone."""

    @property
    def where(self) -> str:
        """Where it stands, for people."""

    def nbytes(self) -> int:
        """How much memory it needs, as the file says; nothing is read."""

    def __call__(self) -> Value:
        """The value."""

    def at(self, point: int | slice) -> Value:
        """The value at one point, or at some."""


class Run(Mapping[str, Value]):
    """Datasets and texts by logical key (docs/architecture.md lists the keys).

    Parameters
    ----------
    items
        Values, or functions that give them; a function is called once, when its key is first asked for.
    path
        The file that it comes from; None for a live one.
    format
        Which reader made it.
    entry
        Which run of the file it is, if the file has several.
    points
        Which of its points were chosen: `7`, or `3-9` if these were added.
    parts
        The runs that were added to make it.
    """

    def __init__(
        self,
        items: Mapping[str, Value | Callable[[], Value]],
        *,
        path: Path | None = None,
        format: str = "",
        entry: str = "",
        points: str = "",
        parts: Sequence[Run] = (),
    ) -> None:
        self._items = dict(items)
        self._where = {key: item.where for key, item in items.items() if isinstance(item, Stored)}
        self.path = path
        self.format = format
        self.entry = entry
        self.points = points
        self.parts = tuple(parts)

    def __getitem__(self, key: str) -> Value:
        try:
            item = self._items[key]
        except KeyError:
            raise self._missing(key) from None
        if not isinstance(item, (Dataset, str)):
            item = item()
            self._items[key] = item
        return item

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __repr__(self) -> str:
        return f"<Run {self.name}: {', '.join(self)}>"

    @property
    def name(self) -> str:
        """How it is called in messages: the file's name, or its format; of added runs their names."""
        if self.parts:
            names = [part.name for part in self.parts]
            return "+".join(names if len(names) <= 3 else [names[0], "..", names[-1]])
        name = self.path.name if self.path else self.format or "run"
        return f"{name}@{self.points}" if self.points else name

    @property
    def address(self) -> str:
        """What `load` takes to find it again, such as FILE::ENTRY@7; "live" if it is no file's."""
        if self.parts:
            return "+".join(part.address for part in self.parts)
        if self.path is None:
            return "live"
        whole = f"{self.path}::{self.entry}" if self.entry else str(self.path)
        return f"{whole}@{self.points}" if self.points else whole

    def data(self, key: str) -> Dataset:
        """The Dataset of a key; KEY_MISSING, or KEY_NOT_NUMBERS if it is text."""
        value = self[key]
        if isinstance(value, str):
            raise GumtreeError("KEY_NOT_NUMBERS", f"{key} of {self.name} is the text {value!r}, not numbers.")
        return value

    def text(self, key: str, otherwise: str = "") -> str:
        """The text of a key."""
        return str(self[key]) if key in self else otherwise

    def point(self, point: int | slice) -> Run:
        """One point of a scan, or (a slice) some: of a file, only they are read when they are asked for.

        Values that are the same for all points stay as they are. What is read like this is a source of
        errors of its own: do not mix it with the same counts read as a whole.

        Raises
        ------
        GumtreeError
            NO_POINT, when a key is asked for.
        """
        return self._with({key: partial(self._at, key, point) for key in self._items})

    def chosen(self, point: int) -> Run:
        """One point as `point` gives it, that says in its name and address which it is."""
        run = self.point(point)
        run.points = str(point)
        return run

    def where(self, key: str) -> str:
        """Where the value of a key stands in the file, and how it is made from that; empty if unknown."""
        return self._where.get(key, "")

    def nbytes(self, key: str) -> int:
        """How much memory the values of a key will need if they have not been read yet, else 0."""
        item = self._items.get(key)
        return item.nbytes() if isinstance(item, Stored) else 0

    def eager(self) -> Run:
        """The same with all values in memory, so that it can be pickled."""
        return self._with({key: self[key] for key in self})

    def sha256(self) -> str:
        """The digest of the file; empty for a live run, and for added runs, which have one each."""
        return self._digest

    def files(self) -> dict[str, str]:
        """The digests of all files that it comes from, by their paths."""
        if self.parts:
            return {path: digest for part in self.parts for path, digest in part.files().items()}
        return {str(self.path): self.sha256()} if self.path else {}

    @cached_property
    def _digest(self) -> str:
        if self.path is None:
            return ""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _with(self, items: Mapping[str, Value | Callable[[], Value]]) -> Run:
        """Other items of the same file."""
        run = Run(
            items,
            path=self.path,
            format=self.format,
            entry=self.entry,
            points=self.points,
            parts=self.parts,
        )
        run._where = self._where
        return run

    def _at(self, key: str, point: int | slice) -> Value:
        item = self._items[key]
        if isinstance(item, Stored):
            return item.at(point)
        value = self[key]
        if isinstance(value, str) or "point" not in value.dims:
            return value
        if isinstance(point, int) and not -value.sizes["point"] <= point < value.sizes["point"]:
            raise GumtreeError(
                "NO_POINT", f"{self.name} has {value.sizes['point']} points, from 0 on, and no point {point}."
            )
        return value["point", point]

    def _missing(self, key: str) -> GumtreeError:
        from gumtree_core.files.dictionaries.dictionary import (
            dictionary,  # which needs a while, for the first time
        )

        meant = dictionary().called(key)
        if meant in self._items:
            return GumtreeError("KEY_MISSING", f"{self.name} has no {key}: the key is called {meant}.")
        near = difflib.get_close_matches(key, self._items, n=3, cutoff=0.4) or sorted(self._items)
        return GumtreeError(
            "KEY_MISSING", f"{self.name} has no {key}. It has {', '.join(near)}; `gumtree inspect` shows all."
        )
