"""A counter: the counting electronics of an instrument, with its preset and a verdict on each count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gumtree_core.devices.counting import CountingDevice, positive
from gumtree_core.devices.protocols import CounterChannel, CounterDescription, CountStatus, PresetMode
from gumtree_core.devices.state import State
from gumtree_core.errors import GumtreeError


@dataclass(frozen=True)
class CounterReading:
    """What a counter is doing: counts, live time (s), mean rate (1/s), progress (%); None where unknown."""

    state: State
    message: str
    counts: int | None = None
    time: float | None = None
    rate: float | None = None
    progress: float | None = None


class Counter(CountingDevice[CounterChannel, CounterDescription, CounterReading]):
    """Counting electronics with a preset; see `CountingDevice` for the parameters."""

    def __init__(self, name: str, connect: Callable[[], tuple[CounterChannel, CounterDescription]]) -> None:
        super().__init__(name, connect, CounterReading(State.STARTING, "Connecting to the hardware."))
        self.preset_mode = PresetMode.TIME
        self._preset = 1.0
        self._started: tuple[int, PresetMode, float] | None = None

    @property
    def preset(self) -> float:
        """What ends the next count: live time (s) or monitor counts, as `preset_mode` says."""
        return self._preset

    @preset.setter
    def preset(self, value: float) -> None:
        unit = "s" if self.preset_mode is PresetMode.TIME else "counts"
        self._preset = positive("BAD_PRESET", f"The preset of {self.name}", value, unit)

    def poll(self) -> CounterReading:
        """Ask the hardware and judge. Never raises GumtreeError."""
        commands = self._commands
        try:
            status = self._connected().status()
            with self._lock:
                if self._commands == commands:  # else a command has come in between and knows better
                    self._reading = self._read(status, *self._watch.judge(status))
        except GumtreeError as error:
            with self._lock:
                self._reading = CounterReading(State.FAULT, error.message)
        return self._reading

    def start(self) -> None:
        """Clear and start to count; returns at once. The preset may then be changed for the next count."""
        with self._lock:
            channel = self._ready()
            mode, preset = self.preset_mode, self._preset
            channel.start(mode, preset)
            self._commands += 1
            status = channel.status()
            self._started = (status.number, mode, preset)
            self._watch.begin(status.number, lambda status: _fraction(status, mode, preset) >= 1)
            self._reading = self._read(status, State.BUSY, "Counting.")

    def _read(self, status: CountStatus, state: State, message: str) -> CounterReading:
        rate = status.counts / status.time if status.time > 0 else 0.0
        progress = None
        if self._started is not None and self._started[0] == status.number:
            progress = 100 * min(1.0, _fraction(status, *self._started[1:]))
        return CounterReading(state, message, status.counts, status.time, rate, progress)


def _fraction(status: CountStatus, mode: PresetMode, preset: float) -> float:
    """How much of the preset is done. A live time may miss its preset by rounding."""
    if mode is PresetMode.MONITOR:
        return status.counts / preset
    return (status.time + 1e-6) / preset
