"""The demo's experiment: what is measured, in which order, and how one measurement is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tango import DevState

from gumtree_core.errors import GumtreeError
from servers.demo.session import Session

SCAN = "sans/acquisition/scan"
REDUCTION = "sans/reduction/sans"
REPOSITORY = "sans/scripts/repository"
SAMPLE = "spheres"
ATTEMPTS = 3
"""How often a measurement that a killed server has interrupted is started."""


@dataclass(frozen=True)
class Measurement:
    """One run: what is in the beam, for how long, and which parameter of the reduction takes its file.

    `slot` names a place of the sample changer, `seconds` is instrument time.
    """

    parameter: str
    title: str
    slot: str
    seconds: float
    attenuator: int = 0
    beamstop_in: bool = True


EXPERIMENT = (
    Measurement("direct_beam", "Direct beam", "empty_beam", 300, attenuator=3, beamstop_in=False),
    Measurement("cell_transmission_run", "Transmission of the empty cell", "empty_cell", 300, 3, False),
    Measurement("sample_transmission_run", "Transmission of the sample", SAMPLE, 300, 3, False),
    Measurement("flood", "Water, for the detector's sensitivity", "water", 36_000),
    Measurement("blocked_beam", "Blocked beam", "blocked_beam", 1800),
    Measurement("empty_cell", "Empty cell", "empty_cell", 1800),
    Measurement("sample", "Sample", SAMPLE, 3600),
)

Progress = Callable[[float, str], None]
"""Takes the fraction done, 0 to 1, and what is going on."""


def set_motors(session: Session, targets: dict[str, float]) -> None:
    """Move the motors, all at the same time, and check that each arrived."""
    for device, target in targets.items():
        session.write(device, position=target)
    for device, target in targets.items():
        state = session.wait_while(device, {DevState.MOVING})
        position = session.read(device, "position")
        if abs(position - target) > 0.01:
            _, status = session.state(device)
            raise GumtreeError(
                "MOTOR_NOT_THERE", f"{device} is at {position:g}, not at {target:g}: {state}, {status}"
            )


def measure(session: Session, item: Measurement, thickness: float, progress: Progress) -> Path:
    """Count once at the present positions and return the NeXus file."""
    session.write(
        SCAN,
        title=item.title,
        sample_name=item.slot,
        sample_thickness=thickness,
        preset_mode=0,
        preset=item.seconds,
    )
    for attempt in range(1, ATTEMPTS + 1):
        session.call(SCAN, "Count")

        def look() -> None:
            progress(session.read(SCAN, "progress") / 100, item.title)

        state = session.wait_while(SCAN, {DevState.RUNNING, DevState.INIT}, look)
        if state in (DevState.ON, DevState.STANDBY):
            progress(1.0, item.title)
            return Path(session.read(SCAN, "file_name"))
        _, status = session.state(SCAN)
        progress(0.0, f"{item.title}: {status}" + (" Measuring again." if attempt < ATTEMPTS else ""))
    raise GumtreeError("MEASUREMENT_FAILED", f"{item.title} failed {ATTEMPTS} times. {status}")


def reduce(session: Session, parameters: dict[str, Any], progress: Progress) -> Path:
    """Load the SANS script, set its parameters, run it and return the file of I(q)."""
    for _ in range(ATTEMPTS):
        load_script(session)
        session.write(REDUCTION, **parameters)
        session.call(REDUCTION, "Reduce")
        state = session.wait_while(
            REDUCTION, {DevState.RUNNING}, lambda: progress(session.read(REDUCTION, "progress") / 100, "Reducing")
        )
        if state in (DevState.ON, DevState.STANDBY):
            progress(1.0, "Reducing")
            return Path(session.read(REDUCTION, "output_file"))
    _, status = session.state(REDUCTION)
    raise GumtreeError("REDUCTION_FAILED", f"The reduction failed {ATTEMPTS} times. {status}")


def load_script(session: Session) -> None:
    """Have the reduction device load the SANS script from the script repository."""
    session.write(REDUCTION, script="sans")
    session.wait_while(REDUCTION, {DevState.RUNNING, DevState.INIT})
