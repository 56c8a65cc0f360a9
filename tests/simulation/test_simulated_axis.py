"""Axes of the simulated instrument."""

from __future__ import annotations

import pytest

from gumtree_core.devices.protocols import Axis
from gumtree_core.errors import GumtreeError
from gumtree_core.simulation.axis import SimulatedAxis
from gumtree_core.simulation.clock import ManualClock
from gumtree_core.simulation.world import World


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def axis(clock) -> SimulatedAxis:
    return World(1, clock).axis("sample_x")


def test_it_moves_and_arrives_exactly(axis, clock):
    assert isinstance(axis, Axis)
    axis.move(120.3)
    assert axis.status().moving
    clock.advance(60)
    status = axis.status()
    assert (status.position, status.moving, status.fault) == (120.3, False, "")


def test_a_move_to_where_it_is_ends_at_once(axis):
    axis.move(0.0)
    assert not axis.status().moving


def test_the_ends_of_the_travel_can_be_reached_without_touching_a_switch(axis, clock):
    for end in (axis.describe().low, axis.describe().high):
        axis.move(end)
        clock.advance(100)
        status = axis.status()
        assert status.position == end
        assert (status.at_low_limit, status.at_high_limit) == (False, False)


@pytest.mark.parametrize(("target", "which"), [(1e6, "at_high_limit"), (-1e6, "at_low_limit")])
def test_a_motion_beyond_the_travel_ends_at_the_switch_and_can_leave_it(axis, clock, target, which):
    axis.move(target)
    clock.advance(1e6)
    status = axis.status()
    assert getattr(status, which)
    assert not status.moving
    assert status.position != target
    axis.move(10.0)
    clock.advance(100)
    assert axis.status().position == 10.0
    assert not getattr(axis.status(), which)


def test_stop_decelerates_and_abort_does_not(axis, clock):
    axis.configure(velocity=20.0, acceleration=10.0)
    axis.move(300.0)
    clock.advance(5.0)
    at = axis.status().position
    axis.stop()
    assert axis.status().moving
    clock.advance(2.0)
    assert not axis.status().moving
    assert axis.status().position == pytest.approx(at + 20**2 / (2 * 10))
    axis.move(0.0)
    clock.advance(1.0)
    at = axis.status().position
    axis.abort()
    assert not axis.status().moving
    clock.advance(10.0)
    assert axis.status().position == at


def test_configure_counts_from_the_next_motion_on(axis, clock):
    axis.move(100.0)
    clock.advance(1.0)
    axis.configure(velocity=1.0, acceleration=1.0)
    clock.advance(5.0)
    assert axis.status().position == 100.0
    axis.move(110.0)
    clock.advance(10.0)
    assert axis.status().position == pytest.approx(109.5)
    clock.advance(1.0)
    assert not axis.status().moving
    assert (axis.describe().velocity, axis.describe().acceleration) == (1.0, 1.0)


def test_define_position_shifts_the_travel_and_not_the_axis(axis, clock):
    place, low, high = axis.place(), axis.describe().low, axis.describe().high
    axis.define_position(1000.0)
    assert axis.status().position == 1000.0
    assert axis.place() == place
    assert axis.describe().low == low + 1000 - place
    assert axis.describe().high == high + 1000 - place
    axis.move(1050.0)
    clock.advance(100.0)
    assert axis.status().position == 1050.0
    assert axis.place() == place + 50


def test_what_makes_no_sense_is_refused_and_changes_nothing(axis, clock):
    axis.move(100.0)
    clock.advance(1.0)
    for reason, wrong in (
        ("AXIS_MOVING", lambda: axis.define_position(3.0)),
        ("POSITION_OUT_OF_RANGE", lambda: axis.move(float("nan"))),
        ("VELOCITY_OUT_OF_RANGE", lambda: axis.configure(velocity=0.0, acceleration=1.0)),
        ("ACCELERATION_OUT_OF_RANGE", lambda: axis.configure(velocity=1.0, acceleration=float("inf"))),
    ):
        with pytest.raises(GumtreeError) as refused:
            wrong()
        assert refused.value.reason == reason
        assert "sample_x" in refused.value.message
    clock.advance(100.0)
    assert axis.status().position == 100.0
    assert axis.describe().velocity == 25.0
