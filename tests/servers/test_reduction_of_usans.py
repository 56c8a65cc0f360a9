"""GumtreeReduction runs the script `usans` on the simulated rocking curves of docs/usans.md."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest
from tango import DevState
from tango.test_context import DeviceTestContext

from gumtree_core.paths import config_directory
from servers.reduction import GumtreeReduction

PAGE = Path(__file__).resolve().parents[2] / "docs" / "usans.md"
AT_REST = (DevState.ON, DevState.ALARM)


def test_rocking_curves_become_a_slit_smeared_curve(tmp_path, monkeypatch, wait_until):
    monkeypatch.chdir(tmp_path)
    assert doctest.testfile(str(PAGE), module_relative=False).failed == 0  # writes the two runs
    properties = {
        "ScriptDirectory": str(config_directory() / "scripts"),
        "RawDirectory": str(tmp_path),
        "DataDirectory": str(tmp_path / "reduced"),
    }
    with DeviceTestContext(GumtreeReduction, properties=properties, process=True) as device:
        device.script = "usans"
        wait_until(lambda: device.state() in AT_REST, explain=device.status)
        device.sample, device.empty, device.slit = "sample.h5", "empty.h5", 0.0586
        device.Reduce()
        wait_until(lambda: device.state() in AT_REST, 60, explain=device.status)

        assert device.state() == DevState.ON, device.status()
        saved = np.loadtxt(device.output_file, comments="#")
        found = np.asarray(device.iq)
        at = np.argmin(np.abs(saved[:, 0] - np.asarray(device.iq_q)[:, np.newaxis]), axis=1)
        known = np.isfinite(found)
        assert known.sum() > 20
        assert found[known] == pytest.approx(saved[at, 1][known], rel=1e-4)
        assert float(device.rocking_transmission) == pytest.approx(0.75, abs=0.02)
