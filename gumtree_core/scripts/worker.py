"""Runs scripts in a process of its own, which may loop for ever, crash or eat memory without harm."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from gumtree_core.errors import GumtreeError
from gumtree_core.interface import Interface

_DYING = 1.0
"""Seconds that a process may take from closing its line to its end."""

Report = Callable[[float | None, str], None]
"""Takes the fraction done (or None) and a line of text."""


@dataclass(frozen=True)
class Loaded:
    """What the worker tells of a script that it has loaded.

    `parameters` are those of the values offered that the script takes.
    """

    interface: Interface
    live_action: str
    live_parameter: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What an action has made: results by name, and the files it has saved."""

    results: dict[str, Any]
    files: tuple[Path, ...]


class ScriptWorker:
    """One process that runs scripts, warm between calls; a new one takes its place when it ends.

    Stop, time limit, crash and `close` also end every process that a script has started, unless that has
    left the worker's process group.

    Parameters
    ----------
    report
        Takes progress and log lines, in the order sent and before the result, in the calling thread.
    time_limit
        Seconds that a call may take; None for no limit.
    memory_limit
        Bytes of address space that the process may have; None for no limit.
    """

    def __init__(
        self, report: Report, *, time_limit: float | None = None, memory_limit: int | None = None
    ) -> None:
        self._report = report
        self._time_limit = time_limit
        self._memory_limit = memory_limit
        # The process dies with the thread that starts it (PR_SET_PDEATHSIG), so one thread of ours starts it.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="script worker")
        self._turn = threading.Lock()  # held during a call
        self._lock = threading.Lock()  # of what follows
        self._calling = self._stopped = self._closed = False
        self._process: Future[_Process] = self._starter.submit(_Process, memory_limit)

    def load(self, path: Path, parameters: Mapping[str, Any] | None = None) -> Loaded:
        """Load a script; waits until it is loaded.

        Of `parameters`, those that the script does not take are said to `report` and left out.

        Raises
        ------
        GumtreeError
            SCRIPT_BROKEN, SCRIPT_CRASHED, SCRIPT_TIMEOUT, SCRIPT_STOPPED.
        """
        loaded: Loaded = self._call("load", path, dict(parameters or {}))
        return loaded

    def run(self, path: Path, action: str, parameters: Mapping[str, Any], output: Path | None) -> Outcome:
        """Set the parameters and run the action; waits for its end.

        Raises
        ------
        GumtreeError
            What the script raises; SCRIPT_FAILED for any other error in it, SCRIPT_OUT_OF_MEMORY,
            SCRIPT_CRASHED, SCRIPT_TIMEOUT, SCRIPT_STOPPED.
        """
        outcome: Outcome = self._call("run", path, action, dict(parameters), output)
        return outcome

    def stop(self) -> None:
        """Kill what runs; nothing happens if nothing does."""
        with self._lock:
            if self._calling:
                self._stopped = True
                self._kill()

    def close(self) -> None:
        """End the process, also during a call; the worker cannot be used again."""
        with self._lock:
            self._closed = self._stopped = True
            self._kill()
        with self._turn:
            self._starter.shutdown()
            if self._process.exception() is None:
                self._process.result().end()

    def _kill(self) -> None:
        if self._process.done() and self._process.exception() is None:
            self._process.result().kill()

    def _call(self, *request: Any) -> Any:
        with self._turn:
            with self._lock:
                self._calling, self._stopped = True, self._closed
            reusable = False
            try:
                answer = self._exchange(request)
                reusable = True
            finally:
                with self._lock:
                    self._calling = False
                    if self._stopped or not reusable:
                        self._replace()
        if isinstance(answer, GumtreeError):
            raise answer
        return answer

    def _exchange(self, request: tuple[Any, ...]) -> Any:
        try:
            process = self._process.result()
            if not process.alive():  # it has died since the last call
                with self._lock:
                    self._replace()
                process = self._process.result()
        except OSError as error:
            raise GumtreeError("SCRIPT_CRASHED", f"The script's process cannot start: {error}.") from error
        with self._lock:
            stopped = self._stopped
        try:
            if stopped:
                raise EOFError
            return process.exchange(request, self._report, self._time_limit)
        except TimeoutError:
            raise GumtreeError(
                "SCRIPT_TIMEOUT", f"The script was stopped: it took more than {self._time_limit:g} s."
            ) from None
        except (EOFError, OSError):
            if self._stopped:
                raise GumtreeError("SCRIPT_STOPPED", "The script was stopped.") from None
            raise GumtreeError("SCRIPT_CRASHED", f"The script's process died ({process.end()}).") from None

    def _replace(self) -> None:
        """End the process and start another, so that the next call finds it warm."""
        if self._process.exception() is None:
            self._process.result().end()
        if not self._closed:
            self._process = self._starter.submit(_Process, self._memory_limit)


class _Process:
    """The process (worker_process.py), leader of its own session, and our end of the line to it."""

    def __init__(self, memory_limit: int | None) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            arguments = [str(os.getpid()), str(theirs.fileno()), str(memory_limit or 0)]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gumtree_core.scripts.worker_process", *arguments],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._line: Connection[Any, Any] = Connection(ours.detach())
        # Readable when the process has ended, whoever else has inherited its end of the line.
        self._ended = os.pidfd_open(self._process.pid)

    def alive(self) -> bool:
        return not wait([self._ended], 0)

    def exchange(self, request: tuple[Any, ...], report: Report, limit: float | None) -> Any:
        """Send a request and return the answer; EOFError or OSError if the process ends before."""
        self._line.send(request)
        end = None if limit is None else time.monotonic() + limit
        while True:
            left = None if end is None else end - time.monotonic()
            ready = wait([self._line, self._ended], left) if left is None or left > 0 else []
            if not ready:
                raise TimeoutError
            if self._line not in ready:
                raise EOFError
            try:
                kind, *content = self._line.recv()
            except (EOFError, OSError):
                wait([self._ended], _DYING)  # so that it ends as it would, and its code is its own
                raise
            if kind == "report":
                report(*content)
            elif kind == "error":
                return GumtreeError(*content)
            else:
                return content[0]

    def kill(self) -> None:
        """Kill it with all that it has started; the group's number is its own until `end` reaps it."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> str:
        """Kill it, free what it needed, and say how it ended."""
        if self._process.returncode is None:
            # A process that has ended by itself stays a zombie until now, and keeps its code.
            self.kill()
            self._process.wait()
            self._line.close()
            os.close(self._ended)
        code = self._process.returncode
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"
