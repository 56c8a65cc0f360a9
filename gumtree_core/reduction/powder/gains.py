"""Relative gains of tubes from the angles that several of them have measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.powder.calibration import Floats
from gumtree_core.reduction.powder.patterns import cluster_starts
from gumtree_core.reduction.powder.tubes import two_theta
from gumtree_core.reduction.statistics.propagation import correlated

CYCLES = 50
CONVERGED = 1e-9
"""Relative change of the gains at which they are taken as final."""


@dataclass(frozen=True)
class Gains:
    """What a refinement has found.

    Attributes
    ----------
    values
        (x,), with covariance; their average is 1. Divide by them. Tubes without any data are masked.
    chi_square, degrees_of_freedom
        Of all that overlaps.
    """

    values: Dataset
    chi_square: float
    degrees_of_freedom: int

    @property
    def reduced_chi_square(self) -> float:
        """About 1 where model and errors are right."""
        return self.chi_square / self.degrees_of_freedom if self.degrees_of_freedom else float("nan")


@dataclass(frozen=True)
class _Observations:
    """Intensities, with the tube and the angle (from 0 on) that each belongs to."""

    intensity: Floats
    variance: Floats
    slope: float
    tube: NDArray[np.intp]
    angle: NDArray[np.intp]
    tubes: int
    angles: int

    def weights(self, gains: Floats, true: Floats) -> Floats:
        """Inverse variances that are expected: those of counts that are low by chance would be too low."""
        expected = self.variance + self.slope * ((gains[self.tube] * true[self.angle]) - self.intensity)
        return 1 / np.maximum(expected, 0.25 * self.variance)

    def true(self, gains: Floats, weights: Floats) -> Floats:
        """The best intensity at each angle, F = sum w G I / sum w G^2."""
        g = gains[self.tube]
        return self.by_angle(weights * g * self.intensity) / self.by_angle(weights * g * g)

    def by_angle(self, values: Floats) -> Floats:
        """Sum over the tubes."""
        return np.asarray(np.bincount(self.angle, values, self.angles), dtype=np.float64)

    def by_tube(self, values: Floats) -> Floats:
        """Sum over the angles."""
        return np.asarray(np.bincount(self.tube, values, self.tubes), dtype=np.float64)


def refine_gains(tubes: Dataset, width: float) -> Gains:
    """Find the gains G of tubes that make intensities I at the same angle agree: I = G F.

    The model is that of Ford and Rollett, Acta Cryst. B24 (1968) 293, for scales between films: the sum of
    w (I - G F)^2 over all observations is least, where F = sum w G I / sum w G^2 is the best value at an
    angle. They change one gain at a time; here all are changed at once, by Gauss and Newton with the matrix
    that is left when each F is eliminated,

        N_pq = delta_pq sum_h w F_h^2 - sum_h w_ph w_qh G_p G_q F_h^2 / sum_p w_ph G_p^2,

    whose inverse under the condition that the average gain is 1 is the covariance of the gains. The weights
    are inverse variances as the model expects them: Poisson variances of the counts themselves would favour
    those that are low by chance.

    Parameters
    ----------
    tubes
        (point, x) with variances and an axis `two_theta`; masked elements take no part.
    width
        Angles within it are taken as the same, deg; less than a step of the scan.

    Returns
    -------
    Gains
        Their errors are treated as independent of the data in what is divided by them.

    Raises
    ------
    GumtreeError
        NO_ERRORS; NO_OVERLAP where not all tubes are connected by angles that two of them have measured;
        NOT_CONVERGED.
    """
    observed, used, spare = _observations(tubes, width)
    gains = np.ones(observed.tubes)
    for _ in range(CYCLES):
        weights = observed.weights(gains, _level(observed, gains))
        step = _solve(observed, gains, weights) @ _gradient(observed, gains, weights)
        step = np.clip(step, -0.5 * gains, gains)
        gains = gains + step
        gains = gains / gains.mean()
        if np.abs(step).max() < CONVERGED:
            break
    else:
        raise GumtreeError(
            "NOT_CONVERGED",
            f"The gains of {tubes.name} still change by {np.abs(step).max():.2g} after {CYCLES} cycles; "
            "tubes that see almost nothing have to be masked.",
        )
    weights = observed.weights(gains, _level(observed, gains))
    residual = observed.intensity - gains[observed.tube] * observed.true(gains, weights)[observed.angle]
    freedom = len(residual) - observed.angles - observed.tubes + 1
    covariance = np.zeros((len(spare), len(spare)))
    covariance[np.ix_(used, used)] = _solve(observed, gains, weights)
    values = np.zeros(len(spare))
    values[used] = gains
    result = correlated(values, covariance, "x").replace(title="gains")
    if spare.any():
        result = result.with_masks(no_data=Dataset(spare, dims=("x",)))
    return Gains(result, float(weights @ np.square(residual)), freedom)


def _level(observed: _Observations, gains: Floats) -> Floats:
    """Intensity at each angle with equal weights, from which the variances are expected."""
    g = gains[observed.tube]
    return observed.by_angle(observed.intensity) / observed.by_angle(g)


def _gradient(observed: _Observations, gains: Floats, weights: Floats) -> Floats:
    true = observed.true(gains, weights)[observed.angle]
    return observed.by_tube(weights * true * (observed.intensity - gains[observed.tube] * true))


def _solve(observed: _Observations, gains: Floats, weights: Floats) -> Floats:
    """Inverse of N under the condition that the sum of all changes is 0: the covariance."""
    from scipy import sparse

    true = observed.true(gains, weights)
    g = gains[observed.tube]
    diagonal = np.diag(observed.by_tube(weights * np.square(true[observed.angle])))
    shape = (observed.tubes, observed.angles)
    cross = sparse.csr_array(
        sparse.coo_array((weights * g * true[observed.angle], (observed.tube, observed.angle)), shape=shape)
    )
    eliminated = sparse.diags_array(1 / observed.by_angle(weights * g * g))
    normal = diagonal - (cross @ eliminated @ cross.T).toarray()
    bordered = np.ones((observed.tubes + 1, observed.tubes + 1))
    bordered[-1, -1] = 0.0
    scale = np.trace(normal) / observed.tubes  # of one size with the border
    bordered[:-1, :-1] = normal / scale
    inverse = np.linalg.inv(bordered)[:-1, :-1] / scale
    return np.asarray((inverse + inverse.T) / 2)


def _observations(tubes: Dataset, width: float) -> tuple[_Observations, NDArray[np.intp], NDArray[np.bool_]]:
    if tubes.variances is None:
        raise GumtreeError("NO_ERRORS", f"{tubes.name} has no errors; gains are refined by weights.")
    angles = np.broadcast_to(two_theta(tubes).values, tubes.shape)
    good = np.isfinite(tubes.values) & (tubes.variances > 0) & np.isfinite(angles)
    if tubes.mask is not None:
        good &= ~tubes.mask
    index = np.broadcast_to(np.arange(tubes.sizes["x"]), tubes.shape)[good]
    angle, intensity, variance = angles[good], tubes.values[good], tubes.variances[good]
    order = np.argsort(angle, kind="stable")
    starts = cluster_starts(angle[order], width)
    cell = np.empty(angle.size, dtype=np.intp)
    cell[order] = np.repeat(np.arange(starts.size), np.diff([*starts, angle.size]))
    # An angle says something about gains where it has two tubes, and is above 0.
    pairs = np.unique(np.column_stack([cell, index]), axis=0)
    several = np.bincount(pairs[:, 0], minlength=starts.size) > 1
    bright = np.bincount(cell, intensity, starts.size) > 0
    kept = (several & bright)[cell]
    spare = np.ones(tubes.sizes["x"], dtype=bool)
    spare[np.unique(index)] = False
    used = np.flatnonzero(~spare)
    tube = np.searchsorted(used, index[kept])
    _, renumbered = np.unique(cell[kept], return_inverse=True)
    count = int(renumbered.max(initial=-1)) + 1
    _check_connected(tubes, tube, renumbered, used, count, width)
    line = np.polyfit(intensity, variance, 1) if np.ptp(intensity) > 0 else (1.0, 0.0)
    found = _Observations(
        intensity[kept], variance[kept], max(float(line[0]), 0.0), tube, renumbered, len(used), count
    )
    return found, used, spare


def _check_connected(
    tubes: Dataset,
    tube: NDArray[np.intp],
    cell: NDArray[np.intp],
    used: NDArray[np.intp],
    cells: int,
    width: float,
) -> None:
    from scipy import sparse

    nodes = len(used) + cells
    graph = sparse.coo_array((np.ones(len(tube)), (tube, len(used) + cell)), shape=(nodes, nodes))
    groups, label = sparse.csgraph.connected_components(graph, directed=False)
    if groups > 1 or not len(used):
        apart = used[label[: len(used)] != np.bincount(label[: len(used)]).argmax()] if len(used) else used
        raise GumtreeError(
            "NO_OVERLAP",
            f"{len(apart)} of the {len(used)} tubes of {tubes.name} ({', '.join(map(str, apart[:5]))}, ...)"
            f" have no angle in common with the others within {width:g} deg, so that their gains are not "
            "known. Scan further than the distance of two tubes, or do without gains.",
        )
