"""Counting electronics: a timer with a beam monitor that opens a gate, and a detector behind it.

A gate's opening is cut into slices of equal length. Each slice is fixed when it begins: the settings are
those in its middle, under the commands given so far, and its counts come from a generator seeded with (seed,
channel, number of the count, slice). So nothing depends on when, or how often, anybody looks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import RLock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gumtree_core.devices.protocols import CountStatus, Gate, PresetMode
from gumtree_core.errors import GumtreeError
from gumtree_core.simulation.clock import Clock
from gumtree_core.simulation.sans import Sans, Settings

SHORTEST_SLICE = 0.1
"""s"""
MOST_SLICES = 200
SHORTEST_COUNT, LONGEST_COUNT = 1e-6, 1e7
"""s"""
MOST_MONITOR_COUNTS = 1e12
_MONITOR, _DETECTOR = 1, 2


class Beam(Protocol):
    """What the electronics count: the instrument, as it stands at a time."""

    seed: int
    clock: Clock
    lock: RLock
    sans: Sans

    def settings(self, time: float) -> Settings:
        """The settings at `time` under the commands given so far."""


@dataclass(frozen=True)
class Slice:
    """A part of a count: when it begins (s after the opening), how long the gate was open, the settings."""

    index: int
    begin: float
    duration: float
    settings: Settings
    monitor: int
    last: bool = False

    @property
    def end(self) -> float:
        """Seconds after the opening at which it ends."""
        return self.begin + self.duration


class Opening:
    """One opening of a gate, until a time or a number of monitor counts is reached.

    Parameters
    ----------
    beam
        What is counted.
    number
        Of the count; part of the seed.
    mode, preset
        What closes the gate.
    """

    def __init__(self, beam: Beam, number: int, mode: PresetMode, preset: float) -> None:
        self._beam = beam
        self._number = number
        self._start = beam.clock.now()
        self._monitor_preset = math.ceil(preset) if mode is PresetMode.MONITOR else None
        if mode is PresetMode.TIME:
            expected = preset
        else:
            expected = preset / beam.sans.monitor_rate(beam.settings(self._start))
        self._slices = min(max(int(expected / SHORTEST_SLICE), 1), MOST_SLICES)
        self._length = (
            expected / self._slices
            if mode is PresetMode.TIME
            else max(SHORTEST_SLICE, expected / MOST_SLICES)
        )
        self._preset_time = preset if mode is PresetMode.TIME else math.inf
        self.ended: list[Slice] = []
        """The slices that are over."""
        self.monitor = 0
        """Monitor counts in them."""
        self.closed = False
        self._current = self._begin()

    @property
    def time(self) -> float:
        """How long the gate was open until the end of the last slice that is over, in s."""
        return self.ended[-1].end if self.ended else 0.0

    def advance(self) -> None:
        """Bring up to the present."""
        elapsed = self._beam.clock.now() - self._start
        while not self.closed and elapsed >= self._current.end:
            self._finish(self._current)

    def close(self) -> None:
        """Close the gate now, unless it is closed."""
        self.advance()
        if not self.closed:
            self._finish(self.broken_off())

    def broken_off(self) -> Slice:
        """The present slice as it is if it ends now."""
        whole = self._current
        elapsed = self._beam.clock.now() - self._start
        part = min(max((elapsed - whole.begin) / whole.duration, 0.0), 1.0)
        free = whole.monitor - (1 if whole.last and self._monitor_preset is not None else 0)
        monitor = int(self._generator(whole.index, 1).binomial(free, part))
        return replace(whole, duration=whole.duration * part, monitor=monitor, last=True)

    def _finish(self, piece: Slice) -> None:
        self.ended.append(piece)
        self.monitor += piece.monitor
        if piece.last:
            self.closed = True
        else:
            self._current = self._begin()

    def _begin(self) -> Slice:
        index = len(self.ended)
        begin = index * self._length
        last = self._monitor_preset is None and index == self._slices - 1
        duration = self._preset_time - begin if last else self._length
        settings = self._beam.settings(self._start + begin + duration / 2)
        generator = self._generator(index, 0)
        counts = int(generator.poisson(self._beam.sans.monitor_rate(settings) * duration))
        if self._monitor_preset is not None and self.monitor + counts >= self._monitor_preset:
            # The k-th of n counts at uniform times falls at a beta-distributed part of the slice.
            missing = self._monitor_preset - self.monitor
            duration *= float(generator.beta(missing, counts - missing + 1))
            counts, last = missing, True
        return Slice(index, begin, duration, settings, counts, last)

    def _generator(self, index: int, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self._beam.seed, _MONITOR, self._number, index, purpose])


class CountingElectronics:
    """Timer and beam monitor (a `CounterChannel`); opens the gate of the detectors that are armed."""

    def __init__(self, beam: Beam, name: str = "monitor") -> None:
        self.name = name
        self.number = 0
        self._beam = beam
        self._opening: Opening | None = None
        self._armed: list[Callable[[Opening], None]] = []

    def arm(self, follow: Callable[[Opening], None]) -> None:
        """Have `follow` called with the next opening of the gate."""
        self._armed.append(follow)

    def start(self, mode: PresetMode, preset: float) -> None:
        """Clear, and count until the preset (s or monitor counts) is reached."""
        mode = PresetMode(mode)
        if mode is PresetMode.MONITOR:
            _check_preset(preset, 1.0, MOST_MONITOR_COUNTS, "monitor counts")
        else:
            _check_preset(preset, SHORTEST_COUNT, LONGEST_COUNT, "s")
        with self._beam.lock:
            if self._opening is not None:
                self._opening.close()
            self.number += 1
            self._opening = Opening(self._beam, self.number, mode, preset)
            armed, self._armed = self._armed, []
            for follow in armed:
                follow(self._opening)

    def stop(self) -> None:
        """End the count now; what was counted stays readable."""
        with self._beam.lock:
            if self._opening is not None:
                self._opening.close()

    def advance(self) -> None:
        """Bring the count up to the present."""
        if self._opening is not None:
            self._opening.advance()

    def status(self) -> CountStatus:
        """The present reading; the counts are those of the monitor."""
        with self._beam.lock:
            self.advance()
            if self._opening is None:
                return CountStatus(False, 0.0, 0, self.number)
            opening = self._opening
            return CountStatus(not opening.closed, opening.time, opening.monitor, self.number)


class SimulatedDetector:
    """A two-dimensional detector (an `AreaDetector`) with a dead time."""

    def __init__(self, beam: Beam, electronics: CountingElectronics, name: str = "main") -> None:
        self.name = name
        self.number = 0
        self.shape: tuple[int, int] = beam.sans.geometry.shape
        self._beam = beam
        self._electronics = electronics
        self._image = np.zeros(self.shape, dtype=np.int64)
        self._time = 0.0
        self._drawn = 0
        self._waiting = False
        self._opening: Opening | None = None
        self._own: Opening | None = None

    def start(self, gate: Gate, exposure_time: float) -> None:
        """Clear, and count for `exposure_time` s, or while the next gate of the electronics is open."""
        gate = Gate(gate)
        if gate is Gate.INTERNAL:
            _check_preset(exposure_time, SHORTEST_COUNT, LONGEST_COUNT, "s")
        with self._beam.lock:
            self.number += 1
            self._clear()
            if gate is Gate.INTERNAL:
                self._own = self._opening = Opening(self._beam, self.number, PresetMode.TIME, exposure_time)
            else:
                self._waiting = True
                self._electronics.arm(self._follower(self.number))

    def stop(self) -> None:
        """End the count now; what was counted stays readable."""
        with self._beam.lock:
            self._update()
            if self._opening is not None and not self._opening.closed:
                self._add(self._opening.broken_off())
            self._opening = self._own = None
            self._waiting = False

    def advance(self) -> None:
        """Bring the detector's own gate up to the present."""
        if self._own is not None:
            self._own.advance()

    def status(self) -> CountStatus:
        """The present reading; with gate EXTERNAL it counts from start until the gate has closed."""
        with self._beam.lock:
            self._update()
            counting = self._waiting or (self._opening is not None and not self._opening.closed)
            return CountStatus(counting, self._time, int(self._image.sum()), self.number)

    def image(self) -> tuple[CountStatus, NDArray[np.uint32]]:
        """Counts per pixel (y, x), with the reading that belongs to them."""
        with self._beam.lock:
            return self.status(), np.minimum(self._image, np.iinfo(np.uint32).max).astype(np.uint32)

    def _follower(self, number: int) -> Callable[[Opening], None]:
        def follow(opening: Opening) -> None:
            if self._waiting and self.number == number:
                self._opening, self._waiting = opening, False

        return follow

    def _clear(self) -> None:
        self._image = np.zeros(self.shape, dtype=np.int64)
        self._time = 0.0
        self._drawn = 0
        self._waiting = False
        self._opening = self._own = None

    def _update(self) -> None:
        if self._opening is not None:
            self._opening.advance()
            for piece in self._opening.ended[self._drawn :]:
                self._add(piece)

    def _add(self, piece: Slice) -> None:
        rate = self._beam.sans.rate(piece.settings)
        observed = 1 / (1 + self._beam.sans.geometry.dead_time * float(rate.sum()))
        generator = np.random.default_rng([self._beam.seed, _DETECTOR, self.number, piece.index])
        self._image += draw(generator, rate, observed * piece.duration)
        self._time = piece.end
        self._drawn += 1


def draw(generator: np.random.Generator, rate: NDArray[np.float64], time: float) -> NDArray[np.int64]:
    """Poisson counts in each pixel for an expectation of rate * time.

    Few counts are dealt out one by one: a Poisson total, spread over the pixels in proportion to their rates,
    has the same distribution and takes less time.
    """
    expected = float(rate.sum()) * time
    if expected > rate.size / 4:
        return generator.poisson(rate * time)
    cumulative = np.cumsum(rate)
    places = np.sort(generator.random(generator.poisson(expected))) * cumulative[-1]
    pixels = np.searchsorted(cumulative, places, side="right")
    return np.bincount(pixels, minlength=rate.size).reshape(rate.shape)


def _check_preset(preset: float, least: float, most: float, unit: str) -> None:
    if not least <= preset <= most:
        raise GumtreeError(
            "PRESET_OUT_OF_RANGE",
            f"Cannot count up to {preset:g} {unit}; the preset must be from {least:g} to {most:g} {unit}.",
        )
