"""A child process that dies with its parent, in a group of its own, with its output in a log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from gumtree_core.errors import GumtreeError

_EXEC_CHILD = Path(__file__).with_name("exec_child.py")
_TAIL_BYTES = 8192


def executable(name: str) -> str:
    """The console script of that name in this environment; PROGRAM_MISSING."""
    path = Path(sys.executable).parent / name
    if not os.access(path, os.X_OK):
        raise GumtreeError("PROGRAM_MISSING", f"There is no program {path}. Install gumtree-tango anew.")
    return str(path)


class Process:
    """A program that is started, asked to end, and started again.

    It gets SIGKILL when the thread that started it ends: start it from one that lives as long as it should.

    Parameters
    ----------
    name
        For people.
    command
        Absolute path of the program, and its arguments.
    environment
        Added to that of this process.
    log
        File that gets its output; earlier output is kept.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.command = tuple(command)
        self.environment = dict(environment)
        self.log = log
        self.started_at = 0.0
        """Seconds since the epoch."""
        self._log_start = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its id, and that of its group; 0 before the first start."""
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                (sys.executable, "-I", "-S", str(_EXEC_CHILD), str(os.getpid()), *self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        self.started_at = time.time()

    def ending(self) -> str:
        """How it ended, for people."""
        code = self._process.poll() if self._process else None
        if code is None:
            return "has not ended"
        return f"was killed by {_signal_name(-code)}" if code < 0 else f"ended with exit code {code}"

    def terminate(self) -> None:
        """Ask it to end."""
        if self._process is not None:
            self._process.terminate()

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended; False if it has not after so many seconds."""
        if self._process is not None:
            try:
                self._process.wait(max(seconds, 0))
            except subprocess.TimeoutExpired:
                return False
        return True

    def kill(self) -> None:
        """Kill what is left of it and of its children."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def output(self) -> str:
        """What it has written to its log since its last start."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def tail(self, lines: int = 12) -> str:
        """The last lines that it has written since its last start, indented."""
        last = self.output()[-_TAIL_BYTES:].splitlines()[-lines:]
        return "\n".join(f"    {line}" for line in last) or "    (nothing)"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
