"""What GumtreeReduction shows of itself, whatever script is loaded."""

from __future__ import annotations

import tango
from tango.server import device_property

from servers.base import GumtreeDevice, published

LOG_LINES = 500


class ReductionAttributes(GumtreeDevice):
    """Properties and attributes of GumtreeReduction; the methods that take what is written are there."""

    ScriptDirectory = device_property(dtype=str, default_value="", doc="Folder of the scripts.")
    DataDirectory = device_property(dtype=str, default_value="", doc="Folder for reduced data.")
    RawDirectory = device_property(
        dtype=str,
        default_value="",
        doc="Folder of measured data: a run may be given as the name of a file in it.",
    )
    LogicalKeys = device_property(
        dtype=(str,), default_value=(), doc="Lines key=device/attribute, as in GumtreeScan."
    )
    DetectorDevice = device_property(dtype=str, default_value="", doc="Detector that `live` follows.")
    CounterDevice = device_property(dtype=str, default_value="", doc="Counter that belongs to it.")
    TimeLimit = device_property(dtype=float, default_value=3600.0, doc="Seconds that an action may take.")
    MemoryLimit = device_property(
        dtype=float, default_value=8e9, doc="Bytes that the script may use; 0: any."
    )

    ui_groups = (
        {"name": "script", "label": "Script"},
        {"name": "results", "label": "Results"},
        {"name": "parameters", "label": "Parameters"},
        {"name": "log", "label": "Log"},
    )

    script = published(
        "script",
        str,
        write="choose",
        label="Script",
        doc="Name of the loaded script.",
        hint={"group": "script"},
    )
    live = published(
        "live",
        bool,
        write="set_live",
        label="Follow the detector",
        doc="Reduce what is being measured, again with each new image.",
        hint={"group": "script"},
    )
    scripts = published(
        "scripts",
        (str,),
        max_dim_x=1000,
        label="Known scripts",
        doc="Names.",
        hint={"group": "script", "hidden": True},
    )
    script_title = published(
        "script_title", str, label="Title", doc="Of the script.", hint={"group": "script"}
    )
    script_version = published(
        "script_version", str, label="Version", doc="Of the script.", hint={"group": "script"}
    )
    progress = published(
        "progress", float, label="Progress", unit="%", format="%.0f", doc="Of the action.",
        hint={"group": "script", "widget": "progress"},
    )  # fmt: skip
    output_file = published(
        "output_file",
        str,
        label="Saved as",
        doc="The file of the result; the log names all.",
        hint={"group": "results"},
    )
    log = published(
        "log",
        (str,),
        max_dim_x=LOG_LINES,
        label="Log",
        doc="What the script says.",
        hint={"group": "log", "widget": "log"},
    )
    interface = published(
        "interface",
        str,
        label="Interface",
        display_level=tango.DispLevel.EXPERT,
        doc="JSON of all that the script offers.",
        hint={"hidden": True},
    )
