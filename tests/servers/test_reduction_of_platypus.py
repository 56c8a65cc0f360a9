"""GumtreeReduction runs the script `reflectometry` on real files of Platypus."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from tango import DevState
from tango.test_context import DeviceTestContext

from gumtree_core.files import load
from gumtree_core.files.formats.orso import CURVE
from gumtree_core.scripts.loading import shipped_scripts
from servers.reduction import GumtreeReduction

AT_REST = (DevState.ON, DevState.ALARM)


@pytest.fixture
def platypus() -> Path:
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("GUMTREE_REFERENCE_DATA", beside)) / "ansto_platypus"
    if not folder.is_dir():
        pytest.skip(f"no reference data: set GUMTREE_REFERENCE_DATA ({folder} is not there)")
    return folder


def test_three_angles_become_one_curve_and_a_file(platypus, tmp_path, wait_until):
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    shutil.copy(shipped_scripts() / "reflectometry.py", scripts)
    properties = {
        "ScriptDirectory": str(scripts),
        "RawDirectory": str(platypus),
        "DataDirectory": str(tmp_path),
    }
    with DeviceTestContext(GumtreeReduction, properties=properties, process=True) as device:
        device.script = "reflectometry"
        wait_until(lambda: device.state() in AT_REST, explain=device.status)
        device.reflected = [f"PLP0000{number}.nx.hdf" for number in (708, 709, 710)]
        device.direct = ["PLP0000711.nx.hdf"]
        device.critical_q = 0.0095
        device.Reduce()
        wait_until(lambda: device.state() in AT_REST, explain=device.status)

        assert device.state() == DevState.ON, device.status()
        assert device.theta == pytest.approx([0.499, 1.976, 6.468], abs=2e-3)
        assert len(device.r) == len(device.r_errors) == len(device.r_q)
        saved = load(device.output_file)
        assert np.asarray(device.r) == pytest.approx(saved.data(CURVE).values)
