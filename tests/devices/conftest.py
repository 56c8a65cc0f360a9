"""Hardware that does what a test tells it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from gumtree_core.devices.counter import Counter
from gumtree_core.devices.detector import Detector
from gumtree_core.devices.motor import Motor
from gumtree_core.devices.protocols import (
    AxisDescription,
    AxisStatus,
    CounterDescription,
    CountStatus,
    DetectorDescription,
    Gate,
    PresetMode,
)
from gumtree_core.errors import GumtreeError


class Plug:
    """A cable: when it is out, each call fails as a controller's does."""

    def __init__(self) -> None:
        self.connected = True

    def check(self) -> None:
        if not self.connected:
            raise GumtreeError("CONTROLLER_UNREACHABLE", "The controller does not answer. Is it switched on?")


class FakeAxis:
    """An axis that stands still until `arrive` or `halt`; remembers what it was told."""

    def __init__(self, plug: Plug) -> None:
        self.plug = plug
        self.position = 0.0
        self.target = 0.0
        self.moving = False
        self.at_low_limit = False
        self.at_high_limit = False
        self.fault = ""
        self.targets: list[float] = []
        self.configured: list[tuple[float, float]] = []
        self.offset = 0.0
        self.before_answer: Callable[[], None] = lambda: None

    def arrive(self) -> None:
        self.halt(self.target)

    def halt(self, position: float) -> None:
        self.position, self.moving = position, False

    def status(self) -> AxisStatus:
        self.plug.check()
        status = AxisStatus(self.position, self.moving, self.at_low_limit, self.at_high_limit, self.fault)
        self.before_answer()
        return status

    def move(self, target: float) -> None:
        self.plug.check()
        self.targets.append(target)
        self.target, self.moving = target, True

    def stop(self) -> None:
        self.plug.check()
        self.moving = False

    def abort(self) -> None:
        self.plug.check()
        self.moving = False

    def configure(self, *, velocity: float, acceleration: float) -> None:
        self.plug.check()
        self.configured.append((velocity, acceleration))

    def define_position(self, position: float) -> None:
        self.plug.check()
        self.offset += position - self.position
        self.position = position

    def describe(self) -> AxisDescription:
        self.plug.check()
        return AxisDescription(
            "mm", velocity=10, acceleration=50, low=-20 + self.offset, high=20 + self.offset, accuracy=0.01
        )


class FakeCounting:
    """Counting electronics or a detector; a test sets `time`, `counts` and says when the count has ended."""

    shape = (3, 4)

    def __init__(self, plug: Plug) -> None:
        self.plug = plug
        self.counting = False
        self.time = 0.0
        self.counts = 0
        self.number = 0
        self.fault = ""
        self.starts: list[tuple[PresetMode | Gate, float]] = []
        self.images = 0
        self.before_answer: Callable[[], None] = lambda: None

    def count(self, time: float, counts: int, *, end: bool = False) -> None:
        self.time, self.counts = time, counts
        self.counting = self.counting and not end

    def restart(self) -> None:
        """As a controller after a power cut."""
        self.counting, self.time, self.counts, self.number = False, 0.0, 0, 0

    def start(self, mode: PresetMode | Gate, preset: float) -> None:
        self.plug.check()
        self.starts.append((mode, preset))
        self.counting, self.time, self.counts = True, 0.0, 0
        self.number += 1

    def stop(self) -> None:
        self.plug.check()
        self.counting = False

    def status(self) -> CountStatus:
        self.plug.check()
        status = CountStatus(self.counting, self.time, self.counts, self.number, self.fault)
        self.before_answer()
        return status

    def image(self) -> tuple[CountStatus, NDArray[np.uint32]]:
        self.images += 1
        image = np.zeros(self.shape, np.uint32)
        image[0, 0] = self.counts
        return self.status(), image


@pytest.fixture
def plug() -> Plug:
    return Plug()


@pytest.fixture
def axis(plug: Plug) -> FakeAxis:
    return FakeAxis(plug)


@pytest.fixture
def motor(axis: FakeAxis) -> Motor:
    """A motor at 0 mm, with travel from -20 to 20 mm."""
    motor = Motor("theta", lambda: (axis, axis.describe()))
    motor.poll()
    return motor


@pytest.fixture
def electronics(plug: Plug) -> FakeCounting:
    return FakeCounting(plug)


@pytest.fixture
def counter(electronics: FakeCounting, plug: Plug) -> Counter:
    def connect() -> tuple[FakeCounting, CounterDescription]:
        plug.check()
        return electronics, CounterDescription("Monitor")

    counter = Counter("monitor", connect)
    counter.poll()
    return counter


@pytest.fixture
def detector(electronics: FakeCounting, plug: Plug) -> Detector:
    def connect() -> tuple[FakeCounting, DetectorDescription]:
        plug.check()
        return electronics, DetectorDescription(5.0, 4.0, 1e-6, "Detector")

    detector = Detector("main", connect)
    detector.poll()
    return detector
