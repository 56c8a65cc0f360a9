"""The examples of docs/integration.md work as they stand."""

from __future__ import annotations

import doctest
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "integration.md"


def test_the_python_examples_are_true(reference, tmp_path, monkeypatch):
    for name in ("SILIC010.SA3_SRK_S110", "DEFAULT.MASK"):
        (tmp_path / name).symlink_to(reference / "nist_ng3" / name)
    monkeypatch.chdir(tmp_path)

    outcome = doctest.testfile(str(PAGE), module_relative=False)

    assert outcome.attempted > 20
    assert outcome.failed == 0
