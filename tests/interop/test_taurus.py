"""Taurus' own device panel, which knows nothing of our classes, opens each device."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("taurus") is None,
    reason="Taurus is not installed; it comes with the extra 'gui'",
)


@pytest.fixture(scope="module")
def opened(servers: Any) -> subprocess.CompletedProcess[str]:
    """The panels of motor, counter and detector, opened and closed again."""
    models = []
    for name in ("test/motor/x", "test/counter/monitor", "test/detector/main"):
        port = servers.get_device(name).get_dev_port()
        models.append(f"tango-nodb://127.0.0.1:{port}/{name}")
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("taurus_panel.py"), *models],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def panels(opened: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What the panels have shown."""
    return json.loads(opened.stdout)


def test_each_panel_shows_the_state_and_the_status(panels):
    assert panels.keys() == {"x", "monitor", "main"}
    for panel in panels.values():
        assert (panel["state"], panel["status"]) == ("ON", "Ready.")


def test_the_motor_s_panel_shows_labels_units_and_what_would_be_written(panels):
    lines = panels["x"]["lines"]
    assert lines["position"] == ["Sample changer", "0.0000", "mm", "0.0000"]
    assert lines["velocity"] == ["Velocity", "25.0000", "mm / s", "25.0000"]
    assert lines["acceleration"][2] == "mm / s ** 2"


def test_the_counter_s_panel_shows_its_preset_as_a_choice(panels):
    lines = panels["monitor"]["lines"]
    assert lines["preset_mode"] == ["Count until", "TIME", "", "TIME"]
    assert lines["preset"] == ["Preset", "1.000", "s", "1.000"]
    assert lines["counts"][:3] == ["Beam monitor", "0", "count"]


def test_the_detector_s_panel_offers_the_image(panels):
    lines = panels["main"]["lines"]
    assert lines["image"][:2] == ["Area detector", "Show"]
    assert lines["gate"] == ["Gate", "EXTERNAL", "", "EXTERNAL"]


def test_taurus_follows_all_by_events_and_polls_nothing(opened):
    assert "taurus" in opened.stderr.lower()  # it does tell what it does
    assert "Activating polling" not in opened.stderr
