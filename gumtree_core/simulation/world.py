"""The simulated instrument as a controller: its axes, counting electronics and detector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import RLock
from types import MappingProxyType
from typing import TypeVar

from gumtree_core.devices.protocols import (
    AxisDescription,
    ControllerDescription,
    CounterDescription,
    DetectorDescription,
)
from gumtree_core.errors import GumtreeError
from gumtree_core.simulation.axis import AxisMemory, SimulatedAxis
from gumtree_core.simulation.clock import Clock, RunningClock
from gumtree_core.simulation.counting import CountingElectronics, SimulatedDetector
from gumtree_core.simulation.sans import GEOMETRY, SLOTS, Sans, Settings

Item = TypeVar("Item")
_LAST_SLOT = (len(SLOTS) - 1) * GEOMETRY.slot_pitch

AXES: Mapping[str, tuple[AxisDescription, float]] = MappingProxyType(
    {
        "sample_x": (
            AxisDescription("mm", 25.0, 50.0, -20.0, _LAST_SLOT + 20.0, label="Sample changer"),
            0.0,
        ),
        "detector_distance": (
            AxisDescription("mm", 50.0, 25.0, 1200.0, 20_000.0, label="Sample to detector"),
            4000.0,
        ),
        "beamstop_y": (AxisDescription("mm", 100.0, 100.0, -50.0, 650.0, label="Beam stop height"), 0.0),
        "attenuator": (
            AxisDescription("plates", 1.0, 4.0, 0.0, float(GEOMETRY.plates), label="Attenuator plates"),
            0.0,
        ),
        "wavelength": (AxisDescription("angstrom", 0.5, 0.5, 4.0, 15.0, label="Wavelength"), 5.0),
        "collimation": (
            AxisDescription("mm", 500.0, 500.0, 2000.0, 20_000.0, label="Collimation length"),
            10_000.0,
        ),
    }
)
"""Each axis, and where it stands in a new world."""


@dataclass(frozen=True)
class Memory:
    """What the controller keeps over a restart: its axes, and the numbers of the newest counts."""

    axes: Mapping[str, AxisMemory]
    counter: int
    detector: int


class World:
    """A `Controller` of the whole simulated instrument.

    Parameters
    ----------
    seed
        Fixes the sensitivity of the detector and all counts.
    clock
        Tells the time; real time unless given.
    """

    def __init__(self, seed: int = 1, clock: Clock | None = None) -> None:
        if seed < 0:
            raise GumtreeError("SEED_OUT_OF_RANGE", f"The seed cannot be {seed}; give 0 or more.")
        self.seed = seed
        self.clock = clock or RunningClock()
        self.lock = RLock()
        self.sans = Sans(seed)
        self.axes = {
            name: SimulatedAxis(name, description, place, self.clock, self.lock, self.advance)
            for name, (description, place) in AXES.items()
        }
        self.electronics = CountingElectronics(self)
        self.main = SimulatedDetector(self, self.electronics)

    def axis(self, name: str) -> SimulatedAxis:
        """The axis of that name."""
        return _one_of(self.axes, name, "axis", "axes")

    def counter(self, name: str) -> CountingElectronics:
        """The counting electronics of that name."""
        return _one_of({self.electronics.name: self.electronics}, name, "counter", "counters")

    def detector(self, name: str) -> SimulatedDetector:
        """The detector of that name."""
        return _one_of({self.main.name: self.main}, name, "detector", "detectors")

    def describe(self) -> ControllerDescription:
        """What there is, as it is now."""
        g = self.sans.geometry
        return ControllerDescription(
            axes={name: axis.describe() for name, axis in self.axes.items()},
            counters={self.electronics.name: CounterDescription("Beam monitor")},
            detectors={
                self.main.name: DetectorDescription(
                    g.pixel_size_x, g.pixel_size_y, g.dead_time, "Area detector"
                )
            },
        )

    def settings(self, time: float) -> Settings:
        """The settings at `time` under the commands given so far."""
        place = {name: axis.place(time) for name, axis in self.axes.items()}
        return self.sans.settings(
            sample_x=place["sample_x"],
            wavelength=place["wavelength"],
            collimation=place["collimation"],
            distance=place["detector_distance"],
            beamstop=place["beamstop_y"],
            attenuator=place["attenuator"],
        )

    def memory(self) -> Memory:
        """What is kept over a restart, as it is now."""
        with self.lock:
            axes = {name: axis.memory() for name, axis in self.axes.items()}
            return Memory(axes, self.electronics.number, self.main.number)

    def restore(self, memory: Memory) -> None:
        """Stand as the memory says.

        Counts are not kept. The restart takes a number of its own, so that readers see that theirs is gone.
        """
        with self.lock:
            for name, axis in self.axes.items():
                if name in memory.axes:
                    axis.restore(memory.axes[name])
            self.electronics.number = memory.counter + 1
            self.main.number = memory.detector + 1

    def advance(self) -> None:
        """Bring the counts up to the present, before the motion of an axis changes."""
        self.electronics.advance()
        self.main.advance()


def _one_of(items: Mapping[str, Item], name: str, one: str, many: str) -> Item:
    if name not in items:
        raise GumtreeError(
            f"UNKNOWN_{one.upper()}",
            f"The simulated instrument has no {one} {name!r}; its {many} are {', '.join(items)}.",
        )
    return items[name]
