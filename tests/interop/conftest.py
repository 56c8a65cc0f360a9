"""Our servers in a process of their own, for clients that are not ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tango
from tango import DevState
from tango.test_context import MultiDeviceTestContext

from servers.counter import GumtreeCounter
from servers.detector import GumtreeDetector
from servers.motor import GumtreeMotor

CONTROLLER = "simulated:sans?speed=10"
MOTOR, COUNTER, DETECTOR = "test/motor/x", "test/counter/monitor", "test/detector/main"


@pytest.fixture(scope="module")
def servers(wait_until: Callable[..., None]) -> Iterator[MultiDeviceTestContext]:
    """A motor, a counter and a detector, ready."""

    def device(name: str, **properties: str) -> dict[str, Any]:
        return {"name": name, "properties": {"Controller": CONTROLLER, **properties}}

    devices = [
        {"class": GumtreeMotor, "devices": [device(MOTOR, Axis="sample_x")]},
        {"class": GumtreeCounter, "devices": [device(COUNTER, Channel="monitor")]},
        {"class": GumtreeDetector, "devices": [device(DETECTOR, Channel="main")]},
    ]
    with MultiDeviceTestContext(devices, process=True, host="127.0.0.1") as context:
        for name in (MOTOR, COUNTER, DETECTOR):
            proxy = context.get_device(name)
            wait_until(lambda proxy=proxy: proxy.state() != DevState.INIT)
        yield context


@pytest.fixture
def motor(servers: MultiDeviceTestContext) -> tango.DeviceProxy:
    return servers.get_device(MOTOR)


@pytest.fixture
def counter(servers: MultiDeviceTestContext) -> tango.DeviceProxy:
    return servers.get_device(COUNTER)


@pytest.fixture
def detector(servers: MultiDeviceTestContext) -> tango.DeviceProxy:
    return servers.get_device(DETECTOR)
