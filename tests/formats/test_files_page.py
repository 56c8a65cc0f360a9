"""The examples of docs/files.md work as they stand."""

from __future__ import annotations

import doctest
import shutil
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "files.md"


def test_the_python_examples_are_true(reference_run, tmp_path, monkeypatch):
    shutil.copy(reference_run.path, tmp_path)
    monkeypatch.chdir(tmp_path)

    outcome = doctest.testfile(str(PAGE), module_relative=False)

    assert outcome.attempted > 8
    assert outcome.failed == 0
