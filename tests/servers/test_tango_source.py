"""A live Tango system, loaded like a file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tango
from tango.server import Device, attribute
from tango.test_context import DeviceTestContext

from gumtree_core.errors import GumtreeError
from gumtree_core.files import load

MAPPING = """\
title: A live system
entry: /
recognise: {has: [test/live/1/distance]}
keys:
  detector/counts: {path: test/live/1/image, dims: [y, x]}
  detector/distance: test/live/1/distance
  sample/name: test/live/1/sample
  motor/*: {path: test/live/1/<name>, ndim: 0}
  detector/pixel_size_x: test/live/1/nothing
"""
PORT = r"(?:port=|127\.0\.0\.1:)(\d+)"
PROPERTIES = ["detector/counts={device}/image", "detector/distance={device}/distance", "instrument/name=Test"]


class Source(Device):
    """Attributes of the kinds that keys are read from."""

    @attribute(dtype=float, unit="m")
    def distance(self) -> float:
        return 4.2

    @attribute(dtype=str)
    def sample(self) -> str:
        return "Glassy carbon"

    @attribute(dtype=((np.uint32,),), max_dim_x=10, max_dim_y=10)
    def image(self) -> np.ndarray:
        return np.arange(6, dtype="uint32").reshape(2, 3)


@pytest.fixture(scope="module")
def device() -> Iterator[str]:
    context = DeviceTestContext(Source, device_name="test/live/1", process=True)
    with context:
        yield context.get_device_access()


@pytest.fixture(scope="module")
def database(
    tmp_path_factory: pytest.TempPathFactory, device: str, wait_until: Callable[..., None]
) -> Iterator[str]:
    """A database in which a reduction device has logical keys."""
    folder = tmp_path_factory.mktemp("database")
    log = folder / "log"
    command = [
        str(Path(sys.executable).parent / "PyDatabaseds"),
        *("--host", "127.0.0.1", "--port", "0", "--print-host-port", "2"),
    ]
    environment = {**os.environ, "PYTANGO_DATABASE_NAME": str(folder / "tango.db")}
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=environment, stderr=output, stdout=output) as it,
    ):
        try:
            wait_until(lambda: re.search(PORT, log.read_text()))
            (port,) = re.findall(PORT, log.read_text())[:1]
            system = tango.Database("127.0.0.1", int(port))
            for name in ("test/reduction/1", "test/reduction/2"):
                info = tango.DbDevInfo()
                info.name, info._class, info.server = name, "GumtreeReduction", "GumtreeReduction/test"
                system.add_device(info)
                running = tango.DbDevExportInfo()
                running.name, running.ior, running.host, running.version, running.pid = name, "x", "h", "6", 1
                system.export_device(running)
            lines = [line.format(device=device) for line in PROPERTIES]
            system.put_device_property("test/reduction/2", {"LogicalKeys": lines})
            yield f"tango://127.0.0.1:{port}"
        finally:
            it.terminate()


@pytest.fixture
def mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "live.yaml").write_text(MAPPING)
    monkeypatch.setenv("GUMTREE_DICTIONARIES", str(tmp_path))


def test_a_mapping_reads_devices_as_groups_and_attributes_as_items(device, mapped):
    run = load(device)

    assert (run.format, run["sample/name"]) == ("live", "Glassy carbon")
    assert (run.data("detector/distance").values, run.data("detector/distance").unit) == (4200, "mm")
    np.testing.assert_array_equal(run.data("detector/counts").variances, [[0, 1, 2], [3, 4, 5]])
    assert (run.data("motor/distance").values, run.data("motor/distance").unit) == (4.2, "m")
    assert "detector/pixel_size_x" not in run
    assert "motor/image" not in run


def test_two_readings_of_a_live_system_are_two_measurements(device, mapped):
    difference = load(device).data("detector/counts") - load(device).data("detector/counts")

    np.testing.assert_array_equal(difference.variances, [[0, 2, 4], [6, 8, 10]])


@pytest.mark.parametrize("which", ["", "/test/reduction/2"])
def test_the_keys_of_the_instruments_file_are_found_in_the_database(database, which):
    run = load(database + which)

    assert list(run) == ["detector/counts", "detector/distance", "instrument/name"]
    assert run.data("detector/distance").values == 4200


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("{database}/test/reduction/1", "NO_LOGICAL_KEYS"),
        ("{device}", "NO_LOGICAL_KEYS"),
        ("tango:nonsense", "BAD_ADDRESS"),
        ("tango://127.0.0.1:1", "DATABASE_UNREACHABLE"),
        ("epics://here", "NO_SUCH_READER"),
    ],
)
def test_an_address_without_data_is_told(database, device, address, reason):
    with pytest.raises(GumtreeError) as caught:
        load(address.format(database=database, device=device))
    assert caught.value.reason == reason
