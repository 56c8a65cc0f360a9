import doctest
from pathlib import Path

import matplotlib
import pytest
from matplotlib import pyplot

from gumtree_core.data import units

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize(
    ("page", "at_least"), [("data.md", 20), ("coming_from_gumpy.md", 30), ("tutorial_data.md", 30)]
)
def test_the_examples_of_the_page_are_true(page, at_least, tmp_path, monkeypatch):
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    outcome = doctest.testfile(str(DOCS / page), module_relative=False)
    pyplot.close("all")

    assert outcome.attempted > at_least
    assert outcome.failed == 0


def test_the_examples_of_units_are_true():
    assert doctest.testmod(units) == (0, 1)
