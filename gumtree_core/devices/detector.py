"""An area detector: counts per pixel, with a verdict on each count."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gumtree_core.devices.counting import CountingDevice, positive
from gumtree_core.devices.protocols import AreaDetector, CountStatus, DetectorDescription, Gate
from gumtree_core.devices.state import State
from gumtree_core.errors import GumtreeError

IMAGE_PERIOD = 0.2
"""Seconds between two images while counting: more than eyes can follow, and little beside the counting."""


@dataclass(frozen=True)
class DetectorReading:
    """What a detector is doing.

    counts, live time (s) and mean rate (1/s) are None where unknown; `image`, of shape (y, x), is the newest
    one: a new array each time, and at rest the one that belongs to `counts`.
    """

    state: State
    message: str
    counts: int | None = None
    time: float | None = None
    rate: float | None = None
    image: NDArray[np.uint32] | None = None


class Detector(CountingDevice[AreaDetector, DetectorDescription, DetectorReading]):
    """An area detector; see `CountingDevice` for the parameters."""

    def __init__(self, name: str, connect: Callable[[], tuple[AreaDetector, DetectorDescription]]) -> None:
        super().__init__(name, connect, DetectorReading(State.STARTING, "Connecting to the hardware."))
        self.gate = Gate.EXTERNAL
        self._exposure_time = 1.0
        self._image_due = 0.0

    @property
    def exposure_time(self) -> float:
        """Length of the next count (s) with gate INTERNAL."""
        return self._exposure_time

    @exposure_time.setter
    def exposure_time(self, value: float) -> None:
        what = f"The exposure time of {self.name}"
        self._exposure_time = positive("BAD_EXPOSURE_TIME", what, value, "s")

    def poll(self) -> DetectorReading:
        """Ask the hardware, for an image too when one is due, and judge. Never raises GumtreeError."""
        commands, before = self._commands, self._reading
        try:
            detector = self._connected()
            status, image = detector.status(), before.image
            changed = (status.counts, status.time) != (before.counts, before.time)
            due = time.monotonic() >= self._image_due if status.counting else before.state is State.BUSY
            if image is None or due or (changed and not status.counting):
                status, image = detector.image()
                self._image_due = time.monotonic() + IMAGE_PERIOD
            with self._lock:
                if self._commands == commands:  # else a command has come in between and knows better
                    self._reading = _read(status, *self._watch.judge(status), image)
        except GumtreeError as error:
            with self._lock:
                self._reading = DetectorReading(State.FAULT, error.message)
        return self._reading

    def start(self) -> None:
        """Clear and start to count, or with gate EXTERNAL wait for the gate; returns at once."""
        with self._lock:
            detector = self._ready()
            gate, exposure_time = self.gate, self._exposure_time
            detector.start(gate, exposure_time)
            self._commands += 1
            status, image = detector.image()
            self._image_due = time.monotonic() + IMAGE_PERIOD
            # A live time may miss its preset by rounding; a gate may close at any time.
            self._watch.begin(
                status.number, lambda status: gate is Gate.EXTERNAL or status.time + 1e-6 >= exposure_time
            )
            self._reading = _read(status, State.BUSY, "Counting.", image)


def _read(
    status: CountStatus, state: State, message: str, image: NDArray[np.uint32] | None
) -> DetectorReading:
    rate = status.counts / status.time if status.time > 0 else 0.0
    return DetectorReading(state, message, status.counts, status.time, rate, image)
