"""The recent past of a number."""

from __future__ import annotations

import time
from collections import deque

import numpy as np
import pyqtgraph as pg

from gumtree_core.interface import Parameter, Result
from taurus_gui import theme
from taurus_gui.live.source import Reading
from taurus_gui.widgets.plots import Plot, recolour_axes

KEPT = 36_000
"""Readings that are kept: an hour at ten a second."""

LEAST_SPAN = 60.0
"""Seconds that are shown at least."""


class TrendPlot(Plot):
    """A number against the time of day, since the window has been open."""

    def __init__(self, item: Parameter | Result) -> None:
        label = item.label or item.name
        super().__init__(f"{label} since this window was opened")
        self.names = {item.name}
        self._times: deque[float] = deque(maxlen=KEPT)
        self._values: deque[float] = deque(maxlen=KEPT)
        self.axes = self.graphics.addPlot(axisItems={"bottom": pg.DateAxisItem()})
        self.axes.setMenuEnabled(False)
        self.axes.hideButtons()
        self.axes.showGrid(x=True, y=True, alpha=0.15)
        self.axes.setLabel("left", f"{label} ({item.unit})" if item.unit else label)
        self.fit = self.add_switch("fit", "Keep everything in view", True)
        self.fit.toggled.connect(self.stale)
        self.axes.getViewBox().sigRangeChangedManually.connect(lambda *_: self.fit.setChecked(False))
        self.curve = self.axes.plot(stepMode="right")

    def show_reading(self, name: str, reading: Reading) -> None:
        """Take a reading."""
        if reading.value is None or isinstance(reading.value, str):
            return
        self._times.append(time.time())
        self._values.append(float(reading.value))
        self.stale()

    def has_data(self) -> bool:
        """Whether there is something to draw."""
        return True

    def drawn(self) -> bool:
        """Whether there is something on the screen."""
        return len(self._times) > 0

    def draw(self) -> None:
        """Draw all readings, the last one drawn out until now."""
        if not self._times:
            return
        times, values = np.array([*self._times, time.time()]), np.array([*self._values, self._values[-1]])
        self.curve.setData(times, values)
        if self.fit.isChecked():
            self.axes.enableAutoRange("y")
            self.axes.setXRange(min(times[0], times[-1] - LEAST_SPAN), times[-1], padding=0.01)

    def recolour(self, colours: theme.Theme) -> None:
        """Take the colours of the theme."""
        super().recolour(colours)
        recolour_axes(self.axes, colours)
        self.curve.setPen(pg.mkPen(colours.curves[0], width=1.5))
