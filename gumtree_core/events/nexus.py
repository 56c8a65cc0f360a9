"""Events in NeXus files: NXevent_data."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data.units import conversion
from gumtree_core.errors import GumtreeError
from gumtree_core.events.events import Events, Floats
from gumtree_core.files.saving import save_new

ITEMS = ("event_id", "event_time_offset", "event_time_zero", "event_index")
EPOCH = 1e8
"""Seconds, three years: times of pulses beyond are since 1970 or the like, not since the run's start."""


def read_nexus_events(
    path: str | Path, group: str = "", shape: tuple[int, int] | None = None, first_id: int = 0
) -> Events:
    """Read a group NXevent_data.

    Parameters
    ----------
    group
        Its path in the file; the only one there is unless given.
    shape
        Of the detector, (y, x). Unless given, that of `detector_number` of the group, of the NXdetector
        around it, or of the only one beside it; else all ids from the smallest to the largest are one row.
    first_id
        The id of the first pixel, where the file has no `detector_number`.

    Returns
    -------
    Events
        Ids that are no pixel's are -1. Times of pulses that count from an epoch are since the first pulse. Of
        a file that is still being written, pulses whose events are all there.

    Raises
    ------
    GumtreeError
        FILE_MISSING, FILE_DAMAGED, NO_EVENTS, SEVERAL_GROUPS, UNIT_MISMATCH, SIZES_DIFFER, BAD_PULSES,
        BAD_TYPE, NOT_ENOUGH_MEMORY.
    """
    from gumtree_core.files.nexus.hdf5 import damage_told, open_hdf5

    path = Path(path)
    with damage_told(path), open_hdf5(path) as file:
        node = _group(file, group, path)
        missing = [name for name in ITEMS if name not in node]
        if missing:
            raise GumtreeError("NO_EVENTS", f"{node.name} of {path} has no {' and no '.join(missing)}.")
        growing = node["event_id"].maxshape[0] is None
        # What is counted is read before what it counts, as a writer may add to both meanwhile.
        index, zeros = _numbers(node["event_index"], path, "iu"), _numbers(node["event_time_zero"], path)
        ids, offsets = _numbers(node["event_id"], path, "iu"), _numbers(node["event_time_offset"], path)
        tick = _factor(node["event_time_offset"], "us", path)
        seconds = _factor(node["event_time_zero"], "s", path)
        numbers = _detector_numbers(node, path)
    if growing:
        pulses, there = min(index.size, zeros.size), min(ids.size, offsets.size)
        pulses = min(pulses, int(np.searchsorted(index[:pulses], there, "right")))
        complete = pulses == index.size == zeros.size and there == ids.size == offsets.size
        index, zeros, ids, offsets = index[:pulses], zeros[:pulses], ids[:there], offsets[:there]
    else:
        complete = True
    pixel, found = _pixels(ids, numbers, shape, first_id)
    times = _since_start(zeros, seconds)
    return Events(pixel, offsets, tick, found, index.astype(np.int64), times, path.name, complete)


def _pixels(
    ids: NDArray[Any], numbers: NDArray[Any] | None, shape: tuple[int, int] | None, first: int
) -> tuple[NDArray[Any], tuple[int, int]]:
    """Which pixel each id is, and the shape of the detector."""
    if numbers is None:
        if shape is None:
            first = int(ids.min()) if ids.size else 0
            shape = (1, int(ids.max()) - first + 1 if ids.size else 1)
        return (ids.astype(np.int64) - first if first else ids), shape
    if shape is None:
        shape = numbers.shape if numbers.ndim == 2 else (1, numbers.size)
    elif shape[0] * shape[1] != numbers.size:
        raise GumtreeError(
            "SIZES_DIFFER", f"A detector of {shape} pixels has not the {numbers.size} of detector_number."
        )
    flat = numbers.reshape(-1).astype(np.int64)
    if np.array_equal(flat, np.arange(flat.size) + flat[0]):
        return (ids.astype(np.int64) - flat[0] if flat[0] else ids), shape
    order = np.argsort(flat, kind="stable")
    place = np.searchsorted(flat[order], ids).clip(max=flat.size - 1)
    return np.where(flat[order][place] == ids, order[place], -1), shape


def _since_start(zeros: NDArray[Any], seconds: float) -> Floats:
    """In s; what counts from an epoch is made to count from the first pulse, before digits are lost."""
    if zeros.size and zeros[0] * seconds > EPOCH:
        zeros = zeros.astype(np.int64) if zeros.dtype.kind in "iu" else zeros
        zeros = zeros - zeros[0]
    return np.asarray(zeros, dtype=np.float64) * seconds


def _numbers(item: Any, path: Path, kinds: str = "iuf") -> NDArray[Any]:
    """A row of numbers, in the byte order of this machine."""
    from gumtree_core.files.nexus.hdf5_items import Hdf5Item

    values = Hdf5Item(item, path, path.resolve().parent).read()
    if not isinstance(values, np.ndarray) or values.dtype.kind not in kinds or values.ndim != 1:
        raise GumtreeError(
            "BAD_TYPE", f"{item.name} of {path} is no row of {'whole ' * (kinds == 'iu')}numbers."
        )
    return values.astype(values.dtype.newbyteorder("="), copy=False)


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
    found = _groups(file)
    if not found:
        raise GumtreeError("NO_EVENTS", f"{path} has no group of the class NXevent_data.")
    if len(found) > 1:
        names = ", ".join(found)
        raise GumtreeError("SEVERAL_GROUPS", f"{path} has events in {names}; name one with group=.")
    return file[found[0]]


def event_groups(path: Path) -> list[str]:
    """The paths of the groups NXevent_data of a file; FILE_MISSING, FILE_DAMAGED."""
    from gumtree_core.files.nexus.hdf5 import damage_told, open_hdf5

    with damage_told(path), open_hdf5(path) as file:
        return _groups(file)


def _groups(file: Any) -> list[str]:
    import h5py

    found: list[str] = []

    def look(name: str, node: Any) -> None:
        if isinstance(node, h5py.Group) and _text(node.attrs.get("NX_class", "")) == "NXevent_data":
            found.append(name)

    file.visititems(look)  # which comes to each group once, whatever links lead to it
    return sorted(found)


def _detector_numbers(node: Any, path: Path) -> NDArray[Any] | None:
    """Of the group, of what is around it, or of the only detector beside it."""
    from gumtree_core.files.nexus.hdf5_items import Hdf5Item

    beside = [each for each in node.parent.values() if hasattr(each, "keys") and "detector_number" in each]
    for place in (node, node.parent, *(beside if len(beside) == 1 else ())):
        if "detector_number" in place:
            numbers = Hdf5Item(place["detector_number"], path, path.resolve().parent).read()
            if not isinstance(numbers, np.ndarray) or numbers.dtype.kind not in "iu" or not numbers.size:
                raise GumtreeError("BAD_TYPE", f"detector_number of {path} is not of whole numbers.")
            return numbers
    return None


def _factor(item: Any, unit: str, path: Path) -> float:
    own = _text(item.attrs.get("units", "")) or unit
    own = {"second": "s", "nanosecond": "ns", "microsecond": "us", "microseconds": "us"}.get(own, own)
    found = conversion(own, unit)
    if found is None:
        raise GumtreeError("UNIT_MISMATCH", f"{item.name} of {path} is in '{own}', which is no time.")
    return float(found[0])


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
