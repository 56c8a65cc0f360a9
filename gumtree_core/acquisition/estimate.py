"""How far a scan is and how long it will take, learnt from its own points."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a scan is: points done and planned, `fraction` 0 to 1, `remaining` in s (None if unknown)."""

    done: int
    points: int
    fraction: float
    remaining: float | None


class Estimate:
    """Watches the clock at each point; time spent paused or in failed attempts is not counted.

    Parameters
    ----------
    points
        How many there will be.
    nominal
        What a point takes (s) as far as known beforehand; None if nothing is.
    clock
        Seconds, from any zero.
    """

    def __init__(
        self, points: int, nominal: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._points = points
        self._nominal = nominal
        self._clock = clock
        self._done = 0
        self._spent = 0.0
        self._began: float | None = None
        self._counting_since = 0.0

    def begin(self) -> None:
        """An attempt at a point begins: by a motion, for instance."""
        self._began = self._counting_since = self._clock()

    def begin_count(self) -> None:
        """The count of the point begins."""
        self._counting_since = self._clock()

    def end(self) -> None:
        """The point is done."""
        if self._began is not None:
            self._spent += self._clock() - self._began
        self._began = None
        self._done += 1

    def progress(self, fraction: float | None = None) -> Progress:
        """Where we are now; `fraction` (0 to 1) says how much of the present count is done, where known."""
        now, began = self._clock(), self._began
        left = self._points - self._done
        elapsed = 0.0 if began is None else now - began
        fraction = fraction if began is not None else None
        if self._done:
            each: float | None = self._spent / self._done
        elif fraction and began is not None:
            each = self._counting_since - began + (now - self._counting_since) / fraction
        else:
            each = self._nominal
        share = fraction or 0.0
        if not fraction and each:
            share = min(elapsed / each, 1.0)
        remaining = None if each is None else each * max(left - share, 0.0)
        return Progress(self._done, self._points, (self._done + min(share, left)) / self._points, remaining)
