"""What a device remembers from one start to the next, in a file of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Memory:
    """Plain data by name, kept in a JSON file if there is a folder for it, and always in this process.

    `before` is the memory of the same device before Init.
    """

    def __init__(self, folder: str, device: str, before: Memory | None = None) -> None:
        self._file = Path(folder) / f".{device.replace('/', '_')}.json" if folder else None
        self._kept: dict[str, Any] = before._kept if before is not None else {}

    def read(self) -> dict[str, Any]:
        """What was written last; what this process knows where the file cannot be read."""
        if self._file is None:
            return self._kept
        try:
            remembered: dict[str, Any] = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return self._kept
        return remembered

    def write(self, content: dict[str, Any]) -> None:
        """Remember; raises OSError where the file cannot be written, and then remembers in this process."""
        self._kept = content
        if self._file is not None:
            half = self._file.with_suffix(".new")
            self._file.parent.mkdir(parents=True, exist_ok=True)
            half.write_text(json.dumps(content))
            half.replace(self._file)
