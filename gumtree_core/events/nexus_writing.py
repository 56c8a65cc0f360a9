"""Events written to NeXus files, as NXevent_data."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gumtree_core.errors import GumtreeError
from gumtree_core.events.events import Events
from gumtree_core.files.saving import save_new


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
        times, nanoseconds = np.asarray(events.time_of_flight), round(events.tick * 1e3)
        whole = times.dtype.kind in "iu" and math.isclose(events.tick * 1e3, nanoseconds, rel_tol=1e-12)
        # Whole numbers stay so: an event on the edge of a bin is there when it is read again.
        offsets = times.astype(np.int64) * nanoseconds if whole else times * events.tick
        group.create_dataset("event_time_offset", data=offsets, **options)
        group["event_time_offset"].attrs["units"] = "ns" if whole else "us"
        group["event_time_zero"] = events.pulse_time
        group["event_time_zero"].attrs["units"] = "s"
        if events.started:
            group["event_time_zero"].attrs["offset"] = events.started.isoformat()
        group["event_index"] = events.first_of_pulse
        for numbers in ("event_id", "event_index"):
            group[numbers].attrs["units"] = ""


def _made(parent: Any, name: str, nx_class: str) -> Any:
    group = parent.create_group(name)
    group.attrs["NX_class"] = nx_class
    return group
