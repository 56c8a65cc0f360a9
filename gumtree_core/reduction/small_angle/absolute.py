"""The absolute scale: from counts over counts to the cross-section dSigma/dOmega in 1/cm."""

from __future__ import annotations

import numpy as np

from gumtree_core.data import Dataset, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.detector.geometry import Geometry
from gumtree_core.reduction.small_angle.merging import LEAST_OVERLAP, matching_factor, points
from gumtree_core.reduction.small_angle.standards import Standard


def unattenuated(beam: Dataset, attenuation: Dataset) -> Dataset:
    """A direct beam as it would be without its attenuator, which let the part `attenuation` through.

    Raises
    ------
    GumtreeError
        BAD_ATTENUATION unless 0 < attenuation <= 1.
    """
    if not 0 < float(attenuation.values) <= 1:
        raise GumtreeError(
            "BAD_ATTENUATION",
            f"The attenuator let {float(attenuation.values):g} of the beam through, which is not above 0 and "
            "at most 1. Set `attenuation`.",
        )
    beam_without: Dataset = beam / attenuation
    return beam_without


def thickness_in_cm(millimetres: float, name: str) -> Dataset:
    """The thickness of a sample as a Dataset in cm.

    Raises
    ------
    GumtreeError
        NO_THICKNESS unless it is above 0.
    """
    if not millimetres > 0:
        raise GumtreeError(
            "NO_THICKNESS",
            f"The thickness of {name} is {millimetres:g} mm; the absolute scale needs it. Set `thickness` "
            "above 0.",
        )
    return scalar(millimetres / 10, unit="cm")


def direct_beam_scale(beam: Dataset, geometry: Geometry, thickness: Dataset) -> Dataset:
    """What the scattering is divided by: D Omega_0 d.

    With D the direct beam without attenuator, Omega_0 the solid angle of a pixel at the beam and d the
    thickness (Wignall and Bates, J. Appl. Cryst. 20 (1987) 28). Monitor, efficiency and flux cancel.

    Raises
    ------
    GumtreeError
        NO_BEAM where the beam has no counts.
    """
    if not float(beam.values) > 0:
        raise GumtreeError(
            "NO_BEAM", "The direct beam has no counts; was the beam stop or the shutter in? Check its centre."
        )
    scale: Dataset = beam * geometry.straight_solid_angle * thickness
    return scale


def standard_scale(
    measured: Dataset,
    standard: Standard,
    standard_thickness: Dataset,
    thickness: Dataset,
    lowest: float = 0.0,
    highest: float = np.inf,
) -> Dataset:
    """What the scattering is divided by, from a standard sample measured and corrected like the sample.

    d / f, with f the least-squares factor between what is known of the standard and what was measured of it
    per thickness (`matching_factor`). The standard's uncertainty is a source that all points share.

    Parameters
    ----------
    measured
        (q,), the standard over its transmission, in the units of the sample's scattering.
    standard_thickness, thickness
        Of the standard and of the sample.
    lowest, highest
        Limits of q in 1/angstrom; what lies outside of the standard's range is left out too.

    Raises
    ------
    GumtreeError
        NO_OVERLAP with fewer than three points; BAD_SCALE.
    """
    curve = points(measured)
    q = curve.axes["q"].values
    low, high = standard.range
    inside = (q >= max(low, lowest)) & (q <= min(high, highest))
    if np.count_nonzero(inside) < LEAST_OVERLAP:
        raise GumtreeError(
            "NO_OVERLAP",
            f"{np.count_nonzero(inside)} points of the standard lie where {standard.name} is known, "
            f"{low:g} to {high:g} 1/angstrom; the scale needs {LEAST_OVERLAP}. Widen the range of q.",
        )
    used = curve[inside]
    factor = matching_factor(used / standard_thickness, standard.at(used.axes["q"].values))
    scale: Dataset = thickness / factor
    return scale
