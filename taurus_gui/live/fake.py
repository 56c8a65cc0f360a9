"""A device that exists only in the program: to try and to test panels without Tango."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gumtree_core.interface import Interface
from taurus_gui.live.source import Changes, Done, Mailbox, Reading, State


class FakeSource:
    """Holds what it is given, and records what it is asked to do in `writes` and `calls`."""

    def __init__(self, interface: Interface, state: str = "ON", **values: Any) -> None:
        self.name = interface.name
        self.writes: list[tuple[str, Any]] = []
        self.calls: list[tuple[str, Any]] = []
        self.answer = Done()
        self._mailbox = Mailbox()
        self.show_interface(interface)
        self.show_state(state)
        self.show(**values)

    def show_interface(self, interface: Interface) -> None:
        """Change what the device offers."""
        self._mailbox.interface(interface)

    def show_state(self, name: str, status: str = "") -> None:
        """Change the state."""
        self._mailbox.state(State(name, status))

    def show(self, **values: Any) -> None:
        """Change values: a Reading, or a value that is also the setpoint."""
        for name, value in values.items():
            self._mailbox.reading(name, value if isinstance(value, Reading) else Reading(value, value))

    def start(self) -> None:
        """Nothing to connect to."""

    def close(self) -> None:
        """Nothing to close."""

    def join(self, timeout: float) -> None:
        """Nothing to wait for."""

    def take(self) -> Changes:
        """What has been changed since the last call."""
        return self._mailbox.take()

    def write(self, name: str, value: Any, done: Callable[[Done], None]) -> None:
        """Record the write; its end is `answer`."""
        self.writes.append((name, value))
        if not self.answer.error:
            self.show(**{name: value})
        self._mailbox.done(done, self.answer)

    def call(self, name: str, argument: Any, done: Callable[[Done], None]) -> None:
        """Record the call; its end is `answer`."""
        self.calls.append((name, argument))
        self._mailbox.done(done, self.answer)
