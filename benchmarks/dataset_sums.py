"""Sums with errors along each axis: this project, scipp, and NumPy on values and variances."""

from __future__ import annotations

import numpy as np
import scipp as sc
from measure import case, interleaved

from gumtree_core.data import Dataset

SHAPES = {("x", "y", "t"): (192, 192, 1000), ("y", "x"): (2048, 2048)}


def main() -> None:
    """Print the comparison."""
    for dims, shape in SHAPES.items():
        values = np.random.default_rng(1).uniform(10, 20, shape)
        variances = values.copy()
        ours = Dataset(values, variances, dims=dims, unit="counts")
        theirs = sc.DataArray(sc.array(dims=list(dims), values=values, variances=variances, unit="counts"))
        print(f"\n{' x '.join(map(str, shape))}")
        read = interleaved({"read": lambda values=values: values.reshape(-1).max()}, rounds=3)["read"]
        print(f"reading values and variances once: {2e3 * read:.3g} ms")
        for axis, dim in enumerate(dims):

            def gumtree(dim: str = dim, ours: Dataset = ours) -> None:
                result = ours.sum(dim)
                assert result.values is not None
                assert result.variances is not None

            found = interleaved(
                {
                    "gumtree": gumtree,
                    "scipp": lambda dim=dim, theirs=theirs: theirs.sum(dim),
                    "numpy": lambda axis=axis, v=values, w=variances: (v.sum(axis), w.sum(axis)),
                },
                rounds=5,
            )
            size = " x ".join(map(str, shape))
            for peer in ("scipp", "numpy"):
                case(
                    f"sum of {size} along {dim}, {peer}",
                    found["gumtree"],
                    peer=found[peer],
                    limit=2 * read,
                    goal=f"as fast as {peer}",
                    holds=found["gumtree"] <= found[peer],
                )


if __name__ == "__main__":
    main()
