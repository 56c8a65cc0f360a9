"""Scans while processes are killed: each server in its own process, a Tango database, hardware behind TCP."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tango
from tango import DevState

from gumtree_core.files import load

BIN = Path(sys.executable).parent
SPEED = 100
DEVICES = {
    "lab/motor/sample_x": ("GumtreeMotor", {"Axis": "sample_x"}),
    "lab/counter/monitor": ("GumtreeCounter", {"Channel": "monitor"}),
    "lab/detector/main": ("GumtreeDetector", {"Channel": "main"}),
    "lab/acquisition/scan": (
        "GumtreeScan",
        {
            "Counter": "lab/counter/monitor",
            "Detectors": ["lab/detector/main"],
            "Motors": ["sample_x=lab/motor/sample_x"],
            "LogicalKeys": ["detector/distance=4 m"],
            "FilePrefix": "LAB",
        },
    ),
}


class Lab:
    """The processes of a small instrument; each can be killed and started again."""

    def __init__(self, folder: Path, wait_until: Any) -> None:
        self.folder = folder
        self._wait_until = wait_until
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def open(self) -> None:
        """Start all, and wait until each device is ready."""
        environment = {"PYTANGO_DATABASE_NAME": str(self.folder / "tango.db")}
        options = ["--host", "127.0.0.1", "--port", "0", "--print-host-port", "2"]
        database = self._start("database", "PyDatabaseds", *options, **environment)
        self.tango_host = "127.0.0.1:" + self._told(database, r"port=(\d+)")
        hardware = self._start("hardware", "gumtree-simulator", "--speed", str(SPEED))
        self._port = self._told(hardware, r"127\.0\.0\.1:(\d+)")
        self._register()
        for name in dict.fromkeys(server for server, _ in DEVICES.values()):
            self.start(name)
        for device in DEVICES:
            self._wait_until(lambda device=device: self.state(device) == DevState.ON, 20)

    def proxy(self, device: str) -> tango.DeviceProxy:
        return tango.DeviceProxy(f"tango://{self.tango_host}/{device}")

    def state(self, device: str) -> DevState | None:
        try:
            return self.proxy(device).state()
        except tango.DevFailed:
            return None

    def start(self, name: str) -> None:
        if name == "hardware":
            self._start(name, "gumtree-simulator", "--port", self._port, "--speed", str(SPEED))
        else:
            self._start(name, name, "lab", "-ORBendPoint", "giop:tcp:127.0.0.1:0", TANGO_HOST=self.tango_host)

    def kill(self, name: str) -> None:
        process = self._running.pop(name)
        process.kill()
        process.wait(10)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def close(self) -> None:
        for name in reversed(list(self._running)):
            self.kill(name)

    def _start(self, name: str, program: str, *arguments: str, **environment: str) -> str:
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            self._running[name] = subprocess.Popen(
                [BIN / program, *arguments],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                env=os.environ | environment,
            )
        return name

    def _told(self, name: str, pattern: str) -> str:
        self._wait_until(lambda: re.search(pattern, self.log(name)), 20)
        return re.search(pattern, self.log(name))[1]

    def _register(self) -> None:
        host, _, port = self.tango_host.partition(":")
        database = tango.Database(host, int(port))
        for name, (server, properties) in DEVICES.items():
            info = tango.DbDevInfo()
            info.name, info._class, info.server = name, server, f"{server}/lab"
            database.add_device(info)
            if server == "GumtreeScan":
                extra = {"DataDirectory": str(self.folder / "data")}
            else:
                extra = {"Controller": f"tcp://127.0.0.1:{self._port}"}
            database.put_device_property(name, properties | extra)


@pytest.fixture(scope="module")
def lab(tmp_path_factory, wait_until) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("lab"), wait_until)
    try:
        lab.open()
        yield lab
    finally:
        lab.close()


@pytest.fixture
def scan(lab) -> tango.DeviceProxy:
    scan = lab.proxy("lab/acquisition/scan")
    settings = {"actuator": "sample_x", "start_position": 0.0, "stop_position": 2.0, "points": 3}
    for name, value in {**settings, "preset_mode": 0, "preset": 20.0, "title": "Restarts"}.items():
        scan.write_attribute(name, value)
    return scan


def of_this_run(scan: tango.DeviceProxy) -> list[str]:
    """The lines of the log since the file was made."""
    lines = list(scan.log)
    while not any(scan.file_name in line for line in lines[:1]):
        lines = lines[1:]
    return lines


@pytest.mark.parametrize("victim", ["GumtreeCounter", "GumtreeDetector", "GumtreeMotor", "hardware"])
def test_a_process_that_is_killed_and_started_again_costs_a_repetition_and_no_point(
    lab, scan, wait_until, victim
):
    motor = lab.proxy("lab/motor/sample_x")
    wait_until(lambda: motor.state() in (DevState.ON, DevState.ALARM))
    motor.velocity = 0.03  # to the next point in a third of a second
    scan.write_attribute("preset", 50.0)
    scan.Scan()
    device = "lab/motor/sample_x" if victim == "GumtreeMotor" else "lab/counter/monitor"
    wait_until(lambda: scan.point == 1 and lab.state(device) in (DevState.MOVING, DevState.RUNNING), 20)
    lab.kill(victim)
    wait_until(lambda: any("attempt 1 of 3" in line for line in of_this_run(scan)), 10)
    lab.start(victim)
    wait_until(lambda: scan.state() != DevState.RUNNING, 40)
    assert (scan.state(), scan.status()) == (DevState.ON, "Scan of sample_x: 3 of 3 points."), scan.log
    named = {"GumtreeMotor": "sample_x", "GumtreeDetector": "lab/detector/main"}.get(victim, device)
    assert any(named in line for line in of_this_run(scan) if "attempt 1" in line), scan.log
    run = load(scan.file_name)
    np.testing.assert_allclose(run.data("motor/sample_x").values, [0, 1, 2], atol=2e-3)
    np.testing.assert_allclose(run.data("monitor/time").values, 50, atol=1e-2)
    np.testing.assert_allclose(run.data("detector/time").values, 50, atol=1e-2)
    np.testing.assert_array_equal(
        run.data("detector/counts").values.sum(axis=(1, 2)), run.data("detector/total_counts").values
    )
    assert run["run/status"] == "complete"


def test_after_a_kill_of_the_scan_server_its_points_are_kept_and_it_goes_on(lab, scan, wait_until):
    scan.write_attribute("points", 200)
    scan.Scan()
    wait_until(lambda: scan.point >= 5, 20)
    path, number = Path(scan.file_name), scan.scan_number
    acknowledged = len(scan.counts)
    lab.kill("GumtreeScan")
    lab.start("GumtreeScan")

    wait_until(lambda: lab.state("lab/acquisition/scan") == DevState.ALARM, 20)
    scan = lab.proxy("lab/acquisition/scan")
    told = re.fullmatch(
        r"Run (\d+) was interrupted at point (\d+) of 200; data kept in (.*)\.", scan.status()
    )
    assert told, scan.status()
    assert (int(told[1]), Path(told[3])) == (number, path)
    assert (scan.scan_number, Path(scan.file_name)) == (number, path)
    run = load(path)
    assert run["run/status"] == "interrupted"
    assert acknowledged <= int(told[2]) <= acknowledged + 3
    assert run.data("detector/counts").shape == (int(told[2]), 192, 192)
    assert run["run/title"] == "Restarts"

    assert (scan.title, scan.actuator, scan.points, scan.preset) == ("Restarts", "sample_x", 200, 20.0)
    scan.Count()
    wait_until(lambda: scan.state() != DevState.RUNNING, 20)
    assert (scan.state(), scan.scan_number) == (DevState.ON, number + 1)

    lab.kill("GumtreeScan")
    lab.start("GumtreeScan")
    wait_until(lambda: lab.state("lab/acquisition/scan") == DevState.ON, 20)


def test_a_scan_that_waits_for_a_lost_device_can_be_aborted_and_keeps_its_points(lab, scan, wait_until):
    scan.write_attribute("preset", 50.0)
    scan.Scan()
    counting = DevState.RUNNING
    wait_until(lambda: scan.point == 2 and lab.state("lab/counter/monitor") == counting, 20)
    lab.kill("GumtreeCounter")
    wait_until(lambda: "attempt 1 of 3" in scan.log[-1], 10)
    assert "lab/counter/monitor does not answer" in scan.log[-1]
    scan.Abort()
    wait_until(lambda: scan.state() != DevState.RUNNING, 5)
    assert scan.state() == DevState.ALARM
    assert load(scan.file_name).data("monitor/counts").shape == (2,)
    lab.start("GumtreeCounter")
    wait_until(lambda: lab.state("lab/counter/monitor") is not None, 20)
