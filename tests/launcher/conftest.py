"""A small instrument, quick to start: one motor of the simulated hardware, and the script repository."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

SMALL = """\
instrument: small
title: One motor
simulation: {kind: sans}
devices:
  small/motor/x:
    class: GumtreeMotor
    alias: small_x
    properties: {Controller: "${simulator}", Axis: sample_x}
    attributes:
      position: {label: Sample, max_value: 90}
      backlash: {value: 2.5}
  small/scripts/repository:
    class: GumtreeScriptRepository
    properties:
      Central: ${data}/scripts.git
      Directory: ${data}/scripts
"""


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The YAML file of the small instrument."""
    path = tmp_path_factory.mktemp("small") / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def _processes_of(data_dir: Path) -> dict[int, str]:
    """All processes that have been started for a data directory and run: id and command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with suppress(OSError):
            ours = f"={data_dir}/".encode() in (entry / "environ").read_bytes()
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            if ours and command:
                found[int(entry.name)] = command
    return found


@pytest.fixture(scope="session")
def processes_of() -> Callable[[Path], dict[int, str]]:
    """The function that finds the processes of a data directory."""
    return _processes_of


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory; what is left running in it after the test is killed."""
    folder = tmp_path / "data"
    yield folder
    for pid in _processes_of(folder):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class Notices:
    """Lines that the launcher has told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._told = threading.Condition()

    def __call__(self, line: str) -> None:
        with self._told:
            self.lines.append(line)
            self._told.notify_all()

    def wait(self, fulfils: Callable[[str], bool], timeout: float = 20.0) -> str:
        """The first line that fulfils a condition."""
        with self._told:
            if not self._told.wait_for(lambda: any(map(fulfils, self.lines)), timeout):
                pytest.fail(f"not told within {timeout} s; told: {self.lines}")
            return next(filter(fulfils, self.lines))


@pytest.fixture(scope="module")
def told() -> Notices:
    """What the launcher of a module's instrument tells."""
    return Notices()


@pytest.fixture
def notices() -> Notices:
    """What the launcher of a test's own instrument tells."""
    return Notices()
