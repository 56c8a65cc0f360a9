"""Images in matplotlib's Axes, with masks and colour bars; what curves and surfaces share with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data.axis import Axis
from gumtree_core.data.dataset import Dataset
from gumtree_core.data.exchange.common import library
from gumtree_core.data.plots import cells
from gumtree_core.data.plots.sketch import along, label
from gumtree_core.data.propagation.selection import Array
from gumtree_core.errors import GumtreeError

COLOURS = "viridis"
MASKED = "0.6"


def chosen(ds: Dataset, dim: str, name: str | None, flat: bool = True) -> tuple[str, Axis | None]:
    """Give the axis to draw against: by its name, or the one that stands along a dimension.

    Raises
    ------
    GumtreeError
        UNKNOWN_AXIS.
    """
    if name is None:
        return along(ds, dim)
    axis = ds.axes.get(name)
    fits = axis is not None and (axis.dims == (dim,) or (not flat and axis.dims and dim in axis.dims))
    if axis is None or not fits:
        known = [n for n, a in ds.axes.items() if a.dims and dim in a.dims]
        raise GumtreeError(
            "UNKNOWN_AXIS", f"{ds.name} has no axis '{name}' along '{dim}'; along it run: {known or 'none'}."
        )
    return name, axis


def text_label(name: str, unit: str) -> str:
    """Give a name with its unit; a dollar sign would begin a formula."""
    return label(name, unit).strip().replace("$", r"\$")


def axis_label(name: str, axis: Axis | None) -> str:
    """Give the title of an axis, or its name, with its unit."""
    return text_label((axis.title if axis else "") or name, axis.unit if axis else "")


def value_range(
    ds: Dataset, limits: tuple[float | None, float | None], logarithmic: bool
) -> tuple[float, float]:
    """Give the lowest and the highest colour.

    Raises
    ------
    GumtreeError
        NOT_PLOTTABLE.
    """
    good = np.isfinite(ds.values) if ds.mask is None else np.isfinite(ds.values) & ~ds.mask
    if logarithmic:
        good &= ds.values > 0
    values = ds.values[good]
    if not values.size:
        what = "positive and finite" if logarithmic else "finite"
        raise GumtreeError("NOT_PLOTTABLE", f"{ds.name} has no element that is {what} and not masked.")
    low = float(values.min()) if limits[0] is None else limits[0]
    high = float(values.max()) if limits[1] is None else limits[1]
    if logarithmic and low <= 0:
        raise GumtreeError("NOT_PLOTTABLE", f"Colours on a logarithmic scale cannot start at {low:g}.")
    return (low, high) if high > low else (low, low + (abs(low) or 1.0) * 1e-3)


class Image:
    """An image in an Axes, with its colour bar; another frame may take its place."""

    def __init__(
        self,
        ax: Any,
        ds: Dataset,
        log: str,
        names: tuple[str | None, str | None],
        limits: tuple[float | None, float | None],
        style: dict[str, Any],
        whole: Dataset | None = None,
    ) -> None:
        colors = library("matplotlib.colors")
        colour_maps = library("matplotlib")
        self._ax = ax
        (x_name, across), (y_name, up) = (
            chosen(ds, ds.dims[1], names[0], flat=False),
            chosen(ds, ds.dims[0], names[1], flat=False),
        )
        self._across, self._up = cells.edges(ds, 1, across), cells.edges(ds, 0, up)
        self._low, high = value_range(ds if whole is None else whole, limits, "c" in log)
        self._log = "c" in log
        norm = colors.LogNorm(self._low, high) if self._log else colors.Normalize(self._low, high)
        look = {"cmap": COLOURS, "norm": norm, **style}
        if isinstance(look["cmap"], str):
            look["cmap"] = colour_maps.colormaps[look["cmap"]]
        self._grey = colors.ListedColormap([MASKED])
        values = self._shown(ds)
        self._uniform = all(cells.evenly_spaced(e) for e in (self._across, self._up)) and {
            "x",
            "y",
        }.isdisjoint(log)
        self._image = self._draw(values, look)
        self._covers: list[Any] = []
        self._cover(ds.mask)
        ax.set_xscale("log" if "x" in log else "linear")
        ax.set_yscale("log" if "y" in log else "linear")
        ax.set_xlim(float(np.min(self._across)), float(np.max(self._across)))
        ax.set_ylim(float(np.min(self._up)), float(np.max(self._up)))
        ax.set_xlabel(axis_label(x_name, across))
        ax.set_ylabel(axis_label(y_name, up))
        same = across is not None and up is not None and across.unit and across.unit == up.unit
        ratio = abs(np.ptp(self._across) / (np.ptp(self._up) or 1.0))
        if same and 1 / 3 < ratio < 3 and {"x", "y"}.isdisjoint(log):
            ax.set_aspect("equal")
        bar = ax.figure.colorbar(self._image, ax=ax, pad=0.02)
        bar.set_label(text_label(ds.title, ds.unit))

    def _draw(self, values: Array, look: dict[str, Any]) -> Any:
        if not self._uniform:
            x, y = np.broadcast_arrays(*cells.grid(self._across, self._up))
            return self._ax.pcolormesh(x, y, values, shading="flat", rasterized=True, **look)
        aspect = self._ax.get_aspect()
        extent = (self._across[0], self._across[-1], self._up[0], self._up[-1])
        return self._ax.imshow(
            values, origin="lower", extent=extent, aspect=aspect, interpolation="nearest", **look
        )

    def _shown(self, ds: Dataset) -> Array:
        values = ds.values.astype(np.float64)
        if self._log:
            values = np.maximum(values, self._low)
        return values if ds.mask is None else np.where(ds.mask, np.nan, values)

    def _cover(self, mask: NDArray[np.bool_] | None) -> None:
        for cover in self._covers:
            cover.remove()
        self._covers = []
        if mask is None or not mask.any():
            return
        grey = np.where(mask, 1.0, np.nan)
        self._covers.append(self._draw(grey, {"cmap": self._grey}))
        if min(mask.shape) > 1:
            x, y = cells.middles(self._across), cells.middles(self._up)
            x, y = np.broadcast_arrays(*cells.grid(x, y))
            hatch = self._ax.contourf(x, y, mask.astype(float), [0.5, 1.5], colors="none", hatches=["////"])
            hatch.set_edgecolor("white")
            hatch.set_linewidth(0)
            self._covers.append(hatch)

    def show(self, ds: Dataset) -> None:
        """Exchange the frame."""
        values = self._shown(ds)
        self._image.set_array(values)
        self._cover(ds.mask)
        self._ax.figure.canvas.draw_idle()
