"""What clients of the field expect of any device, checked by a plain DeviceProxy."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import tango
from tango import DevState

NAMES = ("motor", "counter", "detector")

RESERVED_BY_OPHYD = {
    *(
        "name",
        "parent",
        "children",
        "hints",
        "stage",
        "unstage",
        "read",
        "describe",
        "trigger",
        "set",
        "locate",
    ),
    *("stop", "pause", "resume", "prepare", "kickoff", "complete", "collect", "subscribe", "clear_sub"),
}


@pytest.fixture(params=NAMES)
def device(request: pytest.FixtureRequest) -> tango.DeviceProxy:
    return request.getfixturevalue(request.param)


def start(device: tango.DeviceProxy) -> None:
    """Start what takes some tenths of a second."""
    attributes = device.get_attribute_list()
    if "position" in attributes:
        device.position = 0 if device.position > 50 else 100
        return
    if "gate" in attributes:
        device.gate, device.exposure_time = 0, 4.0
    else:
        device.preset = 4.0
    device.Start()


def test_names_are_those_that_every_client_can_use(device):
    own = [name for name in device.get_attribute_list() if name not in ("State", "Status")]
    assert all(name == name.lower() for name in own)
    assert not RESERVED_BY_OPHYD & set(own)
    assert all(name[0].isupper() for name in device.get_command_list())


def test_nothing_is_encoded(device):
    assert tango.DevEncoded not in {config.data_type for config in device.attribute_list_query()}
    for command in device.command_list_query():
        assert tango.DevEncoded not in (command.in_type, command.out_type)


def test_every_attribute_pushes_change_events(device, events):
    events.follow(device, *device.get_attribute_list())
    assert events.first.keys() == {name.lower() for name in device.get_attribute_list()}
    assert not events.errors


def test_started_it_is_busy_in_the_next_read_and_the_idle_state_is_the_last_event(device, events):
    values = [name for name in device.get_attribute_list() if name not in ("Status", "ui_hints")]
    events.follow(device, *values)
    began = time.monotonic()
    start(device)
    assert time.monotonic() - began < 0.1
    assert device.state() in (DevState.MOVING, DevState.RUNNING)
    events.wait("state", DevState.ON)
    newest = {**events.first, **{name: value for name, value, _ in events.events}}
    time_of_last = len(events.events)
    for name in values:
        np.testing.assert_array_equal(device.read_attribute(name).value, newest[name.lower()], name)
    assert len(events.events) == time_of_last
    assert events.events[-1][:2] == ("state", DevState.ON)


@pytest.mark.parametrize("command", ["Stop", "Abort", "Init"])
def test_every_command_returns_at_once_while_busy_and_the_device_comes_to_rest(device, command, wait_until):
    start(device)
    began = time.monotonic()
    device.command_inout(command)
    assert time.monotonic() - began < 0.1
    wait_until(lambda: device.state() in (DevState.ON, DevState.ALARM))
    device.Init()
    wait_until(lambda: device.state() == DevState.ON)


def test_reads_do_not_wait_while_it_is_busy(device, wait_until):
    start(device)
    slowest = 0.0
    for _ in range(20):
        for name in device.get_attribute_list():
            began = time.monotonic()
            device.read_attribute(name)
            slowest = max(slowest, time.monotonic() - began)
    assert slowest < 0.1
    wait_until(lambda: device.state() == DevState.ON)


def test_two_clients_see_the_same(device, servers: Any, events):
    other = servers.get_device(device.dev_name())
    events.follow(other, "state")
    start(device)
    events.wait("state", DevState.ON)
    assert {DevState.MOVING, DevState.RUNNING} & set(events.of("state"))
