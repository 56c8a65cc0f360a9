"""Waits for new images of a detector device."""

from __future__ import annotations

import threading

import tango


class ImageWatch:
    """Says when a detector has a new image, while it is subscribed; `call` wakes who waits in any case."""

    def __init__(self) -> None:
        self._new = threading.Event()
        self._subscription: tuple[tango.DeviceProxy, int] | None = None

    def subscribe(self, device: str) -> None:
        """Hear of the device's images from now on."""
        if self._subscription is None:
            proxy, new = tango.DeviceProxy(device), self._new
            number = proxy.subscribe_event(
                "image", tango.EventType.CHANGE_EVENT, lambda event: event.err or new.set()
            )
            self._subscription = proxy, number

    def unsubscribe(self) -> None:
        """Hear of them no longer."""
        if self._subscription is not None:
            proxy, number = self._subscription
            self._subscription = None
            proxy.unsubscribe_event(number)

    def call(self) -> None:
        """Wake who waits."""
        self._new.set()

    def wait(self) -> None:
        """Wait for an image or a call since the last one."""
        self._new.wait()
        self._new.clear()
