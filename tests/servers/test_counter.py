"""GumtreeCounter over the simulated instrument, seen by a plain client."""

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

from servers.counter import GumtreeCounter

SPEED = 4
CONTROLLER = f"simulated:sans?speed={SPEED}"


@pytest.fixture(scope="module")
def context() -> Iterator[MultiDeviceTestContext]:
    devices = [
        {"name": f"test/counter/{channel}", "properties": {"Controller": CONTROLLER, "Channel": channel}}
        for channel in ("monitor", "no_such_channel")
    ]
    with MultiDeviceTestContext([{"class": GumtreeCounter, "devices": devices}], process=True) as context:
        yield context


@pytest.fixture
def counter(context: MultiDeviceTestContext, wait_until: Any) -> tango.DeviceProxy:
    """At rest, with a preset of 2 s (half a second in real time)."""
    counter = context.get_device("test/counter/monitor")
    wait_until(lambda: counter.state() not in (DevState.INIT, DevState.RUNNING))
    counter.preset_mode = 0
    counter.preset = 2
    return counter


def failure(call: Any, *arguments: Any) -> tango.DevError:
    with pytest.raises(tango.DevFailed) as caught:
        call(*arguments)
    return caught.value.args[0]


def test_start_returns_at_once_and_the_next_reads_say_running_and_empty(counter, events):
    events.follow(counter, "state")
    began = time.monotonic()
    counter.Start()
    assert time.monotonic() - began < 0.1
    assert counter.state() == DevState.RUNNING
    assert counter.read_attribute("counts").quality == AttrQuality.ATTR_CHANGING
    assert counter.time < 1
    events.wait("state", DevState.ON)


def test_a_count_is_followed_by_events_alone_and_its_last_values_come_before_the_idle_state(counter, events):
    events.follow(counter, "state", "counts", "time", "rate", "progress")
    counter.Start()
    events.wait("state", DevState.ON)
    *_, counts, progress, state = [
        event for event in events.events if event[0] in ("state", "counts", "progress")
    ]
    assert state[:2] == ("state", DevState.ON)
    assert (counts[0], counts[2]) == ("counts", "VALID")
    assert progress == ("progress", 100, "VALID")
    assert events.of("time")[-1] == pytest.approx(2, abs=1e-3)
    assert events.of("rate")[-1] == pytest.approx(counts[1] / 2, rel=1e-3)
    assert counter.counts == counts[1] > 0
    changing = [
        value for name, value, quality in events.events if (name, quality) == ("progress", "CHANGING")
    ]
    assert changing == sorted(changing)
    assert 3 <= len(changing) <= 20
    assert not events.errors


def test_a_monitor_preset_ends_the_count_at_that_many_counts(counter, events):
    events.follow(counter, "state")
    counter.Start()
    events.wait("state", DevState.ON)
    wanted = counter.counts // 2
    counter.preset_mode = 1
    assert counter.get_attribute_config("preset").unit == "counts"
    counter.preset = wanted
    counter.Start()
    events.wait("state", DevState.RUNNING)
    events.wait("state", DevState.ON)
    assert counter.counts >= wanted
    assert counter.time == pytest.approx(1, rel=0.2)
    counter.preset_mode = 0
    assert counter.get_attribute_config("preset").unit == "s"


def test_stop_keeps_what_was_counted(counter, events):
    counter.preset = 40
    events.follow(counter, "state", "counts")
    counter.Start()
    events.wait("counts", lambda counts: counts > 0)
    began = time.monotonic()
    counter.Stop()
    assert time.monotonic() - began < 0.1
    events.wait("state", DevState.ON)
    counted = events.of("counts")[-1]
    assert counter.counts == counted > 0
    assert f"{counted} counts" in counter.status()
    assert counter.status().startswith("Stopped on request")


def test_abort_leaves_an_alarm_that_the_next_count_ends(counter, events):
    counter.preset = 40
    events.follow(counter, "state")
    counter.Start()
    counter.Abort()
    events.wait("state", DevState.ALARM)
    counter.preset = 1
    counter.Start()
    events.wait("state", DevState.ON)


def test_a_second_start_is_refused_and_the_first_count_goes_on(counter, events):
    events.follow(counter, "state")
    counter.Start()
    error = failure(counter.Start)
    assert error.reason == "ALREADY_COUNTING"
    assert "call Stop first" in error.desc
    events.wait("state", DevState.ON)
    assert counter.time == pytest.approx(2, abs=1e-3)


@pytest.mark.parametrize(
    ("preset", "reason"),
    [(0, "BAD_PRESET"), (-1, "API_WAttrOutsideLimit"), (math.nan, "API_WAttrOutsideLimit")],
)
def test_a_preset_that_cannot_be_is_refused_and_nothing_changes(counter, preset, reason):
    assert failure(counter.write_attribute, "preset", preset).reason == reason
    reading = counter.read_attribute("preset")
    assert (reading.value, reading.w_value) == (2, 2)


def test_an_unknown_mode_is_refused(counter):
    assert failure(counter.write_attribute, "preset_mode", 7).reason == "API_WAttrOutsideLimit"
    assert counter.preset_mode == 0


def test_init_during_a_count_follows_it_to_its_end(counter, events):
    events.follow(counter, "state", "time")
    counter.Start()
    counter.Init()
    events.wait("state", DevState.ON)
    assert events.of("state") == [DevState.RUNNING, DevState.INIT, DevState.RUNNING, DevState.ON]
    assert events.of("time")[-1] == pytest.approx(2, abs=1e-3)
    assert counter.preset == 2


def test_each_count_starts_from_nothing(counter, events):
    counter.preset = 1
    events.follow(counter, "state", "counts")
    for _ in range(3):
        events.clear()
        counter.Start()
        assert counter.progress < 100
        events.wait("state", DevState.ON)
        changing = [
            value for name, value, quality in events.events if (name, quality) == ("counts", "CHANGING")
        ]
        assert changing[0] < events.of("counts")[-1]
        assert events.of("state") == [DevState.RUNNING, DevState.ON]


def test_a_channel_that_does_not_exist_is_a_fault_with_the_cause(context, wait_until):
    counter = context.get_device("test/counter/no_such_channel")
    wait_until(lambda: counter.state() == DevState.FAULT)
    assert "no_such_channel" in counter.status()
    error = failure(counter.Start)
    assert error.reason == "HARDWARE_NOT_READY"
    assert "no_such_channel" in error.desc
    assert counter.read_attribute("counts").quality == AttrQuality.ATTR_INVALID


def test_every_member_is_described(counter):
    hints = json.loads(counter.ui_hints)
    assert hints["attributes"]["progress"]["widget"] == "progress"
    for config in counter.attribute_list_query():
        if config.name not in ("State", "Status"):
            assert config.name == config.name.lower()
            assert config.description not in ("", "No description"), config.name
            assert config.data_type != tango.DevEncoded
            assert "%g" not in config.format
    assert counter.get_attribute_config("counts").label == "Beam monitor"
    assert list(counter.get_attribute_config("preset_mode").enum_labels) == ["TIME", "MONITOR"]
