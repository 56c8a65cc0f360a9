"""A motor: one axis of a controller, with limits, backlash and a verdict on how each motion ended."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from gumtree_core.devices.motion_watch import MotionWatch
from gumtree_core.devices.protocols import Axis, AxisDescription, AxisStatus
from gumtree_core.devices.state import State, require_ready
from gumtree_core.errors import GumtreeError


@dataclass(frozen=True)
class MotorReading:
    """What a motor is doing. `position` is None while it is not known."""

    state: State
    message: str
    position: float | None = None
    at_low_limit: bool = False
    at_high_limit: bool = False


_STARTING = MotorReading(State.STARTING, "Connecting to the hardware.")


class Motor:
    """One axis, driven and watched. `poll` is called often by one thread; the other methods by any.

    Parameters
    ----------
    name
        For messages.
    connect
        Gives the axis and its description; called by `poll` until it succeeds, so that a motor can be made
        while its hardware is off. Raises GumtreeError.
    """

    def __init__(self, name: str, connect: Callable[[], tuple[Axis, AxisDescription]]) -> None:
        self.name = name
        self.soft_limits = (-math.inf, math.inf)
        self._connect = connect
        self._axis: Axis | None = None
        self._velocity: float | None = None
        self._acceleration: float | None = None
        self._backlash = 0.0
        self._watch = MotionWatch()
        self._stop_due: Literal["", "stopped", "aborted"] = ""
        self._reading = _STARTING
        self._commands = 0
        self._lock = threading.RLock()

    # settings

    @property
    def velocity(self) -> float | None:
        """Velocity of the next motions (unit/s); the controller's own until set, None while unknown."""
        return self._velocity or (self.description.velocity if self.description else None)

    @velocity.setter
    def velocity(self, value: float) -> None:
        self._velocity = self._positive("velocity", value, "/s")

    @property
    def acceleration(self) -> float | None:
        """Acceleration of the next motions (unit/s2); the controller's own until set, None while unknown."""
        return self._acceleration or (self.description.acceleration if self.description else None)

    @acceleration.setter
    def acceleration(self, value: float) -> None:
        self._acceleration = self._positive("acceleration", value, "/s2")

    @property
    def backlash(self) -> float:
        """Length and direction of the final approach: with 0.5, each motion ends by 0.5 or more upwards."""
        return self._backlash

    @backlash.setter
    def backlash(self, value: float) -> None:
        low, high = self.limits
        text = self._watch.text
        if not abs(value) < high - low:
            raise GumtreeError(
                "BAD_BACKLASH",
                f"A backlash of {text(value)} is not possible for {self.name}: give a number smaller than "
                f"its travel of {text(high - low)}.",
            )
        self._backlash = value

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest position allowed: the controller's travel within `soft_limits`."""
        low, high = self.soft_limits
        if self.description is None:
            return low, high
        return max(low, self.description.low), min(high, self.description.high)

    @property
    def description(self) -> AxisDescription | None:
        """What the controller says of the axis; None until it has been reached."""
        return self._watch.description

    # reading

    @property
    def target(self) -> float | None:
        """Where the present motion goes; None at rest, or if somebody else has started it."""
        return self._watch.target

    @property
    def reading(self) -> MotorReading:
        """The newest reading, without asking the hardware."""
        return self._reading

    def poll(self) -> MotorReading:
        """Ask the hardware, start the final approach when it is due, and judge. Never raises GumtreeError."""
        commands = self._commands
        try:
            axis = self._connected()
            status = axis.status()
            with self._lock:
                if self._stop_due and status.moving:
                    self._watch.end(self._stop_due, status.position)
                self._send_stop(axis)
                if self._commands == commands:  # else a command has come in between and knows better
                    self._reading = self._judge(axis, status)
        except GumtreeError as error:
            with self._lock:
                # The final approach must not start by itself whenever contact comes back.
                self._watch.end("lost", None)
                self._reading = MotorReading(State.FAULT, error.message)
        return self._reading

    # commands

    def check(self, target: float) -> None:
        """Raise GumtreeError if `target` is no number, or outside the limits."""
        low, high = self.limits
        text = self._watch.text
        if not math.isfinite(target):
            raise GumtreeError("BAD_POSITION", f"{self.name} cannot move to {target}: give a finite number.")
        if not low <= target <= high:
            raise GumtreeError(
                "POSITION_OUTSIDE_LIMITS",
                f"{self.name} cannot move to {text(target)}: its limits are {text(low)} and {text(high)}. "
                "Choose a position between them.",
            )

    def move(self, target: float) -> None:
        """Start to move to `target`; raise GumtreeError if that is not possible, and then nothing moves."""
        with self._lock:
            axis, status = self._ready(f"A motion of {self.name} to {self._watch.text(target)}")
            self.check(target)
            self._check_switches(status, target)
            leg = self._first_leg(status.position, target)
            if self.velocity is not None and self.acceleration is not None:
                axis.configure(velocity=self.velocity, acceleration=self.acceleration)
            axis.move(leg)
            self._commands += 1
            self._reading = self._read(self._watch.begin(target, leg), status)

    def move_relative(self, distance: float) -> float:
        """Start to move by `distance` from the present position; returns the target."""
        with self._lock:
            _, status = self._ready(f"A motion of {self.name} by {self._watch.text(distance)}")
            target = status.position + distance
            self.move(target)
        return target

    def stop(self) -> None:
        """Decelerate and stop; nothing happens if the motor is at rest.

        Without contact it raises GumtreeError, and the axis is stopped as soon as it answers.
        """
        self._end("stopped")

    def abort(self) -> None:
        """Stop at once; otherwise as `stop`."""
        self._end("aborted")

    def define_position(self, position: float) -> None:
        """Call the present place `position`; the travel shifts with it."""
        if not math.isfinite(position):
            raise GumtreeError(
                "BAD_POSITION", f"The position of {self.name} cannot be {position}: give a finite number."
            )
        with self._lock:
            axis, _ = self._ready(f"To define the position of {self.name}")
            axis.define_position(position)
            self._commands += 1
            self._watch.reset()
            self._axis = None
            axis = self._connected()
            self._reading = self._judge(axis, axis.status())

    def reset(self) -> None:
        """Forget an alarm and read the description anew; a motion goes on."""
        with self._lock:
            self._commands += 1
            self._axis = None
            self._watch.reset()
            self._reading = _STARTING

    # the rest is ours alone

    def _connected(self) -> Axis:
        """The axis; connects without the lock, so that commands are refused at once meanwhile."""
        axis = self._axis
        if axis is None:
            axis, description = self._connect()
            with self._lock:
                self._axis, self._watch.description = axis, description
        return axis

    def _ready(self, what: str) -> tuple[Axis, AxisStatus]:
        """The axis and its present status; GumtreeError unless it is at rest and well."""
        require_ready(what, self._reading.state, self._reading.message)
        axis = self._connected()
        status = axis.status()
        if status.moving or self._reading.state is State.BUSY:
            raise GumtreeError(
                "MOTOR_MOVING",
                f"{what} is not possible while it moves (now at {self._watch.text(status.position)}). "
                "Wait until it has arrived, or call Stop first.",
            )
        return axis, status

    def _check_switches(self, status: AxisStatus, target: float) -> None:
        down, up = target < status.position, target > status.position
        if (status.at_low_limit and down) or (status.at_high_limit and up):
            raise GumtreeError("MOTOR_AT_LIMIT", self._watch.limit_message(status))

    def _first_leg(self, position: float, target: float) -> float:
        """Where to go first, so that the motion ends in the direction of the backlash."""
        if (target - position) * self._backlash >= 0:
            return target
        leg = target - self._backlash
        low, high = self.limits
        text = self._watch.text
        if not low <= leg <= high:
            raise GumtreeError(
                "BACKLASH_OUTSIDE_LIMITS",
                f"{self.name} cannot approach {text(target)} with a backlash of {text(self._backlash)}: it "
                f"would pass {text(leg)}, and its limits are {text(low)} and {text(high)}. Choose another "
                "position, or a smaller backlash.",
            )
        return leg

    def _end(self, ending: Literal["stopped", "aborted"]) -> None:
        with self._lock:
            self._commands += 1
            self._stop_due = ending
            if self._axis is None or self._reading.position is None:
                raise GumtreeError(
                    "HARDWARE_NOT_READY",
                    f"{self.name} cannot be stopped now. {self._reading.message} It will be as soon as it "
                    "answers; if it must stop now, use the emergency stop.",
                )
            self._watch.end(ending, self._reading.position)
            self._send_stop(self._axis)

    def _send_stop(self, axis: Axis) -> None:
        if self._stop_due == "stopped":
            axis.stop()
        elif self._stop_due == "aborted":
            axis.abort()
        self._stop_due = ""

    def _judge(self, axis: Axis, status: AxisStatus) -> MotorReading:
        target = self._watch.final_approach(status)
        if target is not None:
            axis.move(target)
            status = replace(status, moving=True)
        return self._read(self._watch.judge(status), status)

    @staticmethod
    def _read(verdict: tuple[State, str], status: AxisStatus) -> MotorReading:
        return MotorReading(*verdict, status.position, status.at_low_limit, status.at_high_limit)

    def _positive(self, what: str, value: float, per: str) -> float:
        if not (math.isfinite(value) and value > 0):
            raise GumtreeError(
                f"BAD_{what.upper()}",
                f"The {what} of {self.name} cannot be {self._watch.text(value, per)}: give a number above 0.",
            )
        return value
