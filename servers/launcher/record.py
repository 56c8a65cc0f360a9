"""What runs in a data directory: the lock that only one launcher holds, and `run.json`, which others read."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any, TextIO

from gumtree_core.errors import GumtreeError


class Lock:
    """Held by the one launcher of a data directory; the system frees it when its process ends."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "lock"
        self._file: TextIO | None = None

    def acquire(self) -> None:
        """Take it, or raise ALREADY_RUNNING with the process that has it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            file.close()
            raise GumtreeError(
                "ALREADY_RUNNING",
                f"An instrument runs in {self._path.parent} already (process {owner}). "
                "Stop it with `gumtree down`, or give another --data-dir.",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def release(self) -> None:
        """Give it back."""
        if self._file is not None:
            self._file.close()
            self._file = None


def is_locked(data_dir: Path) -> bool:
    """Whether a launcher holds the lock."""
    path = data_dir / "lock"
    if not path.exists():
        return False
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def write_record(data_dir: Path, record: dict[str, Any]) -> None:
    """Write `run.json` in one step."""
    temporary = data_dir / "run.json.new"
    temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")
    temporary.replace(data_dir / "run.json")


def read_record(data_dir: Path) -> dict[str, Any]:
    """Read `run.json`; NOT_RUNNING if there is none."""
    path = data_dir / "run.json"
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GumtreeError(
            "NOT_RUNNING", f"No instrument runs in {data_dir}. Start one with `gumtree up`."
        ) from error
    return record


def remove_record(data_dir: Path) -> None:
    """Remove `run.json`."""
    (data_dir / "run.json").unlink(missing_ok=True)
