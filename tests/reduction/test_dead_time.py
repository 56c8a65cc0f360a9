"""Dead time: what is corrected, and that the errors are those of simulated detectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gumtree_core.data import Dataset, poisson, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.corrections.dead_time import live


@given(st.floats(1, 3e6), st.floats(1, 1e4))
def test_the_correction_inverts_what_a_non_paralysable_detector_loses(true, time):
    tau = 3e-7
    seen = true / (1 + true * tau)
    image = Dataset(np.full((2, 5), seen * time / 10), dims=("y", "x"))

    assert float(live(image, time, tau).sum().values) == pytest.approx(true * time, rel=1e-9)


@given(st.floats(0, 0.99))
def test_the_correction_inverts_what_a_paralysable_detector_loses(x):
    tau, time = 2e-6, 100.0
    seen = x / tau * np.exp(-x) * time
    image = Dataset(np.full((4, 5), seen / 20), dims=("y", "x"))

    corrected = float(live(image, time, tau, model="paralysable").sum().values)

    assert corrected == pytest.approx(x / tau * time, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("model", ["non-paralysable", "paralysable"])
def test_no_dead_time_changes_nothing(model):
    image = poisson(np.array([[0, 4], [9, 16]]), 0)

    same = live(image, 1.0, 0.0, model=model)

    assert same.values.tolist() == image.values.tolist()
    assert same.variances.tolist() == image.variances.tolist()


def seen(rng: np.random.Generator, model: str, true: float, tau: float, repeats: int) -> np.ndarray:
    """Times of events that a detector counts in 1 s, as counts of two halves of its pixels."""
    counts = np.zeros((repeats, 2), dtype=int)
    for k in range(repeats):
        gaps = rng.exponential(1 / true, int(1.4 * true) + 50)
        times = np.cumsum(gaps + tau) if model == "non-paralysable" else np.cumsum(gaps)[gaps > tau]
        pixel = rng.random(len(times)) < 0.3
        inside = times < 1.0
        counts[k] = (inside & pixel).sum(), (inside & ~pixel).sum()
    return counts


@pytest.mark.parametrize("model", ["non-paralysable", "paralysable"])
def test_the_errors_are_those_of_a_simulated_detector(model):
    """Of single pixels and of their sum, where 0.3 of the events fall into dead time."""
    rng = np.random.default_rng(7)
    true, tau = 1500.0, 2e-4
    counts = seen(rng, model, true, tau, 4000)
    corrected = np.array(
        [live(poisson(one, 0, dims="x"), 1.0, tau, model=model).values for one in counts[:1000]]
    )
    mean = poisson(np.round(counts.mean(axis=0)).astype(int), 0, dims="x")
    stated = live(mean, 1.0, tau, model=model)

    assert corrected.sum(axis=1).mean() == pytest.approx(true, rel=0.005)
    covariance = np.cov(corrected.T)
    assert covariance == pytest.approx(stated.covariance(), rel=0.13, abs=0.07 * stated.variances.max())
    assert corrected.sum(axis=1).var() == pytest.approx(float(stated.sum().variances), rel=0.13)


def test_each_tube_is_dead_for_itself():
    counts = Dataset(np.array([[100.0, 300.0], [200.0, 0.0]]), dims=("y", "x"))

    tubes = live(counts, 1.0, 1e-3, shared=("y",))
    pixels = live(counts, 1.0, 1e-3, shared=())

    assert tubes.values == pytest.approx(counts.values / (1 - np.array([0.3, 0.3])))
    assert pixels.values == pytest.approx(counts.values / (1 - counts.values * 1e-3))


def test_each_tube_may_have_its_own_dead_time():
    counts = Dataset(np.full((2, 2), 100.0), dims=("y", "x"))
    tau = Dataset([1e-3, 2e-3], [1e-8, 1e-8], dims="x", unit="s")

    tubes = live(counts, 1.0, tau, shared=("y",))

    assert tubes.values[0] == pytest.approx([100 / 0.8, 100 / 0.6])
    assert tubes.flatten().correlation()[0, 2] == pytest.approx(1.0)  # one tube
    assert tubes.flatten().correlation()[0, 1] == 0


@pytest.mark.parametrize("model", ["non-paralysable", "paralysable"])
def test_the_error_of_the_dead_time_is_one_source_for_all_pixels(model):
    counts = Dataset(np.full((2, 5), 100.0), dims=("y", "x"))
    tau, step = 2e-4, 1e-8

    corrected = live(counts, 1.0, scalar(tau, 1e-5, "s"), model=model)

    by_difference = (
        live(counts, 1.0, tau + step, model=model) - live(counts, 1.0, tau - step, model=model)
    ) / (2 * step)
    own = corrected - live(counts, 1.0, tau, model=model)
    assert own["y", 0].errors == pytest.approx(np.abs(by_difference.values[0]) * 1e-5, rel=1e-4)
    assert float(own.sum().errors) == pytest.approx(float(by_difference.sum().values) * 1e-5, rel=1e-4)


def test_what_a_masked_pixel_has_counted_made_the_others_dead():
    counts = Dataset([100.0, 300.0], dims="x", masks={"hot": np.array([False, True])})

    assert live(counts, 1.0, 1e-3).values[0] == pytest.approx(100 / 0.6)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"dead_time": 5e-4}, "DEAD_TIME_TOO_LONG"),
        ({"dead_time": 3.7e-4, "model": "paralysable"}, "DEAD_TIME_TOO_LONG"),
        ({"dead_time": -1e-9}, "BAD_DEAD_TIME"),
        ({"dead_time": float("nan")}, "BAD_DEAD_TIME"),
        ({"dead_time": 1e-9, "time": 0.0}, "NO_TIME"),
        ({"dead_time": 1e-9, "model": "lazy"}, "BAD_DEAD_TIME"),
        ({"dead_time": 1e-9, "shared": ("tube",)}, "BAD_DEAD_TIME"),
        ({"dead_time": Dataset([1e-9, 1e-9], dims="y", unit="s")}, "BAD_DEAD_TIME"),
    ],
)
def test_what_cannot_be_corrected_is_refused(arguments, reason):
    image = Dataset(np.full((2, 5), 100.0), dims=("y", "x"))

    assert float(live(image, 1.0, 4.99e-4).values[0, 0]) == pytest.approx(100 / 0.501)
    with pytest.raises(GumtreeError) as refused:
        live(image, **{"time": 1.0, **arguments})
    assert refused.value.reason == reason
