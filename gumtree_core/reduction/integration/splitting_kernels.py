"""How much of a pixel's area lies in each bin: exact, of pixels that are quadrilaterals in the plane of q.

A pixel is cut by the straight limits of the region (half-planes), then by the bin: by circles about the beam
where bins are of |q|, by rays where they are of the azimuth, by straight lines where they are of a component.
Compiled code is cached on disk by Numba.
"""

from __future__ import annotations

import math

import numba
import numpy as np

RADIAL, ANGULAR, LINEAR, MAP = 0, 1, 2, 3
MOST = 24
"""Corners of a polygon that has been cut."""

_options = {"cache": True, "nogil": True, "error_model": "numpy"}


@numba.njit(**_options)
def clip(points, count, a, b, c, out):
    """Keep a u + b v >= c of a polygon; gives the number of corners."""
    found = 0
    for k in range(count):
        u, v = points[k, 0], points[k, 1]
        following = (k + 1) % count
        s, t = points[following, 0], points[following, 1]
        here, there = a * u + b * v - c, a * s + b * t - c
        if here >= 0:
            out[found, 0], out[found, 1] = u, v
            found += 1
        if (here >= 0) != (there >= 0):
            part = here / (here - there)
            out[found, 0], out[found, 1] = u + part * (s - u), v + part * (t - v)
            found += 1
    return found


@numba.njit(**_options)
def area(points, count):
    """Of a polygon, with the sign of its sense."""
    total = 0.0
    for k in range(count):
        following = (k + 1) % count
        total += points[k, 0] * points[following, 1] - points[k, 1] * points[following, 0]
    return total / 2


@numba.njit(**_options)
def _sector(u, v, s, t, radius):
    return radius * radius / 2 * math.atan2(u * t - v * s, u * s + v * t)


@numba.njit(**_options)
def area_in_circle(points, count, radius):
    """Of what a polygon has in common with a circle about the origin: edge by edge, triangles and sectors."""
    if radius <= 0:
        return 0.0
    total = 0.0
    for k in range(count):
        following = (k + 1) % count
        u, v, s, t = points[k, 0], points[k, 1], points[following, 0], points[following, 1]
        du, dv = s - u, t - v
        square = du * du + dv * dv
        if square == 0:
            continue
        half = (u * du + v * dv) / square
        rest = half * half - (u * u + v * v - radius * radius) / square
        if rest <= 0:
            total += _sector(u, v, s, t, radius)
            continue
        root = math.sqrt(rest)
        first, last = max(-half - root, 0.0), min(-half + root, 1.0)
        if first >= last:
            total += _sector(u, v, s, t, radius)
            continue
        iu, iv, ou, ov = u + first * du, v + first * dv, u + last * du, v + last * dv
        if first > 0:
            total += _sector(u, v, iu, iv, radius)
        total += (iu * ov - iv * ou) / 2
        if last < 1:
            total += _sector(ou, ov, s, t, radius)
    return total


@numba.njit(**_options)
def split(corners, planes, lowest, highest, kind, edges, edges_y, angle):
    """Share of each pixel in each bin: pixel, bin and share of all that have a part, in order of pixels.

    `corners` (pixels, 4, 2); `planes` (m, 3): a u + b v >= c; between the circles `lowest` and `highest`;
    `edges` of |q|, of the azimuth in rad, of the component in direction `angle`, or of u with `edges_y` of v.
    """
    capacity = 4 * corners.shape[0] + 16
    pixels, bins, shares = np.empty(capacity, np.int64), np.empty(capacity, np.int64), np.empty(capacity)
    whole, cut, spare = np.empty((MOST, 2)), np.empty((MOST, 2)), np.empty((MOST, 2))
    found = 0
    number = edges.size - 1
    columns = number
    if kind == MAP:
        number *= edges_y.size - 1
    cosine, sine = math.cos(angle), math.sin(angle)
    for pixel in range(corners.shape[0]):
        whole[:4] = corners[pixel]
        full = area(whole, 4)
        count = 4
        for plane in range(planes.shape[0]):
            count = clip(whole, count, planes[plane, 0], planes[plane, 1], planes[plane, 2], spare)
            whole[:count] = spare[:count]
        if count < 3 or full == 0 or not math.isfinite(full):
            continue
        low, high, far, near = math.inf, -math.inf, 0.0, math.inf
        low_y, high_y = math.inf, -math.inf
        for k in range(count):
            u, v = whole[k, 0], whole[k, 1]
            along = u * cosine + v * sine if kind == LINEAR else u
            low, high = min(low, along), max(high, along)
            low_y, high_y = min(low_y, v), max(high_y, v)
            radius = math.hypot(u, v)
            far, near = max(far, radius), min(near, radius)
        extent = 0.0
        for k in range(1, count):
            extent = max(extent, math.hypot(whole[k, 0] - whole[0, 0], whole[k, 1] - whole[0, 1]))
        near = max(near - extent, 0.0)
        if far <= lowest or near >= highest:
            continue
        if kind == RADIAL:
            low, high = max(near, lowest), min(far, highest)
        first, last = 0, number - 1
        if kind in (RADIAL, LINEAR):
            first = max(np.searchsorted(edges, low, side="right") - 1, 0)
            last = min(np.searchsorted(edges, high, side="left") - 1, number - 1)
        first_y, last_y = 0, 0
        if kind == MAP:
            first = max(np.searchsorted(edges, low, side="right") - 1, 0)
            last = min(np.searchsorted(edges, high, side="left") - 1, columns - 1)
            first_y = max(np.searchsorted(edges_y, low_y, side="right") - 1, 0)
            last_y = min(np.searchsorted(edges_y, high_y, side="left") - 1, edges_y.size - 2)
        inner = area_in_circle(whole, count, max(edges[first], lowest)) if kind == RADIAL else 0.0
        for row in range(first_y, last_y + 1):
            for at in range(first, last + 1):
                if kind == RADIAL:
                    outer = area_in_circle(whole, count, min(edges[at + 1], highest))
                    part = outer - inner
                    inner = outer
                else:
                    if kind == ANGULAR:
                        a, b = edges[at], edges[at + 1]
                        wide = b - a >= 2 * math.pi - 1e-12
                        n = clip(whole, count, -math.sin(a), math.cos(a), 0.0, spare) if not wide else count
                        n = clip(spare, n, math.sin(b), -math.cos(b), 0.0, cut) if not wide else count
                        if wide:
                            cut[:count] = whole[:count]
                    elif kind == LINEAR:
                        n = clip(whole, count, cosine, sine, edges[at], spare)
                        n = clip(spare, n, -cosine, -sine, -edges[at + 1], cut)
                    else:
                        n = clip(whole, count, 1.0, 0.0, edges[at], spare)
                        n = clip(spare, n, -1.0, 0.0, -edges[at + 1], cut)
                        n = clip(cut, n, 0.0, 1.0, edges_y[row], spare)
                        n = clip(spare, n, 0.0, -1.0, -edges_y[row + 1], cut)
                    if n < 3:
                        continue
                    if lowest > 0 or far > highest:
                        part = area_in_circle(cut, n, highest) if far > highest else area(cut, n)
                        part -= area_in_circle(cut, n, lowest)
                    else:
                        part = area(cut, n)
                share = part / full
                if share > 1e-12:
                    if found == pixels.size:
                        pixels = np.append(pixels, np.empty(found, np.int64))
                        bins = np.append(bins, np.empty(found, np.int64))
                        shares = np.append(shares, np.empty(found))
                    pixels[found], bins[found], shares[found] = pixel, row * columns + at, share
                    found += 1
    return pixels[:found].copy(), bins[:found].copy(), shares[:found].copy()
