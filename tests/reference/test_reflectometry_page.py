"""The examples of docs/reflectometry.md work as they stand."""

from __future__ import annotations

import doctest
import re
import shlex
import sys
from pathlib import Path

import pytest

from gumtree_core.commands import main
from gumtree_core.files import load
from gumtree_core.files.formats.orso import CURVE

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reflectometry.md"


@pytest.fixture
def in_data(reference, tmp_path, monkeypatch) -> Path:
    for file in (reference / "ansto_platypus").glob("*.nx.hdf"):
        (tmp_path / file.name).symlink_to(file)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_python_examples_are_true(in_data):
    outcome = doctest.testfile(str(PAGE), module_relative=False)

    assert outcome.attempted > 12
    assert outcome.failed == 0


def test_the_command_does_what_the_page_says(in_data, monkeypatch):
    (command,) = re.findall(r"```\n(gumtree .*?)```", PAGE.read_text(), re.S)
    monkeypatch.setattr(sys, "argv", shlex.split(command.replace("\\\n", " ")))
    with pytest.raises(SystemExit) as ended:
        main()

    assert not ended.value.code
    assert load("silicon.ort").data(CURVE).size == 207
