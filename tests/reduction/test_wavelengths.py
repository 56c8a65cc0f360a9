from __future__ import annotations

import numpy as np
import pytest

from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.detector import wavelengths as w


def test_known_wavelengths():
    assert pytest.approx(3956.034) == w.VELOCITY
    assert w.cubic_spacing(3, 3, 5) == pytest.approx(0.86283, abs=1e-5)
    assert w.of_monochromator(w.cubic_spacing(3, 3, 5), 140.0) == pytest.approx(1.62158, abs=1e-4)
    assert w.of_monochromator(w.graphite_spacing(), 90.0) == pytest.approx(4.7433, abs=1e-4)
    assert w.of_flight(1000.0, 3956.034) == pytest.approx(1.0)
    assert w.of_flight([1100.0, 2100.0], 3956.034, offset=100.0) == pytest.approx([1.0, 2.0])


def test_a_selector_lets_through_what_flies_while_it_turns():
    """A rotor of 0.25 m with a twist of 48.27 deg at 28300 rpm: t = 284 us, so v = 879 m/s."""
    wave = w.of_selector(28_300, 48.27, 250.0)

    time = 48.27 / 360 / (28_300 / 60)
    assert w.VELOCITY / wave == pytest.approx(0.25 / time)
    assert w.of_selector(14_150, 48.27, 250.0) == pytest.approx(2 * wave)


def test_the_fall_is_that_of_a_projectile():
    """Through the middle of two apertures 10 m apart, then 10 m to the detector."""
    v, L1, L2, g = 3956.034 / 12, 10.0, 10.0, 9.80665
    up = g * L1 / v / 2  # climbs so that it is back on the line after L1
    below = up * (L1 + L2) / v - g / 2 * ((L1 + L2) / v) ** 2

    assert w.fall(12.0, 10_000, 10_000) == pytest.approx(-below * 1000)
    assert w.fall(np.array([6.0, 12.0]), 1e4, 1e4)[1] == pytest.approx(4 * w.fall(6.0, 1e4, 1e4))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: w.cubic_spacing(0, 0, 0), "NO_REFLECTION"),
        (lambda: w.graphite_spacing(0), "NO_REFLECTION"),
        (lambda: w.of_monochromator(1.0, 0.0), "BAD_TAKEOFF"),
        (lambda: w.of_selector(0.0, 48, 250), "BAD_SELECTOR"),
        (lambda: w.of_flight(1.0, 0.0), "BAD_GEOMETRY"),
    ],
)
def test_what_gives_no_wavelength_is_refused(make, reason):
    with pytest.raises(GumtreeError) as refused:
        make()

    assert refused.value.reason == reason
