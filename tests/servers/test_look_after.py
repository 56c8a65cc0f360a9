import pytest
from hypothesis import given
from hypothesis import strategies as st

from servers.hardware import BUSY_PERIODS, LATENESS, look_after


@pytest.mark.parametrize(("busy_for", "seconds"), [(0.0, 0.0005), (0.1, 0.001), (0.4, 0.004), (60.0, 0.005)])
def test_short_work_is_looked_at_more_often_than_long_work(busy_for, seconds):
    assert look_after(busy_for) == pytest.approx(seconds)


@given(st.floats(0.05, 1e6))
def test_an_end_is_seen_a_hundredth_of_the_duration_late_at_most(busy_for):
    assert look_after(busy_for) <= min(LATENESS * busy_for, BUSY_PERIODS[1])
