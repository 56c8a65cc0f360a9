"""GumtreeScan with all our device classes over the simulated instrument, seen by a plain client."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tango
from tango import DevState
from tango.test_context import MultiDeviceTestContext

from gumtree_core.files import load
from servers.counter import GumtreeCounter
from servers.detector import GumtreeDetector
from servers.motor import GumtreeMotor
from servers.scan import GumtreeScan

CONTROLLER = "simulated:sans?speed=100"
MOTORS = ("sample_x", "detector_distance", "attenuator", "wavelength")
TIME, MONITOR = 0, 1
LONG = 6000.0
"""A preset that takes a minute: a test that waits for it has failed."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def context(folder: Path) -> Iterator[MultiDeviceTestContext]:
    def hardware(name: str, **properties: str) -> dict[str, Any]:
        return {"name": name, "properties": {"Controller": CONTROLLER, **properties}}

    scan = {
        "Counter": "test/counter/monitor",
        "Detectors": ["test/detector/main"],
        "Motors": [f"{motor}=test/motor/{motor}" for motor in MOTORS],
        "DataDirectory": str(folder),
        "FilePrefix": "TEST",
        "Instrument": "Test SANS",
        "LogicalKeys": [
            "source/probe=neutron",
            "instrument/wavelength_spread=0.1",
            "instrument/source_aperture=4 cm",
            "instrument/wavelength=test/motor/wavelength/position",
            "detector/distance=test/motor/detector_distance/position",
            "instrument/attenuation=test/motor/attenuator/position {0: 1, 1: 0.1}",
        ],
    }
    devices = [
        {"class": GumtreeMotor, "devices": [hardware(f"test/motor/{motor}", Axis=motor) for motor in MOTORS]},
        {"class": GumtreeCounter, "devices": [hardware("test/counter/monitor", Channel="monitor")]},
        {"class": GumtreeDetector, "devices": [hardware("test/detector/main", Channel="main")]},
        {"class": GumtreeScan, "devices": [{"name": "test/acquisition/scan", "properties": scan}]},
    ]
    with MultiDeviceTestContext(devices, process=True) as context:
        yield context


@pytest.fixture
def motor(context, wait_until) -> tango.DeviceProxy:
    motor = context.get_device("test/motor/sample_x")
    wait_until(lambda: motor.state() == DevState.ON)
    motor.velocity = 25
    return motor


@pytest.fixture
def counter(context, wait_until) -> tango.DeviceProxy:
    counter = context.get_device("test/counter/monitor")
    wait_until(lambda: counter.state() in (DevState.ON, DevState.ALARM))
    return counter


@pytest.fixture
def scan(context, motor, counter, wait_until) -> Iterator[tango.DeviceProxy]:
    """At rest, set to a scan of four positions, each counted for 2 s (20 ms in real time)."""
    scan = context.get_device("test/acquisition/scan")
    wait_until(lambda: scan.state() in (DevState.ON, DevState.ALARM))
    write(
        scan,
        actuator="sample_x",
        start_position=0.0,
        stop_position=3.0,
        points=4,
        preset_mode=TIME,
        preset=2.0,
    )
    write(scan, title="", sample_name="", sample_thickness=0.0, user="")
    yield scan
    scan.Abort()
    wait_until(lambda: scan.state() in (DevState.ON, DevState.ALARM))


def write(proxy: tango.DeviceProxy, **values: Any) -> None:
    for name, value in values.items():
        proxy.write_attribute(name, value)


def finished(scan: tango.DeviceProxy, wait_until: Any) -> tuple[DevState, str]:
    wait_until(lambda: scan.state() not in (DevState.RUNNING, DevState.STANDBY), 20)
    return scan.state(), scan.status()


def failure(call: Any, *arguments: Any) -> tango.DevError:
    with pytest.raises(tango.DevFailed) as caught:
        call(*arguments)
    return caught.value.args[0]


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.nxs"))


def test_a_count_is_recorded_with_all_that_is_known(scan, folder, wait_until):
    write(scan, title="Glassy carbon", sample_name="GC", sample_thickness=1.0, user="Ångström", preset=10.0)
    began = time.monotonic()
    scan.Count()
    assert time.monotonic() - began < 0.1
    assert scan.state() == DevState.RUNNING
    assert finished(scan, wait_until) == (DevState.ON, "Count: 1 of 1 point.")
    assert files(folder)[-1] == Path(scan.file_name)
    run = load(scan.file_name)
    assert run["run/number"] == str(scan.scan_number)
    assert (run["run/title"], run["sample/name"], run["run/user"]) == ("Glassy carbon", "GC", "Ångström")
    assert (run["instrument/name"], run["source/probe"]) == ("Test SANS", "neutron")
    image = run.data("detector/counts")
    assert (image.shape, image.dims) == ((192, 192), ("y", "x"))
    assert image.values.sum() == run.data("detector/total_counts").values == scan.counts[0]
    assert run.data("monitor/counts").values == scan.monitor[0] > 0
    assert run.data("monitor/time").values == pytest.approx(10, abs=1e-3)
    for key, value, unit in [
        ("sample/thickness", 1, "mm"),
        ("instrument/wavelength", 5, "angstrom"),
        ("instrument/source_aperture", 40, "mm"),
        ("instrument/attenuation", 1, ""),
        ("detector/distance", 4000, "mm"),
        ("detector/pixel_size_x", 5.08, "mm"),
        ("motor/detector_distance", 4000, "mm"),
    ]:
        assert (run.data(key).values, run.data(key).unit) == (pytest.approx(value), unit), key


def test_a_monitor_preset_ends_the_count(scan, wait_until):
    write(scan, preset_mode=MONITOR, preset=20000.0)
    assert scan.get_attribute_config("preset").unit == "counts"
    scan.Count()
    assert finished(scan, wait_until)[0] == DevState.ON
    assert scan.monitor[0] >= 20000
    assert load(scan.file_name)["monitor/mode"] == "monitor"


def test_a_whole_scan_can_be_followed_by_events_alone(scan, events, motor):
    names = (
        "positions",
        "counts",
        "monitor",
        "point",
        "progress",
        "remaining_time",
        "file_name",
        "log",
        "state",
    )
    events.follow(scan, *names)
    events.clear()
    scan.Scan()
    events.wait("state", DevState.ON)
    assert events.errors == []
    assert events.of("state") == [DevState.RUNNING, DevState.ON]
    assert events.events[-1][0] == "state"
    assert [value for value in events.of("point") if value] == [1, 2, 3, 4]
    np.testing.assert_allclose(events.of("positions")[-1], [0, 1, 2, 3], atol=2e-3)
    assert [None if value is None else len(value) for value in events.of("counts")] == [None, 1, 2, 3, 4]
    assert events.of("progress")[-1] == 100
    assert events.of("remaining_time")[-1] == 0
    assert Path(events.of("file_name")[-1]).is_file()
    assert "4 of 4 points" in events.of("log")[-1][-1]
    order = [name for name, _, _ in events.events if name in ("positions", "counts", "monitor", "point")]
    assert order[-4:] == ["positions", "counts", "monitor", "point"]
    run = load(events.of("file_name")[-1])
    np.testing.assert_array_equal(run.data("motor/sample_x").values, events.of("positions")[-1])
    np.testing.assert_array_equal(run.data("monitor/counts").values, events.of("monitor")[-1])
    np.testing.assert_array_equal(
        run.data("detector/counts").values.sum(axis=(1, 2)), events.of("counts")[-1]
    )
    assert run.data("motor_end/sample_x").values == pytest.approx(motor.position)


def test_the_file_can_be_read_by_others_while_it_is_written(scan, wait_until, counter):
    write(scan, preset=100.0, points=3)
    scan.Scan()
    wait_until(lambda: scan.point == 1)
    code = (
        "import sys, h5py; from gumtree_core.files import load; path = sys.argv[1];"
        "run = load(path); print(run['run/status'], run['detector/counts'].shape);"
        "print(h5py.File(path, 'r', swmr=True)['entry/definition'].asstr()[()])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, scan.file_name], check=True, capture_output=True, text=True, timeout=30
    )
    assert done.stdout.split("\n")[0].startswith("running (")
    assert done.stdout.split("\n")[1] == "NXsas"
    assert finished(scan, wait_until)[0] == DevState.ON


@pytest.mark.parametrize(
    ("settings", "reason", "text"),
    [
        ({"stop_position": 4000.0}, "POSITION_OUTSIDE_LIMITS", "sample_x cannot move to"),
        ({"points": 1}, "BAD_SCAN", "at least 2 points"),
        ({"preset": 0.0}, "BAD_PRESET", "cannot be 0 s"),
        ({"preset_mode": MONITOR, "preset": 0.5}, "BAD_PRESET", "cannot count to 0.5 counts"),
        ({"actuator": ""}, "ACTUATOR_MISSING", "sample_x, detector_distance"),
    ],
)
def test_a_scan_that_is_not_possible_is_refused_before_anything_happens(
    scan, motor, folder, settings, reason, text
):
    before = motor.position, files(folder), scan.state()
    write(scan, **settings)
    error = failure(scan.Scan)
    assert error.reason == reason
    assert text in error.desc
    assert (motor.position, files(folder), scan.state()) == before


def test_an_actuator_is_known_by_its_name_or_its_device(scan, context):
    device = context.get_device_access("test/motor/attenuator")
    scan.actuator = device
    assert scan.actuator == "attenuator"
    error = failure(scan.write_attribute, "actuator", "nose")
    assert error.reason == "ACTUATOR_UNKNOWN"
    assert "sample_x, detector_distance, attenuator, wavelength" in error.desc
    assert scan.actuator == "attenuator"


def test_the_positions_get_the_unit_of_the_actuator(scan, wait_until):
    scan.actuator = "wavelength"
    wait_until(lambda: scan.get_attribute_config("start_position").unit == "angstrom")
    scan.actuator = "sample_x"
    wait_until(lambda: scan.get_attribute_config("positions").unit == "mm")
    wait_until(lambda: scan.get_attribute_config("positions").label == scan.actuator)


@pytest.mark.parametrize(
    ("actuator", "stop", "key", "expected"),
    [
        ("detector_distance", 2100.0, "detector/distance", [2000.0, 2050.0, 2100.0]),
        ("attenuator", 1.0, "instrument/attenuation", [1.0, np.nan, 0.1]),
    ],
)
def test_what_the_scanned_motor_says_is_recorded_at_each_point(
    scan, wait_until, actuator, stop, key, expected
):
    first = expected[0] if actuator == "detector_distance" else 0.0
    write(scan, actuator=actuator, start_position=first, stop_position=stop, points=3)
    scan.Scan()
    assert finished(scan, wait_until)[0] == DevState.ON, scan.status()

    run = load(scan.file_name)
    assert run.data(key).dims == ("point",)
    assert run.data(key).values == pytest.approx(np.array(expected), nan_ok=True)
    assert run.point(2).data(key).values == pytest.approx(expected[2])
    assert run.data("instrument/wavelength").shape == ()


def test_hints_offer_the_motors_as_choices(scan):
    hints = json.loads(scan.ui_hints)
    assert hints["attributes"]["actuator"]["choices"] == list(MOTORS)
    assert hints["attributes"]["counts"]["x"] == "positions"
    assert hints["commands"]["Pause"]["allowed_states"] == ["RUNNING"]


def test_stop_ends_a_count_at_once_and_keeps_what_was_counted(scan, counter, wait_until):
    write(scan, preset=LONG)
    scan.Count()
    wait_until(lambda: counter.state() == DevState.RUNNING and counter.counts > 1000)
    scan.Stop()
    state, status = finished(scan, wait_until)
    assert state == DevState.ON
    assert status == "Count: Stopped on request after 1 of 1 point, the last of which ended early."
    assert counter.state() == DevState.ON
    run = load(scan.file_name)
    assert run["run/status"] == "stopped"
    assert 0 < run.data("monitor/time").values < LONG
    assert run.data("monitor/counts").values == scan.monitor[0] >= 1000


def test_stop_ends_a_motion_at_once(scan, motor, wait_until):
    motor.velocity = 0.01
    write(scan, start_position=motor.position + 200.0, stop_position=motor.position + 201.0)
    scan.Scan()
    wait_until(lambda: motor.state() == DevState.MOVING)
    scan.Stop()
    assert finished(scan, wait_until)[0] == DevState.ON
    assert motor.state() == DevState.ON
    assert motor.position < 200
    assert load(scan.file_name)["run/status"] == "stopped"


def test_abort_drops_the_point_and_leaves_an_alarm_until_the_next_scan(scan, counter, wait_until):
    write(scan, preset=LONG)
    scan.Count()
    wait_until(lambda: counter.state() == DevState.RUNNING)
    scan.Abort()
    state, status = finished(scan, wait_until)
    assert (state, status) == (DevState.ALARM, "Count: Aborted on request after 0 of 1 point.")
    assert load(scan.file_name)["run/status"] == "aborted"
    write(scan, preset=1.0)
    scan.Count()
    assert finished(scan, wait_until)[0] == DevState.ON


def test_pause_rests_between_two_points_and_resume_goes_on(scan, counter, wait_until):
    write(scan, preset=20.0)
    scan.Scan()
    wait_until(lambda: counter.state() == DevState.RUNNING)
    scan.Pause()
    wait_until(lambda: scan.state() == DevState.STANDBY)
    done = scan.point
    assert 1 <= done < 4
    assert "paused after point" in scan.status()
    assert counter.state() == DevState.ON
    assert failure(scan.Count).reason == "NOT_ALLOWED_NOW"
    scan.Resume()
    assert scan.state() == DevState.RUNNING
    assert finished(scan, wait_until) == (DevState.ON, "Scan of sample_x: 4 of 4 points.")
    assert scan.point == 4


def test_while_one_scan_runs_another_is_refused(scan, counter, wait_until):
    write(scan, preset=LONG)
    scan.Count()
    error = failure(scan.Scan)
    assert error.reason == "NOT_ALLOWED_NOW"
    assert "RUNNING" in error.desc


def test_progress_and_remaining_time_follow_a_long_count(scan, counter, events, wait_until):
    events.follow(scan, "progress", "remaining_time")
    write(scan, preset=LONG)
    scan.Count()
    wait_until(lambda: len([value for value in events.of("progress") if 0 < value < 100]) >= 6)
    rising = [value for value in events.of("progress") if value]
    assert rising == sorted(rising)
    real = LONG / 100
    assert events.of("remaining_time")[-1] == pytest.approx(real, rel=0.3)


def test_a_count_that_others_end_is_counted_again(scan, counter, wait_until):
    write(scan, preset=100.0)
    scan.Count()
    wait_until(lambda: counter.state() == DevState.RUNNING)
    counter.Abort()
    assert finished(scan, wait_until)[0] == DevState.ON
    assert any("attempt 1 of 3" in line and "test/counter/monitor" in line for line in scan.log)
    assert load(scan.file_name).data("monitor/time").values == pytest.approx(100, abs=1e-3)


def test_a_motor_that_somebody_moves_during_a_count_is_told(scan, motor, counter, wait_until):
    place = motor.position
    write(scan, preset=200.0)
    scan.Count()
    wait_until(lambda: counter.state() == DevState.RUNNING)
    motor.position = place + 1.0
    state, status = finished(scan, wait_until)
    assert state == DevState.ALARM
    assert f"sample_x was moved from {place:.7g} to {place + 1:.7g} mm by somebody else" in status
    run = load(scan.file_name)
    assert run["run/status"] == "complete"
    assert "Doubtful: sample_x was moved from" in run["run/note"]
    assert any(line.endswith("while point 1 was measured.") for line in scan.log)


def test_a_point_whose_actuator_somebody_moves_is_counted_again(scan, motor, counter, wait_until):
    write(scan, preset=100.0, points=2, start_position=0.0, stop_position=1.0)
    scan.Scan()
    wait_until(lambda: counter.state() == DevState.RUNNING)
    motor.position = 0.5
    assert finished(scan, wait_until)[0] == DevState.ON
    np.testing.assert_allclose(scan.positions, [0, 1], atol=2e-3)
    assert any("attempt 1 of 3" in line and "by somebody else while it counted" in line for line in scan.log)


def test_a_count_that_fails_again_and_again_ends_in_an_alarm_that_names_the_device(scan, counter, wait_until):
    write(scan, preset=LONG)
    scan.Count()
    for attempt in range(3):
        wait_until(lambda: counter.state() == DevState.RUNNING)
        counter.Abort()
        wait_until(lambda attempt=attempt: any(f"attempt {attempt + 1}" in line for line in scan.log[-4:]))
    state, status = finished(scan, wait_until)
    assert state == DevState.ALARM
    assert "test/counter/monitor" in status
    assert load(scan.file_name)["run/status"] == "failed"


def test_a_restart_of_the_device_ends_its_scan_and_closes_the_file(scan, counter, wait_until):
    write(scan, preset=LONG)
    scan.Count()
    wait_until(lambda: counter.state() == DevState.RUNNING)
    path = scan.file_name
    scan.Init()
    wait_until(lambda: scan.state() in (DevState.ON, DevState.ALARM), 15)
    assert load(path)["run/status"] in ("aborted", "interrupted")
    wait_until(lambda: counter.state() == DevState.ON)
    write(scan, preset=1.0)
    scan.Count()
    assert finished(scan, wait_until)[0] == DevState.ON
