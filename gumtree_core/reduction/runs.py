"""Runs that are given for different things have to be different measurements."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np

from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run

COUNTS = "detector/counts"


def check_different(runs: Iterable[tuple[str, Run | None]], key: str = COUNTS) -> None:
    """Refuse a measurement that is given twice: its difference is 0 ± 0, its mean too sure of itself.

    Two points of one file are two measurements.

    Parameters
    ----------
    runs
        For what each is given, and the run.
    key
        What was measured.

    Raises
    ------
    GumtreeError
        RUN_TWICE.
    """
    given = [(role, run) for role, run in runs if run is not None]
    for (role, run), (other_role, other) in combinations(given, 2):
        if any(_same(one, two, key) for one in run.parts or (run,) for two in other.parts or (other,)):
            raise GumtreeError(
                "RUN_TWICE",
                f"{run.name} is given as {role} and as {other_role}; choose another run for one of them.",
            )


def _same(run: Run, other: Run, key: str) -> bool:
    if run is other:
        return True
    if run.path is None or other.path is None or run.entry != other.entry:
        return False
    if run.path.resolve() != other.path.resolve() or key not in run or key not in other:
        return False
    return np.array_equal(run.data(key).values, other.data(key).values)
