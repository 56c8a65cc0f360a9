import pytest

from gumtree_core.acquisition.estimate import Estimate, Progress


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_before_the_first_point_the_preset_is_all_that_is_known(clock):
    assert Estimate(10, 3.0, clock).progress() == Progress(0, 10, 0.0, 30.0)
    assert Estimate(10, None, clock).progress() == Progress(0, 10, 0.0, None)


def test_the_first_point_teaches_by_its_fraction(clock):
    estimate = Estimate(4, 1.0, clock)
    estimate.begin()
    clock.now += 5
    progress = estimate.progress(0.5)
    assert progress.fraction == pytest.approx(0.125)
    assert progress.remaining == pytest.approx(35)


def test_the_motion_before_the_first_count_is_not_taken_for_counting(clock):
    estimate = Estimate(2, 1.0, clock)
    estimate.begin()
    clock.now += 10
    estimate.begin_count()
    clock.now += 1
    assert estimate.progress(0.5).remaining == pytest.approx(12 * 1.5)


def test_points_teach_what_a_point_takes_with_its_motion(clock):
    estimate = Estimate(4, 1.0, clock)
    for seconds in (4, 6):
        estimate.begin()
        clock.now += seconds
        estimate.end()
    assert estimate.progress() == Progress(2, 4, 0.5, 10.0)
    estimate.begin()
    clock.now += 2.5
    assert estimate.progress().remaining == pytest.approx(7.5)
    assert estimate.progress(0.8).remaining == pytest.approx(6)


def test_a_pause_and_a_failed_attempt_teach_nothing(clock):
    estimate = Estimate(2, None, clock)
    clock.now += 1000
    estimate.begin()
    clock.now += 1000
    estimate.begin()
    clock.now += 2
    estimate.end()
    clock.now += 1000
    assert estimate.progress() == Progress(1, 2, 0.5, 2.0)


def test_a_point_that_takes_longer_does_not_go_beyond_itself(clock):
    estimate = Estimate(2, 1.0, clock)
    estimate.begin()
    clock.now += 50
    assert estimate.progress() == Progress(0, 2, 0.5, 1.0)


def test_at_the_end_nothing_remains(clock):
    estimate = Estimate(1, None, clock)
    estimate.begin()
    clock.now += 3
    estimate.end()
    assert estimate.progress(1.0) == Progress(1, 1, 1.0, 0.0)
