"""The motor of the core, over an axis that does what the test tells it."""

from __future__ import annotations

import math
import threading
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gumtree_core.devices.motor import Motor
from gumtree_core.devices.state import State
from gumtree_core.errors import GumtreeError


def refused(reason: str) -> Any:
    return pytest.raises(GumtreeError, check=lambda error: error.reason == reason)


def test_it_is_busy_from_the_moment_it_is_told_to_move_until_the_axis_has_arrived(motor, axis):
    motor.move(5)
    assert motor.reading.state is State.BUSY
    assert motor.reading.message == "Moving to 5 mm."
    assert motor.target == 5
    axis.position = 3.0
    assert motor.poll().state is State.BUSY
    axis.arrive()
    reading = motor.poll()
    assert (reading.state, reading.position, motor.target) == (State.IDLE, 5, None)


def test_a_motion_to_where_it_stands_is_busy_first_and_then_done(motor, axis):
    motor.move(0)
    assert motor.reading.state is State.BUSY
    axis.arrive()
    assert motor.poll().state is State.IDLE


@pytest.mark.parametrize("target", [math.nan, math.inf, -math.inf])
def test_a_target_that_is_no_number_is_refused_and_nothing_moves(motor, axis, target):
    with refused("BAD_POSITION"):
        motor.move(target)
    assert axis.targets == []
    assert motor.reading.state is State.IDLE


def test_a_target_outside_the_limits_is_refused_with_value_unit_and_limits(motor, axis):
    motor.soft_limits = (-5, 50)
    with refused("POSITION_OUTSIDE_LIMITS") as caught:
        motor.move(20.5)
    assert caught.value.message == (
        "theta cannot move to 20.5 mm: its limits are -5 mm and 20 mm. Choose a position between them."
    )
    assert axis.targets == []


def test_a_second_motion_is_refused_while_it_moves_and_the_first_goes_on(motor, axis):
    motor.move(5)
    axis.position = 2.0
    with refused("MOTOR_MOVING") as caught:
        motor.move(7)
    assert "now at 2 mm" in caught.value.message
    assert "call Stop" in caught.value.message
    assert (motor.target, axis.targets) == (5, [5])


def test_a_relative_motion_starts_from_where_the_axis_is_now(motor, axis):
    axis.position = 1.5
    assert motor.move_relative(2) == 3.5
    assert axis.targets == [3.5]


def test_a_relative_motion_keeps_the_limits(motor):
    with refused("POSITION_OUTSIDE_LIMITS"):
        motor.move_relative(20.1)


def test_stopped_on_request_it_is_idle_and_says_where(motor, axis):
    motor.move(5)
    axis.position = 3.0
    motor.stop()
    reading = motor.poll()
    assert (reading.state, reading.message) == (State.IDLE, "Stopped on request at 3 mm.")


def test_aborted_it_is_in_alarm_until_it_moves_again(motor, axis):
    motor.move(5)
    motor.abort()
    assert motor.poll().state is State.ALARM
    assert motor.poll().state is State.ALARM
    motor.move(1)
    axis.arrive()
    assert motor.poll().state is State.IDLE


def test_stop_at_rest_changes_nothing(motor):
    before = motor.poll()
    motor.stop()
    assert motor.poll() == before


def test_ended_early_by_a_limit_switch_it_says_which_and_how_to_leave(motor, axis):
    motor.move(15)
    axis.halt(12.0)
    axis.at_high_limit = True
    reading = motor.poll()
    assert reading.state is State.ALARM
    assert reading.message == "At the high limit switch, at 12 mm. Move to a lower position to leave it."


def test_at_a_limit_switch_only_the_way_out_is_open(motor, axis):
    axis.at_low_limit = True
    with refused("MOTOR_AT_LIMIT") as caught:
        motor.move(-1)
    assert "low limit switch" in caught.value.message
    motor.move(1)
    axis.at_low_limit = False
    axis.arrive()
    assert motor.poll().state is State.IDLE


def test_a_switch_at_the_place_that_was_asked_for_is_no_alarm(motor, axis):
    motor.move(20)
    axis.arrive()
    axis.at_high_limit = True
    reading = motor.poll()
    assert reading.state is State.IDLE
    assert "high limit switch" in reading.message


def test_freed_from_the_switch_by_hand_it_still_says_that_the_motion_ended_early(motor, axis):
    motor.move(15)
    axis.halt(12.0)
    axis.at_high_limit = True
    assert motor.poll().state is State.ALARM
    axis.halt(11.0)
    axis.at_high_limit = False
    reading = motor.poll()
    assert reading.state is State.ALARM
    assert "instead of 15 mm" in reading.message


def test_two_active_switches_are_a_broken_cable(motor, axis):
    axis.at_low_limit = axis.at_high_limit = True
    assert motor.poll().state is State.ALARM
    assert "cable" in motor.reading.message


def test_ended_early_by_its_controller_it_is_in_alarm_and_names_both_places(motor, axis):
    motor.move(15)
    axis.halt(12.0)
    reading = motor.poll()
    assert reading.state is State.ALARM
    assert "At 12 mm instead of 15 mm" in reading.message


def test_a_motion_that_somebody_else_started_is_followed(motor, axis):
    axis.moving, axis.target = True, 4.0
    assert motor.poll().state is State.BUSY
    assert motor.target is None
    with refused("MOTOR_MOVING"):
        motor.move(1)
    axis.arrive()
    assert motor.poll().state is State.IDLE


def test_velocity_and_acceleration_go_to_the_axis_with_each_motion(motor, axis):
    assert (motor.velocity, motor.acceleration) == (10, 50)
    motor.velocity = 3
    motor.move(1)
    axis.arrive()
    motor.poll()
    motor.acceleration = 7
    motor.move(2)
    assert axis.configured == [(3, 50), (3, 7)]


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_a_velocity_must_be_above_zero(motor, value):
    with refused("BAD_VELOCITY") as caught:
        motor.velocity = value
    assert "mm/s" in caught.value.message
    assert motor.velocity == 10


# backlash


def test_against_the_backlash_it_goes_beyond_first_and_comes_back(motor, axis):
    motor.backlash = 0.5
    motor.move(-5)
    assert axis.targets == [-5.5]
    assert motor.reading.message == "Moving to -5 mm."
    axis.arrive()
    assert motor.poll().state is State.BUSY
    assert axis.targets == [-5.5, -5]
    axis.arrive()
    reading = motor.poll()
    assert (reading.state, reading.position) == (State.IDLE, -5)


def test_with_the_backlash_it_goes_straight(motor, axis):
    motor.backlash = 0.5
    motor.move(5)
    assert axis.targets == [5]


def test_the_way_beyond_must_lie_within_the_limits(motor, axis):
    motor.backlash = 0.5
    with refused("BACKLASH_OUTSIDE_LIMITS") as caught:
        motor.move(-19.8)
    assert "-20.3 mm" in caught.value.message
    assert axis.targets == []


@pytest.mark.parametrize("command", ["stop", "abort"])
def test_stopped_before_the_final_approach_it_does_not_start_it(motor, axis, command):
    motor.backlash = 0.5
    motor.move(-5)
    getattr(motor, command)()
    axis.halt(-5.5)  # just where the approach would have started
    motor.poll()
    motor.poll()
    assert axis.targets == [-5.5]


def test_a_stop_during_a_look_at_the_axis_is_not_overtaken_by_the_final_approach(motor, axis):
    motor.backlash = 0.5
    motor.move(-5)
    axis.arrive()

    def stop_meanwhile() -> None:
        axis.before_answer = lambda: None
        motor.stop()

    axis.before_answer = stop_meanwhile
    motor.poll()
    motor.poll()
    assert axis.targets == [-5.5]


@given(
    backlash=st.floats(-5, -0.01) | st.just(0.0) | st.floats(0.01, 5),
    start=st.floats(-10, 10),
    target=st.floats(-10, 10),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_motion_ends_at_the_target_coming_from_the_side_of_the_backlash(axis, backlash, start, target):
    axis.halt(start)
    axis.targets.clear()
    motor = Motor("theta", lambda: (axis, axis.describe()))
    motor.poll()
    motor.backlash = backlash
    motor.move(target)
    places = [start]
    for _ in range(3):
        places.append(axis.target)
        axis.arrive()
        if motor.poll().state is State.IDLE:
            break
    assert motor.reading.state is State.IDLE
    assert motor.reading.position == target
    assert (places[-1] - places[-2]) * backlash >= 0


# contact


def test_it_can_be_made_before_its_hardware_is_on(axis, plug):
    plug.connected = False
    motor = Motor("theta", lambda: (axis, axis.describe()))
    assert motor.reading.state is State.STARTING
    reading = motor.poll()
    assert (reading.state, reading.position) == (State.FAULT, None)
    assert reading.message == "The controller does not answer. Is it switched on?"
    motor.velocity = 2  # a setting that is restored from a database
    with refused("HARDWARE_NOT_READY") as caught:
        motor.move(1)
    assert "does not answer" in caught.value.message
    plug.connected = True
    assert motor.poll().state is State.IDLE
    assert motor.velocity == 2


def test_when_contact_comes_back_during_a_motion_it_is_followed_to_its_end(motor, axis, plug):
    motor.move(5)
    plug.connected = False
    assert motor.poll().state is State.FAULT
    assert motor.reading.position is None
    plug.connected = True
    assert motor.poll().state is State.BUSY
    axis.arrive()
    assert motor.poll().state is State.IDLE


def test_when_the_axis_came_to_rest_elsewhere_meanwhile_it_is_in_alarm(motor, axis, plug):
    motor.move(5)
    plug.connected = False
    motor.poll()
    axis.halt(2.0)
    plug.connected = True
    reading = motor.poll()
    assert reading.state is State.ALARM
    assert "At 2 mm instead of 5 mm: contact was lost" in reading.message


def test_the_final_approach_does_not_start_by_itself_when_contact_comes_back(motor, axis, plug):
    motor.backlash = 0.5
    motor.move(-5)
    plug.connected = False
    motor.poll()
    axis.arrive()
    plug.connected = True
    assert motor.poll().state is State.ALARM
    assert axis.targets == [-5.5]


@pytest.mark.parametrize("command", ["stop", "abort"])
def test_a_stop_without_contact_is_refused_at_once_and_made_up_for_when_contact_is_back(
    motor, axis, plug, command
):
    motor.move(5)
    plug.connected = False
    motor.poll()
    with refused("HARDWARE_NOT_READY") as caught:
        getattr(motor, command)()
    assert "emergency stop" in caught.value.message
    assert axis.moving
    plug.connected = True
    motor.poll()
    assert not axis.moving
    assert motor.poll().state is {"stop": State.IDLE, "abort": State.ALARM}[command]
    motor.reset()
    motor.poll()
    motor.move(1)
    motor.poll()
    assert axis.moving


def test_a_short_loss_of_contact_does_not_cost_the_final_approach(motor, axis, plug):
    motor.backlash = 0.5
    motor.move(-5)
    plug.connected = False
    motor.poll()
    plug.connected = True
    motor.poll()
    axis.arrive()
    motor.poll()
    assert axis.targets == [-5.5, -5]


def test_a_stop_that_came_too_late_does_not_pass_for_the_end_of_the_motion(motor, axis, plug):
    motor.move(5)
    plug.connected = False
    motor.poll()
    with refused("HARDWARE_NOT_READY"):
        motor.stop()
    axis.halt(2.0)
    plug.connected = True
    reading = motor.poll()
    assert (reading.state, "contact was lost" in reading.message) == (State.ALARM, True)


def test_found_at_a_limit_switch_at_first_it_is_idle_and_later_in_alarm(motor, axis):
    axis.at_low_limit = True
    late = Motor("theta", lambda: (axis, axis.describe()))
    assert late.poll().state is State.IDLE
    assert motor.poll().state is State.ALARM


def test_a_fault_of_the_axis_is_a_fault_until_it_is_gone(motor, axis):
    axis.fault = "following error"
    assert motor.poll().state is State.FAULT
    assert "following error" in motor.reading.message
    with refused("HARDWARE_NOT_READY"):
        motor.move(1)
    axis.fault = ""
    assert motor.poll().state is State.IDLE


def test_a_look_that_began_before_a_motion_does_not_hide_it(motor, axis):
    def move_meanwhile() -> None:
        axis.before_answer = lambda: None
        motor.move(5)

    axis.before_answer = move_meanwhile
    assert motor.poll().state is State.BUSY


# what a place is called


def test_defining_the_position_shifts_the_travel(motor, axis):
    motor.define_position(100)
    assert motor.reading.position == 100
    assert motor.limits == (80, 120)
    motor.move(119)
    assert axis.targets == [119]


def test_the_position_is_not_defined_while_it_moves(motor):
    motor.move(5)
    with refused("MOTOR_MOVING"):
        motor.define_position(0)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_position_is_a_number(motor, value):
    with refused("BAD_POSITION"):
        motor.define_position(value)


def test_reset_forgets_an_alarm_and_keeps_a_motion(motor, axis):
    motor.move(5)
    motor.abort()
    motor.poll()
    motor.reset()
    assert motor.reading.state is State.STARTING
    assert motor.poll().state is State.IDLE
    motor.backlash = 0.5
    motor.move(-5)
    motor.reset()
    axis.arrive()
    assert motor.poll().state is State.BUSY
    assert axis.targets == [5, -5.5, -5]


def test_while_it_connects_commands_are_refused_at_once(axis):
    asked, answer = threading.Event(), threading.Event()

    def connect() -> Any:
        asked.set()
        answer.wait(10)
        return axis, axis.describe()

    motor = Motor("theta", connect)
    polling = threading.Thread(target=motor.poll)
    polling.start()
    asked.wait(10)
    began = time.monotonic()
    with refused("HARDWARE_NOT_READY"):
        motor.move(1)
    with refused("HARDWARE_NOT_READY"):
        motor.stop()
    assert time.monotonic() - began < 1
    answer.set()
    polling.join()
    assert motor.poll().state is State.IDLE
