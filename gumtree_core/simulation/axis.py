"""A motor axis with an absolute encoder and limit switches."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock

from gumtree_core.devices.protocols import AxisDescription, AxisStatus
from gumtree_core.errors import GumtreeError
from gumtree_core.simulation.clock import Clock
from gumtree_core.simulation.motion import braking, rest, travel

SWITCH_DISTANCE = 0.005
"""How far the limit switches stand beyond the ends of the travel, as a part of it."""


@dataclass(frozen=True)
class AxisMemory:
    """What an axis keeps over a restart of the controller, as one with an absolute encoder does."""

    place: float
    offset: float
    velocity: float
    acceleration: float


class SimulatedAxis:
    """An `Axis` whose position is a pure function of time.

    The *place* is where the axis is, as its encoder counts; the *position* is the place plus an offset that
    `define_position` sets. The limit switches are fixed places just beyond the ends of the travel: a motion
    that leads beyond one ends at it.

    Parameters
    ----------
    name, description
        As the controller offers it; `low` and `high` of the description are places.
    place
        Where it stands at first.
    clock, lock
        Those of the world.
    before_change
        Called before the motion changes, so that whatever depends on the old motion can be brought up to
        date.
    """

    def __init__(
        self,
        name: str,
        description: AxisDescription,
        place: float,
        clock: Clock,
        lock: RLock,
        before_change: Callable[[], None],
    ) -> None:
        self.name = name
        self.offset = 0.0
        self._description = description
        self._clock = clock
        self._lock = lock
        self._before_change = before_change
        self._velocity = description.velocity
        self._acceleration = description.acceleration
        self._cruise = description.velocity
        self._profile = rest(place)
        margin = SWITCH_DISTANCE * (description.high - description.low)
        self._low_switch, self._high_switch = description.low - margin, description.high + margin

    def describe(self) -> AxisDescription:
        """What this axis is, with the travel in positions as they are counted now."""
        with self._lock:
            return dataclasses.replace(
                self._description,
                velocity=self._velocity,
                acceleration=self._acceleration,
                low=self._description.low + self.offset,
                high=self._description.high + self.offset,
            )

    def place(self, time: float | None = None) -> float:
        """The encoder's reading at `time` (now, unless given), under the commands given so far."""
        return self._profile.state(self._clock.now() if time is None else time)[0]

    def memory(self) -> AxisMemory:
        """What is kept over a restart, as it is now."""
        with self._lock:
            return AxisMemory(self.place(), self.offset, self._velocity, self._acceleration)

    def restore(self, memory: AxisMemory) -> None:
        """Stand where the memory says, as after a restart of the controller."""
        with self._lock:
            self.configure(velocity=memory.velocity, acceleration=memory.acceleration)
            self.offset = memory.offset
            self._profile = rest(self._between_switches(memory.place))

    def status(self) -> AxisStatus:
        """The present reading."""
        with self._lock:
            now = self._clock.now()
            place, _ = self._profile.state(now)
            return AxisStatus(
                position=place + self.offset,
                moving=now < self._profile.end_time,
                at_low_limit=place <= self._low_switch,
                at_high_limit=place >= self._high_switch,
            )

    def move(self, target: float) -> None:
        """Start to move to `target`; a motion under way is led over to it without a stop."""
        self._require(math.isfinite(target), "POSITION_OUT_OF_RANGE", f"cannot move to {target}")
        with self._lock:
            self._before_change()
            now = self._clock.now()
            place, speed = self._profile.state(now)
            if now < self._profile.end_time:
                acceleration = self._profile.limit
            else:
                acceleration, self._cruise = self._acceleration, self._velocity
            end = self._between_switches(target - self.offset)
            self._profile = travel(now, place, speed, end, self._cruise, acceleration)

    def stop(self) -> None:
        """Decelerate and stop."""
        with self._lock:
            now = self._clock.now()
            if now < self._profile.end_time:
                self._before_change()
                self._profile = braking(now, *self._profile.state(now), self._profile.limit)

    def abort(self) -> None:
        """Stop at once, without deceleration."""
        with self._lock:
            self._before_change()
            now = self._clock.now()
            self._profile = rest(self.place(now), now)

    def configure(self, *, velocity: float, acceleration: float) -> None:
        """Set velocity and acceleration of the next motion that starts from rest."""
        for what, value in (("velocity", velocity), ("acceleration", acceleration)):
            self._require(
                math.isfinite(value) and value > 0,
                f"{what.upper()}_OUT_OF_RANGE",
                f"cannot have a {what} of {value:g} {self._description.unit}/s"
                + ("2; it must be positive" if what == "acceleration" else "; it must be positive"),
            )
        with self._lock:
            self._velocity, self._acceleration = velocity, acceleration

    def define_position(self, position: float) -> None:
        """Call the present place `position`, without motion."""
        self._require(math.isfinite(position), "POSITION_OUT_OF_RANGE", f"cannot be at {position}")
        with self._lock:
            self._require(
                not self.status().moving, "AXIS_MOVING", "is moving; stop it before its position is defined"
            )
            self.offset = position - self.place()

    def _between_switches(self, place: float) -> float:
        return min(max(place, self._low_switch), self._high_switch)

    def _require(self, condition: bool, reason: str, complaint: str) -> None:
        if not condition:
            raise GumtreeError(reason, f"Axis {self.name} {complaint}.")
