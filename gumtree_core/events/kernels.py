"""The loops behind events; compiled code is cached on disk by Numba."""

from __future__ import annotations

import numba
import numpy as np

from gumtree_core.data.expressions.kernels import prefetch_line

_options = {"cache": True, "nogil": True, "error_model": "numpy"}

AHEAD = 64
"""Events whose places in memory are asked for at a time."""
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
        (4,): time of the last event, events and frames so far, and the longest time.
    """
    fixed = x_bits + y_bits + other_bits
    whole, rest = fixed // 8, fixed % 8
    time, events, begun, longest = state[0], state[1], state[2], state[3]
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
                state[0], state[1], state[2], state[3] = time, events, begun, longest
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
            longest = max(longest, time)
            pixel[events] = y * width + x
            ticks[events] = time
            events += 1
        end = at
    state[0], state[1], state[2], state[3] = time, events, begun, longest
    return end


@numba.njit(inline="always", error_model="numpy")
def _bin(at, edges, offset, shift, base, first):
    """The bin that holds a number within the edges, by the table of `lookup`."""
    found = np.int64(first[(np.float64(at + offset).view(np.int64) >> shift) - base])
    found += at >= edges[found + 1]  # no branch: it could not be predicted
    while at >= edges[found + 1]:
        found += 1
    return found


@numba.njit(**_options)
def add(pixel, time, edges, offset, shift, base, first, counts, start, stop):
    """Count events `start` to `stop` into (bins, pixels); gives how many lay outside.

    What is counted at one time lies far apart in memory: the places of some events are asked for before the
    first of them is needed.
    """
    bins, pixels = counts.shape
    flat = counts.reshape(bins * pixels)
    places = np.empty(AHEAD, np.int64)
    lowest, highest = edges[0], edges[bins]
    inside = 0
    at = start
    while at < stop:
        taken = 0
        for event in range(at, min(at + AHEAD, stop)):
            when, place = np.float64(time[event]), np.int64(pixel[event])
            if lowest <= when < highest and 0 <= place < pixels:
                places[taken] = _bin(when, edges, offset, shift, base, first) * pixels + place
                prefetch_line(flat.ctypes.data + flat.itemsize * places[taken])
                taken += 1
        for k in range(taken):
            flat[places[k]] += 1
        inside += taken
        at += AHEAD
    return stop - start - inside


@numba.njit(parallel=True, **_options)
def add_parallel(pixel, time, edges, offset, shift, base, first, counts, copies):
    """As `add`, by as many threads as there are copies of the counts, and the counts themselves."""
    threads, size = len(copies) + 1, pixel.size
    outside = np.zeros(threads, np.int64)
    for part in numba.prange(threads):
        target = counts if part == 0 else copies[part - 1]
        low, high = part * size // threads, (part + 1) * size // threads
        outside[part] = add(pixel, time, edges, offset, shift, base, first, target, low, high)
    return outside.sum()


@numba.njit(**_options)
def add_q(pixel, time, tick, begins, coefficient, edges, offset, shift, base, first, counts, start, stop):
    """Count events `start` to `stop` by q = coefficient of the pixel / time since the flight begins.

    Gives how many lay outside.
    """
    lowest, highest = edges[0], edges[edges.size - 1]
    inside = 0
    for event in range(start, stop):
        at, place = time[event] * tick - begins, np.int64(pixel[event])
        if at > 0 and 0 <= place < coefficient.size:
            q = coefficient[place] / at
            if lowest <= q < highest:
                counts[_bin(q, edges, offset, shift, base, first)] += 1
                inside += 1
    return stop - start - inside


@numba.njit(parallel=True, **_options)
def add_q_parallel(pixel, time, tick, begins, coefficient, edges, offset, shift, base, first, counts):
    """As `add_q`, by as many threads as there are rows of counts, (threads, bins)."""
    threads, size = len(counts), pixel.size
    outside = np.zeros(threads, np.int64)
    for part in numba.prange(threads):
        low, high = part * size // threads, (part + 1) * size // threads
        outside[part] = add_q(
            pixel, time, tick, begins, coefficient, edges, offset, shift, base, first, counts[part], low, high
        )
    return outside.sum()


@numba.njit(**_options)
def add_shares_of_q(coefficient, weight, times, q, shares):
    """Add to (q, time) which part of each time a pixel spends within each bin of q, times its weight."""
    bins = shares.shape[1]
    for pixel in range(coefficient.size):
        at = 0  # q falls with the time: from the last bin of q to the first
        for b in range(shares.shape[0] - 1, -1, -1):
            begin = coefficient[pixel] / q[b + 1]
            end = coefficient[pixel] / q[b] if q[b] > 0 else np.inf
            while at < bins and times[at + 1] <= begin:
                at += 1
            k = at
            while k < bins and times[k] < end:
                low, high = max(begin, times[k]), min(end, times[k + 1])
                if high > low:
                    shares[b, k] += weight[pixel] * (high - low) / (times[k + 1] - times[k])
                k += 1
