"""Events in NeXus files: NXevent_data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data.units import conversion
from gumtree_core.errors import GumtreeError
from gumtree_core.events.events import Events, Floats, check_pulses

ITEMS = ("event_id", "event_time_offset", "event_time_zero", "event_index")
EPOCH = 1e8
"""Seconds, three years: times of pulses beyond are since 1970 or the like, not since the run's start."""

UNITS = {"second": "s", "seconds": "s", "nanosecond": "ns", "nanoseconds": "ns", "microsecond": "us"}
UNITS |= {"microseconds": "us", "millisecond": "ms", "milliseconds": "ms"}
"""Units as some programs write them."""
SLICE = 4_000_000
"""Events that are in memory at a time, where a file is not read as a whole."""


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
        FILE_MISSING, FILE_DAMAGED, NO_EVENTS, SEVERAL_GROUPS, NO_UNIT, UNIT_MISMATCH, SIZES_DIFFER,
        BAD_PULSES, BAD_TYPE, NOT_ENOUGH_MEMORY.
    """
    with _opened(Path(path), group, shape, first_id) as stream:
        return stream.part(0, stream.size)


def nexus_slices(
    path: str | Path,
    size: int,
    *,
    group: str = "",
    shape: tuple[int, int] | None = None,
    first_id: int = 0,
) -> Iterator[Events]:
    """The events of a group, `size` at a time; a pulse that is cut is in both parts.

    Parameters and errors are those of `read_nexus_events`; times of pulses are in memory as a whole.
    """
    with _opened(Path(path), group, shape, first_id) as stream:
        for low in range(0, max(stream.size, 1), size):
            yield stream.part(low, min(low + size, stream.size))


@dataclass(frozen=True)
class _Stream:
    """An open group: what there is of each pulse, and the events in the file."""

    ids: Any
    offsets: Any
    path: Path
    size: int
    index: NDArray[np.int64]
    times: Floats
    tick: float
    pixels: Callable[[NDArray[Any]], NDArray[Any]]
    shape: tuple[int, int]
    complete: bool
    started: datetime | None

    def part(self, low: int, high: int) -> Events:
        """Events `low` to `high` - 1, and their pulses."""
        ids = _numbers(self.ids, self.path, "iu", slice(low, high))
        offsets = _numbers(self.offsets, self.path, "iuf", slice(low, high))
        first = int(np.searchsorted(self.index, low))
        last = self.index.size if high == self.size else int(np.searchsorted(self.index, high))
        continued = first > 0 and high > low and not (first < self.index.size and self.index[first] == low)
        first -= continued
        return Events(
            pixel=self.pixels(ids),
            time_of_flight=offsets,
            tick=self.tick,
            shape=self.shape,
            first_of_pulse=(self.index[first:last] - low).clip(min=0),
            pulse_time=self.times[first:last],
            title=self.path.name,
            complete=self.complete,
            started=self.started,
            continued=continued,
        )


@contextmanager
def _opened(path: Path, group: str, shape: tuple[int, int] | None, first_id: int) -> Iterator[_Stream]:
    from gumtree_core.files.nexus.hdf5 import damage_told, open_hdf5

    with damage_told(path), open_hdf5(path) as file:
        node = _group(file, group, path)
        missing = [name for name in ITEMS if name not in node]
        if missing:
            raise GumtreeError("NO_EVENTS", f"{node.name} of {path} has no {' and no '.join(missing)}.")
        ids, offsets, zero, begins = (_item(node, name, path) for name in ITEMS)
        # What is counted is read before what it counts, as a writer may add to both meanwhile.
        index, zeros = _numbers(begins, path, "iu").astype(np.int64), _numbers(zero, path)
        sizes = _length(ids, path), _length(offsets, path)
        size, complete = min(sizes), True
        if ids.maxshape[0] is None:  # it may be growing
            pulses = min(index.size, zeros.size)
            pulses = min(pulses, int(np.searchsorted(index[:pulses], size, "right")))
            complete = pulses == index.size == zeros.size and sizes[0] == sizes[1]
            index, zeros = index[:pulses], zeros[:pulses]
        elif sizes[0] != sizes[1] or index.size != zeros.size:
            raise GumtreeError(
                "SIZES_DIFFER",
                f"{node.name} of {path} has {sizes[0]} ids and {sizes[1]} times of flight, {index.size} "
                f"pulses and {zeros.size} times of them; each has one of both.",
            )
        check_pulses(index, size, path.name)
        numbers = _detector_numbers(node, path)
        if numbers is None and shape is None:
            first_id, shape = _one_row(ids, size, path)
        pixels, found = _pixels(numbers, shape, first_id)
        times, started = _since_start(zeros, zero, path)
        tick = _factor(offsets, "us", path)
        yield _Stream(ids, offsets, path, size, index, times, tick, pixels, found, complete, started)


def _one_row(ids: Any, size: int, path: Path) -> tuple[int, tuple[int, int]]:
    """The first id that there is, and the shape of one row up to the last."""
    lowest, highest = 0, 0
    for low in range(0, size, SLICE):
        some = _numbers(ids, path, "iu", slice(low, min(low + SLICE, size)))
        first, last = int(some.min()), int(some.max())
        lowest, highest = (min(lowest, first), max(highest, last)) if low else (first, last)
    return lowest, (1, highest - lowest + 1)


def _pixels(
    numbers: NDArray[Any] | None, shape: tuple[int, int] | None, first: int
) -> tuple[Callable[[NDArray[Any]], NDArray[Any]], tuple[int, int]]:
    """What gives the pixel of each id, and the shape of the detector."""
    if numbers is None:
        assert shape is not None
        return partial(_counted_from, first), shape
    if shape is None:
        shape = numbers.shape if numbers.ndim == 2 else (1, numbers.size)
    elif shape[0] * shape[1] != numbers.size:
        raise GumtreeError(
            "SIZES_DIFFER", f"A detector of {shape} pixels has not the {numbers.size} of detector_number."
        )
    flat = numbers.reshape(-1).astype(np.int64)
    if np.array_equal(flat, np.arange(flat.size) + flat[0]):
        return partial(_counted_from, int(flat[0])), shape
    order = np.argsort(flat, kind="stable")
    return partial(_looked_up, flat[order], order), shape


def _counted_from(first: int, ids: NDArray[Any]) -> NDArray[Any]:
    return ids.astype(np.int64) - first if first else ids


def _looked_up(numbers: NDArray[Any], order: NDArray[Any], ids: NDArray[Any]) -> NDArray[Any]:
    place = np.searchsorted(numbers, ids).clip(max=numbers.size - 1)
    return np.where(numbers[place] == ids, order[place], -1)


def _since_start(zeros: NDArray[Any], zero: Any, path: Path) -> tuple[Floats, datetime | None]:
    """In s, and when that was 0; what counts from an epoch is made to count from the first pulse.

    Before digits are lost. The epoch is the attribute `offset`, or else that of Unix.
    """
    seconds = _factor(zero, "s", path)
    started = None
    with suppress(ValueError):
        started = datetime.fromisoformat(_text(zero.attrs.get("offset", "")))
    if zeros.size and zeros[0] * seconds > EPOCH:
        if zeros.max() > np.iinfo(np.int64).max:
            raise GumtreeError("BAD_PULSES", f"{path.name} has a pulse at {zeros.max()}, which is no time.")
        first = float(zeros[0] * seconds)
        zeros = zeros.astype(np.int64) if zeros.dtype.kind in "iu" else zeros
        zeros = zeros - zeros[0]
        with suppress(OverflowError):  # a date beyond the calendar is none
            started = (started or datetime.fromtimestamp(0, UTC)) + timedelta(seconds=first)
    return np.asarray(zeros, dtype=np.float64) * seconds, started


def _item(node: Any, name: str, path: Path) -> Any:
    """What stands in a group; LINK_OUTSIDE where that is a link to a file in another folder."""
    from gumtree_core.files.nexus.hdf5_items import inside

    found = node[name]
    inside(path.resolve().parent, path.parent, found.file.filename, f"{name} of {path}")
    return found


def _length(item: Any, path: Path) -> int:
    """How many numbers a row has; FILE_DAMAGED where far more are declared than are stored."""
    from gumtree_core.files.nexus.hdf5_items import COMPRESSION, LARGE

    if len(item.shape or ()) != 1:
        raise GumtreeError("BAD_TYPE", f"{item.name} of {path} is no row of numbers.")
    declared, elsewhere = item.size * item.dtype.itemsize, item.is_virtual or item.external
    if declared > LARGE and not elsewhere and declared > COMPRESSION * max(item.id.get_storage_size(), 1):
        raise GumtreeError(
            "FILE_DAMAGED", f"{item.name} of {path} declares {item.size} numbers, which are not stored."
        )
    return int(item.size)


def _numbers(item: Any, path: Path, kinds: str = "iuf", which: slice | None = None) -> NDArray[Any]:
    """A row of numbers or some of it, in the byte order of this machine."""
    from gumtree_core.files.nexus.hdf5_items import Hdf5Item

    values = Hdf5Item(item, path, path.resolve().parent).read(which)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in kinds or values.ndim != 1:
        raise GumtreeError(
            "BAD_TYPE", f"{item.name} of {path} is no row of {'whole ' * (kinds == 'iu')}numbers."
        )
    return values.astype(values.dtype.newbyteorder("="), copy=False)


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
            numbers = Hdf5Item(_item(place, "detector_number", path), path, path.resolve().parent).read()
            if not isinstance(numbers, np.ndarray) or numbers.dtype.kind not in "iu" or not numbers.size:
                raise GumtreeError("BAD_TYPE", f"detector_number of {path} is not of whole numbers.")
            return numbers
    return None


def _factor(item: Any, unit: str, path: Path) -> float:
    own = _text(item.attrs.get("units", "")).strip()
    if not own:
        raise GumtreeError(
            "NO_UNIT",
            f"{item.name} of {path} has no attribute `units`, and its times are not guessed; add it, such as "
            f"'{unit}' or 'ns'.",
        )
    own = UNITS.get(own, own)
    found = conversion(own, unit)
    if found is None:
        raise GumtreeError("UNIT_MISMATCH", f"{item.name} of {path} is in '{own}', which is no time.")
    return float(found[0])


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
