"""The example in docs/scripts.md works as it stands."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gumtree_core.data import poisson, scalar
from gumtree_core.files import Run
from gumtree_core.scripts import load_script

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scripts.md"


@pytest.fixture
def script(tmp_path) -> Path:
    (example,) = [
        each for each in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S) if "class" in each
    ]
    path = tmp_path / "rings.py"
    path.write_text(example)
    return path


def run(counts: int) -> Run:
    return Run(
        {
            "detector/counts": poisson(np.full((20, 20), counts), 0, dims=("y", "x")),
            "detector/time": scalar(10.0, unit="s"),
            "detector/distance": scalar(1000.0, unit="mm"),
            "detector/pixel_size_x": scalar(5.0, unit="mm"),
            "detector/pixel_size_y": scalar(5.0, unit="mm"),
            "detector/beam_center_x": scalar(9.5, unit="pixel"),
            "detector/beam_center_y": scalar(9.5, unit="pixel"),
            "monitor/counts": poisson(np.array(500), 0),
            "instrument/wavelength": scalar(5.0, unit="angstrom"),
        }
    )


def test_the_example_averages(script, tmp_path):
    said = []
    work = load_script(script)(sample=run(40), background=run(10), bins=5, q_max=0.05)
    work.host(tmp_path, lambda fraction, text: said.append(text))
    work.average()

    assert work.rings.values == pytest.approx(np.full(5, 3.0))
    assert work.rings.unit == "counts/s"
    assert float(work.total.values) == pytest.approx(1200)
    assert float(work.total.errors) == pytest.approx(np.sqrt(400 * 50) / 10)
    assert [path.name for path in work.saved] == ["rings.h5"]
    assert "Averaging" in said


def test_the_example_is_declared_as_the_page_says(script):
    rings = load_script(script)
    interface = rings.interface()

    assert (interface.title, interface.metadata["version"]) == ("Average a run over rings of q.", "1.0")
    assert [each.name for each in interface.parameters if each.required] == ["sample"]
    assert (rings.live_parameter(), rings.live_action()) == ("sample", "average")


def test_the_example_is_a_good_example(script):
    ruff = Path(sys.executable).parent / "ruff"
    subprocess.run([ruff, "check", "--config", PAGE.parents[1] / "pyproject.toml", script], check=True)


def test_what_the_page_offers_can_be_imported():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `.")]
    for row in rows:
        _, modules, names, *_ = row.split("|")
        offered: dict[str, object] = {}
        for module in re.findall(r"`(\.[a-z_.]+)`", modules):
            offered = offered | vars(importlib.import_module(f"gumtree_core.reduction{module}"))
        for name in re.findall(r"`([a-z_]+)", names):
            assert name in offered, (modules, name)
    assert len(rows) > 5
