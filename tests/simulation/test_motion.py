"""Trapezoidal motion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gumtree_core.simulation.motion import Profile, braking, travel

places = st.floats(-1000, 1000)
velocities = st.floats(0.1, 500)
accelerations = st.floats(0.1, 1000)
parts = st.floats(0, 1)


def sampled(profile: Profile, points: int = 200) -> tuple[np.ndarray, np.ndarray]:
    times = np.linspace(profile.start_time, profile.end_time, points)
    position, speed = np.array([profile.state(time) for time in times]).T
    return position, speed


@given(places, places, velocities, accelerations)
def test_a_motion_from_rest_ends_at_its_target_and_stays_on_the_way(start, target, velocity, acceleration):
    profile = travel(3.0, start, 0.0, target, velocity, acceleration)
    position, speed = sampled(profile)
    slack = 1e-6 * (1 + abs(start) + abs(target))
    assert profile.state(profile.end_time) == (target, 0.0)
    assert position.min() >= min(start, target) - slack
    assert position.max() <= max(start, target) + slack
    assert np.abs(speed).max() <= velocity * (1 + 1e-9)


@given(places, places, places, velocities, accelerations, parts)
def test_a_new_target_on_the_way_is_reached_smoothly(start, first, second, velocity, acceleration, part):
    before = travel(0.0, start, 0.0, first, velocity, acceleration)
    now = part * before.end_time
    position, speed = before.state(now)
    after = travel(now, position, speed, second, velocity, acceleration)
    assert after.state(after.end_time) == (second, 0.0)
    assert np.allclose(after.state(now), (position, speed), atol=1e-6)
    positions, speeds = sampled(after)
    slack = 1e-6 * (1 + abs(start) + abs(first) + abs(second))
    assert np.abs(speeds).max() <= velocity * (1 + 1e-9)
    assert positions.min() >= min(start, first, second) - slack, "it never leaves the span of its commands"
    assert positions.max() <= max(start, first, second) + slack


@given(places, places, places, velocities, accelerations, parts)
def test_the_last_phase_leads_to_the_target_smoothly(start, first, second, velocity, acceleration, part):
    before = travel(0.0, start, 0.0, first, velocity, acceleration)
    now = part * before.end_time
    after = travel(now, *before.state(now), second, velocity, acceleration)
    just_before = after.state(np.nextafter(after.end_time, -np.inf))[0]
    assert just_before == pytest.approx(second, abs=1e-6 * (1 + abs(start) + abs(first) + abs(second)))


@given(places, places, velocities, accelerations, parts)
def test_braking_slows_down_steadily_and_ends_on_the_way(start, target, velocity, acceleration, part):
    motion = travel(0.0, start, 0.0, target, velocity, acceleration)
    now = part * motion.end_time
    position, speed = motion.state(now)
    stop = braking(now, position, speed, acceleration)
    positions, speeds = sampled(stop)
    slack = 1e-6 * (1 + abs(start) + abs(target))
    assert np.all(np.diff(np.abs(speeds)) <= 1e-9 * velocity)
    assert min(position, target) - slack <= stop.end <= max(position, target) + slack
    assert stop.end_time - now == pytest.approx(abs(speed) / acceleration)
    assert np.all(np.diff(positions) * np.sign(speed) >= -slack)


def test_a_long_motion_takes_the_time_of_the_textbook():
    profile = travel(10.0, 0.0, 0.0, 100.0, 10.0, 5.0)
    assert profile.end_time == pytest.approx(10 + 100 / 10 + 10 / 5)
    assert profile.state(11.0) == pytest.approx((2.5, 5.0))
    assert profile.state(17.0) == pytest.approx((60.0, 10.0))


def test_a_short_motion_does_not_reach_its_velocity():
    profile = travel(0.0, 0.0, 0.0, 1.0, 100.0, 4.0)
    assert profile.end_time == pytest.approx(1.0)
    assert profile.state(0.5) == pytest.approx((0.5, 2.0))
