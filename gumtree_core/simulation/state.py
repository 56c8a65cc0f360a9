"""The file in which the simulated controller keeps what a real one keeps without power."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from gumtree_core.errors import GumtreeError
from gumtree_core.simulation.axis import AxisMemory
from gumtree_core.simulation.world import Memory

_SCHEMA = 1


class StateFile:
    """Keeps a `Memory` in a JSON file, which is replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: Memory | None = None

    def load(self) -> Memory | None:
        """What was kept; None if there is no file. Raises GumtreeError if it cannot be read."""
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
            if data["schema"] != _SCHEMA:
                raise ValueError(f"its schema is {data['schema']}, not {_SCHEMA}")
            axes = {name: AxisMemory(**axis) for name, axis in data["axes"].items()}
            return Memory(axes, int(data["counter"]), int(data["detector"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise GumtreeError(
                "STATE_FILE_INVALID",
                f"The simulator cannot read its positions from {self._path} ({error}); repair the file, "
                "or remove it to start from the default positions.",
            ) from error

    def save(self, memory: Memory) -> None:
        """Write it, unless it is what was written last."""
        if memory == self._written:
            return
        data = {"schema": _SCHEMA, **dataclasses.asdict(memory)}
        new = self._path.with_name(self._path.name + ".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
            new.replace(self._path)
        except OSError as error:
            raise GumtreeError(
                "STATE_FILE_NOT_WRITTEN", f"The simulator cannot keep its positions in {self._path}: {error}."
            ) from error
        self._written = memory
