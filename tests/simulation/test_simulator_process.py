"""gumtree-simulator: the simulated hardware as a process that can be killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from gumtree_core.devices.controllers import connect
from gumtree_core.devices.protocols import AxisStatus, Controller, Gate, PresetMode
from gumtree_core.errors import GumtreeError
from gumtree_core.simulation.clock import ManualClock
from gumtree_core.simulation.state import StateFile
from gumtree_core.simulation.world import World

SIMULATOR = [sys.executable, "-m", "gumtree_core.simulation"]
Start = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def begin(*options: str, port: str = "0") -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [*SIMULATOR, "--port", port, "--state", str(tmp_path / "simulator.json"), *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on 127.0.0.1:")
        return process, line.strip().rpartition(":")[2]

    yield begin
    for process in running:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def refused(*options: str) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(
        [*SIMULATOR, *options],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1, "one message and no traceback"
    return ended


def arrive(controller: Controller, name: str) -> AxisStatus:
    while (status := controller.axis(name).status()).moving:
        pass
    return status


def test_sigterm_ends_it_cleanly(start):
    process, port = start()
    controller = connect(f"tcp://127.0.0.1:{port}")
    controller.describe()
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
    controller.close()


def test_a_killed_simulator_has_its_positions_again(start):
    process, port = start("--speed", "50")
    controller = connect(f"tcp://127.0.0.1:{port}")
    axis = controller.axis("sample_x")
    axis.move(123.0)
    arrive(controller, "sample_x")
    axis.define_position(1000.0)
    axis.configure(velocity=7.0, acceleration=9.0)
    process.kill()
    process.wait()
    with pytest.raises(GumtreeError) as lost:
        axis.status()
    assert lost.value.reason == "HARDWARE_UNREACHABLE"
    start(port=port)
    assert axis.status() == AxisStatus(1000.0, False)
    described = controller.describe().axes["sample_x"]
    assert (described.velocity, described.high) == (7.0, 1000.0 - 123.0 + 320.0)
    controller.close()


def test_a_motor_killed_on_its_way_is_where_it_was_last_recorded(start, tmp_path):
    process, port = start()
    controller = connect(f"tcp://127.0.0.1:{port}")
    axis = controller.axis("sample_x")
    axis.move(300.0)
    while (before := axis.status().position) < 5.0:
        pass
    process.kill()
    process.wait()
    recorded = json.loads((tmp_path / "simulator.json").read_text())["axes"]["sample_x"]["place"]
    start(port=port)
    status = axis.status()
    assert not status.moving
    assert status.position == recorded
    assert before - 25.0 < recorded < before + 25.0
    controller.close()


def test_counts_that_were_lost_are_not_taken_for_counts(start):
    process, port = start()
    controller = connect(f"tcp://127.0.0.1:{port}")
    counter, detector = controller.counter("monitor"), controller.detector("main")
    detector.start(Gate.EXTERNAL, 0)
    counter.start(PresetMode.TIME, 100.0)
    numbers = counter.status().number, detector.status().number
    process.kill()
    process.wait()
    start(port=port)
    for now, before in zip((counter.status(), detector.status()), numbers, strict=True):
        assert not now.counting
        assert now.number > before
        assert (now.counts, now.time) == (0, 0.0)
    counter.start(PresetMode.TIME, 0.1)
    assert counter.status().number > numbers[0] + 1
    controller.close()


def test_the_same_seed_gives_the_same_counts_in_any_process(start, tmp_path):
    images = []
    for seed in ("5", "5", "6"):
        process, port = start("--seed", seed, "--speed", "100")
        controller = connect(f"tcp://127.0.0.1:{port}")
        detector = controller.detector("main")
        controller.axis("sample_x").move(200.0)
        arrive(controller, "sample_x")
        detector.start(Gate.INTERNAL, 3.0)
        while detector.status().counting:
            pass
        images.append(detector.image()[1])
        controller.close()
        process.kill()
        process.wait()
        (tmp_path / "simulator.json").unlink()
    assert images[0].sum() > 1000
    assert np.array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])


def test_a_state_file_that_cannot_be_read_is_one_clear_message(tmp_path):
    file = tmp_path / "simulator.json"
    file.write_text('{"schema": 1, "axes": {')
    assert str(file) in refused("--state", str(file)).stderr
    assert file.read_text() == '{"schema": 1, "axes": {'


@pytest.mark.parametrize(
    "content", ["", "[]", '{"schema": 1}', '{"schema": 9}', '{"schema": 1, "axes": {"sample_x": 1}}']
)
def test_a_state_that_makes_no_sense_is_refused_and_kept(tmp_path, content):
    file = tmp_path / "simulator.json"
    file.write_text(content)
    with pytest.raises(GumtreeError, match=r"simulator\.json") as invalid:
        StateFile(file).load()
    assert invalid.value.reason == "STATE_FILE_INVALID"
    assert file.read_text() == content


def test_a_state_is_read_as_it_was_written_and_only_changes_are_written(tmp_path):
    world = World(1, ManualClock())
    world.axis("sample_x").define_position(12.5)
    file = tmp_path / "new" / "simulator.json"
    kept = StateFile(file)
    assert kept.load() is None
    kept.save(world.memory())
    assert StateFile(file).load() == world.memory()
    file.write_text("changed by somebody")
    kept.save(world.memory())
    assert file.read_text() == "changed by somebody"


def test_a_port_that_is_taken_is_one_clear_message(start):
    _, port = start()
    assert f"127.0.0.1:{port}" in refused("--port", port).stderr
