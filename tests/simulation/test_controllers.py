"""Connections by URI: a world in this process, or a controller on the link."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from gumtree_core.devices.controllers import connect
from gumtree_core.devices.protocols import (
    AreaDetector,
    Axis,
    Controller,
    CounterChannel,
    Gate,
    PresetMode,
)
from gumtree_core.errors import GumtreeError
from gumtree_core.simulation.client import LinkController
from gumtree_core.simulation.clock import ManualClock
from gumtree_core.simulation.link import CALLS, LinkServer
from gumtree_core.simulation.world import World


class Served:
    """A world on the link, with its clock in our hands."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.world = World(1, self.clock)
        self.changes = 0
        self.server = LinkServer(("127.0.0.1", 0), self.world, self._changed)
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()
        self.uri = f"tcp://127.0.0.1:{self.server.port}"
        self.controller = connect(self.uri)

    def _changed(self) -> None:
        self.changes += 1

    def close(self) -> None:
        self.controller.close()  # type: ignore[attr-defined]
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served()
    yield served
    served.close()


def raw(served: Served, *lines: bytes) -> list[dict]:
    with socket.create_connection(("127.0.0.1", served.server.port), 5) as connection:
        connection.sendall(b"".join(lines))
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answers:
            return [json.loads(line) for line in answers]


def test_a_simulation_in_this_process_is_shared_by_all_who_name_it_alike():
    first = connect("simulated:sans?seed=11&speed=1000")
    assert connect("simulated:sans?seed=11&speed=1000") is first
    assert connect("simulated:sans?seed=12&speed=1000") is not first


@pytest.mark.parametrize(
    ("uri", "help"),
    [
        ("serial:/dev/ttyS0", "known kinds are tcp, simulated"),
        ("", "known kinds are tcp, simulated"),
        ("tcp://127.0.0.1", "tcp://HOST:PORT"),
        ("tcp://127.0.0.1:99999", "up to 65535"),
        ("simulated:reactor", "the simulated instruments are sans"),
        ("simulated:sans?sped=10", "its options are seed and speed"),
        ("simulated:sans?seed=one", "seed is a whole number"),
        ("simulated:sans?speed=0", "positive speed"),
        ("simulated:sans?seed=-1", "0 or more"),
    ],
)
def test_a_uri_that_means_nothing_is_refused_with_what_is_possible(uri, help):
    with pytest.raises(GumtreeError, match=help):
        connect(uri)


def test_the_link_offers_what_the_protocols_ask_for(served):
    controller = served.controller
    assert isinstance(controller, Controller)
    assert isinstance(controller.axis("sample_x"), Axis)
    assert isinstance(controller.counter("monitor"), CounterChannel)
    assert isinstance(controller.detector("main"), AreaDetector)
    assert controller.detector("main").shape == (192, 192)
    assert controller.describe() == served.world.describe()


def test_an_axis_on_the_link_does_all_that_it_does_in_this_process(served):
    axis = served.controller.axis("wavelength")
    axis.configure(velocity=1.0, acceleration=2.0)
    axis.move(8.0)
    assert axis.status().moving
    served.clock.advance(1.0)
    axis.stop()
    served.clock.advance(5.0)
    assert axis.status() == served.world.axis("wavelength").status()
    assert 5 < axis.status().position < 8
    axis.move(5.0)
    served.clock.advance(0.5)
    axis.abort()
    assert not axis.status().moving
    axis.define_position(6.0)
    assert axis.status().position == 6.0
    assert served.controller.describe().axes["wavelength"].velocity == 1.0


def test_counts_and_images_cross_the_link_unchanged(served):
    counter, detector = served.controller.counter("monitor"), served.controller.detector("main")
    detector.start(Gate.EXTERNAL, 0)
    counter.start(PresetMode.MONITOR, 20_000)
    served.clock.advance(5.0)
    status, image = detector.image()
    there, expected = served.world.main.image()
    assert (status, counter.status()) == (there, served.world.electronics.status())
    assert counter.status().counts == 20_000
    assert image.dtype == np.uint32
    assert np.array_equal(image, expected)
    image[0, 0] += 1  # it is ours
    detector.start(Gate.INTERNAL, 3.0)
    detector.stop()
    counter.stop()
    assert detector.status().number == 2
    assert served.changes == 5, "each command is kept, and no reading"


def test_refusals_cross_the_link_with_their_reason(served):
    controller = served.controller
    for reason, wrong in (
        ("UNKNOWN_AXIS", lambda: controller.axis("sample_z")),
        ("UNKNOWN_COUNTER", lambda: controller.counter("sample_x")),
        ("UNKNOWN_DETECTOR", lambda: controller.detector("wing")),
        ("PRESET_OUT_OF_RANGE", lambda: controller.counter("monitor").start(PresetMode.TIME, 0.0)),
        ("POSITION_OUT_OF_RANGE", lambda: controller.axis("sample_x").move(float("nan"))),
    ):
        with pytest.raises(GumtreeError) as refused:
            wrong()
        assert refused.value.reason == reason


def test_requests_that_make_no_sense_are_answered_and_the_connection_goes_on(served):
    answers = raw(
        served,
        b"hello\n",
        b"[1]\n",
        b'{"call": "axis.explode", "name": "sample_x"}\n',
        b'{"call": ["axis.move"], "name": "sample_x"}\n',
        b'{"call": "axis.move", "name": "sample_x"}\n',
        b'{"call": "axis.move", "name": "sample_x", "arguments": {"target": "far"}}\n',
        b'{"call": "axis.move", "name": "sample_x", "arguments": {"target": true}}\n',
        b'{"call": "axis.move", "name": ["sample_x"], "arguments": {"target": 1}}\n',
        b'{"call": "counter.start", "name": "monitor", "arguments": {"mode": 7, "preset": 1}}\n',
        b'{"call": "axis.move", "name": "sample_x", "arguments": {"target": 1' + b"0" * 400 + b"}}\n",
        b"\xff\xfe\n",
        b"[" * 20_000 + b"\n",
        b'{"call": "axis.status", "name": "sample_x"}\n',
    )
    assert [answer["error"]["reason"] for answer in answers[:7]] == ["BAD_REQUEST"] * 7
    assert all("error" in answer for answer in answers[:-1])
    assert answers[-1]["result"]["position"] == 0.0
    assert not served.world.axis("sample_x").status().moving


def test_a_request_without_end_is_cut_off(served):
    (answer,) = raw(served, b"x" * 70_000)
    assert answer["error"]["reason"] == "BAD_REQUEST"


def test_hardware_that_is_not_there_is_named_and_found_again_when_it_is_back(served):
    axis = served.controller.axis("sample_x")
    port = served.server.port
    served.close()
    with pytest.raises(GumtreeError, match=f":{port}") as lost:
        axis.status()
    assert lost.value.reason == "HARDWARE_UNREACHABLE"
    server = LinkServer(("127.0.0.1", port), served.world, lambda: None)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        assert axis.status().position == 0.0
    finally:
        served.controller.close()
        server.shutdown()
        server.server_close()
        thread.join()


def test_hardware_that_does_not_answer_is_given_up_soon():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        controller = LinkController("127.0.0.1", silent.getsockname()[1], timeout=0.1)
        with pytest.raises(GumtreeError, match=r"no answer within 0\.1 s") as lost:
            controller.describe()
        assert lost.value.reason == "HARDWARE_UNREACHABLE"


@pytest.mark.parametrize("answer", [b"220 ready\n", b"[]\n", b'{"hello": 1}\n', b"null\n"])
def test_something_else_at_the_address_is_not_taken_for_the_hardware(answer):
    with socket.create_server(("127.0.0.1", 0)) as stranger:

        def reply() -> None:
            connection, _ = stranger.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=reply)
        thread.start()
        controller = LinkController("127.0.0.1", stranger.getsockname()[1])
        with pytest.raises(GumtreeError) as lost:
            controller.axis("sample_x")
        thread.join()
        assert lost.value.reason == "HARDWARE_UNREACHABLE"


def test_many_clients_at_once_get_their_own_answers(served):
    wrong = []

    def ask(name: str) -> None:
        controller = connect(served.uri)
        axis = controller.axis(name)
        expected = served.world.axis(name).status()
        wrong.extend(1 for _ in range(100) if axis.status() != expected)
        controller.close()  # type: ignore[attr-defined]

    threads = [threading.Thread(target=ask, args=(name,)) for name in served.world.axes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_documented_calls_are_those_that_are_served():
    assert {call.partition(".")[0] for call in CALLS} == {"controller", "axis", "counter", "detector"}
