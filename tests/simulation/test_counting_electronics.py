"""Counting: gates, presets, statistics, and that nothing depends on who looks when."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gumtree_core.devices.protocols import AreaDetector, CounterChannel, Gate, PresetMode
from gumtree_core.errors import GumtreeError
from gumtree_core.simulation.clock import ManualClock
from gumtree_core.simulation.counting import draw
from gumtree_core.simulation.sans import slot_position
from gumtree_core.simulation.world import World


class Bench:
    """A world with its clock in our hands."""

    def __init__(self, seed: int = 1, sample: str = "spheres") -> None:
        self.clock = ManualClock()
        self.world = World(seed, self.clock)
        self.counter = self.world.counter("monitor")
        self.detector = self.world.detector("main")
        self.world.axis("sample_x").move(slot_position(sample))
        self.clock.advance(100)

    def count(self, seconds: float) -> tuple[int, np.ndarray]:
        self.detector.start(Gate.EXTERNAL, 0)
        self.counter.start(PresetMode.TIME, seconds)
        self.clock.advance(seconds)
        assert not self.counter.status().counting
        return self.counter.status().counts, self.detector.image()[1]


def test_counter_and_detector_are_what_the_protocols_ask_for():
    bench = Bench()
    assert isinstance(bench.counter, CounterChannel)
    assert isinstance(bench.detector, AreaDetector)
    assert bench.detector.shape == (192, 192)
    status, image = bench.detector.image()
    assert (status.counting, status.number, status.counts) == (False, 0, 0)
    assert (image.shape, image.dtype) == ((192, 192), np.uint32)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.001, 5.0), max_size=12), st.sampled_from(PresetMode))
def test_the_counts_do_not_depend_on_when_anybody_looks(looks, mode):
    def run(times: list[float]) -> list[object]:
        bench = Bench(seed=7)
        bench.detector.start(Gate.EXTERNAL, 0)
        bench.counter.start(mode, 3.0 if mode is PresetMode.TIME else 150_000)
        left = 20.0
        for step in sorted(times):
            bench.clock.advance(min(step, left))
            left -= min(step, left)
            bench.counter.status(), bench.detector.image()
        bench.clock.advance(left)
        status, image = bench.detector.image()
        return [bench.counter.status(), status, image.tobytes()]

    assert run(looks) == run([])


def test_a_motion_during_a_count_gives_the_same_counts_however_often_one_looks():
    def run(looking: bool) -> bytes:
        bench = Bench(seed=3)
        bench.detector.start(Gate.EXTERNAL, 0)
        bench.counter.start(PresetMode.TIME, 4.0)
        for tick in range(400):
            if tick == 103:
                bench.world.axis("sample_x").move(slot_position("glassy_carbon"))
            if tick == 201:
                bench.world.axis("sample_x").stop()
            bench.clock.advance(0.01)
            if looking:
                bench.detector.status()
        return bench.detector.image()[1].tobytes()

    assert run(True) == run(False)


def test_a_motor_that_moves_during_a_count_changes_the_rate():
    still, moving = Bench(), Bench()
    for bench in (still, moving):
        bench.detector.start(Gate.INTERNAL, 10.0)
    moving.world.axis("attenuator").move(4)
    for bench in (still, moving):
        bench.clock.advance(10.0)
    assert 0 < moving.detector.status().counts < 0.5 * still.detector.status().counts


def test_counts_grow_and_the_image_belongs_to_its_status():
    bench = Bench()
    bench.detector.start(Gate.INTERNAL, 2.0)
    seen = []
    for _ in range(25):
        bench.clock.advance(0.1)
        status, image = bench.detector.image()
        assert image.sum() == status.counts
        seen.append((status.time, status.counts))
    assert seen == sorted(seen)
    assert len(set(seen)) > 15
    assert seen[-1][0] == 2.0
    rates = [counts / time for time, counts in seen[10:]]
    assert rates == pytest.approx([rates[-1]] * 15, rel=0.1)


def test_the_gate_gives_counter_and_detector_exactly_the_same_live_time():
    bench = Bench()
    for end in ("preset", "stop", "monitor"):
        bench.detector.start(Gate.EXTERNAL, 0)
        assert bench.detector.status().counting, "armed"
        bench.clock.advance(5.0)
        assert bench.detector.status().time == 0.0, "the gate is still closed"
        if end == "monitor":
            bench.counter.start(PresetMode.MONITOR, 123_456)
        else:
            bench.counter.start(PresetMode.TIME, 1.2345)
        bench.clock.advance(0.777)
        if end == "stop":
            bench.counter.stop()
        bench.clock.advance(10.0)
        assert not bench.detector.status().counting
        assert bench.detector.status().time == bench.counter.status().time > 0


def test_a_detector_that_is_not_armed_ignores_the_gate():
    bench = Bench()
    bench.detector.start(Gate.INTERNAL, 1.0)
    bench.clock.advance(1.0)
    before = bench.detector.image()[1]
    bench.counter.start(PresetMode.TIME, 1.0)
    bench.clock.advance(1.0)
    assert np.array_equal(bench.detector.image()[1], before)


def test_a_detector_armed_while_the_gate_is_open_waits_for_the_next_opening():
    bench = Bench()
    bench.counter.start(PresetMode.TIME, 1.0)
    bench.detector.start(Gate.EXTERNAL, 0)
    bench.clock.advance(2.0)
    assert bench.detector.status().counting
    assert bench.detector.status().counts == 0


def test_a_monitor_preset_ends_at_exactly_its_count_in_the_time_that_the_rate_says():
    times = []
    for seed in range(40):
        bench = Bench(seed=seed)
        bench.counter.start(PresetMode.MONITOR, 1000)
        bench.clock.advance(1.0)
        status = bench.counter.status()
        assert (status.counting, status.counts) == (False, 1000)
        times.append(status.time)
    expected = 1000 / 50_000  # a sum of 1000 exponential times: relative standard deviation 1 / sqrt(1000)
    deviation = (np.array(times) / expected - 1) * np.sqrt(1000)
    assert abs(deviation.mean()) * np.sqrt(40) < 4
    assert 0.6 < deviation.std() < 1.5


def test_a_monitor_preset_that_is_no_whole_number_is_reached():
    bench = Bench()
    bench.counter.start(PresetMode.MONITOR, 1000.5)
    bench.clock.advance(10.0)
    assert bench.counter.status().counts == 1001


def test_stop_keeps_what_was_counted_and_the_time_it_took():
    bench = Bench()
    bench.detector.start(Gate.EXTERNAL, 0)
    bench.counter.start(PresetMode.TIME, 100.0)
    bench.clock.advance(10.3)
    bench.counter.stop()
    bench.clock.advance(50.0)
    status, image = bench.detector.image()
    assert status.time == pytest.approx(10.3)
    assert image.sum() == status.counts == pytest.approx(4200 * 10.3, rel=0.05)
    assert bench.counter.status().counts == pytest.approx(50_000 * 10.3, rel=0.01)


def test_a_detector_can_be_stopped_while_the_gate_stays_open():
    bench = Bench()
    bench.detector.start(Gate.EXTERNAL, 0)
    bench.counter.start(PresetMode.TIME, 10.0)
    bench.clock.advance(2.55)
    bench.detector.stop()
    counts = bench.detector.status().counts
    bench.clock.advance(20.0)
    assert bench.detector.status().counts == counts > 0
    assert bench.detector.status().time == pytest.approx(2.55)
    assert bench.counter.status().time == 10.0


def test_a_new_start_clears_and_takes_the_next_number():
    bench = Bench()
    first = bench.count(1.0)
    assert bench.detector.status().number == bench.counter.status().number == 1
    second = bench.count(1.0)
    assert bench.detector.status().number == bench.counter.status().number == 2
    assert first[0] != second[0]
    assert not np.array_equal(first[1], second[1]), "a count is not a copy of the one before"


def test_a_second_start_ends_the_count_that_runs():
    bench = Bench()
    bench.detector.start(Gate.EXTERNAL, 0)
    bench.counter.start(PresetMode.TIME, 10.0)
    bench.clock.advance(1.0)
    bench.counter.start(PresetMode.TIME, 2.0)
    assert not bench.detector.status().counting
    assert bench.detector.status().time == pytest.approx(1.0)


def test_repeated_counts_scatter_as_poisson_says():
    bench = Bench(sample="water")
    images = np.array([bench.count(0.5)[1] for _ in range(60)])
    totals = images.sum(axis=(1, 2))
    rate = bench.world.sans.rate(bench.world.settings(bench.clock.now()))
    expected = 0.5 * rate.sum() / (1 + 3e-7 * rate.sum())
    dispersion = np.sum((totals - expected) ** 2 / expected)
    assert 0.001 < stats.chi2.cdf(dispersion, df=60) < 0.999
    rings = np.digitize(bench.world.sans.radius, np.arange(50, 450, 25))
    summed = np.bincount(rings.ravel(), weights=images.sum(axis=0).ravel())
    wanted = np.bincount(rings.ravel(), weights=(rate / rate.sum()).ravel()) * expected * 60
    assert 0.001 < stats.chi2.cdf(np.sum((summed - wanted) ** 2 / wanted), df=len(wanted)) < 0.999


@pytest.mark.parametrize("time", [0.5, 50.0])
def test_both_ways_of_drawing_give_poisson_counts_in_each_pixel(time):
    rate = np.array([[0.0, 1.0], [5.0, 2.0]])
    counts = np.array([draw(np.random.default_rng(k), rate, time) for k in range(3000)])
    assert counts.mean(axis=0) == pytest.approx(rate * time, abs=1.5 if time > 1 else 0.15)
    assert counts.var(axis=0) == pytest.approx(rate * time, rel=0.12, abs=0.05)
    assert abs(np.corrcoef(counts[:, 0, 1], counts[:, 1, 0])[0, 1]) < 0.06


def test_the_dead_time_is_that_of_a_non_paralysable_detector():
    bench = Bench(sample="glassy_carbon")
    true = bench.world.sans.rate(bench.world.settings(bench.clock.now())).sum()
    counts = bench.count(60.0)[1].sum()
    observed = counts / 60.0
    assert observed == pytest.approx(true / (1 + true * 3e-7), abs=5 * np.sqrt(counts) / 60)
    assert observed / (1 - observed * 3e-7) == pytest.approx(true, rel=2e-3)
    assert observed < 0.98 * true


@pytest.mark.parametrize("preset", [0.0, -1.0, float("nan"), float("inf"), 1e300])
def test_a_preset_that_makes_no_sense_is_refused_and_nothing_is_started(preset):
    bench = Bench()
    for start in (
        lambda: bench.counter.start(PresetMode.TIME, preset),
        lambda: bench.counter.start(PresetMode.MONITOR, preset),
        lambda: bench.detector.start(Gate.INTERNAL, preset),
    ):
        with pytest.raises(GumtreeError) as refused:
            start()
        assert refused.value.reason == "PRESET_OUT_OF_RANGE"
    assert bench.counter.status().number == bench.detector.status().number == 0
