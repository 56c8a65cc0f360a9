"""The page on adding a facility: its mapping reads its file."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from gumtree_core.files.dictionaries.steps import STEPS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "add_a_facility.md"


def test_the_worked_example_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mapping = re.search(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert mapping is not None
    (tmp_path / "nowhere.yaml").write_text(mapping[1], encoding="utf-8")
    monkeypatch.setenv("GUMTREE_DICTIONARIES", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    outcome = doctest.testfile(str(PAGE), module_relative=False)

    assert outcome.attempted > 12
    assert outcome.failed == 0


def test_every_step_is_explained() -> None:
    steps = PAGE.read_text(encoding="utf-8").partition("**Steps**")[2].partition("\n\n")[0]

    assert [name for name in STEPS if f"`{name}" not in steps] == []
