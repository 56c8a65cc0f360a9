"""How long the data model takes to be there, each time in a new process."""

from __future__ import annotations

import subprocess
import sys
from statistics import median

from measure import case

TIMES = 5
IMPORT = "import gumtree_core.data"
FIRST = """
import time
import numpy as np
from gumtree_core.data import Dataset
small, large = (Dataset(np.ones(n), np.ones(n)) for n in (10, 200_000))
import numba
began = time.perf_counter()
for ds in (small, large):
    assert (ds / (ds + 1.0)).variances is not None
    assert ds.sum().variances is not None
print(time.perf_counter() - began)
"""


def seconds(code: str) -> float:
    """Median of what a program prints, or of what it takes if it prints nothing."""
    timed = f"import time; began = time.perf_counter()\n{code}\nprint(time.perf_counter() - began)"
    found = []
    for _ in range(TIMES + 1):
        done = subprocess.run(
            [sys.executable, "-c", timed], check=True, capture_output=True, text=True, timeout=120
        )
        found.append(float(done.stdout.split()[0]))
    return median(found[1:])


def main() -> None:
    """Print the times."""
    numpy, scipp = (seconds(f"import {name}") for name in ("numpy", "scipp"))
    ours = seconds(IMPORT)
    case("import gumtree_core.data", ours, peer=scipp, limit=numpy, goal="under 0.6 s", holds=ours < 0.6)
    first = seconds(FIRST)  # from the cache; Numba is imported already
    case("first use of the kernels", first, goal="under 0.5 s", holds=first < 0.5)


if __name__ == "__main__":
    main()
