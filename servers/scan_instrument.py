"""The instrument as a scan sees it: what can be moved, what counts, what is known of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from gumtree_core.acquisition.recorder import Values
from gumtree_core.devices.protocols import Countable, Movable, PresetCounter
from gumtree_core.errors import GumtreeError
from gumtree_core.files.nexus.layout import gumtree_layout
from servers.dialects import as_countable, as_movable, as_preset_counter
from servers.dialects.connection import PATIENCE
from servers.live import LiveKeys, Problem

Role = TypeVar("Role")


class ScanInstrument:
    """The devices of one GumtreeScan; each is connected when it is first used, and then kept.

    Parameters
    ----------
    counter, detectors
        Devices; the first detector is the main one.
    motors
        Lines ``name=device``.
    keys
        Lines as `LiveKeys` takes them.

    Raises
    ------
    GumtreeError
        BAD_MOTOR_LINE, and what `LiveKeys` raises.
    """

    def __init__(
        self, counter: str, detectors: Iterable[str], motors: Iterable[str], keys: Iterable[str]
    ) -> None:
        self._counter = counter
        self._detectors = tuple(detectors)
        self.motors: Mapping[str, str] = dict(map(_name_and_device, motors))
        self._keys = LiveKeys(keys, detector=self._detectors[0] if self._detectors else "")
        self._starts, self._ends = (
            LiveKeys(f"{group}/{name}={device}/position" for name, device in self.motors.items())
            for group in ("motor_start", "motor_end")
        )
        self._connected: dict[str, object] = {}

    def motor_name(self, text: str) -> str:
        """The name of the motor that is meant, by its name or its device's; else ACTUATOR_UNKNOWN."""
        for name, device in self.motors.items():
            if text.lower() == name.lower() or _bare(text) == _bare(device):
                return name
        known = ", ".join(self.motors) or "none, the property Motors is empty"
        raise GumtreeError("ACTUATOR_UNKNOWN", f"No motor is called {text!r}. Known are: {known}.")

    def movable(self, name: str) -> Movable:
        """The motor of that name; DEVICE_LOST if it does not answer now."""
        device = self.motors[name]
        return self._once(device, lambda: as_movable(device, name))

    def others(self, actuator: Movable | None, problem: Problem) -> list[Movable]:
        """All motors but the actuator; those that do not answer are told to `problem` and left out."""
        found = []
        for name in self.motors:
            if actuator is not None and name == actuator.name:
                continue
            try:
                found.append(self.movable(name))
            except GumtreeError as error:
                problem(error)
        return found

    def counter(self) -> PresetCounter:
        """What sets the preset; waits for it if it does not answer."""
        device = self._counter
        if not device:
            raise GumtreeError(
                "PROPERTY_MISSING", "The property Counter is empty: set it to a GumtreeCounter."
            )
        return self._once(device, lambda: as_preset_counter(device, patience=PATIENCE))

    def detectors(self) -> list[Countable]:
        """What is read at each point; waits for those that do not answer."""
        return [
            self._once(each, lambda each=each: as_countable(each, patience=PATIENCE))
            for each in self._detectors
        ]

    def known(self, problem: Problem) -> Values:
        """What is known before the first point: all keys that no point gives, and where the motors are."""
        keys = self._keys.read(problem)
        fixed = {key: value for key, value in keys.items() if not gumtree_layout().place(key).points}
        return {**fixed, **self._starts.read(problem)}

    def motors_at_end(self, problem: Problem) -> Values:
        """Where the motors are now."""
        return self._ends.read(problem)

    def _once(self, device: str, connect: Callable[[], Role]) -> Role:
        if device not in self._connected:
            # Two threads may come here at a time: the first object is the one that both use.
            return self._connected.setdefault(device, connect())  # type: ignore[return-value]
        return self._connected[device]  # type: ignore[return-value]


def _bare(device: str) -> str:
    """The device's name without a database's address, in lower case."""
    return re.sub(r"^tango://[^/]+/|#.*$", "", device.lower())


def _name_and_device(line: str) -> tuple[str, str]:
    name, _, device = (part.strip() for part in line.partition("="))
    if not name or not device or "/" in name:
        raise GumtreeError("BAD_MOTOR_LINE", f"{line!r} names no motor: write name=domain/family/member.")
    return name, device
