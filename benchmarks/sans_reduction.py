"""A frame of 192 x 192 counts to I(q): dark, cell, sensitivity, solid angle, transmission at each angle.

What does not change from frame to frame is prepared once: the plan of the rings, and the factor and
background of each pixel with their errors. Each frame gives I(q) with exact errors, its covariance if that is
asked for, or errors by the field's usual approximation that all operands are independent.

The script `sans` does more with a frame (dead time, checks, resolution, what has been done in words), and its
exact errors know that the blocked beam stands behind five direct beams, too.
"""

from __future__ import annotations

from itertools import cycle

import numpy as np
import scipp as sc
from measure import case, interleaved

from gumtree_core.data import Dataset, errors, poisson, scalar
from gumtree_core.reduction.corrections.transmission import at_angle
from gumtree_core.reduction.detector.geometry import Geometry
from gumtree_core.reduction.integration import q_bins, rings
from gumtree_core.scripts import load_script
from gumtree_core.simulation.runs import SimulatedRuns

GOALS = {"exact": 0.5e-3, "independent": 0.25e-3}
DETECTOR = Geometry((192, 192), 4000.0, 5.0, 5.0, 97.3, 92.8)
SECONDS, DARK_SECONDS = 600.0, 1800.0


def main() -> None:
    """Print the comparison."""
    rng = np.random.default_rng(1)
    shape = DETECTOR.shape
    counts = rng.poisson(60, shape).astype(np.int32)
    dark_counts, cell_counts = rng.poisson(2, shape), rng.poisson(8, shape)
    seen = rng.normal(1.0, 0.03, shape)
    q = DETECTOR.q(6.0)
    plan = rings(q, q_bins(0.005, 0.11, 100))

    def prepared() -> tuple[Dataset, Dataset]:
        dark = poisson(dark_counts, 0, dims=("y", "x")) / DARK_SECONDS
        sensitivity = Dataset(seen, np.full(shape, 2.5e-4), dims=("y", "x"))  # as of a file
        even = 1 / (sensitivity * Dataset(DETECTOR.relative_solid_angle, dims=("y", "x")))
        scale = scalar(0.1, 0.001)
        factor = even / at_angle(scalar(0.7, 0.01), DETECTOR.cosine) / scale
        cell = (poisson(cell_counts, 0, dims=("y", "x")) / SECONDS - dark) / scalar(0.9, 0.01)
        background = dark * factor + cell * even / scale
        for part in (factor, background):
            assert part.values is not None
            assert part.uncertainty is not None
        return factor, background

    def reduce(factor: Dataset, background: Dataset) -> Dataset:
        frame = poisson(counts, 0, dims=("y", "x"))
        rate = frame / SECONDS
        return plan.average(rate * factor - background)

    found = {}
    for mode in GOALS:
        with errors(mode):
            constant = prepared()

        def gumtree(mode=mode, constant=constant) -> None:
            with errors(mode):
                curve = reduce(*constant)
                assert curve.values is not None
                assert curve.variances is not None

        found[mode] = gumtree
        if mode == "exact":
            exactly = constant

    def covariance() -> None:
        reduce(*exactly).covariance()

    edges = sc.array(dims=["q"], values=plan.axes[0].values, unit="1/angstrom")
    with errors("independent"):
        factor, background = prepared()
    theirs = [
        sc.array(dims=["y", "x"], values=part.values, variances=np.ascontiguousarray(part.variances))
        for part in (factor, background)
    ]
    coordinate = {"q": sc.array(dims=["y", "x"], values=q, unit="1/angstrom")}
    ones = sc.DataArray(sc.ones(dims=["y", "x"], shape=shape), coords=coordinate).hist(q=edges)

    def scipp() -> object:
        values = counts.astype(np.float64)
        rate = sc.array(dims=["y", "x"], values=values, variances=values) / SECONDS
        return sc.DataArray(rate * theirs[0] - theirs[1], coords=coordinate).hist(q=edges) / ones.data

    seconds = interleaved({**found, "covariance": covariance, "scipp": scipp, "read": lambda: counts.sum()})
    for mode, goal in GOALS.items():
        case(
            f"SANS reduction 192 x 192, {mode} errors",
            seconds[mode],
            peer=seconds["scipp"],
            limit=seconds["read"],
            goal=f"at most {1e3 * goal:g} ms a frame",
            holds=seconds[mode] <= goal,
        )
    more = seconds["covariance"] - seconds["exact"]
    case("the covariance of I(q) besides", more, goal="at most 0.25 ms", holds=more <= 0.25e-3)
    whole_script()


def whole_script() -> None:
    """Time the script with all of its runs, as it follows a measurement."""
    sans, simulation = load_script("sans"), SimulatedRuns(1)
    runs = simulation.runs("spheres")
    frames = cycle([simulation.run("spheres", seconds) for seconds in (60.0, 120.0, 180.0)])
    contenders = {}
    for mode in GOALS:
        reduction = sans(**runs, shadow_radius=45.0, error_rule=mode)

        def reduce(reduction=reduction) -> None:
            reduction.sample = next(frames)
            reduction.reduce()
            assert reduction.iq.variances is not None

        contenders[mode] = reduce
    seconds = interleaved(contenders)
    for mode, goal in {"exact": 50e-3, "independent": 5e-3}.items():
        case(
            f"the script sans with 8 runs, {mode} errors",
            seconds[mode],
            goal=f"at most {1e3 * goal:g} ms a frame",
            holds=seconds[mode] <= goal,
        )


if __name__ == "__main__":
    main()
