"""GumtreeReduction runs the script `region`: its parameters and results are attributes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from tango import DevState
from tango.test_context import DeviceTestContext

from gumtree_core.scripts.loading import shipped_scripts
from servers.reduction import GumtreeReduction

AT_REST = (DevState.ON, DevState.ALARM)


@pytest.fixture
def ng3() -> Path:
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("GUMTREE_REFERENCE_DATA", beside)) / "nist_ng3"
    if not folder.is_dir():
        pytest.skip(f"no reference data: set GUMTREE_REFERENCE_DATA ({folder} is not there)")
    return folder


def test_the_direct_beam_of_ng3(ng3, tmp_path, wait_until):
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    shutil.copy(shipped_scripts() / "region.py", scripts)
    properties = {"ScriptDirectory": str(scripts), "RawDirectory": str(ng3), "DataDirectory": str(tmp_path)}
    with DeviceTestContext(GumtreeReduction, properties=properties, process=True) as device:
        device.script = "region"
        wait_until(lambda: device.state() in AT_REST, explain=device.status)
        device.run = "SILIC005.SA3_SRK_S105"
        device.shape = "polygon"
        device.polygon_x = [57.0, 77.0, 77.0, 57.0]
        device.polygon_y = [54.0, 54.0, 74.0, 74.0]
        device.Evaluate()
        wait_until(lambda: device.state() in AT_REST, explain=device.status)

        assert device.state() == DevState.ON, device.status()
        assert device.center_x == pytest.approx(67.155, abs=0.01)
        assert device.peak_center == pytest.approx(67.15, abs=0.01)
        assert len(device.curve) == len(device.best) == len(device.curve_position)
        assert np.asarray(device.image).shape == (128, 128)

        device.peak = "none"
        device.Evaluate()
        wait_until(lambda: device.state() in AT_REST, explain=device.status)
        assert device.state() == DevState.ON, device.status()
