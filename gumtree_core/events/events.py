"""Neutrons one by one: where and when each was counted."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from gumtree_core.errors import GumtreeError
from gumtree_core.events.lookup import rising

Ints = NDArray[np.integer]
Floats = NDArray[np.float64]


def check_pulses(first: Ints, events: int, title: str) -> None:
    """BAD_PULSES unless the numbers of events before each pulse rise from 0 to what there are."""
    if first.size and (first[0] < 0 or first[-1] > events or (first[1:] < first[:-1]).any()):
        raise GumtreeError(
            "BAD_PULSES", f"{title}: the numbers of events before its pulses do not rise from 0 to {events}."
        )


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
    started
        When the time of pulses was 0, if the source tells.
    continued
        Whether the first pulse began in the slice before, and is counted there.
    """

    pixel: Ints
    time_of_flight: NDArray[np.generic]
    tick: float
    shape: tuple[int, int]
    first_of_pulse: NDArray[np.int64]
    pulse_time: Floats | None = None
    title: str = "events"
    complete: bool = True
    started: datetime | None = None
    continued: bool = False

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
        check_pulses(self.first_of_pulse, len(self), self.title)

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
            continued=self.continued and first == 0 < last,
        )

    def between(self, start: float | datetime, stop: float | datetime) -> Events:
        """The events of pulses from `start` up to before `stop`.

        Shares memory where the pulses are in the order of their times.

        Parameters
        ----------
        start, stop
            In s since the start; or on the clock on the wall, if the source tells when it `started`.

        Raises
        ------
        GumtreeError
            NO_PULSE_TIME, BAD_RANGE.
        """
        times = self.known_times()
        low, high = self._seconds(start), self._seconds(stop)
        if not low <= high:
            raise GumtreeError(
                "BAD_RANGE", f"There is no time from {start} to {stop}; give the earlier first, in s."
            )
        if (times[1:] >= times[:-1]).all():
            first, last = np.searchsorted(times, [low, high])
            return self.of_pulses(int(first), int(last))
        within = (times >= low) & (times < high)
        chosen = self.chosen(self.of_their_pulses(within, False))
        return replace(
            chosen,
            first_of_pulse=chosen.first_of_pulse[within],
            pulse_time=times[within],
            continued=self.continued and bool(within[0]),
        )

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
        if not 0 < period < np.inf:
            raise GumtreeError("BAD_RANGE", f"The period is {period:g} s; it must be above 0.")
        kernels: Any = importlib.import_module("gumtree_core.events.kernels")
        found: Floats = np.empty(len(self))
        time = np.ascontiguousarray(self.time_of_flight)
        kernels.phases(
            self.first_of_pulse, self.known_times(), time, self.tick * 1e-6, start, float(period), found
        )
        return found

    def chosen(self, kept: NDArray[np.bool_]) -> Events:
        """The events for which `kept`, (events,), is true; pulses stay as they are.

        Raises
        ------
        GumtreeError
            BAD_SELECTION.
        """
        if kept.dtype != np.bool_ or kept.shape != self.pixel.shape:
            raise GumtreeError(
                "BAD_SELECTION",
                f"There are {self.pixel.size} events, and true or false for each is needed, not "
                f"{kept.dtype} {kept.shape}.",
            )
        before = np.concatenate([[0], np.cumsum(kept)])
        return replace(
            self,
            pixel=self.pixel[kept],
            time_of_flight=self.time_of_flight[kept],
            first_of_pulse=before[self.first_of_pulse].astype(np.int64),
        )

    def grouped(self, y_edges: npt.ArrayLike, x_edges: npt.ArrayLike) -> Events:
        """Pixels put together: what lies between two edges, in pixels, becomes one; the rest is -1.

        Raises
        ------
        GumtreeError
            BAD_BINS unless there are two edges or more that rise.
        """
        edges = [rising(each, f"pixels of {self.title}") for each in (y_edges, x_edges)]
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
        return replace(self, pixel=new.astype(np.int32), shape=shape)

    def of_their_pulses(self, values: NDArray[Any], otherwise: float) -> NDArray[Any]:
        """What is known of each pulse, (pulses,), for its events; `otherwise` for those before the first."""
        counts = np.diff(np.append(self.first_of_pulse, len(self)))
        lead = len(self) - int(counts.sum())
        return np.concatenate([np.full(lead, otherwise, dtype=values.dtype), np.repeat(values, counts)])

    def known_times(self) -> Floats:
        """The times of the pulses, (pulses,), in s; NO_PULSE_TIME where they are not known."""
        if self.pulse_time is None:
            raise GumtreeError(
                "NO_PULSE_TIME",
                f"{self.title} does not know when its pulses were; choose them by number: of_pulses(0, 100).",
            )
        return self.pulse_time

    def _seconds(self, when: float | datetime) -> float:
        if not isinstance(when, datetime):
            return float(when)
        if self.started is None:
            raise GumtreeError(
                "NO_PULSE_TIME",
                f"{self.title} does not tell when it started; give the seconds since then instead of {when}.",
            )
        if (when.tzinfo is None) != (self.started.tzinfo is None):
            raise GumtreeError(
                "BAD_RANGE",
                f"{when} and the start of {self.title}, {self.started}, are to be both with a time zone or "
                "both without.",
            )
        return (when - self.started).total_seconds()
