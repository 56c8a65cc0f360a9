"""The demo's experiment: what is measured, in which order, and how one measurement is done."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tango import DevState

from gumtree_core.errors import GumtreeError
from gumtree_core.simulation.sans import slot_position
from servers.demo.session import PATIENCE, PERIOD, Notice, Session

SCAN = "sans/acquisition/scan"
COUNTER = "sans/counter/monitor"
DETECTOR = "sans/detector/main"
REDUCTION = "sans/reduction/sans"
MOTOR = "sans/motor/{}"
SCRIPT = "sans"
SAMPLE = "spheres"
ATTEMPTS = 3
"""How often a measurement that a killed server has interrupted is started."""

HARDWARE_LOST = ("HARDWARE_UNREACHABLE", "HARDWARE_NOT_READY", "MOTOR_NOT_THERE")
"""What devices say while their hardware is being restarted."""

WAVELENGTH = 5.0
COLLIMATION = 10_000.0
DISTANCE = 4000.0
BEAMSTOP_OUT = 600.0
SHADOW_RADIUS = 40.0
"""Of the beam stop on the detector, in mm, penumbra included."""
PLATES = 2


@dataclass(frozen=True)
class Measurement:
    """One run: what is in the beam, for how long, and which parameter of the script takes its file.

    `slot` names a sample of the changer, `seconds` is instrument time; a direct beam is attenuated, and has
    the beam stop out.
    """

    parameter: str
    title: str
    slot: str
    seconds: float
    direct: bool = False

    def positions(self) -> dict[str, float]:
        """Where each motor has to be."""
        places = {
            "wavelength": WAVELENGTH,
            "collimation": COLLIMATION,
            "detector_distance": DISTANCE,
            "sample_x": slot_position(self.slot),
            "attenuator": PLATES if self.direct else 0,
            "beamstop_y": BEAMSTOP_OUT if self.direct else 0.0,
        }
        return {MOTOR.format(name): float(place) for name, place in places.items()}


EXPERIMENT = (
    Measurement("direct_beam", "Direct beam", "empty_beam", 900, direct=True),
    Measurement("cell_beam", "Transmission of the empty cell", "empty_cell", 900, direct=True),
    Measurement("flood_beam", "Transmission of the water", "water", 900, direct=True),
    Measurement("sample_beam", "Transmission of the sample", SAMPLE, 900, direct=True),
    Measurement("flood", "Water, for the sensitivity", "water", 18_000),
    Measurement("blocked_beam", "Blocked beam", "blocked_beam", 1800),
    Measurement("empty_cell", "Empty cell", "empty_cell", 900),
    Measurement("sample", "Sample", SAMPLE, 900),
)


def script_parameters(files: dict[str, str]) -> dict[str, Any]:
    """What the reduction is told: the file of each run, and what the runs do not say."""
    return {**files, "shadow_radius": SHADOW_RADIUS, "beam_sensitivity_error": 0.01, "bins": 200}


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


def prepare(session: Session, item: Measurement) -> None:
    """Move the motors for a measurement; hardware that was restarted is waited for."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            set_motors(session, item.positions())
            for device in (COUNTER, DETECTOR):
                state, status = session.state(device)
                if state == DevState.FAULT:
                    raise GumtreeError("HARDWARE_NOT_READY", status)
        except GumtreeError as error:
            if error.reason not in HARDWARE_LOST or time.monotonic() > deadline:
                raise
            time.sleep(PERIOD)
        else:
            return


def measure(
    session: Session, item: Measurement, thickness: float, progress: Progress, notice: Notice
) -> Path:
    """Move the motors, count once, and return the NeXus file."""
    session.write(
        SCAN,
        title=item.title,
        sample_name=item.slot,
        sample_thickness=thickness,
        preset_mode=0,
        preset=item.seconds,
    )
    status = ""
    for attempt in range(1, ATTEMPTS + 1):
        prepare(session, item)
        session.call(SCAN, "Count")
        state = session.wait_while(
            SCAN,
            {DevState.RUNNING, DevState.INIT},
            lambda: progress(session.read(SCAN, "progress") / 100, item.title),
        )
        _, status = session.state(SCAN)
        if state in (DevState.ON, DevState.STANDBY):
            progress(1.0, item.title)
            return Path(session.read(SCAN, "file_name"))
        notice(f"{item.title}: {status}" + (" It is measured again." if attempt < ATTEMPTS else ""))
    raise GumtreeError("MEASUREMENT_FAILED", f"{item.title} failed {ATTEMPTS} times. {status}")


def reduce(session: Session, parameters: dict[str, Any], progress: Progress) -> Path:
    """Have the script reduce, and return the file of I(q)."""
    status = ""
    for _ in range(ATTEMPTS):
        load_script(session)
        session.write(REDUCTION, **parameters)
        session.call(REDUCTION, "Reduce")
        state = session.wait_while(
            REDUCTION,
            {DevState.RUNNING},
            lambda: progress(session.read(REDUCTION, "progress") / 100, "Reducing"),
        )
        _, status = session.state(REDUCTION)
        file = session.read(REDUCTION, "output_file")
        if state in (DevState.ON, DevState.STANDBY) and file:
            progress(1.0, "Reducing")
            return Path(file)
    raise GumtreeError("REDUCTION_FAILED", f"The reduction failed {ATTEMPTS} times. {status}")


def follow_live(session: Session, parameters: dict[str, Any]) -> None:
    """Have the script reduce each new image of the detector while the sample is measured."""
    load_script(session)
    session.write(REDUCTION, **parameters)
    session.write(REDUCTION, live=True)


def load_script(session: Session) -> None:
    """Have the reduction device load the script from the script repository, unless it has."""
    at_work = {DevState.RUNNING, DevState.INIT}
    session.wait_while(REDUCTION, at_work)  # it may be loading the script of its last life
    if session.read(REDUCTION, "script") != SCRIPT:
        session.write(REDUCTION, script=SCRIPT)
        session.wait_while(REDUCTION, at_work)
