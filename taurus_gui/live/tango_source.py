"""A Tango device as a Source: change events where the device pushes them, polling where it does not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import tango

from gumtree_core.interface import Interface
from taurus_gui.introspection import describe
from taurus_gui.live.source import Changes, Done, Mailbox, Reading, State
from taurus_gui.sentences import failure

logger = logging.getLogger(__name__)

WATCH_PERIOD = 0.5
"""Seconds between two looks at a device: is it there, and what do the attributes without events read?"""
DESCRIBE_PERIOD = 5.0
"""Seconds between two descriptions, for changes that come without an event, such as limits."""
_SUBSCRIBING = threading.Lock()
"""Tango's event consumer is one for the process; threads that subscribe at once would only wait."""
_QUALITIES = {
    tango.AttrQuality.ATTR_VALID: "VALID",
    tango.AttrQuality.ATTR_INVALID: "INVALID",
    tango.AttrQuality.ATTR_CHANGING: "CHANGING",
    tango.AttrQuality.ATTR_WARNING: "WARNING",
    tango.AttrQuality.ATTR_ALARM: "ALARM",
}


class TangoSource:
    """Follows one device in a thread of its own, over restarts of its server.

    Parameters
    ----------
    resource
        What a DeviceProxy takes: `a/b/c`, `tango://host:port/a/b/c`, `...#dbase=no`, or an alias.
    """

    def __init__(self, resource: str) -> None:
        self.name = resource
        self._mailbox = Mailbox()
        self._closing = threading.Event()
        self._look_now = threading.Event()
        self._lost = threading.Event()
        self._stale = threading.Event()
        self._proxy: tango.DeviceProxy | None = None
        self._subscriptions: dict[str, int] = {}
        self._polled: list[str] = []
        self._state = State("UNREACHABLE")
        self._interface = Interface(name=resource)
        self._last_write = threading.Event()
        self._last_write.set()
        self._thread = threading.Thread(target=self._follow, name=f"follow {resource}", daemon=True)

    def start(self) -> None:
        """Begin to follow the device."""
        self._thread.start()

    def close(self) -> None:
        """Stop following."""
        self._closing.set()
        self._look_now.set()

    def join(self, timeout: float) -> None:
        """Wait until the thread has ended; a call to a device that hangs may take longer."""
        if self._thread.is_alive():
            self._thread.join(timeout)

    def take(self) -> Changes:
        """What has happened since the last call."""
        return self._mailbox.take()

    # following

    def _follow(self) -> None:
        with tango.EnsureOmniThread():
            while not self._closing.is_set():
                try:
                    self._connect()
                    self._watch()
                except tango.DevFailed as error:
                    self._mailbox.state(State("UNREACHABLE", failure(error)))
                except Exception:
                    logger.exception("%s: following it failed; trying again", self.name)
                finally:
                    self._disconnect()
                self._closing.wait(WATCH_PERIOD)

    def _connect(self) -> None:
        """A fresh proxy: one that has lost its server can take many seconds to find the new one."""
        proxy = tango.DeviceProxy(self.name)
        proxy.ping()
        self._lost.clear()
        self._stale.clear()
        self._proxy = proxy
        self._describe(proxy, known=None)

    def _watch(self) -> None:
        """Until a ping fails (DevFailed) or events stay away.

        A device that is busy may let a read time out; only one that does not answer a ping is gone.
        """
        proxy = self._proxy
        assert proxy is not None
        looks_to_describe = DESCRIBE_PERIOD / WATCH_PERIOD
        looks = 0
        while not self._closing.is_set() and not self._lost.is_set():
            looks += 1
            try:
                self._poll(proxy)
                if self._stale.is_set():
                    looks = 0
                    self._stale.clear()
                    # An attribute that was removed and made anew sends nothing to who had subscribed before.
                    self._unsubscribe(proxy, set(self._subscriptions) - {""})
                    self._describe(proxy, known=None)
                elif looks >= looks_to_describe:
                    looks = 0
                    self._describe(proxy, self._interface)
            except tango.DevFailed as error:
                logger.info("%s is busy or gone: %s", self.name, failure(error))
            self._look_now.wait(WATCH_PERIOD)
            self._look_now.clear()
            proxy.ping()

    def _describe(self, proxy: tango.DeviceProxy, known: Interface | None) -> None:
        interface = describe(proxy)
        if interface == known:
            return
        self._interface = interface
        wanted = ["State", "Status"]
        wanted += [item.name for item in (*interface.parameters, *interface.results)]
        self._unsubscribe(proxy, set(self._subscriptions) - set(wanted) - {""})
        self._polled = [name for name in self._polled if name in wanted]
        self._mailbox.interface(interface)
        self._subscribe_interface(proxy)
        for name in wanted:
            if name not in self._subscriptions and name not in self._polled and not self._closing.is_set():
                self._subscribe(proxy, name)

    def _subscribe(self, proxy: tango.DeviceProxy, name: str) -> None:
        def receive(event: tango.EventData) -> None:
            if event.err:
                if any("Timeout" in each.reason for each in event.errors):
                    self._lost.set()
                    self._look_now.set()
                else:
                    self._show_failure(name, tango.DevFailed(*event.errors))
            elif event.attr_value is not None:
                self._show(name, event.attr_value)

        try:
            with _SUBSCRIBING:
                self._subscriptions[name] = proxy.subscribe_event(
                    name, tango.EventType.CHANGE_EVENT, receive, tango.EventSubMode.SyncRead
                )
        except tango.DevFailed:
            self._polled.append(name)

    def _subscribe_interface(self, proxy: tango.DeviceProxy) -> None:
        """The key "" stands for the device itself."""

        def receive(event: tango.DevIntrChangeEventData) -> None:
            if not event.err and "" in self._subscriptions:  # that on subscription tells nothing new
                self._stale.set()
                self._look_now.set()

        if "" in self._subscriptions:
            return
        try:
            with _SUBSCRIBING:
                self._subscriptions[""] = proxy.subscribe_event(
                    tango.EventType.INTERFACE_CHANGE_EVENT, receive, tango.EventSubMode.SyncRead
                )
        except tango.DevFailed:
            logger.info("%s sends no interface events; it is described again from time to time", self.name)

    def _unsubscribe(self, proxy: tango.DeviceProxy, names: set[str]) -> None:
        for name in names:
            try:
                with _SUBSCRIBING:
                    proxy.unsubscribe_event(self._subscriptions.pop(name))
            except (tango.DevFailed, KeyError) as error:
                logger.debug("%s/%s: unsubscribing failed: %s", self.name, name, error)

    def _disconnect(self) -> None:
        proxy, self._proxy = self._proxy, None
        if proxy is not None:
            self._unsubscribe(proxy, set(self._subscriptions))
        self._polled.clear()

    def _poll(self, proxy: tango.DeviceProxy) -> None:
        if not self._polled:
            return
        for name, value in zip(self._polled, proxy.read_attributes(self._polled), strict=True):
            if value.has_failed:
                self._show_failure(name, tango.DevFailed(*value.get_err_stack()))
            else:
                self._show(name, value)

    # values

    def _show(self, name: str, value: tango.DeviceAttribute) -> None:
        if name == "State":
            self._show_state(State(str(value.value), self._state.status))
        elif name == "Status":
            self._show_state(State(self._state.name, str(value.value)))
        else:
            quality = _QUALITIES[value.quality]
            read = None if quality == "INVALID" else _plain(value.value)
            self._mailbox.reading(name, Reading(read, _plain(value.w_value), quality))

    def _show_state(self, state: State) -> None:
        self._state = state
        if state.reachable:
            self._mailbox.state(state)

    def _show_failure(self, name: str, error: tango.DevFailed) -> None:
        if name not in ("State", "Status"):
            self._mailbox.reading(name, Reading(quality="INVALID", error=failure(error)))

    # asking

    def write(self, name: str, value: Any, done: Callable[[Done], None]) -> None:
        """Write in a thread, after the writes that came before; then read back."""

        def work(proxy: tango.DeviceProxy) -> Any:
            proxy.write_attribute(name, value)
            self._show(name, proxy.read_attribute(name))

        before, self._last_write = self._last_write, threading.Event()
        parameter = next((p for p in self._interface.parameters if p.name == name), None)
        self._in_thread(work, before, self._last_write, done, lambda error: failure(error, parameter, value))

    def call(self, name: str, argument: Any, done: Callable[[Done], None]) -> None:
        """Call in a thread, after the writes that came before, so that it works with what was written."""

        def work(proxy: tango.DeviceProxy) -> Any:
            return proxy.command_inout(name) if argument is None else proxy.command_inout(name, argument)

        self._in_thread(work, self._last_write, None, done, failure)

    def _in_thread(
        self,
        work: Callable[[tango.DeviceProxy], Any],
        before: threading.Event,
        ended: threading.Event | None,
        done: Callable[[Done], None],
        told: Callable[[BaseException], str],
    ) -> None:
        def run() -> None:
            with tango.EnsureOmniThread():
                before.wait()
                proxy = self._proxy
                try:
                    if proxy is None:
                        result = Done(error="The device does not answer; try again when it does.")
                    else:
                        result = Done(_plain(work(proxy)))
                except (tango.DevFailed, TypeError, ValueError) as error:
                    result = Done(error=told(error))
                except Exception as error:
                    logger.exception("%s: unforeseen failure of a write or command", self.name)
                    result = Done(error=told(error))
                finally:
                    if ended is not None:
                        ended.set()
                self._mailbox.done(done, result)
                self._stale.set()
                self._look_now.set()

        threading.Thread(target=run, name=f"ask {self.name}", daemon=True).start()


def _plain(value: Any) -> Any:
    """Numbers and text as Python's own, several as lists; numeric arrays stay arrays."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tango.DevState):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value
