"""Processes that are started again when they die."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from servers.launcher.process import Process

DELAYS = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Seconds before each further restart of a process that keeps dying; after the last it is left down."""
QUICK = 10.0
"""A process that lived for fewer seconds than this has died quickly."""

Clock = Callable[[], float]


@dataclass
class Record:
    """What has befallen a process."""

    quick_deaths: int = 0
    restarts: int = 0
    last_ending: str = ""
    due: float | None = None
    given_up: bool = False


class Supervisor:
    """Restarts processes that die: at once, then with growing delays; gives up on one that keeps dying.

    Parameters
    ----------
    notice
        Takes lines for people.
    clock
        Seconds; the wall clock's rate.
    """

    def __init__(self, notice: Callable[[str], None], clock: Clock = time.monotonic) -> None:
        self._notice = notice
        self._clock = clock
        self._started: dict[str, float] = {}
        self.processes: dict[str, Process] = {}
        self.records: dict[str, Record] = {}

    def start(self, process: Process) -> None:
        """Start a process, and look after it from now on."""
        process.start()
        self.processes[process.name] = process
        self.records[process.name] = Record()
        self._started[process.name] = self._clock()

    def look(self) -> bool:
        """Restart what has died and is due; whether anything has changed."""
        changed = [self._look_at(process) for process in self.processes.values()]
        return any(changed)

    def _look_at(self, process: Process) -> bool:
        record = self.records[process.name]
        if process.running or record.given_up:
            return False
        if record.due is None:
            ending = process.ending()
            process.kill()
            self._died(process, record, ending)
            return True
        if self._clock() < record.due:
            return False
        record.due = None
        self._started[process.name] = self._clock()
        try:
            process.start()
        except OSError as error:
            self._died(process, record, f"could not be started ({error})")
            return True
        record.restarts += 1
        self._notice(f"{process.name} {record.last_ending}; it was started again (process {process.pid}).")
        return True

    def _died(self, process: Process, record: Record, ending: str) -> None:
        record.last_ending = ending
        now = self._clock()
        quick = now - self._started[process.name] < QUICK
        record.quick_deaths = record.quick_deaths + 1 if quick else 0
        if record.quick_deaths >= len(DELAYS):
            record.given_up = True
            self._notice(
                f"{process.name} {record.last_ending}, the {record.quick_deaths}th time within {QUICK:.0f} s "
                f"of its start. It is left down; mend the cause and start the instrument again. "
                f"The end of {process.log}:\n{process.tail()}"
            )
            return
        record.due = now + DELAYS[record.quick_deaths]
