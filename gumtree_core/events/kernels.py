"""The loops behind events; compiled code is cached on disk by Numba."""

from __future__ import annotations

import numba
import numpy as np

from gumtree_core.data.expressions.kernels import prefetch_line

_options = {"cache": True, "nogil": True, "error_model": "numpy"}

AHEAD = 64
"""Events whose places in memory are asked for at a time."""
FRAME = -2
"""The type of an event out of band that begins a frame."""


@numba.njit(**_options)
def decode(data, bits, out_of_band, flips, width, pixel, ticks, frames, clock, state):
    """Decode events of a packed stream, behind its header; gives where the last whole one ended, or -1.

    An event is a row of bits, lowest first: whether it is out of band, if the stream has such; x, y, further
    fields; then the time since the event before, 32 bits with a sign, of which leading zeros are left out. Of
    a byte that has more than two bits of the time, the highest two say whether more follows (both 1), and
    then are no part of it. An event out of band has two bytes before that say its type and how long each
    field is. A frame begins with one of the type FRAME, or, in streams without, at x = y = 0 after a time of
    -1.

    bits
        (3,) of x, y and all further fields.
    flips
        (2,) what x and y are combined with by exclusive or, so that those with a sign begin at 0.
    pixel, ticks
        (n,) for as many events as there may be.
    frames, clock
        (m,) for as many frames: the number of events before each, and when it began, by the times of those
        before.
    state
        (7,): time of the last event; events and frames so far; the longest and the shortest time; when the
        present frame began, -1 before the first; how many frames told it.
    """
    x_bits, y_bits = bits[0], bits[1]
    lead = 1 if out_of_band else 0
    fixed = lead + bits[0] + bits[1] + bits[2]
    time, events, begun, longest = state[0], state[1], state[2], state[3]
    shortest, now, told = state[4], state[5], state[6]
    end = 0
    while end < data.size:
        at = end
        kind, neutron = 0, not (out_of_band and data[at] & 1)
        whole, rest = fixed // 8, fixed % 8
        if not neutron:
            if at + 1 >= data.size:
                break
            kind = np.int64((data[at] >> 2) & 15)
            kind -= 16 * (kind >> 3)
            whole, rest = np.int64(data[at] >> 6), 0
            for k in range(4):
                whole += np.int64((data[at + 1] >> (2 * k)) & 3)
            at += 2
        if at + whole >= data.size:
            break
        word = np.uint64(0)
        if neutron:
            for k in range(whole):
                word |= np.uint64(data[at + k]) << np.uint64(8 * k)
        at += whole
        step, shift, more = np.uint64(0), 0, True
        if rest:
            byte = np.uint64(data[at])
            at += 1
            word |= (byte & np.uint64((1 << rest) - 1)) << np.uint64(8 * whole)
            left = 8 - rest
            more = left <= 2 or (byte >> np.uint64(6)) == 3
            if more and left > 2:
                byte &= np.uint64(0x3F)
                left -= 2
            step = byte >> np.uint64(rest)
            shift = left
        while more and at < data.size:
            byte = np.uint64(data[at])
            at += 1
            more = (byte >> np.uint64(6)) == 3
            if more:
                byte &= np.uint64(0x3F)
            step |= byte << np.uint64(shift)
            shift += 6
            if shift > 40:
                return -1
        if more:
            break
        end = at
        if step >> np.uint64(32):
            return -1
        signed = np.int64(np.int32(np.uint32(step)))
        x = np.int64((word >> np.uint64(lead)) & np.uint64((1 << x_bits) - 1))
        y = np.int64((word >> np.uint64(lead + x_bits)) & np.uint64((1 << y_bits) - 1))
        if kind == FRAME or (not out_of_band and x == 0 and y == 0 and signed == -1):
            if now < 0:
                now = 0
            else:
                now += time + signed
                told += kind == FRAME and signed > 0
            frames[begun] = events
            clock[begun] = now
            begun += 1
            time = 0
            continue
        time += signed
        if neutron:
            longest, shortest = max(longest, time), min(shortest, time)
            pixel[events] = (y ^ flips[1]) * width + (x ^ flips[0])
            ticks[events] = time
            events += 1
    state[0], state[1], state[2], state[3] = time, events, begun, longest
    state[4], state[5], state[6] = shortest, now, told
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
def phases(first, pulse_time, time, tick, start, period, found):
    """Fill (events,) with the phase of each event in a repeated process, 0 to below 1; NaN for no pulse's."""
    found[: first[0] if first.size else found.size] = np.nan
    for pulse in range(first.size):
        last = first[pulse + 1] if pulse + 1 < first.size else found.size
        for event in range(first[pulse], last):
            at = (pulse_time[pulse] + time[event] * tick - start) / period
            at -= np.floor(at)
            found[event] = 0.0 if at >= 1.0 else at  # where a step before the period was rounded to its end


@numba.njit(**_options)
def bins(values, edges, offset, shift, base, first, found):
    """Fill (n,) with the bin of each value, -1 outside."""
    for k in range(values.size):
        inside = edges[0] <= values[k] < edges[edges.size - 1]
        found[k] = _bin(values[k], edges, offset, shift, base, first) if inside else -1


@numba.njit(**_options)
def places(part, pixel, pixels, found):
    """Fill (events,) with the pixel of each event in the detector of its part; -1 where it has neither."""
    for k in range(found.size):
        place = np.int64(pixel[k])
        found[k] = part[k] * pixels + place if part[k] >= 0 and 0 <= place < pixels else -1


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
