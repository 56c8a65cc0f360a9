"""Tango devices, of any control system, as what the scan engine drives.

A dialect is a class that takes a `Connection` and is a Movable, a Countable or a PresetCounter; it is chosen
by the device's Tango class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from gumtree_core.devices.protocols import Countable, Movable, PresetCounter
from gumtree_core.errors import GumtreeError
from servers.dialects.connection import Connection
from servers.dialects.gumtree import GumtreeCountable, GumtreeMovable, GumtreePresetCounter

MOVABLES: dict[str, Callable[[Connection], Movable]] = {"GumtreeMotor": GumtreeMovable}
COUNTABLES: dict[str, Callable[[Connection], Countable]] = {"GumtreeDetector": GumtreeCountable}
PRESET_COUNTERS: dict[str, Callable[[Connection], PresetCounter]] = {"GumtreeCounter": GumtreePresetCounter}

Role = TypeVar("Role")


def as_movable(trl: str, name: str = "", *, patience: float = 0.0) -> Movable:
    """The Tango device as something that a scan moves.

    Parameters
    ----------
    trl
        Tango resource locator: a device name, an alias, or a full address.
    name
        What messages call it; left out, the locator.
    patience
        Seconds to wait for the device if it does not answer or is not ready.

    Raises
    ------
    GumtreeError
        DEVICE_LOST, DEVICE_NOT_READY, DEVICE_CLASS_UNKNOWN.
    """
    return _as(MOVABLES, "moved by a scan", trl, name, patience)


def as_countable(trl: str, name: str = "", *, patience: float = 0.0) -> Countable:
    """The Tango device as something that is read at each point; see `as_movable`."""
    return _as(COUNTABLES, "read at each point of a scan", trl, name, patience)


def as_preset_counter(trl: str, name: str = "", *, patience: float = 0.0) -> PresetCounter:
    """The Tango device as what sets the preset of each point; see `as_movable`."""
    return _as(PRESET_COUNTERS, "used as the counter of a scan", trl, name, patience)


def _as(
    dialects: Mapping[str, Callable[[Connection], Role]],
    purpose: str,
    trl: str,
    name: str,
    patience: float,
) -> Role:
    connection = Connection(trl, name or trl)
    connection.ready(patience)
    tango_class = connection.ask(lambda proxy: proxy.info().dev_class)
    if tango_class not in dialects:
        raise GumtreeError(
            "DEVICE_CLASS_UNKNOWN",
            f"{trl} is a {tango_class} and cannot be {purpose}. Possible are: {', '.join(sorted(dialects))}.",
        )
    return dialects[tango_class](connection)
