"""The examples of docs/sans.md work as they stand."""

from __future__ import annotations

import doctest
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from gumtree_core.commands import main
from gumtree_core.files.nexus.nxcansas import read_nxcansas

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sans.md"


@pytest.fixture
def in_data(reference, tmp_path, monkeypatch) -> Path:
    """A folder with the files of all institutes, as the present one."""
    for file in reference.rglob("*"):
        if file.is_file() and file.parent.name in ("nist_ng3", "ansto_quokka", "ornl_biosans"):
            (tmp_path / file.name).symlink_to(file)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_python_examples_are_true(in_data):
    outcome = doctest.testfile(str(PAGE), module_relative=False)

    assert outcome.attempted > 10
    assert outcome.failed == 0


def test_the_commands_do_what_the_page_says(in_data, monkeypatch, reference):
    blocks = re.findall(r"```\n(gumtree .*?)```", PAGE.read_text(), re.S)
    commands = [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]
    for command in commands:
        monkeypatch.setattr(sys, "argv", shlex.split(command))
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code, command

    assert len(commands) == 5
    silica = read_nxcansas(in_data / "silica.h5")
    assert silica.unit == "1/cm"
    assert silica.values[0] == pytest.approx(10.2, rel=0.05)
    assert read_nxcansas(in_data / "water.h5").unit == "counts/s"
    table = np.loadtxt(reference / "ornl_biosans" / "reduced_center_calculated.txt", skiprows=1)
    assert np.abs(read_nxcansas(in_data / "biosans.h5").values / table[:, 1] - 1).max() < 1e-6
