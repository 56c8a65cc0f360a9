"""Our own Tango devices as what the scan engine drives."""

from __future__ import annotations

import math
import re
import time
from typing import Any

import tango
from tango import DevState

from gumtree_core.devices.protocols import Gate, PresetMode, ReadingType
from gumtree_core.errors import GumtreeError
from servers.dialects.connection import Connection

_CONFIG_AGE = 1.0
"""Seconds for which an attribute's configuration is taken to be true."""
_DIGITS_OFF = 20
"""A motor is where it was sent if it is this many of the last digits shown from there, or fewer."""
_BUSY = (DevState.MOVING, DevState.RUNNING)
_WRONG = (DevState.ALARM, DevState.FAULT)


class GumtreeMovable:
    """A GumtreeMotor as a Movable."""

    def __init__(self, connection: Connection) -> None:
        self.name = connection.name
        self._device = connection
        self._config: tuple[float, Any] = (0.0, None)
        self._target = 0.0
        config = self._configuration()
        self.unit = _unit(config.unit)
        digits = re.search(r"\.(\d+)f", config.format)
        self.tolerance = _DIGITS_OFF * 10.0 ** -int(digits[1]) if digits else 0.0

    def position(self) -> float:
        """The present position."""
        return float(self._device.read("position")[0])

    def check(self, target: float) -> None:
        """Raise GumtreeError if the limits in the attribute's configuration forbid `target`."""
        config = self._configuration()
        low, high = _limit(config.min_value, -math.inf), _limit(config.max_value, math.inf)
        if not low <= target <= high:
            raise GumtreeError(
                "POSITION_OUTSIDE_LIMITS",
                f"{self.name} cannot move to {self._text(target)}: its limits are {self._text(low)} and "
                f"{self._text(high)}. Choose a position between them.",
            )

    def move(self, target: float) -> None:
        """Start to move; returns at once, with the state already MOVING."""
        if self._device.ready() in _BUSY:
            self._device.command("Stop")
            self._device.wait_while(_BUSY)
        self._target = target

        def write(proxy: tango.DeviceProxy) -> None:
            try:
                proxy.write_attribute("position", target)
            except tango.DevFailed as error:
                if error.args[0].reason == "API_WAttrOutsideLimit":
                    self._config = (0.0, None)
                    self.check(target)
                raise

        self._device.ask(write)

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the motor is where it was sent; MOTION_FAILED if it came to rest elsewhere."""
        state = self._device.wait_while(_BUSY, timeout)
        if state in _WRONG:
            raise GumtreeError("MOTION_FAILED", f"{self.name} is {state}: {self._device.status()}")
        position = self.position()
        if abs(position - self._target) > self.tolerance:
            raise GumtreeError(
                "MOTION_FAILED",
                f"{self.name} is at {self._text(position)}, and was sent to {self._text(self._target)}: "
                f"{self._device.status()}",
            )

    def stop(self) -> None:
        """Stop the motion; nothing happens if there is none."""
        self._device.cancel()
        self._device.command("Stop")

    def _configuration(self) -> Any:
        read, config = self._config
        if config is None or time.monotonic() - read > _CONFIG_AGE:
            config = self._device.ask(lambda proxy: proxy.get_attribute_config("position"))
            self._config = (time.monotonic(), config)
        return config

    def _text(self, value: float) -> str:
        return f"{value:.7g} {self.unit}".rstrip()


class _Counting:
    """What counters and detectors have in common."""

    def __init__(self, connection: Connection) -> None:
        self.name = connection.name
        self._device = connection

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the count has ended; GumtreeError COUNT_FAILED if it was lost or aborted."""
        state = self._device.wait_while(_BUSY, timeout)
        if state in _WRONG:
            raise GumtreeError("COUNT_FAILED", f"{self.name} is {state}: {self._device.status()}")

    def stop(self) -> None:
        """End the count now; nothing happens if there is none."""
        self._device.cancel()
        self._device.command("Stop")

    def _at_rest(self) -> None:
        """Wait until the hardware is ready, and end a count that somebody else has left running."""
        if self._device.ready() in _BUSY:
            self._device.command("Stop")
            self._device.wait_while(_BUSY)


class GumtreeCountable(_Counting):
    """A GumtreeDetector as a Countable."""

    def describe(self) -> dict[str, ReadingType]:
        """Image, total counts and live time."""
        self._device.ready()
        (image,) = self._device.read("image")
        return {
            "counts": ReadingType(image.shape, str(image.dtype), "counts"),
            "total_counts": ReadingType((), "int64", "counts"),
            "time": ReadingType((), "float64", "s"),
        }

    def prepare(self) -> None:
        """Clear, and count when the counter opens the gate."""
        self._at_rest()
        if self._device.read("gate")[0] != Gate.EXTERNAL:
            self._device.ask(lambda proxy: proxy.write_attribute("gate", Gate.EXTERNAL))
        self._device.command("Start")

    def read(self) -> dict[str, Any]:
        """What was counted."""
        image, counts, time = self._device.read("image", "counts", "time")
        return {"counts": image, "total_counts": counts, "time": time}


class GumtreePresetCounter(_Counting):
    """A GumtreeCounter as a PresetCounter."""

    def describe(self) -> dict[str, ReadingType]:
        """Monitor counts and live time."""
        return {"counts": ReadingType((), "int64", "counts"), "time": ReadingType((), "float64", "s")}

    def prepare(self) -> None:
        """Make sure that nothing counts."""
        self._at_rest()

    def start(self, mode: PresetMode, preset: float) -> None:
        """Count until the preset is reached."""
        if self._device.read("preset_mode", "preset") != [mode, preset]:
            self._device.ask(lambda proxy: proxy.write_attribute("preset_mode", mode))
            self._device.ask(lambda proxy: proxy.write_attribute("preset", preset))
        self._device.command("Start")

    def fraction(self) -> float | None:
        """How much of the preset is reached; None while that is not known."""
        try:
            return float(self._device.read("progress")[0]) / 100
        except GumtreeError as error:
            if error.reason == "NO_VALUE":
                return None
            raise

    def read(self) -> dict[str, Any]:
        """What was counted."""
        counts, time = self._device.read("counts", "time")
        return {"counts": counts, "time": time}


def _limit(text: str, otherwise: float) -> float:
    try:
        return float(text)
    except ValueError:  # "Not specified"
        return otherwise


def _unit(text: str) -> str:
    return "" if text == "No unit" else text
