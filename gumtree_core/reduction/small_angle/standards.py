"""Samples of known scattering, which put a measurement on absolute scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.constants import Avogadro, k, physical_constants

from gumtree_core.data import Axis, Dataset, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.detector.geometry import Array

ELECTRON_RADIUS = physical_constants["classical electron radius"][0]

THICKNESS = 1.055
"""Certified thickness of the standard in mm."""

GLASSY_CARBON = np.array(
    [
        [0.00827568, 34.933380, 0.398241],
        [0.00888450, 34.427156, 0.392470],
        [0.00954735, 34.042170, 0.388081],
        [0.01026900, 33.698553, 0.384164],
        [0.01105780, 33.352529, 0.380219],
        [0.01191830, 33.027533, 0.376514],
        [0.01286110, 32.665045, 0.372382],
        [0.01389340, 32.306665, 0.368296],
        [0.01502510, 31.970485, 0.364464],
        [0.01626850, 31.559099, 0.359774],
        [0.01763650, 31.183763, 0.355495],
        [0.01914320, 30.861805, 0.351825],
        [0.02080510, 30.514300, 0.347863],
        [0.02264220, 30.084982, 0.342969],
        [0.02467500, 29.690414, 0.338471],
        [0.02692890, 29.249965, 0.333450],
        [0.02943170, 28.889970, 0.329346],
        [0.03221560, 28.449341, 0.324322],
        [0.03531810, 28.065980, 0.319952],
        [0.03878270, 27.704965, 0.315837],
        [0.04265880, 27.331304, 0.311577],
        [0.04700390, 26.974065, 0.307504],
        [0.05188580, 26.676952, 0.304117],
        [0.05738140, 26.401158, 0.300973],
        [0.06358290, 26.177427, 0.298423],
        [0.07059620, 25.904683, 0.295313],
        [0.07854840, 25.528734, 0.291028],
        [0.08758630, 24.917743, 0.284062],
        [0.09788540, 23.946472, 0.272990],
        [0.10965500, 22.472101, 0.256182],
        [0.11431200, 21.777228, 0.248260],
        [0.11839500, 21.112938, 0.240687],
        [0.12262400, 20.401110, 0.232573],
        [0.12314200, 20.287060, 0.231272],
        [0.12700400, 19.685107, 0.224410],
        [0.13154000, 18.909809, 0.215572],
        [0.13623900, 18.089242, 0.206217],
        [0.13864300, 17.679572, 0.201547],
        [0.14110500, 17.264117, 0.196811],
        [0.14614500, 16.372848, 0.186650],
        [0.15136500, 15.458350, 0.176225],
        [0.15651300, 14.587700, 0.166300],
        [0.15677100, 14.563071, 0.166019],
        [0.16237100, 13.616671, 0.155230],
        [0.16817000, 12.668549, 0.144421],
        [0.17417700, 11.752287, 0.133976],
        [0.17718100, 11.311460, 0.128951],
        [0.18039800, 10.862157, 0.123829],
        [0.18684100, 9.961979, 0.113567],
        [0.19351500, 9.116906, 0.103933],
        [0.20042700, 8.325578, 0.094912],
        [0.20116500, 8.224897, 0.093764],
        [0.20758600, 7.541931, 0.085978],
        [0.21500000, 6.854391, 0.078140],
        [0.22267900, 6.216070, 0.070863],
        [0.22909500, 5.715911, 0.065161],
        [0.23063300, 5.582366, 0.063639],
        [0.23887100, 4.999113, 0.056990],
        [0.24740200, 4.463604, 0.050885],
    ]
)
"""q in 1/angstrom, dSigma/dOmega in 1/cm, its combined uncertainty in 1/cm; shape (59, 3).

Facts of the certificate of NIST Standard Reference Material 3600 (Allen, Zhang, Ilavsky, Jemian, J. Appl.
Cryst. 50 (2017) 462), a work of the United States government.
"""


@dataclass(frozen=True)
class Standard:
    """A sample whose scattering is known.

    Attributes
    ----------
    name
        How it is called in messages.
    q
        In 1/angstrom, rising; a single point for what scatters alike at all q.
    intensity, uncertainty
        dSigma/dOmega and its standard uncertainty, in 1/cm, at each q.
    thickness
        In mm, 0 where the standard has none of its own.
    """

    name: str
    q: Array
    intensity: Array
    uncertainty: Array
    thickness: float = 0.0

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and highest q for which it is known, in 1/angstrom."""
        return (0.0, np.inf) if self.q.size == 1 else (float(self.q[0]), float(self.q[-1]))

    def at(self, q: Array) -> Dataset:
        """dSigma/dOmega at q in 1/angstrom, interpolated in log I over log q.

        The uncertainty is one source that all points share: it is that of a calibration, not of counting.

        Raises
        ------
        GumtreeError
            OUTSIDE_STANDARD where it is not known.
        """
        lowest, highest = self.range
        if q.size and not (q.min() >= lowest and q.max() <= highest):
            raise GumtreeError(
                "OUTSIDE_STANDARD",
                f"{self.name} is known from {lowest:g} to {highest:g} 1/angstrom, not from {q.min():g} to "
                f"{q.max():g}.",
            )
        where, known = np.log(np.maximum(q, 1e-300)), np.log(self.q)
        axes = {"q": Axis(q, "1/angstrom", ("q",))}

        def interpolated(values: Array, unit: str) -> Dataset:
            curve = np.exp(np.interp(where, known, np.log(values)))
            return Dataset(curve, dims=("q",), axes=axes, unit=unit, title=self.name)

        intensity = interpolated(self.intensity, "1/cm")
        if not (self.uncertainty > 0).all():
            return intensity
        shared: Dataset = interpolated(self.uncertainty, "1/cm") * scalar(0.0, 1.0, source=self.name)
        uncertain: Dataset = intensity + shared
        return uncertain


def glassy_carbon() -> Standard:
    """NIST SRM 3600."""
    q, intensity, uncertainty = GLASSY_CARBON.T
    return Standard("NIST SRM 3600", q, intensity, uncertainty, THICKNESS)


def flat(level: float, uncertainty: float = 0.0, name: str = "flat scatterer") -> Standard:
    """What scatters alike at all q, such as light water for neutrons; level in 1/cm.

    Raises
    ------
    GumtreeError
        BAD_STANDARD unless the level is above 0.
    """
    if not level > 0:
        raise GumtreeError("BAD_STANDARD", f"The {name} scatters {level:g} 1/cm; it must be above 0.")
    return Standard(name, np.array([1.0]), np.array([level]), np.array([uncertainty]))


def water_for_x_rays(temperature: float = 20.0) -> Standard:
    """Water as x-rays see it at small q, from 0 to 40 degrees Celsius.

    dSigma/dOmega = (r_e 10 n)^2 k T kappa, with n the number of molecules in a volume, 10 electrons each, and
    kappa the isothermal compressibility (Orthaber, Bergmann, Glatter, J. Appl. Cryst. 33 (2000) 218);
    density and compressibility after Kell, J. Chem. Eng. Data 20 (1975) 97. Neutrons see something else: the
    incoherent scattering of hydrogen.

    Raises
    ------
    GumtreeError
        BAD_STANDARD beyond these temperatures.
    """
    if not 0 <= temperature <= 40:
        raise GumtreeError(
            "BAD_STANDARD", f"Water of {temperature:g} degC is no standard; give 0 to 40 degC, as tabulated."
        )
    density = np.polyval(_DENSITY, temperature) / (1 + 16.879850e-3 * temperature)
    compressibility = np.polyval(_COMPRESSIBILITY, temperature) / (1 + 19.67348e-3 * temperature) * 1e-11
    electrons = 10 * density / 18.01528e-3 * Avogadro
    per_metre = (ELECTRON_RADIUS * electrons) ** 2 * k * (temperature + 273.15) * compressibility
    return flat(float(per_metre) / 100, name="water")


_DENSITY = (-280.54253e-12, 105.56302e-9, -46.170461e-6, -7.9870401e-3, 16.945176, 999.83952)
_COMPRESSIBILITY = (410.4110e-12, -58.47727e-9, 20.08438e-6, 1.459187e-3, 0.6163813, 50.88496)
"""Coefficients of Kell, of falling power, for kg/m3 and 1e-6/bar."""
