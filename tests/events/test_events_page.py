"""The examples of docs/events.md work as they stand."""

from __future__ import annotations

import doctest
import os
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "events.md"


def test_the_python_examples_are_true(tmp_path, monkeypatch):
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("GUMTREE_REFERENCE_DATA", beside)) / "ansto_platypus"
    if not folder.is_dir():
        pytest.skip(f"no reference data: set GUMTREE_REFERENCE_DATA ({folder} is not there)")
    stream = folder / "DAQ_2022-12-02T14-30-47"
    (tmp_path / "EOS.bin").symlink_to(stream / "DATASET_0" / "EOS.bin")
    (tmp_path / "CFG.xml").symlink_to(stream / "CFG.xml")
    monkeypatch.chdir(tmp_path)

    outcome = doctest.testfile(str(PAGE), module_relative=False)

    assert outcome.attempted > 18
    assert outcome.failed == 0
