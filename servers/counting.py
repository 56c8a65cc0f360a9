"""What counters and detectors share: counts that are started, followed and ended."""

from __future__ import annotations

from typing import Any, Protocol

from tango import DispLevel
from tango.server import device_property

from servers.base import action, published
from servers.hardware import Core, HardwareDevice


class CountingCore(Core, Protocol):
    """A Counter or Detector of gumtree_core.devices."""

    def start(self) -> None:
        """Begin a count."""

    def stop(self) -> None:
        """End it and keep what was counted."""

    def abort(self) -> None:
        """End it at once."""

    def reset(self) -> None:
        """Forget a fault."""


def live_time() -> Any:
    """The attribute `time`."""
    return published(
        "time",
        float,
        label="Live time",
        unit="s",
        format="%.3f",
        doc="Time in which this count has counted.",
        hint={"group": "count"},
    )


def count_rate() -> Any:
    """The attribute `rate`."""
    return published(
        "rate",
        float,
        label="Rate",
        unit="1/s",
        format="%.3f",
        doc="Counts by live time, since the start of the count.",
        hint={"group": "count"},
    )


class CountingDevice(HardwareDevice):
    """Counts. `Start` returns at once, with the state already RUNNING."""

    Channel = device_property(dtype=str, default_value="", doc="Its name in the controller.")

    core: CountingCore

    def renew_core(self, core: type[Any]) -> bool:
        """Make the core object, or keep that of before Init: a count that goes on is followed to its end.

        True if it is a new one.
        """
        identity = (self.Controller, self.Channel)
        if getattr(self, "_identity", None) == identity:
            self.core.reset()
            return False
        self._identity = identity
        self.core = core(self.get_name(), self._connect)
        return True

    def _connect(self) -> tuple[Any, Any]:
        """The channel in the controller, and its description."""
        raise NotImplementedError

    @action(doc_in="no argument", hint={"group": "count"})
    def Start(self) -> None:
        """Clear, and count: until the preset is reached or, behind an external gate, while it is open."""
        self.core.start()
        self.started()

    @action(doc_in="no argument", hint={"group": "count"})
    def Stop(self) -> None:
        """End the count now and keep what was counted."""
        self.core.stop()
        self.started()

    @action(doc_in="no argument", display_level=DispLevel.EXPERT, hint={"group": "count"})
    def Abort(self) -> None:
        """End the count at once; the device is in ALARM until the next count."""
        self.core.abort()
        self.started()
