"""What runs in a data directory: the lock that one launcher holds, and `run.json` for everybody else."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any, TextIO

from gumtree_core.errors import GumtreeError
from gumtree_core.paths import data_directory

SCHEMA = 1
_PATIENCE = 0.5
"""Seconds for which a lock may be held by somebody who only looks whether it is."""


class Lock:
    """Held by the one launcher of a data directory; the system frees it when its process ends."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._file: TextIO | None = None

    def acquire(self) -> None:
        """Take it.

        Raises
        ------
        GumtreeError
            ALREADY_RUNNING with the process that has it; DATA_DIRECTORY_UNUSABLE.
        """
        path = self._data_dir / "lock"
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            file = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise GumtreeError(
                "DATA_DIRECTORY_UNUSABLE",
                f"Nothing can be written in {self._data_dir} ({error.strerror}). Give another --data-dir.",
            ) from error
        deadline = time.monotonic() + _PATIENCE
        while not _locked(file):
            if time.monotonic() > deadline:
                file.close()
                holder = lock_holder(self._data_dir)
                raise GumtreeError(
                    "ALREADY_RUNNING",
                    f"An instrument runs in {self._data_dir} already (process {holder}). "
                    "Stop it with `gumtree down`, or give another --data-dir.",
                )
            time.sleep(0.02)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def release(self) -> None:
        """Give it back."""
        if self._file is not None:
            self._file.close()
            self._file = None


def lock_holder(data_dir: Path) -> int | None:
    """The process that holds the lock of a data directory; None if none does."""
    try:
        with (data_dir / "lock").open("r+", encoding="utf-8") as file:
            if _locked(file):
                return None
            file.seek(0)
            return int(file.read() or 0)
    except (OSError, ValueError):
        return None


def _locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def running_instruments() -> list[Path]:
    """The data directories in the usual place in which a launcher runs, or was killed."""
    locks = sorted(data_directory("any").parent.glob("*/lock"))
    return [
        each.parent
        for each in locks
        if lock_holder(each.parent) is not None or (each.parent / "run.json").exists()
    ]


def write_record(data_dir: Path, record: dict[str, Any]) -> None:
    """Write `run.json` in one step."""
    new = data_dir / "run.json.new"
    new.write_text(json.dumps({"schema": SCHEMA, **record}, indent=1) + "\n", encoding="utf-8")
    new.replace(data_dir / "run.json")


def read_record(data_dir: Path) -> dict[str, Any] | None:
    """What `run.json` says; None if there is none."""
    try:
        record: dict[str, Any] = json.loads((data_dir / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise GumtreeError(
            "RECORD_INVALID",
            f"{data_dir / 'run.json'} cannot be read ({error}). Remove it and start the instrument again.",
        ) from error
    return record


def remove_record(data_dir: Path) -> None:
    """Remove `run.json`."""
    (data_dir / "run.json").unlink(missing_ok=True)
