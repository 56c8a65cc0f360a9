"""Runs a script in a process of its own, which may loop for ever, crash or eat memory without harm."""

from __future__ import annotations

import contextlib
import ctypes
import json
import multiprocessing
import os
import resource
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor, TimeoutError
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from gumtree_core.errors import GumtreeError
from gumtree_core.interface import Interface

Report = Callable[[float | None, str], None]
"""Takes the fraction done (or None) and a line of text."""

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Loaded:
    """What the worker tells of a script that it has loaded."""

    interface: Interface
    live_action: str
    live_parameter: str


@dataclass(frozen=True)
class Outcome:
    """What an action has made: results by name, and the files it has saved."""

    results: dict[str, Any]
    files: tuple[Path, ...]


class ScriptWorker:
    """One process that runs scripts, warm between calls; a new one takes its place when it is killed.

    Parameters
    ----------
    report
        Takes progress and log lines while a script runs, in a thread of its own.
    time_limit
        Seconds that an action may take; None for no limit.
    memory_limit
        Bytes of address space that the process may have; None for no limit.
    """

    def __init__(
        self, report: Report, *, time_limit: float | None = None, memory_limit: int | None = None
    ) -> None:
        self._report = report
        self._time_limit = time_limit
        self._mailbox = _Mailbox(report)
        self._pool = ProcessPool(
            max_workers=1,
            context=multiprocessing.get_context("spawn"),
            initializer=_prepare,
            initargs=(os.getpid(), memory_limit, self._mailbox.address),
        )
        # The process dies with the thread that starts it (PR_SET_PDEATHSIG), so one thread of ours starts it.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="script worker")
        self._future: Any = None
        self._lock = threading.Lock()

    def load(self, path: Path) -> Loaded:
        """Load a script; waits until it is loaded.

        Raises
        ------
        GumtreeError
            SCRIPT_BROKEN, SCRIPT_CRASHED, SCRIPT_TIMEOUT, SCRIPT_STOPPED.
        """
        loaded: Loaded = self._call(_load, path)
        return loaded

    def run(self, path: Path, action: str, parameters: Mapping[str, Any], output: Path | None) -> Outcome:
        """Set the parameters and run the action; waits for its end.

        Raises
        ------
        GumtreeError
            What the script raises; SCRIPT_FAILED for any other error in it, SCRIPT_CRASHED, SCRIPT_TIMEOUT,
            SCRIPT_STOPPED.
        """
        outcome: Outcome = self._call(_run, path, action, dict(parameters), output)
        return outcome

    def stop(self) -> None:
        """Kill what runs."""
        with self._lock:
            if self._future is not None:
                self._future.cancel()

    def close(self) -> None:
        """End the process."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()
        self._starter.shutdown()
        self._mailbox.close()

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        with self._lock:
            future = self._future = self._starter.submit(
                self._pool.schedule, function, args=arguments, timeout=self._time_limit
            ).result()
        try:
            return future.result()
        except CancelledError:
            raise GumtreeError("SCRIPT_STOPPED", "The script was stopped.") from None
        except TimeoutError:
            raise GumtreeError(
                "SCRIPT_TIMEOUT", f"The script was stopped: it took more than {self._time_limit:g} s."
            ) from None
        except ProcessExpired as error:
            _kill_group(error.pid)
            raise GumtreeError("SCRIPT_CRASHED", f"The script's process died ({_ending(error)}).") from None
        finally:
            self._mailbox.flush()
            with self._lock:
                self._future = None


class _Mailbox:
    """Where a worker's progress arrives: datagrams, which a killed sender can neither break nor lock."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("")
        self.address: bytes = self._socket.getsockname()
        self._flushed = threading.Event()
        threading.Thread(target=self._listen, name="script progress", daemon=True).start()

    def flush(self) -> None:
        """Wait until everything that was sent has been reported."""
        self._flushed.clear()
        self._send({"flush": True})
        self._flushed.wait(5)

    def close(self) -> None:
        """End the thread."""
        self._send({"end": True})

    def _send(self, message: dict[str, Any]) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(json.dumps(message).encode(), self.address)

    def _listen(self) -> None:
        with self._socket:
            while True:
                message = json.loads(self._socket.recv(65536))
                if "end" in message:
                    return
                if "flush" in message:
                    self._flushed.set()
                else:
                    self._report(message["fraction"], message["text"])


def _ending(error: ProcessExpired) -> str:
    code = error.exitcode or 0
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _kill_group(pid: int | None) -> None:
    """Kill what the worker has left: it led a session of its own."""
    if pid:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


# In the worker process

_scripts: dict[Path, tuple[int, Any]] = {}
_mailbox_address: bytes = b""


def _prepare(parent: int, memory_limit: int | None, address: bytes) -> None:
    """Die with the server, in a session of its own, within the memory allowed; import what scripts need."""
    global _mailbox_address
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if memory_limit:
        resource.setrlimit(resource.RLIMIT_AS, (memory_limit, memory_limit))
    _mailbox_address = address
    import gumtree_core.files.nexus_reader
    import gumtree_core.scripts.provenance  # noqa: F401


def _load(path: Path) -> Loaded:
    from gumtree_core.scripts.loading import load_script

    script = load_script(path)
    _scripts[path] = (path.stat().st_mtime_ns, script)
    return Loaded(script.interface(), script.live_action(), script.live_parameter())


def _run(path: Path, action: str, parameters: dict[str, Any], output: Path | None) -> Outcome:
    if path not in _scripts or _scripts[path][0] != path.stat().st_mtime_ns:
        _load(path)
    script = _scripts[path][1](**parameters)
    script.host(output, _post)
    try:
        getattr(script, action)()
    except GumtreeError:
        raise
    except MemoryError as error:
        raise GumtreeError(
            "SCRIPT_OUT_OF_MEMORY", "The script needs more memory than it may have."
        ) from error
    except Exception as error:
        raise _explained(error, path) from error
    return Outcome(script.results(), script.saved)


def _explained(error: Exception, path: Path) -> GumtreeError:
    own = [each for each in traceback.extract_tb(error.__traceback__) if Path(each.filename) == path]
    for each in own:
        _post(None, f"  {path.name}, line {each.lineno}: {each.line}")
    where = f"{path.name}, line {own[-1].lineno}" if own else path.name
    return GumtreeError("SCRIPT_FAILED", f"{where}: {type(error).__name__}: {error}")


def _post(fraction: float | None, text: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
        sender.sendto(json.dumps({"fraction": fraction, "text": text[:4000]}).encode(), _mailbox_address)
