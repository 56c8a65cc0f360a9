"""A client of a running instrument that lives with servers being killed and restarted.

It talks to devices as any Tango client does: by name, through attributes and commands.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import tango
from tango import DevState

from gumtree_core.errors import GumtreeError

Answer = TypeVar("Answer")
Notice = Callable[[str], None]

UNREACHABLE = {
    "API_CantConnectToDevice",
    "API_CommunicationFailed",
    "API_CorbaException",
    "API_DeviceNotExported",
    "API_DeviceTimedOut",
    "API_ServerNotRunning",
    "API_CantConnectToDatabase",
}
PATIENCE = 30.0
"""Seconds to wait for a device that does not answer; its server is restarted within a few."""
PERIOD = 0.05
"""Seconds between looks at a device that is at work."""


class Session:
    """Proxies to the devices of one instrument, kept alive over restarts of their servers."""

    def __init__(self, tango_host: str, notice: Notice) -> None:
        self._tango_host = tango_host
        self._notice = notice
        self._proxies: dict[str, tango.DeviceProxy] = {}

    def read(self, device: str, name: str) -> Any:
        """The value of an attribute."""
        return self._persist(device, lambda proxy: proxy.read_attribute(name).value)

    def state(self, device: str) -> tuple[DevState, str]:
        """State and Status."""
        return self._persist(device, lambda proxy: (proxy.state(), proxy.status()))

    def write(self, device: str, **values: Any) -> None:
        """Write attributes; each is written again if the server died meanwhile."""
        for name, value in values.items():
            self._persist(device, lambda proxy, name=name, value=value: proxy.write_attribute(name, value))

    def call(self, device: str, command: str) -> None:
        """Run a command without argument."""
        self._persist(device, lambda proxy: proxy.command_inout(command))

    def wait_while(
        self, device: str, busy: set[DevState], look: Callable[[], None] = lambda: None
    ) -> DevState:
        """Wait while the device is in one of the states `busy`, looking now and then; returns the state."""
        while True:
            state, _ = self.state(device)
            if state not in busy:
                return state
            look()
            time.sleep(PERIOD)

    def _persist(self, device: str, ask: Callable[[tango.DeviceProxy], Answer]) -> Answer:
        deadline = None
        while True:
            try:
                if device not in self._proxies:
                    self._proxies[device] = tango.DeviceProxy(f"tango://{self._tango_host}/{device}")
                answer = ask(self._proxies[device])
            except tango.DevFailed as error:
                if not UNREACHABLE & {each.reason for each in error.args}:
                    raise GumtreeError(error.args[0].reason, error.args[0].desc.strip()) from error
                self._proxies.pop(device, None)
                if deadline is None:
                    self._notice(f"{device} does not answer; waiting for its server to come back.")
                    deadline = time.monotonic() + PATIENCE
                elif time.monotonic() > deadline:
                    raise GumtreeError(
                        "DEVICE_UNREACHABLE",
                        f"{device} has not answered for {PATIENCE:.0f} s. "
                        "`gumtree status` shows which server is down; its log says why.",
                    ) from error
                time.sleep(PERIOD)
            else:
                if deadline is not None:
                    self._notice(f"{device} is back.")
                return answer
