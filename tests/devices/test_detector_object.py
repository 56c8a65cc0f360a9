"""The area detector of the core, over hardware that does what the test tells it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gumtree_core.devices import detector as detector_module
from gumtree_core.devices.protocols import Gate
from gumtree_core.devices.state import State
from gumtree_core.errors import GumtreeError


def refused(reason: str) -> Any:
    return pytest.raises(GumtreeError, check=lambda error: error.reason == reason)


def test_a_count_starts_with_an_empty_image_and_ends_with_the_whole_one(detector, electronics):
    detector.gate = Gate.INTERNAL
    detector.exposure_time = 2
    electronics.counts = 99  # of a count before
    detector.start()
    assert electronics.starts == [(Gate.INTERNAL, 2)]
    assert detector.reading.state is State.BUSY
    assert detector.reading.image.sum() == 0
    electronics.count(2, 60, end=True)
    reading = detector.poll()
    assert (reading.state, reading.counts, reading.time, reading.rate) == (State.IDLE, 60, 2, 30)
    np.testing.assert_array_equal(reading.image, [[60, 0, 0, 0], [0] * 4, [0] * 4])


def test_while_counting_an_image_is_asked_for_only_when_it_is_due(detector, electronics, monkeypatch):
    now = 100.0
    monkeypatch.setattr(detector_module.time, "monotonic", lambda: now)
    detector.start()
    asked = electronics.images
    electronics.count(0.1, 5)
    assert detector.poll().counts == 5
    assert electronics.images == asked
    now += detector_module.IMAGE_PERIOD
    assert detector.poll().image.sum() == 5
    assert electronics.images == asked + 1


def test_at_rest_the_image_is_not_asked_for_again(detector, electronics):
    image = detector.poll().image
    asked = electronics.images
    assert detector.poll().image is image
    assert electronics.images == asked


def test_at_rest_the_image_of_a_count_that_was_not_seen_is_fetched(detector, electronics):
    electronics.start(Gate.INTERNAL, 1)
    electronics.count(1, 7, end=True)
    assert detector.poll().image.sum() == 7


def test_with_an_external_gate_the_end_of_the_gate_is_the_end(detector, electronics):
    detector.start()
    assert electronics.starts == [(Gate.EXTERNAL, 1)]
    electronics.count(0.3, 10, end=True)
    assert detector.poll().state is State.IDLE


def test_with_an_internal_gate_an_early_end_is_an_alarm(detector, electronics):
    detector.gate = Gate.INTERNAL
    detector.start()
    electronics.count(0.3, 10, end=True)
    reading = detector.poll()
    assert reading.state is State.ALARM
    assert "ended early, after 0.3 s with 10 counts" in reading.message


def test_stop_keeps_the_image(detector, electronics):
    detector.start()
    electronics.count(0.3, 10)
    detector.stop()
    reading = detector.poll()
    assert (reading.state, reading.counts, reading.image.sum()) == (State.IDLE, 10, 10)


def test_aborted_it_is_in_alarm(detector, electronics):
    detector.start()
    electronics.count(0.3, 10)
    detector.abort()
    assert detector.poll().state is State.ALARM


def test_a_second_start_is_refused(detector, electronics):
    detector.start()
    with refused("ALREADY_COUNTING"):
        detector.start()
    assert len(electronics.starts) == 1


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_an_exposure_time_must_be_above_zero(detector, value):
    with refused("BAD_EXPOSURE_TIME"):
        detector.exposure_time = value
    assert detector.exposure_time == 1


def test_without_contact_there_is_no_image_and_afterwards_there_is(detector, electronics, plug):
    detector.start()
    plug.connected = False
    reading = detector.poll()
    assert (reading.state, reading.image, reading.counts) == (State.FAULT, None, None)
    plug.connected = True
    electronics.count(1, 12, end=True)
    assert detector.poll().image.sum() == 12
    assert detector.reading.state is State.IDLE


def test_a_restart_of_the_detector_says_which_counts_are_lost(detector, electronics):
    detector.start()
    electronics.count(0.5, 40)
    detector.poll()
    electronics.restart()
    reading = detector.poll()
    assert (reading.state, reading.image.sum()) == (State.ALARM, 0)
    assert "40 counts in 0.5 s" in reading.message
