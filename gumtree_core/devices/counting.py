"""What counters and detectors have in common: a count is started, watched, ended and judged."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, Literal, Protocol, TypeVar

from gumtree_core.devices.protocols import CountStatus
from gumtree_core.devices.state import State, require_ready
from gumtree_core.errors import GumtreeError

Complete = Callable[[CountStatus], bool]
"""Has a count reached what was asked for?"""


@dataclass(frozen=True)
class _Count:
    """A count that we started, as its hardware numbers it."""

    number: int
    complete: Complete
    ending: Literal["", "stopped", "aborted"] = ""


class CountWatch:
    """Judges the readings of counting hardware. Not safe for threads: its owner holds a lock."""

    def __init__(self) -> None:
        self._count: _Count | None = None
        self._at_rest = (State.IDLE, "Ready.")
        self._counting = False
        self._newest: CountStatus | None = None

    def begin(self, number: int, complete: Complete) -> None:
        """Take note that count `number` was started."""
        self._count = _Count(number, complete)
        self._counting = True

    def end(self, ending: Literal["stopped", "aborted"]) -> None:
        """Take note that the present count is ended on request."""
        if self._count is not None:
            self._count = replace(self._count, ending=ending)

    def reset(self) -> None:
        """Forget an alarm; a count that runs is still watched."""
        self._at_rest = (State.IDLE, "Ready.")

    def judge(self, status: CountStatus) -> tuple[State, str]:
        """State and message that belong to a status."""
        if status.fault:
            return State.FAULT, f"The counting hardware reports a fault: {status.fault}"
        count, before = self._count, self._newest
        self._newest = status
        if count is not None and (status.number != count.number or _went_back(before, status)):
            self._count = None
            self._at_rest = (State.ALARM, _lost(before))
        elif count is not None and not status.counting:
            self._count = None
            self._at_rest = _verdict(count, status)
        elif count is None and status.counting and not self._counting:
            self._at_rest = (State.IDLE, "Ready.")
        self._counting = status.counting
        if status.counting:
            return State.BUSY, "Counting." if self._count else "Counting, on a request from elsewhere."
        return self._at_rest


def _verdict(count: _Count, status: CountStatus) -> tuple[State, str]:
    counted = f"after {status.time:.7g} s with {status.counts} counts"
    if count.ending == "stopped":
        return State.IDLE, f"Stopped on request {counted}."
    if count.ending == "aborted":
        return State.ALARM, f"Aborted {counted}."
    if count.complete(status):
        return State.IDLE, "Ready."
    return State.ALARM, f"The count ended early, {counted}. Check the hardware, then start again."


def _went_back(before: CountStatus | None, status: CountStatus) -> bool:
    """Has the same count lost what it had? Then the hardware was restarted, and knows only its number."""
    return before is not None and before.number == status.number and status.time < before.time


def _lost(before: CountStatus | None) -> str:
    seen = f" when {before.counts} counts in {before.time:.7g} s had been seen" if before else ""
    return f"The hardware was restarted or used by others{seen}: this count is lost. Start it again."


class CountReading(Protocol):
    """What a reading of any counting device has."""

    @property
    def state(self) -> State: ...  # noqa: D102
    @property
    def message(self) -> str: ...  # noqa: D102
    @property
    def counts(self) -> int | None: ...  # noqa: D102


class CountingHardware(Protocol):
    """What any counting hardware can do."""

    def status(self) -> CountStatus: ...  # noqa: D102
    def stop(self) -> None: ...  # noqa: D102


Hardware = TypeVar("Hardware", bound=CountingHardware)
Description = TypeVar("Description")
Reading = TypeVar("Reading", bound=CountReading)


class CountingDevice(Generic[Hardware, Description, Reading]):
    """Counting hardware, driven and watched. `poll` is called often by one thread; the rest by any.

    Parameters
    ----------
    name
        For messages.
    connect
        Gives the hardware and its description; called by `poll` until it succeeds, so that a device can be
        made while its hardware is off. Raises GumtreeError.
    starting
        The reading until the hardware has answered.
    """

    def __init__(
        self, name: str, connect: Callable[[], tuple[Hardware, Description]], starting: Reading
    ) -> None:
        self.name = name
        self._connect = connect
        self._hardware: Hardware | None = None
        self._description: Description | None = None
        self._starting = starting
        self._reading = starting
        self._watch = CountWatch()
        self._commands = 0
        self._lock = threading.RLock()

    @property
    def description(self) -> Description | None:
        """What the controller says of the hardware; None until it has been reached."""
        return self._description

    @property
    def reading(self) -> Reading:
        """The newest reading, without asking the hardware."""
        return self._reading

    def stop(self) -> None:
        """End the count now and keep what was counted; nothing happens if none is running."""
        self._end("stopped")

    def abort(self) -> None:
        """End the count at once; the device is in alarm until the next one."""
        self._end("aborted")

    def reset(self) -> None:
        """Forget an alarm and read the description anew; a count goes on."""
        with self._lock:
            self._commands += 1
            self._hardware = None
            self._watch.reset()
            self._reading = self._starting

    def _end(self, ending: Literal["stopped", "aborted"]) -> None:
        with self._lock:
            if self._hardware is None or self._reading.counts is None:
                raise GumtreeError(
                    "HARDWARE_NOT_READY", f"{self.name} cannot be stopped now. {self._reading.message}"
                )
            self._commands += 1
            self._watch.end(ending)
            self._hardware.stop()

    def _connected(self) -> Hardware:
        """The hardware; connects without the lock, so that commands are refused at once meanwhile."""
        hardware = self._hardware
        if hardware is None:
            hardware, description = self._connect()
            with self._lock:
                self._hardware, self._description = hardware, description
        return hardware

    def _ready(self) -> Hardware:
        """The hardware, if a count can be started."""
        require_ready(f"A count of {self.name}", self._reading.state, self._reading.message)
        hardware = self._connected()
        if self._reading.state is State.BUSY or hardware.status().counting:
            raise GumtreeError(
                "ALREADY_COUNTING", f"{self.name} is counting. Wait until it is done, or call Stop first."
            )
        return hardware


def positive(reason: str, what: str, value: float, unit: str) -> float:
    """The value, if it is a finite number above 0; else GumtreeError with that reason."""
    if math.isfinite(value) and value > 0:
        return value
    raise GumtreeError(reason, f"{what} cannot be {value:.7g} {unit}: give a number above 0.")
