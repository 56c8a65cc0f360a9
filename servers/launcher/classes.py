"""What is known of our device classes: read from the classes themselves."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib.metadata import entry_points

from tango import CmdArgType

from gumtree_core.errors import GumtreeError

DISTRIBUTION = "gumtree-tango"

REFERENCES = {
    "GumtreeScan": {
        "Counter": "GumtreeCounter",
        "Detectors": "GumtreeDetector",
        "Motors": "GumtreeMotor",
    },
    "GumtreeReduction": {"DetectorDevice": "GumtreeDetector", "CounterDevice": "GumtreeCounter"},
}
"""Properties that name devices, and of which class those are if they are ours."""

_DYNAMIC = frozenset({"GumtreeReduction"})
_LISTS = (CmdArgType.DevVarStringArray, CmdArgType.DevVarDoubleArray, CmdArgType.DevVarLong64Array)


@dataclass(frozen=True)
class DeviceClass:
    """A class of devices; `attributes` is None where a device makes its own."""

    name: str
    properties: frozenset[str]
    lists: frozenset[str]
    attributes: frozenset[str] | None


@functools.cache
def class_names() -> tuple[str, ...]:
    """The device classes that there are: the console scripts that are named as classes."""
    scripts = entry_points(group="console_scripts")
    return tuple(sorted(each.name for each in scripts if _is_ours(each) and each.name[0].isupper()))


@functools.cache
def device_class(name: str) -> DeviceClass:
    """The class of that name; PROGRAM_MISSING if it cannot be imported."""
    (script,) = (each for each in entry_points(group="console_scripts", name=name) if _is_ours(each))
    try:
        described = getattr(__import__(script.module, fromlist=[name]), name).TangoClassClass
    except ImportError as error:
        raise GumtreeError(
            "PROGRAM_MISSING", f"The server {name} cannot be run here: {error}. Install gumtree-tango anew."
        ) from error
    properties = described.device_property_list
    return DeviceClass(
        name,
        frozenset(properties),
        frozenset(key for key, value in properties.items() if value[0] in _LISTS),
        None if name in _DYNAMIC else frozenset(described.attr_list),
    )


def _is_ours(script: object) -> bool:
    distribution = getattr(script, "dist", None)
    return distribution is not None and distribution.name == DISTRIBUTION
