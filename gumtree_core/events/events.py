"""Neutrons one by one: where and when each was counted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from gumtree_core.errors import GumtreeError

Ints = NDArray[np.integer]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Events:
    """Events of a detector, in the order of the pulses that they belong to.

    Attributes
    ----------
    pixel
        (events,), whole numbers: y times the width of the detector plus x.
    time_of_flight
        (events,), since the pulse, in ticks.
    tick
        What one is, in us.
    shape
        Of the detector, (y, x).
    first_of_pulse
        (pulses,): the number of events before each pulse; what comes before the first pulse belongs to none.
    pulse_time
        (pulses,), in s since the start; None where it is not known.
    title
        For errors and plots.
    complete
        False where the source ended within an event or is still being written.
    """

    pixel: Ints
    time_of_flight: NDArray[np.generic]
    tick: float
    shape: tuple[int, int]
    first_of_pulse: NDArray[np.int64]
    pulse_time: Floats | None = None
    title: str = "events"
    complete: bool = True

    def __post_init__(self) -> None:
        if self.pixel.shape != self.time_of_flight.shape or self.pixel.ndim != 1:
            raise GumtreeError(
                "SIZES_DIFFER",
                f"{self.title}: {self.pixel.shape} pixels and {self.time_of_flight.shape} times of flight; "
                "each event has one of both.",
            )
        if self.pulse_time is not None and self.pulse_time.shape != self.first_of_pulse.shape:
            raise GumtreeError(
                "SIZES_DIFFER",
                f"{self.title}: {self.first_of_pulse.size} pulses and {self.pulse_time.size} times of them.",
            )
        first = self.first_of_pulse
        if first.size and (first[0] < 0 or first[-1] > len(self) or (first[1:] < first[:-1]).any()):
            raise GumtreeError(
                "BAD_PULSES",
                f"{self.title}: the numbers of events before its pulses do not rise from 0 to {len(self)}.",
            )

    def __len__(self) -> int:
        return int(self.pixel.size)

    @property
    def pulses(self) -> int:
        """How many pulses there were, also without events."""
        return int(self.first_of_pulse.size)

    def of_pulses(self, first: int, last: int) -> Events:
        """The events of pulses `first` to `last` - 1; shares memory.

        Raises
        ------
        GumtreeError
            BAD_RANGE.
        """
        if not 0 <= first <= last <= self.pulses:
            raise GumtreeError(
                "BAD_RANGE",
                f"There are no pulses {first} to {last} of {self.title}, which has {self.pulses}; give the "
                "lower one first.",
            )
        ends = np.append(self.first_of_pulse, len(self))
        low, high = int(ends[first]), int(ends[last])
        return replace(
            self,
            pixel=self.pixel[low:high],
            time_of_flight=self.time_of_flight[low:high],
            first_of_pulse=self.first_of_pulse[first:last] - low,
            pulse_time=None if self.pulse_time is None else self.pulse_time[first:last],
        )

    def between(self, start: float, stop: float) -> Events:
        """The events of pulses from `start` up to before `stop`, in s since the start; shares memory.

        Raises
        ------
        GumtreeError
            NO_PULSE_TIME, BAD_RANGE, BAD_PULSES where the pulses are not in the order of their times.
        """
        times = self._times()
        if (times[1:] < times[:-1]).any():
            raise GumtreeError(
                "BAD_PULSES",
                f"{self.title} has pulses that are earlier than those before; choose by number, of_pulses.",
            )
        if not start <= stop:
            raise GumtreeError(
                "BAD_RANGE", f"There is no time from {start:g} to {stop:g} s; give the earlier first."
            )
        first, last = np.searchsorted(times, [start, stop])
        return self.of_pulses(int(first), int(last))

    def phase(self, period: float, start: float = 0.0) -> Floats:
        """Where in a repeated process each event was counted, (events,), 0 to below 1.

        The time of the pulse and the time of flight count, so that processes faster than the pulses are seen.

        Parameters
        ----------
        period, start
            Of the process, in s; the first period begins at `start`.

        Raises
        ------
        GumtreeError
            NO_PULSE_TIME, BAD_RANGE.
        """
        if not period > 0:
            raise GumtreeError("BAD_RANGE", f"The period is {period:g} s; it must be above 0.")
        counts = np.diff(np.append(self.first_of_pulse, len(self)))
        lead = int(self.first_of_pulse[0]) if self.pulses else len(self)
        when = np.concatenate([np.full(lead, np.nan), np.repeat(self._times(), counts)])
        when += np.asarray(self.time_of_flight, dtype=np.float64) * self.tick * 1e-6
        return np.asarray(((when - start) / period) % 1.0)

    def chosen(self, kept: NDArray[np.bool_]) -> Events:
        """The events for which `kept` is true; pulses stay as they are."""
        before = np.concatenate([[0], np.cumsum(kept)])
        return replace(
            self,
            pixel=self.pixel[kept],
            time_of_flight=self.time_of_flight[kept],
            first_of_pulse=before[self.first_of_pulse].astype(np.int64),
        )

    def grouped(self, y_edges: npt.ArrayLike, x_edges: npt.ArrayLike) -> Events:
        """Pixels put together: what lies between two edges, in pixels, becomes one; the rest is left out.

        Raises
        ------
        GumtreeError
            BAD_BINS unless there are two edges or more that rise.
        """
        edges = [np.asarray(each, dtype=np.float64) for each in (y_edges, x_edges)]
        for each in edges:
            if each.ndim != 1 or each.size < 2 or not (np.diff(each) > 0).all():
                raise GumtreeError(
                    "BAD_BINS",
                    f"The edges of pixels of {self.title} are to be two or more numbers that rise.",
                )
        rows, columns = (
            np.searchsorted(each, np.arange(size), "right") - 1
            for each, size in zip(edges, self.shape, strict=True)
        )
        shape = edges[0].size - 1, edges[1].size - 1
        rows[(rows >= shape[0])] = -1
        columns[(columns >= shape[1])] = -1
        place = np.where(
            (rows[:, np.newaxis] >= 0) & (columns >= 0), rows[:, np.newaxis] * shape[1] + columns, -1
        )
        there = (self.pixel >= 0) & (self.pixel < place.size)
        new = np.where(there, place.reshape(-1)[np.where(there, self.pixel, 0)], -1)
        moved = replace(self, pixel=new.astype(np.int32), shape=shape)
        return moved.chosen(new >= 0)

    def _times(self) -> Floats:
        if self.pulse_time is None:
            raise GumtreeError(
                "NO_PULSE_TIME",
                f"{self.title} does not know when its pulses were; choose them by number: of_pulses(0, 100).",
            )
        return self.pulse_time
