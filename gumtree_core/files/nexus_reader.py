"""Reads the NeXus files of GumtreeScan under logical keys, also while they are being written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  (makes HDF5 read compressed frames)
import numpy as np

from gumtree_core.data import Dataset
from gumtree_core.data.units import conversion
from gumtree_core.errors import GumtreeError
from gumtree_core.files.nexus_layout import Place, gumtree_layout, known_unit
from gumtree_core.files.nexus_recovery import is_open_for_writing
from gumtree_core.files.nexus_writer import CREATOR, POINTS, POINTS_RECORDED, RUNNING
from gumtree_core.files.run import Run, Value

FORMAT = "gumtree-nexus"


@dataclass(frozen=True)
class RunStatus:
    """How far a run is: `status` as in `run/status`, points recorded and planned."""

    status: str
    recorded: int
    points: int

    @property
    def running(self) -> bool:
        """Whether more points may come."""
        return self.status == RUNNING


def is_nexus(path: Path) -> bool:
    """Whether an HDF5 file is one of GumtreeScan's, complete or not; FILE_DAMAGED if nobody can tell."""
    with _open(path) as file:
        ours = _text(file.attrs.get("creator", "")) == CREATOR
        return ours and f"{gumtree_layout().entry}/{POINTS}" in file


def run_status(path: Path) -> RunStatus:
    """How far the run in the file is; asks the file each time."""
    with _open(path) as file:
        entry = _entry(file, path)
        return RunStatus(_status(entry), int(entry[POINTS_RECORDED][()]), int(entry[POINTS][()]))


def read_nexus(path: Path) -> Run:
    """The run in a NeXus file; values are read when they are asked for, and the file is not kept open.

    A file that is being written gives the points that are there when a key is first asked for; read it
    again to see more.

    Raises
    ------
    GumtreeError
        FILE_MISSING, FILE_FORMAT_UNKNOWN, FILE_DAMAGED; when a key is asked for, NO_POINT_YET, NO_POINT.
    """
    with _open(path) as file:
        entry = _entry(file, path)
        identity = "/".join(
            _text(entry[name][()]) for name in ("start_time", "entry_identifier") if name in entry
        )
        places = {place.key: place for place in _present(entry)}
    items: dict[str, Value | Callable[[], Value]] = {
        key: partial(_read, path, place, f"{path.name}/{identity}") for key, place in places.items()
    }
    return Run(items, path=path, format=FORMAT)


def _present(entry: h5py.Group) -> Iterator[Place]:
    """The places of the layout that the file has, each with the one path that exists."""
    for place in gumtree_layout().places.values():
        candidates = [place]
        if "*" in place.key:
            candidates = [place.named(name) for name in _names(entry, place.paths)]
        elif place.key.startswith("detector/"):
            found = (re.fullmatch(r"detector_(\w+)", name) for name in entry.get("instrument", ()))
            candidates += [place.beside("detector", match[1]) for match in found if match]
        for each in candidates:
            path = next((path for path in each.paths if path in entry), None)
            if path is not None:
                yield replace(each, paths=(path,))


def _names(entry: h5py.Group, patterns: tuple[str, ...]) -> list[str]:
    groups = [pattern.partition("/*")[0] for pattern in patterns]
    return list(dict.fromkeys(name for group in groups if group in entry for name in entry[group]))


def _read(path: Path, place: Place, identity: str) -> Value:
    with _open(path) as file:
        entry = _entry(file, path)
        item = entry[place.paths[0]]
        try:
            if place.text:
                return _text(item[()])
            unit = _text(item.attrs.get("units", ""))
            if item.maxshape and item.maxshape[0] is None:
                return _points(entry, item, place, unit, identity)
            return _dataset(np.asarray(item[()]), place, unit, (), identity)
        except OSError as error:
            raise GumtreeError("FILE_DAMAGED", f"{place.key} cannot be read from {path}: {error}.") from error


def _status(entry: h5py.Group) -> str:
    return _text(entry[gumtree_layout().place("run/status").paths[0]][()])


def _points(entry: h5py.Group, item: h5py.Dataset, place: Place, unit: str, identity: str) -> Dataset:
    """A value for each point recorded; of a run that has but one, that one."""
    recorded = int(entry[POINTS_RECORDED][()])
    if int(entry[POINTS][()]) > 1:
        dims = ("point", "y", "x")[: item.ndim]
        return _dataset(item[:recorded], place, unit, dims, f"{identity}/{recorded}")
    if recorded == 0:
        status = _status(entry)
        if status == RUNNING:
            raise GumtreeError(
                "NO_POINT_YET",
                f"{entry.file.filename} has no {place.key} yet: the count has not ended. Read it later.",
            )
        raise GumtreeError(
            "NO_POINT",
            f"{entry.file.filename} has no {place.key}: its run was {status} before a count had ended. "
            "Measure it again.",
        )
    return _dataset(np.asarray(item[0]), place, unit, ("y", "x")[: item.ndim - 1], identity)


def _dataset(values: Any, place: Place, unit: str, dims: tuple[str, ...], identity: str) -> Dataset:
    if place.unit is not None and unit != place.unit:
        found = conversion(unit, place.unit)
        if found is None:
            raise GumtreeError(
                "BAD_UNIT", f"{place.key} has the unit {unit!r}, which cannot be converted to {place.unit!r}."
            )
        values, unit = values * found[0] + found[1], place.unit
    return Dataset(
        values,
        variances="poisson" if place.poisson else None,
        dims=dims,
        unit=known_unit(unit),
        title=place.key,
        source=f"{identity}/{place.key}",
    )


def _entry(file: h5py.File, path: Path) -> h5py.Group:
    layout = gumtree_layout()
    if layout.entry not in file:
        raise GumtreeError(
            "FILE_FORMAT_UNKNOWN", f"{path} is no NeXus file of GumtreeScan: it has no group {layout.entry}."
        )
    return file[layout.entry]


@contextmanager
def _open(path: Path) -> Iterator[h5py.File]:
    """Open for reading, also what is being written or was left open by a writer that was killed."""
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError as error:
        raise GumtreeError("FILE_MISSING", f"{path} does not exist. Give the path of a data file.") from error
    except OSError as error:
        if not h5py.is_hdf5(path):
            raise GumtreeError("FILE_FORMAT_UNKNOWN", f"{path} is no HDF5 file. ({error})") from error
        file = _open_again(path)
    with file:
        yield file


def _open_again(path: Path) -> h5py.File:
    """Open what could not be opened: it is, or was until now, open for writing; or it is damaged."""
    try:
        return h5py.File(path, "r", swmr=is_open_for_writing(path))
    except OSError as error:
        raise GumtreeError(
            "FILE_DAMAGED",
            f"{path} cannot be read: it is truncated or damaged. Copy it again from its source. ({error})",
        ) from error


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode()
    return str(value)
