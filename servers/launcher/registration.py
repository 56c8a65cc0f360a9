"""The devices of an instrument in a Tango database.

Only calls that every DataBaseds knows are used. What the file declares is written at each start; what it has
declared before and does not any more is taken back; what others have written stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import tango

from gumtree_core.errors import GumtreeError
from servers.launcher.configuration import AttributeSettings, Configuration, Placeholders

INSTRUMENTS = "gumtree"
"""Object of free properties: one property for each instrument, its value the names of its devices."""
DECLARED = "DeclaredByFile"
"""Device property: what the file declared at the last start, each `property` or `attribute/setting`."""
MEMORIZED = "__value"
"""Where Tango keeps the value of a memorized attribute."""


def open_database(tango_host: str) -> tango.Database:
    """Connect to a Tango database.

    Parameters
    ----------
    tango_host
        HOST:PORT.

    Raises
    ------
    GumtreeError
        TANGO_HOST_INVALID, DATABASE_UNREACHABLE.
    """
    host, _, port = tango_host.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise GumtreeError(
            "TANGO_HOST_INVALID",
            f"{tango_host!r} is no Tango host; give HOST:PORT, like db.example.org:10000.",
        )
    try:
        database = tango.Database(host, int(port))
        database.get_info()
    except tango.DevFailed as error:
        raise GumtreeError(
            "DATABASE_UNREACHABLE",
            f"No Tango database answers at {tango_host}. Is the address right, and is DataBaseds up?",
        ) from error
    return database


def check_free(database: tango.Database, configuration: Configuration) -> None:
    """Refuse to take over what others have in a facility's database.

    Raises
    ------
    GumtreeError
        SERVER_RUNNING, DEVICE_TAKEN, ALIAS_TAKEN; nothing has been written then.
    """
    for server in configuration.servers():
        info = _device_info(database, f"dserver/{server}")
        if info is not None and info.exported and _answers(database, f"dserver/{server}"):
            raise GumtreeError(
                "SERVER_RUNNING",
                f"The server {server} runs already on {info.host} (process {info.pid}). "
                "Stop it, in the Starter for instance, or use it as it is.",
            )
    for name, entry in configuration.devices.items():
        info = _device_info(database, name)
        server = configuration.server(name)
        if info is not None and info.ds_full_name.lower() != server.lower():
            raise GumtreeError(
                "DEVICE_TAKEN",
                f"The device {name} belongs to the server {info.ds_full_name} in this database, not to "
                f"{server}. Choose another name, or delete that device there.",
            )
        owner = _owner_of_alias(database, entry.alias) if entry.alias else ""
        if owner and owner.lower() != name.lower():
            raise GumtreeError(
                "ALIAS_TAKEN",
                f"The alias {entry.alias} belongs to {owner} in this database. Choose another for {name}.",
            )


def register(
    database: tango.Database, configuration: Configuration, substitutions: Mapping[str, str]
) -> list[str]:
    """Declare servers, devices, aliases, properties and attribute settings of the instrument.

    Returns the devices that these servers have in the database beside those of the file. They would be
    started too.
    """
    others: list[str] = []
    for server, names in configuration.servers().items():
        known = list(_devices_of(database, server))
        _declare(database, server, [name for name in names if name.lower() not in map(str.lower, known)])
        ours = {name.lower() for name in names}
        others += [each for each in known if each.lower() not in ours]
    for name, entry in configuration.devices.items():
        if entry.alias:
            _give_alias(database, name, entry.alias)
        properties = {
            key: [Placeholders(line).safe_substitute(substitutions) for line in lines]
            for key, lines in configuration.property_lines(name).items()
        }
        _describe(database, name, properties, entry.attributes)
    database.put_property(INSTRUMENTS, {configuration.instrument: list(configuration.devices)})
    return others


def _declare(database: tango.Database, server: str, names: list[str]) -> None:
    """Add devices to a server. Those that it has are not added again: that would take their alias away."""
    infos = []
    for name in names:
        info = tango.DbDevInfo()
        info.name, info._class, info.server = name, server.partition("/")[0], server
        infos.append(info)
    if infos:
        database.add_server(server, infos, with_dserver=True)


def _give_alias(database: tango.Database, name: str, alias: str) -> None:
    owner = _owner_of_alias(database, alias)
    if owner and owner.lower() != name.lower():
        database.delete_device_alias(alias)
    if owner.lower() != name.lower():
        database.put_device_alias(name, alias)


def _describe(
    database: tango.Database,
    name: str,
    properties: Mapping[str, list[str]],
    attributes: Mapping[str, AttributeSettings],
) -> None:
    settings = {attribute: each.model_dump(exclude_none=True) for attribute, each in attributes.items()}
    first_values = {attribute: each.pop("value") for attribute, each in settings.items() if "value" in each}
    declared = [*properties, *(f"{attribute}/{key}" for attribute in settings for key in settings[attribute])]
    before = list(database.get_device_property(name, DECLARED)[DECLARED])
    for stale in [each for each in before if each not in declared]:
        attribute, _, key = stale.rpartition("/")
        if attribute:
            database.delete_device_attribute_property(name, {attribute: [key]})
        else:
            database.delete_device_property(name, key)
    for attribute, value in first_values.items():
        if MEMORIZED not in database.get_device_attribute_property(name, attribute)[attribute]:
            settings[attribute][MEMORIZED] = value
    database.put_device_property(name, {**properties, DECLARED: declared})
    written = {
        attribute: {key: [value] for key, value in each.items()}
        for attribute, each in settings.items()
        if each
    }
    if written:
        database.put_device_attribute_property(name, written)


def _devices_of(database: tango.Database, server: str) -> Iterator[str]:
    found = list(database.get_device_class_list(server))
    return (name for name, kind in zip(found[::2], found[1::2], strict=True) if kind != "DServer")


def _device_info(database: tango.Database, name: str) -> tango.DbDevFullInfo | None:
    try:
        return database.get_device_info(name)
    except tango.DevFailed:
        return None


def _owner_of_alias(database: tango.Database, alias: str) -> str:
    try:
        return str(database.get_device_from_alias(alias))
    except tango.DevFailed:
        return ""


def _answers(database: tango.Database, name: str) -> bool:
    try:
        tango.DeviceProxy(f"tango://{database.get_db_host()}:{database.get_db_port()}/{name}").ping()
    except tango.DevFailed:
        return False
    return True
