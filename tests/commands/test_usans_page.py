"""The examples of docs/usans.md work as they stand, and then the command on the files that they have made."""

from __future__ import annotations

import doctest
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from gumtree_core.commands import main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "usans.md"


def test_the_examples_and_the_command_of_the_page_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = doctest.testfile(str(PAGE), module_relative=False)

    assert outcome.attempted > 15
    assert outcome.failed == 0

    (command,) = re.findall(r"```\n(gumtree .*?)```", PAGE.read_text(), re.S)
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert np.loadtxt("spheres.dat").shape[1] == 6
