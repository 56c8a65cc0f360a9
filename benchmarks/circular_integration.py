"""Circular integration of counts with variances to I(q): this project, pyFAI without splitting, and scipp.

Each call begins with the counts of a new frame and ends with I(q) and its variances; plan, matrix and edges
are made once. scipp sums only, and its frame is there beforehand as float64 with variances.
"""

from __future__ import annotations

import warnings

import numpy as np
import scipp as sc
from measure import case, interleaved

from gumtree_core.data import poisson
from gumtree_core.reduction.detector.geometry import Geometry
from gumtree_core.reduction.integration import q_bins, rings

SIDES = {192: 100, 1024: 1000, 2048: 1000, 4096: 1000}
"""Pixels of a side, and bins."""
WAVELENGTH = 6.0


def pyfai(detector: Geometry, counts: np.ndarray, bins: int):
    """PyFAI's integrator of the same detector, with a matrix made once (CSR), in Poisson's errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyFAI.detectors import Detector
        from pyFAI.integrator.azimuthal import AzimuthalIntegrator

    pixel = detector.pixel_size_x * 1e-3
    integrator = AzimuthalIntegrator(
        dist=detector.distance * 1e-3,
        poni1=(detector.center_y + 0.5) * pixel,
        poni2=(detector.center_x + 0.5) * pixel,
        detector=Detector(pixel, pixel, max_shape=detector.shape),
        wavelength=WAVELENGTH * 1e-10,
    )

    def integrate() -> object:
        return integrator.integrate1d_ng(
            counts, bins, unit="q_A^-1", method=("no", "csr", "cython"), error_model="poisson",
            correctSolidAngle=False,
        )  # fmt: skip

    return integrate


def main() -> None:
    """Print the comparison."""
    for side, bins in SIDES.items():
        detector = Geometry((side, side), 4000.0, 500 / side, 500 / side, 0.51 * side, 0.48 * side)
        q = detector.q(WAVELENGTH)
        counts = np.random.default_rng(1).poisson(5, (side, side)).astype(np.int32)
        variances = counts.astype(np.float64)
        axis = q_bins(0.0, float(q.max()) * 1.0001, bins)
        plan = rings(q, axis)
        theirs = sc.DataArray(
            sc.array(dims=["y", "x"], values=variances, variances=variances, unit="counts"),
            coords={"q": sc.array(dims=["y", "x"], values=q, unit="1/angstrom")},
        )
        edges = sc.array(dims=["q"], values=axis.values, unit="1/angstrom")

        def gumtree(plan=plan, counts=counts) -> None:
            curve = plan.average(poisson(counts, 0, dims=("y", "x")))
            assert curve.values is not None
            assert curve.variances is not None

        print(f"\n{side} x {side} pixels to {bins} bins")
        found = interleaved(
            {
                "gumtree": gumtree,
                "pyFAI": pyfai(detector, counts, bins),
                "scipp": lambda theirs=theirs, edges=edges: theirs.hist(q=edges),
                "read": lambda counts=counts, variances=variances: (counts.max(), variances.max()),
            },
            rounds=5,
        )
        for peer in ("pyFAI", "scipp"):
            case(
                f"circular integration {side} x {side}, {peer}",
                found["gumtree"],
                peer=found[peer],
                limit=found["read"],
                goal=f"10 times as fast as {peer}",
                holds=found["gumtree"] * 10 <= found[peer],
            )


if __name__ == "__main__":
    main()
