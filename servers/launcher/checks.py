"""Mistakes of an instrument's file that are more than a wrong type: names that do not fit together."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from gumtree_core.errors import GumtreeError
from servers.launcher.classes import REFERENCES, class_names, device_class
from servers.launcher.configuration import (
    KEYS,
    SUBSTITUTIONS,
    Configuration,
    DeviceEntry,
    Placeholders,
    lines,
)
from servers.live import LiveKeys

Where = tuple[str | int, ...]
Mistake = tuple[Where, str]


def mistakes(configuration: Configuration) -> Iterator[Mistake]:
    """Each mistake: where it stands in the file, and what is wrong and allowed."""
    known = {*configuration.devices, *configuration.other_devices}
    for key, value in configuration.keys.items():
        yield from _key(configuration, known, ("keys", key), f"{key}={value}")
    aliases: dict[str, str] = {}
    for name, entry in configuration.devices.items():
        where: Where = ("devices", name)
        if entry.device_class not in class_names():
            yield (*where, "class"), unknown("class", entry.device_class, class_names())
            continue
        if entry.alias is not None:
            other = aliases.setdefault(entry.alias.lower(), name)
            if other != name:
                yield (*where, "alias"), f"{entry.alias} is the alias of {other} already; choose another"
        yield from _properties(configuration, known, where, entry)
        yield from _attributes(where, entry)


def unknown(what: str, name: str, allowed: Iterable[str]) -> str:
    """Say that a name is not known, which is near, and which are allowed."""
    names = sorted(allowed)
    near = difflib.get_close_matches(name, names, n=1)
    meant = f", did you mean {near[0]}? Allowed" if near else "; allowed"
    return f"there is no {what} {name}{meant}: {', '.join(names) or 'none'}"


def _key(configuration: Configuration, known: set[str], place: Where, line: str) -> Iterator[Mistake]:
    try:
        LiveKeys([line])
    except GumtreeError as error:
        yield place, error.message.rstrip(".")
        return
    address, _, _ = line.partition("=")[2].strip().partition(" ")
    if address.count("/") != 3:
        return
    device, _, attribute = address.rpartition("/")
    if device not in known:
        yield place, _undeclared(device, known)
    elif device in configuration.devices:
        yield from _attribute(place, configuration.devices[device], attribute)


def _properties(
    configuration: Configuration, known: set[str], where: Where, entry: DeviceEntry
) -> Iterator[Mistake]:
    own = device_class(entry.device_class)
    references = REFERENCES.get(entry.device_class, {})
    for name, value in entry.properties.items():
        place = (*where, "properties", name)
        if name not in own.properties:
            yield place, unknown(f"property of {own.name}", name, own.properties)
            continue
        if not isinstance(value, str) and name not in own.lists:
            yield place, f"{name} takes one value, not several"
            continue
        for line, here in zip(lines(value), _places(place, value), strict=True):
            yield from _placeholders(configuration, here, line)
            if name in references:
                yield from _reference(configuration, known, here, line, references[name])
            if name == KEYS:
                yield from _key(configuration, known, here, line)


def _places(place: Where, value: str | list[str] | dict[str, str]) -> Iterator[Where]:
    """Where each line of a property stands."""
    if isinstance(value, str):
        yield place
    else:
        yield from ((*place, each) for each in (value if isinstance(value, dict) else range(len(value))))


def _placeholders(configuration: Configuration, place: Where, line: str) -> Iterator[Mistake]:
    for name in Placeholders(line).get_identifiers():
        if name not in SUBSTITUTIONS:
            yield place, unknown("substitution", f"${{{name}}}", (f"${{{each}}}" for each in SUBSTITUTIONS))
        elif name == "simulator" and configuration.simulation is None:
            yield place, "${simulator} needs a simulation; add `simulation: {kind: sans}` to the file"


def _reference(
    configuration: Configuration, known: set[str], place: Where, line: str, expected: str
) -> Iterator[Mistake]:
    device = line.rpartition("=")[2].strip()
    if device not in known:
        yield place, _undeclared(device, known)
        return
    entry = configuration.devices.get(device)
    if entry is not None and entry.device_class in class_names() and entry.device_class != expected:
        yield place, f"{device} is a {entry.device_class}; here belongs a {expected}"


def _attributes(where: Where, entry: DeviceEntry) -> Iterator[Mistake]:
    for name, settings in entry.attributes.items():
        place = (*where, "attributes", name)
        yield from _attribute(place, entry, name)
        limits = {}
        for key in ("min_value", "max_value"):
            text = getattr(settings, key)
            if text is None:
                continue
            try:
                limits[key] = float(text)
            except ValueError:
                yield (*place, key), f"{key} is {text!r}; it must be a number"
        if len(limits) == 2 and limits["min_value"] >= limits["max_value"]:
            yield (*place, "max_value"), "max_value must be greater than min_value"


def _attribute(place: Where, entry: DeviceEntry, name: str) -> Iterator[Mistake]:
    if entry.device_class not in class_names():
        return
    attributes = device_class(entry.device_class).attributes
    if attributes is not None and name not in attributes | {"State", "Status"}:
        yield place, unknown(f"attribute of {entry.device_class}", name, attributes)


def _undeclared(device: str, known: set[str]) -> str:
    near = difflib.get_close_matches(device, known, n=1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    return (
        f"the file declares no device {device}{meant}. Declare it under `devices`, or under `other_devices` "
        "if another server runs it"
    )
