"""The SANS scripts on NG3's files in GumtreeReduction, as a Tango client drives them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tango
from tango import DevState
from tango.test_context import MultiDeviceTestContext

from gumtree_core.files.nexus.nxcansas import read_nxcansas
from gumtree_core.paths import config_directory
from servers.reduction import GumtreeReduction

DEVICE = "test/reduction/sans"
AT_REST = (DevState.ON, DevState.ALARM)


@pytest.fixture
def device(tmp_path, reference, wait_until) -> Iterator[tango.DeviceProxy]:
    properties = {
        "ScriptDirectory": str(config_directory() / "scripts"),
        "RawDirectory": str(reference / "nist_ng3"),
        "DataDirectory": str(tmp_path),
    }
    servers = [{"class": GumtreeReduction, "devices": [{"name": DEVICE, "properties": properties}]}]
    with MultiDeviceTestContext(servers, process=True) as context:
        device = context.get_device(DEVICE)
        wait_until(lambda: device.state() in AT_REST, explain=device.status)
        yield device


@pytest.fixture
def run(device, wait_until) -> Callable[..., Path]:
    """Set the parameters of a script, start its action, and give the file that it saved."""

    def start(script: str, action: str, **parameters: object) -> Path:
        device.script = script
        wait_until(lambda: device.state() in AT_REST, explain=device.status)
        for name, value in parameters.items():
            device.write_attribute(name, value)
        device.command_inout(action)
        wait_until(lambda: device.state() in AT_REST, 60, explain=device.status)
        assert device.state() == DevState.ON, device.status()
        return Path(device.output_file)

    return start


def test_ng3_is_reduced_and_merged(device, run):
    def silica(number: int) -> str:
        return f"SILIC{number:03d}.SA3_SRK_S1{number:02d}"

    shared = {
        "cell_beam": silica(5), "sample_beam": silica(6), "sensitivity_file": "PLEX_2NOV2007_NG3.DIV",
        "mask_file": "DEFAULT.MASK", "bins": 60,
    }  # fmt: skip
    far = run(
        "sans", "Reduce", **shared, sample=silica(10), empty_cell=silica(8), blocked_beam=silica(7),
        direct_beam=silica(2), shadow_radius=32.0, q_min=0.01, q_max=0.1,
    )  # fmt: skip
    transmission = float(device.transmission)
    near = run(
        "sans", "Reduce", **shared, sample=silica(9), empty_cell=silica(3), blocked_beam=silica(4),
        direct_beam=silica(1), open_beam=silica(2), shadow_radius=45.0, q_min=0.04, q_max=0.4,
    )  # fmt: skip
    merged = run("sans_merge", "Merge", curves=[str(far), str(near)])

    assert transmission == pytest.approx(0.7245, abs=1e-3)
    curve = read_nxcansas(merged)
    assert curve.unit == "1/cm"
    assert device.iq == pytest.approx(curve.values)
    assert device.iq_errors == pytest.approx(curve.errors)
    assert device.iq_q == pytest.approx(curve.axes["q"].values)
    assert device.scales == pytest.approx([1.0, 1.0], abs=0.03)
    assert (np.diff(device.iq_q) >= 0).all()
