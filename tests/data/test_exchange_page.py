import doctest
from pathlib import Path

import matplotlib
from matplotlib import pyplot

PAGE = Path(__file__).resolve().parents[2] / "docs" / "exchange.md"


def test_the_examples_of_the_page_on_exchange_are_true():
    matplotlib.use("Agg")
    outcome = doctest.testfile(str(PAGE), module_relative=False)
    pyplot.close("all")

    assert outcome.attempted > 25
    assert outcome.failed == 0
