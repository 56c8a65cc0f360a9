"""Known strain, found again from simulated frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gumtree_core.data import Axis, Dataset, poisson, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.strain import (
    d_spacing,
    fit_peaks,
    flat_field,
    pixel_two_theta,
    profile,
    strain,
    strain_map,
)

DISTANCE, WAVELENGTH, SPACING = 1078.0, 1.67, 1.1702
MODEL = "gaussian + linear"


@given(st.floats(-140, 140), st.floats(-140, 140), st.floats(0, 130))
def test_two_theta_is_the_angle_between_beam_and_pixel(x, y, angle):
    s = np.radians(angle)
    pixel = DISTANCE * np.array([np.sin(s), 0, np.cos(s)]) + [x * np.cos(s), y, -x * np.sin(s)]
    cosine = pixel[2] / np.linalg.norm(pixel)

    assert np.cos(np.radians(pixel_two_theta([x], [y], DISTANCE, angle)[0, 0])) == pytest.approx(cosine)


def analysed(run):
    counts = poisson(run.data("detector/counts"), 1)
    angles = pixel_two_theta(
        run.data("detector/x_offset").values, run.data("detector/y_offset").values, DISTANCE, 91.0
    )
    return fit_peaks(
        lambda point: profile(counts["point", point], angles, 0.07), counts.sizes["point"], MODEL, 89.5, 93.0
    )


def test_known_strain_is_recovered_within_statistics(scan):
    known = np.linspace(-1500e-6, 1500e-6, 25)
    peaks = analysed(scan(known, 1))
    found = strain(
        d_spacing(peaks.center, scalar(WAVELENGTH, unit="angstrom")), scalar(SPACING, unit="angstrom")
    )
    pulls = (found.values - known) / found.errors

    assert 0.001 < stats.chi2.cdf(pulls @ pulls, known.size) < 0.999
    assert abs(pulls.mean()) < 3.3 / np.sqrt(known.size)
    assert (found.errors < 60e-6).all()
    chi_square = sum(fit.chi_square for fit in peaks.fits)
    assert chi_square / sum(fit.degrees_of_freedom for fit in peaks.fits) == pytest.approx(1, abs=0.12)
    assert not peaks.reasons


def test_the_error_of_the_wavelength_cancels_against_a_reference_of_the_same_run():
    wavelength = scalar(WAVELENGTH, 0.01, "angstrom", source="monochromator")
    d = d_spacing(Dataset([91.0, 91.1], [0.01**2, 0.01**2], dims=("point",), unit="deg"), wavelength)
    reference = d_spacing(scalar(91.05, 0.0, "deg"), wavelength)

    assert d.errors / d.values == pytest.approx(0.01 / WAVELENGTH, rel=0.01)
    cotangent = 1 / np.tan(np.radians(91.05 / 2))
    assert strain(d, reference).errors == pytest.approx(np.radians(0.01) / 2 * cotangent, rel=0.01)


def test_d_and_strain_follow_braggs_law():
    d = d_spacing(scalar(60.0, unit="deg"), scalar(2.0, unit="angstrom"))

    assert float(d.values) == pytest.approx(2.0)
    assert d.unit == "angstrom"
    assert float(strain(d, scalar(0.1999, unit="nm")).values) == pytest.approx(2 / 1.999 - 1)


def test_a_flat_field_takes_out_what_the_pixels_differ_in(scan):
    random = np.random.default_rng(3)
    uneven = random.uniform(0.6, 1.4, (60, 140))
    flood = poisson(random.poisson(3000 * uneven), 1, dims=("y", "x"), unit="counts")
    flat = flat_field(flood, 5)

    inside = np.s_[5:-5, 5:-5]
    assert flat.values[inside] == pytest.approx(uneven[inside] / uneven[inside].mean(), rel=0.12)
    assert flat.mask[:5].all()
    assert not flat.mask[inside].any()
    corrected = poisson(scan(np.zeros(1), 4, uneven).data("detector/counts"), 1)["point", 0] / flat
    angles = pixel_two_theta(1.33 * (np.arange(140) - 69.5), 1.33 * (np.arange(60) - 29.5), DISTANCE, 91.0)
    curve = profile(corrected, angles, 0.07)["two_theta", 88.5:93.5]
    peaks = fit_peaks(lambda point: curve, 1, MODEL, 89.5, 93.0)
    assert peaks.fits[0].probability > 1e-3


def test_points_without_a_peak_are_masked_and_told(scan):
    run = scan(np.zeros(3), 5)
    counts = np.array(run.data("detector/counts").values)
    counts[1] = 0
    empty = scan(
        np.zeros(3), 5, **{"detector/counts": Dataset(counts, dims=("point", "y", "x"), unit="counts")}
    )
    peaks = analysed(empty)

    assert peaks.center.mask.tolist() == [False, True, False]
    assert list(peaks.reasons) == [1]


def test_noise_is_no_peak():
    """20 fits to a level without a peak: whatever they find, none is told to be one."""
    angles = np.linspace(89, 94, 101)
    rng = np.random.default_rng(4)
    frames = [poisson(rng.poisson(20, 101), 1, axes={"two_theta": Axis(angles, "deg")}) for _ in range(20)]

    with pytest.raises(GumtreeError, match="None of 20 points has a peak"):
        fit_peaks(frames.__getitem__, 20, MODEL, 89.5, 93.0)


def test_no_peak_at_all_is_refused():
    flat = Dataset(np.ones((20, 20)), "poisson", dims=("y", "x"))
    angles = pixel_two_theta(np.arange(20), np.arange(20), DISTANCE, 90)
    with pytest.raises(GumtreeError) as refused:
        fit_peaks(lambda point: profile(flat, angles, 0.05), 1, MODEL, 10, 20)
    assert refused.value.reason == "NO_PEAK"


def test_points_are_put_on_the_grid_of_their_positions():
    x = Dataset([0, 5, 10, 10.001, 5, 0], dims=("point",), unit="mm")
    y = Dataset([2, 2, 2, 1, 1, 1], dims=("point",), unit="mm")
    values = Dataset(np.arange(6.0), np.arange(6.0), dims=("point",))
    grid = strain_map(values, x, y)

    assert grid.values.tolist() == [[5, 4, 3], [0, 1, 2]]
    assert grid.variances.tolist() == [[5, 4, 3], [0, 1, 2]]
    assert grid.axes["x"].values == pytest.approx([0, 5, 10.0005])
    assert grid.mask is None


def test_places_that_were_measured_never_or_twice_are_masked():
    x, y = (Dataset(each, dims=("point",), unit="mm") for each in ([0, 1, 1, 0], [0, 0, 0, 1]))

    assert strain_map(Dataset(np.arange(4.0), dims=("point",)), x, y).mask.tolist() == [
        [False, True],
        [False, True],
    ]


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: pixel_two_theta([0], [0], 0, 90), "BAD_RANGE"),
        (lambda: profile(Dataset(np.ones((2, 2)), dims=("y", "x")), np.ones((2, 2)), 0), "BAD_RANGE"),
        (lambda: flat_field(Dataset(np.ones((6, 6)), dims=("y", "x")), 3), "BAD_FLOOD"),
        (lambda: strain_map(*[Dataset(np.ones(4), dims=("point",))] * 3), "NO_MAP"),
    ],
)
def test_bad_input_is_refused(call, reason):
    with pytest.raises(GumtreeError) as refused:
        call()
    assert refused.value.reason == reason
