"""A first run says that it compiles, once; later ones have the cache and say nothing."""

import os
import subprocess
import sys

from gumtree_core.data.expressions.compiling import SENTENCE

PROGRAM = """
from gumtree_core.data import Dataset
from gumtree_core.data.expressions import compiling

compiling.tell(print)
print((Dataset([1.0, 2.0], "poisson") + Dataset([3.0, 4.0], "poisson")).values.tolist())
print((Dataset([1.0, 2.0], "poisson") * 2.0).variances.tolist())
"""


def lines(cache: str) -> list[str]:
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    assert not run.stderr
    return run.stdout.splitlines()


def test_the_first_run_says_once_that_it_compiles_and_the_next_is_silent(tmp_path):
    results = ["[4.0, 6.0]", "[4.0, 8.0]"]
    assert lines(str(tmp_path)) == [SENTENCE, *results]
    assert lines(str(tmp_path)) == results
