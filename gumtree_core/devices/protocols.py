"""The seams between software and hardware.

`Axis`, `CounterChannel` and `AreaDetector` are what a controller offers: the servers drive hardware through
them, and a new controller is a class with these methods. `Movable` and `Countable` are what the scan engine
drives; a Tango device of any control system becomes one through a dialect.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class AxisDescription:
    """What a controller knows of an axis; lengths in `unit`, so that velocity is in unit/s.

    `low` to `high` is the travel, in positions as counted now (it shifts with `define_position`); the
    limit switches are just beyond. Infinite where the controller does not know it. A motion ends within
    `accuracy` of its target.
    """

    unit: str
    velocity: float
    acceleration: float
    low: float = -math.inf
    high: float = math.inf
    accuracy: float = 0.001
    label: str = ""
    format: str = "%.4f"


@dataclass(frozen=True)
class CounterDescription:
    """What a controller knows of its counting electronics."""

    label: str = ""


@dataclass(frozen=True)
class DetectorDescription:
    """What a controller knows of an area detector: pixel sizes in mm, dead time in s (non-paralysable)."""

    pixel_size_x: float
    pixel_size_y: float
    dead_time: float = 0.0
    label: str = ""


@dataclass(frozen=True)
class ControllerDescription:
    """All that a controller offers, by name."""

    axes: Mapping[str, AxisDescription] = field(default_factory=dict)
    counters: Mapping[str, CounterDescription] = field(default_factory=dict)
    detectors: Mapping[str, DetectorDescription] = field(default_factory=dict)


@runtime_checkable
class Axis(Protocol):
    """One axis of a motor controller. Each call returns at once; failures raise GumtreeError."""

    def status(self) -> AxisStatus:
        """The present reading."""

    def move(self, target: float) -> None:
        """Start to move to `target`; the next status says moving unless the axis is there already."""

    def stop(self) -> None:
        """Decelerate and stop."""

    def abort(self) -> None:
        """Stop at once, without deceleration."""

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
class Controller(Protocol):
    """A connection to hardware, as `gumtree_core.devices.controllers.connect` returns it.

    An unknown name raises GumtreeError; so does each call while the hardware cannot be reached. Calls work
    again when it can; nothing needs to be connected anew.
    """

    def axis(self, name: str) -> Axis:
        """The axis of that name."""

    def counter(self, name: str) -> CounterChannel:
        """The counting electronics of that name."""

    def detector(self, name: str) -> AreaDetector:
        """The area detector of that name."""

    def describe(self) -> ControllerDescription:
        """What there is, as it is now."""


@runtime_checkable
class Movable(Protocol):
    """Something a scan can set. Calls are blocking and raise GumtreeError.

    Positions that differ by `tolerance` or less are the same place.
    """

    name: str
    unit: str
    tolerance: float

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


@dataclass(frozen=True)
class ReadingType:
    """What kind of value a `Countable` reads under a name; shape () is a number."""

    shape: tuple[int, ...] = ()
    dtype: str = "float64"
    unit: str = ""


@runtime_checkable
class Countable(Protocol):
    """Something a scan counts with. Calls raise GumtreeError."""

    name: str

    def describe(self) -> dict[str, ReadingType]:
        """What `read` will give, by name, so that a file can be laid out before the first point."""

    def prepare(self) -> None:
        """Arm for the next point; the engine prepares all before it starts the one that sets the preset."""

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the point has been counted; raise GumtreeError if it was not counted to its end."""

    def read(self) -> dict[str, Any]:
        """The point's values by name: numbers and arrays."""

    def stop(self) -> None:
        """End the count now; what was counted can be read."""


@runtime_checkable
class PresetCounter(Countable, Protocol):
    """The counting electronics of a scan: they end the point, and open the gate of the detectors."""

    def start(self, mode: PresetMode, preset: float) -> None:
        """Count until the preset (s or monitor counts) is reached; returns at once."""

    def fraction(self) -> float | None:
        """How much of the preset is reached, 0 to 1; None where unknown."""
