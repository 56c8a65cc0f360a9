"""Frames of a flat detector near 90 deg, simulated with known strain."""

from __future__ import annotations

from collections.abc import Callable

import h5py
import numpy as np
import pytest

from gumtree_core.data import Dataset, scalar
from gumtree_core.files import Run
from gumtree_core.reduction.strain import pixel_two_theta

DISTANCE, PIXEL, WAVELENGTH, SPACING = 1078.0, 1.33, 1.67, 1.1702
X = PIXEL * (np.arange(140) - 69.5)
Y = PIXEL * (np.arange(60) - 29.5)
CENTER = 2 * np.degrees(np.arcsin(WAVELENGTH / (2 * SPACING)))


def expected(strain: float, angle: float = 91.0, level: float = 12.0, tilt: float = 0.1) -> np.ndarray:
    """Expected counts of the pixels; the peak lies at d = SPACING (1 + strain)."""
    center = 2 * np.degrees(np.arcsin(WAVELENGTH / (2 * SPACING * (1 + strain))))
    two_theta = pixel_two_theta(X, Y, DISTANCE, angle)
    peak = level * np.exp(-0.5 * ((two_theta - center) / 0.18) ** 2)
    return np.asarray(peak + 2 * (1 + tilt * (two_theta - center) / 4))


@pytest.fixture
def scan() -> Callable[..., Run]:
    """A scan with the given strains; `uneven` is the efficiency of the pixels."""

    def make(strains: np.ndarray, seed: int, uneven: np.ndarray | float = 1.0, **items: Dataset) -> Run:
        random = np.random.default_rng(seed)
        counts = np.array([random.poisson(expected(each) * uneven) for each in strains])
        points = len(counts)
        return Run(
            {
                "run/title": "weld", "instrument/name": "simulated",
                "detector/counts": Dataset(counts, "poisson", dims=("point", "y", "x"), unit="counts"),
                "detector/x_offset": Dataset(X, dims=("x",), unit="mm"),
                "detector/y_offset": Dataset(Y, dims=("y",), unit="mm"),
                "detector/distance": scalar(DISTANCE, unit="mm"),
                "detector/time": Dataset(np.full(points, 60.0), dims=("point",), unit="s"),
                "monitor/counts": Dataset(np.full(points, 1e6), dims=("point",), unit="counts"),
                "motor/stth": scalar(91.0, unit="deg"),
                "instrument/wavelength": scalar(WAVELENGTH, unit="angstrom"),
                **items,
            },
            format="simulated",
        )  # fmt: skip

    return make


@pytest.fixture
def kowari(tmp_path) -> Callable[..., str]:
    """Write a scan as a file of Kowari, laid out as its path table says; gives its name."""

    def write(name: str, strains: np.ndarray, seed: int, **motors: np.ndarray) -> str:
        random = np.random.default_rng(seed)
        counts = np.array([random.poisson(expected(each, level=30.0)) for each in strains], dtype=np.int32)
        points = len(counts)
        with h5py.File(tmp_path / name, "w") as file:
            file.attrs["file_name"] = name
            entry = file.create_group("entry1")
            entry.attrs["NX_class"] = "NXentry"
            entry["instrument/name"] = ["KOWARI"]
            entry["data/hmm_xy"] = counts
            for dim, values in (("x", X), ("y", Y)):
                entry[f"data/{dim}_pixel_offset"] = values
                entry[f"data/{dim}_pixel_offset"].attrs["units"] = "mm"
            entry["instrument/detector/sample_to_detector_distance"] = [DISTANCE]
            entry["instrument/detector/sample_to_detector_distance"].attrs["units"] = "mm"
            entry["monitor/bm1_counts"] = np.full(points, 1_000_000)
            entry["sample/name"] = ["weld"]
            for motor, values in {"stth": np.full(points, 91.0), **motors}.items():
                entry[f"sample/{motor}"] = values
                entry[f"sample/{motor}"].attrs["units"] = "degrees" if motor == "stth" else "mm"
        return name

    return write
