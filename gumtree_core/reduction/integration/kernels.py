"""The loops behind integration: sums into bins, of pixels that belong to one bin or are split over several.

Each loop has `LANES` sets of sums, so that neighbours that go to one bin need not wait for one another.
Compiled code is cached on disk by Numba.
"""

from __future__ import annotations

import numba
import numpy as np

from gumtree_core.data.expressions.kernels import floats
from gumtree_core.reduction.detector.geometry import Array

LANES = 4

_options = {"cache": True, "nogil": True, "error_model": "numpy"}


@numba.njit(**_options)
def add_part(places: Array, values: Array, number: int) -> Array:
    """As `add`, in one thread."""
    sums = np.zeros((LANES, number + 1))
    whole = places.size // LANES * LANES
    for first in range(0, whole, LANES):
        for lane in range(LANES):
            sums[lane, places[first + lane]] += values[first + lane]
    for at in range(whole, places.size):
        sums[0, places[at]] += values[at]
    return sums.sum(axis=0)


@numba.njit(**_options)
def add_both_part(places: Array, values: Array, variances: Array, number: int) -> Array:
    """As `add_both`, in one thread."""
    sums = np.zeros((LANES, number + 1, 2))
    whole = places.size // LANES * LANES
    for first in range(0, whole, LANES):
        for lane in range(LANES):
            place = places[first + lane]
            sums[lane, place, 0] += values[first + lane]
            sums[lane, place, 1] += variances[first + lane]
    for at in range(whole, places.size):
        sums[0, places[at], 0] += values[at]
        sums[0, places[at], 1] += variances[at]
    return sums.sum(axis=0)


@numba.njit(**_options)
def add_squares_part(places: Array, coefficients: Array, variances: Array, number: int) -> Array:
    """As `add_squares`, in one thread."""
    sums = np.zeros((LANES, number + 1))
    whole = places.size // LANES * LANES
    for first in range(0, whole, LANES):
        for lane in range(LANES):
            at = first + lane
            sums[lane, places[at]] += coefficients[at] * coefficients[at] * variances[at]
    for at in range(whole, places.size):
        sums[0, places[at]] += coefficients[at] * coefficients[at] * variances[at]
    return sums.sum(axis=0)


@numba.njit(parallel=True, **_options)
def add(places: Array, values: Array, number: int, threads: int) -> Array:
    """Sum the values of each place 0 .. `number`; the last is for what takes no part: (number + 1,)."""
    size = values.size
    parts = np.zeros((threads, number + 1))
    for part in numba.prange(threads):
        start, stop = part * size // threads, (part + 1) * size // threads
        parts[part] = add_part(places[start:stop], values[start:stop], number)
    return parts.sum(axis=0)


@numba.njit(parallel=True, **_options)
def add_both(places: Array, values: Array, variances: Array, number: int, threads: int) -> Array:
    """The same of values and variances at once: (number + 1, 2)."""
    size = values.size
    parts = np.zeros((threads, number + 1, 2))
    for part in numba.prange(threads):
        start, stop = part * size // threads, (part + 1) * size // threads
        parts[part] = add_both_part(places[start:stop], values[start:stop], variances[start:stop], number)
    return parts.sum(axis=0)


@numba.njit(parallel=True, **_options)
def add_squares(places: Array, coefficients: Array, variances: Array, number: int, threads: int) -> Array:
    """Sum coefficient^2 variance of each place: (number + 1,)."""
    size = coefficients.size
    parts = np.zeros((threads, number + 1))
    for part in numba.prange(threads):
        start, stop = part * size // threads, (part + 1) * size // threads
        parts[part] = add_squares_part(
            places[start:stop], coefficients[start:stop], variances[start:stop], number
        )
    return parts.sum(axis=0)


@numba.njit(parallel=True, **_options)
def add_columns(places: Array, addresses: Array, number: int, threads: int) -> Array:
    """Sum columns of float64, each in as many parts as there are threads: (columns, number + 1).

    `addresses` are those of the arrays, (columns, 2): of what is summed, and 0; or of coefficients and
    variances, of which coefficient^2 variance is summed.
    """
    size, columns = places.size, len(addresses)
    parts = np.zeros((threads, columns, number + 1))
    for task in numba.prange(threads * columns):
        part, column = task // columns, task % columns
        start, stop = part * size // threads, (part + 1) * size // threads
        values = floats(addresses[column, 0], size)[start:stop]
        if addresses[column, 1]:
            variances = floats(addresses[column, 1], size)[start:stop]
            parts[part, column] = add_squares_part(places[start:stop], values, variances, number)
        else:
            parts[part, column] = add_part(places[start:stop], values, number)
    return parts.sum(axis=0)


@numba.njit(**_options)
def add_shares(
    pixels: Array, bins: Array, shares: Array, values: Array, weights: Array, number: int, power: int
) -> Array:
    """Sum share^power value weight^power of each bin, over (pixel, bin, share): (number,).

    `weights` has a number for each pixel, or one for all.
    """
    sums = np.zeros(number)
    alone = weights.size == 1
    for at in range(pixels.size):
        pixel = pixels[at]
        factor = shares[at] * (weights[0] if alone else weights[pixel])
        sums[bins[at]] += (factor * factor if power == 2 else factor) * values[pixel]
    return sums
