"""The counter of the core, over electronics that do what the test tells them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gumtree_core.devices.counter import Counter
from gumtree_core.devices.protocols import CounterDescription, PresetMode
from gumtree_core.devices.state import State
from gumtree_core.errors import GumtreeError


def refused(reason: str) -> Any:
    return pytest.raises(GumtreeError, check=lambda error: error.reason == reason)


def test_it_is_busy_from_the_start_until_the_preset_is_reached(counter, electronics):
    counter.preset = 10
    counter.start()
    assert electronics.starts == [(PresetMode.TIME, 10)]
    assert (counter.reading.state, counter.reading.counts) == (State.BUSY, 0)
    electronics.count(4, 200)
    reading = counter.poll()
    assert (reading.state, reading.counts, reading.time, reading.rate) == (State.BUSY, 200, 4, 50)
    assert reading.progress == pytest.approx(40)
    electronics.count(10, 500, end=True)
    reading = counter.poll()
    assert (reading.state, reading.counts, reading.progress) == (State.IDLE, 500, 100)


def test_with_a_monitor_preset_the_progress_follows_the_counts(counter, electronics):
    counter.preset_mode = PresetMode.MONITOR
    counter.preset = 1000
    counter.start()
    electronics.count(4, 250)
    assert counter.poll().progress == pytest.approx(25)
    electronics.count(16, 1003, end=True)
    assert counter.poll().progress == 100
    assert counter.reading.state is State.IDLE


def test_before_any_time_has_passed_the_rate_is_zero(counter):
    counter.start()
    assert counter.reading.rate == 0


def test_a_new_preset_belongs_to_the_next_count(counter, electronics):
    counter.preset = 10
    counter.start()
    counter.preset = 100
    electronics.count(5, 1)
    assert counter.poll().progress == pytest.approx(50)


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_a_preset_must_be_above_zero(counter, value):
    with refused("BAD_PRESET"):
        counter.preset = value
    assert counter.preset == 1


def test_a_second_start_is_refused_and_the_first_count_goes_on(counter, electronics):
    counter.start()
    electronics.count(0.5, 20)
    with refused("ALREADY_COUNTING") as caught:
        counter.start()
    assert "call Stop" in caught.value.message
    assert counter.poll().counts == 20
    assert len(electronics.starts) == 1


def test_stopped_on_request_it_keeps_what_was_counted_and_is_idle(counter, electronics):
    counter.start()
    electronics.count(0.5, 20)
    counter.stop()
    reading = counter.poll()
    assert (reading.state, reading.counts, reading.time) == (State.IDLE, 20, 0.5)
    assert reading.message == "Stopped on request after 0.5 s with 20 counts."


def test_aborted_it_is_in_alarm_until_the_next_count(counter, electronics):
    counter.start()
    electronics.count(0.5, 20)
    counter.abort()
    assert counter.poll().state is State.ALARM
    assert counter.poll().state is State.ALARM
    counter.start()
    electronics.count(1, 50, end=True)
    assert counter.poll().state is State.IDLE


def test_stop_at_rest_changes_nothing(counter):
    before = counter.poll()
    counter.stop()
    assert counter.poll() == before


def test_ended_before_its_preset_by_somebody_else_it_is_in_alarm_and_says_how_far_it_came(
    counter, electronics
):
    counter.preset = 10
    counter.start()
    electronics.count(4, 200, end=True)
    reading = counter.poll()
    assert reading.state is State.ALARM
    assert reading.message.startswith("The count ended early, after 4 s with 200 counts.")


@pytest.mark.parametrize("number_kept", [0, 1])
def test_a_restart_of_the_electronics_says_which_counts_are_lost(counter, electronics, number_kept):
    counter.preset = 10
    counter.start()
    electronics.count(4, 200)
    counter.poll()
    electronics.restart()
    electronics.number = number_kept
    reading = counter.poll()
    assert (reading.state, reading.counts) == (State.ALARM, 0)
    assert "200 counts in 4 s" in reading.message
    assert "lost" in reading.message
    counter.start()
    electronics.count(10, 500, end=True)
    assert counter.poll().state is State.IDLE


def test_a_count_that_goes_on_while_contact_is_lost_is_whole(counter, electronics, plug):
    counter.preset = 10
    counter.start()
    plug.connected = False
    reading = counter.poll()
    assert (reading.state, reading.counts) == (State.FAULT, None)
    plug.connected = True
    electronics.count(10, 500, end=True)
    reading = counter.poll()
    assert (reading.state, reading.counts) == (State.IDLE, 500)


def test_a_count_that_somebody_else_started_is_followed_without_a_progress(counter, electronics):
    electronics.start(PresetMode.TIME, 3)
    electronics.count(1, 10)
    reading = counter.poll()
    assert (reading.state, reading.counts, reading.progress) == (State.BUSY, 10, None)
    electronics.count(3, 30, end=True)
    assert counter.poll().state is State.IDLE


def test_another_count_in_place_of_ours_is_an_alarm_once_it_has_ended(counter, electronics):
    counter.start()
    electronics.count(0.5, 20)
    counter.poll()
    electronics.start(PresetMode.TIME, 3)
    assert counter.poll().state is State.BUSY
    electronics.count(3, 30, end=True)
    reading = counter.poll()
    assert reading.state is State.ALARM
    assert "used by others" in reading.message


def test_a_fault_of_the_electronics_is_a_fault_until_it_is_gone(counter, electronics):
    electronics.fault = "high voltage tripped"
    assert counter.poll().state is State.FAULT
    with refused("HARDWARE_NOT_READY") as caught:
        counter.start()
    assert "high voltage tripped" in caught.value.message
    electronics.fault = ""
    assert counter.poll().state is State.IDLE


def test_a_look_that_began_before_the_start_does_not_hide_it(counter, electronics):
    def start_meanwhile() -> None:
        electronics.before_answer = lambda: None
        counter.start()

    electronics.before_answer = start_meanwhile
    assert counter.poll().state is State.BUSY


def test_it_can_be_made_before_its_hardware_is_on(electronics, plug):
    def connect() -> tuple[Any, CounterDescription]:
        plug.check()
        return electronics, CounterDescription("Monitor")

    plug.connected = False
    counter = Counter("monitor", connect)
    assert counter.reading.state is State.STARTING
    assert counter.poll().state is State.FAULT
    assert counter.description is None
    plug.connected = True
    assert counter.poll().state is State.IDLE
    assert counter.description == CounterDescription("Monitor")


def test_reset_forgets_an_alarm_and_keeps_a_count(counter, electronics):
    counter.preset = 10
    counter.start()
    counter.abort()
    counter.poll()
    counter.reset()
    assert counter.poll().state is State.IDLE
    counter.start()
    counter.reset()
    electronics.count(4, 100, end=True)
    assert counter.poll().state is State.ALARM
