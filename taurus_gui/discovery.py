"""Which devices belong to the instrument: from its `run.json`, or from the Tango database."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tango

from gumtree_core.errors import GumtreeError
from gumtree_core.paths import data_directory

FREE_PROPERTY = "gumtree"
"""Free property of the Tango database: property name = instrument, value = device names."""


@dataclass(frozen=True)
class DeviceEntry:
    """A device of the instrument: full Tango name, and the short name that people use."""

    name: str
    label: str


@dataclass(frozen=True)
class Instrument:
    """What the window shows."""

    name: str
    tango_host: str
    devices: tuple[DeviceEntry, ...]
    title: str = ""

    def resource(self, entry: DeviceEntry) -> str:
        """The name with which a DeviceProxy is made, whatever the environment says."""
        if "://" in entry.name or not self.tango_host:
            return entry.name
        return f"tango://{self.tango_host}/{entry.name}"


def find(
    instrument: str | None,
    tango_host: str | None,
    devices: Sequence[str] = (),
    data_dir: Path | None = None,
) -> Instrument:
    """Find the instrument to show.

    Parameters
    ----------
    instrument
        Its name; None: the only one that runs.
    tango_host
        HOST:PORT of a Tango database; None: what the running instrument says, else $TANGO_HOST.
    devices
        Names of devices to show, in place of the instrument's.
    data_dir
        What was given to `gumtree up --data-dir`.

    Raises
    ------
    GumtreeError
        INSTRUMENT_NOT_RUNNING, SEVERAL_INSTRUMENTS, UNKNOWN_INSTRUMENT or DATABASE_UNREACHABLE.
    """
    if devices:
        running = _only(instrument) if instrument and not tango_host else None
        host = tango_host or (running.tango_host if running else os.environ.get("TANGO_HOST", ""))
        return Instrument(instrument or "Devices", host, entries([(name, "") for name in devices]))
    if data_dir is not None:
        found = _read_record(data_dir)
        if found is None:
            raise GumtreeError(
                "INSTRUMENT_NOT_RUNNING",
                f"No instrument runs in {data_dir}; start it with 'gumtree up --data-dir {data_dir}'.",
            )
        return found
    if tango_host is None:
        found = _only(instrument)
        if found is not None:
            return found
        tango_host = os.environ.get("TANGO_HOST")
    if tango_host is None:
        named = f"'{instrument}'" if instrument else "instrument"
        raise GumtreeError(
            "INSTRUMENT_NOT_RUNNING",
            f"No running {named} was found; start it with 'gumtree up', or give --tango-host HOST:PORT.",
        )
    return _from_database(instrument, tango_host)


def _running(instrument: str | None) -> dict[str, Instrument]:
    """Instruments that have a `run.json`, by name."""
    parent = data_directory("any").parent
    names = [instrument] if instrument else sorted(p.parent.name for p in parent.glob("*/run.json"))
    found: dict[str, Instrument] = {}
    for name in names:
        running = _read_record(data_directory(name))
        if running is not None:
            found[name] = running
    return found


def _read_record(folder: Path) -> Instrument | None:
    """What the `run.json` of a data directory tells; None if there is none."""
    path = folder / "run.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        devices = [(str(each["name"]), each.get("alias") or "") for each in data["devices"]]
        name = str(data.get("instrument") or folder.name)
        return Instrument(name, str(data["tango_host"]), entries(devices), str(data.get("title") or ""))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GumtreeError(
            "INSTRUMENT_NOT_RUNNING",
            f"{path} cannot be read ({error}); start the instrument again with 'gumtree up'.",
        ) from error


def _only(instrument: str | None) -> Instrument | None:
    """The instrument that runs on this machine, if one does."""
    running = _running(instrument)
    if len(running) > 1:
        raise GumtreeError(
            "SEVERAL_INSTRUMENTS",
            f"Several instruments run here ({', '.join(running)}); say which: gumtree gui INSTRUMENT.",
        )
    return next(iter(running.values()), None)


def _from_database(instrument: str | None, tango_host: str) -> Instrument:
    host, _, port = tango_host.partition(",")[0].rpartition(":")
    try:
        database = tango.Database(host, int(port))
        instruments = list(database.command_inout("DbGetPropertyList", [FREE_PROPERTY, "*"]))
    except (tango.DevFailed, ValueError) as error:
        raise GumtreeError(
            "DATABASE_UNREACHABLE",
            f"There is no Tango database at '{tango_host}' (HOST:PORT); start it or correct the address.",
        ) from error
    if instrument is None and len(instruments) == 1:
        instrument = instruments[0]
    if instrument is None or instrument not in instruments:
        known = ", ".join(instruments) or "none"
        asked = f"no instrument '{instrument}'" if instrument else "more or less than one instrument"
        raise GumtreeError(
            "UNKNOWN_INSTRUMENT",
            f"The database at {tango_host} holds {asked} (known: {known}); give its name, or --device NAME.",
        )
    names = list(database.get_property(FREE_PROPERTY, instrument)[instrument])
    return Instrument(instrument, tango_host, entries([(name, _alias(database, name)) for name in names]))


def _alias(database: tango.Database, name: str) -> str:
    try:
        return str(database.get_alias_from_device(name))
    except tango.DevFailed:
        return ""


def entries(names: Sequence[tuple[str, str]]) -> tuple[DeviceEntry, ...]:
    """Devices by name and alias; their label is the alias, else as much of the name as tells them apart."""
    parts = [name.split("#")[0].rstrip("/").split("/") for name, _ in names]
    members = [part[-1] for part in parts]
    labels = [
        alias or (member if members.count(member) == 1 else " ".join(part[-2:]))
        for (_, alias), part, member in zip(names, parts, members, strict=True)
    ]
    return tuple(DeviceEntry(name, label) for (name, _), label in zip(names, labels, strict=True))
