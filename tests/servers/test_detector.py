"""GumtreeDetector over the simulated instrument, seen by a plain client."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import tango
from tango import AttrQuality, DevState
from tango.test_context import MultiDeviceTestContext

from servers.counter import GumtreeCounter
from servers.detector import GumtreeDetector

SPEED = 4
CONTROLLER = f"simulated:sans?speed={SPEED}"
INTERNAL, EXTERNAL = 0, 1


@pytest.fixture(scope="module")
def context() -> Iterator[MultiDeviceTestContext]:
    def device(name: str, channel: str) -> dict[str, Any]:
        return {"name": name, "properties": {"Controller": CONTROLLER, "Channel": channel}}

    devices = [
        {"class": GumtreeDetector, "devices": [device("test/detector/main", "main")]},
        {"class": GumtreeCounter, "devices": [device("test/counter/monitor", "monitor")]},
    ]
    with MultiDeviceTestContext(devices, process=True) as context:
        yield context


@pytest.fixture
def detector(context: MultiDeviceTestContext, wait_until: Any) -> tango.DeviceProxy:
    """At rest, with an internal gate of 2 s (half a second in real time)."""
    detector = context.get_device("test/detector/main")
    wait_until(lambda: detector.state() not in (DevState.INIT, DevState.RUNNING))
    detector.gate = INTERNAL
    detector.exposure_time = 2
    return detector


@pytest.fixture
def counter(context: MultiDeviceTestContext, wait_until: Any) -> tango.DeviceProxy:
    """At rest, with a preset of 2 s (half a second in real time)."""
    counter = context.get_device("test/counter/monitor")
    wait_until(lambda: counter.state() not in (DevState.INIT, DevState.RUNNING))
    counter.preset = 2
    return counter


def failure(call: Any, *arguments: Any) -> tango.DevError:
    with pytest.raises(tango.DevFailed) as caught:
        call(*arguments)
    return caught.value.args[0]


def test_start_returns_at_once_with_an_empty_image(detector, events):
    events.follow(detector, "state")
    began = time.monotonic()
    detector.Start()
    assert time.monotonic() - began < 0.1
    assert detector.state() == DevState.RUNNING
    assert detector.read_attribute("image").quality == AttrQuality.ATTR_CHANGING
    assert detector.time < 1
    events.wait("state", DevState.ON)


def test_images_come_while_it_counts_and_the_whole_one_before_the_idle_state(detector, events):
    events.follow(detector, "state", "image", "counts", "time")
    detector.Start()
    events.wait("state", DevState.ON)
    assert [name for name, _, _ in events.events][-1] == "state"
    images = [(value, quality) for name, value, quality in events.events if name == "image"]
    assert 3 <= len(images) <= 2 / SPEED * 5 + 3
    assert [quality for _, quality in images] == ["CHANGING"] * (len(images) - 1) + ["VALID"]
    last = images[-1][0]
    assert (last.shape, last.dtype) == ((192, 192), np.uint32)
    assert last.sum() == events.of("counts")[-1] == detector.counts > 0
    for (before, _), (after, _) in pairwise(images):
        assert (after >= before).all()
    np.testing.assert_array_equal(detector.image, last)
    assert detector.time == pytest.approx(2, abs=1e-3)


def test_with_an_external_gate_it_counts_as_long_as_the_counter(detector, counter, events):
    detector.gate = EXTERNAL
    events.follow(detector, "state", "time")
    detector.Start()
    assert detector.state() == DevState.RUNNING
    counter.Start()
    events.wait("state", DevState.ON)
    assert detector.time == pytest.approx(2, abs=1e-3)
    assert detector.counts == detector.image.sum() > 0


def test_stop_keeps_the_image(detector, events):
    detector.exposure_time = 40
    events.follow(detector, "state", "counts")
    detector.Start()
    events.wait("counts", lambda counts: counts > 0)
    began = time.monotonic()
    detector.Stop()
    assert time.monotonic() - began < 0.1
    events.wait("state", DevState.ON)
    assert detector.image.sum() == detector.counts > 0
    assert detector.status().startswith("Stopped on request")


def test_abort_leaves_an_alarm_that_the_next_count_ends(detector, events):
    events.follow(detector, "state")
    detector.Start()
    detector.Abort()
    events.wait("state", DevState.ALARM)
    detector.Start()
    events.wait("state", DevState.ON)


def test_a_second_start_is_refused(detector, events):
    events.follow(detector, "state")
    detector.Start()
    assert failure(detector.Start).reason == "ALREADY_COUNTING"
    events.wait("state", DevState.ON)


def test_an_exposure_time_of_nothing_is_refused(detector):
    assert failure(detector.write_attribute, "exposure_time", 0).reason == "BAD_EXPOSURE_TIME"
    assert detector.read_attribute("exposure_time").w_value == 2


def test_the_geometry_comes_from_the_detector_and_the_beam_center_from_the_user(detector):
    assert detector.pixel_size_x == detector.pixel_size_y == pytest.approx(5.08)
    assert detector.dead_time == pytest.approx(3e-7)
    assert detector.get_attribute_config("pixel_size_x").unit == "mm"
    for name, value in (("beam_center_x", 95.5), ("beam_center_y", 96.25)):
        assert detector.read_attribute(name).quality == AttrQuality.ATTR_INVALID
        detector.write_attribute(name, value)
        assert detector.read_attribute(name).value == value
    detector.Init()
    assert (detector.beam_center_x, detector.beam_center_y) == (95.5, 96.25)


def test_init_during_a_count_follows_it_to_its_end(detector, events):
    events.follow(detector, "state", "time")
    detector.Start()
    detector.Init()
    events.wait("state", DevState.ON)
    assert events.of("state") == [DevState.RUNNING, DevState.INIT, DevState.RUNNING, DevState.ON]
    assert events.of("time")[-1] == pytest.approx(2, abs=1e-3)
    assert detector.image.sum() == detector.counts


def test_every_member_is_described(detector):
    assert json.loads(detector.ui_hints)["attributes"]["image"]["widget"] == "image"
    for config in detector.attribute_list_query():
        if config.name not in ("State", "Status"):
            assert config.name == config.name.lower()
            assert config.description not in ("", "No description"), config.name
            assert config.data_type != tango.DevEncoded
    assert list(detector.get_attribute_config("gate").enum_labels) == ["INTERNAL", "EXTERNAL"]
