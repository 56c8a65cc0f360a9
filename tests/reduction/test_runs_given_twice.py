"""One measurement cannot be two things."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gumtree_core.data import poisson
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.reduction.runs import check_different


def run(counts: list[int], name: str = "a.nxs", entry: str = "") -> Run:
    values = {"detector/counts": poisson(np.array(counts), 0, dims=("point",))}
    return Run(values, path=Path(name) if name else None, entry=entry)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (run([1, 2]), run([1, 2], "b.nxs")),
        (run([1, 2]), run([1, 2], entry="entry2")),
        (run([1, 2], ""), run([1, 2], "")),
        (run([1, 2]).point(0), run([1, 2]).point(1)),
        (run([1, 2]), None),
    ],
    ids=["of two files", "of two entries", "of no file", "of two points", "left out"],
)
def test_different_measurements_are_taken(one, other):
    check_different([("sample", one), ("empty cell", other)])


@pytest.mark.parametrize("other", ["a.nxs", "./a.nxs", "folder/../a.nxs"])
def test_the_same_file_is_refused_whatever_its_path_looks_like(other):
    with pytest.raises(GumtreeError, match=r"a\.nxs is given as sample and as empty cell") as caught:
        check_different([("sample", run([1, 2])), ("empty cell", run([1, 2], other))])

    assert caught.value.reason == "RUN_TWICE"


def test_the_same_run_of_no_file_is_refused():
    twice = run([1, 2], "")

    with pytest.raises(GumtreeError, match="given as"):
        check_different([("sample", twice), ("background", twice)])
