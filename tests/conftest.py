"""What tests of several parts share."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest


def pytest_configure() -> None:
    """Servers of a test context are fresh processes: forked ones inherit Tango's connections and threads."""
    from hypothesis import settings

    multiprocessing.set_start_method("spawn", force=True)
    settings.register_profile("untimed", deadline=None)  # the first use of a kernel may compile it
    settings.load_profile("untimed")
    import tango.test_context

    tango.test_context.DeviceProxy = _reachable


def _reachable(name: str) -> Any:
    """A proxy of a device of a test context, once it answers.

    Tango gives up a connection after 0.2 s, which a busy machine may need, and refuses another within 1 s.
    """
    import tango

    proxy = tango.DeviceProxy(name)
    for attempt in range(10):
        try:
            proxy.ping()
        except tango.DevFailed as error:
            if attempt == 9 or error.args[0].reason != "API_CantConnectToDevice":
                raise
            time.sleep(1)  # nothing tells when Tango allows it again
        else:
            break
    return proxy


ARRIVAL = 0.05
"""Seconds in which a subscription reaches the publisher on a machine that is not busy."""


def wait_for_arrival() -> None:
    """Wait until a subscription has reached the publisher: ZeroMQ tells nobody when it has.

    On a busy machine that takes longer, as does the return of a sleep.
    """
    began = time.monotonic()
    time.sleep(ARRIVAL)
    late = time.monotonic() - began - ARRIVAL
    time.sleep(min(50 * late, 1.0))


class EventLog:
    """Change events of devices, in the order in which they came: (attribute, value, quality).

    The first event of a subscription tells the present value, and is no change: it is in `first`.
    """

    def __init__(self) -> None:
        self.events: list[tuple[str, Any, str]] = []
        self.first: dict[str, Any] = {}
        self.errors: list[str] = []
        self._subscriber = 0
        self._subscriptions: list[tuple[Any, int]] = []

    def follow(self, proxy: Any, *attributes: str) -> EventLog:
        """Subscribe to attributes of a device."""
        import tango

        self._subscriber = threading.get_ident()
        for attribute in attributes:
            number = proxy.subscribe_event(attribute, tango.EventType.CHANGE_EVENT, self)
            self._subscriptions.append((proxy, number))
        wait_for_arrival()
        return self

    def push_event(self, event: Any) -> None:
        """Called by Tango."""
        if event.err:
            self.errors.append(event.errors[0].desc)
            return
        name = event.attr_name.split("/")[-1].split("#")[0].lower()
        value = event.attr_value
        if threading.get_ident() == self._subscriber:  # called from within subscribe_event
            self.first[name] = value.value
            return
        self.events.append((name, value.value, str(value.quality).removeprefix("ATTR_")))

    def clear(self) -> None:
        """Forget what has come so far."""
        self.events.clear()

    def of(self, attribute: str) -> list[Any]:
        """The values of one attribute that have come."""
        return [value for name, value, _ in list(self.events) if name == attribute]

    def wait(self, attribute: str, value: Any, timeout: float = 10.0) -> None:
        """Wait until the newest event of the attribute has the value, or fulfils it if it is a function."""
        fulfils = value if callable(value) else lambda newest: newest == value
        wait_until(lambda: bool(self.of(attribute)) and fulfils(self.of(attribute)[-1]), timeout, self)

    def close(self) -> None:
        """Unsubscribe from all."""
        for proxy, number in self._subscriptions:
            proxy.unsubscribe_event(number)


def wait_until(condition: Callable[[], bool], timeout: float = 10.0, explain: Any = None) -> None:
    """Wait for a condition that no event tells of; fail with `explain` after `timeout` s."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            detail = explain.events[-20:] if isinstance(explain, EventLog) else explain
            pytest.fail(f"not within {timeout} s: {detail}")
        time.sleep(0.005)


@pytest.fixture
def events() -> Iterator[EventLog]:
    """A log of change events; `events.follow(proxy, "state", "position")` subscribes."""
    log = EventLog()
    yield log
    log.close()


@pytest.fixture(name="wait_until", scope="session")
def wait_until_fixture() -> Callable[..., None]:
    """The function `wait_until`."""
    return wait_until


@pytest.fixture(name="wait_for_arrival", scope="session")
def wait_for_arrival_fixture() -> Callable[[], None]:
    """The function `wait_for_arrival`."""
    return wait_for_arrival
