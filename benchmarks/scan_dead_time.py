"""What a scan adds to each point beyond its count: GumtreeScan, and a loop by hand over its devices."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import tango
from measure import case
from tango import DevState

INSTRUMENT = Path(__file__).parents[1] / "config" / "instruments" / "sans.yaml"
POINTS = 50
ROUNDS = 3
COUNTS = {"1 ms": 0.001, "20 ms": 0.02}
GOAL = 0.003
"""Seconds of dead time that a point may have."""


@contextmanager
def instrument() -> Iterator[None]:
    """The simulated instrument in its own processes, with its database as ours."""
    with TemporaryDirectory() as folder:
        command = [
            str(Path(sys.executable).with_name("gumtree")),
            "up",
            str(INSTRUMENT),
            "--data-dir",
            folder,
        ]
        unbuffered = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=unbuffered) as program:
            assert program.stdout is not None
            for line in program.stdout:
                if line.startswith("Up in"):
                    break
            running = json.loads((Path(folder) / "run.json").read_text(encoding="utf-8"))
            os.environ["TANGO_HOST"] = running["tango_host"]
            try:
                yield
            finally:
                program.send_signal(signal.SIGINT)
                program.stdout.read()


def rested(device: tango.DeviceProxy) -> None:
    """Wait until a device is at rest."""
    while device.state() in (DevState.MOVING, DevState.RUNNING):
        pass
    if device.state() != DevState.ON:
        raise SystemExit(f"{device.name()} is {device.state()}: {device.status()}")


def scanned(count: float) -> Callable[[], None]:
    """A scan with its file, whose motor is where it has to be at each point."""
    scan = tango.DeviceProxy("sans/acquisition/scan")
    here = tango.DeviceProxy("sample_x").position
    settings = {"actuator": "sample_x", "start_position": here, "stop_position": here + 1e-9}
    for name, value in {**settings, "points": POINTS, "preset_mode": 0, "preset": count}.items():
        scan.write_attribute(name, value)

    def run() -> None:
        scan.Scan()
        while scan.state() == DevState.RUNNING:
            time.sleep(0.005)
        rested(scan)

    return run


def by_hand(count: float) -> Callable[[], None]:
    """The same without engine, file and watch over the other motors, and asking without a pause."""
    motor, counter, detector = map(tango.DeviceProxy, ("sample_x", "monitor", "detector"))
    counter.preset_mode, counter.preset, detector.gate = 0, count, 1
    here = motor.position

    def run() -> None:
        for _ in range(POINTS):
            motor.position = here
            rested(motor)
            detector.Start()
            counter.Start()
            rested(counter)
            rested(detector)
            counter.read_attributes(["counts", "time"])
            detector.read_attributes(["image", "counts", "time"])

    return run


def round_trips() -> float:
    """Median seconds of one question to a Tango device."""
    motor = tango.DeviceProxy("sample_x")
    found = []
    for _ in range(300):
        began = time.perf_counter()
        motor.state()
        found.append(time.perf_counter() - began)
    return median(found)


def dead_times(count: float, contenders: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Median seconds of a point beyond its count, of each, measured in turns."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            began = time.perf_counter()
            run()
            found[name].append((time.perf_counter() - began) / POINTS - count)
    return {name: median(times) for name, times in found.items()}


def main() -> None:
    """Measure."""
    with instrument():
        for text, count in COUNTS.items():
            measured = dead_times(count, {"scan": scanned(count), "by hand": by_hand(count)})
            limit = round_trips()
            case(
                f"dead time of a point, count of {text}",
                measured["scan"],
                peer=measured["by hand"],
                limit=limit,
                goal=f"below {1e3 * GOAL:g} ms",
                holds=measured["scan"] < GOAL,
            )
            print(
                f"    {measured['scan'] / limit:.0f} round trips; by hand {measured['by hand'] / limit:.0f}"
            )


if __name__ == "__main__":
    main()
