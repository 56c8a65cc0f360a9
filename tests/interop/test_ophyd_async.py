"""Bluesky scans our motor and counter through ophyd-async, which knows nothing of our classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated as A
from typing import Any

import pytest
import tango
from tango import DevState

pytest.importorskip("ophyd_async.tango.core", reason="needs the extra 'interop'")

import bluesky.plan_stubs as bps
import bluesky.plans as bp
from bluesky.protocols import Triggerable
from bluesky.run_engine import RunEngine
from bluesky.utils import FailedStatus
from ophyd_async.core import (
    AsyncStatus,
    MovableLogic,
    SignalR,
    SignalRW,
    StandardMovable,
    StandardReadable,
    TimeoutCalculator,
    TriggerableCommand,
    init_devices,
    wait_for_value,
)
from ophyd_async.core import StandardReadableFormat as Format
from ophyd_async.tango.core import DevStateEnum, TangoDevice, TangoPolling


@dataclass
class MoveUntilOn(MovableLogic[float]):
    """As ophyd-async's own demonstration motor: write the setpoint, wait for the state ON."""

    state: SignalR[DevStateEnum]
    stop_command: TriggerableCommand

    async def stop(self) -> None:
        await self.stop_command.trigger()

    async def calculate_timeout(self, old_position: float, new_position: float) -> float:
        return 20.0

    async def move(self, new_position: float, timeout: TimeoutCalculator) -> None:
        await self.setpoint.set(new_position, timeout=timeout())
        await wait_for_value(self.state, DevStateEnum.ON, timeout=timeout())


class Motor(TangoDevice, StandardReadable, StandardMovable[float]):
    position: A[SignalRW[float], TangoPolling(0.02, 0.001, 0.001), Format.HINTED_SIGNAL]
    velocity: A[SignalRW[float], TangoPolling(0.1, 0.001, 0.001), Format.CONFIG_SIGNAL]
    State: A[SignalR[DevStateEnum], TangoPolling(0.02)]
    Stop: TriggerableCommand

    @cached_property
    def movable_logic(self) -> MovableLogic[float]:
        return MoveUntilOn(
            readback=self.position, setpoint=self.position, state=self.State, stop_command=self.Stop
        )


class Counter(TangoDevice, StandardReadable, Triggerable):
    preset: A[SignalRW[float], TangoPolling(0.1, 0.1, 0.1), Format.CONFIG_SIGNAL]
    counts: A[SignalR[int], TangoPolling(0.1, 1, 0.1), Format.HINTED_UNCACHED_SIGNAL]
    State: A[SignalR[DevStateEnum], TangoPolling(0.02)]
    Start: TriggerableCommand

    @AsyncStatus.wrap
    async def trigger(self) -> None:
        await self.Start.trigger()
        await wait_for_value(self.State, DevStateEnum.ON, timeout=20)


@pytest.fixture(scope="module")
def run_engine() -> Iterator[RunEngine]:
    engine = RunEngine()
    yield engine
    engine.loop.call_soon_threadsafe(engine.loop.stop)
    engine._th.join()
    engine.loop.close()


def trl(proxy: tango.DeviceProxy) -> str:
    return f"tango://127.0.0.1:{proxy.get_dev_port()}/{proxy.dev_name()}#dbase=no"


@pytest.mark.parametrize("support_events", [True, False], ids=["events", "polling"])
def test_bluesky_scans_the_motor_with_the_counter(run_engine, motor, counter, support_events):
    with init_devices():
        x = Motor(trl(motor), support_events=support_events, name="x")
        monitor = Counter(trl(counter), support_events=support_events, name="monitor")
    documents: list[tuple[str, dict[str, Any]]] = []

    def scan() -> Any:
        yield from bps.abs_set(monitor.preset, 1.0, wait=True)
        yield from bp.scan([monitor], x, 0, 10, 3)

    run_engine(scan(), lambda name, document: documents.append((name, document)))
    points = [document["data"] for name, document in documents if name == "event"]
    assert [point["x"] for point in points] == pytest.approx([0, 5, 10], abs=1e-3)
    assert all(point["monitor-counts"] > 0 for point in points)
    assert points[-1]["monitor-counts"] == counter.counts
    keys = next(document["data_keys"] for name, document in documents if name == "descriptor")
    assert (keys["x"]["units"], keys["x"]["precision"]) == ("mm", 4)
    assert keys["x"]["limits"]["control"]["low"] == -20
    assert documents[-1][1]["exit_status"] == "success"


@pytest.mark.parametrize("support_events", [True, False], ids=["events", "polling"])
def test_a_plain_tango_device_finds_all_members(run_engine, motor, counter, detector, support_events):
    for proxy in (motor, counter, detector):
        with init_devices():
            device = TangoDevice(trl(proxy), support_events=support_events, name="device")
        members = {*proxy.get_attribute_list(), *proxy.get_command_list()}
        assert {name for name, _ in device.children()} == members


def test_a_point_beyond_the_limits_fails_the_plan_and_moves_nothing(run_engine, motor):
    with init_devices():
        x = Motor(trl(motor), support_events=True, name="x")
    before = motor.position
    with pytest.raises(FailedStatus):
        run_engine(bps.mv(x, 1e4))
    assert motor.position == before
    assert motor.state() == DevState.ON
