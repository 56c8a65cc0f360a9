import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gumtree_core.acquisition.definition import MAX_POINTS, ScanDefinition
from gumtree_core.devices.protocols import PresetMode
from gumtree_core.errors import GumtreeError

TIME, MONITOR = PresetMode.TIME, PresetMode.MONITOR


def refusal(**changes: object) -> GumtreeError:
    values = {"preset_mode": TIME, "preset": 1.0, "actuator": "sdd", "positions": (1.0, 2.0)} | changes
    with pytest.raises(GumtreeError) as caught:
        ScanDefinition(**values)
    return caught.value


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(2, 500))
def test_a_line_has_its_points_in_order_with_both_ends(start, stop, points):
    scan = ScanDefinition.line("sdd", start, stop, points, TIME, 1.0)
    positions = scan.positions
    assert scan.points == len(positions) == points
    assert positions[0] == start
    assert positions[-1] == pytest.approx(stop, rel=1e-12, abs=1e-9)
    assert list(positions) == sorted(positions, reverse=stop < start)


def test_a_count_is_one_point_at_the_present_position():
    count = ScanDefinition(MONITOR, 1000.0)
    assert count.points == 1
    assert list(count.targets()) == [None]


def test_repeats_count_several_times_at_each_position():
    scan = ScanDefinition(TIME, 1.0, "sdd", (1.0, 2.0), repeats=2)
    assert list(scan.targets()) == [1.0, 1.0, 2.0, 2.0]
    assert scan.points == 4


@pytest.mark.parametrize("preset", [0.0, -1.0, math.nan, math.inf])
def test_a_preset_is_a_positive_number(preset):
    error = refusal(preset=preset)
    assert error.reason == "BAD_PRESET"
    assert f"{preset:g} s" in error.message


@pytest.mark.parametrize("position", [math.nan, math.inf])
def test_positions_are_finite(position):
    error = refusal(positions=(1.0, position))
    assert error.reason == "BAD_POSITION"
    assert "sdd" in error.message


@pytest.mark.parametrize(
    "changes", [{"positions": ()}, {"actuator": ""}, {"repeats": 0}, {"repeats": MAX_POINTS}]
)
def test_positions_belong_to_an_actuator_and_their_number_is_limited(changes):
    assert refusal(**changes).reason == "BAD_SCAN"


@pytest.mark.parametrize("points", [0, -3, MAX_POINTS + 1])
def test_the_number_of_points_is_limited_before_they_are_made(points):
    with pytest.raises(GumtreeError, match=f"not {points}") as caught:
        ScanDefinition.line("sdd", 0.0, 1.0, points, TIME, 1.0)
    assert caught.value.reason == "BAD_SCAN"


def test_one_point_cannot_have_two_ends():
    with pytest.raises(GumtreeError, match="at least 2 points"):
        ScanDefinition.line("sdd", 0.0, 1.0, 1, TIME, 1.0)
    assert ScanDefinition.line("sdd", 3.0, 3.0, 1, TIME, 1.0).positions == (3.0,)


def test_every_position_is_checked_and_nothing_moves(bench):
    scan = ScanDefinition(TIME, 1.0, "sdd", (0.0, 5.0, 11.0, 0.0))
    with pytest.raises(GumtreeError, match="11"):
        scan.check(bench.motor)
    assert bench.journal == []
