"""Devices without hardware: they write down what is asked of them, in order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gumtree_core.devices.protocols import PresetMode, ReadingType
from gumtree_core.errors import GumtreeError


class Journal(list[str]):
    """What was asked, as "device.method"; `at` runs something when a call is made for the n-th time."""

    def __init__(self) -> None:
        super().__init__()
        self._hooks: dict[tuple[str, int], Callable[[], None]] = {}

    def at(self, call: str, action: Callable[[], None], count: int = 1) -> None:
        self._hooks[call, count] = action

    def note(self, call: str) -> None:
        self.append(call)
        action = self._hooks.get((call, self.count(call)))
        if action is not None:
            action()

    def fail(self, call: str, reason: str, message: str, count: int = 1) -> None:
        def raise_it() -> None:
            raise GumtreeError(reason, message)

        self.at(call, raise_it, count)


class Device:
    """A device that is done at once, unless `hold` has been set: then when it is stopped."""

    def __init__(self, name: str, journal: Journal) -> None:
        self.name = name
        self.journal = journal
        self.hold = False
        self.stopped = threading.Event()

    def wait(self, timeout: float | None = None) -> None:
        self.journal.note(f"{self.name}.wait")
        if self.hold:
            assert self.stopped.wait(10)

    def stop(self) -> None:
        self.journal.note(f"{self.name}.stop")
        self.stopped.set()


class Motor(Device):
    unit = "mm"
    limits = (-10.0, 10.0)

    def __init__(self, name: str, journal: Journal) -> None:
        super().__init__(name, journal)
        self.tolerance = 1e-3
        self.watched = False
        self.place = 0.0

    def position(self) -> float:
        if self.watched:
            self.journal.note(f"{self.name}.position")
        return self.place

    def check(self, target: float) -> None:
        if not self.limits[0] <= target <= self.limits[1]:
            raise GumtreeError("POSITION_OUTSIDE_LIMITS", f"{self.name} cannot move to {target}.")

    def move(self, target: float) -> None:
        self.journal.note(f"{self.name}.move")
        self.place = target


class Counter(Device):
    def __init__(self, name: str, journal: Journal) -> None:
        super().__init__(name, journal)
        self.started: list[tuple[PresetMode, float]] = []
        self.time = 2.0

    def describe(self) -> dict[str, ReadingType]:
        return {"counts": ReadingType((), "int64"), "time": ReadingType()}

    def prepare(self) -> None:
        self.journal.note(f"{self.name}.prepare")

    def start(self, mode: PresetMode, preset: float) -> None:
        self.journal.note(f"{self.name}.start")
        self.started.append((mode, preset))

    def fraction(self) -> float | None:
        return 0.25

    def read(self) -> dict[str, Any]:
        self.journal.note(f"{self.name}.read")
        return {"counts": 100 * len(self.started), "time": self.time}


class Detector(Device):
    shape = (3, 4)

    def __init__(self, name: str, journal: Journal) -> None:
        super().__init__(name, journal)
        self.frames = 0

    def describe(self) -> dict[str, ReadingType]:
        return {"counts": ReadingType(self.shape, "uint32"), "total_counts": ReadingType((), "int64")}

    def prepare(self) -> None:
        self.journal.note(f"{self.name}.prepare")

    def read(self) -> dict[str, Any]:
        self.journal.note(f"{self.name}.read")
        self.frames += 1
        image = np.full(self.shape, self.frames, "uint32")
        return {"counts": image, "total_counts": int(image.sum())}


class Bench:
    """A motor, a counter and a detector that share one journal."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.motor = Motor("sdd", self.journal)
        self.other = Motor("sample_x", self.journal)
        self.counter = Counter("monitor", self.journal)
        self.detector = Detector("main", self.journal)


@pytest.fixture
def bench() -> Bench:
    return Bench()
