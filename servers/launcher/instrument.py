"""A running instrument: database, simulated hardware and servers as supervised processes."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import tango

from gumtree_core.errors import GumtreeError
from gumtree_core.paths import config_directory, data_directory
from servers.launcher.configuration import Configuration
from servers.launcher.process import ChildProcess, executable
from servers.launcher.record import Lock, remove_record, write_record
from servers.launcher.registration import open_database, register

START_TIMEOUT = 60.0
"""Seconds that everything has to answer; a warm machine needs fewer than five."""
STOP_GRACE = 5.0
PERIOD = 0.05
QUICK_DEATH = 5.0
"""A process that ends sooner than this, in seconds, died quickly."""
QUICK_DEATHS_ALLOWED = 5
LOCAL = ("-ORBendPoint", "giop:tcp:127.0.0.1:0")

Notice = Callable[[str], None]


class Instrument:
    """Start, supervise and stop one instrument; a context manager.

    Parameters
    ----------
    config
        What it consists of.
    data_dir
        Where it keeps everything; the user's data directory unless given.
    seed, speed
        Override those of the simulation.
    tango_host
        HOST:PORT of a facility's database; unless given, an embedded one is started.
    notice
        Takes lines for people: what died, what was restarted.
    """

    def __init__(
        self,
        config: Configuration,
        *,
        data_dir: Path | None = None,
        seed: int | None = None,
        speed: float | None = None,
        tango_host: str = "",
        notice: Notice = lambda line: None,
    ) -> None:
        self.config = config
        self.data_dir = (data_dir or data_directory(config.instrument)).resolve()
        self.tango_host = tango_host
        self.devices = tuple(config.devices)
        self.processes: dict[str, ChildProcess] = {}
        self._own_database = not tango_host
        self._notice = notice
        self._lock = Lock(self.data_dir)
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._failure: GumtreeError | None = None
        self._thread: threading.Thread | None = None
        self._quick_deaths: dict[str, int] = {}
        self._simulation = config.simulation and config.simulation.model_copy(
            update={key: value for key, value in (("seed", seed), ("speed", speed)) if value is not None}
        )

    def __enter__(self) -> Instrument:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start all and wait until every device answers; on failure stop all and raise GumtreeError."""
        self._lock.acquire()
        self._thread = threading.Thread(target=self._run, name="launcher")
        self._thread.start()
        while self._thread.is_alive() and not self._ready.wait(PERIOD):
            pass
        if self._failure is not None:
            self.stop()
            raise self._failure

    def stop(self) -> None:
        """Stop all: servers first, then the hardware, the database last."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._lock.release()

    def _run(self) -> None:
        try:
            self._start_all()
            self._ready.set()
            while not self._stop.wait(PERIOD):
                self._look_after()
        except GumtreeError as error:
            self._failure = error
        finally:
            self._stop_all()

    # starting

    def _start_all(self) -> None:
        for folder in ("data", "reduced", "logs"):
            (self.data_dir / folder).mkdir(parents=True, exist_ok=True)
        substitutions = {"data": str(self.data_dir), "config": str(config_directory())}
        if self._own_database:
            (self.data_dir / "logs" / "database.log").unlink(missing_ok=True)
            self._start_database("0")
        if self._simulation is not None:
            substitutions["simulator"] = f"tcp://{self._start_simulator('0')}"
        if self._own_database:
            port = self._wait_for_line("database", r"listening on: host=[\d.]+, port=(\d+)")
            self.tango_host = f"127.0.0.1:{port}"
            self.processes["database"].command = self._database_command(port)
        database = open_database(self.tango_host)
        register(database, self.config, substitutions)
        for name in sorted({entry.device_class for entry in self.config.devices.values()}):
            self._spawn(name, (executable(name), self.config.instrument, *LOCAL))
        self._wait_for_devices()
        self._write_record()

    def _start_database(self, port: str) -> None:
        self._spawn("database", self._database_command(port))

    def _database_command(self, port: str) -> tuple[str, ...]:
        return (
            executable("PyDatabaseds"), "--host", "127.0.0.1", "--port", port, "--print-host-port", "2",
        )  # fmt: skip

    def _start_simulator(self, port: str) -> str:
        assert self._simulation is not None
        (self.data_dir / "logs" / "simulator.log").unlink(missing_ok=True)
        self._spawn("simulator", self._simulator_command(port))
        address = self._wait_for_line("simulator", r"listening on (\S+)")
        self.processes["simulator"].command = self._simulator_command(address.rpartition(":")[2])
        return address

    def _simulator_command(self, port: str) -> tuple[str, ...]:
        assert self._simulation is not None
        return (
            executable("gumtree-simulator"), "--host", "127.0.0.1", "--port", port,
            "--seed", str(self._simulation.seed), "--speed", str(self._simulation.speed),
            "--state", str(self.data_dir / "simulator.json"),
        )  # fmt: skip

    def _spawn(self, name: str, command: tuple[str, ...]) -> None:
        environment = {"PYTANGO_DATABASE_NAME": str(self.data_dir / "tango.db"), "PYTHONUNBUFFERED": "1"}
        if self.tango_host:
            environment["TANGO_HOST"] = self.tango_host
        process = ChildProcess(name, command, environment, self.data_dir / "logs" / f"{name}.log")
        self.processes[name] = process
        process.start()

    def _wait_for_line(self, name: str, pattern: str) -> str:
        process = self.processes[name]
        deadline = time.monotonic() + START_TIMEOUT
        while not self._stop.is_set():
            found = re.search(pattern, process.log.read_text(errors="replace"))
            if found:
                return found[1].rstrip(".")
            self._check_start(process, deadline, f"{name} is not ready")
            time.sleep(PERIOD / 2)
        raise GumtreeError("STOPPED", "The start was interrupted.")

    def _wait_for_devices(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        waiting = dict(self.config.devices)
        while waiting and not self._stop.is_set():
            for name, entry in list(waiting.items()):
                self._check_start(self.processes[entry.device_class], deadline, f"{name} does not answer")
                if self._answers(name):
                    del waiting[name]
            if waiting:
                time.sleep(PERIOD)

    def _answers(self, device: str) -> bool:
        try:
            return bool(
                tango.DeviceProxy(f"tango://{self.tango_host}/{device}").state() != tango.DevState.INIT
            )
        except tango.DevFailed:
            return False

    def _check_start(self, process: ChildProcess, deadline: float, what: str) -> None:
        late = time.monotonic() > deadline
        if process.running and not late:
            return
        why = f"after {START_TIMEOUT:.0f} s" if late else f"because {process.name} {process.ended()}"
        raise GumtreeError("START_FAILED", f"{what} {why}. The end of {process.log}:\n{process.tail()}")

    # supervising

    def _look_after(self) -> None:
        for name, process in self.processes.items():
            if process.running or self._quick_deaths.get(name, 0) > QUICK_DEATHS_ALLOWED:
                continue
            quick = time.time() - process.started < QUICK_DEATH
            self._quick_deaths[name] = self._quick_deaths.get(name, 0) + 1 if quick else 0
            how = f"{name} {process.ended()}"
            if self._quick_deaths[name] > QUICK_DEATHS_ALLOWED:
                self._notice(f"{how} again at once, and is left down. Its log says why: {process.log}")
                continue
            process.stop(0)
            process.start()
            self._notice(f"{how}; it was started again.")
            self._write_record()

    def _write_record(self) -> None:
        write_record(
            self.data_dir,
            {
                "instrument": self.config.instrument,
                "title": self.config.title,
                "tango_host": self.tango_host,
                "data_dir": str(self.data_dir),
                "pid": os.getpid(),
                "devices": [
                    {"name": name, "class": entry.device_class, "alias": entry.alias}
                    for name, entry in self.config.devices.items()
                ],
                "processes": [
                    {"name": name, "pid": process.pid, "started": process.started}
                    for name, process in self.processes.items()
                ],
            },
        )

    def _stop_all(self) -> None:
        last = ("simulator", "database")
        servers = [process for name, process in self.processes.items() if name not in last]
        for process in servers:
            process.terminate()
        for process in [*servers, *(self.processes[name] for name in last if name in self.processes)]:
            process.stop(STOP_GRACE)
        remove_record(self.data_dir)
