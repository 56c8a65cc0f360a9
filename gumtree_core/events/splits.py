"""Events divided by when they were counted: kinetics in slices of time, a repeated process by its phase."""

from __future__ import annotations

import importlib
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from gumtree_core.data import Axis
from gumtree_core.errors import GumtreeError
from gumtree_core.events.events import Events
from gumtree_core.events.lookup import lookup, rising


class Split(Protocol):
    """What divides events into parts, which become the first dimension of a histogram."""

    @property
    def dim(self) -> str:
        """The name of the dimension."""

    @property
    def axis(self) -> Axis:
        """Edges of the parts."""

    def part(self, events: Events) -> NDArray[np.int64]:
        """Which part each event belongs to, (events,); -1 for none."""

    def exposure(self, events: Events) -> NDArray[np.float64]:
        """How long each part was counted, (parts,), in pulses."""


class TimeSlices:
    """Slices of the time since the start, for kinetics: an event belongs to the slice of its pulse.

    Parameters
    ----------
    edges
        In s, rising; a slice holds the pulses at its lower edge or after, and before its upper edge.

    Raises
    ------
    GumtreeError
        BAD_BINS.
    """

    dim = "time"

    def __init__(self, edges: npt.ArrayLike) -> None:
        self.axis = Axis(rising(edges, "slices of time, in s,"), "s", (self.dim,))

    def part(self, events: Events) -> NDArray[np.int64]:
        """Which slice each event belongs to; NO_PULSE_TIME where the times of pulses are not known."""
        return events.of_their_pulses(_bins(self.axis.values, events.known_times()), -1)

    def exposure(self, events: Events) -> NDArray[np.float64]:
        """The pulses of each slice."""
        found = _bins(self.axis.values, events.known_times()[int(events.continued) :])
        return np.bincount(found[found >= 0], minlength=self.axis.values.size - 1).astype(np.float64)


class Phases:
    """Even parts of the period of a repeated process: stroboscopic measurements.

    Parameters
    ----------
    period
        Of the process, in s.
    parts
        How many.
    start
        When a period begins, in s since the start.

    Raises
    ------
    GumtreeError
        BAD_RANGE.
    """

    dim = "phase"

    def __init__(self, period: float, parts: int, start: float = 0.0) -> None:
        if not (0 < period < np.inf and parts >= 1 and np.isfinite(start)):
            raise GumtreeError(
                "BAD_RANGE",
                f"A period of {period:g} s in {parts} parts cannot be: both must be above 0, and finite.",
            )
        self.period, self.start = period, start
        self.axis = Axis(np.linspace(0, 1, parts + 1), "", (self.dim,))

    def part(self, events: Events) -> NDArray[np.int64]:
        """By the time of the pulse and the time of flight; NO_PULSE_TIME where the first is not known."""
        return _bins(self.axis.values, events.phase(self.period, self.start))

    def exposure(self, events: Events) -> NDArray[np.float64]:
        """The pulses, shared evenly among the parts: of many periods, each has seen as much."""
        parts = self.axis.values.size - 1
        return np.full(parts, (events.pulses - events.continued) / parts)


def _bins(edges: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.int64]:
    kernels: Any = importlib.import_module("gumtree_core.events.kernels")
    found = np.empty(values.size, dtype=np.int64)
    kernels.bins(np.ascontiguousarray(values), *lookup(edges), found)
    return found
