"""Samples: known curves on absolute scale, and the transmission that belongs to them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from gumtree_core.reduction.small_angle.standards import GLASSY_CARBON
from gumtree_core.simulation.models import guinier_porod, polydisperse_spheres, schulz
from gumtree_core.simulation.resolution import smear
from gumtree_core.simulation.samples import SAMPLES

DATA = Path(os.environ.get("GUMTREE_REFERENCE_DATA", Path(__file__).parents[3] / "shared" / "data"))


def test_the_schulz_distribution_has_the_mean_and_the_spread_asked_for():
    radius = np.linspace(1.0, 300.0, 20001)
    number = schulz(radius, 80.0, 0.2)
    mean = np.average(radius, weights=number)
    assert mean == pytest.approx(80.0, rel=1e-6)
    assert np.sqrt(np.average((radius - mean) ** 2, weights=number)) == pytest.approx(16.0, rel=1e-5)


def test_nearly_equal_spheres_scatter_as_rayleigh_says():
    curve = polydisperse_spheres(radius=80.0, spread=0.002, volume_fraction=0.01, contrast=4e-6)
    q = np.array([0.001, 0.02, 0.05, 0.08, 0.1])
    x = q * 80.0
    volume = 4 / 3 * np.pi * 80.0**3
    exact = 0.01 * 4e-6**2 * volume * 1e8 * (3 * (np.sin(x) - x * np.cos(x)) / x**3) ** 2
    assert curve(q) == pytest.approx(exact, rel=1e-3, abs=1e-4 * exact[0])


def test_forward_scattering_of_polydisperse_spheres_follows_the_sixth_moment():
    spread, z = 0.12, 1 / 0.12**2 - 1
    curve = polydisperse_spheres(radius=80.0, spread=spread, volume_fraction=0.01, contrast=4e-6)
    moments = np.prod([(z + k) / (z + 1) for k in range(4, 7)])  # <R^6> / (<R^3> <R>^3)
    assert curve(np.array([1e-5])) == pytest.approx(
        0.01 * 4e-6**2 * 1e8 * 4 / 3 * np.pi * 80.0**3 * moments, rel=1e-5
    )


def test_guinier_and_porod_meet_with_equal_value_and_slope():
    curve = guinier_porod(scale=12.0, radius_of_gyration=45.0, exponent=2.0)
    crossover = np.sqrt(1.5 * 2.0) / 45.0
    below, at, above = curve(crossover * np.array([1 - 1e-4, 1.0, 1 + 1e-4]))
    assert below / at - 1 == pytest.approx(2e-4, rel=1e-3)
    assert 1 - above / at == pytest.approx(2e-4, rel=1e-3)
    assert curve(np.array([0.0])) == pytest.approx(12.0)


def test_glassy_carbon_is_the_certified_curve_with_its_uncertainty():
    carbon = SAMPLES["glassy_carbon"]
    q, intensity, uncertainty = GLASSY_CARBON.T
    assert carbon.iq(q) == pytest.approx(intensity)
    assert carbon.uncertainty is not None
    assert carbon.uncertainty(q) == pytest.approx(uncertainty)
    between = np.sqrt(q[3] * q[4])
    assert carbon.iq(between) == pytest.approx(np.sqrt(intensity[3] * intensity[4]))


def test_the_certified_table_is_the_one_of_the_certificate():
    file = DATA / "standards" / "NIST_SRM3600_glassy_carbon.csv"
    if not file.is_file():
        pytest.skip(f"the reference data are not in {DATA}")
    assert np.loadtxt(file, delimiter=",") == pytest.approx(GLASSY_CARBON)


@pytest.mark.parametrize("name", ["spheres", "polymer", "glassy_carbon", "water", "empty_cell"])
@pytest.mark.parametrize("wavelength", [4.5, 8.0])
def test_transmission_accounts_for_all_that_the_sample_scatters_and_absorbs(name, wavelength):
    sample = SAMPLES[name]
    angle = np.linspace(0, np.pi, 200_001)
    q = 4 * np.pi / wavelength * np.sin(angle / 2)
    total = np.trapezoid(2 * np.pi * np.sin(angle) * sample.iq(q), angle)
    absorbed = sample.absorption * wavelength / 1.798
    assert sample.transmission(wavelength) == pytest.approx(
        np.exp(-sample.thickness / 10 * (total + absorbed)), rel=1e-5
    )


def test_transmission_falls_with_the_wavelength_and_cadmium_lets_nothing_pass():
    for name in ("spheres", "polymer", "glassy_carbon", "water"):
        values = [SAMPLES[name].transmission(wavelength) for wavelength in (4.0, 6.0, 9.0, 14.0)]
        assert values == sorted(values, reverse=True)
        assert 0.1 < values[-1] < values[0] < 1
    assert SAMPLES["blocked_beam"].transmission(5.0) == 0.0
    assert SAMPLES["empty_beam"].transmission(5.0) == 1.0


def test_smearing_keeps_a_flat_curve_and_broadens_a_gaussian_as_two_variances_add():
    q = np.linspace(0, 0.2, 40)
    sigma = np.full(q.shape, 0.01)
    assert smear(lambda q: np.full(np.shape(q), 0.7), q, sigma) == pytest.approx(np.full(q.shape, 0.7))
    # A Gaussian around q = 0, seen through a two-dimensional Gaussian, is the Gaussian with added variances.
    width = 0.03
    seen = smear(lambda q: np.exp(-((q / width) ** 2) / 2), q, sigma)
    broad = width**2 + 0.01**2
    assert seen == pytest.approx(width**2 / broad * np.exp(-(q**2) / (2 * broad)), rel=1e-5)
