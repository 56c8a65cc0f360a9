"""Events of any file."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from gumtree_core.data import Axis, Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.events.eos import is_eos, read_eos, read_histogram_edges, read_layout
from gumtree_core.events.events import Events
from gumtree_core.events.histograms import histogram
from gumtree_core.events.nexus import event_groups, read_nexus_events
from gumtree_core.files.run import Run

BINS = 100
"""Of the time of flight, where a file has events and no edges."""


def read_events(source: str | Path | Run) -> Events:
    """Read events from ANSTO's `EOS.bin`, a NeXus file with NXevent_data, or the file of a run.

    Raises
    ------
    GumtreeError
        FILE_MISSING, NO_EVENTS for a live run, and what `read_eos` and `read_nexus_events` raise.
    """
    if isinstance(source, Run):
        if source.path is None:
            raise GumtreeError("NO_EVENTS", f"{source.name} is live and has no file of events.")
        source = source.path
    path = Path(source)
    if not path.is_file():
        raise GumtreeError("FILE_MISSING", f"{path} does not exist. Give the path of a file of events.")
    with path.open("rb") as file:
        return read_eos(path) if is_eos(file.read(4)) else read_nexus_events(path)


def is_eos_file(path: Path, head: bytes) -> bool:
    """Whether `read_eos_run` reads a file that begins so."""
    return is_eos(head)


def read_eos_run(path: Path) -> Run:
    """An event stream as a run: `detector/counts` is its histogram by the edges of its configuration.

    Raises
    ------
    GumtreeError
        FILE_FORMAT_UNKNOWN, FILE_DAMAGED; when the counts are asked for, NO_CONFIGURATION too.
    """
    with path.open("rb") as file:
        read_layout(file.read(128), str(path))
    return Run({"detector/counts": partial(_counts, path)}, path=path, format="ansto-eos")


def has_nexus_events(path: Path) -> bool:
    """Whether `read_nexus_events_run` reads an HDF5 file."""
    try:
        return bool(event_groups(path))
    except GumtreeError:
        return False


def read_nexus_events_run(path: Path) -> Run:
    """A NeXus file of events as a run: `detector/counts` is their histogram in 100 even bins.

    From 0, or the first event if that is before, up to the last event. For bins of your own:
    `histogram(read_events(run), edges)`.

    Raises
    ------
    GumtreeError
        When the counts are asked for, what `read_nexus_events` and `histogram` raise.
    """
    return Run({"detector/counts": partial(_even_counts, path)}, path=path, format="nexus-events")


def _even_counts(path: Path) -> Dataset:
    events = read_nexus_events(path)
    times = events.time_of_flight[np.isfinite(events.time_of_flight)]
    first, last = (float(times.min()), float(times.max())) if times.size else (0.0, 0.0)
    low = min(first, 0.0) * events.tick
    high = (last + 1e-6 * abs(last)) * events.tick  # the last event is within
    return histogram(events, np.linspace(low, high if high > low else low + 1, BINS + 1))


def _counts(path: Path) -> Dataset:
    edges = read_histogram_edges(path)
    events = read_eos(path)
    counts = histogram(events.grouped(edges["y"], edges["x"]), edges["time_of_flight"] * events.tick)
    axes = {name: Axis(edges[name], "pixel", (name,)) for name in ("y", "x")}
    return counts.with_axes(**axes)
