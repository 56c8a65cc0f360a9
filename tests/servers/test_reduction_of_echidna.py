"""GumtreeReduction runs the script `powder` on a real scan of Echidna."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from tango import DevState
from tango.test_context import DeviceTestContext

from gumtree_core.files import load
from gumtree_core.paths import config_directory
from servers.reduction import GumtreeReduction

AT_REST = (DevState.ON, DevState.ALARM)


@pytest.fixture
def echidna() -> Path:
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("GUMTREE_REFERENCE_DATA", beside)) / "ansto_echidna"
    if not folder.is_dir():
        pytest.skip(f"no reference data: set GUMTREE_REFERENCE_DATA ({folder} is not there)")
    return folder


def test_a_scan_becomes_a_pattern_and_a_file(echidna, tmp_path, wait_until):
    properties = {
        "ScriptDirectory": str(config_directory() / "scripts"),
        "RawDirectory": str(echidna),
        "DataDirectory": str(tmp_path),
    }
    with DeviceTestContext(GumtreeReduction, properties=properties, process=True) as device:
        device.script = "powder"
        wait_until(lambda: device.state() in AT_REST, explain=device.status)
        device.sample = "ECH0000648.nx.hdf"
        device.efficiency = str(echidna / "Echidna_efficiencies_Aug2010.txt")
        device.vertical_offsets = str(echidna / "echidna_vertical_offsets.txt")
        device.angular_offsets = str(echidna / "echidna.ang")
        device.width = 0.1
        device.Reduce()
        wait_until(lambda: device.state() in AT_REST, 60, explain=device.status)

        assert device.state() == DevState.ON, device.status()
        saved = load(device.output_file).data("reduced/pattern")
        off = (np.asarray(device.pattern) - saved.values) / saved.errors
        assert np.abs(off).max() < 0.06  # the file has as many digits as the error is worth
        assert np.asarray(device.pattern_errors) == pytest.approx(saved.errors, rel=0.06)
        assert device.pattern_two_theta[0] == pytest.approx(5.8, abs=0.1)
        assert device.pattern.size > 1500
