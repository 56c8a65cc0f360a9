"""From events to I(q), without a histogram of times of flight between."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

from gumtree_core.data import Axis, Dataset
from gumtree_core.data.expressions.execution import all_cores
from gumtree_core.errors import GumtreeError
from gumtree_core.events import Events
from gumtree_core.events.lookup import lookup, rising
from gumtree_core.reduction.detector.pixels import Array
from gumtree_core.reduction.detector.wavelengths import VELOCITY

PARALLEL = 1_000_000
"""Events from which a second thread pays."""


def q_coefficient(two_theta: npt.ArrayLike, flight_path: npt.ArrayLike) -> Array:
    """What divided by the time of flight in us is q in 1/angstrom, of each pixel.

    q = 4 pi sin(theta) / lambda and lambda = h t / (m L), as `wavelengths.of_flight` has it, so that q t =
    4 pi sin(theta) m L / h.

    Parameters
    ----------
    two_theta
        In rad, in the shape of the detector.
    flight_path
        L from where the flight begins to the pixel, in mm; of each pixel, or one for all.

    Raises
    ------
    GumtreeError
        BAD_GEOMETRY unless all flight paths are above 0.
    """
    length = np.asarray(flight_path, dtype=np.float64)
    if not (length > 0).all():
        raise GumtreeError("BAD_GEOMETRY", f"The flight path is {length.min():g} mm; it must be above 0.")
    half = np.asarray(two_theta, dtype=np.float64) / 2
    return np.asarray(4 * np.pi * np.sin(half) * length / VELOCITY * 1e3)


def counts_of_q(events: Events, coefficient: Array, bins: Axis, offset: float = 0.0) -> Dataset:
    """Count events by the q of each.

    Parameters
    ----------
    coefficient
        As `q_coefficient` gives it, (y, x); NaN for a pixel that takes no part.
    bins
        Edges of q, as `bins.q_bins` makes them; an edge belongs to the bin that begins with it.
    offset
        t0 in us: when the flight begins on the clock of the events.

    Returns
    -------
    Dataset
        (q,), counts with their Poisson errors. `metadata["outside"]` tells how many events lay in no bin.

    Raises
    ------
    GumtreeError
        PIXELS_DIFFER, BAD_BINS.
    """
    if coefficient.shape != events.shape:
        raise GumtreeError(
            "PIXELS_DIFFER",
            f"{events.title} is of a detector of {events.shape}, the geometry of {coefficient.shape}.",
        )
    kernels: Any = importlib.import_module("gumtree_core.events.kernels")
    table = lookup(rising(bins.to("1/angstrom").values, "bins of q"))
    pixel, time = np.ascontiguousarray(events.pixel), np.ascontiguousarray(events.time_of_flight)
    of_pixels = np.ascontiguousarray(coefficient, dtype=np.float64).reshape(-1)
    of_events = (pixel, time, events.tick, float(offset), of_pixels, *table)
    with all_cores() as threads:
        counts = np.zeros((threads, table.edges.size - 1), dtype=np.int64)
        if threads > 1 and pixel.size >= PARALLEL:
            outside = int(kernels.add_q_parallel(*of_events, counts))
        else:
            outside = int(kernels.add_q(*of_events, counts[0], 0, pixel.size))
    return Dataset(
        counts.sum(axis=0),
        "poisson",
        unit="counts",
        axes={"q": bins},
        dims=("q",),
        metadata={"outside": outside},
        title=events.title,
    )


def expected_of_q(
    spectrum: Dataset, coefficient: Array, weight: npt.ArrayLike, bins: Axis, offset: float = 0.0
) -> Dataset:
    """What a sample of I = 1 would count in each bin of q: the normalisation of `counts_of_q`.

    The part of the spectrum that a pixel sees within a bin of q, times its weight, summed over the pixels.
    Within a bin of the spectrum, neutrons are taken as evenly spread over the time of flight.

    Parameters
    ----------
    spectrum
        (time_of_flight,), with edges: what the monitor says of the incident neutrons, at the times when they
        are counted in the detector, such as counts times the efficiency at their wavelength.
    coefficient
        As in `counts_of_q`.
    weight
        Of each pixel, (y, x): such as solid angle times efficiency times transmission.
    bins, offset
        As in `counts_of_q`.

    Returns
    -------
    Dataset
        (q,), in the unit of the spectrum, with exact errors and covariance, which neighbours share.

    Raises
    ------
    GumtreeError
        NO_EDGES, PIXELS_DIFFER, BAD_RANGE for a spectrum that begins before the flight.
    """
    axis = spectrum.axes.get("time_of_flight")
    if axis is None or not axis.is_edges or spectrum.dims != ("time_of_flight",):
        raise GumtreeError(
            "NO_EDGES", f"{spectrum.name} is no spectrum over time_of_flight with the edges of its bins."
        )
    weights = np.asarray(weight, dtype=np.float64)
    if weights.shape not in (coefficient.shape, ()):
        raise GumtreeError(
            "PIXELS_DIFFER", f"Weights of {weights.shape} are for other pixels than {coefficient.shape}."
        )
    kernels: Any = importlib.import_module("gumtree_core.events.kernels")
    q, times = bins.to("1/angstrom").values, axis.to("us").values - offset
    if not times[0] >= 0:
        raise GumtreeError(
            "BAD_RANGE",
            f"{spectrum.name} begins {-times[0]:g} us before the flight, {offset:g} us; leave that out.",
        )
    known = np.isfinite(coefficient) & (coefficient > 0)
    weights = np.broadcast_to(weights, coefficient.shape)[known]
    shares = np.zeros((q.size - 1, times.size - 1))
    kernels.add_shares_of_q(coefficient[known], weights, times, q, shares)
    product = Dataset(shares, dims=("q", "time_of_flight")) @ spectrum.replace(axes={}, metadata={})
    found: Dataset = product.replace(axes={"q": bins}, title="expected")
    return found
