"""A motor: one axis of a controller, with limits, backlash and a verdict on how each motion ended."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

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


@dataclass(frozen=True)
class _Motion:
    """A motion that we started. `leg` is where the axis goes now: the target, or first a place beyond it."""

    target: float
    leg: float
    ending: Literal["", "stopped", "aborted", "lost"] = ""


_READY = (State.IDLE, "Ready.")
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
        self._description: AxisDescription | None = None
        self._velocity: float | None = None
        self._acceleration: float | None = None
        self._backlash = 0.0
        self._motion: _Motion | None = None
        self._at_rest = _READY
        self._blocked = False
        self._reading = _STARTING
        self._commands = 0
        self._lock = threading.RLock()

    # settings

    @property
    def velocity(self) -> float | None:
        """Velocity of the next motions (unit/s); the controller's own until set, None while unknown."""
        return self._velocity or (self._description.velocity if self._description else None)

    @velocity.setter
    def velocity(self, value: float) -> None:
        self._velocity = self._positive("velocity", value, "/s")

    @property
    def acceleration(self) -> float | None:
        """Acceleration of the next motions (unit/s2); the controller's own until set, None while unknown."""
        return self._acceleration or (self._description.acceleration if self._description else None)

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
        if not abs(value) < high - low:
            raise GumtreeError(
                "BAD_BACKLASH",
                f"A backlash of {self._text(value)} is not possible for {self.name}: give a number smaller "
                f"than its travel of {self._text(high - low)}.",
            )
        self._backlash = value

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest position allowed: the controller's travel within `soft_limits`."""
        low, high = self.soft_limits
        if self._description is None:
            return low, high
        return max(low, self._description.low), min(high, self._description.high)

    @property
    def description(self) -> AxisDescription | None:
        """What the controller says of the axis; None until it has been reached."""
        return self._description

    # reading

    @property
    def target(self) -> float | None:
        """Where the present motion goes; None at rest, or if somebody else has started it."""
        return self._motion.target if self._motion else None

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
                if self._commands == commands:  # else a command has come in between and knows better
                    self._reading = self._judge(axis, status)
        except GumtreeError as error:
            with self._lock:
                if self._motion is not None and not self._motion.ending:
                    # The final approach must not start by itself whenever contact comes back.
                    self._motion = replace(self._motion, ending="lost")
                self._reading = MotorReading(State.FAULT, error.message)
        return self._reading

    # commands

    def check(self, target: float) -> None:
        """Raise GumtreeError if `target` is no number, or outside the limits."""
        low, high = self.limits
        if not math.isfinite(target):
            raise GumtreeError("BAD_POSITION", f"{self.name} cannot move to {target}: give a finite number.")
        if not low <= target <= high:
            raise GumtreeError(
                "POSITION_OUTSIDE_LIMITS",
                f"{self.name} cannot move to {self._text(target)}: its limits are {self._text(low)} and "
                f"{self._text(high)}. Choose a position between them.",
            )

    def move(self, target: float) -> None:
        """Start to move to `target`; raise GumtreeError if that is not possible, and then nothing moves."""
        with self._lock:
            axis, status = self._ready(f"A motion of {self.name} to {self._text(target)}")
            self.check(target)
            self._check_switches(status, target)
            leg = self._first_leg(status.position, target)
            if self.velocity is not None and self.acceleration is not None:
                axis.configure(velocity=self.velocity, acceleration=self.acceleration)
            axis.move(leg)
            self._commands += 1
            self._motion = _Motion(target, leg)
            self._reading = self._read(State.BUSY, self._motion_message(), status)

    def move_relative(self, distance: float) -> float:
        """Start to move by `distance` from the present position; returns the target."""
        with self._lock:
            _, status = self._ready(f"A motion of {self.name} by {self._text(distance)}")
            target = status.position + distance
            self.move(target)
        return target

    def stop(self) -> None:
        """Decelerate and stop; nothing happens if the motor is at rest."""
        with self._lock:
            axis = self._connected()
            self._end("stopped")
            axis.stop()

    def abort(self) -> None:
        """Stop at once; nothing happens if the motor is at rest."""
        with self._lock:
            axis = self._connected()
            self._end("aborted")
            axis.abort()

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
            self._at_rest, self._blocked = _READY, False
            self._axis = None
            axis = self._connected()
            self._reading = self._judge(axis, axis.status())

    def reset(self) -> None:
        """Forget an alarm and read the description anew; a motion goes on."""
        with self._lock:
            self._commands += 1
            self._axis = None
            self._at_rest, self._blocked = _READY, False
            self._reading = _STARTING

    # the rest is ours alone

    def _connected(self) -> Axis:
        with self._lock:
            if self._axis is None:
                self._axis, self._description = self._connect()
            return self._axis

    def _ready(self, what: str) -> tuple[Axis, AxisStatus]:
        """The axis and its present status; GumtreeError unless it is at rest and well."""
        require_ready(what, self._reading.state, self._reading.message)
        axis = self._connected()
        status = axis.status()
        if status.moving or self._reading.state is State.BUSY:
            raise GumtreeError(
                "MOTOR_MOVING",
                f"{what} is not possible while it moves (now at {self._text(status.position)}). "
                "Wait until it has arrived, or call Stop first.",
            )
        return axis, status

    def _check_switches(self, status: AxisStatus, target: float) -> None:
        down, up = target < status.position, target > status.position
        if (status.at_low_limit and down) or (status.at_high_limit and up):
            raise GumtreeError("MOTOR_AT_LIMIT", self._limit_message(status))

    def _first_leg(self, position: float, target: float) -> float:
        """Where to go first, so that the motion ends in the direction of the backlash."""
        if (target - position) * self._backlash >= 0:
            return target
        leg = target - self._backlash
        low, high = self.limits
        if not low <= leg <= high:
            raise GumtreeError(
                "BACKLASH_OUTSIDE_LIMITS",
                f"{self.name} cannot approach {self._text(target)} with a backlash of "
                f"{self._text(self._backlash)}: it would pass {self._text(leg)}, and its limits are "
                f"{self._text(low)} and {self._text(high)}. Choose another position, or a smaller backlash.",
            )
        return leg

    def _end(self, ending: Literal["stopped", "aborted"]) -> None:
        self._commands += 1
        position = self._reading.position
        if self._motion is not None:
            self._motion = replace(self._motion, ending=ending)
        elif self._reading.state is State.BUSY and position is not None:
            self._motion = _Motion(position, position, ending)

    def _judge(self, axis: Axis, status: AxisStatus) -> MotorReading:
        """The reading that belongs to a status; takes note of a motion that has ended."""
        if status.fault:
            return self._read(State.FAULT, f"The axis reports a fault: {status.fault}", status)
        if status.moving:
            return self._read(State.BUSY, self._motion_message(), status)
        motion = self._motion
        if motion and not motion.ending and motion.leg != motion.target and self._arrived(status, motion.leg):
            self._motion = replace(motion, leg=motion.target)
            axis.move(motion.target)
            return self._read(State.BUSY, self._motion_message(), status)
        if motion is not None:
            self._at_rest, self._blocked = self._verdict(motion, status)
        elif self._reading.state is State.BUSY:  # somebody else has moved it, nobody knows where to
            self._at_rest, self._blocked = _READY, True
        self._motion = None
        return self._read(*self._rest(status), status)

    def _rest(self, status: AxisStatus) -> tuple[State, str]:
        """The verdict on the last motion, or that a limit switch has ended it, as long as that is active."""
        if status.at_low_limit and status.at_high_limit:
            return (
                State.ALARM,
                "Both limit switches are active. Check their cable and supply.",
            )
        if not (status.at_low_limit or status.at_high_limit):
            return self._at_rest
        if self._blocked:
            return State.ALARM, self._limit_message(status)
        return (State.IDLE, self._limit_message(status)) if self._at_rest == _READY else self._at_rest

    def _verdict(self, motion: _Motion, status: AxisStatus) -> tuple[tuple[State, str], bool]:
        """How a motion of ours has ended, and whether an active limit switch would explain it."""
        where = self._text(status.position)
        if motion.ending == "stopped":
            return (State.IDLE, f"Stopped on request at {where}."), False
        if motion.ending == "aborted":
            return (
                State.ALARM,
                f"Aborted at {where}. Check that the position is true, then move again.",
            ), False
        if self._arrived(status, motion.target):
            return _READY, False
        lost = motion.ending == "lost"
        cause = "contact was lost on the way" if lost else "the controller ended the motion"
        target = self._text(motion.target)
        message = f"At {where} instead of {target}: {cause}. Check the axis, then move again."
        return (State.ALARM, message), True

    def _arrived(self, status: AxisStatus, place: float) -> bool:
        accuracy = self._description.accuracy if self._description else 0.0
        return abs(status.position - place) <= accuracy

    def _motion_message(self) -> str:
        if self._motion is None:
            return "Moving, on a request from elsewhere."
        if self._motion.ending in ("stopped", "aborted"):
            return "Coming to rest."
        return f"Moving to {self._text(self._motion.target)}."

    def _limit_message(self, status: AxisStatus) -> str:
        side, way = ("low", "higher") if status.at_low_limit else ("high", "lower")
        where = self._text(status.position)
        return f"At the {side} limit switch, at {where}. Move to a {way} position to leave it."

    @staticmethod
    def _read(state: State, message: str, status: AxisStatus) -> MotorReading:
        return MotorReading(state, message, status.position, status.at_low_limit, status.at_high_limit)

    def _positive(self, what: str, value: float, per: str) -> float:
        if not (math.isfinite(value) and value > 0):
            raise GumtreeError(
                f"BAD_{what.upper()}",
                f"The {what} of {self.name} cannot be {self._text(value)}{per}: give a number above 0.",
            )
        return value

    def _text(self, value: float) -> str:
        known = self._description
        number = (known.format if known else "%.4f") % value
        if "." in number:
            number = number.rstrip("0").rstrip(".")
        return f"{number} {known.unit if known else ''}".rstrip()
