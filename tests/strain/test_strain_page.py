"""The examples of docs/strain.md work as they stand."""

from __future__ import annotations

import doctest
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from gumtree_core.commands import main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "strain.md"


def test_the_python_examples_are_true():
    outcome = doctest.testfile(str(PAGE), module_relative=False)

    assert outcome.attempted > 15
    assert outcome.failed == 0


def test_the_command_does_what_the_page_says(kowari, tmp_path, monkeypatch):
    known = 1e-3 * np.sin(np.arange(8))
    kowari("KWR0000001.nx.hdf", known, 1, sx=5.0 * np.arange(8))
    kowari("KWR0000002.nx.hdf", np.zeros(4), 2)
    (command,) = re.findall(r"```\n(gumtree .*?)```", PAGE.read_text(), re.S)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", shlex.split(command.replace("\\\n", " ")))
    with pytest.raises(SystemExit) as ended:
        main()

    assert not ended.value.code
    rows = np.loadtxt("KWR0000001_strain.dat")
    assert np.abs((rows[:, 1] - known) / rows[:, 2]).max() < 4.5
