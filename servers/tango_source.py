"""A live Tango system as a run: the database is the file, a device a group, an attribute an item.

`load("tango:")` finds it by the entry point `gumtree.sources`, so that gumtree_core knows nothing of Tango.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tango

from gumtree_core.errors import GumtreeError
from gumtree_core.files.dictionaries.dictionary import dictionary
from gumtree_core.files.dictionaries.mapping_reader import fitting_entries, read_by_mapping
from gumtree_core.files.dictionaries.tree import Point
from gumtree_core.files.run import Run
from servers.dialects.connection import gumtree_error
from servers.live import LiveKeys

_ADDRESS = re.compile(
    r"tango:(?://(?P<host>[^/]+:\d+))?/?(?P<device>[^/#]+/[^/#]+/[^/#]+)?(?P<option>#dbase=no)?"
)
_CLASSES = ("GumtreeReduction", "GumtreeScan")
"""Classes of devices that may have logical keys."""
_DEVICE_PARTS = 3
_KEYS = "LogicalKeys"
_NUMBERS = "biuf"


def load_tango(address: str) -> Run:
    """Read the live system now, under logical keys.

    Parameters
    ----------
    address
        ``tango:`` for the database of `$TANGO_HOST`, ``tango://HOST:PORT`` for another; a device behind it,
        such as ``tango:sans/reduction/main``, for the keys that stand in its property `LogicalKeys`.

    Returns
    -------
    Run
        In memory. By a mapping with ``entry: /`` whose paths are ``domain/family/member/attribute`` if one
        fits; else by the keys of the device, or of the first reduction or scan device that has some.

    Raises
    ------
    GumtreeError
        BAD_ADDRESS, NO_LOGICAL_KEYS, DEVICE_LOST, DATABASE_UNREACHABLE, and what a key's value raises.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise GumtreeError(
            "BAD_ADDRESS",
            f"{address!r} is no Tango address; write tango:, tango://HOST:PORT or "
            "tango://HOST:PORT/domain/family/member.",
        )
    source = TangoSource(address, match["host"] or "", match["option"] or "")
    with source.open() as tree:
        table = dictionary()
        for mapping in table.mappings:
            if mapping.entry == "/" and fitting_entries(tree, mapping):
                return read_by_mapping(source, mapping, table, "/").eager()
        return _by_keys(tree, address, match["device"])


def _by_keys(tree: TangoTree, address: str, device: str | None) -> Run:
    """The run by the logical keys that a device has as its property."""
    for name in [device] if device else tree.devices_of(_CLASSES):
        properties = tree.properties(name, (_KEYS, "DetectorDevice", "CounterDevice", "Detectors", "Counter"))
        if not properties[_KEYS]:
            continue
        detectors = properties["DetectorDevice"] or properties["Detectors"]
        counters = properties["CounterDevice"] or properties["Counter"]
        lines = [tree.full_line(line) for line in properties[_KEYS]]
        detector, counter = (tree.full(each[0]) if each else "" for each in (detectors, counters))
        return LiveKeys(lines, detector=detector, counter=counter).run()
    raise GumtreeError(
        "NO_LOGICAL_KEYS",
        f"{address}: {device or 'no device'} has a property {_KEYS}, and no mapping fits. Name a device that "
        "has it, or add a mapping with `entry: /`.",
    )


class TangoSource:
    """A Tango system that a mapping is read from."""

    path: Path | None = None

    def __init__(self, name: str, host: str, option: str) -> None:
        self.name = name
        self._host, self._option = host, option
        self._tree: TangoTree | None = None

    @contextmanager
    def open(self) -> Iterator[TangoTree]:
        """Give the one tree: its connections and values are kept, so that a run is of one moment."""
        if self._tree is None:
            self._tree = TangoTree(self._host, self._option)
        yield self._tree


class TangoTree:
    """Devices as groups, attributes as items; what was read is not read again."""

    def __init__(self, host: str, option: str) -> None:
        self._prefix = f"tango://{host}/" if host else ""
        self._option = option
        self._database = None if option else _database(host)
        self._proxies: dict[str, tango.DeviceProxy] = {}
        self._items: dict[str, TangoItem | None] = {}

    def names(self, group: str) -> Iterable[str]:
        """Domains, families, members, or the attributes of a device."""
        parts = _parts(group)
        if len(parts) == _DEVICE_PARTS:
            proxy = self._proxy("/".join(parts))
            return [str(name) for name in proxy.get_attribute_list()] if proxy is not None else []
        if self._database is None or len(parts) > _DEVICE_PARTS:
            return []
        above = "/".join([*parts, "*"])
        ask = (
            self._database.get_device_domain,
            self._database.get_device_family,
            self._database.get_device_member,
        )[len(parts)]
        return [str(name) for name in ask(above)]

    def is_group(self, path: str) -> bool:
        """Whether it is a device, or has some below it."""
        parts = _parts(path)
        if len(parts) == _DEVICE_PARTS:
            return self._proxy("/".join(parts)) is not None
        return len(parts) < _DEVICE_PARTS and bool(list(self.names(path)))

    def has(self, path: str) -> bool:
        """Whether there is a device or an attribute."""
        return self.item(path) is not None or self.is_group(path)

    def item(self, path: str) -> TangoItem | None:
        """An attribute, with its value as it was when it was first asked for."""
        parts = _parts(path)
        if len(parts) != _DEVICE_PARTS + 1 or "@" in path:
            return None
        if path not in self._items:
            self._items[path] = self._read("/".join(parts[:_DEVICE_PARTS]), parts[-1])
        return self._items[path]

    def devices_of(self, classes: Iterable[str]) -> list[str]:
        """Devices of the classes that run."""
        if self._database is None:
            return []
        found = [self._database.get_device_exported_for_class(name) for name in classes]
        return [str(device) for devices in found for device in devices]

    def properties(self, device: str, names: Iterable[str]) -> dict[str, list[str]]:
        """Properties of a device as lists of lines; empty for those that it has not."""
        if self._database is None:
            return {name: [] for name in names}
        try:
            found = self._database.get_device_property(device, list(names))
        except tango.DevFailed as error:
            raise gumtree_error(device, error) from error
        return {name: [str(line) for line in found[name]] for name in names}

    def full(self, device: str) -> str:
        """The address of a device of this system."""
        return device if device.startswith("tango:") else f"{self._prefix}{device}{self._option}"

    def full_line(self, line: str) -> str:
        """A line of logical keys with the full address of its device, if it has one."""
        key, equals, target = line.partition("=")
        target = target.strip()
        named = re.match(r"[^\s/{]+/[^\s/{]+/[^\s/{]+/\w", target)
        return f"{key}{equals}{self._prefix}{target}" if named and self._prefix else line

    def _proxy(self, device: str) -> tango.DeviceProxy | None:
        if device not in self._proxies:
            try:
                self._proxies[device] = tango.DeviceProxy(self.full(device))
            except tango.DevFailed:
                return None
        return self._proxies[device]

    def _read(self, device: str, attribute: str) -> TangoItem | None:
        proxy = self._proxy(device)
        if proxy is None:
            return None
        try:
            config = proxy.get_attribute_config(attribute)
            answer = proxy.read_attribute(attribute)
        except tango.DevFailed as error:
            if error.args[0].reason == "API_AttrNotFound":
                return None
            raise gumtree_error(f"{device}/{attribute}", error) from error
        if answer.value is None or answer.quality == tango.AttrQuality.ATTR_INVALID:
            return None
        return TangoItem(answer.value, config.unit.replace("No unit", ""))


class TangoItem:
    """The value of an attribute."""

    growing = False

    def __init__(self, value: Any, unit: str) -> None:
        array = np.asarray(value)
        self.unit = unit
        self.shape: tuple[int, ...] = array.shape
        self.nbytes = array.nbytes
        self.kind = "number" if array.dtype.kind in _NUMBERS else "text"
        self._value = array if self.kind == "number" else str(array.ravel()[0] if array.size else "")

    def read(self, point: Point = None) -> Any:
        """The value that was read; some of it along its first dimension."""
        return self._value if point is None or isinstance(self._value, str) else self._value[point]


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _database(host: str) -> tango.Database:
    try:
        if not host:
            return tango.Database()
        name, _, port = host.rpartition(":")
        return tango.Database(name, int(port))
    except tango.DevFailed as error:
        raise GumtreeError(
            "DATABASE_UNREACHABLE",
            f"The Tango database {host or 'of $TANGO_HOST'} does not answer ({error.args[0].reason}).",
        ) from error
