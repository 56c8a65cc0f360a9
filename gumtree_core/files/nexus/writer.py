"""Writes a run to a NeXus file (NXsas) point by point, while others read it: a scan, or a detector's frames.

What keys and values a file has, and where; how points come to be in it safely is in `stream_writer`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Dataset
from gumtree_core.data.units import conversion
from gumtree_core.errors import GumtreeError
from gumtree_core.files.nexus.layout import gumtree_layout
from gumtree_core.files.nexus.stream_writer import Growing, StreamWriter, create_column

CREATOR = "gumtree-tango"
INTEGRAL = "control/integral"
POINTS = "scan/points"
POINTS_RECORDED = "scan/points_recorded"
RUNNING = "running"
"""`run/status` until the run has ended."""

_NOTE_LENGTH = 1000
_WORD_LENGTH = 40


@dataclass(frozen=True)
class Column:
    """What one key holds at each point. `unit` is needed where the key itself has none, as a motor's."""

    key: str
    shape: tuple[int, ...] = ()
    dtype: str = "float64"
    unit: str = ""


@dataclass(frozen=True)
class Header:
    """What is known of a run before it starts.

    Parameters
    ----------
    number
        Run number.
    points
        How many points there will be; 0 if that is not known, for points that come until somebody stops.
    values
        By logical key: Datasets, text, or numbers in the key's own unit.
    columns
        What is recorded at each point.
    axis
        Key of the column that is scanned; empty if nothing is.
    later
        Keys of numbers that are known at the end only, with their units.
    """

    number: int
    points: int
    values: Mapping[str, Dataset | str | float]
    columns: Sequence[Column]
    axis: str = ""
    later: Mapping[str, str] = field(default_factory=dict)


class NexusWriter:
    """One file, from its creation to `close`. One thread at a time.

    Parameters
    ----------
    path
        The file, which must not exist.
    header
        What is known before the first point.

    Raises
    ------
    GumtreeError
        FILE_EXISTS; DATA_NOT_WRITTEN if the file system refuses (so do all methods).
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self.number = header.number
        self._planned = header.points
        self._layout = gumtree_layout()
        self._columns: dict[str, h5py.Dataset] = {}
        self._stream = StreamWriter(path, lambda file: self._create(file, header))

    def __enter__(self) -> NexusWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close as complete, as stopped if points are missing, or as failed with the error as the note."""
        if self._stream.closed:
            return
        if kind is not None:
            self.close("failed", str(error) or kind.__name__)
        else:
            self.close("complete" if self.points >= self._planned else "stopped")

    @property
    def points(self) -> int:
        """How many are in the file."""
        return self._stream.rows

    def append(self, values: Mapping[str, Any], number: int | None = None) -> None:
        """Write one point, a value for each column; when this returns the point survives a kill.

        Parameters
        ----------
        values
            By key. A frame has the column's shape, and a type that the column's holds without loss.
        number
            Which point it is, from 0 on, if whoever sends them counts: none may be missing or come twice.

        Raises
        ------
        GumtreeError
            FILE_CLOSED, OUT_OF_ORDER, BAD_POINT, DISK_FULL: nothing has been written, and the next call may
            succeed. DATA_NOT_WRITTEN: the file takes no more; what it has stays, and `recover` closes it.
        """
        self._stream.append(values, number)

    def close(self, status: str, note: str = "", values: Mapping[str, Dataset | float] | None = None) -> None:
        """End the run: its status in a word, a note in a sentence, and the values announced as `later`."""

        def finish() -> None:
            for key, value in (values or {}).items():
                item = self._entry[self._layout.place(key).paths[0]]
                item[()] = _number(key, value, str(item.attrs.get("units", "")))
            self._set_text("run/note", note)
            self._set_text("run/status", status)
            self._set_text("run/end_time", now())

        self._stream.close(finish)

    # creation

    def _create(self, file: h5py.File, header: Header) -> Growing:
        layout = self._layout
        file.attrs["NX_class"] = "NXroot"
        file.attrs["default"] = layout.entry
        file.attrs["creator"] = CREATOR
        file.attrs["creator_version"] = version("gumtree-tango")
        file.attrs["file_name"] = self.path.name
        file.attrs["file_time"] = now()
        file.attrs["HDF5_Version"] = h5py.version.hdf5_version
        self._entry = entry = file.create_group(layout.entry)
        entry.attrs["NX_class"] = "NXentry"
        entry["definition"] = layout.definition
        entry["program_name"] = CREATOR
        entry["program_name"].attrs["version"] = version("gumtree-tango")
        values = {"run/start_time": now(), "run/number": str(header.number), **header.values}
        for key, value in values.items():
            self._create_value(key, value)
        for key, length in (
            ("run/end_time", _WORD_LENGTH),
            ("run/status", _WORD_LENGTH),
            ("run/note", _NOTE_LENGTH),
        ):
            path = layout.place(key).paths[0]
            self._group_of(path).create_dataset(path, shape=(), dtype=h5py.string_dtype("utf-8", length))
        self._set_text("run/status", RUNNING)
        entry["notes/type"] = "text/plain"
        entry["notes/description"] = "How the run ended"
        for key, unit in header.later.items():
            self._create_value(key, float("nan"), unit)
        for column in header.columns:
            self._create_column(column, str(values["run/start_time"]))
        entry[POINTS] = header.points
        entry[POINTS_RECORDED] = 0
        for path, value in layout.constants.items():
            if path.rpartition("/")[0] in entry:
                entry[path] = value
        self._create_plots(header)
        totals = {"monitor/counts": entry[INTEGRAL]} if INTEGRAL in entry else {}
        return Growing(self._columns, entry[POINTS_RECORDED], header.points, totals)

    def _group_of(self, path: str) -> h5py.Group:
        """The entry, in which the groups above `path` have been made with their classes."""
        for group in self._layout.parents(path):
            self._entry.require_group(group).attrs["NX_class"] = self._layout.nx_class(group)
        return self._entry

    def _create_value(self, key: str, value: Dataset | str | float, unit: str | None = None) -> None:
        place = self._layout.place(key)
        if place.text != isinstance(value, str):
            kind = "text" if place.text else "a number"
            raise GumtreeError("BAD_VALUE", f"{key} is {kind}, and cannot be {value!r}.")
        path = place.paths[0]
        entry = self._group_of(path)
        if isinstance(value, str):
            entry[path] = value
            return
        own = unit or (value.unit if isinstance(value, Dataset) else "")
        unit = own if place.unit is None else place.unit
        entry[path] = _number(key, value, unit)
        entry[path].attrs["units"] = unit

    def _create_column(self, column: Column, start: str) -> None:
        place = self._layout.place(column.key)
        path = place.paths[0]
        made = create_column(self._group_of(path), path, column.shape, column.dtype)
        unit = place.unit if place.unit is not None else column.unit
        made.attrs["units"] = unit
        if column.key.endswith("/start_time"):
            made.attrs["start"] = start
        self._columns[column.key] = made

    def _create_plots(self, header: Header) -> None:
        """Default plots: `data` with the frames, as NXsas asks, and for a scan `scan_data` with a curve."""
        entry, has = self._entry, self._columns
        axis = header.axis.rpartition("/")[2]
        if "monitor/counts" in has:
            entry[INTEGRAL] = 0.0
            entry[INTEGRAL].attrs["units"] = "counts"
        if "detector/counts" in has:
            _plot(entry, "data", {"data": has["detector/counts"]}, has.get(header.axis), axis)
            entry.attrs["default"] = "data"
        curves = {
            "total_counts": has.get("detector/total_counts"),
            "monitor": has.get("monitor/counts"),
        }
        present = {name: column for name, column in curves.items() if column is not None}
        if axis and present:
            _plot(entry, "scan_data", present, has[header.axis], axis)
            entry.attrs["default"] = "scan_data"

    def _set_text(self, key: str, text: str) -> None:
        item = self._entry[self._layout.place(key).paths[0]]
        item[()] = text.encode()[: item.dtype.itemsize].decode(errors="ignore")


def now() -> str:
    """The present time as ISO 8601 with the zone."""
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


def _plot(
    entry: h5py.Group,
    name: str,
    signals: Mapping[str, h5py.Dataset],
    axis: h5py.Dataset | None,
    axis_name: str,
) -> None:
    group = entry.create_group(name)
    group.attrs["NX_class"] = "NXdata"
    first, *others = signals
    group.attrs["signal"] = first
    if others:
        group.attrs["auxiliary_signals"] = others
    rest = ["."] * (signals[first].ndim - 1)
    group.attrs["axes"] = [axis_name if axis is not None else ".", *rest]
    for link, target in signals.items():
        group[link] = target
        target.attrs["target"] = target.name
    if axis is not None:
        group[axis_name] = axis
        group.attrs[f"{axis_name}_indices"] = 0
        axis.attrs["target"] = axis.name


def _number(key: str, value: Dataset | str | float, unit: str) -> NDArray[Any]:
    """The value in `unit`; a bare number is taken to be in it."""
    if isinstance(value, str):
        raise GumtreeError("BAD_VALUE", f"{key} is a number, and cannot be {value!r}.")
    if not isinstance(value, Dataset):
        return np.asarray(value)
    found = conversion(value.unit, unit)
    if found is None:
        raise GumtreeError(
            "BAD_UNIT", f"{key} has the unit {value.unit!r}, which cannot be converted to {unit!r}."
        )
    factor, offset = found
    return value.values if (factor, offset) == (1, 0) else value.values * factor + offset
