"""Plots with matplotlib: curves with error bars, images, images with a slider, surfaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from gumtree_core.data.axis import Axis
from gumtree_core.data.dataset import Dataset
from gumtree_core.data.exchange.common import library
from gumtree_core.data.plots import cells
from gumtree_core.data.plots.image_plot import (
    COLOURS,
    MASKED,
    Image,
    axis_label,
    chosen,
    text_label,
    value_range,
)
from gumtree_core.data.plots.sketch import along
from gumtree_core.errors import GumtreeError

Kind = Literal["curve", "image", "slices", "surface"]
BAND = 300
"""Points from which the errors of a curve are a band instead of bars."""
_KINDS: dict[int, Kind] = {1: "curve", 2: "image", 3: "slices"}
_DIMENSIONS = {"curve": 1, "image": 2, "slices": 3, "surface": 2}


def plot(
    data: Dataset | Sequence[Dataset],
    kind: Kind | None = None,
    *,
    ax: Any = None,
    log: str = "",
    x: str | None = None,
    y: str | None = None,
    limits: tuple[float | None, float | None] = (None, None),
    labels: Sequence[str] | None = None,
    **style: Any,
) -> Any:
    """Draw one Dataset, or several curves.

    Parameters
    ----------
    data
        Of one dimension: a curve with error bars (steps, where its axis holds the edges of bins); of two: an
        image; of three: an image with a slider for the first dimension. Several Datasets of one dimension
        are converted to the units of the first.
    kind
        ``"surface"`` draws two dimensions as a surface; else as above.
    ax
        matplotlib's Axes to draw into; made if left out. One for a surface has ``projection="3d"``.
    log
        Which scales are logarithmic: any of ``"x"``, ``"y"`` and, for colours, ``"c"``, such as ``"xy"``.
        Colours of values of 0 and less are then those of the smallest positive one.
    x, y
        Names of the axes to draw against, where a dimension has several; of an image, both may run along
        both dimensions.
    limits
        Of the values: lowest and highest of the colours, or of a curve's scale.
    labels
        For the legend; the titles if left out.
    **style
        Goes to matplotlib's `errorbar`, `stairs`, `pcolormesh`, `imshow` or `plot_surface`.

    Returns
    -------
    matplotlib.axes.Axes
        Masked elements are grey, hatched in images and hollow in curves; NaN is left empty. An Axes with a
        slider has it as the attribute `slider`.

    Raises
    ------
    GumtreeError
        NOT_PLOTTABLE, UNIT_MISMATCH, UNKNOWN_AXIS, LIBRARY_MISSING.
    """
    library("matplotlib")
    several = [data] if isinstance(data, Dataset) else list(data)
    if not several:
        raise GumtreeError("NOT_PLOTTABLE", "There is nothing to plot; give at least one Dataset.")
    first = several[0]
    kind = kind or _KINDS.get(first.ndim)
    wrong = next((ds for ds in several if kind is None or ds.ndim != _DIMENSIONS.get(kind)), None)
    if wrong is not None or kind is None:
        raise GumtreeError("NOT_PLOTTABLE", _advice(first if wrong is None else wrong, kind))
    if len(several) > 1 and kind != "curve":
        raise GumtreeError(
            "NOT_PLOTTABLE", "Several Datasets are plotted together as curves only; plot one each."
        )
    if "label" in style:  # as matplotlib calls it
        labels = [style.pop("label")]
    if labels is not None and len(labels) != len(several):
        raise GumtreeError(
            "NOT_PLOTTABLE", f"There are {len(several)} curves and {len(labels)} labels; give one each."
        )
    if unknown := set(log) - set("xyc"):
        raise GumtreeError("NOT_PLOTTABLE", f"log names the scales x, y and c, not {sorted(unknown)}.")
    if not first.size:
        raise GumtreeError("NOT_PLOTTABLE", f"{first.name} is empty.")
    if ax is None:
        ax = _new_axes(kind)
    if kind == "curve":
        _curves(ax, several, log, x, limits, labels, style)
    elif kind == "image":
        Image(ax, first, log, (x, y), limits, style)
    elif kind == "slices":
        _slices(ax, first, log, (x, y), limits, style)
    else:
        _surface(ax, first, log, (x, y), limits, style)
    return ax


def _advice(ds: Dataset, kind: str | None) -> str:
    sizes = ", ".join(f"{name}: {length}" for name, length in ds.sizes.items())
    if ds.ndim > 2:
        dim = ds.dims[0]
        how = f"sum it, ds.sum('{dim}').plot(), or select, ds['{dim}', 0].plot()"
    else:
        how = "print a number; plot 1 dimension as a curve, 2 as an image or a surface, 3 as slices"
    return f"{ds.title or 'The Dataset'} ({sizes}) cannot be drawn as {kind or 'it is'}; {how}."


def _new_axes(kind: Kind) -> Any:
    figures = library("matplotlib.pyplot")
    size = {"curve": (6.4, 4.4), "surface": (7.0, 5.6)}.get(kind, (6.4, 5.2))
    figure = figures.figure(
        figsize=size, layout="compressed" if kind in ("image", "slices") else "constrained"
    )
    return figure.add_subplot(projection="3d" if kind == "surface" else None)


def _curves(
    ax: Any,
    several: Sequence[Dataset],
    log: str,
    x: str | None,
    limits: tuple[float | None, float | None],
    labels: Sequence[str] | None,
    style: dict[str, Any],
) -> None:
    first = several[0]
    names = list(labels) if labels else [ds.title for ds in several]
    ax.set_xscale("log" if "x" in log else "linear")
    ax.set_yscale("log" if "y" in log else "linear", **({"nonpositive": "mask"} if "y" in log else {}))
    name, shared = chosen(first, first.dims[0], x)
    for ds, text in zip(several, names, strict=True):
        values = ds if ds.unit == first.unit else ds.to(first.unit)
        _, axis = chosen(ds, ds.dims[0], x or (name if name in ds.axes else None))
        if axis is not None and shared is not None and axis.unit != shared.unit:
            axis = axis.to(shared.unit)
        _curve(ax, values, axis, text.replace("$", r"\$") or None, dict(style))
    ax.set_xlabel(text_label((shared.title if shared else "") or name, shared.unit if shared else ""))
    ax.set_ylabel(text_label(first.title if len(several) == 1 and first.title else "", first.unit))
    ax.set_ylim(*limits)
    if "x" not in log:
        ax.margins(x=0.02)
    if len(several) > 1 and any(names):
        ax.legend(frameon=False)
    ax.tick_params(which="both", direction="in", top=True, right=True)


def _curve(ax: Any, ds: Dataset, axis: Axis | None, text: str | None, style: dict[str, Any]) -> None:
    from matplotlib import cbook, lines

    style = cbook.normalize_kwargs(style, lines.Line2D)  # `lw` is `linewidth`
    positions = np.arange(ds.size) if axis is None else axis.centers
    values = ds.values.astype(np.float64)
    hidden = ds.mask
    shown = values if hidden is None else np.where(hidden, np.nan, values)
    errors = ds.errors
    across = None if axis is None or axis.errors is None or axis.is_edges else axis.errors
    many = ds.size > BAND
    style.setdefault("color", ax._get_lines.get_next_color())
    colour = style["color"]
    if axis is not None and axis.is_edges:
        ax.stairs(shown, axis.values, baseline=None, label=text, **{"linewidth": 1.3, **style})
        if errors is not None and not many:
            ax.errorbar(positions, shown, errors, fmt="none", ecolor=colour, elinewidth=0.9, alpha=0.7)
    else:
        look: dict[str, Any] = {"markersize": 3.5, "linewidth": 1.1, "elinewidth": 0.9, "capsize": 0}
        if "fmt" not in style:
            look |= {"marker": "" if many else "o", "linestyle": "-"}
        spread = None if many or errors is None else errors
        ax.errorbar(positions, shown, spread, None if many else across, label=text, **{**look, **style})
    if errors is not None and many:
        ax.fill_between(positions, shown - errors, shown + errors, color=colour, alpha=0.25, linewidth=0)
    if hidden is not None and hidden.any():
        ax.plot(
            positions[hidden], values[hidden], "o", color=MASKED, mfc="none", markersize=3.5, label="_masked"
        )


def _slices(
    ax: Any,
    ds: Dataset,
    log: str,
    names: tuple[str | None, str | None],
    limits: tuple[float | None, float | None],
    style: dict[str, Any],
) -> None:
    dim = ds.dims[0]
    image = Image(ax, ds[0], log, names, limits, style, ds)
    name, axis = along(ds, dim)

    def heading(k: int) -> str:
        where = "" if axis is None else f"{name} = {_number(axis.centers[k])} {axis.unit}".rstrip() + ", "
        return f"{where}ds['{dim}', {k}] of {len(ds)}".replace("$", r"\$")

    ax.set_title(heading(0), fontsize="medium")
    if not _interactive(ax.figure):
        ax.set_title(
            f"{heading(0)}\nfor others: ds['{dim}', k].plot(); for a slider: %matplotlib widget",
            fontsize="small",
        )
        return
    widgets = library("matplotlib.widgets")
    place = ax.figure.add_axes((0.2, 0.01, 0.6, 0.03))
    place.set_in_layout(False)
    ax.figure.get_layout_engine().set(rect=(0, 0.06, 1, 0.94))
    slider = widgets.Slider(place, dim, 0, len(ds) - 1, valinit=0, valstep=1, valfmt="%d")

    def move(position: float) -> None:
        k = int(position)
        image.show(ds[k])
        ax.set_title(heading(k), fontsize="medium")

    slider.on_changed(move)
    ax.slider = slider  # matplotlib holds no reference to it, and without one it is dead


def _interactive(figure: Any) -> bool:
    """Whether the figure answers the mouse; those in a file, or inline in a notebook, do not."""
    canvas = type(figure.canvas)
    in_browser = any("webagg" in base.__module__ for base in canvas.__mro__)
    return in_browser or canvas.required_interactive_framework is not None


def _surface(
    ax: Any,
    ds: Dataset,
    log: str,
    names: tuple[str | None, str | None],
    limits: tuple[float | None, float | None],
    style: dict[str, Any],
) -> None:
    if not hasattr(ax, "plot_surface"):
        raise GumtreeError(
            "NOT_PLOTTABLE", "A surface needs an Axes with projection='3d'; leave ax out to have one."
        )
    x_name, across = chosen(ds, ds.dims[1], names[0], flat=False)
    y_name, up = chosen(ds, ds.dims[0], names[1], flat=False)
    values = ds.values.astype(np.float64)
    if ds.mask is not None:
        values = np.where(ds.mask, np.nan, values)
    low, high = value_range(ds, limits, "c" in log)
    if "c" in log:  # matplotlib's scales in 3-D are linear
        values, low, high = np.log10(np.maximum(values, low)), np.log10(low), np.log10(high)
    x, y = np.broadcast_arrays(*cells.grid(cells.points(ds, 1, across), cells.points(ds, 0, up)))
    look = {"cmap": COLOURS, "linewidth": 0, "antialiased": False, "rcount": 200, "ccount": 200, **style}
    drawn = ax.plot_surface(x, y, values, vmin=low, vmax=high, **look)
    what = text_label(ds.title, ds.unit)
    ax.set_xlabel(axis_label(x_name, across))
    ax.set_ylabel(axis_label(y_name, up))
    ax.set_zlim(low, high)
    bar = ax.figure.colorbar(drawn, ax=ax, pad=0.1, shrink=0.6)
    bar.set_label(f"log10 of {what}" if "c" in log else what)


def _number(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float | int | np.number) else str(value)
