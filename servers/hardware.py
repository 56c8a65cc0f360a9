"""Devices that drive hardware: a core object is polled in a thread, and what it reads is published."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, Protocol

import tango
from tango import AttrQuality, DevState
from tango.server import device_property

from gumtree_core.devices.controllers import connect
from gumtree_core.devices.protocols import Controller
from gumtree_core.devices.state import State
from gumtree_core.errors import GumtreeError
from servers.base import GumtreeDevice

logger = logging.getLogger(__name__)

BUSY_PERIODS = (0.0005, 0.005)
"""Shortest and longest time, in s, between two looks at hardware that moves or counts."""
LATENESS = 0.01
"""The end of a motion or a count is seen this part of its duration late, or less."""
IDLE_PERIOD = 0.5
"""Seconds between two looks at hardware at rest or out of reach."""
SHOW_PERIOD = 1 / 15
"""Seconds between two events of a value while it changes."""


class Core(Protocol):
    """What is polled: a Motor, Counter or Detector of gumtree_core.devices."""

    @property
    def reading(self) -> Any:
        """The newest reading: `state`, `message` and values."""

    def poll(self) -> Any:
        """Ask the hardware for a new reading."""


class HardwareDevice(GumtreeDevice):
    """Base of the devices that drive hardware; subclasses give `core` and `show`."""

    Controller = device_property(
        dtype=str,
        default_value="",
        doc="Address of the controller: tcp://HOST:PORT, or simulated:sans for a simulation in this process.",
    )

    busy_state = DevState.RUNNING
    core: Core

    def init_device(self) -> None:
        """Prepare; a subclass then makes its core object and calls `follow`."""
        super().init_device()
        self._wake = threading.Event()
        self._described: Any = None
        self._connection: tuple[str, Controller] | None = getattr(self, "_connection", None)

    def delete_device(self) -> None:
        """End the thread; the hardware goes on with what it does."""
        super().delete_device()
        self._wake.set()

    def controller(self) -> Controller:
        """Connect to the hardware that the property names; raises GumtreeError."""
        if not self.Controller:
            raise GumtreeError(
                "PROPERTY_MISSING",
                f"{self.get_name()} has no property Controller. Set it to an address such as "
                "tcp://127.0.0.1:5000, then call Init.",
            )
        if self._connection is None or self._connection[0] != self.Controller:
            self._connection = (self.Controller, connect(self.Controller))
        return self._connection[1]

    def follow(self) -> None:
        """Start to poll the core object and to publish what it reads."""
        self.start_thread(self._follow, "hardware")

    def started(self) -> None:
        """Publish at once that something has been started, and look often from now on."""
        self.show_all()
        self._wake.set()

    def show_all(self) -> None:
        """Publish the newest reading: values first, then the state that belongs to them."""
        reading = self.core.reading
        busy = reading.state is State.BUSY
        self.show(reading, AttrQuality.ATTR_CHANGING if busy else AttrQuality.ATTR_VALID)
        states = {
            State.STARTING: DevState.INIT,
            State.IDLE: self.idle_state,
            State.BUSY: self.busy_state,
            State.ALARM: DevState.ALARM,
            State.FAULT: DevState.FAULT,
        }
        self.publish_state(states[reading.state], reading.message)

    def show(self, reading: Any, quality: AttrQuality) -> None:
        """Publish the values of a reading."""
        raise NotImplementedError

    def _follow(self, stopping: threading.Event) -> None:
        wake, due, shown, began = self._wake, 0.0, State.STARTING, time.monotonic()
        while not stopping.is_set():
            state = self.core.poll().state
            if state is not State.BUSY:
                began = time.monotonic()
            if state is not shown or state is not State.BUSY or time.monotonic() >= due:
                try:
                    with self.exclusive():
                        if stopping.is_set():
                            return
                        self.show_all()
                        shown = self.core.reading.state
                        due = time.monotonic() + SHOW_PERIOD
                except tango.DevFailed as error:
                    logger.warning("%s: not published, will be soon: %s", self.get_name(), error.args[0].desc)
            busy_for = time.monotonic() - began
            if wake.wait(look_after(busy_for) if state is State.BUSY else IDLE_PERIOD):
                wake.clear()
                began = time.monotonic()


def look_after(busy_for: float) -> float:
    """Seconds until the next look at hardware that has moved or counted for `busy_for` s."""
    shortest, longest = BUSY_PERIODS
    return min(max(LATENESS * busy_for, shortest), longest)
