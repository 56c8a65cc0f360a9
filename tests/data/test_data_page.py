import doctest
from pathlib import Path

from gumtree_core.data import units

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data.md"


def test_the_examples_of_the_page_on_data_are_true():
    outcome = doctest.testfile(str(PAGE), module_relative=False)

    assert outcome.attempted > 20
    assert outcome.failed == 0


def test_the_examples_of_units_are_true():
    assert doctest.testmod(units) == (0, 1)
