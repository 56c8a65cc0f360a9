"""Curves over a temperature in degC: positions are temperatures, widths are differences."""

from __future__ import annotations

import numpy as np
import pytest

from gumtree_core.data import Axis, Dataset
from gumtree_core.reduction.fitting import fit
from gumtree_core.reduction.statistics import robust
from gumtree_core.reduction.statistics.peaks import find_peaks


@pytest.fixture
def curve() -> Dataset:
    t = np.linspace(10, 40, 61)
    counts = np.random.default_rng(1).poisson(10 + 500 * np.exp(-0.5 * ((t - 25) / 2) ** 2))
    return Dataset(counts, "poisson", unit="counts", dims="T", axes={"T": Axis(t, "degC")})


def test_a_fit_gives_a_temperature_and_a_width_in_differences(curve):
    found = fit(curve, "gaussian + constant").parameters
    assert {name: value.unit for name, value in found.items()} == {
        "gaussian_area": "counts*delta_degC",
        "gaussian_center": "degC",
        "gaussian_fwhm": "delta_degC",
        "constant_level": "counts",
        "gaussian_height": "counts",
    }
    assert float(found["gaussian_center"].values) == pytest.approx(25, abs=0.1)
    assert float(found["gaussian_center"].to("K").values) == pytest.approx(298.15, abs=0.1)
    assert float(found["gaussian_fwhm"].to("K").values) == pytest.approx(4.71, abs=0.2)


def test_a_peak_is_found_at_a_temperature(curve):
    (peak,) = find_peaks(curve, width=4.7)
    assert peak.position.unit == "degC"
    assert float(peak.position.values) == pytest.approx(25, abs=0.2)


def test_the_scatter_of_temperatures_is_a_difference():
    steady = Dataset(20 + np.random.default_rng(2).normal(0, 0.1, 200), unit="degC")
    found = robust(steady)
    assert (found.center.unit, found.sigma.unit) == ("degC", "delta_degC")
