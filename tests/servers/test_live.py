"""Logical keys from a live instrument."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
import tango
from tango.server import Device, attribute
from tango.test_context import DeviceTestContext

from gumtree_core.errors import GumtreeError
from servers import live
from servers.live import LiveKeys, live_run


class Source(Device):
    """Attributes of the kinds that keys are read from."""

    @attribute(dtype=float, unit="m")
    def distance(self) -> float:
        return 4.2

    @attribute(dtype=float, unit="plates")
    def plates(self) -> float:
        return 1.02

    @attribute(dtype=float, unit="plates")
    def between(self) -> float:
        return 0.5

    @attribute(dtype=str)
    def sample(self) -> str:
        return "Glassy carbon"

    @attribute(dtype=float)
    def unset(self) -> tuple[float, float, tango.AttrQuality]:
        return 0.0, time.time(), tango.AttrQuality.ATTR_INVALID

    @attribute(dtype=float)
    def beam_center_x(self) -> tuple[float, float, tango.AttrQuality]:
        return 0.0, time.time(), tango.AttrQuality.ATTR_INVALID

    @attribute(dtype=float)
    def broken(self) -> float:
        tango.Except.throw_exception("BROKEN", "no light", "here")

    @attribute(dtype=((np.uint32,),), max_dim_x=10, max_dim_y=10)
    def image(self) -> np.ndarray:
        return np.arange(6, dtype="uint32").reshape(2, 3)


@pytest.fixture(scope="module")
def device() -> Iterator[str]:
    context = DeviceTestContext(Source, device_name="test/live/1", process=True)
    with context:
        yield context.get_device_access()


def test_an_attribute_is_a_dataset_in_the_unit_of_its_key(device):
    run = live_run([f"detector/distance={device}/distance", f"detector/counts={device}/image"])
    distance, counts = run.data("detector/distance"), run.data("detector/counts")
    assert (distance.values, distance.unit) == (pytest.approx(4200), "mm")
    assert (counts.dims, counts.unit) == (("y", "x"), "counts")
    np.testing.assert_array_equal(counts.variances, [[0, 1, 2], [3, 4, 5]])


def test_a_text_key_takes_text_from_an_attribute_or_from_the_line(device):
    run = live_run([f"sample/name={device}/sample", "instrument/name=Test SANS 1"])
    assert dict(run) == {"sample/name": "Glassy carbon", "instrument/name": "Test SANS 1"}


@pytest.mark.parametrize(
    ("line", "value", "unit"),
    [
        ("instrument/source_aperture=4 cm", 40, "mm"),
        ("instrument/source_aperture=40", 40, "mm"),
        ("instrument/wavelength_spread=0.1", 0.1, ""),
        ("instrument/wavelength = 0.6 nm", 6, "angstrom"),
        ("detector/dead_time=300 ns", 3e-7, "s"),
    ],
)
def test_a_number_on_the_line_may_have_any_unit_that_fits(line, value, unit):
    (dataset,) = LiveKeys([line]).read().values()
    assert (dataset.values, dataset.unit) == (pytest.approx(value), unit)


def test_a_table_tells_what_a_position_means(device):
    table = "{0: 1, 1: 0.1, 2: 0.01}"
    assert (
        live_run([f"instrument/attenuation={device}/plates {table}"])["instrument/attenuation"].values == 0.1
    )
    names = "{0: empty cell, 1: glassy carbon}"
    assert live_run([f"sample/name={device}/plates {names}"])["sample/name"] == "glassy carbon"


def test_a_position_between_two_entries_of_a_table_means_nothing(device):
    with pytest.raises(GumtreeError, match=r"0\.5.*knows only 0, 1") as caught:
        live_run([f"instrument/attenuation={device}/between {{0: 1, 1: 0.1}}"])
    assert caught.value.reason == "NOT_IN_TABLE"


@pytest.mark.parametrize(
    ("name", "reason"), [("unset", "NO_VALUE"), ("broken", "BROKEN"), ("nothing", "API_AttrNotFound")]
)
def test_what_cannot_be_read_is_told_and_left_out_and_the_rest_is_read(device, name, reason):
    problems: list[GumtreeError] = []
    keys = LiveKeys([f"sample/thickness={device}/{name}", f"detector/distance={device}/distance"])
    assert list(keys.read(problems.append)) == ["detector/distance"]
    assert [problem.reason for problem in problems] == [reason]
    assert "sample/thickness" in problems[0].message
    with pytest.raises(GumtreeError):
        keys.read()


def test_a_device_that_is_not_there_is_asked_once_in_a_while(device, monkeypatch):
    asked: list[str] = []

    connect = tango.DeviceProxy

    def proxy(name: str) -> tango.DeviceProxy:
        asked.append(name)
        return connect(name)

    gone = device.replace("live/1", "live/2")
    keys = LiveKeys([f"sample/thickness={gone}/distance", f"detector/distance={device}/distance"])
    monkeypatch.setattr(live.tango, "DeviceProxy", proxy)
    problems: list[GumtreeError] = []
    for _ in range(3):
        assert list(keys.read(problems.append)) == ["detector/distance"]
    assert len(problems) == 3
    assert asked.count(gone) == 1
    monkeypatch.setattr(live, "RETRY", 0.0)
    keys.read(problems.append)
    assert asked.count(gone) == 2


def test_a_line_counts_more_than_what_the_detector_says_and_the_last_line_most(device):
    keys = LiveKeys(
        ["detector/time=1 s", "detector/pixel_size_x=5 mm", "detector/pixel_size_x=6 mm"], detector=device
    )
    problems: list[GumtreeError] = []
    values = keys.read(problems.append)
    assert values["detector/pixel_size_x"].values == 6
    assert values["detector/time"].values == 1
    assert values["detector/counts"].shape == (2, 3)
    assert "detector/beam_center_x" not in values
    assert {problem.reason for problem in problems} == {"API_AttrNotFound"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("detector/distance", "BAD_KEY_LINE"),
        ("detector/distance=", "BAD_KEY_LINE"),
        ("detector/colour=1", "UNKNOWN_KEY"),
        ("detector/distance=4 s", "BAD_UNIT"),
        ("detector/distance=far", "BAD_QUANTITY"),
        ("instrument/attenuation=a/b/c/d {0 1}", "BAD_KEY_LINE"),
        ("instrument/attenuation=a/b/c/d {zero: 1}", "BAD_KEY_LINE"),
    ],
)
def test_a_line_that_cannot_be_understood_is_refused_before_anything_is_read(line, reason):
    with pytest.raises(GumtreeError) as caught:
        LiveKeys([line])
    assert caught.value.reason == reason
