"""An instrument as its YAML file declares it."""

from __future__ import annotations

import re
from string import Template
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

SUBSTITUTIONS = ("simulator", "data", "config")
"""What may stand as ${NAME} in a property: address of the simulated hardware, the data directory of the
instrument, the shipped `config/`."""

_MEMBER = r"[A-Za-z0-9_.-]+"
DEVICE_NAME = re.compile(rf"{_MEMBER}/{_MEMBER}/{_MEMBER}")


def _text(value: object) -> object:
    """A number or a yes/no of the YAML as the text that Tango keeps."""
    return str(value) if isinstance(value, int | float) else value


Text = Annotated[str, BeforeValidator(_text)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
DeviceName = Annotated[str, StringConstraints(pattern=rf"^{DEVICE_NAME.pattern}$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Simulation(_Model):
    """The simulated hardware: which, the seed of its randomness, and simulated seconds in a second."""

    kind: Literal["sans"]
    seed: int = Field(1, ge=0)
    speed: float = Field(1.0, gt=0, allow_inf_nan=False)


class AttributeSettings(_Model):
    """What the database is to hold of an attribute; `value` is the first value of one that is memorized."""

    label: Text | None = None
    unit: Text | None = None
    format: Text | None = None
    min_value: Text | None = None
    max_value: Text | None = None
    value: Text | None = None


class DeviceEntry(_Model):
    """One Tango device of ours."""

    device_class: str = Field(alias="class")
    alias: Annotated[str, StringConstraints(pattern=rf"^{_MEMBER}$")] | None = None
    properties: dict[str, Text | list[Text] | dict[str, Text]] = {}
    attributes: dict[str, AttributeSettings] = {}


class Configuration(_Model):
    """An instrument.

    `keys` maps logical keys to `device/attribute`, or to a value with its unit. `other_devices` are devices
    of other servers that ours refer to.
    """

    instrument: Name
    title: str = ""
    simulation: Simulation | None = None
    keys: dict[str, Text] = {}
    other_devices: list[DeviceName] = []
    devices: dict[DeviceName, DeviceEntry] = Field(min_length=1)

    def server(self, device: str) -> str:
        """The server that runs a device, such as `GumtreeMotor/sans`."""
        return f"{self.devices[device].device_class}/{self.instrument}"

    def servers(self) -> dict[str, list[str]]:
        """The devices of each server."""
        found: dict[str, list[str]] = {}
        for name in self.devices:
            found.setdefault(self.server(name), []).append(name)
        return found

    def property_lines(self, device: str) -> dict[str, list[str]]:
        """The properties of a device as Tango keeps them, before substitution: lines of text."""
        entry = self.devices[device]
        found = {name: lines(value) for name, value in entry.properties.items()}
        if entry.device_class in KEYED:
            found[KEYS] = [*lines(self.keys), *found.get(KEYS, ())]
        return found


KEYED = ("GumtreeScan", "GumtreeReduction")
KEYS = "LogicalKeys"
"""The property that takes the `keys` of the file, and those of the device after them."""


def lines(value: str | list[str] | dict[str, str]) -> list[str]:
    """A property as lines; of a table, `name=value`."""
    if isinstance(value, dict):
        return [f"{name}={each}" for name, each in value.items()]
    return list(value) if isinstance(value, list) else [value]


class Placeholders(Template):
    """Text with ${NAME} in it; a $ elsewhere is a $."""

    pattern = r"(?P<escaped>(?!))|(?P<named>(?!))|\$\{(?P<braced>[^}]*)\}|(?P<invalid>(?!))"  # type: ignore[assignment]
