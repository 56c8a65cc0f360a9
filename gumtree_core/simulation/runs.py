"""Runs of the simulated small-angle instrument in memory, with nothing running: to try a reduction on."""

from __future__ import annotations

import numpy as np

from gumtree_core.data import poisson, scalar
from gumtree_core.files import Run, Value
from gumtree_core.simulation import truth
from gumtree_core.simulation.sans import GEOMETRY, Sans, Settings


class SimulatedRuns:
    """Runs of one simulated small-angle instrument.

    Parameters
    ----------
    seed
        Of the sensitivity of its pixels and of the counts.
    noisy
        Whether counts are drawn by Poisson's rule; if not, they are the expected ones, which are not whole.
    """

    def __init__(self, seed: int, *, noisy: bool = True) -> None:
        self.sans = Sans(seed)
        self.rng = np.random.default_rng(seed) if noisy else None

    def run(self, name: str, seconds: float = 900.0, *, direct: bool = False, **changed: Value | None) -> Run:
        """A run of a sample, `empty_cell`, `blocked_beam`, `water` or `empty_beam`.

        Parameters
        ----------
        seconds
            How long it is counted.
        direct
            With two attenuator plates in and the beam stop out.
        changed
            Values of logical keys, written with two underscores in place of the slash; None removes one.
        """
        plates, beamstop = (2, 600.0) if direct else (0, 0.0)
        settings = Settings(name, beamstop=beamstop, plates=plates)
        rate = self.sans.rate(settings)
        seen = rate / (1 + rate.sum() * GEOMETRY.dead_time) * seconds
        monitor = self.sans.monitor_rate(settings) * seconds
        counts = seen if self.rng is None else self.rng.poisson(seen)
        total = monitor if self.rng is None else self.rng.poisson(monitor)
        items: dict[str, Value | None] = {
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
        }
        items |= {key.replace("__", "/"): value for key, value in changed.items()}
        return Run({key: value for key, value in items.items() if value is not None}, format=name)

    def runs(self, sample: str, seconds: float = 900.0) -> dict[str, Run]:
        """All runs that the script `sans` takes, by its parameters; the sample is counted for `seconds`."""
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
