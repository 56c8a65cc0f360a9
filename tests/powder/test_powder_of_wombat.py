"""The script `powder` on a curved area detector in steps: simulated files, read by the mapping of Wombat."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from gumtree_core.files import load
from gumtree_core.scripts import load_script

RADIUS, WIRES, ROWS, STEPS = 728.0, 240, 32, 5
PITCH, STEP = 0.125, 0.025
PEAKS = (20.0, 35.0)  # deg; strongly curved at a detector of 200 mm


def counted(first: int = 0, last: int = STEPS) -> dict[str, object]:
    """Poisson counts of Debye-Scherrer cones in steps `first` to `last` of a scan."""
    edges = PITCH * np.arange(WIRES + 1)
    heights = np.linspace(-100, 100, ROWS + 1)
    y = (heights[1:] + heights[:-1]) / 2
    stth = 12 + STEP * np.arange(STEPS)
    wires = np.radians(stth[:, np.newaxis, np.newaxis] + (edges[1:] + edges[:-1]) / 2)
    angle = np.degrees(np.arccos(np.cos(wires) * (RADIUS / np.hypot(RADIUS, y))[:, np.newaxis]))
    expected = 5 + sum(200 * np.exp(-(((angle - peak) / 0.15) ** 2) / 2) for peak in PEAKS)
    counts = np.random.default_rng(1).poisson(expected)
    part = slice(first, last)
    return {
        "instrument/name": "wombat",
        "instrument/detector/radius": RADIUS,
        "data/hmm_xy": counts[part],
        "data/x_pixel_angular_offset": edges,
        "data/y_pixel_offset": heights,
        "sample/azimuthal_angle": stth[part],
        "monitor/bm1_counts": np.full(STEPS, 1000)[part],
    }


UNITS = {
    "instrument/detector/radius": "mm",
    "data/x_pixel_angular_offset": "degrees",
    "data/y_pixel_offset": "mm",
    "sample/azimuthal_angle": "degrees",
}


def written(path: Path, items: dict[str, object]) -> Path:
    with h5py.File(path, "w") as file:
        for name, value in items.items():
            item = file.create_dataset(f"entry1/{name}", data=value)
            if name in UNITS:
                item.attrs["units"] = UNITS[name]
    return path


def reduced(path: Path):
    work = load_script("powder")(sample=load(path), lowest_row=0, highest_row=ROWS - 1, width=0.05)
    work.reduce()
    return work.pattern


def test_the_peaks_of_a_curved_detector_are_found_where_they_were_simulated(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pattern = reduced(written(tmp_path / "WBT0000001.nx.hdf", counted()))

    angles = pattern.axes["two_theta"].values
    for peak in PEAKS:
        near = np.abs(angles - peak) < 0.6
        weights = pattern.values[near] - 5 * ROWS  # a point is as if all rows had seen it
        middle = np.average(angles[near], weights=weights)
        width = np.sqrt(np.average((angles[near] - middle) ** 2, weights=np.clip(weights, 0, None)))
        assert middle == pytest.approx(peak, abs=0.01)
        assert width == pytest.approx(0.15, abs=0.005)


def test_a_scan_that_goes_on_is_reduced_as_far_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sizes = []
    for steps in range(1, STEPS + 1):
        pattern = reduced(written(tmp_path / f"WBT000000{steps}.nx.hdf", counted(0, steps)))
        sizes.append(pattern.errors[np.abs(pattern.axes["two_theta"].values - 27) < 2].mean())

    assert (np.diff(sizes) < 0).all()  # what is counted longer is known better
