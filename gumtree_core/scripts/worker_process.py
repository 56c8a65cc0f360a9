"""What runs in the worker's process: answers requests to load a script and to run its actions."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import io
import os
import pickle
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import gumtree_core.files.nexus.progress
import gumtree_core.scripts.provenance  # noqa: F401
from gumtree_core.data.expressions import compiling
from gumtree_core.errors import GumtreeError
from gumtree_core.scripts.known_runs import KnownRuns
from gumtree_core.scripts.loading import load_script
from gumtree_core.scripts.script import Script
from gumtree_core.scripts.worker import Loaded, Outcome

_PR_SET_PDEATHSIG = 1
TRACE_LINES = 10


class Host:
    """Takes requests from a line and answers them; keeps the scripts that it has loaded."""

    def __init__(self, line: Connection[Any, Any]) -> None:
        self._line = line
        self._sending = threading.Lock()  # a script may log from threads
        self._scripts: dict[Path, tuple[int, type[Script]]] = {}
        self._latest: Script | None = None
        self._runs = KnownRuns()
        compiling.tell(lambda sentence: self._report(None, sentence))

    def serve(self) -> None:
        """Answer until the other end is closed."""
        while True:
            try:
                kind, *arguments = self._line.recv()
            except (EOFError, OSError):
                return
            try:
                with _Printed(self._report) as printed, contextlib.redirect_stdout(printed):
                    answer = self.load(*arguments) if kind == "load" else self.run(*arguments)
                self._answer(answer)
            except GumtreeError as error:
                # As texts: the error's class may be the script's own, which our host does not know.
                self._send("error", str(error.reason), str(error.message))
            except MemoryError:
                self._send("error", "SCRIPT_OUT_OF_MEMORY", "The script needs more memory than it may have.")

    def load(self, path: Path, offered: Mapping[str, Any]) -> Loaded:
        """Load a script; of the values offered, return those that it takes."""
        stamp = _stamp(path)
        script = load_script(path)
        self._scripts[path] = (stamp, script)
        kept = {}
        for name, value in offered.items():
            try:
                kept[name] = script.kept(name, value)
            except GumtreeError as error:
                self._report(None, f"{error.message} It is left at its default.")
        return Loaded(script.interface(), script.live_action(), script.live_parameter(), kept)

    def run(self, path: Path, action: str, parameters: Mapping[str, Any], output: Path | None) -> Outcome:
        """Set the parameters and run the action, of the file as it is now."""
        if path not in self._scripts or self._scripts[path][0] != _stamp(path):
            self.load(path, {})
        try:
            made = self._scripts[path][1]
            script = made(**self._runs.opened(made, parameters))
            if type(self._latest) is made:
                script.take_over(self._latest)
            self._latest = script
            script.host(output, self._report)
            getattr(script, action)()
        except (GumtreeError, MemoryError):
            raise
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            raise self._explained(error, path) from error
        return Outcome(script.results(), tuple(script.saved))

    def _explained(self, error: BaseException, path: Path) -> GumtreeError:
        own = [each for each in traceback.extract_tb(error.__traceback__) if Path(each.filename) == path]
        for each in own[-TRACE_LINES:]:
            self._report(None, f"  {path.name}, line {each.lineno}: {each.line}")
        where = f"{path.name}, line {own[-1].lineno}" if own else path.name
        what = " ".join(f"{type(error).__name__}: {error}".split())
        return GumtreeError("SCRIPT_FAILED", f"{where}: {what}")

    def _answer(self, answer: Loaded | Outcome) -> None:
        try:
            self._send("answer", answer)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise GumtreeError(
                "RESULT_TYPE", f"A result holds what cannot leave the script's process: {error}."
            ) from error

    def _report(self, fraction: float | None, text: str) -> None:
        self._send("report", None if fraction is None else float(fraction), str(text))

    def _send(self, *message: Any) -> None:
        with self._sending:
            self._line.send(message)


class _Printed(io.TextIOBase):
    """What a script prints, as lines of its log."""

    def __init__(self, report: Callable[[float | None, str], None]) -> None:
        self._report = report
        self._begun = ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._report(None, line)
        return len(text)

    def __exit__(self, *error: object) -> None:
        if self._begun:
            self._report(None, self._begun)


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise GumtreeError("SCRIPT_UNKNOWN", f"The script's file {path} cannot be read: {error}.") from error


def main() -> None:
    """Run as ``python -m gumtree_core.scripts.worker_process PARENT LINE MEMORY``; dies with its parent."""
    parent, line, memory = (int(argument) for argument in sys.argv[1:])
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    faulthandler.enable()
    os.set_inheritable(line, False)
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    Host(Connection(line)).serve()


if __name__ == "__main__":
    main()
