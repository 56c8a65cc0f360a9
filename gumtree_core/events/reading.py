"""Events of any file."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from gumtree_core.data import Axis, Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.events.eos import is_eos, read_eos, read_histogram_edges, read_layout
from gumtree_core.events.events import Events
from gumtree_core.events.histograms import histogram
from gumtree_core.events.nexus import read_nexus_events
from gumtree_core.files.run import Run


def read_events(path: str | Path) -> Events:
    """Read events from ANSTO's `EOS.bin` or a NeXus file with NXevent_data.

    Raises
    ------
    GumtreeError
        FILE_MISSING, and what `read_eos` and `read_nexus_events` raise.
    """
    path = Path(path)
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


def _counts(path: Path) -> Dataset:
    edges = read_histogram_edges(path)
    events = read_eos(path)
    counts = histogram(events.grouped(edges["y"], edges["x"]), edges["time_of_flight"] * events.tick)
    axes = {name: Axis(edges[name], "pixel", (name,)) for name in ("y", "x")}
    return counts.with_axes(**axes)
