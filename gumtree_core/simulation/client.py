"""The simulated controller as its clients see it: the other end of the line protocol of `link`."""

from __future__ import annotations

import json
import socket
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gumtree_core.devices.protocols import (
    AxisDescription,
    AxisStatus,
    ControllerDescription,
    CounterDescription,
    CountStatus,
    DetectorDescription,
    Gate,
    PresetMode,
)
from gumtree_core.errors import GumtreeError

TIMEOUT = 2.0
"""Seconds in which the hardware must answer."""


class LinkController:
    """A `Controller` on a TCP connection that is made when it is needed, and made again when it was lost.

    A call whose connection turns out to be lost is sent once more on a new one: each call sets something to a
    given value or starts something from the beginning, so that sending it twice does what sending it once
    does.
    """

    def __init__(self, host: str, port: int, timeout: float = TIMEOUT) -> None:
        self._address = (host, port)
        self._timeout = timeout
        self._connection: _Connection | None = None
        self._lock = Lock()

    def axis(self, name: str) -> LinkAxis:
        """The axis of that name."""
        self.call("axis.status", name)
        return LinkAxis(self, name)

    def counter(self, name: str) -> LinkCounter:
        """The counting electronics of that name."""
        self.call("counter.status", name)
        return LinkCounter(self, name)

    def detector(self, name: str) -> LinkDetector:
        """The area detector of that name."""
        rows, columns = self.call("detector.shape", name)["result"]
        return LinkDetector(self, name, (rows, columns))

    def describe(self) -> ControllerDescription:
        """What there is, as it is now."""
        result = self.call("controller.describe")["result"]
        return ControllerDescription(
            axes={name: AxisDescription(**item) for name, item in result["axes"].items()},
            counters={name: CounterDescription(**item) for name, item in result["counters"].items()},
            detectors={name: DetectorDescription(**item) for name, item in result["detectors"].items()},
        )

    def close(self) -> None:
        """End the connection; the next call makes a new one."""
        with self._lock:
            self._drop()

    def call(self, call: str, name: str = "", **arguments: float) -> dict[str, Any]:
        """Send a call and return its answer, the bytes that follow it under `payload`.

        Raises
        ------
        GumtreeError
            What the controller refuses; HARDWARE_UNREACHABLE if it does not answer.
        """
        request = json.dumps({"call": call, "name": name, "arguments": arguments}).encode() + b"\n"
        with self._lock:
            try:
                answer = self._exchange(request)
            except (OSError, ValueError) as error:
                self._drop()
                host, port = self._address
                cause = (
                    f"no answer within {self._timeout:g} s" if isinstance(error, TimeoutError) else str(error)
                )
                raise GumtreeError(
                    "HARDWARE_UNREACHABLE",
                    f"The controller at {host}:{port} cannot be reached ({cause}); start it, or correct the "
                    "address.",
                ) from error
        if "error" in answer:
            raise GumtreeError(answer["error"]["reason"], answer["error"]["message"])
        return answer

    def _exchange(self, request: bytes) -> dict[str, Any]:
        if self._connection is not None:
            try:
                return self._connection.exchange(request)
            except ConnectionError:
                self._drop()
        self._connection = _Connection(self._address, self._timeout)
        return self._connection.exchange(request)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Connection:
    def __init__(self, address: tuple[str, int], timeout: float) -> None:
        self._socket = socket.create_connection(address, timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")

    def exchange(self, request: bytes) -> dict[str, Any]:
        self._socket.sendall(request)
        line = self._answers.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError("it closed the connection")
        answer: dict[str, Any] = json.loads(line)
        if not isinstance(answer, dict) or not answer.keys() & {"result", "error"}:
            raise ValueError("something else answers there")
        if "bytes" in answer:
            answer["payload"] = self._answers.read(answer["bytes"])
            if len(answer["payload"]) != answer["bytes"]:
                raise ConnectionResetError("it closed the connection in the middle of an image")
        return answer

    def close(self) -> None:
        self._answers.close()
        self._socket.close()


class LinkAxis:
    """An `Axis` of a controller on the link."""

    def __init__(self, controller: LinkController, name: str) -> None:
        self._controller = controller
        self._name = name

    def status(self) -> AxisStatus:
        """The present reading."""
        return AxisStatus(**self._controller.call("axis.status", self._name)["result"])

    def move(self, target: float) -> None:
        """Start to move to `target`."""
        self._controller.call("axis.move", self._name, target=target)

    def stop(self) -> None:
        """Decelerate and stop."""
        self._controller.call("axis.stop", self._name)

    def abort(self) -> None:
        """Stop at once, without deceleration."""
        self._controller.call("axis.abort", self._name)

    def configure(self, *, velocity: float, acceleration: float) -> None:
        """Set velocity (unit/s) and acceleration (unit/s2) of the next motions."""
        self._controller.call("axis.configure", self._name, velocity=velocity, acceleration=acceleration)

    def define_position(self, position: float) -> None:
        """Call the present place `position`, without motion."""
        self._controller.call("axis.define_position", self._name, position=position)


class LinkCounter:
    """A `CounterChannel` of a controller on the link."""

    def __init__(self, controller: LinkController, name: str) -> None:
        self._controller = controller
        self._name = name

    def start(self, mode: PresetMode, preset: float) -> None:
        """Clear, and count until the preset (s or monitor counts) is reached."""
        self._controller.call("counter.start", self._name, mode=int(mode), preset=preset)

    def stop(self) -> None:
        """End the count now; what was counted stays readable."""
        self._controller.call("counter.stop", self._name)

    def status(self) -> CountStatus:
        """The present reading."""
        return CountStatus(**self._controller.call("counter.status", self._name)["result"])


class LinkDetector:
    """An `AreaDetector` of a controller on the link."""

    def __init__(self, controller: LinkController, name: str, shape: tuple[int, int]) -> None:
        self._controller = controller
        self._name = name
        self.shape = shape

    def start(self, gate: Gate, exposure_time: float) -> None:
        """Clear, and count for `exposure_time` s (INTERNAL) or while the next gate is open (EXTERNAL)."""
        self._controller.call("detector.start", self._name, gate=int(gate), exposure_time=exposure_time)

    def stop(self) -> None:
        """End the count now; what was counted stays readable."""
        self._controller.call("detector.stop", self._name)

    def status(self) -> CountStatus:
        """The present reading."""
        return CountStatus(**self._controller.call("detector.status", self._name)["result"])

    def image(self) -> tuple[CountStatus, NDArray[np.uint32]]:
        """Counts per pixel (y, x), with the reading that belongs to them."""
        answer = self._controller.call("detector.image", self._name)
        image = np.frombuffer(answer["payload"], dtype="<u4").reshape(answer["shape"])
        return CountStatus(**answer["result"]), image.astype(np.uint32)
