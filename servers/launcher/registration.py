"""The devices of an instrument in a Tango database: what is written there, and nothing else is touched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import tango

from gumtree_core.errors import GumtreeError
from servers.launcher.configuration import Configuration, DeviceEntry

LOGICAL_KEYS = ("GumtreeScan", "GumtreeReduction")


def open_database(tango_host: str) -> tango.Database:
    """Connect to a Tango database; DATABASE_UNREACHABLE if it does not answer."""
    host, _, port = tango_host.partition(":")
    if not host or not port.isdigit():
        raise GumtreeError(
            "TANGO_HOST_INVALID", f"{tango_host!r} is no Tango host; it is HOST:PORT, like db1:10000."
        )
    try:
        database = tango.Database(host, int(port))
        database.get_info()
    except tango.DevFailed as error:
        raise GumtreeError(
            "DATABASE_UNREACHABLE",
            f"No Tango database answers at {tango_host}. Check the address, and that the database runs.",
        ) from error
    return database


def register(database: tango.Database, config: Configuration, substitutions: Mapping[str, str]) -> None:
    """Declare servers, devices, aliases, properties and attribute settings of the instrument."""
    servers: dict[str, list[str]] = defaultdict(list)
    for name, entry in config.devices.items():
        servers[f"{entry.device_class}/{config.instrument}"].append(name)
    for server, names in servers.items():
        infos = []
        for name in names:
            info = tango.DbDevInfo()
            info.name, info._class, info.server = name, server.partition("/")[0], server
            infos.append(info)
        admin = tango.DbDevInfo()
        admin.name, admin._class, admin.server = f"dserver/{server}", "DServer", server
        database.add_server(server, [*infos, admin], with_dserver=False)
    for name, entry in config.devices.items():
        _describe(database, config, name, entry, substitutions)
    database.put_property("gumtree", {config.instrument: list(config.devices)})


def _describe(
    database: tango.Database,
    config: Configuration,
    name: str,
    entry: DeviceEntry,
    substitutions: Mapping[str, str],
) -> None:
    if entry.alias:
        _give_alias(database, name, entry.alias)
    properties = {key: _lines(value, substitutions) for key, value in entry.properties.items()}
    if entry.device_class in LOGICAL_KEYS:
        properties.setdefault("LogicalKeys", [f"{key}={value}" for key, value in config.keys.items()])
    if properties:
        database.put_device_property(name, properties)
    settings = {attribute: each.as_properties() for attribute, each in entry.attributes.items()}
    if settings:
        database.put_device_attribute_property(name, settings)


def _give_alias(database: tango.Database, name: str, alias: str) -> None:
    try:
        owner = database.get_device_from_alias(alias)
    except tango.DevFailed:
        owner = ""
    if owner.lower() == name.lower():
        return
    if owner:
        raise GumtreeError(
            "ALIAS_TAKEN",
            f"The alias {alias} belongs to {owner} in this database. Choose another for {name}.",
        )
    database.put_device_alias(name, alias)


def _lines(value: object, substitutions: Mapping[str, str]) -> list[str]:
    if isinstance(value, dict):
        lines = [f"{key}={each}" for key, each in value.items()]
    else:
        lines = [str(each) for each in value] if isinstance(value, list) else [str(value)]
    for key, replacement in substitutions.items():
        lines = [line.replace(f"${{{key}}}", replacement) for line in lines]
    return lines
