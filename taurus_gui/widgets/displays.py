"""Displays of single values, lists and tables; plots have their own files."""

from __future__ import annotations

import math
from collections.abc import Callable

from gumtree_core.interface import Parameter, Result
from taurus_gui import theme
from taurus_gui.layout import DisplayKind, display_kind
from taurus_gui.live.source import Reading, State
from taurus_gui.qt import QtCore, QtGui, QtWidgets
from taurus_gui.sentences import duration, value_text, with_error

NO_VALUE = "—"
LOG_LINES = 500


class Display(QtWidgets.QWidget):
    """Shows the readings of one result."""

    wide = True
    """Whether it needs a row's whole width."""

    def __init__(self, item: Result | Parameter) -> None:
        super().__init__()
        self.item = item
        self.setToolTip(item.help)
        self.row = QtWidgets.QHBoxLayout(self)
        self.row.setContentsMargins(0, 0, 0, 0)

    def show_reading(self, reading: Reading) -> None:
        """Show a reading."""
        raise NotImplementedError


class ValueDisplay(Display):
    """A number (right-aligned, its unit is a column of its own) or a text."""

    wide = False

    def __init__(self, item: Result | Parameter) -> None:
        super().__init__(item)
        self.wide = item.kind not in ("float", "int")
        self.label = QtWidgets.QLabel(NO_VALUE)
        self.label.setObjectName("value")
        self.label.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        if self.wide:
            self.label.setWordWrap(True)
        else:
            self.label.setAlignment(QtCore.Qt.AlignmentFlag.AlignRight | QtCore.Qt.AlignmentFlag.AlignVCenter)
            self.label.setMinimumWidth(68)
        self.row.addWidget(self.label, 1)

    def show_reading(self, reading: Reading) -> None:
        """Show the value; alarm and warning in the error colour, the reason in the tool tip."""
        self.label.setText(value_text(self.item, reading.value) or NO_VALUE)
        bad = "true" if reading.error or reading.quality in ("ALARM", "WARNING") else "false"
        if self.label.property("bad") != bad:
            self.label.setProperty("bad", bad)
            self.label.style().unpolish(self.label)
            self.label.style().polish(self.label)
        self.label.setToolTip(reading.error or self.item.help)


class DurationDisplay(ValueDisplay):
    """Seconds, in hours and minutes where they are many."""

    def __init__(self, item: Result | Parameter) -> None:
        super().__init__(item)
        self.wide = True
        self.label.setAlignment(QtCore.Qt.AlignmentFlag.AlignLeft | QtCore.Qt.AlignmentFlag.AlignVCenter)

    def show_reading(self, reading: Reading) -> None:
        """Show it in words."""
        super().show_reading(reading)
        if reading.value is not None and math.isfinite(reading.value):
            self.label.setText(duration(float(reading.value)))


class MeasuredDisplay(ValueDisplay):
    """A number with its standard deviation, which is another result; `error` shows the readings of that."""

    def __init__(self, item: Result) -> None:
        super().__init__(item)
        self.error = ErrorOf(self)
        self._reading = Reading()

    def show_reading(self, reading: Reading) -> None:
        """Show the value, and the error that is known."""
        self._reading = reading
        super().show_reading(reading)
        value, error = reading.value, self.error.value
        if value is not None and error is not None and math.isfinite(value) and 0 < error < math.inf:
            self.label.setText(with_error(float(value), error))

    def show_again(self) -> None:
        """The error has changed."""
        self.show_reading(self._reading)


class ErrorOf:
    """Takes the readings of an error for the display of the value."""

    def __init__(self, display: MeasuredDisplay) -> None:
        self._display = display
        self.value: float | None = None

    def show_reading(self, reading: Reading) -> None:
        """Show it beside the value."""
        self.value = None if reading.value is None else float(reading.value)
        self._display.show_again()


class Readback(ValueDisplay):
    """What a device has of what can be set: hidden while it is what is set, unless it is always wanted."""

    def __init__(self, item: Parameter, *, always: bool) -> None:
        super().__init__(item)
        policy = self.label.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # so that nothing moves when it comes
        self.label.setSizePolicy(policy)
        self._always = always
        self._differs = self._editing = False
        self._show_or_hide()

    def show_reading(self, reading: Reading) -> None:
        """Show the value, if it differs or is in doubt."""
        super().show_reading(reading)
        self._differs = (
            reading.setpoint is None
            or bool(reading.error)
            or reading.quality != "VALID"
            or value_text(self.item, reading.setpoint) != self.label.text()
        )
        self._show_or_hide()

    def show_editing(self, editing: bool) -> None:
        """Show what the device has while another value is being typed."""
        self._editing = editing
        self._show_or_hide()

    def _show_or_hide(self) -> None:
        self.label.setVisible(self._always or self._differs or self._editing)


class LampDisplay(Display):
    """Yes or no as a lamp and a word."""

    def __init__(self, item: Result | Parameter) -> None:
        super().__init__(item)
        self.lamp = Lamp()
        self.label = QtWidgets.QLabel(NO_VALUE)
        self.row.addWidget(self.lamp)
        self.row.addWidget(self.label, 1)

    def show_reading(self, reading: Reading) -> None:
        """Green for yes, grey for no or unknown."""
        self.lamp.set_state("ON" if reading.value else "OFF")
        self.label.setText(value_text(self.item, reading.value) or NO_VALUE)


class ProgressDisplay(Display):
    """A progress bar, in per cent."""

    def __init__(self, item: Result | Parameter) -> None:
        super().__init__(item)
        self.bar = QtWidgets.QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.label = QtWidgets.QLabel("0 %")
        self.label.setObjectName("value")
        self.label.setAlignment(QtCore.Qt.AlignmentFlag.AlignRight | QtCore.Qt.AlignmentFlag.AlignVCenter)
        self.label.setMinimumWidth(44)
        self.row.addWidget(self.bar, 1)
        self.row.addWidget(self.label)

    def show_reading(self, reading: Reading) -> None:
        """Show 0 to 100 %."""
        value = 0.0 if reading.value is None else float(reading.value)
        self.bar.setValue(round(10 * min(max(value, 0.0), 100.0)))
        self.label.setText(f"{value:.0f} %")


class LogDisplay(Display):
    """Lines of text; the last one is in view unless the user has scrolled up."""

    def __init__(self, item: Result | Parameter) -> None:
        super().__init__(item)
        self.text = _Lines()
        self.text.setReadOnly(True)
        self.text.setMaximumBlockCount(LOG_LINES)
        self.text.setPlaceholderText("nothing yet")
        self.row.addWidget(self.text)
        self._lines: list[str] = []

    def show_reading(self, reading: Reading) -> None:
        """Append what is new; write all anew if the beginning has changed."""
        value = reading.value if reading.value is not None else []
        lines = [str(line) for line in value][-LOG_LINES:]
        if lines == self._lines:
            return
        bar = self.text.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 1
        known = len(self._lines)
        if known and lines[:known] == self._lines:
            self.text.appendPlainText("\n".join(lines[known:]))
        else:
            self.text.setPlainText("\n".join(lines))
        self._lines = lines
        if at_end:
            bar.setValue(bar.maximum())


class _Lines(QtWidgets.QPlainTextEdit):
    """Asks for a few lines only, and takes what room there is."""

    def sizeHint(self) -> QtCore.QSize:
        """Five lines."""
        return QtCore.QSize(200, 5 * self.fontMetrics().lineSpacing() + 12)

    def minimumSizeHint(self) -> QtCore.QSize:
        """As the size hint, so that a narrow place makes the panel scroll and not the log vanish."""
        return self.sizeHint()


class TableDisplay(Display):
    """A two-dimensional value."""

    def __init__(self, item: Result | Parameter) -> None:
        super().__init__(item)
        self.table = QtWidgets.QTableWidget()
        self.table.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.horizontalHeader().setVisible(False)
        self.row.addWidget(self.table)

    def show_reading(self, reading: Reading) -> None:
        """Fill the table."""
        rows = [] if reading.value is None else [list(row) for row in reading.value]
        self.table.setRowCount(len(rows))
        self.table.setColumnCount(max(map(len, rows), default=0))
        single = Result(self.item.name, self.item.kind, format=self.item.format, choices=self.item.choices)
        for y, row in enumerate(rows):
            for x, value in enumerate(row):
                self.table.setItem(y, x, QtWidgets.QTableWidgetItem(value_text(single, value)))


class Lamp(QtWidgets.QWidget):
    """A round lamp in the colour of a Tango state."""

    def __init__(self, size: int = 12) -> None:
        super().__init__()
        self._state = "UNKNOWN"
        self.setFixedSize(size, size)

    def set_state(self, state: str) -> None:
        """Take the state's colour."""
        if state != self._state:
            self._state = state
            self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Draw the lamp."""
        painter = QtGui.QPainter(self)
        draw_lamp(painter, QtCore.QRectF(self.rect()), self._state)
        painter.end()


def draw_lamp(painter: QtGui.QPainter, place: QtCore.QRectF, state: str) -> None:
    """Draw a lamp: filled, or only its rim while the device does not answer."""
    colour = QtGui.QColor(theme.STATE_COLOURS.get(state, theme.STATE_COLOURS["UNKNOWN"]))
    painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
    painter.setPen(QtGui.QPen(colour, 1.5))
    painter.setBrush(QtCore.Qt.BrushStyle.NoBrush if state == "UNREACHABLE" else QtGui.QBrush(colour))
    painter.drawEllipse(place.adjusted(1.5, 1.5, -1.5, -1.5))


def lamp_icon(state: str, size: int = 14) -> QtGui.QIcon:
    """The lamp as an icon."""
    pixmap = QtGui.QPixmap(size * 2, size * 2)
    pixmap.setDevicePixelRatio(2.0)
    pixmap.fill(QtCore.Qt.GlobalColor.transparent)
    painter = QtGui.QPainter(pixmap)
    draw_lamp(painter, QtCore.QRectF(0, 0, size, size), state)
    painter.end()
    icon = QtGui.QIcon(pixmap)
    icon.addPixmap(pixmap, QtGui.QIcon.Mode.Selected)
    return icon


class StateChip(QtWidgets.QWidget):
    """Lamp and name of a state; the status as tool tip."""

    def __init__(self) -> None:
        super().__init__()
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        self.lamp = Lamp()
        self.label = QtWidgets.QLabel()
        row.addWidget(self.lamp)
        row.addWidget(self.label)

    def show_state(self, state: State) -> None:
        """Show a state."""
        self.lamp.set_state(state.name)
        self.label.setText(state.name.capitalize() if not state.reachable else state.name)
        self.setToolTip(state.status)


DISPLAYS: dict[DisplayKind, Callable[[Result | Parameter], Display]] = {
    "value": ValueDisplay,
    "text": ValueDisplay,
    "lamp": LampDisplay,
    "progress": ProgressDisplay,
    "duration": DurationDisplay,
    "log": LogDisplay,
    "list": ValueDisplay,
    "table": TableDisplay,
}


def make_display(result: Result) -> Display:
    """The display for a result that is not a plot."""
    if result.errors and not result.ndim and result.kind == "float":
        return MeasuredDisplay(result)
    return DISPLAYS[display_kind(result)](result)
