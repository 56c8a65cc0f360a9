"""Runs of the simulated instrument, made in memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gumtree_core.data import Dataset, poisson, scalar
from gumtree_core.files import Run
from gumtree_core.simulation.runs import SimulatedRuns


@pytest.fixture(scope="session")
def noise_free() -> SimulatedRuns:
    return SimulatedRuns(3, noisy=False)


@pytest.fixture(scope="session")
def counted() -> Callable[[int], SimulatedRuns]:
    return lambda seed: SimulatedRuns(seed)


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
