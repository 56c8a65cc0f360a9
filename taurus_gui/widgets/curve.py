"""Curves with error bars, on linear or logarithmic axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray

from gumtree_core.interface import Interface, Result
from taurus_gui import theme
from taurus_gui.live.source import Reading
from taurus_gui.qt import QtCore, QtGui
from taurus_gui.sentences import number, with_unit
from taurus_gui.widgets.plots import NumberAxis, Plot, recolour_axes

FLOOR = 1e-3
"""On a logarithmic axis, an error bar that reaches below zero ends at this part of the value."""


class Drawn(NamedTuple):
    """What is drawn of a curve, in the coordinates of the axes, each of shape (n,)."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    low: NDArray[np.float64]
    """The lower ends of the error bars."""
    high: NDArray[np.float64]
    joined: NDArray[np.int32]
    """1 where a line goes on to the next point; 0 before a gap."""


NOTHING = Drawn(*(np.empty(0),) * 4, np.empty(0, np.int32))


def drawable(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    errors: NDArray[np.float64] | None,
    log_x: bool,
    log_y: bool,
) -> Drawn:
    """Points and ends of error bars in the coordinates of the axes.

    Parameters
    ----------
    x, y, errors
        The curve, of shape (n,); `errors` are standard uncertainties, None for none.
    log_x, log_y
        Whether an axis is logarithmic: its coordinate is log10 of the value, and points that are not positive
        cannot be drawn.

    Returns
    -------
    Drawn
        Of shape (m,), m <= n: only finite points. Where points are left out, no line is drawn across.
    """
    bars = np.zeros_like(y) if errors is None else np.where(np.isfinite(errors), np.abs(errors), 0.0)
    keep = np.isfinite(x) & np.isfinite(y)
    keep &= (x > 0) | (not log_x)
    keep &= (y > 0) | (not log_y)
    joined = np.zeros(np.count_nonzero(keep), np.int32)
    joined[:-1] = np.diff(np.flatnonzero(keep)) == 1
    x, y, bars = x[keep], y[keep], bars[keep]
    low, high = y - bars, y + bars
    if log_y:
        low = np.log10(np.maximum(low, FLOOR * y))
        y, high = np.log10(y), np.log10(high)
    if log_x:
        x = np.log10(x)
    return Drawn(x, y, low, high, joined)


class ErrorBars(pg.GraphicsObject):
    """Vertical bars with caps of a fixed size on the screen; any number as one path."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = NOTHING
        self._path = QtGui.QPainterPath()
        self._pen = pg.mkPen("k")

    def set_bars(self, drawn: Drawn) -> None:
        """Take new ends, in the coordinates of the axes."""
        self.drawn = drawn
        ends = np.column_stack([drawn.low, drawn.high]).ravel()
        self.prepareGeometryChange()
        self._path = pg.arrayToQPath(np.repeat(drawn.x, 2), ends, connect="pairs")
        self.update()

    def set_pen(self, pen: QtGui.QPen) -> None:
        """Take a colour."""
        self._pen = pen
        self.update()

    def paint(self, painter: QtGui.QPainter, *_: object) -> None:
        """Draw all bars."""
        painter.setPen(self._pen)
        painter.drawPath(self._path)

    def boundingRect(self) -> QtCore.QRectF:
        """Where the bars are."""
        return self._path.boundingRect()


class CurvePlot(Plot):
    """Results with the same axes, drawn together.

    Parameters
    ----------
    interface
        Where the results stand that `x` and `errors` name.
    results
        The curves; the first one gives labels and scales.
    """

    def __init__(self, interface: Interface, results: Sequence[Result]) -> None:
        first = results[0]
        super().__init__(", ".join(result.label or result.name for result in results))
        self.results = tuple(results)
        self.names = {name for r in results for name in (r.name, r.x, r.errors) if name}
        self._readings: dict[str, Reading] = {}
        self.axes = self.graphics.addPlot(
            axisItems={"bottom": NumberAxis("bottom"), "left": NumberAxis("left")}
        )
        self.axes.setMenuEnabled(True)
        self.axes.ctrlMenu.menuAction().setVisible(False)
        self.axes.hideButtons()
        self.axes.showGrid(x=True, y=True, alpha=0.15)
        self._legend = self.axes.addLegend(offset=(-8, 8)) if len(results) > 1 else None
        self._x_unit = ""
        x_label = "Point"
        named = {item.name: item for item in (*interface.results, *interface.parameters)}
        if first.x in named:
            x_label, self._x_unit = named[first.x].label or first.x, named[first.x].unit
        self._x_label = x_label
        self.axes.setLabel("bottom", _axis(x_label, self._x_unit))
        self.axes.setLabel("left", _axis(first.label or first.name, first.unit))
        self.curves: dict[str, pg.PlotDataItem] = {}
        self.bars: dict[str, ErrorBars] = {}
        for result in results:
            curve = pg.PlotDataItem(name=result.label or result.name)
            bars = ErrorBars()
            self.axes.addItem(bars, ignoreBounds=True)
            self.axes.addItem(curve)
            self.curves[result.name], self.bars[result.name] = curve, bars
        self.log_x = self.add_switch("log x", "Logarithmic x axis", first.log_x)
        self.log_y = self.add_switch("log y", "Logarithmic y axis", first.log_y)
        self.fit = self.add_switch("fit", "Keep everything in view", True)
        self.log_x.toggled.connect(self._rescale)
        self.log_y.toggled.connect(self._rescale)
        self.fit.toggled.connect(lambda on: self.axes.enableAutoRange(enable=on))
        self.axes.getViewBox().sigRangeChangedManually.connect(lambda *_: self.fit.setChecked(False))
        self._rescale()

    def show_reading(self, name: str, reading: Reading) -> None:
        """Take a reading of a curve, of its x or of its errors."""
        self._readings[name] = reading
        self.stale()

    def has_data(self) -> bool:
        """Whether there is something to draw."""
        return any(self._array(result.name) is not None for result in self.results)

    def drawn(self) -> bool:
        """Whether a curve has points on the screen."""
        return any(len(bars.drawn.x) for bars in self.bars.values())

    def draw(self) -> None:
        """Draw each curve whose parts fit together; x and errors may come a moment after y."""
        for result in self.results:
            y = self._array(result.name)
            if y is None:
                self._show(result, NOTHING)
                continue
            x = self._array(result.x) if result.x else np.arange(len(y), dtype=float)
            errors = self._array(result.errors) if result.errors else None
            if x is None or len(x) != len(y) or (errors is not None and len(errors) != len(y)):
                continue
            self._show(result, drawable(x, y, errors, self.log_x.isChecked(), self.log_y.isChecked()))

    def recolour(self, colours: theme.Theme) -> None:
        """Take the colours of the theme."""
        super().recolour(colours)
        recolour_axes(self.axes, colours)
        for result, colour in zip(self.results, colours.curves * len(self.results), strict=False):
            self.bars[result.name].set_pen(pg.mkPen(colour, width=1))
            curve = self.curves[result.name]
            curve.setPen(pg.mkPen(colour, width=1.8 if result.onto else 1.2))
            if result.onto:
                continue
            curve.setSymbol("o")
            curve.setSymbolSize(4)
            curve.setSymbolPen(None)
            curve.setSymbolBrush(colour)
        if self._legend is not None:
            for _, label in self._legend.items:
                label.setText(label.text, color=colours.text)

    def mouse_at(self, place: QtCore.QPointF) -> None:
        """Tell the coordinates under the mouse."""
        view = self.axes.getViewBox()
        if not view.sceneBoundingRect().contains(place):
            self.cursor.setText("")
            return
        point = view.mapSceneToView(place)
        x = 10 ** point.x() if self.log_x.isChecked() else point.x()
        y = 10 ** point.y() if self.log_y.isChecked() else point.y()
        first = self.results[0]
        self.cursor.setText(
            f"{self._x_label} {with_unit(number(x, '%.4g'), self._x_unit)}   "
            f"{with_unit(number(y, '%.4g'), first.unit)}"
        )

    def _show(self, result: Result, drawn: Drawn) -> None:
        self.curves[result.name].setData(drawn.x, drawn.y, connect=drawn.joined)
        self.bars[result.name].set_bars(drawn)

    def _array(self, name: str) -> NDArray[np.float64] | None:
        reading = self._readings.get(name)
        if reading is None or reading.value is None or len(reading.value) == 0:
            return None
        return np.asarray(reading.value, dtype=float)

    def _rescale(self) -> None:
        self.axes.getAxis("bottom").setLogMode(self.log_x.isChecked())
        self.axes.getAxis("left").setLogMode(self.log_y.isChecked())
        self.stale()
        self.fit.setChecked(True)
        self.axes.enableAutoRange()


def _axis(label: str, unit: str) -> str:
    return f"{label} ({unit})" if unit else label
