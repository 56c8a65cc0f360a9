"""A child process that dies with its parent, in a group of its own, with its output in a log."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from gumtree_core.errors import GumtreeError

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def executable(name: str) -> str:
    """The console script of this environment."""
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise GumtreeError(
            "PROGRAM_MISSING", f"{path} is not there. Install gumtree-tango into this environment again."
        )
    return str(path)


class ChildProcess:
    """One process of an instrument.

    It gets SIGKILL when the thread that started it ends, so that nothing outlives a launcher that is killed:
    start it from a thread that lives as long as the instrument.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.command = tuple(command)
        self.environment = dict(environment)
        self.log = log
        self.started = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process' id, 0 before the first start."""
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; what an earlier run has logged is kept."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        self.started = time.time()

    def ended(self) -> str:
        """How it ended, for people."""
        code = self._process.poll() if self._process else None
        if code is None:
            return "is running"
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def terminate(self) -> None:
        """Ask it to end; `stop` waits for that."""
        if self._process is not None and self.running:
            self._process.terminate()

    def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL to the whole group when it has not ended after `grace` s."""
        if self._process is None:
            return
        self.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def tail(self, lines: int = 12) -> str:
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
