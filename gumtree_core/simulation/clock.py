"""The time of the simulated world, in seconds."""

from __future__ import annotations

import math
import time
from typing import Protocol

from gumtree_core.errors import GumtreeError


class Clock(Protocol):
    """Tells the time; the world has no threads, all of it is a function of this."""

    def now(self) -> float:
        """Seconds since some moment; never goes back."""


class RunningClock:
    """A clock that runs `speed` times as fast as real time."""

    def __init__(self, speed: float = 1.0) -> None:
        if not (math.isfinite(speed) and speed > 0):
            raise GumtreeError(
                "SPEED_OUT_OF_RANGE",
                f"A clock cannot run at {speed:g} times real time; give a positive speed.",
            )
        self.speed = speed
        self._origin = time.monotonic()

    def now(self) -> float:
        """Simulated seconds since this clock was made."""
        return (time.monotonic() - self._origin) * self.speed


class ManualClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        """The time it was last set to."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Go on by `seconds` (not negative)."""
        if seconds < 0:
            raise ValueError(f"a clock cannot go back ({seconds} s)")
        self._now += seconds
