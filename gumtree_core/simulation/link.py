"""The simulated controller's line protocol over TCP: its server.

A client sends one JSON object per line and gets one per line back, in order::

    {"call": "axis.move", "name": "sample_x", "arguments": {"target": 50.0}}
    {"result": null}
    {"call": "axis.move", "name": "sample_z", "arguments": {"target": 1}}
    {"error": {"reason": "UNKNOWN_AXIS", "message": "..."}}

`CALLS` lists the calls; results are the fields of the dataclasses of gumtree_core/devices/protocols.py. The
answer to `detector.image` has `shape` and `bytes` beside `result`, and that many bytes follow it: counts as
little-endian uint32, row after row.
"""

from __future__ import annotations

import dataclasses
import json
import socketserver
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from gumtree_core.errors import GumtreeError
from gumtree_core.simulation.world import World

LONGEST_LINE = 65536

CALLS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "controller.describe": (),
        "axis.status": (),
        "axis.move": ("target",),
        "axis.stop": (),
        "axis.abort": (),
        "axis.configure": ("velocity", "acceleration"),
        "axis.define_position": ("position",),
        "counter.start": ("mode", "preset"),
        "counter.stop": (),
        "counter.status": (),
        "detector.shape": (),
        "detector.start": ("gate", "exposure_time"),
        "detector.stop": (),
        "detector.status": (),
        "detector.image": (),
    }
)
"""The calls with their arguments, which are all numbers."""

_READING = frozenset({"describe", "status", "shape", "image"})


class LinkServer(socketserver.ThreadingTCPServer):
    """Serves a world to any number of clients.

    Parameters
    ----------
    address
        (host, port) to listen on; port 0 picks a free one.
    world
        What is served.
    changed
        Called after each call that may have changed what is kept over a restart, before it is answered.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int], world: World, changed: Callable[[], None]) -> None:
        self.world = world
        self.changed = changed
        try:
            super().__init__(address, _Connection)
        except OSError as error:
            raise GumtreeError(
                "CANNOT_LISTEN",
                f"The simulator cannot listen on {address[0]}:{address[1]} ({error.strerror or error}); "
                "choose another port, or 0 for any free one.",
            ) from error

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle of an answer is no error of ours."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Connection(socketserver.StreamRequestHandler):
    server: LinkServer
    disable_nagle_algorithm = True

    def handle(self) -> None:
        while line := self.rfile.readline(LONGEST_LINE + 1):
            if len(line) > LONGEST_LINE:
                self.wfile.write(_refusal("BAD_REQUEST", f"A request is longer than {LONGEST_LINE} bytes."))
                return
            self.wfile.write(self._answer(line))

    def _answer(self, line: bytes) -> bytes:
        try:
            call, name, arguments = _parse(line)
            answer = _perform(self.server.world, call, name, arguments)
            if call.partition(".")[2] not in _READING:
                self.server.changed()
        except GumtreeError as error:
            return _refusal(error.reason, error.message)
        return answer


def _parse(line: bytes) -> tuple[str, str, dict[str, float]]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise GumtreeError("BAD_REQUEST", f"A request is not JSON: {error}.") from None
    call = request.get("call") if isinstance(request, dict) else None
    if not isinstance(call, str) or call not in CALLS:
        raise GumtreeError(
            "BAD_REQUEST", f"A request must be a JSON object whose call is one of {', '.join(CALLS)}."
        )
    arguments = request.get("arguments", {})
    expected = CALLS[call]
    if not isinstance(arguments, dict) or arguments.keys() != set(expected):
        raise GumtreeError(
            "BAD_REQUEST", f"The arguments of {call} are {', '.join(expected) or 'none'}; got {arguments!r}."
        )
    return call, str(request.get("name", "")), {key: _number(key, arguments[key]) for key in expected}


def _number(key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise GumtreeError("BAD_REQUEST", f"The argument {key} must be a number, not {value!r}.")
    try:
        return float(value)
    except OverflowError:
        raise GumtreeError("BAD_REQUEST", f"The argument {key} is too large for a number.") from None


def _perform(world: World, call: str, name: str, arguments: dict[str, float]) -> bytes:
    kind, _, method = call.partition(".")
    target: Any = world if kind == "controller" else getattr(world, kind)(name)
    if method == "shape":
        return _line({"result": target.shape})
    if method == "image":
        status, image = target.image()
        payload: bytes = image.astype("<u4").tobytes()
        header = {"result": dataclasses.asdict(status), "shape": image.shape, "bytes": len(payload)}
        return _line(header) + payload
    try:
        result = getattr(target, method)(**arguments)
    except ValueError as error:
        raise GumtreeError("BAD_REQUEST", f"{call} was refused: {error}.") from error
    return _line({"result": None if result is None else dataclasses.asdict(result)})


def _line(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer).encode() + b"\n"


def _refusal(reason: str, message: str) -> bytes:
    return _line({"error": {"reason": reason, "message": message}})
