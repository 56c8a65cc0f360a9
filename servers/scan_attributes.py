"""What GumtreeScan shows: a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tango.server import device_property

from gumtree_core.acquisition.definition import MAX_POINTS
from gumtree_core.devices.protocols import PresetMode
from servers.base import GumtreeDevice, published

LOG_LINES = 200
SETTINGS = {
    "actuator": "",
    "start_position": 0.0,
    "stop_position": 0.0,
    "points": 11,
    "preset_mode": PresetMode.TIME,
    "preset": 1.0,
    "title": "",
    "sample_name": "",
    "sample_thickness": 0.0,
    "user": "",
}


def _setting(name: str, dtype: Any, label: str, doc: str, group: str, **options: Any) -> Any:
    """An attribute that is only kept for the next scan, and over a restart of the server."""
    return published(
        name,
        dtype,
        write=f"set_{name}",
        label=label,
        doc=doc,
        memorized=True,
        hw_memorized=True,
        hint={"group": group},
        **options,
    )


def _keep(name: str) -> Callable[[Any, Any], None]:
    def keep(self: ScanAttributes, value: Any) -> None:
        self.publish(**{name: value})

    return keep


class ScanAttributes(GumtreeDevice):
    """Properties and attributes of GumtreeScan."""

    Counter = device_property(dtype=str, default_value="", doc="Device that sets the preset: GumtreeCounter.")
    Detectors = device_property(
        dtype=(str,), default_value=(), doc="Devices that are read at each point; the first is the main one."
    )
    Motors = device_property(
        dtype=(str,), default_value=(), doc="Lines name=device: what can be scanned, and is recorded."
    )
    LogicalKeys = device_property(
        dtype=(str,), default_value=(), doc="Lines key=device/attribute, key=number unit, or key=text."
    )
    DataDirectory = device_property(dtype=str, default_value="", doc="Folder of the NeXus files.")
    FilePrefix = device_property(dtype=str, default_value="run", doc="Start of the file names.")
    Instrument = device_property(dtype=str, default_value="", doc="Name of the instrument, for the files.")

    ui_groups = (
        {"name": "run", "label": "Run"},
        {"name": "scan", "label": "Scan"},
        {"name": "progress", "label": "Progress"},
    )

    title = _setting("title", str, "Title", "Title of the runs to come.", "run")
    sample_name = _setting("sample_name", str, "Sample", "Name of the sample.", "run")
    sample_thickness = _setting(
        "sample_thickness",
        float,
        "Thickness",
        "Thickness of the sample along the beam; 0 says that it is not known here.",
        "run",
        unit="mm",
        format="%.3f",
        min_value=0,
    )
    user = _setting("user", str, "User", "Who measures.", "run")
    preset_mode = _setting("preset_mode", PresetMode, "Count until", "What ends each count.", "run")
    preset = _setting(
        "preset",
        float,
        "Preset",
        "Live time (s) or monitor counts at which each count ends.",
        "run",
        unit="s",
        format="%.3f",
        min_value=0,
    )
    actuator = _setting("actuator", str, "Actuator", "What a scan moves: one of the property Motors.", "scan")
    start_position = _setting(
        "start_position", float, "From", "First position of a scan.", "scan", format="%.4f"
    )
    stop_position = _setting("stop_position", float, "To", "Last position of a scan.", "scan", format="%.4f")
    points = _setting(
        "points",
        int,
        "Points",
        "Number of positions, first and last included.",
        "scan",
        format="%d",
        min_value=1,
        max_value=MAX_POINTS,
    )

    point = published(
        "point", int, label="Points done", format="%d", doc="Points recorded.", hint={"group": "progress"}
    )
    progress = published(
        "progress",
        float,
        label="Progress",
        unit="%",
        format="%.1f",
        min_value=0,
        max_value=100,
        doc="How much of the scan is done.",
        hint={"group": "progress", "widget": "progress"},
    )
    remaining_time = published(
        "remaining_time",
        float,
        label="Remaining time",
        unit="s",
        format="%.0f",
        doc="How long the scan will still take, learnt from its points so far.",
        hint={"group": "progress", "widget": "duration"},
    )
    scan_number = published(
        "scan_number",
        int,
        label="Run number",
        format="%d",
        doc="Of this run or the last.",
        hint={"group": "progress"},
    )
    file_name = published(
        "file_name",
        str,
        label="File",
        doc="NeXus file of this run or the last; it can be read while it is written.",
        hint={"group": "progress"},
    )
    positions = published(
        "positions",
        (float,),
        max_dim_x=MAX_POINTS,
        label="Positions",
        format="%.4f",
        doc="Position of the actuator at each point.",
        hint={"group": "progress", "hidden": True},
    )
    counts = published(
        "counts",
        (float,),
        max_dim_x=MAX_POINTS,
        label="Counts",
        unit="counts",
        format="%.0f",
        doc="Counts of the main detector at each point.",
        hint={"group": "progress", "widget": "curve", "x": "positions"},
    )
    monitor = published(
        "monitor",
        (float,),
        max_dim_x=MAX_POINTS,
        label="Monitor",
        unit="counts",
        format="%.0f",
        doc="Counts of the beam monitor at each point.",
        hint={"group": "progress", "widget": "curve", "x": "positions"},
    )
    log = published(
        "log",
        (str,),
        max_dim_x=LOG_LINES,
        label="Log",
        doc="What has happened, newest last.",
        hint={"group": "progress", "widget": "log"},
    )

    set_title = _keep("title")
    set_sample_name = _keep("sample_name")
    set_sample_thickness = _keep("sample_thickness")
    set_user = _keep("user")
    set_preset = _keep("preset")
    set_start_position = _keep("start_position")
    set_stop_position = _keep("stop_position")
    set_points = _keep("points")
