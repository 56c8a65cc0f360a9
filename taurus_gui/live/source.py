"""What a panel needs from a device, whatever control system it belongs to. No Qt, no Tango."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from gumtree_core.interface import Interface

Quality = Literal["VALID", "INVALID", "CHANGING", "WARNING", "ALARM"]


@dataclass(frozen=True)
class Reading:
    """One reading of an attribute: value and setpoint (None if there is none), or what went wrong."""

    value: Any = None
    setpoint: Any = None
    quality: Quality = "VALID"
    error: str = ""


@dataclass(frozen=True)
class Done:
    """The end of a write or a command. `error` empty means success; `value` is what the command returned."""

    value: Any = None
    error: str = ""


@dataclass(frozen=True)
class State:
    """State and Status of a device; UNREACHABLE while nothing answers."""

    name: str
    status: str = ""

    @property
    def reachable(self) -> bool:
        """Whether the device answers."""
        return self.name != "UNREACHABLE"


@dataclass
class Changes:
    """What has happened since the last look; None where nothing has."""

    interface: Interface | None = None
    state: State | None = None
    readings: dict[str, Reading] = field(default_factory=dict)
    done: list[tuple[Callable[[Done], None], Done]] = field(default_factory=list)


class Source(Protocol):
    """A device as its panel sees it. No method waits; what happens is fetched with `take`."""

    name: str

    def start(self) -> None:
        """Begin to connect and to follow the device, and go on until `close`."""

    def close(self) -> None:
        """Stop following; returns at once."""

    def join(self, timeout: float) -> None:
        """Wait until nothing follows any more, at most `timeout` s."""

    def take(self) -> Changes:
        """What has happened since the last call; of each value the latest."""

    def write(self, name: str, value: Any, done: Callable[[Done], None]) -> None:
        """Write an attribute; `done` is called from a later `take`'s receiver."""

    def call(self, name: str, argument: Any, done: Callable[[Done], None]) -> None:
        """Call a command (argument None: without); it is sent after the writes that came before it."""


class Mailbox:
    """Where a source's threads put what happens, until the GUI's timer takes it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changes = Changes()

    def interface(self, interface: Interface) -> None:
        """Keep a new description."""
        with self._lock:
            self._changes.interface = interface

    def state(self, state: State) -> None:
        """Keep the latest state."""
        with self._lock:
            self._changes.state = state

    def reading(self, name: str, reading: Reading) -> None:
        """Keep the latest reading of an attribute."""
        with self._lock:
            self._changes.readings[name] = reading

    def done(self, receiver: Callable[[Done], None], done: Done) -> None:
        """Keep the end of a write or command; none is dropped."""
        with self._lock:
            self._changes.done.append((receiver, done))

    def take(self) -> Changes:
        """Hand over what has come, and begin anew."""
        with self._lock:
            taken, self._changes = self._changes, Changes()
        return taken
