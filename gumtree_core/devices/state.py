"""What a device is doing, and the errors that follow from it."""

from __future__ import annotations

from enum import Enum

from gumtree_core.errors import GumtreeError


class State(Enum):
    """What a device is doing, in words that no control system owns."""

    STARTING = "starting"
    """The hardware has not answered yet."""
    IDLE = "idle"
    BUSY = "busy"
    """Moving or counting."""
    ALARM = "alarm"
    """At rest, but not as asked for: at a limit switch, aborted, or interrupted. It can be started again."""
    FAULT = "fault"
    """The hardware cannot be used, or not be reached."""


def require_ready(what: str, state: State, message: str) -> None:
    """Raise GumtreeError HARDWARE_NOT_READY if `what` cannot be done because of the hardware."""
    if state in (State.STARTING, State.FAULT):
        raise GumtreeError(
            "HARDWARE_NOT_READY",
            f"{what} is not possible: {message.rstrip('.')}. Wait until it is ready again.",
        )
