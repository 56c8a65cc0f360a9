"""Servers, hardware and database as processes, and what happens when one of them is killed."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tango
from tango import AttrQuality, DevState

from gumtree_core.devices.controllers import connect

PROGRAMS = Path(sys.executable).parent
MOTOR, COUNTER, DETECTOR = "test/motor/x", "test/counter/monitor", "test/detector/main"


class Processes:
    """The database, the simulated hardware and the servers, each killed and started again as a test likes."""

    def __init__(self, folder: Path, wait_until: Callable[..., None]) -> None:
        self.folder = folder
        self.wait_until = wait_until
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = {**os.environ, "PYTANGO_DATABASE_NAME": str(folder / "tango.db")}
        self.simulator_port = 0

    def start_all(self) -> None:
        port = self.start_and_read_port(
            "database", "PyDatabaseds", "--host", "127.0.0.1", "--port", "0", "--print-host-port", "2"
        )
        self.tango_host = self.environment["TANGO_HOST"] = f"127.0.0.1:{port}"
        self.database = tango.Database("127.0.0.1", port)
        self.start_simulator()
        for server, device, name in (
            ("GumtreeMotor", MOTOR, {"Axis": "sample_x"}),
            ("GumtreeCounter", COUNTER, {"Channel": "monitor"}),
            ("GumtreeDetector", DETECTOR, {"Channel": "main"}),
        ):
            info = tango.DbDevInfo()
            info.name, info._class, info.server = device, server, f"{server}/test"
            self.database.add_device(info)
            uri = f"tcp://127.0.0.1:{self.simulator_port}"
            self.database.put_device_property(
                device, {"Controller": [uri], **{k: [v] for k, v in name.items()}}
            )
            self.start_server(server)

    def start(self, name: str, *command: str) -> Path:
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            self.running[name] = subprocess.Popen(
                [str(PROGRAMS / command[0]), *command[1:]], env=self.environment, stdout=output, stderr=output
            )
        return log

    def start_and_read_port(self, name: str, *command: str) -> int:
        log = self.start(name, *command)
        told: list[int] = []

        def listening() -> bool:
            assert self.running[name].poll() is None, log.read_text()
            told.extend(int(port) for port in re.findall(r"(?:port=|127\.0\.0\.1:)(\d+)", log.read_text()))
            return bool(told)

        self.wait_until(listening)
        return told[0]

    def start_simulator(self) -> None:
        options = (
            "--port",
            str(self.simulator_port),
            "--speed",
            "4",
            "--state",
            str(self.folder / "state.json"),
        )
        self.simulator_port = self.start_and_read_port("simulator", "gumtree-simulator", *options)

    def start_server(self, server: str) -> None:
        self.start(server, server, "test", "-ORBendPoint", "giop:tcp:127.0.0.1:0")

    def kill(self, name: str) -> None:
        self.running[name].kill()
        self.running[name].wait(10)

    def device(self, name: str) -> tango.DeviceProxy:
        """A fresh proxy of a device that is at rest and well, whatever a test before has left."""
        proxy = self.answering(name)
        if proxy.state() == DevState.ALARM:
            proxy.Init()
        self.wait_until(lambda: proxy.state() == DevState.ON)
        return proxy

    def answering(self, name: str) -> tango.DeviceProxy:
        """A fresh proxy of a device that answers."""
        proxy = tango.DeviceProxy(f"tango://{self.tango_host}/{name}")

        def answers() -> bool:
            with contextlib.suppress(tango.DevFailed):
                return proxy.state() != DevState.INIT
            return False

        self.wait_until(answers, 20)
        return proxy

    def close(self) -> None:
        for process in reversed(self.running.values()):
            process.terminate()
        for process in self.running.values():
            process.wait(10)


@pytest.fixture(scope="module")
def processes(tmp_path_factory: Any, wait_until: Callable[..., None]) -> Iterator[Processes]:
    processes = Processes(tmp_path_factory.mktemp("hardware"), wait_until)
    try:
        processes.start_all()
        yield processes
    finally:
        processes.close()


def failure(call: Any, *arguments: Any) -> tango.DevError:
    with pytest.raises(tango.DevFailed) as caught:
        call(*arguments)
    return caught.value.args[0]


def test_hardware_killed_during_a_motion_is_a_fault_and_comes_back_by_itself(processes, wait_until):
    motor = processes.device(MOTOR)
    motor.velocity = 20
    motor.position = 200
    wait_until(lambda: motor.position > 10)
    processes.kill("simulator")
    wait_until(lambda: motor.state() == DevState.FAULT)
    assert "cannot be reached" in motor.status()
    assert motor.read_attribute("position").quality == AttrQuality.ATTR_INVALID
    for call in (motor.Stop, lambda: motor.write_attribute("position", 5)):
        began = time.monotonic()
        assert failure(call).reason == "HARDWARE_NOT_READY"
        assert time.monotonic() - began < 0.1
    processes.start_simulator()
    wait_until(lambda: motor.state() == DevState.ALARM)
    assert "instead of 200 mm: contact was lost on the way" in motor.status()
    assert 0 < motor.position < 200
    motor.position = 0
    wait_until(lambda: motor.state() == DevState.ON)
    assert motor.position == pytest.approx(0, abs=1e-3)
    assert motor.velocity == 20


def test_a_motor_server_killed_during_a_motion_follows_it_when_it_is_back(processes, wait_until):
    motor = processes.device(MOTOR)
    motor.velocity = 2
    motor.backlash = 1
    motor.position = 200
    processes.kill("GumtreeMotor")
    processes.start_server("GumtreeMotor")
    motor = processes.answering(MOTOR)
    assert motor.state() == DevState.MOVING
    assert "from elsewhere" in motor.status()
    before = motor.position
    wait_until(lambda: motor.position > before)
    assert (motor.velocity, motor.backlash) == (2, 1)
    assert motor.read_attribute("velocity").w_value == 2
    motor.Stop()
    wait_until(lambda: motor.state() == DevState.ON)
    assert motor.status().startswith("Stopped on request")


def test_what_the_hardware_tells_of_the_axis_is_not_written_to_the_database(processes):
    processes.device(MOTOR)
    stored = processes.database.get_device_attribute_property(MOTOR, ["position", "velocity"])
    assert not stored["position"]
    assert set(stored["velocity"]) <= {"__value"}


def test_what_the_database_says_of_an_attribute_goes_before_what_the_hardware_tells(processes):
    processes.device(MOTOR)
    processes.database.put_device_attribute_property(
        MOTOR, {"position": {"label": "Stage", "max_value": "120", "unit": "millimetre"}}
    )
    processes.kill("GumtreeMotor")
    processes.start_server("GumtreeMotor")
    motor = processes.device(MOTOR)
    config = motor.get_attribute_config("position")
    assert (config.label, config.unit, config.max_value) == ("Stage", "millimetre", "120")
    assert float(config.min_value) == -20
    assert motor.get_attribute_config("velocity").unit == "millimetre/s"
    error = failure(motor.MoveRelative, 200.0)
    assert "120 millimetre" in error.desc


def test_an_axis_driven_onto_its_switch_from_elsewhere_is_followed_and_alarms(processes, wait_until):
    motor = processes.device(MOTOR)
    motor.velocity = 100
    motor.position = -15
    wait_until(lambda: motor.state() == DevState.ON)
    controller = connect(f"tcp://127.0.0.1:{processes.simulator_port}")
    axis = controller.axis("sample_x")
    axis.configure(velocity=2, acceleration=1000)
    axis.move(-1000)
    wait_until(lambda: motor.state() == DevState.MOVING)
    assert "from elsewhere" in motor.status()
    wait_until(lambda: motor.state() == DevState.ALARM)
    controller.close()
    assert "At the low limit switch" in motor.status()
    assert "Move to a higher position" in motor.status()
    assert list(motor.limit_switches) == [True, False]
    error = failure(motor.MoveRelative, -0.5)
    assert error.reason in ("MOTOR_AT_LIMIT", "POSITION_OUTSIDE_LIMITS")
    motor.position = 0
    wait_until(lambda: motor.state() == DevState.ON)
    assert list(motor.limit_switches) == [False, False]


def test_counting_goes_on_while_the_servers_are_killed(processes, wait_until):
    counter, detector = processes.device(COUNTER), processes.device(DETECTOR)
    counter.preset = 100
    detector.gate = 1
    detector.Start()
    counter.Start()
    wait_until(lambda: detector.counts > 0)
    counted, time_counted = detector.counts, counter.time
    for server in ("GumtreeCounter", "GumtreeDetector"):
        processes.kill(server)
        processes.start_server(server)
    counter, detector = processes.answering(COUNTER), processes.answering(DETECTOR)
    assert (counter.state(), detector.state()) == (DevState.RUNNING, DevState.RUNNING)
    assert counter.read_attribute("progress").quality == AttrQuality.ATTR_INVALID
    counter.Stop()
    wait_until(lambda: (counter.state(), detector.state()) == (DevState.ON, DevState.ON))
    assert counter.time == detector.time > time_counted
    assert detector.image.sum() == detector.counts > counted


def test_hardware_killed_during_a_count_says_what_is_lost(processes, wait_until):
    counter, detector = processes.device(COUNTER), processes.device(DETECTOR)
    counter.preset = 100
    detector.Start()
    counter.Start()
    wait_until(lambda: counter.counts > 0 and detector.counts > 0)
    processes.kill("simulator")
    for device in (counter, detector):
        wait_until(lambda device=device: device.state() == DevState.FAULT)
        assert "cannot be reached" in device.status()
    assert detector.read_attribute("image").quality == AttrQuality.ATTR_INVALID
    processes.start_simulator()
    for device in (counter, detector):
        wait_until(lambda device=device: device.state() == DevState.ALARM)
        assert "this count is lost" in device.status()
        assert re.search(r"[1-9]\d* counts in ", device.status())
    counter.preset = 0.4
    detector.Start()
    counter.Start()
    wait_until(lambda: (counter.state(), detector.state()) == (DevState.ON, DevState.ON))


@pytest.mark.parametrize("server", ["GumtreeMotor", "GumtreeCounter", "GumtreeDetector"])
def test_a_server_ends_at_once_and_in_order_when_asked_to(processes, server):
    process = processes.running[server]
    process.terminate()
    assert process.wait(5) == 0
    assert "Traceback" not in (processes.folder / f"{server}.log").read_text()
    processes.start_server(server)


def test_without_a_database_a_server_says_so_in_a_line():
    done = subprocess.run(
        [PROGRAMS / "GumtreeMotor", "test"],
        env={**os.environ, "TANGO_HOST": "127.0.0.1:1"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode != 0
    assert "database" in (done.stdout + done.stderr)
    assert "Traceback" not in done.stderr


def test_no_server_imports_what_it_does_not_need():
    heavy = "{'h5py', 'scipy', 'pydantic', 'gumtree_core.simulation.world', 'taurus', 'PyQt6'}"
    program = (
        f"import sys, servers.motor, servers.counter, servers.detector; print({heavy} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "set()"
