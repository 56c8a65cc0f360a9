"""One motion, watched from its start to a verdict on its end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from gumtree_core.devices.protocols import AxisDescription, AxisStatus
from gumtree_core.devices.state import State

Ending = Literal["", "stopped", "aborted", "lost"]
Verdict = tuple[State, str]

_READY: Verdict = (State.IDLE, "Ready.")


@dataclass(frozen=True)
class _Motion:
    """A motion that we started. `leg` is where the axis goes now: the target, or first a place beyond it."""

    target: float
    leg: float
    ending: Ending = ""


class MotionWatch:
    """Judges the readings of an axis. Not safe for threads: its owner holds a lock."""

    def __init__(self) -> None:
        self.description: AxisDescription | None = None
        self._motion: _Motion | None = None
        self._moving = False
        self._at_limit = True  # a switch that is active at first is nobody's doing
        self._at_rest = _READY
        self._blocked = False  # by a limit switch, if one is active

    @property
    def target(self) -> float | None:
        """Where our motion goes; None if there is none."""
        return self._motion.target if self._motion else None

    def begin(self, target: float, leg: float) -> Verdict:
        """Take note that a motion to `target` was started, which goes to `leg` first."""
        self._motion = _Motion(target, leg)
        self._moving = True
        return State.BUSY, self._motion_message()

    def end(self, ending: Ending, position: float | None) -> None:
        """Take note of why the present motion will end, if there is one; its final approach is given up."""
        if self._motion is not None and not (ending == "lost" and self._motion.ending):
            self._motion = replace(self._motion, ending=ending)
        elif self._motion is None and self._moving and position is not None:
            self._motion = _Motion(position, position, ending)

    def reset(self) -> None:
        """Forget an alarm; a motion that goes on is still watched."""
        self._at_rest, self._blocked = _READY, False

    def final_approach(self, status: AxisStatus) -> float | None:
        """Where to move now that the axis has arrived beyond the target; None if nothing is due."""
        motion = self._motion
        if status.fault or status.moving or motion is None or motion.ending or motion.leg == motion.target:
            return None
        if not self._arrived(status, motion.leg):
            return None
        self._motion = replace(motion, leg=motion.target)
        return motion.target

    def judge(self, status: AxisStatus) -> Verdict:
        """State and message that belong to a status."""
        if status.fault:
            return State.FAULT, f"The axis reports a fault: {status.fault}"
        was_moving, self._moving = self._moving, status.moving
        at_limit = status.at_low_limit or status.at_high_limit
        was_at_limit, self._at_limit = self._at_limit, at_limit
        if status.moving:
            if self._motion is not None and self._motion.ending == "lost":
                self._motion = replace(self._motion, ending="")  # contact is back in time
            return State.BUSY, self._motion_message()
        if self._motion is not None:
            self._at_rest, self._blocked = self._verdict(self._motion, status)
        elif was_moving or (at_limit and not was_at_limit):  # somebody else has moved it, who knows where to
            self._at_rest, self._blocked = _READY, True
        self._motion = None
        return self._rest(status)

    def limit_message(self, status: AxisStatus) -> str:
        """At which limit switch the axis is, and how to leave it."""
        side, way = ("low", "higher") if status.at_low_limit else ("high", "lower")
        where = self.text(status.position)
        return f"At the {side} limit switch, at {where}. Move to a {way} position to leave it."

    def text(self, value: float, per: str = "") -> str:
        """A value with the axis' unit, as messages show it."""
        known = self.description
        number = (known.format if known else "%.4f") % value
        if "." in number:
            number = number.rstrip("0").rstrip(".")
        return f"{number} {known.unit if known else ''}{per}".rstrip()

    def _rest(self, status: AxisStatus) -> Verdict:
        """The verdict on the last motion, unless a limit switch tells more."""
        if status.at_low_limit and status.at_high_limit:
            return State.ALARM, "Both limit switches are active. Check their cable and supply."
        if status.at_low_limit or status.at_high_limit:
            if self._blocked:
                return State.ALARM, self.limit_message(status)
            if self._at_rest == _READY:
                return State.IDLE, self.limit_message(status)
        return self._at_rest

    def _verdict(self, motion: _Motion, status: AxisStatus) -> tuple[Verdict, bool]:
        """How a motion of ours has ended, and whether an active limit switch would explain it."""
        where = self.text(status.position)
        if motion.ending == "stopped":
            return (State.IDLE, f"Stopped on request at {where}."), False
        if motion.ending == "aborted":
            return (State.ALARM, f"Aborted at {where}. Check the position, then move again."), False
        if self._arrived(status, motion.target):
            return _READY, False
        lost = motion.ending == "lost"
        cause = "contact was lost on the way" if lost else "the controller ended the motion"
        message = (
            f"At {where} instead of {self.text(motion.target)}: {cause}. Check the axis, then move again."
        )
        return (State.ALARM, message), True

    def _arrived(self, status: AxisStatus, place: float) -> bool:
        accuracy = self.description.accuracy if self.description else 0.0
        return abs(status.position - place) <= accuracy

    def _motion_message(self) -> str:
        if self._motion is None:
            return "Moving, on a request from elsewhere."
        if self._motion.ending in ("stopped", "aborted"):
            return "Coming to rest."
        return f"Moving to {self.text(self._motion.target)}."
