"""Events in NeXus files: NXevent_data."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gumtree_core.data.units import conversion
from gumtree_core.errors import GumtreeError
from gumtree_core.events.events import Events
from gumtree_core.files.saving import save_new

ITEMS = ("event_id", "event_time_offset", "event_time_zero", "event_index")


def read_nexus_events(path: str | Path, group: str = "", shape: tuple[int, int] | None = None) -> Events:
    """Read a group NXevent_data.

    Parameters
    ----------
    group
        Its path in the file; the only one there is unless given.
    shape
        Of the detector, (y, x); `event_id` counts its pixels from the smallest id on. Unless given, that of
        the group's `detector_number`, of the NXdetector around it, or one row.

    Raises
    ------
    GumtreeError
        FILE_MISSING, FILE_DAMAGED, NO_EVENTS, SEVERAL_GROUPS, UNIT_MISMATCH, SIZES_DIFFER.
    """
    from gumtree_core.files.hdf5 import damage_told, open_hdf5

    path = Path(path)
    with damage_told(path), open_hdf5(path) as file:
        node = _group(file, group, path)
        missing = [name for name in ITEMS if name not in node]
        if missing:
            raise GumtreeError("NO_EVENTS", f"{node.name} of {path} has no {' and no '.join(missing)}.")
        ids, offsets = node["event_id"][()], node["event_time_offset"][()]
        index = np.asarray(node["event_index"][()], dtype=np.int64)
        zeros = np.asarray(node["event_time_zero"][()], dtype=np.float64)
        tick = _factor(node["event_time_offset"], "us", path)
        seconds = _factor(node["event_time_zero"], "s", path)
        numbers = _detector_numbers(node)
    if index.size and (np.any(np.diff(index) < 0) or index[0] < 0 or index[-1] > ids.size):
        raise GumtreeError(
            "FILE_DAMAGED", f"event_index of {path} does not rise from 0 to the {ids.size} events."
        )
    if shape is None:
        size = int(ids.max()) + 1 - int(ids.min()) if ids.size else 1
        grid = numbers.shape if numbers is not None and numbers.ndim == 2 else (1, size)
        shape = (int(grid[0]), int(grid[1]))
    first = int(numbers.min()) if numbers is not None else int(ids.min()) if ids.size else 0
    pixel = ids.astype(np.int64) - first if first else ids
    return Events(pixel, offsets, tick, shape, index, zeros * seconds, path.name)


def write_nexus_events(path: str | Path, events: Events, *, name: str = "events") -> Path:
    """Write events as NXevent_data, beside an NXdetector whose `detector_number` has its shape.

    Raises
    ------
    GumtreeError
        FILE_NOT_WRITABLE, NO_PULSE_TIME.
    """
    if events.pulse_time is None:
        raise GumtreeError(
            "NO_PULSE_TIME", f"{events.title} does not know the times of its pulses, which NXevent_data has."
        )
    return save_new(path, partial(_write, events, name))


def _write(events: Events, name: str, path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["default"] = "entry"
        entry = _made(file, "entry", "NXentry")
        entry["title"] = events.title
        instrument = _made(entry, "instrument", "NXinstrument")
        detector = _made(instrument, "detector", "NXdetector")
        detector["detector_number"] = np.arange(events.shape[0] * events.shape[1]).reshape(events.shape)
        group = _made(instrument, name, "NXevent_data")
        options: dict[str, Any] = {"chunks": True, "compression": "lzf"} if len(events) else {}
        group.create_dataset("event_id", data=events.pixel, **options)
        times = np.asarray(events.time_of_flight)
        group.create_dataset("event_time_offset", data=times * events.tick, **options)
        group["event_time_offset"].attrs["units"] = "us"
        group["event_time_zero"] = events.pulse_time
        group["event_time_zero"].attrs["units"] = "s"
        group["event_index"] = events.first_of_pulse
        for numbers in ("event_id", "event_index"):
            group[numbers].attrs["units"] = ""


def _made(parent: Any, name: str, nx_class: str) -> Any:
    group = parent.create_group(name)
    group.attrs["NX_class"] = nx_class
    return group


def _group(file: Any, wanted: str, path: Path) -> Any:
    import h5py

    if wanted:
        node = file.get(wanted)
        if not isinstance(node, h5py.Group):
            raise GumtreeError("NO_EVENTS", f"{path} has no group {wanted}.")
        return node
    found: dict[Any, str] = {}

    def look(name: str, node: Any) -> None:
        if isinstance(node, h5py.Group) and _text(node.attrs.get("NX_class", "")) == "NXevent_data":
            found.setdefault(node.id, name)

    file.visititems(look)
    if not found:
        raise GumtreeError("NO_EVENTS", f"{path} has no group of the class NXevent_data.")
    if len(found) > 1:
        names = ", ".join(sorted(found.values()))
        raise GumtreeError("SEVERAL_GROUPS", f"{path} has events in {names}; name one with group=.")
    return file[next(iter(found.values()))]


def _detector_numbers(node: Any) -> Any:
    """Of the group, of what is around it, or of the only detector beside it."""
    for place in (node, node.parent):
        if "detector_number" in place:
            return place["detector_number"][()]
    found = [each for each in node.parent.values() if hasattr(each, "keys") and "detector_number" in each]
    return found[0]["detector_number"][()] if len(found) == 1 else None


def _factor(item: Any, unit: str, path: Path) -> float:
    own = _text(item.attrs.get("units", "")) or unit
    own = {"second": "s", "nanosecond": "ns", "microsecond": "us", "microseconds": "us"}.get(own, own)
    found = conversion(own, unit)
    if found is None:
        raise GumtreeError("UNIT_MISMATCH", f"{item.name} of {path} is in '{own}', which is no time.")
    return float(found[0])


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
