import threading
from collections.abc import Callable
from typing import Any

import pytest

from gumtree_core.acquisition.definition import ScanDefinition
from gumtree_core.acquisition.engine import Ending, Point, ScanEngine
from gumtree_core.devices.protocols import PresetMode
from gumtree_core.errors import GumtreeError

SCAN = ScanDefinition(PresetMode.TIME, 2.0, "sdd", (1.0, 2.0, 3.0))
COUNT = ScanDefinition(PresetMode.MONITOR, 500.0)


@pytest.fixture
def engine(bench) -> Callable[..., ScanEngine]:
    def make(definition: ScanDefinition = SCAN, **options: Any) -> ScanEngine:
        actuator = bench.motor if definition.actuator else None
        options = {"retry_delay": 0.0} | options
        return ScanEngine(definition, bench.counter, [bench.detector], actuator, **options)

    return make


@pytest.fixture
def points() -> list[Point]:
    return []


def in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    return thread, results


def joined(thread: threading.Thread, results: list[Any]) -> Any:
    thread.join(10)
    assert not thread.is_alive()
    return results[0]


def test_a_point_moves_arms_starts_waits_and_reads_in_this_order(engine, bench, points):
    outcome = engine(ScanDefinition(PresetMode.TIME, 2.0, "sdd", (1.0,))).run(points.append)
    assert bench.journal == [
        "sdd.move",
        "sdd.wait",
        "main.prepare",
        "monitor.prepare",
        "monitor.start",
        "monitor.wait",
        "main.wait",
        "monitor.read",
        "main.read",
    ]
    assert outcome.ending is Ending.COMPLETE
    assert bench.counter.started == [(PresetMode.TIME, 2.0)]


def test_each_point_is_given_to_the_recorder_before_the_next_begins(engine, bench, points):
    def record(point: Point) -> None:
        points.append(point)
        bench.journal.append("record")

    engine().run(record)
    assert [(point.number, point.position) for point in points] == [(0, 1.0), (1, 2.0), (2, 3.0)]
    assert [point.readings["monitor"]["counts"] for point in points] == [100, 200, 300]
    assert bench.journal[9:11] == ["record", "sdd.move"]
    assert bench.journal[-1] == "record"


def test_a_count_moves_nothing(engine, bench, points):
    outcome = engine(COUNT).run(points.append)
    assert "sdd.move" not in bench.journal
    assert points[0].position is None
    assert bench.counter.started == [(PresetMode.MONITOR, 500.0)]
    assert outcome.message == "1 of 1 point."


def test_a_point_whose_device_fails_is_measured_again(engine, bench, points):
    bench.journal.fail("main.wait", "DEVICE_LOST", "does not answer.", count=2)
    lines: list[str] = []
    outcome = engine(log=lines.append).run(points.append)
    assert outcome.ending is Ending.COMPLETE
    assert [point.number for point in points] == [0, 1, 2]
    assert bench.journal.count("monitor.start") == 4
    assert lines == ["Point 2 of 3, attempt 1 of 3: main: does not answer."]


def test_before_another_attempt_everything_is_stopped(engine, bench, points):
    bench.journal.fail("monitor.wait", "COUNT_FAILED", "lost")
    engine(COUNT).run(points.append)
    failed = bench.journal.index("monitor.wait")
    assert bench.journal[failed + 1 : failed + 4] == ["monitor.stop", "main.stop", "main.prepare"]


def test_what_no_other_attempt_mends_is_tried_once(engine, bench, points):
    bench.journal.fail("monitor.start", "BAD_PRESET", "The preset is too long.")
    outcome = engine().run(points.append)
    assert (outcome.ending, outcome.points) == (Ending.FAILED, 0)
    assert bench.journal.count("monitor.start") == 1


def test_a_point_is_counted_again_if_its_actuator_is_moved_meanwhile(engine, bench, points):
    bench.journal.at("monitor.wait", lambda: setattr(bench.motor, "place", 7.0), count=2)
    lines: list[str] = []
    outcome = engine(log=lines.append).run(points.append)
    assert outcome.ending is Ending.COMPLETE
    assert [point.position for point in points] == [1.0, 2.0, 3.0]
    assert bench.counter.started == 4 * [(PresetMode.TIME, 2.0)]
    assert lines == [
        "Point 2 of 3, attempt 1 of 3: sdd was moved from 2 to 7 mm by somebody else while it counted."
    ]


def test_another_motor_that_moves_makes_its_point_doubtful(engine, bench, points):
    bench.journal.at("monitor.wait", lambda: setattr(bench.other, "place", 5.0), count=2)
    lines: list[str] = []
    outcome = engine(others=[bench.other], log=lines.append).run(points.append)
    warning = "sample_x was moved from 0 to 5 mm by somebody else while point 2 was measured."
    assert (outcome.ending, len(points)) == (Ending.COMPLETE, 3)
    assert outcome.warnings == (warning,)
    assert lines == [f"Warning: {warning}"]


def test_another_motor_may_be_moved_while_the_scan_rests(engine, bench, points, wait_until):
    running = engine(others=[bench.other], on_pause=lambda paused: resting.append(paused))
    resting: list[bool] = []
    bench.journal.at("main.read", running.pause)
    thread, results = in_thread(lambda: running.run(points.append))
    wait_until(lambda: resting == [True])
    bench.other.place = 5.0
    running.resume()
    outcome = joined(thread, results)
    assert (outcome.ending, outcome.warnings) == (Ending.COMPLETE, ())


def test_a_motor_that_does_not_answer_does_not_disturb_a_scan_that_does_not_need_it(engine, bench, points):
    bench.other.watched = True
    bench.journal.fail("sample_x.position", "DEVICE_LOST", "sample_x does not answer.", count=2)
    outcome = engine(others=[bench.other]).run(points.append)
    assert (outcome.ending, outcome.warnings) == (Ending.COMPLETE, ())


def test_a_scan_that_fails_for_good_keeps_its_points_and_stops_everything(engine, bench, points):
    for attempt in (2, 3, 4):
        bench.journal.fail("sdd.move", "DEVICE_LOST", "sdd does not answer.", count=attempt)
    lines: list[str] = []
    outcome = engine(log=lines.append).run(points.append)
    assert outcome.ending is Ending.FAILED
    assert (outcome.points, outcome.message) == (1, "sdd does not answer.")
    assert len(points) == 1
    assert len(lines) == 3
    assert bench.journal[-3:] == ["sdd.stop", "monitor.stop", "main.stop"]


def test_a_point_that_cannot_be_recorded_ends_the_scan_without_another_attempt(engine, bench):
    def record(point: Point) -> None:
        raise GumtreeError("DATA_NOT_WRITTEN", "disk full")

    outcome = engine().run(record)
    assert (outcome.ending, outcome.points, outcome.message) == (Ending.FAILED, 0, "disk full")
    assert bench.journal.count("monitor.start") == 1


def test_a_defect_is_not_hidden_and_leaves_nothing_running(engine, bench, points):
    bench.journal.at("main.read", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        engine().run(points.append)
    assert bench.journal[-3:] == ["sdd.stop", "monitor.stop", "main.stop"]


def test_a_device_that_cannot_be_stopped_does_not_hide_the_others(engine, bench, points):
    bench.journal.fail("sdd.stop", "DEVICE_LOST", "gone")
    bench.journal.fail("monitor.wait", "COUNT_FAILED", "lost")
    assert engine().run(points.append).ending is Ending.COMPLETE
    assert "main.stop" in bench.journal


def test_stop_ends_a_motion_at_once_and_measures_no_further(engine, bench, points, wait_until):
    bench.motor.hold = True
    running = engine()
    thread, results = in_thread(lambda: running.run(points.append))
    wait_until(lambda: "sdd.wait" in bench.journal)
    running.stop()
    outcome = joined(thread, results)
    assert (outcome.ending, outcome.points) == (Ending.STOPPED, 0)
    assert "sdd.stop" in bench.journal
    assert "monitor.start" not in bench.journal


def test_stop_ends_a_count_at_once_and_keeps_what_was_counted(engine, bench, points, wait_until):
    bench.counter.hold = True
    running = engine()
    thread, results = in_thread(lambda: running.run(points.append))
    wait_until(lambda: "monitor.wait" in bench.journal)
    running.stop()
    outcome = joined(thread, results)
    assert (outcome.ending, outcome.points) == (Ending.STOPPED, 1)
    assert outcome.message == "Stopped on request after 1 of 3 points, the last of which ended early."
    assert len(points) == 1


def test_stop_keeps_no_point_in_which_nothing_was_counted(engine, bench, points, wait_until):
    bench.counter.hold, bench.counter.time = True, 0.0
    running = engine()
    thread, results = in_thread(lambda: running.run(points.append))
    wait_until(lambda: "monitor.wait" in bench.journal)
    running.stop()
    assert joined(thread, results).points == 0
    assert points == []


def test_abort_drops_the_point_that_is_not_complete(engine, bench, points, wait_until):
    bench.counter.hold = True
    running = engine()
    thread, results = in_thread(lambda: running.run(points.append))
    wait_until(lambda: "monitor.wait" in bench.journal)
    running.abort()
    outcome = joined(thread, results)
    assert (outcome.ending, outcome.points) == (Ending.ABORTED, 0)
    assert points == []
    assert "main.stop" in bench.journal


def test_abort_ends_the_wait_for_a_detector_that_never_ends(engine, bench, points, wait_until):
    bench.detector.hold = True
    running = engine()
    thread, results = in_thread(lambda: running.run(points.append))
    wait_until(lambda: "main.wait" in bench.journal)
    running.abort()
    assert joined(thread, results).ending is Ending.ABORTED


@pytest.mark.parametrize("call", ["sdd.move", "main.prepare", "monitor.prepare", "monitor.start"])
def test_a_stop_that_comes_between_two_steps_is_not_lost(engine, bench, points, call):
    running = engine()
    bench.journal.at(call, running.stop)
    outcome = running.run(points.append)
    assert outcome.ending is Ending.STOPPED
    assert bench.journal.count("monitor.start") == (call == "monitor.start")


def test_a_failure_while_stopping_is_not_tried_again(engine, bench, points):
    running = engine()

    def stop_and_fail() -> None:
        running.stop()
        raise GumtreeError("MOTION_FAILED", "stopped elsewhere")

    bench.journal.at("sdd.wait", stop_and_fail)
    assert running.run(points.append).ending is Ending.STOPPED
    assert bench.journal.count("sdd.move") == 1


def test_a_stop_does_not_wait_for_the_next_attempt(engine, bench, points):
    bench.journal.fail("monitor.start", "DEVICE_LOST", "gone")
    running = engine(retry_delay=60.0)
    bench.journal.at("main.stop", running.stop)
    assert running.run(points.append).ending is Ending.STOPPED
    assert bench.journal.count("monitor.start") == 1


def test_pause_rests_between_points_and_resume_goes_on(engine, bench, points, wait_until):
    paused: list[bool] = []
    running = engine(on_pause=paused.append)
    bench.journal.at("monitor.start", running.pause)
    thread, results = in_thread(lambda: running.run(points.append))
    wait_until(lambda: paused == [True])
    assert [point.number for point in points] == [0]
    running.resume()
    assert joined(thread, results).ending is Ending.COMPLETE
    assert paused == [True, False]
    assert [point.number for point in points] == [0, 1, 2]


def test_a_paused_scan_can_be_stopped(engine, bench, points, wait_until):
    paused: list[bool] = []
    running = engine(on_pause=paused.append)
    running.pause()
    thread, results = in_thread(lambda: running.run(points.append))
    wait_until(lambda: paused == [True])
    running.stop()
    assert joined(thread, results).ending is Ending.STOPPED
    assert points == []


def test_progress_follows_the_count_and_then_the_points(engine, bench, points, wait_until):
    bench.counter.hold = True
    running = engine(COUNT)
    thread, results = in_thread(lambda: running.run(points.append))
    wait_until(lambda: "monitor.wait" in bench.journal)
    assert running.progress().fraction == 0.25
    bench.counter.stopped.set()
    joined(thread, results)
    assert (running.progress().fraction, running.progress().remaining) == (1.0, 0.0)


def test_a_counter_that_tells_no_progress_disturbs_nothing(engine, bench, points, wait_until):
    def fail() -> float:
        raise GumtreeError("DEVICE_LOST", "gone")

    bench.counter.hold, bench.counter.fraction = True, fail
    running = engine(COUNT)
    thread, results = in_thread(lambda: running.run(points.append))
    wait_until(lambda: "monitor.wait" in bench.journal)
    assert running.progress().fraction == 0.0
    bench.counter.stopped.set()
    joined(thread, results)
