"""The examples of docs/corrections.md and docs/region.md are true."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize(("page", "at_least"), [("corrections.md", 30), ("region.md", 10)])
def test_the_examples_of_the_page_are_true(page, at_least):
    outcome = doctest.testfile(str(DOCS / page), module_relative=False)

    assert outcome.attempted >= at_least
    assert outcome.failed == 0
