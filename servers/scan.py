"""GumtreeScan: counts and scans, recorded in NeXus files."""

from __future__ import annotations

import logging
import math
import threading
import time
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tango
from tango import DevState

from gumtree_core.acquisition.definition import ScanDefinition, count_of_points
from gumtree_core.acquisition.engine import Ending, Outcome, Point, ScanEngine
from gumtree_core.acquisition.measurement import measure
from gumtree_core.acquisition.recorder import Recorder, Recording, Values
from gumtree_core.devices.protocols import Movable, PresetMode
from gumtree_core.errors import GumtreeError
from gumtree_core.files.nexus.recovery import Recovered
from servers.base import action, serve
from servers.scan_attributes import LOG_LINES, SETTINGS, ScanAttributes
from servers.scan_instrument import ScanInstrument

logger = logging.getLogger(__name__)

PROGRESS_PERIOD = 0.25
"""Seconds between two looks at the progress of a count."""
_LOCK_PATIENCE = 10.0
"""Seconds to wait for the instance before, which may still be closing its file."""
_CLOSING_TIME = 2.0
"""Seconds that a scan has to close its file when the device is deleted."""
_TELL_ATTEMPTS = 3
_AT_REST = (DevState.ON, DevState.ALARM)


class GumtreeScan(ScanAttributes):
    """Counts at the present positions, or at positions of one actuator, and records to NeXus.

    State: RUNNING, STANDBY while paused, ALARM after a scan that was aborted, failed or interrupted.
    """

    # life

    def init_device(self) -> None:
        """Publish the settings, then close in a thread what an earlier process has left open."""
        super().init_device()
        self._recorder: Recorder | None = None
        self._engine: ScanEngine | None = None
        self._written = threading.Event()
        self._written.set()
        self._lines: list[str] = []
        self._rows: list[tuple[float, float, float]] = []
        self._ended_early = False
        self.publish(**SETTINGS, point=0, progress=0.0, file_name="", scan_number=0, log=None)
        self.publish(positions=None, counts=None, monitor=None, remaining_time=None)
        self.set_written(**SETTINGS)
        self._instrument = ScanInstrument("", (), (), ())
        try:
            self._instrument = ScanInstrument(self.Counter, self.Detectors, self.Motors, self.LogicalKeys)
        except GumtreeError as error:
            self.publish_state(DevState.FAULT, f"{error.message} Mend the properties, then call Init.")
            return
        self.start_thread(self._open, "recovery")

    def delete_device(self) -> None:
        """Abort a scan, and give it the time to close its file; its thread then closes the recorder."""
        super().delete_device()
        self._ended_early = True
        if self._engine is not None:
            self._engine.abort()
        if self._written.is_set() and self._recorder is not None:
            self._recorder.close()
        self._written.wait(_CLOSING_TIME)

    def _open(self, stopping: threading.Event) -> None:
        if not self.DataDirectory:
            raise GumtreeError("PROPERTY_MISSING", "The property DataDirectory is empty: set it to a folder.")
        recorder = self._locked(Path(self.DataDirectory).expanduser(), stopping)
        recovered, failed = recorder.recover()
        state, status = self.idle_state, "Ready."
        for item in recovered:
            self._tell(file_name=str(item.path), scan_number=int(item.number), point=item.recorded)
            state, status = DevState.ALARM, _interrupted(item)
            self._note(status)
        for error in failed:
            state, status = DevState.ALARM, error.message
            self._note(status)
        if stopping.is_set():
            recorder.close()
            return
        self._recorder = recorder
        self.publish_state(state, status)

    def _locked(self, directory: Path, stopping: threading.Event) -> Recorder:
        deadline = time.monotonic() + _LOCK_PATIENCE
        while True:
            try:
                return Recorder(directory, self.FilePrefix)
            except GumtreeError as error:
                if error.reason != "RECORDER_BUSY" or time.monotonic() > deadline or stopping.wait(0.1):
                    raise

    # settings

    def set_actuator(self, value: str) -> None:
        """Take what scans move: a name or a device of the property Motors; empty for none."""
        name = self._instrument.motor_name(value) if value else ""
        self.publish(actuator=name)
        self.set_written(actuator=name)
        if name:
            self.start_thread(lambda stopping: self._show_unit(name), "unit")

    def set_preset_mode(self, value: int) -> None:
        """Take what ends each count; the preset's unit follows."""
        mode = PresetMode(value)
        self.configure_attribute("preset", unit="s" if mode is PresetMode.TIME else "counts")
        self.publish(preset_mode=mode)

    def hints(self) -> dict[str, Any]:
        """The hints, with the motors as choices of the actuator."""
        hints = super().hints()
        hints["attributes"]["actuator"] |= {"choices": list(self._instrument.motors)}
        return hints

    def _setting(self, name: str) -> Any:
        return self.published_value(name)[0]

    def _show_unit(self, name: str) -> None:
        """Give positions the motor's unit and name, if it answers."""
        try:
            unit = self._instrument.movable(name).unit
        except GumtreeError as error:
            logger.info("the unit of %s is not known: %s", name, error.message)
            return
        with self.exclusive():
            for attribute in ("start_position", "stop_position", "positions"):
                self.configure_attribute(attribute, unit=unit)
            self.configure_attribute("positions", label=name)

    # commands

    @action(allowed=_AT_REST, hint={"group": "run"})
    def Count(self) -> None:
        """Count once at the present positions."""
        self._begin(ScanDefinition(PresetMode(self._setting("preset_mode")), self._setting("preset")), None)

    @action(allowed=_AT_REST, hint={"group": "scan"})
    def Scan(self) -> None:
        """Count at equally spaced positions of the actuator; all are checked before anything moves."""
        name = self._setting("actuator")
        if not name:
            known = ", ".join(self._instrument.motors)
            raise GumtreeError("ACTUATOR_MISSING", f"No actuator is set. Choose one of: {known}.")
        definition = ScanDefinition.line(
            name,
            self._setting("start_position"),
            self._setting("stop_position"),
            self._setting("points"),
            PresetMode(self._setting("preset_mode")),
            self._setting("preset"),
        )
        actuator = self._instrument.movable(name)
        definition.check(actuator)
        self._begin(definition, actuator)

    @action(hint={"group": "progress"})
    def Stop(self) -> None:
        """End the scan in order, at once; what has been counted is kept."""
        self._ended_early = True
        if self._engine is not None:
            self._engine.stop()

    @action(hint={"group": "progress"})
    def Abort(self) -> None:
        """End the scan at once; a point that is not complete is dropped."""
        self._ended_early = True
        if self._engine is not None:
            self._engine.abort()

    @action(allowed=(DevState.RUNNING,), hint={"group": "progress"})
    def Pause(self) -> None:
        """Rest after the present point."""
        if self._engine is not None:
            self._engine.pause()
            self.publish_state(DevState.RUNNING, "Pausing after this point.")

    @action(allowed=(DevState.RUNNING, DevState.STANDBY), hint={"group": "progress"})
    def Resume(self) -> None:
        """Go on with a scan that is paused."""
        if self._engine is not None:
            self.publish_state(DevState.RUNNING, "Going on.")
            self._engine.resume()

    # a scan

    def _begin(self, definition: ScanDefinition, actuator: Movable | None) -> None:
        if not self._written.is_set():
            raise GumtreeError("SCAN_RUNNING", f"{self.get_name()} is busy: {self.get_status()}")
        self._written.clear()
        self._ended_early = False
        self._rows = []
        self._show_rows()
        self.publish(progress=0.0, remaining_time=None)
        what = f"Scan of {definition.actuator}" if actuator is not None else "Count"
        self.publish_state(DevState.RUNNING, f"{what}: starting.")
        self.start_thread(partial(self._run, definition, actuator, what), "scan")

    def _run(
        self, definition: ScanDefinition, actuator: Movable | None, what: str, stopping: threading.Event
    ) -> None:
        """Measure, and say how it ended; the state comes last."""
        recorder, written = self._recorder, self._written  # Init makes new ones for the next life
        assert recorder is not None
        state, status = DevState.ALARM, f"{what} failed by a defect; the log of the server has the details."
        try:
            outcome = self._measure(definition, actuator, what, recorder)
            status = f"{what}: {outcome.message}"
            if outcome.warnings:
                status += f" Doubtful: {outcome.warnings[0]}"
                if len(outcome.warnings) > 1:
                    status += f" {len(outcome.warnings) - 1} more warnings are in the log."
            elif outcome.ending in (Ending.COMPLETE, Ending.STOPPED):
                state = self.idle_state
        except GumtreeError as error:
            status = f"{what} failed: {error.message}"
        finally:
            if stopping.is_set():
                recorder.close()
                written.set()
            else:
                engine, self._engine = self._engine, None
                written.set()
                done = engine.progress().fraction if engine is not None else 0.0
                self._note(status)
                self._tell(state, status, progress=100 * done, remaining_time=0.0 if done == 1 else None)

    def _measure(
        self, definition: ScanDefinition, actuator: Movable | None, what: str, recorder: Recorder
    ) -> Outcome:
        counter, detectors = self._instrument.counter(), self._instrument.detectors()
        engine = ScanEngine(
            definition,
            counter,
            detectors,
            actuator,
            others=self._instrument.others(actuator, self._unwatched),
            log=self._note,
            on_pause=lambda paused: self._rest(what, paused),
        )
        self._engine = engine
        if self._ended_early:
            engine.abort()
        main = detectors[0].name if detectors else counter.name

        def on_file(recording: Recording) -> None:
            self._note(f"{what}, {count_of_points(definition.points)}, to {recording.path}")
            self._tell(
                DevState.RUNNING, f"{what}.", file_name=str(recording.path), scan_number=recording.number
            )
            self.start_thread(lambda stopping: self._show_progress(engine, stopping), "progress")

        def on_point(point: Point) -> None:
            reading = point.readings[main]
            position = math.nan if point.position is None else point.position
            counts = reading.get("total_counts", reading["counts"])
            self._rows.append((position, counts, point.readings[counter.name]["counts"]))
            self._show_rows()

        return measure(
            engine,
            recorder,
            self._known(what, definition.actuator),
            following=self._instrument.following(actuator),
            motors=lambda: self._instrument.motors_at_end(self._problem),
            on_file=on_file,
            on_point=on_point,
        )

    def _known(self, what: str, actuator: str) -> Values:
        """What is known of the run. What the user has set here counts more than what the lines say."""
        own = {
            "run/title": self._setting("title") or what,
            "run/user": self._setting("user"),
            "instrument/name": self.Instrument,
            "sample/name": self._setting("sample_name"),
            "sample/thickness": self._setting("sample_thickness"),
        }
        return {
            **self._instrument.known(self._problem, actuator),
            **{key: value for key, value in own.items() if value},
        }

    # what the threads publish

    def _rest(self, what: str, paused: bool) -> None:
        if paused:
            self._note(f"{what}: paused after point {len(self._rows)}.")
            self._tell(DevState.STANDBY, f"{what}: paused after point {len(self._rows)}. Resume goes on.")
        else:
            self._note(f"{what}: goes on.")
            self._tell(DevState.RUNNING, f"{what}.")

    def _show_progress(self, engine: ScanEngine, stopping: threading.Event) -> None:
        while self._engine is engine and not stopping.wait(PROGRESS_PERIOD):
            now = engine.progress()
            self._tell(only_for=engine, progress=100 * now.fraction, remaining_time=now.remaining)

    def _show_rows(self) -> None:
        """Publish the points; `point` comes last, when the arrays have as many elements."""
        if not self._rows:  # invalid rather than empty: an event with an empty array may crash a client
            self._tell(positions=None, counts=None, monitor=None, point=0)
            return
        positions, counts, monitor = np.array(self._rows, dtype=float).reshape(-1, 3).T
        self._tell(positions=positions, counts=counts, monitor=monitor, point=len(self._rows))

    def _unwatched(self, error: GumtreeError) -> None:
        self._note(f"Not watched: {error.message}")

    def _problem(self, error: GumtreeError) -> None:
        self._note(f"Not recorded: {error.message}")

    def _note(self, text: str) -> None:
        """Add a line to the log."""
        logger.info(text)
        line = f"{datetime.now():%H:%M:%S} {text}"
        self._lines = [*self._lines, line][-LOG_LINES:]
        self._tell(log=self._lines)

    def _tell(
        self,
        state: DevState | None = None,
        status: str = "",
        *,
        only_for: ScanEngine | None = None,
        **values: Any,
    ) -> None:
        """Publish values, then the state; values of a scan `only_for` as long as it runs.

        Waits while a command is at work, so that no event is lost.
        """
        for attempt in range(1, _TELL_ATTEMPTS + 1):
            if self._stopping.is_set():
                return
            try:
                with self.exclusive():
                    if only_for is not self._engine and only_for is not None:
                        return
                    self.publish(**values)
                    if state is not None:
                        self.publish_state(state, status)
                    return
            except tango.DevFailed as error:
                logger.warning(
                    "%s: not published at attempt %d: %s", self.get_name(), attempt, error.args[0].desc
                )


def _interrupted(item: Recovered) -> str:
    if item.recorded == 0:
        return (
            f"Run {item.number} was interrupted before its first count had ended: {item.path} has no counts. "
            "Measure it again."
        )
    return (
        f"Run {item.number} was interrupted at point {item.recorded} of {item.points}; "
        f"data kept in {item.path}."
    )


def main() -> None:
    """Run the server."""
    serve(GumtreeScan)
