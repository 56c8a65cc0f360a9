"""A real run, which is not part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gumtree_core.files import Run, load


@pytest.fixture
def reference_run() -> Run:
    """Quokka's run, with what its file does not say."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("GUMTREE_REFERENCE_DATA", beside)) / "ansto_quokka"
    if not folder.is_dir():
        pytest.skip(f"no reference data: set GUMTREE_REFERENCE_DATA ({folder} is not there)")
    run = load(folder / "QKK0030729.nx.hdf")
    added = {
        "source/probe": "neutron",
        "source/type": "Reactor Neutron Source",
        "source/name": "OPAL",
        "run/title": "water",
    }
    return Run({**added, **run}, path=run.path, format=run.format)
