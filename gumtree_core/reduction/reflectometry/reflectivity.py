"""From the images of a reflected and a direct beam to R(Q) of one angle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gumtree_core.data import Axis, Dataset, poisson
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.reduction.detector.geometry import Array, number
from gumtree_core.reduction.reflectometry.beam import (
    Background,
    Regions,
    Ridge,
    find_ridge,
    weights,
)
from gumtree_core.reduction.reflectometry.flight import Flight, flight
from gumtree_core.reduction.reflectometry.gravity import deflection, slope

TIME, WAVELENGTH = "time_of_flight", "wavelength"
PARTS = (1 / 3, 2 / 3, 1.0)
"""Of the range of wavelengths, counted from the longest: where the beam is looked for."""
ENOUGH_TO_LOCATE = 2000
"""Counts that such a part has to hold."""


@dataclass(frozen=True)
class Extraction:
    """How a beam is taken out of an image.

    Attributes
    ----------
    width, gap, beside
        Of `Regions.around`.
    background
        Through the rows beside the beam, a line or a mean, or none.
    gravity
        Whether the regions follow the beam as it falls.
    """

    width: float = 3.0
    gap: float = 4.0
    beside: float = 2.0
    background: Background = "line"
    gravity: bool = True


@dataclass(frozen=True)
class Spectrum:
    """What a beam holds at each wavelength.

    Attributes
    ----------
    intensity
        (wavelength,), counts per monitor count in each bin.
    flight
        Its way.
    ridge, regions
        Where it is on the detector.
    height
        Of the middle of the beam, in mm over row 0 of a detector that is not lifted.
    """

    intensity: Dataset
    flight: Flight
    ridge: Ridge
    regions: Regions
    height: float


def wavelength_bins(lowest: float, highest: float, resolution: float) -> Axis:
    """Edges of bins of equal relative width, about `resolution`, whose middle ones begin and end as said.

    Raises
    ------
    GumtreeError
        BAD_BINS unless 0 < lowest < highest and 0 < resolution < 1.
    """
    if not (0 < lowest < highest and 0 < resolution < 1):
        raise GumtreeError(
            "BAD_BINS",
            f"There are no bins of relative width {resolution:g} from {lowest:g} to {highest:g} angstrom. "
            "The lowest wavelength must be above 0 and below the highest, the width between 0 and 1.",
        )
    first, last = lowest * (1 - resolution / 2), highest * (1 + resolution / 2)
    edges = int(np.log(last / first) / np.log1p(resolution)) + 1
    return Axis(np.geomspace(first, last, max(edges, 2)), unit="angstrom", dims=(WAVELENGTH,))


def spectrum(
    run: Run,
    bins: Axis,
    *,
    reflected: bool,
    extraction: Extraction | None = None,
    ridge: Ridge | None = None,
) -> Spectrum:
    """Take the beam out of a run's image, less its background, in bins of wavelength.

    Parameters
    ----------
    run
        With `detector/counts` (time_of_flight, y, x) or (time_of_flight, y), row 0 the lowest, and the keys
        that `flight` needs.
    bins
        Edges, as `wavelength_bins` makes them.
    reflected
        Whether gravity bends it as a reflected beam or as a direct one.
    ridge
        Where the beam is; found unless given.

    Returns
    -------
    Spectrum
        Counts that lie in two bins are shared between them: neighbours are correlated, sums are conserved.

    Raises
    ------
    GumtreeError
        NOT_TIME_OF_FLIGHT, NO_BEAM, BEAM_OUTSIDE, NO_BACKGROUND, NO_MONITOR, BAD_BINS, KEY_MISSING.
    """
    how = extraction or Extraction()
    counts = _rows(run)
    way = flight(run)
    edges = way.wavelength(counts.axes[TIME].to("us").values)
    _check_range(run, edges, bins)
    middle = (edges[1:] + edges[:-1]) / 2
    pixel = number(run, "detector/pixel_size_y", "mm")
    shift = np.zeros(len(middle))
    if how.gravity:
        shift = deflection(middle, way.collimation, reflected=reflected) / pixel
    used = (edges[1:] > bins.values[0]) & (edges[:-1] < bins.values[-1])
    counts, shift = counts[TIME, np.flatnonzero(used)], shift[used]
    first = int(np.argmax(used))
    edges = edges[first : first + len(shift) + 1]
    if ridge is None:
        ridge = _located(np.asarray(counts.values, dtype=np.float64), edges, shift, run.name)
    regions = Regions.around(ridge, width=how.width, gap=how.gap, background=how.beside)
    share = Dataset(weights(regions, shift, counts.sizes["y"], how.background), dims=(TIME, "y"))
    net = (counts * share).sum("y").rename(**{TIME: WAVELENGTH})
    net = net.replace(axes={WAVELENGTH: Axis(edges, unit="angstrom", dims=(WAVELENGTH,))})
    intensity: Dataset = net.rebin(WAVELENGTH, bins) / _monitor(run)
    return Spectrum(
        intensity=intensity,
        flight=way,
        ridge=ridge,
        regions=regions,
        height=number(run, "detector/y", "mm", 0.0) + ridge.center * pixel,
    )


def _located(counts: Array, edges: Array, shift: Array, name: str) -> Ridge:
    """Find the beam at the longest wavelengths, of more if these hold too few counts.

    There it is reflected totally, or best. Where reflectivity falls steeply, neutrons of the smaller angles
    of the divergent beam prevail and displace it.
    """
    for part in PARTS:
        long = edges[:-1] >= edges[-1] - part * (edges[-1] - edges[0])
        if counts[long].sum() >= ENOUGH_TO_LOCATE:
            break
    return find_ridge(counts[long], shift[long], name=name)


def reflectivity(reflected: Spectrum, direct: Spectrum) -> Dataset:
    """R(Q) of one angle: the reflected over the direct beam, at Q = 4 pi sin(theta) / lambda.

    2 theta is what the beams lie apart on the detector over its distance; the slope with which neutrons of
    each wavelength fall onto the sample is taken off theta.

    Returns
    -------
    Dataset
        (q,), growing. `metadata["dq"]`, the standard deviation of Q: that of the wavelength and of the angle,
        relative, in squares. `metadata["theta"]` the angle of infinitely fast neutrons, in deg;
        `metadata["wavelength"]` along q.

    Raises
    ------
    GumtreeError
        NOT_REFLECTED where both beams are at the same place; BINS_DIFFER where the wavelengths differ.
    """
    edges = reflected.intensity.axes[WAVELENGTH].values
    other = direct.intensity.axes[WAVELENGTH].values
    if len(edges) != len(other) or not np.allclose(edges, other, rtol=1e-9):
        raise GumtreeError("BINS_DIFFER", "The two spectra have different wavelengths; take the same bins.")
    way = reflected.flight.collimation
    two_theta = np.arctan((reflected.height - direct.height) / (way.detector - way.sample))
    wavelength = (edges[1:] + edges[:-1]) / 2
    theta = two_theta / 2 - slope(wavelength, way, way.sample)
    if not np.all(np.abs(two_theta) > 2 * np.abs(two_theta / 2 - theta)):
        raise GumtreeError(
            "NOT_REFLECTED",
            f"The beams are {reflected.height - direct.height:.3g} mm apart on the detector, which is no "
            "angle of reflection. Is one of the runs a direct beam in place of a reflected one?",
        )
    theta = np.abs(theta)  # the sample may look down
    q = 4 * np.pi / wavelength * np.sin(theta)
    spread = reflected.flight.sigma_wavelength(edges) / wavelength
    sigma = q * np.hypot(spread, reflected.flight.sigma_angle / np.tan(theta))
    ratio = reflected.intensity / direct.intensity
    along = {
        "dq": Dataset(sigma, dims=(WAVELENGTH,), unit="1/angstrom"),
        "wavelength": Dataset(wavelength, dims=(WAVELENGTH,), unit="angstrom"),
        "theta": Dataset(float(np.degrees(abs(two_theta)) / 2), unit="deg"),
    }
    curve: Dataset = ratio.replace(axes={}, metadata=along).rename(**{WAVELENGTH: "q"})
    return curve.with_axes(q=Axis(q, unit="1/angstrom", dims=("q",))).sort("q")


def _rows(run: Run) -> Dataset:
    """Counts (time_of_flight, y), with their Poisson errors."""
    counts = run.data("detector/counts")
    if counts.dims[:2] != (TIME, "y") or counts.ndim > 3 or TIME not in counts.axes:
        raise GumtreeError(
            "NOT_TIME_OF_FLIGHT",
            f"{run.name} holds counts of the dimensions {counts.dims}, not images over time of flight, "
            "(time_of_flight, y, x). Take one point of a scan.",
        )
    if counts.variances is None:
        counts = poisson(counts, 0)
    return counts.sum("x") if counts.ndim == 3 else counts


def _monitor(run: Run) -> Dataset:
    monitor = run.data("monitor/counts")
    if not number(run, "monitor/counts", monitor.unit) > 0:
        raise GumtreeError(
            "NO_MONITOR", f"{run.name} has no monitor counts; there is nothing to normalise to."
        )
    return monitor if monitor.variances is not None else poisson(monitor, 0)


def _check_range(run: Run, edges: Array, bins: Axis) -> None:
    low, high = bins.to("angstrom").values[[0, -1]]
    if low < edges[0] or high > edges[-1]:
        raise GumtreeError(
            "BAD_BINS",
            f"{run.name} reaches from {max(edges[0], 0):.3g} to {edges[-1]:.3g} angstrom; the bins from "
            f"{low:.3g} to {high:.3g} angstrom do not fit in.",
        )


def one_for_each(spectra: Sequence[Spectrum], number_of: int, what: str) -> list[Spectrum]:
    """One spectrum for each of several runs, or the same for all.

    Raises
    ------
    GumtreeError
        RUNS_DIFFER for any other number.
    """
    if len(spectra) not in (1, number_of):
        raise GumtreeError(
            "RUNS_DIFFER", f"There are {len(spectra)} {what} for {number_of} runs; give one, or one for each."
        )
    return list(spectra) * (number_of if len(spectra) == 1 else 1)
