from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.integration.resolution import sigma_q
from gumtree_core.simulation.resolution import geometric_sigma, total_sigma

INSTRUMENT = {
    "wavelength": 5.0, "wavelength_spread": 0.1, "collimation": 10_000.0, "distance": 4000.0,
    "source_aperture": 40.0, "sample_aperture": 12.5, "pixel_size": 5.08,
}  # fmt: skip


@given(
    st.floats(2, 20), st.floats(0, 0.3), st.floats(1000, 20_000), st.floats(1000, 20_000),
    st.floats(1, 60), st.floats(1, 30), st.floats(0.1, 10),
)  # fmt: skip
def test_it_is_the_resolution_with_which_the_simulation_smears(
    wavelength, spread, collimation, distance, source, sample, pixel
):
    q = np.linspace(0, 0.5, 7)

    found = sigma_q(
        q, wavelength=wavelength, wavelength_spread=spread, collimation=collimation, distance=distance,
        source_aperture=source, sample_aperture=sample, pixel_size=pixel,
    )  # fmt: skip

    geometric = geometric_sigma(wavelength, collimation, distance, source / 2, sample / 2, pixel)
    assert found == pytest.approx(total_sigma(q, geometric, spread), rel=1e-12)


def test_far_out_the_wavelength_spread_alone_matters():
    """The standard deviation of a triangle is its full width at half maximum over the root of 6."""
    assert sigma_q(np.array([100.0]), **INSTRUMENT) == pytest.approx([100 * 0.1 / np.sqrt(6)], rel=1e-6)


def test_a_worked_example_at_the_beam():
    """k = 1.25664; 3 (20/10000)^2 + 3 (6.25 (1/10000 + 1/4000))^2 + (5.08/4000)^2 = 2.79683e-5."""
    assert sigma_q(np.array([0.0]), **INSTRUMENT) == pytest.approx([0.00191846], rel=1e-5)


@pytest.mark.parametrize("name", ["wavelength", "collimation", "distance"])
def test_an_instrument_of_no_length_is_refused(name):
    with pytest.raises(GumtreeError, match=name) as refused:
        sigma_q(np.array([0.1]), **{**INSTRUMENT, name: 0.0})

    assert refused.value.reason == "BAD_GEOMETRY"
