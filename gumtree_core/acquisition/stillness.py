"""Motors that are to rest while a scan counts: whoever moves one is noticed."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from gumtree_core.devices.protocols import Movable
from gumtree_core.errors import GumtreeError

logger = logging.getLogger(__name__)


class Stillness:
    """Compares where motors are now with where they were at the look before."""

    def __init__(self, motors: Iterable[Movable] = ()) -> None:
        self._motors = tuple(motors)
        self._places: dict[str, float] = {}

    def look(self) -> list[str]:
        """A sentence for each motor that has left its place; one that does not answer is left out."""
        return [sentence for motor in self._motors if (sentence := self._left(motor))]

    def _left(self, motor: Movable) -> str:
        try:
            now = motor.position()
        except GumtreeError as error:
            logger.info("%s cannot be watched: %s", motor.name, error.message)
            return ""
        before = self._places.setdefault(motor.name, now)
        if abs(now - before) <= motor.tolerance:
            return ""
        self._places[motor.name] = now
        return moved(motor, before, now)


def moved(motor: Movable, before: float, now: float) -> str:
    """What to tell of a motor that somebody else has moved."""
    unit = f" {motor.unit}" if motor.unit else ""
    return f"{motor.name} was moved from {before:.7g} to {now:.7g}{unit} by somebody else"
