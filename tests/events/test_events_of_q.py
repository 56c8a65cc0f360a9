"""From events to I(q)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gumtree_core.data import Axis, Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.events import (
    Events,
    histogram,
)
from gumtree_core.reduction.detector.geometry import Geometry
from gumtree_core.reduction.integration import rings
from gumtree_core.reduction.integration.bins import q_bins
from gumtree_core.reduction.integration.events import counts_of_q, expected_of_q, q_coefficient

DETECTOR = Geometry((32, 32), 4000.0, 20.0, 20.0, 15.5, 15.5)
COEFFICIENT = q_coefficient(DETECTOR.two_theta, 20_000 + np.hypot(4000.0, DETECTOR.radius))
EDGES = np.linspace(8000, 60_000, 201)
BINS = q_bins(0.008, 0.12, 30, "logarithmic")


def scattered(seed: int, size: int) -> tuple[Events, Dataset]:
    """Events of I(q) = exp(-(q / 0.05)^2) under a falling spectrum; and the spectrum."""
    random = np.random.default_rng(seed)
    time = 8000 + 52_000 * random.random(size) ** 1.4
    pixel = random.integers(0, 1024, size)
    q = COEFFICIENT.reshape(-1)[pixel] / time
    kept = random.random(size) < np.exp(-((q / 0.05) ** 2))
    fine = np.sort(8000 + 52_000 * np.linspace(0, 1, 400_001) ** 1.4)
    spectrum = np.histogram(fine, EDGES)[0] * (size / fine.size / 1024)
    events = Events(pixel[kept], time[kept], 1.0, (32, 32), np.array([0]))
    axis = Axis(EDGES, "us", ("time_of_flight",))
    return events, Dataset(spectrum, dims=("time_of_flight",), axes={"time_of_flight": axis})


def test_i_of_q_is_found_from_events():
    events, spectrum = scattered(1, 400_000)

    counts = counts_of_q(events, COEFFICIENT, BINS)
    found = counts / expected_of_q(spectrum, COEFFICIENT, 1.0, BINS)

    q = np.sqrt(BINS.values[1:] * BINS.values[:-1])
    seen = counts.values > 30
    pull = (found.values - np.exp(-((q / 0.05) ** 2)))[seen] / np.hypot(
        found.errors[seen], 0.01 * found.values[seen]
    )
    assert seen.sum() > 20
    assert np.mean(pull**2) < 1.6


def test_events_and_a_fine_histogram_agree():
    events, _ = scattered(2, 200_000)
    direct = counts_of_q(events, COEFFICIENT, BINS)

    fine = np.linspace(8000, 60_000, 2001)
    counted = histogram(events, fine)
    middle = (fine[1:] + fine[:-1]) / 2
    q = COEFFICIENT[np.newaxis] / middle[:, np.newaxis, np.newaxis]
    through = rings(q, BINS).sum(counted.replace(axes={}))

    assert through.values == pytest.approx(direct.values, abs=6 * np.sqrt(direct.values.max()))
    assert through.values.sum() == pytest.approx(direct.values.sum(), rel=2e-3)


@pytest.mark.parametrize("offset", [0.0, 350.0])
def test_events_and_histogram_then_integration_are_equal(offset):
    random = np.random.default_rng(7)
    edges = np.linspace(8000, 60_000, 101)
    middle = (edges[1:] + edges[:-1]) / 2
    time, pixel = middle[random.integers(0, 100, 50_000)], random.integers(0, 1024, 50_000)
    events = Events(pixel, time, 1.0, (32, 32), np.array([0]))

    direct = counts_of_q(events, COEFFICIENT, BINS, offset)
    q = COEFFICIENT / (middle - offset)[:, np.newaxis, np.newaxis]
    through = rings(q, BINS).sum(histogram(events, edges))

    assert direct.values.tolist() == through.values.tolist()
    assert direct.variances == pytest.approx(through.variances)
    assert direct.values.sum() + direct.metadata["outside"] == len(events)


def test_the_flight_may_begin_later_on_the_clock():
    events, spectrum = scattered(1, 20_000)
    later = replace(events, time_of_flight=events.time_of_flight + 350)
    axis = Axis(EDGES + 350, "us", ("time_of_flight",))
    shifted = spectrum.replace(axes={"time_of_flight": axis})

    assert counts_of_q(later, COEFFICIENT, BINS, 350).values.tolist() == pytest.approx(
        counts_of_q(events, COEFFICIENT, BINS).values.tolist(), abs=1
    )
    assert expected_of_q(shifted, COEFFICIENT, 1.0, BINS, 350).values == pytest.approx(
        expected_of_q(spectrum, COEFFICIENT, 1.0, BINS).values
    )
    with pytest.raises(GumtreeError, match="before the flight"):
        expected_of_q(spectrum, COEFFICIENT, 1.0, BINS, 9000)


def test_q_of_a_known_neutron():
    (coefficient,) = q_coefficient([2 * np.arcsin(0.1)], 10_000)

    wavelength = 3956.034 * 12_640e-6 / 10.0
    assert coefficient / 12_640 == pytest.approx(4 * np.pi * 0.1 / wavelength, rel=1e-6)


def test_a_flat_sample_is_flat_with_a_normalisation_of_its_own():
    spectrum = Dataset(
        np.full(200, 3.0), dims=("time_of_flight",),
        axes={"time_of_flight": Axis(EDGES, "us", ("time_of_flight",))},
    )  # fmt: skip
    expected = expected_of_q(spectrum, COEFFICIENT, 2.0, free := q_bins(1e-6, 10.0, 1))

    assert float(expected.values[0]) == pytest.approx(
        3.0 * 200 * 2.0 * np.isfinite(COEFFICIENT).sum(), rel=2e-3
    )
    assert free.unit == "1/angstrom"


def test_other_pixels_and_no_edges_are_refused():
    events, spectrum = scattered(1, 100)
    with pytest.raises(GumtreeError, match="geometry of"):
        counts_of_q(events, COEFFICIENT[:3], BINS)
    with pytest.raises(GumtreeError, match="edges"):
        expected_of_q(spectrum.replace(axes={}), COEFFICIENT, 1.0, BINS)
    with pytest.raises(GumtreeError, match="flight path"):
        q_coefficient([0.1], 0.0)
