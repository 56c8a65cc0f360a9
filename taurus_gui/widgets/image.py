"""Detector images: linear or logarithmic colours, colour bar, counts under the cursor."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray

from gumtree_core.interface import Result
from taurus_gui import theme
from taurus_gui.live.source import Reading
from taurus_gui.qt import QtCore
from taurus_gui.sentences import number, with_unit
from taurus_gui.widgets.plots import Plot, decade_text, decade_ticks, recolour_axes

BRIGHT = 99.9
"""Percentile that gets the brightest colour, so that one hot pixel does not hide all others."""


class ImagePlot(Plot):
    """An image of shape (y, x); pixel (0, 0) is at the lower left, pixel k spans k - 0.5 to k + 0.5."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.label or result.name)
        self.result = result
        self.names = {result.name}
        self.values: NDArray[np.generic] | None = None
        self.axes = self.graphics.addPlot()
        self.axes.setMenuEnabled(False)
        self.axes.hideButtons()
        self.axes.setAspectLocked(True)
        self.axes.setLabel("bottom", "x (pixel)")
        self.axes.setLabel("left", "y (pixel)")
        self.item = pg.ImageItem()
        self.item.setOpts(autoDownsample=False)
        self.axes.addItem(self.item)
        self.bar = pg.ColorBarItem(colorMap=pg.colormap.get("viridis"), interactive=False, width=14)
        self.bar.setImageItem(self.item, insert_in=self.axes)
        self.log = self.add_switch("log", "Logarithmic colours", result.log_y)
        self.auto = self.add_switch("auto", "Colours follow the brightest pixels", True)
        self.log.toggled.connect(self._rescale)
        self.auto.toggled.connect(lambda on: self.stale() if on else None)
        self._levels = (0.0, 1.0)

    def show_reading(self, name: str, reading: Reading) -> None:
        """Take an image."""
        value = reading.value
        if value is not None and np.ndim(value) == 2 and np.size(value):
            self.values = np.asarray(value)
        elif value is None:
            self.values = None
        self.stale()

    def has_data(self) -> bool:
        """Whether there is something to draw."""
        return self.values is not None

    def drawn(self) -> bool:
        """Whether an image is on the screen."""
        return self.values is not None and self.item.image is not None

    def draw(self) -> None:
        """Draw the image; zero counts have the darkest colour on a logarithmic scale too."""
        if self.values is None:
            self.item.clear()
            return
        shown = np.asarray(self.values, dtype=np.float32)
        finite = np.where(np.isfinite(shown), shown, 0.0)
        if self.auto.isChecked():
            self._levels = levels(finite, self.log.isChecked())
        if self.log.isChecked():
            finite = np.log10(np.maximum(finite, 10.0 ** self._levels[0]))
        first = self.item.image is None or self.item.image.shape != finite.shape
        self.item.setImage(finite, autoLevels=False)
        if first:
            height, width = finite.shape
            self.item.setRect(QtCore.QRectF(-0.5, -0.5, width, height))
            self.axes.setRange(xRange=(-0.5, width - 0.5), yRange=(-0.5, height - 0.5), padding=0)
        self.bar.setLevels(self._levels)
        self._label_bar()

    def recolour(self, colours: theme.Theme) -> None:
        """Take the colours of the theme."""
        super().recolour(colours)
        recolour_axes(self.axes, colours)
        axis = self.bar.getAxis("right")
        axis.labelStyle["color"] = colours.text
        axis.setLabel(self.result.unit or self.result.label)
        axis.setWidth(60)
        axis.setPen(pg.mkPen(colours.border))
        axis.setTextPen(pg.mkPen(colours.text))

    def mouse_at(self, place: QtCore.QPointF) -> None:
        """Tell pixel and value under the mouse."""
        view = self.axes.getViewBox()
        if self.values is None or not view.sceneBoundingRect().contains(place):
            self.cursor.setText("")
            return
        point = view.mapSceneToView(place)
        self.cursor.setText(self.told(round(point.x()), round(point.y())))

    def told(self, x: int, y: int) -> str:
        """Pixel and value, as text; empty outside the image."""
        if self.values is None:
            return ""
        height, width = self.values.shape
        if not (0 <= x < width and 0 <= y < height):
            return ""
        value = self.values[y, x]
        kind = "int" if np.issubdtype(self.values.dtype, np.integer) else "float"
        return f"x {x}  y {y}   {with_unit(number(value, kind=kind), self.result.unit)}"

    def _label_bar(self) -> None:
        """Counts at the colour bar, also when the colours are logarithmic."""
        axis = self.bar.getAxis("right")
        if not self.log.isChecked():
            axis.setTicks(None)
            return
        labelled, between = decade_ticks(*self._levels)
        axis.setTicks([[(v, decade_text(v)) for v in labelled], [(v, "") for v in between]])

    def _rescale(self) -> None:
        self.auto.setChecked(True)
        self.stale()


def levels(values: NDArray[np.float32], log: bool) -> tuple[float, float]:
    """Darkest and brightest value: zero to nearly the maximum; as log10 from a half to it if `log`."""
    top = float(np.percentile(values, BRIGHT)) if values.size else 1.0
    top = top if top > 0 else float(values.max(initial=0.0)) or 1.0
    if not log:
        return min(0.0, float(values.min())), top
    positive = values[values > 0]
    bottom = 0.5 * float(positive.min()) if positive.size else 0.5
    return float(np.log10(bottom)), float(np.log10(max(top, 2 * bottom)))
