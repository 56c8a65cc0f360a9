"""What a scan is to do, checked before anything moves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gumtree_core.devices.protocols import Movable, PresetMode
from gumtree_core.errors import GumtreeError

MAX_POINTS = 100_000


@dataclass(frozen=True)
class ScanDefinition:
    """Counts at positions of one actuator, or where everything stands.

    Parameters
    ----------
    preset_mode, preset
        What ends each count: live time (s) or monitor counts.
    actuator
        Name of what is moved; empty to count at the present positions.
    positions
        Where to count, in the actuator's unit and in this order; empty without an actuator.
    repeats
        Counts at each position.

    Raises
    ------
    GumtreeError
        BAD_SCAN, BAD_POSITION, BAD_PRESET.
    """

    preset_mode: PresetMode
    preset: float
    actuator: str = ""
    positions: tuple[float, ...] = ()
    repeats: int = 1

    def __post_init__(self) -> None:
        unit = "s" if self.preset_mode is PresetMode.TIME else "counts"
        if not (math.isfinite(self.preset) and self.preset > 0):
            raise GumtreeError(
                "BAD_PRESET", f"The preset cannot be {self.preset:g} {unit}: give a number above 0."
            )
        if self.preset_mode is PresetMode.MONITOR and self.preset < 1:
            raise GumtreeError(
                "BAD_PRESET", f"The monitor cannot count to {self.preset:g} counts: give 1 or more."
            )
        if bool(self.actuator) != bool(self.positions):
            has, lacks = ("an actuator", "positions") if self.actuator else ("positions", "an actuator")
            raise GumtreeError("BAD_SCAN", f"The scan has {has} but no {lacks}: give both, or none to count.")
        if self.repeats < 1:
            raise GumtreeError("BAD_SCAN", f"{self.repeats} counts at each position: give at least 1.")
        for position in self.positions:
            if not math.isfinite(position):
                raise GumtreeError(
                    "BAD_POSITION", f"{self.actuator} cannot move to {position}: give finite numbers."
                )
        _check_points(self.points)

    @classmethod
    def line(
        cls, actuator: str, start: float, stop: float, points: int, preset_mode: PresetMode, preset: float
    ) -> ScanDefinition:
        """Count at `points` equally spaced positions from `start` to `stop`, both included."""
        _check_points(points)
        if points == 1 and start != stop:
            raise GumtreeError(
                "BAD_SCAN", f"A scan of {actuator} from {start:g} to {stop:g} has at least 2 points, not 1."
            )
        positions = tuple(float(each) for each in np.linspace(start, stop, points))
        return cls(preset_mode, preset, actuator, positions)

    @property
    def points(self) -> int:
        """How many points there are."""
        return max(1, len(self.positions)) * self.repeats

    def targets(self) -> Iterator[float | None]:
        """Where to count, point by point; None for the present position."""
        for position in self.positions or (None,):
            for _ in range(self.repeats):
                yield position

    def check(self, actuator: Movable | None) -> None:
        """Raise GumtreeError if the actuator cannot reach one of the positions; moves nothing."""
        if actuator is not None:
            for position in dict.fromkeys(self.positions):
                actuator.check(position)


def count_of_points(number: int) -> str:
    """How many points, in words."""
    return "1 point" if number == 1 else f"{number} points"


def _check_points(points: int) -> None:
    if not 1 <= points <= MAX_POINTS:
        raise GumtreeError("BAD_SCAN", f"A scan has 1 to {MAX_POINTS} points, not {points}.")
