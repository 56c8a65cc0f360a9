"""GumtreeCounter: the counting electronics of an instrument, with its beam monitor."""

from __future__ import annotations

from tango import AttrQuality

from gumtree_core.devices.counter import Counter, CounterReading
from gumtree_core.devices.protocols import CounterChannel, CounterDescription, PresetMode
from servers.base import published, serve
from servers.counting import CountingDevice, count_rate, live_time

_UNITS = {PresetMode.TIME: "s", PresetMode.MONITOR: "counts"}


class GumtreeCounter(CountingDevice):
    """Counts until a preset is reached. `Start` returns at once, with the state already RUNNING."""

    ui_groups = ({"name": "preset", "label": "Preset"}, {"name": "count", "label": "Count"})

    preset_mode = published(
        "preset_mode",
        PresetMode,
        write="set_preset_mode",
        label="Count until",
        doc="What ends a count: live time, or counts of the beam monitor.",
        hint={"group": "preset"},
    )
    preset = published(
        "preset",
        float,
        write="set_preset",
        label="Preset",
        unit="s",
        format="%.3f",
        min_value=0,
        doc="Live time (s) or monitor counts at which the next count ends.",
        hint={"group": "preset"},
    )
    counts = published(
        "counts",
        int,
        label="Monitor",
        unit="counts",
        format="%d",
        doc="Counts of the beam monitor in this count.",
        hint={"group": "count"},
    )
    time = live_time()
    rate = count_rate()
    progress = published(
        "progress",
        float,
        label="Progress",
        unit="%",
        format="%.1f",
        min_value=0,
        max_value=100,
        doc="How much of the preset has been reached.",
        hint={"group": "count", "widget": "progress"},
    )

    def init_device(self) -> None:
        """Follow the counter. A count that goes on is followed to its end, also by a new instance."""
        super().init_device()
        self.renew_core(Counter)
        settings = {"preset_mode": self.core.preset_mode, "preset": self.core.preset}
        self.publish(**settings)
        self.set_written(**settings)
        self.follow()

    def _connect(self) -> tuple[CounterChannel, CounterDescription]:
        controller = self.controller()
        return controller.counter(self.Channel), controller.describe().counters[self.Channel]

    def show(self, reading: CounterReading, quality: AttrQuality) -> None:
        """Publish what has been counted."""
        self.publish(
            quality,
            counts=reading.counts,
            time=reading.time,
            rate=reading.rate,
            progress=reading.progress,
        )
        description = self.core.description
        if description is not None and description.label:
            self.configure_attribute("counts", label=description.label)

    def set_preset_mode(self, value: int) -> None:
        """Take what ends the counts to come; the preset's unit follows."""
        self.core.preset_mode = PresetMode(value)
        self.configure_attribute("preset", unit=_UNITS[self.core.preset_mode])
        self.publish(preset_mode=self.core.preset_mode)

    def set_preset(self, value: float) -> None:
        """Take the preset of the counts to come."""
        self.core.preset = value
        self.publish(preset=value)


def main() -> None:
    """Run the server."""
    serve(GumtreeCounter)
