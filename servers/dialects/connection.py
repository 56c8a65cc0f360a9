"""A Tango device as a client holds it for long: one proxy and one subscription, renewed when needed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from typing import Any, TypeVar

import tango
from tango import DevState

from gumtree_core.errors import GumtreeError

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

PATIENCE = 15.0
"""Seconds to wait for a device or its hardware if they do not answer; servers are restarted sooner."""
REREAD = 0.2
"""Seconds after which State is read although no event came: an event may be lost."""
_RETRY = 0.05
"""Seconds between attempts to reach a device that does not answer."""

_UNREACHABLE = {
    "API_CantConnectToDatabase",
    "API_CantConnectToDevice",
    "API_CommunicationFailed",
    "API_CorbaException",
    "API_DeviceNotExported",
    "API_DeviceTimedOut",
    "API_ServerNotRunning",
}
_NOT_READY = {DevState.INIT, DevState.FAULT, DevState.UNKNOWN}


def gumtree_error(name: str, error: tango.DevFailed) -> GumtreeError:
    """What a DevFailed of a device says to the user; DEVICE_LOST if the device does not answer."""
    first = error.args[0]
    if _UNREACHABLE & {each.reason for each in error.args}:
        return GumtreeError(
            "DEVICE_LOST",
            f"{name} does not answer ({first.reason}). See with `gumtree status` whether its server runs.",
        )
    text = " ".join(first.desc.split())
    return GumtreeError(first.reason, text if name in text else f"{name}: {text}")


class Connection:
    """One device. Methods raise GumtreeError: DEVICE_LOST if it does not answer; then the next connects anew.

    Parameters
    ----------
    trl
        Tango resource locator: a device name, an alias, or a full address.
    name
        For messages.
    """

    def __init__(self, trl: str, name: str) -> None:
        self.trl = trl
        self.name = name
        self._proxy: tango.DeviceProxy | None = None
        self._connecting = threading.Lock()
        self._changed = threading.Condition()
        self._events = 0
        self._cancelled = False

    def ask(self, call: Callable[[tango.DeviceProxy], Answer]) -> Answer:
        """What `call` returns for the proxy."""
        try:
            return call(self._connected())
        except tango.DevFailed as error:
            failure = gumtree_error(self.name, error)
            if failure.reason == "DEVICE_LOST":
                self.renew()
            raise failure from error

    def read(self, *names: str) -> list[Any]:
        """The values of attributes, read in one call; GumtreeError NO_VALUE if one has none."""
        answers = self.ask(lambda proxy: proxy.read_attributes(list(names)))
        for answer in answers:
            if answer.has_failed:
                raise gumtree_error(self.name, tango.DevFailed(*answer.get_err_stack()))
            if answer.quality == tango.AttrQuality.ATTR_INVALID:
                raise GumtreeError("NO_VALUE", f"{self.name} has no value of {answer.name} at present.")
        return [answer.value for answer in answers]

    def wait_while(self, busy: Collection[DevState], timeout: float | None = None) -> DevState:
        """Wait while the device is in one of these states; returns the state after.

        An event only says that it is worth to look: State itself is read, so that neither a lost nor a late
        event misleads.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        told = True
        while True:
            seen = self._events
            state = self.ask(lambda proxy: proxy.state())
            if state not in busy:
                if not told:
                    logger.info("%s: an event of State did not come; subscribing anew", self.name)
                    self.renew()
                return state
            left = REREAD if deadline is None else min(REREAD, deadline - time.monotonic())
            if left <= 0:
                raise GumtreeError(
                    "DEVICE_TIMEOUT", f"{self.name} is still {state} after {timeout:g} s ({self.status()})."
                )
            with self._changed:
                told = self._changed.wait_for(lambda seen=seen: self._events != seen, left)

    def ready(self, patience: float = PATIENCE) -> DevState:
        """Wait until the device answers and its hardware does, `patience` s at most; returns its state."""
        self._cancelled = False
        deadline = time.monotonic() + patience
        while True:
            seen = self._events
            try:
                state = self.ask(lambda proxy: proxy.state())
                if state not in _NOT_READY:
                    return state
                failure = GumtreeError(
                    "DEVICE_NOT_READY", f"{self.name} is {state}: {self.status()}".rstrip(".") + "."
                )
            except GumtreeError as error:
                if error.reason != "DEVICE_LOST":
                    raise
                failure = error
            if self._cancelled or time.monotonic() > deadline:
                raise failure
            with self._changed:
                self._changed.wait_for(lambda seen=seen: self._cancelled or self._events != seen, _RETRY)

    def status(self) -> str:
        """The device's Status."""
        return str(self.ask(lambda proxy: proxy.status()))

    def command(self, name: str) -> None:
        """Run a command without argument."""
        self.ask(lambda proxy: proxy.command_inout(name))

    def cancel(self) -> None:
        """End a `ready` that waits."""
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()

    def renew(self) -> None:
        """Have the next call make a new proxy and subscription; those of a server that died stay deaf."""
        with self._connecting:
            self._proxy = None

    def _connected(self) -> tango.DeviceProxy:
        with self._connecting:
            if self._proxy is None:
                proxy = tango.DeviceProxy(self.trl)
                proxy.ping()
                proxy.subscribe_event("State", tango.EventType.CHANGE_EVENT, self._on_event)
                self._proxy = proxy
            return self._proxy

    def _on_event(self, event: tango.EventData) -> None:
        with self._changed:
            self._events += 1
            self._changed.notify_all()
