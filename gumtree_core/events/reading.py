"""Events of any file: all together, in slices, and as a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gumtree_core.data import Axis, Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.events.eos import eos_slices, is_eos, read_eos, read_histogram_edges, read_layout
from gumtree_core.events.events import Events
from gumtree_core.events.histograms import histogram
from gumtree_core.events.nexus import SLICE, event_groups, nexus_slices, read_nexus_events
from gumtree_core.events.splits import Split
from gumtree_core.files.run import Run, Value

BINS = 100
"""Of the time of flight, where a file has events and no edges."""


def read_events(source: str | Path | Run) -> Events:
    """Read events from ANSTO's `EOS.bin`, a NeXus file with NXevent_data, or the file of a run.

    Raises
    ------
    GumtreeError
        FILE_MISSING, NO_EVENTS for a live run, and what `read_eos` and `read_nexus_events` raise.
    """
    path = _path(source)
    return read_eos(path) if _is_eos(path) else read_nexus_events(path)


def read_slices(source: str | Path | Run, size: int = SLICE) -> Iterator[Events]:
    """Read the same in slices of up to `size` events, for what does not fit in memory.

    A pulse that is cut is in both slices; the second says that it `continued`.

    Raises
    ------
    GumtreeError
        As `read_events`; BAD_RANGE unless there is an event in a slice.
    """
    if size < 1:
        raise GumtreeError("BAD_RANGE", f"Slices of {size} events cannot be; the least is 1.")
    path = _path(source)
    return eos_slices(path, size) if _is_eos(path) else nexus_slices(path, size)


def binned(run: Run, time_of_flight: npt.ArrayLike | None = None, split: Split | None = None) -> Run:
    """The run of a file of events with other bins in `detector/counts`; all else stays as it is.

    Parameters
    ----------
    time_of_flight
        Edges in us; or how many even bins, from 0, or the first event if that is before, up to the last.
        Unless given, those of the server that wrote the file, or 100 even ones.
    split
        As in `histogram`.

    Raises
    ------
    GumtreeError
        NO_EVENTS for a live run; when the counts are asked for, what `load` and `histogram` raise.
    """
    path = _path(run)
    counted = _eos_counts if _is_eos(path) else _counts
    others: dict[str, Value | Callable[[], Value]] = {key: partial(run.__getitem__, key) for key in run}
    counts = {"detector/counts": partial(counted, path, time_of_flight, split)}
    return Run(others | counts, path=path, format=run.format, entry=run.entry)


def read_eos_run(path: Path) -> Run:
    """An event stream as a run: `detector/counts` is its histogram by the edges of its configuration.

    Raises
    ------
    GumtreeError
        FILE_FORMAT_UNKNOWN, FILE_DAMAGED; when the counts are asked for, NO_CONFIGURATION too.
    """
    read_layout(path)
    return Run({"detector/counts": partial(_eos_counts, path)}, path=path, format="ansto-eos")


def is_eos_file(path: Path, head: bytes) -> bool:
    """Whether `read_eos_run` reads a file that begins so."""
    return is_eos(head)


def has_nexus_events(path: Path) -> bool:
    """Whether `read_nexus_events_run` reads an HDF5 file."""
    try:
        return bool(event_groups(path))
    except GumtreeError:
        return False


def read_nexus_events_run(path: Path) -> Run:
    """A NeXus file of events as a run: `detector/counts` is their histogram in 100 even bins.

    Raises
    ------
    GumtreeError
        When the counts are asked for, what `read_nexus_events` and `histogram` raise.
    """
    return Run({"detector/counts": partial(_counts, path)}, path=path, format="nexus-events")


def _counts(path: Path, bins: npt.ArrayLike | None = None, split: Split | None = None) -> Dataset:
    return histogram(read_slices(path), _edges(path, BINS if bins is None else bins), split)


def _eos_counts(path: Path, bins: npt.ArrayLike | None = None, split: Split | None = None) -> Dataset:
    try:
        edges = read_histogram_edges(path)
    except GumtreeError as error:
        if error.reason != "NO_CONFIGURATION" or bins is None:
            raise
        return _counts(path, bins, split)
    layout = read_layout(path)
    middle = dict(zip("yx", layout.middle, strict=True))
    y, x = (np.sort(edges[name]) + middle[name] for name in "yx")  # some servers let them fall
    times = edges["time_of_flight"] * layout.tick if bins is None else _edges(path, bins)
    counts = histogram((events.grouped(y, x) for events in read_slices(path)), times, split)
    for name in "yx":
        if edges[name][0] > edges[name][-1]:
            counts = counts[name, ::-1]
    return counts.with_axes(**{name: Axis(edges[name], "pixel", (name,)) for name in "yx"})


def _edges(path: Path, bins: npt.ArrayLike) -> npt.ArrayLike:
    """The edges of bins, or of as many even ones as there are to be."""
    if np.ndim(bins) > 0:
        return bins
    number = int(np.asarray(bins))
    if number < 1:
        raise GumtreeError("BAD_BINS", f"{number} bins of time of flight cannot be; the least is 1.")
    low, high = 0.0, 0.0
    for events in read_slices(path):
        times = events.time_of_flight[(events.pixel >= 0) & np.isfinite(events.time_of_flight)]
        if times.size:
            low = min(low, float(times.min()) * events.tick)
            high = max(high, float(times.max()) * events.tick)
    high += 1e-6 * abs(high)  # the last event is within
    return np.linspace(low, high if high > low else low + 1, number + 1)


def _path(source: str | Path | Run) -> Path:
    if isinstance(source, Run):
        if source.path is None:
            raise GumtreeError("NO_EVENTS", f"{source.name} is live and has no file of events.")
        source = source.path
    path = Path(source)
    if not path.is_file():
        raise GumtreeError("FILE_MISSING", f"{path} does not exist. Give the path of a file of events.")
    return path


def _is_eos(path: Path) -> bool:
    with path.open("rb") as file:
        return is_eos(file.read(4))
