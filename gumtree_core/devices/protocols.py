"""The seams between software and hardware.

`Axis`, `CounterChannel` and `AreaDetector` are what a controller offers: the servers drive hardware through
them, and a new controller is a class with these methods. `Movable` and `Countable` are what the scan engine
drives; a Tango device of any control system becomes one through a dialect.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


class PresetMode(IntEnum):
    """What ends a count."""

    TIME = 0
    MONITOR = 1


class Gate(IntEnum):
    """What opens a detector: its own exposure time, or the counting electronics of the instrument."""

    INTERNAL = 0
    EXTERNAL = 1


@dataclass(frozen=True)
class AxisStatus:
    """One reading of an axis; position in the axis' unit. `fault` empty means none."""

    position: float
    moving: bool
    at_low_limit: bool = False
    at_high_limit: bool = False
    fault: str = ""


@dataclass(frozen=True)
class CountStatus:
    """One reading of a counter or detector: live time in s, total counts. `fault` empty means none.

    `number` grows by one with each start, so that a reader can tell this count from the one before.
    """

    counting: bool
    time: float
    counts: int
    number: int = 0
    fault: str = ""


@runtime_checkable
class Axis(Protocol):
    """One axis of a motor controller. Each call returns at once; failures raise GumtreeError."""

    def status(self) -> AxisStatus:
        """The present reading."""

    def move(self, target: float) -> None:
        """Start to move to `target`; the next status says moving unless the axis is there already."""

    def stop(self) -> None:
        """Decelerate and stop."""

    def configure(self, *, velocity: float, acceleration: float) -> None:
        """Set velocity (unit/s) and acceleration (unit/s2) of the next motions."""

    def define_position(self, position: float) -> None:
        """Call the present place `position`, without motion."""


@runtime_checkable
class CounterChannel(Protocol):
    """The counting electronics with their beam monitor; opens the gate for detectors."""

    def start(self, mode: PresetMode, preset: float) -> None:
        """Clear, and count until the preset (s or monitor counts) is reached."""

    def stop(self) -> None:
        """End the count now; what was counted stays readable."""

    def status(self) -> CountStatus:
        """The present reading."""


@runtime_checkable
class AreaDetector(Protocol):
    """A two-dimensional counting detector."""

    shape: tuple[int, int]

    def start(self, gate: Gate, exposure_time: float) -> None:
        """Clear, and count for `exposure_time` s (INTERNAL) or while the next gate is open (EXTERNAL)."""

    def stop(self) -> None:
        """End the count now; what was counted stays readable."""

    def status(self) -> CountStatus:
        """The present reading; with gate EXTERNAL it is counting from start until the gate has closed."""

    def image(self) -> tuple[CountStatus, NDArray[np.uint32]]:
        """Counts per pixel, of shape `shape` = (y, x), with the reading that belongs to them."""


@runtime_checkable
class Movable(Protocol):
    """Something a scan can set. Calls are blocking and raise GumtreeError."""

    name: str
    unit: str

    def position(self) -> float:
        """The present position in `unit`."""

    def check(self, target: float) -> None:
        """Raise GumtreeError if `target` cannot be reached; moves nothing."""

    def move(self, target: float) -> None:
        """Start to move; returns at once."""

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the motion has ended; raise GumtreeError if it ended elsewhere than at the target."""

    def stop(self) -> None:
        """Stop the motion."""


@runtime_checkable
class Countable(Protocol):
    """Something a scan counts with. Calls raise GumtreeError."""

    name: str

    def prepare(self) -> None:
        """Arm for the next point; the engine prepares all before it starts the one that sets the preset."""

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the point has been counted."""

    def read(self) -> dict[str, Any]:
        """The point's values by name: numbers and arrays."""

    def stop(self) -> None:
        """End the count now."""
