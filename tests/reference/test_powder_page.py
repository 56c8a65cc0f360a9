"""The examples of docs/powder.md work as they stand, on the real scan of Echidna."""

from __future__ import annotations

import doctest
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from gumtree_core.commands import main
from gumtree_core.files import load
from gumtree_core.reduction.powder.calibration import read_vertical_offsets
from gumtree_core.reduction.powder.tubes import centers_of_edges, vertically_shifted

PAGE = Path(__file__).resolve().parents[2] / "docs" / "powder.md"


@pytest.fixture
def in_data(reference, tmp_path, monkeypatch) -> Path:
    for file in (reference / "ansto_echidna").iterdir():
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
    assert {file.suffix for file in in_data.glob("ECH0000648.*")} == {".hdf", ".cif", ".xye", ".fxye", ".dat"}
    pattern = load("ECH0000648.cif").data("reduced/pattern")
    xye = np.loadtxt("ECH0000648.xye", comments=["#", "/", "'"])
    assert (
        np.abs(pattern.values - xye[:, 1]) < 0.06 * xye[:, 2]
    ).all()  # as many digits as the error is worth
    assert pattern.errors == pytest.approx(xye[:, 2], rel=0.06)


def test_tubes_are_aligned_by_the_vertical_offsets_and_not_by_their_opposite(in_data):
    counts = load("ECH0000648.nx.hdf").data("detector/counts")
    offsets = read_vertical_offsets("echidna_vertical_offsets.txt")

    spread = {
        name: np.std(centers_of_edges(vertically_shifted(counts, shift)))
        for name, shift in (("aligned", offsets), ("opposite", -offsets))
    }

    assert spread["aligned"] == pytest.approx(1.13, abs=0.05)
    assert np.std(centers_of_edges(counts)) == pytest.approx(2.35, abs=0.05)
    assert spread["opposite"] > 4
