"""The loops behind events; compiled code is cached on disk by Numba."""

from __future__ import annotations

import numba
import numpy as np

_options = {"cache": True, "nogil": True, "error_model": "numpy"}

MARK = 0xFFFFFFFF
"""The time that stands in place of an event's, at pixel 0, 0, where a frame begins."""


@numba.njit(**_options)
def decode(data, start, x_bits, y_bits, other_bits, width, pixel, ticks, frames, state):
    """Decode events of a packed stream from byte `start` on; gives where the last whole one ended, or -1.

    An event is a row of bits, lowest first: x, y, further fields, then the time since the event before. Of a
    byte that has two bits or more of the time, the highest two say whether more follows (both 1), and then
    are no part of it.

    pixel, ticks
        (n,) for as many events as there may be.
    frames
        (m,) for the number of events before each frame.
    state
        (3,): time of the last event, events and frames so far.
    """
    fixed = x_bits + y_bits + other_bits
    whole, rest = fixed // 8, fixed % 8
    time, events, begun = state[0], state[1], state[2]
    at = end = start
    while at + whole < data.size:
        word = np.uint64(0)
        for k in range(whole):
            word |= np.uint64(data[at + k]) << np.uint64(8 * k)
        at += whole
        step, shift, more = np.uint64(0), 0, True
        if rest:
            byte = np.uint64(data[at])
            at += 1
            word |= (byte & np.uint64((1 << rest) - 1)) << np.uint64(8 * whole)
            left = 8 - rest
            more = left < 2 or (byte >> np.uint64(6)) == 3
            if more and left >= 2:
                byte &= np.uint64(0x3F)
                left -= 2
            step = byte >> np.uint64(rest)
            shift = left
        while more:
            if at >= data.size:
                state[0], state[1], state[2] = time, events, begun
                return end
            byte = np.uint64(data[at])
            at += 1
            more = (byte >> np.uint64(6)) == 3
            if more:
                byte &= np.uint64(0x3F)
            step |= byte << np.uint64(shift)
            shift += 6
            if shift > 40:
                return -1
        x = np.int64(word & np.uint64((1 << x_bits) - 1))
        y = np.int64((word >> np.uint64(x_bits)) & np.uint64((1 << y_bits) - 1))
        if x == 0 and y == 0 and step == MARK:
            if begun >= frames.size:
                return -1
            frames[begun] = events
            begun += 1
            time = 0
        else:
            time += np.int64(step)
            pixel[events] = y * width + x
            ticks[events] = time
            events += 1
        end = at
    state[0], state[1], state[2] = time, events, begun
    return end


@numba.njit(**_options)
def add_even(pixel, time, first, inverse, edges, counts, start, stop):
    """Count events into (bins, pixels), between even edges; gives how many lay outside."""
    bins, pixels = counts.shape
    outside = 0
    for event in range(start, stop):
        at = time[event]
        bin_ = int((at - first) * inverse)
        if bin_ < 0 or bin_ >= bins:
            bin_ = 0 if bin_ < 0 else bins - 1
        if at < edges[bin_]:  # where a rounding error has moved it
            bin_ -= 1
        elif at >= edges[bin_ + 1]:
            bin_ += 1
        place = pixel[event]
        if 0 <= bin_ < bins and 0 <= place < pixels:
            counts[bin_, place] += 1
        else:
            outside += 1
    return outside


@numba.njit(**_options)
def add_uneven(pixel, time, edges, counts, start, stop):
    """The same between edges that rise in any way."""
    bins, pixels = counts.shape
    outside = 0
    for event in range(start, stop):
        at = time[event]
        low, high = 0, bins + 1
        while low < high:
            middle = (low + high) // 2
            if edges[middle] <= at:
                low = middle + 1
            else:
                high = middle
        place = pixel[event]
        if 0 < low <= bins and 0 <= place < pixels:
            counts[low - 1, place] += 1
        else:
            outside += 1
    return outside


@numba.njit(parallel=True, **_options)
def add_even_parallel(pixel, time, first, inverse, edges, counts, copies):
    """As `add_even`, by as many threads as there are copies of the counts, and the counts themselves."""
    threads, size = len(copies) + 1, pixel.size
    outside = np.zeros(threads, np.int64)
    for part in numba.prange(threads):
        target = counts if part == 0 else copies[part - 1]
        outside[part] = add_even(
            pixel, time, first, inverse, edges, target, part * size // threads, (part + 1) * size // threads
        )
    return outside.sum()


@numba.njit(**_options)
def add_q(pixel, time, tick, coefficient, edges, counts):
    """Count events by q = coefficient of the pixel / time between edges of q; gives how many lay outside."""
    bins = counts.size
    outside = 0
    for event in range(pixel.size):
        place = pixel[event]
        at = time[event] * tick
        q = np.nan
        if 0 <= place < coefficient.size and at > 0:
            q = coefficient[place] / at
        if not (edges[0] <= q < edges[bins]):
            outside += 1
            continue
        low, high = 0, bins + 1
        while low < high:
            middle = (low + high) // 2
            if edges[middle] <= q:
                low = middle + 1
            else:
                high = middle
        counts[low - 1] += 1
    return outside
