"""Arithmetic with errors: this project, scipp, and copying the same bytes.

A time ends when values and variances are both there as arrays.
"""

from __future__ import annotations

import tracemalloc

import numpy as np
import scipp as sc
from measure import case, interleaved

from gumtree_core.data import Dataset, errors
from gumtree_core.data.expressions import buffers

SIZES = (1_000, 100_000, 10_000_000)


def done(result: Dataset) -> Dataset:
    """Have values and variances as arrays."""
    assert result.values is not None
    assert result.variances is not None
    return result


def operands(size: int, random: np.random.Generator) -> tuple[list[Dataset], list[sc.DataArray]]:
    """The same four sets of counts, with one axis, for both."""
    coordinate = np.arange(float(size))
    ours, theirs = [], []
    for _ in range(4):
        counts = random.uniform(10, 20, size)
        ours.append(Dataset(counts, counts.copy(), unit="counts", axes={"x": coordinate}))
        values = sc.array(dims=["x"], values=counts, variances=counts, unit="counts")
        theirs.append(sc.DataArray(values, coords={"x": sc.array(dims=["x"], values=coordinate)}))
    return ours, theirs


def main() -> None:
    """Print the comparison."""
    random = np.random.default_rng(1)
    for size in SIZES:
        (a, b, c, d), (p, q, r, t) = operands(size, random)
        scale = sc.scalar(2.0)
        source, target = np.ones(size), np.empty(size)
        copy = interleaved({"copy": lambda: np.copyto(target, source)})["copy"]
        print(f"\n{size} elements; copying one array: {copy * 1e6:.4g} us, {16e-9 * size / copy:.3g} GB/s")
        for name, ours, theirs in (
            ("a + b", lambda: done(a + b), lambda: p + q),
            ("a * b", lambda: done(a * b), lambda: p * q),
            ("a / b", lambda: done(a / b), lambda: p / q),
        ):
            found = interleaved({"gumtree": ours, "scipp": theirs})
            faster = found["scipp"] >= found["gumtree"]
            limit = 2 * copy  # values and variances
            case(
                f"{name}, {size:.0e}",
                found["gumtree"],
                peer=found["scipp"],
                limit=limit,
                goal="as fast as scipp",
                holds=faster,
            )

        def independent() -> Dataset:
            with errors("independent"):
                return done((a - b) / (c - d) * 2.0)

        found = interleaved(
            {
                "gumtree": lambda: done((a - b) / (c - d) * 2.0),
                "scipp": lambda: (p - q) / (r - t) * scale,
                "independent": independent,
            }
        )
        ours, peer, name = found["gumtree"], found["scipp"], f"(a - b) / (c - d) * s, {size:.0e}"
        limit = 5 * copy  # eight arrays are read, two written; a copy reads one and writes one
        goal = "3 times as fast as scipp" if size != SIZES[1] else "as fast as scipp"
        holds = peer / ours >= (3.0 if size != SIZES[1] else 1.0)
        case(name, ours, peer=peer, limit=limit, goal=goal, holds=holds)
        if size == SIZES[-1]:
            part = limit / ours
            case("part of the copy bandwidth", part, unit="", goal="at least 0.6", holds=part >= 0.6)
        cost = ours / found["independent"]
        case(f"cost of exact errors, {size:.0e}", cost, unit="", goal="at most 2.5", holds=cost <= 2.5)
    memory()


def memory() -> None:
    """Print how much an expression of n independent sources needs, in arrays of its size."""
    size = 1_000_000
    random = np.random.default_rng(2)
    sets = [Dataset(random.uniform(10, 20, size), "poisson", unit="counts") for _ in range(8)]
    done(sets[0] + sets[1])
    for n in (2, 4, 8):
        result = sets[0]  # and nothing of the round before
        buffers.release()
        tracemalloc.start()
        for other in sets[1:n]:
            result = result * other
        done(result)
        assert len(result.uncertainty.terms) == n
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        arrays = round(peak / (8 * size), 1)  # the blocks of the kernel are small
        case(
            f"memory of a product of {n} sources",
            arrays,
            unit="arrays",
            goal=f"at most {n + 2}",
            holds=arrays <= n + 2,
        )


if __name__ == "__main__":
    main()
