"""A run: what was measured, under logical keys, whatever file or live system it comes from."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError

Value: TypeAlias = Dataset | str


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
    """

    def __init__(
        self, items: Mapping[str, Value | Callable[[], Value]], *, path: Path | None = None, format: str = ""
    ) -> None:
        self._items = dict(items)
        self.path = path
        self.format = format

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
        """How it is called in messages: the file's name, or its format."""
        return self.path.name if self.path else self.format or "run"

    def data(self, key: str) -> Dataset:
        """The Dataset of a key; KEY_MISSING, or KEY_NOT_NUMBERS if it is text."""
        value = self[key]
        if isinstance(value, str):
            raise GumtreeError("KEY_NOT_NUMBERS", f"{key} of {self.name} is the text {value!r}, not numbers.")
        return value

    def text(self, key: str, otherwise: str = "") -> str:
        """The text of a key."""
        return str(self[key]) if key in self else otherwise

    def eager(self) -> Run:
        """The same with all values in memory, so that it can be pickled."""
        return Run({key: self[key] for key in self}, path=self.path, format=self.format)

    def sha256(self) -> str:
        """The digest of the file; empty for a live run."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        if self.path is None:
            return ""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _missing(self, key: str) -> GumtreeError:
        near = difflib.get_close_matches(key, self._items, n=3, cutoff=0.4) or sorted(self._items)
        return GumtreeError(
            "KEY_MISSING", f"{self.name} has no {key}. It has {', '.join(near)}; `gumtree inspect` shows all."
        )
