"""A running instrument: database, simulated hardware and servers as supervised processes."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType

import tango

from gumtree_core.errors import GumtreeError
from gumtree_core.paths import config_directory, data_directory
from servers.launcher.configuration import Configuration, Simulation
from servers.launcher.process import Process, executable
from servers.launcher.reading import read_configuration
from servers.launcher.record import Lock, remove_record, write_record
from servers.launcher.registration import check_free, open_database, register
from servers.launcher.supervision import Supervisor

START_TIMEOUT = 60.0
"""Seconds within which everything has to answer."""
INIT_PATIENCE = 20.0
"""Seconds for which a device may be in INIT before the start goes on without it."""
STOP_GRACE = 10.0
"""Seconds between SIGTERM and SIGKILL."""
PERIOD = 0.05
"""Seconds between two looks at processes and devices."""
HOST = "127.0.0.1"
DATABASE, SIMULATOR = "database", "simulator"

Notice = Callable[[str], None]


class Instrument:
    """Starts an instrument, restarts what dies, and stops all in order; a context manager.

    Parameters
    ----------
    configuration
        What it consists of: a file, the name of an instrument that is shipped, or what `read_configuration`
        has returned.
    data_dir
        Where it keeps everything; the user's data directory for this instrument unless given.
    seed, speed
        Of the simulated hardware, in place of those in the file.
    tango_host
        HOST:PORT of a facility's database; unless given, an embedded one is started.
    notice
        Takes lines for people: what has died and was started again. Called in a thread of its own.

    Examples
    --------
    >>> with Instrument("sans", data_dir=Path("/tmp/sans"), speed=100) as instrument:
    ...     tango.DeviceProxy(f"tango://{instrument.tango_host}/sans/motor/sample_x").position
    """

    def __init__(
        self,
        configuration: Configuration | str | Path,
        *,
        data_dir: Path | None = None,
        seed: int | None = None,
        speed: float | None = None,
        tango_host: str = "",
        notice: Notice = lambda line: None,
    ) -> None:
        if not isinstance(configuration, Configuration):
            configuration = read_configuration(configuration)
        self.configuration = configuration
        self.data_dir = (data_dir or data_directory(configuration.instrument)).expanduser().resolve()
        self.tango_host = tango_host
        self.start_times: dict[str, float] = {}
        """Seconds that each step of the start took."""
        self._simulation = _with_overrides(configuration.simulation, seed, speed)
        self._own_database = not tango_host
        self._notice = notice
        self._lock = Lock(self.data_dir)
        self._reserved: dict[str, socket.socket] = {}
        self._supervisor = Supervisor(notice)
        self._stopping = threading.Event()
        self._settled = threading.Event()
        self._ended = threading.Event()
        self._failure: Exception | None = None
        self._thread: threading.Thread | None = None

    @property
    def devices(self) -> tuple[str, ...]:
        """The names of the devices."""
        return tuple(self.configuration.devices)

    @property
    def processes(self) -> Mapping[str, Process]:
        """The processes by name: `database`, `simulator`, and the classes of the servers."""
        return self._supervisor.processes

    def __enter__(self) -> Instrument:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start all, and return when every device answers; a start that fails leaves nothing running.

        Raises
        ------
        GumtreeError
            ALREADY_RUNNING, DATA_DIRECTORY_UNUSABLE, DATABASE_UNREACHABLE, START_FAILED, and those of
            `registration.check_free`.
        """
        foreign = "".join(letter for letter in str(self.data_dir) if not letter.isascii())
        if foreign:
            raise GumtreeError(
                "DATA_DIRECTORY_UNUSABLE",
                f"{self.data_dir} has letters that Tango does not transport ({foreign}). Give another "
                "--data-dir, or set GUMTREE_DATA.",
            )
        self._lock.acquire()
        try:
            self._thread = threading.Thread(target=self._run, name="launcher", daemon=True)
            self._thread.start()
            self._settled.wait()
        except BaseException:
            self.stop()
            raise
        if self._failure is not None:
            self.stop()
            raise self._failure

    def wait(self) -> None:
        """Return when the instrument has been stopped; raise what has ended the supervision, if anything."""
        # Not Thread.join: in Python 3.11 a join that Ctrl-C interrupts takes the thread for ended.
        self._ended.wait()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Stop all: servers first, then the simulated hardware, the database last."""
        self._stopping.set()
        if self._thread is not None:
            self._ended.wait()
        self._lock.release()

    def _run(self) -> None:
        """The life of the instrument; the processes are children of this thread, and die with it."""
        try:
            self._start_all()
            self._write_record()
            self._settled.set()
            while not self._stopping.wait(PERIOD):
                if self._supervisor.look():
                    self._renew_record()
        except tango.DevFailed as error:
            self._failure = GumtreeError(
                "START_FAILED", f"The Tango database says: {error.args[0].desc.strip()}"
            )
        except Exception as error:  # noqa: BLE001 - start() and wait() raise it
            self._failure = error
        finally:
            try:
                self._stop_all()
            finally:
                self._settled.set()
                self._ended.set()

    # starting

    def _start_all(self) -> None:
        (self.data_dir / "logs").mkdir(exist_ok=True)
        remove_record(self.data_dir)
        began = time.monotonic()
        programs = {server: executable(server.partition("/")[0]) for server in self.configuration.servers()}
        substitutions = {"data": str(self.data_dir), "config": str(config_directory())}
        if not self._own_database:
            check_free(open_database(self.tango_host), self.configuration)
        else:
            port = self._reserve(DATABASE)
            self.tango_host = f"{HOST}:{port}"
            self._spawn(DATABASE, self._database_command(port))
        if self._simulation is not None:
            port = self._reserve(SIMULATOR)
            substitutions[SIMULATOR] = f"tcp://{HOST}:{port}"
            self._spawn(SIMULATOR, self._simulator_command(self._simulation, port))
        if self._own_database:
            self._wait_for_output(DATABASE, "listening on")
        database = open_database(self.tango_host)
        began = self._took(DATABASE, began)
        if self._simulation is not None:
            self._wait_for_output(SIMULATOR, "listening on")
            began = self._took(SIMULATOR, began)
        self._register(database, substitutions)
        began = self._took("registration", began)
        for server, program in programs.items():
            # Only a facility's database tells other hosts of these servers.
            local = ("-ORBendPoint", f"giop:tcp:{HOST}:0") if self._own_database else ()
            self._spawn(server.partition("/")[0], (program, self.configuration.instrument, *local))
        self._wait_for_devices()
        self._took("servers", began)

    def _took(self, step: str, began: float) -> float:
        now = time.monotonic()
        self.start_times[step] = now - began
        return now

    def _database_command(self, port: int) -> tuple[str, ...]:
        return (executable("PyDatabaseds"), "--host", HOST, "--port", str(port), "--print-host-port", "2")

    def _simulator_command(self, simulation: Simulation, port: int) -> tuple[str, ...]:
        options = {
            "--host": HOST,
            "--port": port,
            "--seed": simulation.seed,
            "--speed": simulation.speed,
            "--state": self.data_dir / "simulator.json",
        }
        words = [str(word) for option in options.items() for word in option]
        return (executable("gumtree-simulator"), *words)

    def _spawn(self, name: str, command: tuple[str, ...]) -> None:
        environment = {"PYTHONUNBUFFERED": "1", "PYTANGO_DATABASE_NAME": str(self.data_dir / "tango.db")}
        if self.tango_host:
            environment["TANGO_HOST"] = self.tango_host
        self._supervisor.start(Process(name, command, environment, self.data_dir / "logs" / f"{name}.log"))

    def _register(self, database: tango.Database, substitutions: Mapping[str, str]) -> None:
        for device in register(database, self.configuration, substitutions):
            if self._own_database:
                database.delete_device(device)
            else:
                self._notice(
                    f"The database has {device} in one of these servers too, which the file does "
                    "not declare; it is left there and started."
                )

    def _reserve(self, name: str) -> int:
        """A free port for a process, kept for all its lives.

        A socket that is bound and does not listen keeps others off the port, and lets through the process,
        which binds with SO_REUSEADDR. omniORB does so only for a port that is given: one that it chose
        itself it could not bind again while clients still hold connections to the dead process.
        """
        held = self._reserved[name] = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((HOST, 0))
        return int(held.getsockname()[1])

    def _wait_for_output(self, name: str, text: str) -> None:
        process = self.processes[name]
        deadline = time.monotonic() + START_TIMEOUT
        while text not in process.output():
            self._check_start(deadline, f"{name} does not say that it is ready", [process])
            self._stopping.wait(PERIOD / 2)

    def _wait_for_devices(self) -> None:
        began = time.monotonic()
        waiting = list(self.devices)
        while waiting:
            states = {name: self._state_of(name) for name in waiting}
            patient = time.monotonic() - began < INIT_PATIENCE
            waiting = [
                name
                for name, state in states.items()
                if state is None or (patient and state == tango.DevState.INIT)
            ]
            if waiting:
                silent = waiting[0]
                process = self.processes[self.configuration.devices[silent].device_class]
                others = [each for each in self.processes.values() if each is not process]
                self._check_start(began + START_TIMEOUT, f"{silent} does not answer", [process, *others])
                self._stopping.wait(PERIOD)

    def _state_of(self, device: str) -> tango.DevState | None:
        """The state; None while the device does not answer, UNKNOWN if its answer is an error."""
        try:
            return tango.DeviceProxy(f"tango://{self.tango_host}/{device}").state()
        except (tango.ConnectionFailed, tango.CommunicationFailed):
            return None
        except tango.DevFailed as error:
            starting = {"API_DeviceNotExported", "API_DeviceNotDefined", "DB_DeviceNotDefined"}
            return None if starting & {each.reason for each in error.args} else tango.DevState.UNKNOWN

    def _check_start(self, deadline: float, what: str, processes: Iterable[Process]) -> None:
        """Raise if the start is interrupted, or one has died, or it is too late; the first is blamed then."""
        if self._stopping.is_set():
            raise GumtreeError("START_FAILED", "The start was interrupted.")
        late = time.monotonic() > deadline
        for process in processes:
            if late or not process.running:
                why = f"after {START_TIMEOUT:.0f} s" if late else f"because {process.name} {process.ending()}"
                raise GumtreeError(
                    "START_FAILED", f"{what} {why}. The end of {process.log}:\n{process.tail()}"
                )

    # running and stopping

    def _renew_record(self) -> None:
        """A disk that is full does not end what runs."""
        try:
            self._write_record()
        except OSError as error:
            self._notice(f"run.json could not be written ({error}); `gumtree status` is out of date.")

    def _write_record(self) -> None:
        records = self._supervisor.records
        write_record(
            self.data_dir,
            {
                "instrument": self.configuration.instrument,
                "title": self.configuration.title,
                "tango_host": self.tango_host,
                "data_dir": str(self.data_dir),
                "pid": os.getpid(),
                "devices": [
                    {"name": name, "class": entry.device_class, "alias": entry.alias or ""}
                    for name, entry in self.configuration.devices.items()
                ],
                "processes": [
                    {
                        "name": name,
                        "pid": process.pid,
                        "started": process.started_at,
                        "log": str(process.log),
                        "restarts": records[name].restarts,
                        "last_ending": records[name].last_ending,
                        "given_up": records[name].given_up,
                    }
                    for name, process in self.processes.items()
                ],
            },
        )

    def _stop_all(self) -> None:
        """In an order in which each has what it needs to end well; a group that does not end is killed."""
        servers = [name for name in self.processes if name not in (SIMULATOR, DATABASE)]
        for names in (servers, [SIMULATOR], [DATABASE]):
            processes = [self.processes[name] for name in names if name in self.processes]
            for process in processes:
                process.terminate()
            deadline = time.monotonic() + STOP_GRACE
            for process in processes:
                if not process.wait(deadline - time.monotonic()):
                    self._notice(f"{process.name} did not end within {STOP_GRACE:.0f} s and was killed.")
                process.kill()
        for held in self._reserved.values():
            held.close()
        remove_record(self.data_dir)


def _with_overrides(
    simulation: Simulation | None, seed: int | None, speed: float | None
) -> Simulation | None:
    given = {key: value for key, value in (("seed", seed), ("speed", speed)) if value is not None}
    if simulation is None:
        if given:
            raise GumtreeError(
                "NO_SIMULATION",
                f"This instrument is not simulated: it has no {' and no '.join(given)} to set.",
            )
        return None
    return simulation.model_copy(update=given)
