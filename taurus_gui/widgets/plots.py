"""What all plots share: the theme's colours, and drawing only while somebody looks."""

from __future__ import annotations

import math

import pyqtgraph as pg

from taurus_gui import theme
from taurus_gui.qt import QtCore, QtGui, QtWidgets

NOTHING = "no data yet"

pg.setConfigOptions(imageAxisOrder="row-major", antialias=True)


class Plot(QtWidgets.QFrame):
    """A framed plot with a title bar, in which tools stand at the right."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.setObjectName("card")
        self.graphics = pg.GraphicsLayoutWidget()
        self.graphics.ci.setContentsMargins(4, 8, 8, 4)
        self.title = QtWidgets.QLabel(title)
        self.title.setObjectName("cardTitle")
        self.note = QtWidgets.QLabel(NOTHING)
        self.note.setObjectName("muted")
        self.cursor = QtWidgets.QLabel()
        self.cursor.setObjectName("muted")
        self.tools = QtWidgets.QHBoxLayout()
        self.tools.setSpacing(theme.SPACE // 2)
        self.tools.addWidget(self.title)
        self.tools.addWidget(self.note)
        self.tools.addStretch(1)
        self.tools.addWidget(self.cursor)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(theme.SPACE, theme.SPACE // 2, theme.SPACE // 2, theme.SPACE // 2)
        column.setSpacing(2)
        column.addLayout(self.tools)
        column.addWidget(self.graphics, 1)
        self._stale = False
        self._moved = pg.SignalProxy(
            self.graphics.scene().sigMouseMoved, rateLimit=30, slot=lambda args: self.mouse_at(args[0])
        )

    def add_switch(self, text: str, tip: str, checked: bool) -> QtWidgets.QToolButton:
        """A button that stays pressed, at the right of the title."""
        button = QtWidgets.QToolButton()
        button.setText(text)
        button.setToolTip(tip)
        button.setCheckable(True)
        button.setChecked(checked)
        self.tools.addWidget(button)
        return button

    def stale(self) -> None:
        """Something has changed: draw now if visible, else when shown."""
        self._stale = True
        if self.isVisible():
            self._draw()

    def _draw(self) -> None:
        self._stale = False
        self.draw()
        self.note.setText("" if self.drawn() else NOTHING)

    def draw(self) -> None:
        """Draw the latest values."""
        raise NotImplementedError

    def has_data(self) -> bool:
        """Whether there is something to draw."""
        raise NotImplementedError

    def drawn(self) -> bool:
        """Whether values are on the screen."""
        raise NotImplementedError

    def recolour(self, colours: theme.Theme) -> None:
        """Take the colours of the theme."""
        self.graphics.setBackground(colours.card)

    def mouse_at(self, place: QtCore.QPointF) -> None:
        """Tell in `cursor` what is under the mouse."""

    def showEvent(self, event: QtGui.QShowEvent) -> None:
        """Draw what came while hidden."""
        super().showEvent(event)
        self.recolour(theme.current())
        if self._stale:
            self._draw()

    def changeEvent(self, event: QtCore.QEvent) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() == QtCore.QEvent.Type.PaletteChange and self.isVisible():
            self.recolour(theme.current())


class NumberAxis(pg.AxisItem):
    """An axis that, when logarithmic, writes plain numbers where there is room for them."""

    def __init__(self, orientation: str) -> None:
        super().__init__(orientation)
        self.enableAutoSIPrefix(False)

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        """Labelled ticks first, then those between."""
        if not self.logMode:
            return super().tickValues(low, high, size)
        labelled, between = decade_ticks(low, high)
        return [(1.0, labelled), (0.0, between)]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        """The numbers; nothing at the ticks between."""
        if not self.logMode:
            return tick_texts([value * scale for value in values], spacing * scale)
        return [decade_text(value) if spacing else "" for value in values]


def tick_texts(values: list[float], spacing: float) -> list[str]:
    """Numbers that are so far apart, in digits that tell them from one another."""
    largest = max(map(abs, values), default=0.0)
    if not largest or not spacing:
        return [f"{value:g}" for value in values]
    top = math.floor(math.log10(largest) + 1e-9)
    step = math.floor(math.log10(spacing) + 1e-9)
    if not math.isclose(spacing / 10.0**step, round(spacing / 10.0**step)):  # such as 0.25
        step -= 1
    if -4 <= top < 7:
        return [f"{value:.{max(0, -step)}f}" for value in values]
    return [f"{value:.{max(0, top - step)}e}" if value else "0" for value in values]


def decade_ticks(low: float, high: float) -> tuple[list[float], list[float]]:
    """Ticks of a logarithmic axis from `low` to `high`, all as log10.

    Returns
    -------
    labelled, between
        1, 2 and 5 of each decade are labelled on a short axis, whole decades on a long one.
    """
    digits = (1, 2, 5) if high - low <= 2.2 else (1,)
    labelled, between = [], []
    for decade in range(math.floor(low), math.ceil(high) + 1):
        for digit in range(1, 10):
            value = decade + math.log10(digit)
            if low <= value <= high:
                (labelled if digit in digits else between).append(value)
    return labelled, between


def decade_text(value: float) -> str:
    """The number of a tick at log10 `value`."""
    number = 10.0**value
    return f"{number:.4g}" if 1e-4 <= number < 1e5 else f"{number:.0e}"


def recolour_axes(plot: pg.PlotItem, colours: theme.Theme) -> None:
    """Axes, ticks and labels of a plot in the theme's colours."""
    for name in ("left", "bottom", "right", "top"):
        axis = plot.getAxis(name)
        axis.setPen(pg.mkPen(colours.border))
        axis.setTextPen(pg.mkPen(colours.text))
        axis.labelStyle["color"] = colours.text
        axis.setLabel(axis.labelText)
