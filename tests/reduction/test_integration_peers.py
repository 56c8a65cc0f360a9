"""Integration beside pyFAI on the same frames; form factors of sasmodels found again in counted frames."""

from __future__ import annotations

import numpy as np
import pytest

from gumtree_core.data import Dataset, poisson
from gumtree_core.reduction.detector.geometry import Geometry
from gumtree_core.reduction.integration import annulus, circle, circular, free_bins, phi_bins, q_bins, sector

DETECTOR = Geometry((192, 160), 3500.0, 5.0, 5.0, 83.3, 92.8)
WAVELENGTH = 6.0


@pytest.fixture(scope="module")
def frame():
    q = DETECTOR.q(WAVELENGTH)
    counts = np.random.default_rng(7).poisson(4000 * np.exp(-((q / 0.03) ** 2)) + 5)
    return counts.astype(np.int32)


@pytest.fixture(scope="module")
def pyfai():
    module = pytest.importorskip("pyFAI.integrator.azimuthal", reason="pyFAI is not installed")
    return module.AzimuthalIntegrator(
        dist=DETECTOR.distance * 1e-3,
        poni1=(DETECTOR.center_y + 0.5) * DETECTOR.pixel_size_y * 1e-3,
        poni2=(DETECTOR.center_x + 0.5) * DETECTOR.pixel_size_x * 1e-3,
        pixel1=DETECTOR.pixel_size_y * 1e-3,
        pixel2=DETECTOR.pixel_size_x * 1e-3,
        wavelength=WAVELENGTH * 1e-10,
    )


def theirs(pyfai, frame, number, method, **options):
    return pyfai.integrate1d_ng(
        frame, number, unit="q_A^-1", method=method, correctSolidAngle=False, variance=frame.astype(float),
        **options,
    )  # fmt: skip


def edges(found, number):
    """The bins are those that pyFAI has taken: equal ones between the centres that it gives."""
    q = found.radial.astype(float)
    step = (q[-1] - q[0]) / (number - 1)
    return free_bins(q[0] + step * (np.arange(number + 1) - 0.5))


def test_rings_are_those_of_pyfai_without_splitting(frame, pyfai):
    found = theirs(pyfai, frame, 90, ("no", "histogram", "cython"))

    ours = circular(Dataset(frame, frame, dims=("y", "x")), DETECTOR.q(WAVELENGTH), edges(found, 90))

    index = np.searchsorted(edges(found, 90).values, DETECTOR.q(WAVELENGTH), "right") - 1
    pixels = np.bincount(np.clip(index, -1, 90).ravel() + 1, minlength=92)[1:91]
    same = pixels == found.count  # pixels on an edge go where float32 or float64 has them
    assert same.mean() > 0.95
    assert ours.values[same] == pytest.approx(found.intensity[same], rel=1e-6)
    assert ours.errors[same] == pytest.approx(found.sigma[same], rel=1e-5)


def test_split_pixels_agree_with_those_of_pyfai(frame, pyfai):
    found = theirs(pyfai, frame, 60, ("full", "csr", "cython"))

    ours = circle(DETECTOR.q_map(WAVELENGTH), edges(found, 60), split=True).average(
        Dataset(frame, dims=("y", "x"))
    )

    inner = slice(2, 50)
    assert ours.values[inner] == pytest.approx(found.intensity[inner], rel=4e-3)


def test_a_sector_is_that_of_pyfai(frame, pyfai):
    found = theirs(pyfai, frame, 60, ("no", "histogram", "cython"), azimuth_range=(-30, 30))

    plan = sector(DETECTOR.q_map(WAVELENGTH), edges(found, 60), 0.0, 60.0)
    ours = plan.average(Dataset(frame, dims=("y", "x")))

    seen = found.count > 0
    assert np.array_equal(~ours.mask, seen)
    assert np.isclose(ours.values, found.intensity, rtol=1e-6)[seen].mean() > 0.95


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("sphere", {"radius": 120.0}),
        ("core_shell_sphere", {"radius": 80.0, "thickness": 30.0, "sld_core": 1.0, "sld_shell": 4.0}),
        ("cylinder", {"radius": 40.0, "length": 400.0}),
        ("lamellar", {"thickness": 50.0}),
    ],
)
def test_form_factors_of_sasmodels_are_found_again(name, parameters):
    core = pytest.importorskip("sasmodels.core", reason="sasmodels is not installed")
    data = pytest.importorskip("sasmodels.direct_model")
    import sasmodels.data as sasdata

    q = DETECTOR.q(WAVELENGTH)
    fine = np.geomspace(q[q > 0].min() / 1.1, q.max() * 1.01, 1500)
    calculator = data.DirectModel(sasdata.empty_data1D(fine), core.load_model(name, platform="dll"))
    curve = np.asarray(calculator(background=0.001, scale=1.0, **parameters))
    each = np.exp(np.interp(np.log(q), np.log(fine), np.log(curve)))
    level = 400 / each.mean()
    counts = np.random.default_rng(3).poisson(level * each)
    axis = q_bins(0.008, 0.11, 60)

    found = circular(poisson(counts, 0, dims=("y", "x")), q, axis) / level
    expected = circular(Dataset(each, dims=("y", "x")), q, axis)

    chi_square = np.mean(((found.values - expected.values) / found.errors) ** 2)
    assert 0.6 < chi_square < 1.5  # of 60 bins: 3 standard deviations


def test_a_ring_in_phi_of_what_lies_along_x():
    q_map = DETECTOR.q_map(WAVELENGTH)
    each = 100 * (1 + np.cos(q_map.phi) ** 2)

    found = annulus(q_map, phi_bins(-180, 180, 24), 0.02, 0.04).average(Dataset(each, dims=("y", "x")))

    phi = np.deg2rad(found.axes["phi"].centers)
    assert found.values == pytest.approx(100 * (1 + np.cos(phi) ** 2), rel=0.02)
