"""What can be put into the beam: samples whose I(q) is known on absolute scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from gumtree_core.reduction.small_angle.standards import GLASSY_CARBON, THICKNESS
from gumtree_core.simulation.models import (
    Curve,
    debye_bueche,
    guinier_porod,
    log_interpolation,
    polydisperse_spheres,
)

Array = NDArray[np.float64]

REFERENCE_WAVELENGTH = 1.798
"""Wavelength of 2200 m/s neutrons in angstrom, for which absorption is tabulated."""

_Q = np.concatenate([[0.0], np.geomspace(1e-5, 10.0, 4000)])


@dataclass(frozen=True)
class Sample:
    """Something in the beam.

    Attributes
    ----------
    name, label
        How it is called.
    thickness
        In mm.
    curve
        dSigma/dOmega in 1/cm as a function of q in 1/angstrom, without `background`; None where it does not
        scatter.
    background
        Flat incoherent scattering in 1/cm.
    absorption
        Macroscopic absorption cross-section in 1/cm at 1.798 angstrom.
    cell
        Whether it is held in a quartz cell (the sample `empty_cell`).
    opaque
        Whether it lets nothing pass.
    uncertainty
        Of a certified standard: of dSigma/dOmega in 1/cm at q; None where the curve is exact.
    """

    name: str
    label: str
    thickness: float = 0.0
    curve: Curve | None = None
    background: float = 0.0
    absorption: float = 0.0
    cell: bool = False
    opaque: bool = False
    uncertainty: Curve | None = None

    def iq(self, q: Array) -> Array:
        """dSigma/dOmega in 1/cm at q in 1/angstrom, incoherent background included."""
        flat = np.full(np.shape(q), self.background)
        return flat if self.curve is None else flat + self.curve(np.asarray(q, dtype=float))

    @cached_property
    def _invariant(self) -> Array:
        """Integral of I(q) q dq from 0 to each of the tabulated q."""
        values = self.iq(_Q) * _Q
        steps = np.diff(_Q) * (values[1:] + values[:-1]) / 2
        return np.concatenate([[0.0], np.cumsum(steps)])

    def transmission(self, wavelength: float) -> float:
        """Transmission of the sample alone at `wavelength` (angstrom).

        exp(-t (Sigma_a lambda / 1.798 + Sigma_s)): what is absorbed, and all that is scattered by the very
        I(q), Sigma_s = lambda^2 / (2 pi) * integral of I(q) q dq from 0 to 4 pi / lambda.
        """
        if self.opaque:
            return 0.0
        scattered = wavelength**2 / (2 * np.pi) * np.interp(4 * np.pi / wavelength, _Q, self._invariant)
        removed = self.absorption * wavelength / REFERENCE_WAVELENGTH + scattered
        return float(np.exp(-self.thickness / 10 * removed))


def _samples() -> Mapping[str, Sample]:
    listed = (
        Sample("empty_beam", "Empty beam"),
        Sample("blocked_beam", "Cadmium", opaque=True),
        Sample(
            "glassy_carbon",
            "Glassy carbon, NIST SRM 3600",
            THICKNESS,
            log_interpolation(GLASSY_CARBON[:, 0], GLASSY_CARBON[:, 1]),
            absorption=0.0003,
            uncertainty=log_interpolation(GLASSY_CARBON[:, 0], GLASSY_CARBON[:, 2]),
        ),
        Sample(
            "empty_cell",
            "Quartz cell, empty",
            2.5,
            debye_bueche(scale=1.0, length=150.0),
            background=0.004,
            absorption=0.005,
        ),
        Sample(
            "spheres",
            "Silica spheres of 80 angstrom in heavy water, volume fraction 1 %",
            1.0,
            polydisperse_spheres(radius=80.0, spread=0.12, volume_fraction=0.01, contrast=4e-6),
            background=0.06,
            absorption=0.001,
            cell=True,
        ),
        Sample(
            "polymer",
            "Polymer coils in heavy water (Guinier-Porod)",
            1.0,
            guinier_porod(scale=12.0, radius_of_gyration=45.0, exponent=2.0),
            background=0.08,
            absorption=0.001,
            cell=True,
        ),
        Sample("water", "Light water, a flat scatterer", 1.0, background=0.45, absorption=0.022, cell=True),
    )
    return MappingProxyType({sample.name: sample for sample in listed})


SAMPLES: Mapping[str, Sample] = _samples()
"""The samples by name, in the order of the sample changer's slots."""
