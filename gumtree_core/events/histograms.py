"""Events counted into bins of time of flight and pixels, all at once or as they come."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from gumtree_core.data import Axis, Dataset
from gumtree_core.data.expressions.execution import all_cores
from gumtree_core.errors import GumtreeError
from gumtree_core.events.events import Events
from gumtree_core.events.lookup import Lookup, lookup, rising
from gumtree_core.events.splits import Split

MOST = 2**31
"""Bytes of a histogram; a larger one is refused."""
PARALLEL = 1_000_000
"""Events from which a second thread pays."""


def histogram(events: Events | Iterable[Events], edges: npt.ArrayLike, split: Split | None = None) -> Dataset:
    """Count events.

    Parameters
    ----------
    events
        All together; or in slices, as `read_slices` gives them, of which one is in memory at a time.
    edges
        Of the time of flight, rising, in us. A bin holds what is at its lower edge or above, and below its
        upper edge.
    split
        What else divides them: `TimeSlices` or `Phases`.

    Returns
    -------
    Dataset
        (time_of_flight, y, x), behind `time` or `phase` if they are divided: counts with their Poisson errors
        (0 for 0 counts). `metadata["outside"]` tells how many events lay in no bin, `metadata["pulses"]` how
        many pulses there were, in each part if they are divided: what the counts are normalised by.

    Raises
    ------
    GumtreeError
        BAD_BINS, TOO_LARGE, NO_EVENTS without a single slice, NO_PULSE_TIME if they are divided.
    """
    slices = iter([events] if isinstance(events, Events) else events)
    part = next(slices, None)
    if part is None:
        raise GumtreeError("NO_EVENTS", "There is not one slice of events to count.")
    made = EventHistogram(part.shape, edges, split)
    title = part.title
    while part is not None:
        made.add(part)
        del part  # before the next is read
        part = next(slices, None)
    return made.counts.replace(title=title)


class EventHistogram:
    """A histogram that grows as events come.

    Parameters
    ----------
    shape
        Of the detector, (y, x).
    edges, split
        As in `histogram`.

    Raises
    ------
    GumtreeError
        BAD_BINS, TOO_LARGE.
    """

    def __init__(self, shape: tuple[int, int], edges: npt.ArrayLike, split: Split | None = None) -> None:
        self._edges = rising(edges, "bins of time of flight, in us,")
        self._shape = shape
        self._split = split
        self._parts = 1 if split is None else split.axis.values.size - 1
        bins, pixels = self._edges.size - 1, shape[0] * shape[1]
        size = 4 * bins * pixels * self._parts
        if size > MOST:
            raise GumtreeError(
                "TOO_LARGE",
                f"{self._parts} x {bins} bins of {shape[0]} x {shape[1]} pixels take {1e-9 * size:.3g} GB, "
                f"more than {1e-9 * MOST:.3g}; take wider bins.",
            )
        self._counts: NDArray[np.signedinteger[Any]] = np.zeros((bins, self._parts * pixels), dtype=np.int32)
        self._tables: dict[tuple[float, bool], Lookup] = {}
        self._added = 0
        self._pulses = np.zeros(self._parts)
        self.outside = 0
        """How many events lay in no bin."""

    def add(self, events: Events) -> None:
        """Count some more; SHAPES_DIFFER for those of another detector."""
        if events.shape != self._shape:
            raise GumtreeError(
                "SHAPES_DIFFER",
                f"{events.title} is of a detector of {events.shape} pixels, the histogram of {self._shape}.",
            )
        self._added += len(events)
        self._pulses += (
            events.pulses - events.continued if self._split is None else self._split.exposure(events)
        )
        if self._added > np.iinfo(self._counts.dtype).max:
            self._counts = self._counts.astype(np.int64)
        pixel, time = np.ascontiguousarray(self._place(events)), np.ascontiguousarray(events.time_of_flight)
        self.outside += self._add(pixel, time, *self._table(events.tick, time.dtype.kind in "iu"))

    def _place(self, events: Events) -> NDArray[np.integer]:
        """Of each event, its pixel among those of all parts."""
        if self._split is None:
            return events.pixel
        kernels: Any = importlib.import_module("gumtree_core.events.kernels")
        found: NDArray[np.int64] = np.empty(len(events), dtype=np.int64)
        kernels.places(self._split.part(events), events.pixel, self._shape[0] * self._shape[1], found)
        return found

    def _table(self, tick: float, whole_ticks: bool) -> Lookup:
        """Of the edges in ticks; packets of one stream share it."""
        if (tick, whole_ticks) not in self._tables:
            edges = self._edges / tick
            if whole_ticks and tick != 1:
                whole = np.rint(edges)  # an edge on a whole tick stays there: the quotient is rounded
                edges = np.where(np.isclose(edges, whole, rtol=1e-15, atol=0), whole, edges)
            self._tables[tick, whole_ticks] = lookup(edges)
        return self._tables[tick, whole_ticks]

    def _add(self, *of_events: Any) -> int:
        kernels: Any = importlib.import_module("gumtree_core.events.kernels")
        size = of_events[0].size
        # Each further thread has counts of its own, which must pay.
        if size >= PARALLEL and size >= self._counts.size:
            with all_cores() as threads:
                if threads > 1:
                    copies = np.zeros((threads - 1, *self._counts.shape), dtype=self._counts.dtype)
                    outside = int(kernels.add_parallel(*of_events, self._counts, copies))
                    for copy in copies:
                        self._counts += copy
                    return outside
        return int(kernels.add(*of_events, self._counts, 0, size))

    @property
    def counts(self) -> Dataset:
        """What has been counted so far, as `histogram` gives it."""
        values = self._counts.reshape(-1, self._parts, *self._shape).swapaxes(0, 1)
        dims: tuple[str, ...] = ("time_of_flight", "y", "x")
        axes = {"time_of_flight": Axis(self._edges, "us", ("time_of_flight",))}
        pulses: Dataset | int = int(self._pulses[0])
        if self._split is None:
            values = values[0]
        else:
            dim, axis = self._split.dim, self._split.axis
            dims, axes = (dim, *dims), {dim: axis, **axes}
            pulses = Dataset(self._pulses.copy(), dims=(dim,), axes={dim: axis}, title="pulses")
        return Dataset(
            values.copy(order="C"),
            "poisson",
            dims=dims,
            unit="counts",
            axes=axes,
            metadata={"outside": self.outside, "pulses": pulses},
            title="events",
        )
