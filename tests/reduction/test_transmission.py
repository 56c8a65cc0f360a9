from __future__ import annotations

import numpy as np
import pytest

from gumtree_core.data import Dataset, poisson, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.corrections.normalization import rate
from gumtree_core.reduction.corrections.transmission import at_angle, beam_intensity, transmission
from gumtree_core.reduction.detector.geometry import Geometry, geometry
from gumtree_core.simulation import truth
from gumtree_core.simulation.sans import angle_dependent_transmission


def test_the_ratio_of_two_beams_and_its_error():
    ratio = transmission(scalar(500.0, np.sqrt(500.0)), scalar(1000.0, np.sqrt(1000.0)))

    assert float(ratio.values) == 0.5
    assert float(ratio.errors) == pytest.approx(0.5 * np.sqrt(1 / 500 + 1 / 1000))


def test_a_beam_is_summed_within_its_radius():
    image = poisson(np.arange(25).reshape(5, 5), 0, dims=("y", "x"))

    beam = beam_intensity(image, Geometry((5, 5), 1000.0, 5.0, 5.0, 2.0, 2.0), 5.0)

    assert float(beam.values) == 12 + 11 + 13 + 7 + 17
    assert float(beam.variances) == 60
    assert beam.ndim == 0


@pytest.mark.parametrize("sample", ["glassy_carbon", "spheres", "polymer", "water"])
def test_the_transmission_of_a_simulated_sample_is_found(noise_free, sample):
    """What is scattered forward into the summed spot belongs to the beam: 5e-4 at 4 m."""
    through, empty = (
        rate(noise_free.run(name, direct=True), "monitor") - rate(noise_free.run("blocked_beam"), "monitor")
        for name in (sample, "empty_beam")
    )
    detector = geometry(noise_free.run("empty_beam"))

    measured = transmission(*(beam_intensity(each, detector, 30.0) for each in (through, empty)))

    assert float(measured.values) == pytest.approx(truth.transmission(sample, 5.0), rel=1e-3)


def test_a_monitor_that_both_beams_share_adds_no_error_to_their_ratio():
    monitor = scalar(100.0, 10.0)

    ratio = transmission(scalar(5.0, 0.0) / monitor, scalar(8.0, 0.0) / monitor)

    assert float(ratio.errors) == pytest.approx(0.0, abs=1e-12)


def test_an_empty_beam_without_counts_is_refused():
    with pytest.raises(GumtreeError, match="shutter") as refused:
        transmission(scalar(5.0), scalar(0.0))

    assert refused.value.reason == "NO_BEAM"


@pytest.mark.parametrize("straight", [0.5, 0.8, 0.99])
def test_at_an_angle_the_path_through_the_sample_is_longer(straight):
    cosine = np.cos(np.radians([[0.0, 5.0, 20.0]]))

    through = at_angle(scalar(straight), cosine).values

    assert through[0, 0] == pytest.approx(straight)
    assert np.all(np.diff(through) < 0)
    assert through == pytest.approx(straight * angle_dependent_transmission(straight, cosine), rel=1e-3)


def test_the_error_of_a_transmission_is_shared_by_all_angles():
    cosine = np.cos(np.radians([[0.0, 20.0]]))

    through = at_angle(scalar(0.5, 0.01), cosine)

    exponent = (1 + 1 / cosine) / 2
    assert through.errors == pytest.approx(exponent * 0.5 ** (exponent - 1) * 0.01)
    assert Dataset.correlation(through["y", 0])[0, 1] == pytest.approx(1.0)


@pytest.mark.parametrize("value", [0.0, -0.1, np.nan])
def test_a_transmission_that_is_not_above_zero_is_refused(value):
    with pytest.raises(GumtreeError) as refused:
        at_angle(scalar(value), np.ones((1, 1)))

    assert refused.value.reason == "BAD_TRANSMISSION"
