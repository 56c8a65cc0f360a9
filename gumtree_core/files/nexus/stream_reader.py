"""Follows a file that is being written: each frame as it comes, in whatever process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files.nexus.hdf5 import damage_told, open_hdf5
from gumtree_core.files.nexus.hdf5_items import plain_text
from gumtree_core.files.nexus.layout import Place, gumtree_layout
from gumtree_core.files.nexus.writer import POINTS_RECORDED, RUNNING
from gumtree_core.files.run import Run

_INTERVAL = 0.002
"""Seconds between two looks at the number of frames; a look takes some 50 us."""
_DIMS = ("time_of_flight", "y", "x")


@dataclass(frozen=True)
class Frame:
    """One point of a run: its number, from 0 on, and plain values by key."""

    number: int
    values: Mapping[str, NDArray[Any]]
    _run: Run = field(repr=False, compare=False)

    @property
    def run(self) -> Run:
        """The same as Datasets with units and errors, which are made when they are asked for."""
        return self._run


def follow(
    path: str | Path,
    keys: Sequence[str] = ("detector/counts",),
    *,
    first: int = 0,
    newest: bool = False,
    timeout: float = 10.0,
    stop: threading.Event | None = None,
) -> Iterator[Frame]:
    """Each frame of a run, those that are in its file and those that come, until the run has ended.

    Parameters
    ----------
    path
        The file. What does not change from frame to frame is asked of `load(path)`.
    keys
        What is read of each frame: keys that have a value for each point.
    first
        Number of the first frame that is wanted, from 0 on.
    newest
        Leave out frames for which there was no time, as a display does; the last one always comes.
    timeout
        Seconds without a frame after which an error is raised: whoever writes may have been killed.
    stop
        Ends the iteration when it is set, also while it waits.

    Yields
    ------
    Frame
        Number and values.

    Raises
    ------
    GumtreeError
        FILE_MISSING, FILE_FORMAT_UNKNOWN, FILE_LOCKED, FILE_DAMAGED; KEY_MISSING; NO_FRAME.
    """
    path = Path(path)
    stop = stop or threading.Event()
    layout = gumtree_layout()
    with open_hdf5(path) as file, damage_told(path):
        if f"{layout.entry}/{POINTS_RECORDED}" not in file:
            raise GumtreeError(
                "FILE_FORMAT_UNKNOWN", f"{path} was not written by this project, and cannot be followed."
            )
        entry = file[layout.entry]
        columns = {key: _column(entry, layout.place(key), path) for key in keys}
        recorded, status = entry[POINTS_RECORDED], entry[layout.place("run/status").paths[0]]
        number, waiting_since = first, time.monotonic()
        while not stop.is_set():
            # In this order: who says that the run has ended has counted all frames before.
            running = plain_text(_fresh(status)) == RUNNING
            count = int(_fresh(recorded))
            if number < count:
                for column, _ in columns.values():
                    column.refresh()
                for number in range(count - 1 if newest else number, count):  # noqa: B020
                    yield _frame(columns, number, path)
                    if stop.is_set():
                        return
                number, waiting_since = count, time.monotonic()
            elif not running:
                return
            elif time.monotonic() - waiting_since > timeout:
                raise GumtreeError(
                    "NO_FRAME",
                    f"{path} has had no frame for {timeout:g} s after {count}: what writes it waits, or was "
                    "killed. Follow it again from there, or wait longer.",
                )
            else:
                stop.wait(_INTERVAL)


def _fresh(dataset: h5py.Dataset) -> Any:
    dataset.refresh()
    return dataset[()]


def _column(entry: h5py.Group, place: Place, path: Path) -> tuple[h5py.Dataset, Place]:
    found = entry.get(place.paths[0])
    if not isinstance(found, h5py.Dataset) or not found.maxshape or found.maxshape[0] is not None:
        raise GumtreeError("KEY_MISSING", f"{path} has no {place.key} for each frame.")
    return found, place


def _frame(columns: Mapping[str, tuple[h5py.Dataset, Place]], number: int, path: Path) -> Frame:
    values = {key: np.asarray(column[number]) for key, (column, _) in columns.items()}
    items = {}
    for key, (column, place) in columns.items():
        unit = plain_text(column.attrs.get("units", "")) if place.unit is None else place.unit
        items[key] = partial(_dataset, values[key], place, unit)
    return Frame(number, values, Run(items, path=path, format="gumtree"))


def _dataset(values: NDArray[Any], place: Place, unit: str) -> Dataset:
    return Dataset(
        values,
        "poisson" if place.poisson else None,
        dims=_DIMS[len(_DIMS) - values.ndim :],
        unit=unit,
        title=place.key,
    )
