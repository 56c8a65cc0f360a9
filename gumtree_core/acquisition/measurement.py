"""One measurement from its file to its end: the engine measures, the recorder keeps."""

from __future__ import annotations

from collections.abc import Callable

from gumtree_core.acquisition.engine import Ending, Outcome, Point, ScanEngine
from gumtree_core.acquisition.recorder import Following, Recorder, Recording, Values


def measure(
    engine: ScanEngine,
    recorder: Recorder,
    values: Values,
    *,
    following: Following | None = None,
    motors: Callable[[], Values],
    on_file: Callable[[Recording], None],
    on_point: Callable[[Point], None],
) -> Outcome:
    """Run a scan and record it; the file is closed whatever happens.

    Parameters
    ----------
    values
        What is known of the run, by logical key, with the motors as ``motor_start/NAME``.
    following
        What the position of the actuator says at each point, by logical key; not among `values`.
    motors
        Asked at the end: where the motors are, as ``motor_end/NAME``.
    on_file
        Called when the file exists.
    on_point
        Called with each point when it is in the file.

    Raises
    ------
    GumtreeError
        DATA_NOT_WRITTEN if the file cannot be made or closed.
    """
    recording = recorder.start(
        engine.definition, engine.counter, engine.detectors, engine.actuator, values, following or {}
    )
    outcome = Outcome(Ending.FAILED, 0, "The scan ended by an unforeseen error; see the log of its server.")

    def record(point: Point) -> None:
        recording.record(point)
        on_point(point)

    try:
        on_file(recording)
        outcome = engine.run(record)
    finally:
        recording.close(outcome, motors())
    return outcome
