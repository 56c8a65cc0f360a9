"""Closes what a killed writer left open, without losing a point that it had written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  (makes HDF5 read compressed frames)
import numpy as np

from gumtree_core.errors import GumtreeError
from gumtree_core.files.nexus.layout import gumtree_layout
from gumtree_core.files.nexus.stream_writer import sync
from gumtree_core.files.nexus.writer import INTEGRAL, POINTS, POINTS_RECORDED

INTERRUPTED = "interrupted"
"""`run/status` of a run whose writer was killed."""

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_FLAGS = 11
_OPEN_FOR_WRITING = 0x01


@dataclass(frozen=True)
class Recovered:
    """A file that was closed: it holds `recorded` of the `points` that were planned (0: not known)."""

    path: Path
    number: str
    recorded: int
    points: int


def is_open_for_writing(path: Path) -> bool:
    """Whether somebody writes the file, or was killed while writing it.

    HDF5 notes that in the superblock (versions 2 and 3: byte 11, bit 0 of the file consistency flags; HDF5
    File Format Specification, section II.A). To read 12 bytes is a thousand times faster than to open it.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_FLAGS + 1)
    except OSError:
        return False
    return start.startswith(_SIGNATURE) and start[8:9] >= b"\x02" and bool(start[-1] & _OPEN_FOR_WRITING)


def recover(path: Path) -> Recovered:
    """Rewrite a file whose writer was killed into one that is properly closed, with a note.

    The original is replaced when the new file has been read back and is equal to it in all points. Only call
    this when nobody writes the file any more.

    Raises
    ------
    GumtreeError
        RECOVERY_FAILED; the original is then as it was.
    """
    draft = path.with_name(f".{path.name}.recovery")
    draft.unlink(missing_ok=True)
    try:
        with h5py.File(path, "r", swmr=True) as original:
            with h5py.File(draft, "x", libver=("v110", "v110")) as copy:
                recovered = _copy(original, copy, path)
            sync(draft)
            with h5py.File(draft, "r") as copy:
                _compare(original, copy, recovered)
        draft.replace(path)
    except (OSError, RuntimeError, KeyError) as error:
        raise GumtreeError(
            "RECOVERY_FAILED",
            f"{path} was left open by a writer that was killed, and could not be closed: {error}. "
            "It is kept as it was; read it with h5py.File(..., swmr=True).",
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return recovered


def _copy(original: h5py.File, copy: h5py.File, path: Path) -> Recovered:
    layout = gumtree_layout()
    for name, value in original.attrs.items():
        copy.attrs[name] = value
    original.copy(layout.entry, copy)
    entry = copy[layout.entry]
    number = entry[layout.place("run/number").paths[0]].asstr()[()]
    recovered = Recovered(path, str(number), int(entry[POINTS_RECORDED][()]), int(entry[POINTS][()]))
    for column in _columns(copy):
        copy[column].resize(recovered.recorded, axis=0)
    if INTEGRAL in entry:  # it may be one point ahead
        entry[INTEGRAL][()] = entry[layout.place("monitor/counts").paths[0]][()].sum()
    last = datetime.fromtimestamp(path.stat().st_mtime).astimezone()
    planned = f" of {recovered.points}" if recovered.points else ""
    texts = {
        "run/end_time": last.isoformat(timespec="milliseconds"),
        "run/status": INTERRUPTED,
        "run/note": f"Interrupted at point {recovered.recorded}{planned}: the process that wrote this file "
        "ended without closing it. All points that it had written are here; the end time is that of the "
        "last one.",
    }
    for key, text in texts.items():
        entry[layout.place(key).paths[0]][()] = text
    return recovered


def _columns(file: h5py.File) -> list[str]:
    """Paths of the datasets that grow with each point."""
    found: list[str] = []

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and item.maxshape and item.maxshape[0] is None:
            found.append(name)

    file.visititems(visit)
    return found


def _compare(original: h5py.File, copy: h5py.File, recovered: Recovered) -> None:
    """Frames are compared as they are stored: one that is damaged is no reason to lose the others."""
    for name in _columns(original):
        before, after = original[name], copy[name]
        if before.ndim == 1:
            same = np.array_equal(before[: recovered.recorded], after[:], equal_nan=True)
            points = [] if same else [recovered.recorded]
        else:
            points = [
                point for point in range(recovered.recorded) if _chunk(before, point) != _chunk(after, point)
            ]
        if points:
            raise OSError(f"point {points[0] + 1} of {name} differs in the copy")


def _chunk(frames: h5py.Dataset, point: int) -> tuple[int, bytes]:
    chunk: tuple[int, bytes] = frames.id.read_direct_chunk((point, *(0 for _ in frames.shape[1:])))
    return chunk
