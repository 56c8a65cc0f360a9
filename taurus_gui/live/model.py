"""Sources in Qt: signals, all given out by one timer, so that no device can outrun the window."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from gumtree_core.interface import Interface
from taurus_gui.live.source import Done, Reading, Source, State
from taurus_gui.qt import QtCore
from taurus_gui.sentences import answer_text

FLUSH_PERIOD = 100
"""Milliseconds between two rounds of the timer; faster than that, nobody reads."""

CLOSING = 4.0
"""Seconds that closing may take: a call to a device takes 3 until it times out."""
CONNECTING = State("UNREACHABLE", "Connecting.")


class DeviceModel(QtCore.QObject):
    """A device as its widgets see it: the latest of everything, and signals when it changes."""

    interface_changed = QtCore.Signal(object)
    state_changed = QtCore.Signal(object)
    reading_changed = QtCore.Signal(str, object)
    failed = QtCore.Signal(str)
    """A sentence for the message area."""
    informed = QtCore.Signal(str)
    answered = QtCore.Signal(str, str)
    """A command and its answer, where that is more than a sentence."""

    def __init__(self, source: Source, label: str, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self.source = source
        self.label = label
        self.interface = Interface(name=source.name, title=label)
        self.state = CONNECTING
        self.readings: dict[str, Reading] = {}
        self.described = False

    def flush(self) -> None:
        """Give out what has happened since the last time."""
        changes = self.source.take()
        if changes.interface is not None:
            self.interface = changes.interface
            self.described = True
            known = {item.name for item in (*self.interface.parameters, *self.interface.results)}
            self.readings = {name: value for name, value in self.readings.items() if name in known}
            self.interface_changed.emit(self.interface)
        if changes.state is not None and changes.state != self.state:
            before, self.state = self.state, changes.state
            self.state_changed.emit(self.state)
            self._tell_transition(before, self.state)
        for name, reading in changes.readings.items():
            self.readings[name] = reading
            self.reading_changed.emit(name, reading)
        for receiver, done in changes.done:
            receiver(done)

    def complete(self) -> bool:
        """Whether the device answers, and everything it offers has been read."""
        items = (*self.interface.parameters, *self.interface.results)
        return self.described and self.state.reachable and all(item.name in self.readings for item in items)

    def write(self, name: str, value: Any, done: Callable[[Done], None]) -> None:
        """Write an attribute; a failure is also told in `failed`."""
        self.source.write(name, value, lambda result: self._end(result, done))

    def call(self, name: str, argument: Any, done: Callable[[Done], None]) -> None:
        """Call a command; a failure is also told in `failed`, an answer in `informed` or `answered`."""

        def end(result: Done) -> None:
            text = "" if result.error else answer_text(result.value)
            if "\n" in text:
                self.answered.emit(name, text)
            elif text:
                self.informed.emit(f"{name}: {text}")
            self._end(result, done)

        self.source.call(name, argument, end)

    def _end(self, result: Done, done: Callable[[Done], None]) -> None:
        if result.error:
            self.failed.emit(result.error)
        done(result)

    def _tell_transition(self, before: State, after: State) -> None:
        if after.name in ("FAULT", "ALARM") and before.name != after.name:
            self.failed.emit(after.status or f"State is {after.name}.")
        elif not after.reachable and before.reachable:
            self.failed.emit(after.status)
        elif after.reachable and not before.reachable and before != CONNECTING:
            self.informed.emit("Answers again.")


class LiveHub(QtCore.QObject):
    """All devices of a window, and the one timer that serves them."""

    def __init__(self, models: list[DeviceModel], parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self.models = models
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(FLUSH_PERIOD)
        self._timer.timeout.connect(self.flush)

    def start(self) -> None:
        """Start to follow the devices."""
        for model in self.models:
            model.source.start()
        self._timer.start()

    def flush(self) -> None:
        """One round: each device's news to its widgets."""
        for model in self.models:
            model.flush()

    def close(self) -> None:
        """Stop following; devices that hang are not waited for."""
        self._timer.stop()
        for model in self.models:
            model.source.close()
        deadline = time.monotonic() + CLOSING
        for model in self.models:
            model.source.join(max(0.0, deadline - time.monotonic()))
