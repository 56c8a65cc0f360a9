import numpy as np
import pytest
from numpy.testing import assert_allclose

from gumtree_core.data import CorrelationWarning, Dataset
from gumtree_core.data.propagation import folding as folding_module


@pytest.fixture(autouse=True)
def small_sums_are_large(monkeypatch):
    monkeypatch.setattr(folding_module, "REMEMBERED", 10)


@pytest.fixture
def frame() -> Dataset:
    random = np.random.default_rng(5)
    return Dataset(random.uniform(1, 2, (4, 6)), random.uniform(0.1, 0.3, (4, 6)))


def test_a_sum_of_differences_knows_that_they_share_their_elements(frame):
    row = Dataset(np.ones(40), np.arange(1.0, 41))

    assert_allclose(float((row[1:] - row[:-1]).sum().variances), 1 + 40)
    rows = (frame[:, 1:] - frame[:, :-1]).sum("x")
    assert_allclose(rows.variances, frame.variances[:, 0] + frame.variances[:, -1], rtol=1e-12)


def test_a_sum_of_elements_and_of_one_that_all_share_is_right(frame):
    variances = frame.variances.copy()
    variances[0, 0] *= 23**2

    assert_allclose(float((frame - frame["y", 0]["x", 0]).sum().variances), variances.sum(), rtol=1e-12)


def test_masked_elements_take_no_part_in_a_sum_of_differences(frame):
    difference = (frame[:, 1:] - frame[:, :-1]).with_masks(last=np.arange(5) * np.ones((4, 1)) > 3)

    assert_allclose(difference.sum("x").variances, frame.variances[:, 0] + frame.variances[:, 4], rtol=1e-12)


def test_the_bins_of_a_sum_of_differences_are_right_and_say_what_they_forget(frame):
    index = np.array([0, 0, 0, 1, 1])
    with pytest.warns(CorrelationWarning, match="2 bins of q"):
        bins = (frame[:, 1:] - frame[:, :-1]).bin_sum(index, 2, "q")

    v = frame.variances
    assert_allclose(bins.variances, np.stack([v[:, 0] + v[:, 3], v[:, 3] + v[:, 5]], -1), rtol=1e-12)


def test_the_same_sum_twice_is_one_source(frame):
    twice = [(frame[:, 1:] - frame[:, :-1]).sum() for _ in range(2)]

    assert float((twice[0] - twice[1]).variances) == 0
