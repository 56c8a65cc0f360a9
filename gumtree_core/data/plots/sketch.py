"""Small pictures of Datasets for notebooks, as SVG, without any library: they are there in milliseconds."""

from __future__ import annotations

import base64
import struct
import zlib
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data.axis import Axis
from gumtree_core.data.propagation.selection import Array

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset

POINTS = 400
"""Points of a curve; of a longer one, the lowest and highest of each stretch are drawn."""
DOTS = 80
"""Points up to which each is marked."""
PIXELS = 192
"""Pixels of an image along each side; those of a larger one are averaged."""
SUMMED = 1 << 22
"""Elements up to which frames are summed for the picture."""
DECADES = 2
"""A picture is logarithmic if its values span more."""

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 360, 220, 64, 36, 18, 12
_COLOUR = "#3584c4"
_VIRIDIS = (
    (68, 1, 84), (72, 40, 120), (62, 74, 137), (49, 104, 142), (38, 130, 142), (31, 158, 137), (53, 183, 121),
    (109, 205, 89), (180, 222, 44), (253, 231, 37),
)  # fmt: skip


def svg(ds: Dataset) -> str:
    """Draw a Dataset, a curve or an image; empty where there is nothing to draw."""
    if not ds.ndim or not ds.size:
        return ""
    return _curve(ds) if ds.ndim == 1 else _image(ds)


def along(ds: Dataset, dim: str) -> tuple[str, Axis | None]:
    """Give name and axis along a dimension: the axis of its name, or any other of one dimension."""
    named = ds.axes.get(dim)
    if named is not None and named.dims == (dim,):
        return dim, named
    for name, axis in ds.axes.items():
        if axis.dims == (dim,):
            return name, axis
    return dim, None


def label(name: str, unit: str) -> str:
    """Give a name with its unit, as an axis of a plot has it."""
    return f"{name} [{unit.replace('angstrom', 'Å')}]" if unit else name


def _coordinates(ds: Dataset, dim: str) -> tuple[Array, str, tuple[str, str]]:
    """Positions, label, and the first and the last coordinate in words."""
    name, axis = along(ds, dim)
    length = ds.sizes[dim]
    if axis is None:
        return np.arange(length), label(name, ""), ("0", str(length - 1))
    centers = axis.centers
    ends = (
        tuple(str(v) for v in centers[[0, -1]])
        if centers.dtype.kind in "Mmb"
        else tuple(f"{v:.4g}" for v in axis.values[[0, -1]])
    )
    return centers, label(name, axis.unit), (ends[0], ends[1])


def _curve(ds: Dataset) -> str:
    positions, title, ends = _coordinates(ds, ds.dims[0])
    x = positions.astype(np.float64)
    y = ds.values.astype(np.float64)
    good = np.isfinite(x) & np.isfinite(y)
    if ds.mask is not None:
        good &= ~ds.mask
    if not good.any():
        return ""
    spread = ds.errors
    errors = np.zeros_like(y) if spread is None or y.size > POINTS else np.nan_to_num(spread)
    if y.size > POINTS:
        x, y, good = _envelope(x, y, good)
        errors = np.zeros_like(y)
    low, high = float(y[good].min()), float(y[good].max())
    logarithmic = low > 0 and high / low > 10**DECADES
    if logarithmic:
        bottom, top = np.log10(low), np.log10(high)
        floor = 10 ** (bottom - 0.05 * (top - bottom))
    else:
        bottom = float((y - errors)[good].min())
        top = float((y + errors)[good].max())
        floor = -np.inf

    def vertical(values: Array) -> Array:
        scaled = np.log10(np.maximum(values, floor)) if logarithmic else values
        return np.asarray(
            _TOP + (_HEIGHT - _TOP - _BOTTOM) * (0.96 - 0.92 * (scaled - bottom) / ((top - bottom) or 1.0))
        )

    stretched = logarithmic and float(x[good].min()) > 0 and float(x[good].max() / x[good].min()) >= 10
    if stretched:
        x = np.log10(np.where(good, x, 1.0))
    start, span = x[good].min(), np.ptp(x[good]) or 1.0
    across = _LEFT + (_WIDTH - _LEFT - _RIGHT) * (0.02 + 0.96 * (x - start) / span)
    with np.errstate(invalid="ignore"):
        height, upper, lower = vertical(y), vertical(y + errors), vertical(y - errors)
    line = "".join(
        f"{'L' if k and good[k - 1] else 'M'}{across[k]:.1f} {height[k]:.1f}" for k in np.flatnonzero(good)
    )
    bars = "".join(
        f"M{across[k]:.1f} {max(upper[k], 0):.1f}V{min(lower[k], _HEIGHT - _BOTTOM):.1f}"
        for k in np.flatnonzero(good & (errors > 0))
    )
    dots = "".join(
        f"<circle cx='{across[k]:.1f}' cy='{height[k]:.1f}' r='2'/>"
        for k in np.flatnonzero(good)
        if y.size <= DOTS
    )
    left = ends if x[-1] >= x[0] else ends[::-1]
    drawn = (
        f"<path d='{bars}' stroke='{_COLOUR}' stroke-opacity='.5' fill='none'/>"
        f"<path d='{line}' stroke='{_COLOUR}' stroke-width='1.5' fill='none' stroke-linejoin='round'/>"
        f"<g fill='{_COLOUR}'>{dots}</g>"
    )
    scale = f"{_name(ds)}{', both logarithmic' if stretched else ', logarithmic' if logarithmic else ''}"
    shown = (low, high) if logarithmic else (bottom, top)
    words = (f"{shown[0]:.4g}", f"{shown[1]:.4g}")
    return _framed(ds, drawn, title, left, scale, words, _WIDTH)


def _envelope(x: Array, y: Array, good: NDArray[np.bool_]) -> tuple[Array, Array, NDArray[np.bool_]]:
    """The lowest and the highest value of each stretch of a long curve."""
    starts = np.linspace(0, y.size, POINTS // 2, endpoint=False).astype(np.intp)
    low = np.minimum.reduceat(np.where(good, y, np.inf), starts)
    high = np.maximum.reduceat(np.where(good, y, -np.inf), starts)
    both = np.stack([low, high], axis=1).reshape(-1)
    return np.repeat(x[starts], 2), both, np.isfinite(both) & np.isfinite(np.repeat(x[starts], 2))


def _image(ds: Dataset) -> str:
    what = ""
    values, mask = ds.values, ds.mask
    if mask is not None and not mask.any():
        mask = None
    if ds.ndim > 2:
        leading = ", ".join(ds.dims[:-2])
        if ds.size <= SUMMED:
            what = f"sum over {leading}"
            lead = tuple(range(ds.ndim - 2))
            values = values.sum(axis=lead) if mask is None else np.where(mask, 0, values).sum(axis=lead)
            mask = None if mask is None else np.asarray(mask.all(axis=lead))
        else:
            what = f"first frame along {leading}"
            first = (0,) * (ds.ndim - 2)
            values, mask = values[first], None if mask is None else mask[first]
    pixels = _averaged(values, mask)
    finite = pixels[np.isfinite(pixels)]
    if not finite.size:
        return ""
    low, high = float(finite.min()), float(finite.max())
    positive = finite[finite > 0]
    logarithmic = low >= 0 and positive.size > 0 and high / float(positive.min()) > 10**DECADES
    if logarithmic:
        low = float(positive.min())
        with np.errstate(invalid="ignore"):
            scaled = np.log(np.maximum(pixels, low) / low) / np.log(high / low)
    else:
        scaled = (pixels - low) / ((high - low) or 1.0)
    index = np.where(np.isfinite(scaled), 1 + 254 * np.nan_to_num(scaled), 0).astype(np.uint8)
    rows, columns = values.shape
    height = _HEIGHT - _TOP - _BOTTOM
    width = int(np.clip(height * columns / rows, height / 2, 1.7 * height))
    drawn = (
        f"<image x='{_LEFT}' y='{_TOP}' width='{width}' height='{height}' preserveAspectRatio='none'"
        f" style='image-rendering:pixelated' href='data:image/png;base64,{_png(index[::-1])}'/>"
    )
    _, across, columns_at = _coordinates(ds, ds.dims[-1])
    _, up, rows_at = _coordinates(ds, ds.dims[-2])
    scale = f"{_name(ds)} {low:.3g} .. {high:.3g}"
    extra = ", ".join(text for text in (what, "logarithmic" if logarithmic else "") if text)
    heading = f"{scale}{f' ({extra})' if extra else ''}"
    return _framed(ds, drawn, across, columns_at, heading, rows_at, _LEFT + width + _RIGHT, up)


def _averaged(values: Array, mask: NDArray[np.bool_] | None) -> Array:
    """The averages of blocks of pixels; NaN where all of a block is masked."""
    steps = [-(-length // PIXELS) for length in values.shape]
    lengths = [
        np.minimum(step, n - np.arange(0, n, step)) for n, step in zip(values.shape, steps, strict=True)
    ]
    number = np.outer(*lengths).astype(np.float64)
    if mask is not None:
        values = values.copy()
        values[mask] = 0
        number -= _blocks(mask.view(np.uint8), steps)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(_blocks(values, steps) / number)


def _blocks(array: Array, steps: list[int]) -> Array:
    """The sums of blocks; along the rows first, which lie together in memory."""
    kind: Any = np.float64 if array.dtype.kind == "f" else None
    if array.dtype == np.uint8 and steps[1] < 256:  # of a mask: 1 each
        kind = np.uint8
    for axis in (1, 0):
        if steps[axis] > 1:
            array = np.add.reduceat(array, range(0, array.shape[axis], steps[axis]), axis=axis, dtype=kind)
        kind = None
    return array


def _png(index: NDArray[np.uint8]) -> str:
    """An image of palette colours, base64; index 0 is transparent."""
    anchors = np.array(_VIRIDIS, dtype=np.float64)
    at = np.linspace(0, len(anchors) - 1, 255)
    palette = np.stack([np.interp(at, np.arange(len(anchors)), anchors[:, k]) for k in range(3)], axis=1)
    rows, columns = index.shape
    lines = np.concatenate([np.zeros((rows, 1), np.uint8), index], axis=1)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    png = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", b"\0\0\0" + palette.round().astype(np.uint8).tobytes())
        + chunk(b"tRNS", b"\0")
        + chunk(b"IDAT", zlib.compress(lines.tobytes(), 1))
        + chunk(b"IEND", b"")
    )
    return base64.b64encode(png).decode()


def _framed(
    ds: Dataset,
    drawn: str,
    across: str,
    columns: tuple[str, str],
    heading: str,
    rows: tuple[str, str],
    width: int,
    up: str = "",
) -> str:
    """The frame, with the ends of both axes in words; text and lines have the colour of the page's text."""
    right, bottom = width - _RIGHT, _HEIGHT - _BOTTOM
    middle = (_TOP + bottom) / 2

    def words(x: float, y: float, text: str, anchor: str, turned: str = "") -> str:
        return f"<text x='{x:.0f}' y='{y:.0f}' text-anchor='{anchor}'{turned}>{escape(_short(text))}</text>"

    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{_HEIGHT}' role='img'"
        f" aria-label='{escape(ds.name)}' style='color:inherit;max-width:100%'>"
        f"<g fill='currentColor' font-size='11' font-family='sans-serif'>"
        + words(_LEFT, 12, heading, "start")
        + words(_LEFT, bottom + 14, columns[0], "start")
        + words(right, bottom + 14, columns[1], "end")
        + words((_LEFT + right) / 2, bottom + 28, across, "middle")
        + words(_LEFT - 6, bottom, rows[0], "end")
        + words(_LEFT - 6, _TOP + 9, rows[1], "end")
        + (words(14, middle, up, "middle", f" transform='rotate(-90 14 {middle:.0f})'") if up else "")
        + f"</g>{drawn}<rect x='{_LEFT}' y='{_TOP}' width='{right - _LEFT}' height='{bottom - _TOP}'"
        " fill='none' stroke='currentColor' stroke-opacity='.4'/></svg>"
    )


def _name(ds: Dataset) -> str:
    return label(ds.title if 0 < len(ds.title) <= 20 else "values", ds.unit)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
