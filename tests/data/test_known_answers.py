"""Answers that are known beforehand: Echidna's arithmetic, and a complete reduction drawn many times."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from gumtree_core.data import Axis, Dataset, errors, poisson, scalar

REPLICAS = 4000
LIMITS = (0.001, 0.999)
"""Of the cumulative probability that chance gives a result so far off."""


def counted(number: float) -> Dataset:
    return scalar(number, np.sqrt(number), "counts")


@pytest.mark.parametrize(
    ("counts", "monitor", "variance"),
    # f = 20 / m brings a step to the target 20; its variance is f^2 / m: V = f^2 counts + (f^2 / m) counts^2.
    [(12.5, 10.0, 112.5), (25.0, 20.0, 56.25)],
)
def test_a_step_of_echidna_is_normalised_with_the_error_of_its_monitor(counts, monitor, variance):
    step = poisson([counts], 0) * (20.0 / counted(monitor))

    assert_allclose(step.values, [25.0], rtol=1e-14)
    assert_allclose(step.variances, [variance], rtol=1e-14)


def test_steps_that_are_normalised_to_their_highest_monitor_know_that_it_was_counted():
    steps = poisson([[12.5, 12.5], [25.0, 25.0]], 0, dims=("step", "pixel"))
    monitor = poisson([10.0, 20.0], 0, dims="step")

    exact_target = steps * float(monitor.max()) / monitor
    assert_allclose(exact_target.variances, [[112.5, 112.5], [56.25, 56.25]], rtol=1e-14)
    # With the target's own error the brightest step keeps its counts, 20 / 20, and the others gain 1/20.
    counted_target = steps * monitor.max() / monitor
    assert_allclose(counted_target.variances, [[112.5 + 25**2 / 20] * 2, [25.0, 25.0]], rtol=1e-14)


def test_a_background_of_echidna_is_subtracted():
    difference = poisson([25.0], 0) - poisson([10.0], 0)

    assert_allclose(difference.values, [15.0])
    assert_allclose(difference.errors, [np.sqrt(35)])


def test_points_of_echidna_within_a_quarter_of_a_degree_are_averaged_or_summed():
    # The variances add up to 3.5 and the angles to 3 x 1.02; a fourth point lies apart.
    angle = Axis([0.95, 1.01, 1.10, 1.30], "deg")
    points = Dataset([1.0, 2.0, 3.0, 7.0], [0.5, 1.0, 2.0, 7.0], axes={"angle": angle})
    cluster = points.groupby("angle", [0.95, 0.95 + 0.25, 0.95 + 0.5])

    assert_allclose(cluster.mean().values, [2, 7])
    assert_allclose(cluster.mean().variances, [3.5 / 9, 7])
    assert_allclose(cluster.sum().values, [6, 7])
    assert_allclose(cluster.sum().variances, [3.5, 7])
    angles = Dataset(angle.values, unit="deg", axes={"angle": angle})
    assert_allclose(angles.groupby("angle", [0.95, 0.95 + 0.25, 0.95 + 0.5]).mean().values, [1.02, 1.30])


class Chain:
    """Frames minus a background, over a shared monitor and transmission, in rings: ours, and drawn."""

    bins, width = 5, 0.01

    def __init__(self) -> None:
        y, x = np.mgrid[-5.5:6, -5.5:6]
        radius = np.hypot(x, y)
        self.ring = np.minimum(radius / 1.6, self.bins).astype(int)
        self.good = ~((np.abs(x) < 1) & (np.abs(y) < 1))
        exposure = np.array([1.0, 1.5, 0.7])[:, np.newaxis, np.newaxis]
        self.background = np.full(radius.shape, 60.0)
        self.frames = exposure * (40 + 900 * np.exp(-((radius / 3) ** 2))) + self.background
        self.monitor, self.transmission = (1000.0, 15.0), (0.8, 0.012)

    def ours(self) -> Dataset:
        frames = Dataset(self.frames, "poisson", dims=("frame", "y", "x"), unit="counts", title="frames")
        frames = frames.with_masks(beamstop=Dataset(~self.good, dims=("y", "x")))
        background = Dataset(self.background, "poisson", dims=("y", "x"), unit="counts")
        rate = (frames - background) / scalar(*self.monitor, "counts") / scalar(*self.transmission)
        q = Axis(self.width * (np.arange(self.bins) + 0.5), "1/angstrom")
        rings = rate.sum("frame").bin_sum(self.ring, self.bins, "q", q)
        return rings / np.bincount(self.ring[self.good], minlength=self.bins)[: self.bins]

    def drawn(self) -> np.ndarray:
        """I(q) of each replica: (REPLICAS, bins)."""
        random = np.random.default_rng(20240229)
        frames = random.poisson(self.frames.sum(axis=0), (REPLICAS, *self.background.shape))
        net = frames - len(self.frames) * random.poisson(self.background, frames.shape)
        in_ring = (self.ring.reshape(-1, 1) == np.arange(self.bins)) & self.good.reshape(-1, 1)
        rings = net.reshape(REPLICAS, -1) @ in_ring.astype(float) / in_ring.sum(axis=0)
        monitor = random.normal(*self.monitor, (REPLICAS, 1))
        return rings / monitor / random.normal(*self.transmission, (REPLICAS, 1))


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain()


@pytest.fixture(scope="module")
def replicas(chain) -> np.ndarray:
    return chain.drawn()


def improbability(expected: np.ndarray, drawn: np.ndarray) -> float:
    """Cumulative probability of the likelihood ratio of two covariances, chi-square of p (p + 1) / 2.

    Source: T. W. Anderson, An Introduction to Multivariate Statistical Analysis (2003), 10.8.
    """
    n, p = drawn.shape[0] - 1, drawn.shape[1]
    ratio = np.linalg.solve(expected, np.cov(drawn.T))
    statistic = n * (np.trace(ratio) - np.linalg.slogdet(ratio)[1] - p)
    statistic *= 1 - (2 * p + 1 - 2 / (p + 1)) / (6 * n)
    return float(stats.chi2.cdf(statistic, p * (p + 1) / 2))


def test_the_covariance_of_a_reduced_curve_is_that_of_many_measurements(chain, replicas):
    iq = chain.ours()
    # To second order, <1 / monitor> and <1 / transmission> are higher than of the averages.
    bias = sum((error / value) ** 2 for value, error in (chain.monitor, chain.transmission))
    deviation = (replicas.mean(axis=0) - iq.values * (1 + bias)) / (iq.errors / np.sqrt(REPLICAS))

    assert np.abs(deviation).max() < 3.3
    assert LIMITS[0] < improbability(iq.covariance(), replicas) < LIMITS[1]


def test_the_integral_of_a_reduced_curve_has_the_error_of_many_measurements(chain, replicas):
    integral = chain.ours().integrate("q")
    drawn = np.trapezoid(replicas, dx=chain.width, axis=1)
    statistic = (REPLICAS - 1) * drawn.var(ddof=1) / float(integral.variances)

    assert LIMITS[0] < stats.chi2.cdf(statistic, REPLICAS - 1) < LIMITS[1]


def test_errors_taken_as_independent_are_told_apart_by_the_same_measurements(chain, replicas):
    with errors("independent"):
        usual = chain.ours()
        integral = usual.integrate("q")

    assert improbability(np.diag(usual.variances), replicas) == 1
    assert float(integral.errors) < 0.7 * float(chain.ours().integrate("q").errors)
