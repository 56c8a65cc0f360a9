"""The scan engine: moves, counts and reads point by point; any thread may pause, stop or abort it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

from gumtree_core.acquisition.definition import ScanDefinition, count_of_points
from gumtree_core.acquisition.estimate import Estimate, Progress
from gumtree_core.acquisition.stillness import Stillness, moved
from gumtree_core.devices.protocols import Countable, Movable, PresetCounter, PresetMode
from gumtree_core.errors import GumtreeError

logger = logging.getLogger(__name__)

PERMANENT = ("BAD_", "POSITION_OUTSIDE_LIMITS", "API_WAttrOutsideLimit")
"""How the reasons of failures begin that no other attempt mends."""
READOUT_TIMEOUT = 30.0
"""Seconds that a detector may take to end after the counter has closed its gate."""


class Ending(Enum):
    """How a scan ended."""

    COMPLETE = "complete"
    STOPPED = "stopped"
    ABORTED = "aborted"
    FAILED = "failed"


@dataclass(frozen=True)
class Point:
    """One point: `number` from 0, where the actuator was, and what each device read."""

    number: int
    position: float | None
    readings: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Outcome:
    """How a scan ended, with how many points, and why; `warnings` tell what makes points doubtful."""

    ending: Ending
    points: int
    message: str
    warnings: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """The message with all warnings: what the file is to say."""
        return f"{self.message} Doubtful: {' '.join(self.warnings)}" if self.warnings else self.message


class _EndedOnRequest(Exception):
    """Stop or Abort was called while a point was being measured."""


class ScanEngine:
    """Runs one scan.

    Parameters
    ----------
    definition
        What to do; it has been checked.
    counter
        Sets the preset and opens the gate of the detectors.
    detectors
        Armed before each count, waited for and read after it.
    actuator
        What is moved; None to count at the present positions.
    others
        What must rest meanwhile. If somebody moves one, the point is kept and there is a warning; if
        somebody moves the actuator during a count, the point is counted again.
    attempts
        How often a point is tried when a device fails.
    retry_delay
        Seconds between two attempts; in this time others notice too that hardware is gone.
    log
        Takes a line for the user.
    on_pause
        Called with True when the scan has come to rest between two points, with False when it goes on.
    """

    def __init__(
        self,
        definition: ScanDefinition,
        counter: PresetCounter,
        detectors: Sequence[Countable] = (),
        actuator: Movable | None = None,
        *,
        others: Sequence[Movable] = (),
        attempts: int = 3,
        retry_delay: float = 1.0,
        log: Callable[[str], None] = logger.info,
        on_pause: Callable[[bool], None] = lambda paused: None,
    ) -> None:
        self.definition = definition
        self.counter = counter
        self.detectors = tuple(detectors)
        self.actuator = actuator
        self._others = Stillness(others)
        self._warnings: list[str] = []
        self._attempts = attempts
        self._retry_delay = retry_delay
        self._log = log
        self._on_pause = on_pause
        nominal = definition.preset if definition.preset_mode is PresetMode.TIME else None
        self._estimate = Estimate(definition.points, nominal)
        self._changed = threading.Condition()
        self._request: Ending | None = None
        self._pause = False
        self._busy: Movable | Countable | None = None
        self._counting = False
        self._counted_early = False

    # from any thread

    def pause(self) -> None:
        """Rest after the present point."""
        with self._changed:
            self._pause = True

    def resume(self) -> None:
        """Go on."""
        with self._changed:
            self._pause = False
            self._changed.notify_all()

    def stop(self) -> None:
        """End now, in order: a motion stops, a count ends early and is kept as the last point."""
        self._end(Ending.STOPPED)

    def abort(self) -> None:
        """End now: a motion stops, and a point that is not complete is dropped."""
        self._end(Ending.ABORTED)

    def progress(self) -> Progress:
        """How far the scan is; asks the counter how far its count is, and never raises GumtreeError."""
        fraction = None
        if self._counting:
            try:
                fraction = self.counter.fraction()
            except GumtreeError:
                logger.debug("%s does not tell its progress", self.counter.name, exc_info=True)
        return self._estimate.progress(fraction)

    # the scan's own thread

    def run(self, record: Callable[[Point], None]) -> Outcome:
        """Measure all points and give each to `record`; returns when the scan has ended, however it did.

        What `record` raises as GumtreeError ends the scan as failed. After any ending but a complete one
        nothing moves or counts, unless a device cannot be reached.
        """
        done = 0
        early = ""
        self._others.look()
        try:
            for number, target in enumerate(self.definition.targets()):
                self._rest_while_paused()
                point = self._measure(number, target)
                record(point)
                done += 1
                self._estimate.end()
                if self._request is not None and self._counted_early:
                    early = ", the last of which ended early"
                for sentence in self._others.look():
                    self._warn(f"{sentence} while point {done} was measured.")
        except _EndedOnRequest:
            pass
        except GumtreeError as error:
            self._quiet()
            return Outcome(Ending.FAILED, done, error.message, tuple(self._warnings))
        except BaseException:
            self._quiet()
            raise
        planned = self.definition.points
        if done == planned and self._request is None:
            return Outcome(
                Ending.COMPLETE, done, f"{done} of {count_of_points(planned)}.", tuple(self._warnings)
            )
        ending = self._request or Ending.STOPPED
        self._quiet()
        return Outcome(
            ending,
            done,
            f"{ending.value.capitalize()} on request after {done} of {count_of_points(planned)}{early}.",
            tuple(self._warnings),
        )

    def _measure(self, number: int, target: float | None) -> Point:
        for attempt in range(1, self._attempts + 1):
            if attempt > 1:
                with self._changed:
                    self._changed.wait_for(lambda: self._request is not None, self._retry_delay)
            self._estimate.begin()
            try:
                return self._attempt(number, target)
            except GumtreeError as error:
                if self._request is not None:
                    raise _EndedOnRequest from error
                failure = error
                tried = f"attempt {attempt} of {self._attempts}"
                self._log(f"Point {number + 1} of {self.definition.points}, {tried}: {error.message}")
                self._quiet()
                if error.reason.startswith(PERMANENT):
                    break
        raise failure

    def _attempt(self, number: int, target: float | None) -> Point:
        position = self._move(target)
        for detector in self.detectors:
            with self._using(detector):
                detector.prepare()
        with self._using(self.counter):
            self.counter.prepare()
        with self._using(self.counter):
            self.counter.start(self.definition.preset_mode, self.definition.preset)
            self._estimate.begin_count()
            self._counting = True
            try:
                self._wait(self.counter)
            finally:
                self._counting = False
        self._counted_early = self._request is not None
        for detector in self.detectors:
            with self._using(detector, anew=False):
                detector.wait(READOUT_TIMEOUT)
        if position is not None:
            self._still_at(position)
        readings = {}
        for device in (self.counter, *self.detectors):
            with self._named(device):
                readings[device.name] = device.read()
        if self._request is Ending.ABORTED or (
            self._request and not readings[self.counter.name].get("time", 1)
        ):
            raise _EndedOnRequest
        return Point(number, position, readings)

    def _move(self, target: float | None) -> float | None:
        actuator = self.actuator
        if actuator is None or target is None:
            self._raise_if_ended()
            return None
        with self._using(actuator):
            actuator.move(target)
            self._wait(actuator)
            self._raise_if_ended()
            return actuator.position()

    def _still_at(self, position: float) -> None:
        """MOVED_WHILE_COUNTING if the actuator has left its position."""
        assert self.actuator is not None
        with self._named(self.actuator):
            now = self.actuator.position()
        if abs(now - position) > self.actuator.tolerance:
            raise GumtreeError(
                "MOVED_WHILE_COUNTING", f"{moved(self.actuator, position, now)} while it counted."
            )

    def _warn(self, sentence: str) -> None:
        self._warnings.append(sentence)
        self._log(f"Warning: {sentence}")

    def _wait(self, device: Movable | Countable) -> None:
        """Wait for what was just started; a request that came before it was started stops it now."""
        if self._request is not None:
            device.stop()
        device.wait()

    @contextmanager
    def _using(self, device: Movable | Countable, anew: bool = True) -> Iterator[None]:
        """Have `device` be the one that a request stops; nothing is begun `anew` after a request."""
        with self._changed:
            if anew:
                self._raise_if_ended()
            self._busy = device
        try:
            with self._named(device):
                yield
        finally:
            with self._changed:
                self._busy = None

    @contextmanager
    def _named(self, device: Movable | Countable) -> Iterator[None]:
        """Have each error say which device it is about."""
        try:
            yield
        except GumtreeError as error:
            if device.name in error.message:
                raise
            raise GumtreeError(error.reason, f"{device.name}: {error.message}") from error

    def _end(self, ending: Ending) -> None:
        with self._changed:
            if self._request is not Ending.ABORTED:
                self._request = ending
            self._changed.notify_all()
            busy = self._busy
        if busy is not None:  # a device that hangs must not hold the caller
            threading.Thread(target=self._stop, args=(busy,), name="stop", daemon=True).start()

    def _raise_if_ended(self) -> None:
        if self._request is not None:
            raise _EndedOnRequest

    def _rest_while_paused(self) -> None:
        with self._changed:
            self._raise_if_ended()
            if not self._pause:
                return
        self._on_pause(True)
        with self._changed:
            self._changed.wait_for(lambda: not self._pause or self._request is not None)
            self._raise_if_ended()
        self._others.look()  # who moves a motor while the scan rests knows what he does
        self._on_pause(False)

    def _quiet(self) -> None:
        """Stop all that can be reached."""
        for device in (self.actuator, self.counter, *self.detectors):
            if device is not None:
                self._stop(device)

    def _stop(self, device: Movable | Countable) -> None:
        try:
            device.stop()
        except GumtreeError as error:
            logger.warning("%s could not be stopped: %s", device.name, error.message)
