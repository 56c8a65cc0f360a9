"""Runs of the simulated instrument, made in memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gumtree_core.data import Dataset, poisson, scalar
from gumtree_core.files import Run
from gumtree_core.simulation import truth
from gumtree_core.simulation.sans import GEOMETRY, Sans, Settings

SHAPE = GEOMETRY.shape


class Simulation:
    """Runs of one instrument; without a generator they hold the expected counts, without any noise."""

    def __init__(self, seed: int, *, noisy: bool) -> None:
        self.sans = Sans(seed)
        self.rng = np.random.default_rng(seed) if noisy else None

    def run(self, name: str, seconds: float = 900.0, *, direct: bool = False, **changed: object) -> Run:
        """A run; `direct`: two plates in, beam stop out. `changed` replaces or, by None, removes."""
        plates, beamstop = (2, 600.0) if direct else (0, 0.0)
        settings = Settings(name, beamstop=beamstop, plates=plates)
        rate = self.sans.rate(settings)
        seen = rate / (1 + rate.sum() * GEOMETRY.dead_time) * seconds
        monitor = self.sans.monitor_rate(settings) * seconds
        counts = seen if self.rng is None else self.rng.poisson(seen)
        total = monitor if self.rng is None else self.rng.poisson(monitor)
        items = {
            "run/title": name,
            "sample/name": name,
            "instrument/name": "simulated",
            "detector/counts": poisson(counts, 0, dims=("y", "x")),
            "detector/time": scalar(seconds, unit="s"),
            "detector/dead_time": scalar(GEOMETRY.dead_time, unit="s"),
            "detector/distance": scalar(settings.distance, unit="mm"),
            "detector/pixel_size_x": scalar(GEOMETRY.pixel_size_x, unit="mm"),
            "detector/pixel_size_y": scalar(GEOMETRY.pixel_size_y, unit="mm"),
            "detector/beam_center_x": scalar(GEOMETRY.beam_center_x, unit="pixel"),
            "detector/beam_center_y": scalar(GEOMETRY.beam_center_y, unit="pixel"),
            "monitor/counts": poisson(total, 0),
            "instrument/wavelength": scalar(settings.wavelength, unit="angstrom"),
            "instrument/wavelength_spread": scalar(GEOMETRY.wavelength_spread),
            "instrument/collimation_length": scalar(settings.collimation, unit="mm"),
            "instrument/source_aperture": scalar(GEOMETRY.source_aperture, unit="mm"),
            "instrument/sample_aperture": scalar(GEOMETRY.sample_aperture, unit="mm"),
            "instrument/attenuation": scalar(self.sans.attenuation(plates)),
            "sample/thickness": scalar(truth.sample(name).thickness, unit="mm"),
        } | {key.replace("__", "/"): value for key, value in changed.items()}
        return Run({key: value for key, value in items.items() if value is not None}, format=name)

    def runs(self, sample: str, seconds: float = 900.0) -> dict[str, Run]:
        """All runs that the script takes, by its parameters; the sample is counted for `seconds`."""
        return {
            "sample": self.run(sample, seconds),
            "empty_cell": self.run("empty_cell"),
            "blocked_beam": self.run("blocked_beam", 1800.0),
            "flood": self.run("water", 7200.0),
            "direct_beam": self.run("empty_beam", direct=True),
            "sample_beam": self.run(sample, direct=True),
            "cell_beam": self.run("empty_cell", direct=True),
            "flood_beam": self.run("water", direct=True),
        }


@pytest.fixture(scope="session")
def noise_free() -> Simulation:
    return Simulation(3, noisy=False)


@pytest.fixture(scope="session")
def counted() -> Callable[[int], Simulation]:
    return lambda seed: Simulation(seed, noisy=True)


@pytest.fixture
def small_run() -> Callable[..., Run]:
    """A run of a few pixels; keywords replace or, by None, remove."""

    def make(counts: np.ndarray | None = None, **changed: Dataset | None) -> Run:
        image = np.full((3, 4), 100) if counts is None else counts
        items = {
            "detector/counts": poisson(image, 0, dims=("y", "x")),
            "detector/time": scalar(10.0, unit="s"),
            "detector/distance": scalar(1000.0, unit="mm"),
            "detector/pixel_size_x": scalar(5.0, unit="mm"),
            "detector/pixel_size_y": scalar(4.0, unit="mm"),
            "detector/beam_center_x": scalar(1.0, unit="pixel"),
            "detector/beam_center_y": scalar(1.0, unit="pixel"),
            "monitor/counts": poisson(np.array(400), 0),
        } | {key.replace("__", "/"): value for key, value in changed.items()}
        return Run({key: value for key, value in items.items() if value is not None}, format="small")

    return make
