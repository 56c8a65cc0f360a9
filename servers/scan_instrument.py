"""The instrument as a scan sees it: what can be moved, what counts, what is known of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeVar

from gumtree_core.acquisition.recorder import Following, Values
from gumtree_core.data import Dataset
from gumtree_core.devices.protocols import Countable, Movable, PresetCounter
from gumtree_core.errors import GumtreeError
from gumtree_core.files.nexus.layout import gumtree_layout
from servers.dialects import as_countable, as_movable, as_preset_counter
from servers.dialects.connection import PATIENCE
from servers.live import LiveKeys, Problem, bare

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
            if text.lower() == name.lower() or bare(text) == bare(device):
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

    def known(self, problem: Problem, actuator: str = "") -> Values:
        """What is known before the first point: all keys that no point gives, and where the motors are.

        What the position of the actuator says, such as the distance of a detector that is scanned, is not
        known before it is there; see `following`.
        """
        keys = self._keys.read(problem)
        moving = self._keys.of(self.motors[actuator], "position") if actuator else {}
        fixed = {
            key: value
            for key, value in keys.items()
            if key not in moving and not gumtree_layout().place(key).points
        }
        return {**fixed, **self._starts.read(problem)}

    def following(self, actuator: Movable | None) -> Following:
        """The keys of numbers that the position of the actuator says, each as a function of it."""
        if actuator is None:
            return {}
        moving = self._keys.of(self.motors[actuator.name], "position")
        return {
            key: partial(_at, known, actuator.unit)
            for key, known in moving.items()
            if not gumtree_layout().place(key).text
        }

    def motors_at_end(self, problem: Problem) -> Values:
        """Where the motors are now."""
        return self._ends.read(problem)

    def _once(self, device: str, connect: Callable[[], Role]) -> Role:
        if device not in self._connected:
            # Two threads may come here at a time: the first object is the one that both use.
            return self._connected.setdefault(device, connect())  # type: ignore[return-value]
        return self._connected[device]  # type: ignore[return-value]


def _at(known: Callable[[float, str], Dataset | str], unit: str, position: float | None) -> float:
    """A key at a position; NaN where a table does not tell it."""
    try:
        value = known(math.nan if position is None else position, unit)
    except GumtreeError:
        return math.nan
    return math.nan if isinstance(value, str) else float(value.values)


def _name_and_device(line: str) -> tuple[str, str]:
    name, _, device = (part.strip() for part in line.partition("="))
    if not name or not device or "/" in name:
        raise GumtreeError("BAD_MOTOR_LINE", f"{line!r} names no motor: write name=domain/family/member.")
    return name, device
