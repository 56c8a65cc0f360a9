"""GumtreeMotor over the simulated instrument, seen by a plain client."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from typing import Any

import pytest
import tango
from tango import AttrQuality, DevState
from tango.test_context import MultiDeviceTestContext

from servers.motor import GumtreeMotor

SPEED = 8
CONTROLLER = f"simulated:sans?speed={SPEED}"


@pytest.fixture(scope="module")
def context() -> Iterator[MultiDeviceTestContext]:
    axes = {"x": "sample_x", "backlash": "beamstop_y", "nowhere": "no_such_axis"}
    devices = [
        {"name": f"test/motor/{name}", "properties": {"Controller": CONTROLLER, "Axis": axis}}
        for name, axis in axes.items()
    ]
    devices.append({"name": "test/motor/bare", "properties": {}})
    with MultiDeviceTestContext([{"class": GumtreeMotor, "devices": devices}], process=True) as context:
        yield context


@pytest.fixture
def motor(context: MultiDeviceTestContext, wait_until: Any) -> tango.DeviceProxy:
    """The sample changer, at rest at 0 mm; it moves 200 mm/s in real time."""
    motor = context.get_device("test/motor/x")
    wait_until(lambda: motor.state() not in (DevState.INIT, DevState.MOVING))
    motor.velocity = 25
    move(motor, 0, wait_until)
    return motor


def move(motor: tango.DeviceProxy, target: float, wait_until: Any) -> None:
    motor.position = target
    wait_until(lambda: motor.state() != DevState.MOVING)
    assert motor.position == pytest.approx(target, abs=1e-3)


def failure(call: Any, *arguments: Any) -> tango.DevError:
    with pytest.raises(tango.DevFailed) as caught:
        call(*arguments)
    return caught.value.args[0]


def test_the_configuration_comes_from_the_axis(motor):
    config = motor.get_attribute_config("position")
    assert (config.label, config.unit, config.format) == ("Sample changer", "mm", "%.4f")
    assert float(config.min_value) == -20
    assert float(config.max_value) > 100
    assert motor.get_attribute_config("velocity").unit == "mm/s"
    assert motor.get_attribute_config("acceleration").unit == "mm/s^2"
    assert motor.get_attribute_config("backlash").unit == "mm"


def test_a_write_returns_at_once_and_the_next_read_says_moving(motor):
    began = time.monotonic()
    motor.position = 10
    assert time.monotonic() - began < 0.1
    assert motor.state() == DevState.MOVING
    assert motor.read_attribute("position").quality == AttrQuality.ATTR_CHANGING
    assert motor.status() == "Moving to 10 mm."


def test_a_motion_to_the_present_position_is_moving_too_and_then_done(motor, events):
    events.follow(motor, "state")
    motor.position = motor.position
    events.wait("state", DevState.ON)
    assert events.of("state") == [DevState.MOVING, DevState.ON]


def test_the_position_is_followed_by_events_alone_and_the_last_one_comes_before_the_idle_state(motor, events):
    events.follow(motor, "state", "position", "status")
    motor.position = 60
    events.wait("state", DevState.ON)
    moving = [value for name, value, quality in events.events if (name, quality) == ("position", "CHANGING")]
    assert moving == sorted(moving)
    duration = 60 / 25 / SPEED
    assert 5 * duration < len(moving) < 15 * duration + 4
    *_, last_position, last_state = [event for event in events.events if event[0] != "status"]
    assert last_position == ("position", pytest.approx(60, abs=1e-3), "VALID")
    assert last_state[:2] == ("state", DevState.ON)
    assert motor.position == last_position[1]
    assert not events.errors


def test_a_second_write_is_refused_while_it_moves_and_the_first_motion_goes_on(motor, wait_until):
    motor.position = 20
    error = failure(motor.write_attribute, "position", 5)
    assert error.reason == "MOTOR_MOVING"
    assert "to 5 mm is not possible while it moves (now at " in error.desc
    assert "call Stop first" in error.desc
    assert motor.read_attribute("position").w_value == 20
    wait_until(lambda: motor.state() == DevState.ON)
    assert motor.position == pytest.approx(20, abs=1e-3)


def test_stop_decelerates_and_the_position_it_tells_is_where_it_stays(motor, events):
    events.follow(motor, "state", "position")
    motor.position = 200
    events.wait("position", lambda position: position > 5)
    began = time.monotonic()
    motor.Stop()
    assert time.monotonic() - began < 0.1
    events.wait("state", DevState.ON)
    stopped = events.of("position")[-1]
    assert 5 < stopped < 200
    assert motor.position == stopped
    assert motor.status().startswith("Stopped on request at ")


def test_abort_stops_at_once_and_leaves_an_alarm_that_the_next_motion_ends(motor, events, wait_until):
    events.follow(motor, "state", "position")
    motor.position = 200
    events.wait("position", lambda position: position > 5)
    motor.Abort()
    events.wait("state", DevState.ALARM)
    assert "Aborted at" in motor.status()
    move(motor, 0, wait_until)
    assert motor.state() == DevState.ON


def test_stop_at_rest_is_no_error(motor):
    motor.Stop()
    assert motor.state() == DevState.ON


@pytest.mark.parametrize("target", [-20.5, 1e6, math.nan, math.inf])
def test_a_position_that_cannot_be_is_refused_and_nothing_changes(motor, target):
    before = motor.read_attribute("position")
    assert failure(motor.write_attribute, "position", target).reason == "API_WAttrOutsideLimit"
    after = motor.read_attribute("position")
    assert (after.value, after.w_value, after.quality) == (before.value, before.w_value, before.quality)
    assert motor.state() == DevState.ON


def test_a_relative_motion_keeps_limits_that_a_client_has_narrowed(motor, wait_until):
    config = motor.get_attribute_config("position")
    widest = config.max_value
    config.max_value = "5"
    motor.set_attribute_config(config)
    try:
        error = failure(motor.MoveRelative, 6.0)
        assert error.reason == "POSITION_OUTSIDE_LIMITS"
        assert "its limits are -20 mm and 5 mm" in error.desc
        motor.MoveRelative(4.0)
        assert motor.read_attribute("position").w_value == 4
        wait_until(lambda: motor.state() == DevState.ON)
    finally:
        config.max_value = widest
        motor.set_attribute_config(config)
    assert motor.position == pytest.approx(4, abs=1e-3)


@pytest.mark.parametrize("distance", [math.nan, math.inf])
def test_a_relative_motion_by_no_number_is_refused(motor, distance):
    assert failure(motor.MoveRelative, distance).reason == "BAD_POSITION"


def test_a_command_that_needs_rest_is_refused_while_it_moves(motor):
    motor.position = 100
    for command in (motor.MoveRelative, motor.DefinePosition):
        error = failure(command, 1.0)
        assert error.reason == "NOT_ALLOWED_NOW"
        assert "Moving to 100 mm." in error.desc
    motor.Stop()


def test_the_velocity_is_that_of_the_next_motion(motor, events):
    motor.velocity = 50
    assert motor.velocity == 50
    events.follow(motor, "state")
    began = time.monotonic()
    motor.position = 100
    events.wait("state", DevState.ON)
    assert 100 / 50 / SPEED < time.monotonic() - began < 100 / 25 / SPEED


def test_a_velocity_of_nothing_is_refused(motor):
    error = failure(motor.write_attribute, "velocity", 0)
    assert (error.reason, motor.velocity) == ("BAD_VELOCITY", 25)
    assert "mm/s" in error.desc


def test_init_during_a_motion_follows_it_to_its_end(motor, events):
    events.follow(motor, "state", "position")
    motor.position = 60
    events.wait("position", lambda position: position > 5)
    events.clear()
    began = time.monotonic()
    motor.Init()
    assert time.monotonic() - began < 0.1
    events.wait("state", DevState.MOVING)
    assert motor.status() == "Moving to 60 mm."
    events.wait("state", DevState.ON)
    assert events.of("state") == [DevState.INIT, DevState.MOVING, DevState.ON]
    assert events.of("position")[-1] == pytest.approx(60, abs=1e-3)
    assert motor.read_attribute("position").w_value == 60


def test_many_inits_leave_one_thread_that_publishes(motor, events, wait_until):
    for _ in range(10):
        motor.Init()
    wait_until(lambda: motor.state() == DevState.ON)
    events.follow(motor, "state")
    move(motor, 5, wait_until)
    events.wait("state", DevState.ON)
    assert events.of("state") == [DevState.MOVING, DevState.ON]


def test_defining_the_position_moves_nothing_and_shifts_the_limits(motor, wait_until):
    move(motor, 10, wait_until)
    low = float(motor.get_attribute_config("position").min_value)
    motor.DefinePosition(110.0)
    try:
        wait_until(lambda: motor.position == pytest.approx(110, abs=1e-3))
        assert motor.read_attribute("position").w_value == pytest.approx(110, abs=1e-3)
        assert float(motor.get_attribute_config("position").min_value) == pytest.approx(low + 100, abs=1e-3)
    finally:
        motor.DefinePosition(10.0)
    assert float(motor.get_attribute_config("position").min_value) == pytest.approx(low, abs=1e-3)


def test_with_backlash_it_comes_from_one_side(context, events, wait_until):
    motor = context.get_device("test/motor/backlash")
    wait_until(lambda: motor.state() == DevState.ON)
    motor.backlash = 5
    move(motor, 40, wait_until)
    events.follow(motor, "state", "position")
    motor.position = 10
    events.wait("state", DevState.ON)
    positions = events.of("position")
    assert min(positions) < 8
    assert positions[-1] == pytest.approx(10, abs=1e-3)
    assert events.of("state") == [DevState.MOVING, DevState.ON]


def test_an_axis_that_does_not_exist_is_a_fault_with_the_cause(context, wait_until):
    motor = context.get_device("test/motor/nowhere")
    wait_until(lambda: motor.state() == DevState.FAULT)
    assert "no_such_axis" in motor.status()
    assert motor.read_attribute("position").quality == AttrQuality.ATTR_INVALID
    error = failure(motor.write_attribute, "position", 1)
    assert error.reason == "HARDWARE_NOT_READY"
    assert "no_such_axis" in error.desc


def test_without_a_controller_the_status_says_which_property_is_missing(context, wait_until):
    motor = context.get_device("test/motor/bare")
    wait_until(lambda: motor.state() == DevState.FAULT)
    assert "has no property Controller" in motor.status()


def test_every_member_is_described(motor):
    for config in motor.attribute_list_query():
        if config.name not in ("State", "Status"):
            assert config.name == config.name.lower()
            assert config.label
            assert config.description not in ("", "No description"), config.name
            assert config.data_type != tango.DevEncoded
    for name in ("Stop", "Abort", "MoveRelative", "DefinePosition"):
        command = motor.command_query(name)
        assert "not documented" not in command.in_type_desc
        assert tango.DevEncoded not in (command.in_type, command.out_type)


def test_the_hints_tell_arguments_with_their_unit(motor):
    hints = json.loads(motor.ui_hints)
    names = {group["name"] for group in hints["groups"]}
    assert {hint["group"] for hint in hints["attributes"].values()} == names
    assert hints["commands"]["MoveRelative"]["argument"]["unit"] == "mm"
