"""Polarised neutrons behind imperfect polarisers and flippers; the polarisation factor of x-rays.

A polariser of efficiency p lets pass the wanted spin with the part p of all that passes, a flipper of
efficiency f turns the part f (Wildes, Rev. Sci. Instrum. 70 (1999) 4241; Wildes, Neutron News 17 (2006) 17).
Behind a polariser with its flipper off and on, the parts of spin + and - are

    off: p, 1 - p        on: p + f (1 - 2 p), 1 - p - f (1 - 2 p)

An analyser does the same behind the sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError

Array = NDArray[np.float64]
MOST = 1.1
"""Measured efficiencies scatter about 1, and stay unbiased only if those somewhat above are taken too."""
_Matrix = tuple[tuple[Dataset, Dataset], tuple[Dataset, Dataset]]


@dataclass(frozen=True)
class Polarizer:
    """A polariser or analyser with its flipper.

    Attributes
    ----------
    polarizer
        p, above 0.5 and at most 1: the polarisation is 2 p - 1.
    flipper
        f, above 0 and at most 1.

    Both are scalars or along dimensions of the data, such as wavelength, with errors that all intensities
    share.
    """

    polarizer: Dataset
    flipper: Dataset

    def __post_init__(self) -> None:
        for what, value, least in (("polariser", self.polarizer, 0.5), ("flipper", self.flipper, 0.0)):
            given = np.asarray(value.values)
            good = (given > least) & (given <= MOST)
            if not good.all():
                worst = float(given.flat[int(np.argmin(good))])
                raise GumtreeError(
                    "BAD_EFFICIENCY",
                    f"The efficiency of the {what} is {worst:g}; it must be above {least:g} and at most 1. "
                    "A polariser that lets pass both spins alike has 0.5.",
                )

    @property
    def polarization(self) -> Dataset:
        """2 p - 1."""
        polarization: Dataset = 2 * self.polarizer - 1
        return polarization

    def inverse(self) -> _Matrix:
        """From (off, on) to (+, -)."""
        p, f = self.polarizer, self.flipper
        determinant = f * (2 * p - 1)
        turned = p + f * (1 - 2 * p)
        return (
            ((1 - turned) / determinant, (p - 1) / determinant),
            (-turned / determinant, p / determinant),
        )


@dataclass(frozen=True)
class SpinStates:
    """Cross sections or intensities by the spin before and behind the sample."""

    plus_plus: Dataset
    plus_minus: Dataset
    minus_plus: Dataset
    minus_minus: Dataset


@dataclass(frozen=True)
class Efficiencies:
    """What four direct beams tell.

    Attributes
    ----------
    product
        (2 p1 - 1) (2 p2 - 1).
    first_flipper, second_flipper
        f1 and f2.
    """

    product: Dataset
    first_flipper: Dataset
    second_flipper: Dataset

    def alike(self) -> tuple[Polarizer, Polarizer]:
        """Polariser and analyser, taken as equally good: direct beams tell their product alone."""
        p: Any = (1 + np.sqrt(self.product)) / 2
        return Polarizer(p, self.first_flipper), Polarizer(p, self.second_flipper)

    def with_polarizer(self, polarizer: Dataset) -> tuple[Polarizer, Polarizer]:
        """Polariser and analyser, where the efficiency of the former is known otherwise."""
        p = (1 + self.product / (2 * polarizer - 1)) / 2
        return Polarizer(polarizer, self.first_flipper), Polarizer(p, self.second_flipper)


def half_polarized(off: Dataset, on: Dataset, polarizer: Polarizer) -> tuple[Dataset, Dataset]:
    """Intensities of spin + and -, measured with a polariser and no analyser.

    Parameters
    ----------
    off, on
        With the flipper off and on; normalised, background subtracted.

    Returns
    -------
    tuple of Dataset
        (+, -). The errors know that both depend on the same counts and efficiencies.
    """
    (a, b), (c, d) = polarizer.inverse()
    plus: Dataset = off * a + on * b
    minus: Dataset = off * c + on * d
    return plus, minus


def full_polarized(
    off_off: Dataset, off_on: Dataset, on_off: Dataset, on_on: Dataset, first: Polarizer, second: Polarizer
) -> SpinStates:
    """The four spin states, measured with polariser and analyser and a flipper each.

    S = A1^-1 I (A2^-1)^T with the matrices of polariser and analyser (Wildes 1999, equations 3 to 6).

    Parameters
    ----------
    off_off, off_on, on_off, on_on
        The first word is the flipper before the sample, the second that behind.
    first, second
        Polariser and analyser.
    """
    before = first.inverse()
    behind = second.inverse()
    # Undo the analyser in each row, then the polariser.
    rows = [[off * a + on * b for a, b in behind] for off, on in ((off_off, off_on), (on_off, on_on))]
    states = [[rows[0][k] * a + rows[1][k] * b for k in (0, 1)] for a, b in before]
    return SpinStates(states[0][0], states[0][1], states[1][0], states[1][1])


def non_flipping(
    off_off: Dataset, off_on: Dataset, on_on: Dataset, first: Polarizer, second: Polarizer
) -> SpinStates:
    """The spin states from three measurements, where both spin-flip cross sections are equal.

    They are in all but chiral magnets. With S+- = S-+ the intensity that was not measured follows from the
    other three (Wildes 2006).
    """
    # I(on, off) is what makes S+- - S-+ zero; S is linear in it.
    nothing = 0 * off_off
    without = full_polarized(off_off, off_on, nothing, on_on, first, second)
    (_, b0), (_, b1) = first.inverse()
    (c0, _), (c1, _) = second.inverse()
    slope = b0 * c1 - b1 * c0
    on_off = (without.minus_plus - without.plus_minus) / slope
    return full_polarized(off_off, off_on, on_off, on_on, first, second)


def efficiencies(off_off: Dataset, off_on: Dataset, on_off: Dataset, on_on: Dataset) -> Efficiencies:
    """Efficiencies from direct beams in all states of the flippers, with no sample or one that flips nothing.

    With the intensity T (1 + P g1 g2) / 2, P = (2 p1 - 1) (2 p2 - 1), g = 1 with a flipper off and 1 - 2 f
    with it on: f1 = c / (2 b), f2 = c / (2 a), T P = 2 a b / c, where a = I(off, off) - I(on, off),
    b = I(off, off) - I(off, on), c = I(off, off) - I(on, off) - I(off, on) + I(on, on) (Wildes 1999).

    Raises
    ------
    GumtreeError
        NO_POLARIZATION where a flipper changes nothing.
    """
    a, b = off_off - on_off, off_off - off_on
    c = a - off_on + on_on
    for which, difference in (("first", a), ("second", b)):
        if not (np.asarray(difference.values) > 0).all():
            raise GumtreeError(
                "NO_POLARIZATION",
                f"Turning the {which} flipper on does not lower the intensity of the direct beam: is it "
                "powered, and the beam polarised?",
            )
    scaled = 2 * a * b / c
    return Efficiencies(scaled / (2 * off_off - scaled), c / (2 * b), c / (2 * a))


def xray_polarization(two_theta: Array, phi: Array | float = 0.0, degree: float = 0.0) -> Array:
    """Polarisation factor of x-rays; divide an intensity by it.

    [1 + cos^2(2 theta) - P cos(2 phi) sin^2(2 theta)] / 2 (Kahn et al., J. Appl. Cryst. 15 (1982) 330).

    Parameters
    ----------
    two_theta
        Scattering angle, in rad.
    phi
        Azimuth from the plane of polarisation, in rad: the horizontal at a synchrotron.
    degree
        P: 0 of a tube, 1 of a beam that is wholly polarised in that plane, -1 across.

    Raises
    ------
    GumtreeError
        BAD_POLARIZATION unless -1 <= P <= 1.
    """
    if not -1 <= degree <= 1:
        raise GumtreeError("BAD_POLARIZATION", f"A degree of polarisation is from -1 to 1, not {degree:g}.")
    sine = np.square(np.sin(two_theta))
    return np.asarray((2 - sine - degree * np.cos(2 * np.asarray(phi)) * sine) / 2)
