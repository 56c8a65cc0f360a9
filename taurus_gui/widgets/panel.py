"""The panel of a device, generated from its Interface and rebuilt when that changes."""

from __future__ import annotations

from typing import Any

from gumtree_core.interface import Action, Interface, Parameter, Result
from taurus_gui.layout import Box, boxes, display_kind, field_kind, main_item, plots
from taurus_gui.live.model import DeviceModel
from taurus_gui.live.source import Done, Reading, State
from taurus_gui.qt import QtCore, QtWidgets
from taurus_gui.theme import SPACE
from taurus_gui.widgets.actions import ActionButton, question
from taurus_gui.widgets.columns import CardColumns
from taurus_gui.widgets.curve import CurvePlot
from taurus_gui.widgets.displays import (
    Column,
    ColumnsTable,
    Display,
    StateChip,
    ValueDisplay,
    make_display,
)
from taurus_gui.widgets.fields import Field, make_field
from taurus_gui.widgets.image import ImagePlot
from taurus_gui.widgets.trend import TrendPlot

BUTTONS_A_ROW = 4
FORM_WIDTH = 340
"""The least width of the rows beside plots, in pixels."""
AnyPlot = CurvePlot | ImagePlot | TrendPlot


class DevicePanel(QtWidgets.QWidget):
    """Everything a device offers: state, rows by group, buttons, and beside them its plots.

    Parameters
    ----------
    model
        The device.
    with_plots
        False leaves the plots out, for a place where they are shown elsewhere.
    """

    def __init__(self, model: DeviceModel, *, with_plots: bool = True) -> None:
        super().__init__()
        self.model = model
        self.fields: dict[str, Field] = {}
        self.displays: dict[str, Display | Column] = {}
        self.buttons: dict[str, ActionButton] = {}
        self.plots: list[AnyPlot] = []
        self._with_plots = with_plots
        self._expert = False
        self._shown: tuple[Interface, bool] | None = None
        self._drawn: object = None

        self._chip = StateChip()
        self._status = QtWidgets.QLabel()
        self._status.setObjectName("muted")
        self._status.setWordWrap(True)
        self._head = _heading(model.label)
        head = QtWidgets.QHBoxLayout()
        head.setSpacing(SPACE)
        head.addWidget(self._head)
        head.addWidget(self._chip)
        head.addWidget(self._status, 1)
        self._form = CardColumns(SPACE)
        self._form.setObjectName("panel")
        scroll = QtWidgets.QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self._form)
        self._scroll = scroll
        left = QtWidgets.QVBoxLayout()
        left.setSpacing(SPACE)
        left.addLayout(head)
        left.addWidget(scroll, 1)
        self._drawings = QtWidgets.QGridLayout()
        self._drawings.setSpacing(SPACE)
        row = QtWidgets.QHBoxLayout(self)
        margin = SPACE if with_plots else 0
        row.setContentsMargins(margin, margin, margin, margin)
        row.setSpacing(2 * SPACE)
        row.addLayout(left, 0 if with_plots else 1)
        if with_plots:
            row.addLayout(self._drawings, 1)

        model.interface_changed.connect(self._rebuild)
        model.state_changed.connect(self._show_state)
        model.reading_changed.connect(self._show_reading)
        self._rebuild(model.interface)
        self._show_state(model.state)

    def set_expert(self, expert: bool) -> None:
        """Show or hide what only experts need."""
        self._expert = expert
        self._rebuild(self.model.interface)

    def unapplied(self) -> dict[str, str]:
        """Edits that have not been written: text by label."""
        return {
            field.parameter.label or name: text
            for name, field in self.fields.items()
            if (text := field.pending()) is not None
        }

    def retire(self) -> None:
        """Go away; what is still under way ends without us."""
        self.fields, self.displays, self.buttons, self.plots = {}, {}, {}, []
        self.hide()
        self.deleteLater()

    # building

    def _rebuild(self, interface: Interface) -> None:
        if self._shown == (interface, self._expert):
            return
        self._shown = (interface, self._expert)
        typed = {name: text for name, field in self.fields.items() if (text := field.pending()) is not None}
        focus = next((name for name, field in self.fields.items() if field.focusProxy().hasFocus()), None)
        self.fields, self.displays, self.buttons = {}, {}, {}
        self._form.set_cards([self._card(box) for box in boxes(interface, self._expert)])
        self._rebuild_plots(interface)
        for name, reading in self.model.readings.items():
            self._show_reading(name, reading)
        self._show_state(self.model.state)
        for name, text in typed.items():
            if name in self.fields:
                self.fields[name].restore(text)
        if focus in self.fields:
            self.fields[focus].setFocus()
        bar = self._scroll.verticalScrollBar().sizeHint().width()
        self._scroll.setMinimumWidth(max(self._form.card_width(), FORM_WIDTH) + bar)

    def _rebuild_plots(self, interface: Interface) -> None:
        main = main_item(interface)
        drawn = (plots(interface), main)
        if not self._with_plots or drawn == self._drawn:
            return
        self._drawn = drawn
        _clear(self._drawings)
        self.plots = make_plots(interface)
        if not self.plots and main is not None and not _is_progress(main):
            self.plots = [TrendPlot(main)]
        for index, plot in enumerate(self.plots):
            if len(self.plots) <= 2:
                self._drawings.addWidget(plot, index, 0)
            else:
                self._drawings.addWidget(plot, index // 2, index % 2)

    def _card(self, box: Box) -> QtWidgets.QFrame:
        card = QtWidgets.QFrame()
        card.setObjectName("card")
        column = QtWidgets.QVBoxLayout(card)
        column.setContentsMargins(SPACE + 4, SPACE, SPACE + 4, SPACE + 2)
        column.setSpacing(SPACE)
        body = QtWidgets.QWidget()
        if box.title:
            column.addWidget(self._card_title(box, card, body))
        column.addWidget(body)
        inside = QtWidgets.QVBoxLayout(body)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE)
        grid = QtWidgets.QGridLayout()
        grid.setHorizontalSpacing(SPACE)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(3, 1)
        for parameter in box.parameters:
            self._parameter_row(grid, parameter)
        listed = [result for result in box.results if display_kind(result) == "column"]
        if listed:
            table = ColumnsTable(listed)
            self.displays.update(table.columns)
            grid.addWidget(table, grid.rowCount(), 0, 1, 4)
        for result in box.results:
            if result not in listed:
                self._result_row(grid, make_display(result), result.name, box.title)
        if grid.rowCount() > 1 or grid.count():
            inside.addLayout(grid)
        self._button_rows(inside, box.actions)
        if not box.folded and _grows(box):
            card.setSizePolicy(QtWidgets.QSizePolicy.Policy.Preferred, QtWidgets.QSizePolicy.Policy.Expanding)
        return card

    def _card_title(self, box: Box, card: QtWidgets.QWidget, body: QtWidgets.QWidget) -> QtWidgets.QWidget:
        """The title; of a box that may be folded, a button that folds it."""
        if not box.folded:
            title = QtWidgets.QLabel(box.title)
            title.setObjectName("cardTitle")
            return title
        button = QtWidgets.QToolButton()
        button.setObjectName("cardTitle")
        button.setText(box.title)
        button.setCheckable(True)
        button.setToolButtonStyle(QtCore.Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        policy = QtWidgets.QSizePolicy.Policy

        def fold(opened: bool) -> None:
            body.setVisible(opened)
            button.setArrowType(QtCore.Qt.ArrowType.DownArrow if opened else QtCore.Qt.ArrowType.RightArrow)
            card.setSizePolicy(
                policy.Preferred, policy.Expanding if opened and _grows(box) else policy.Preferred
            )
            self._form.share_heights()

        button.toggled.connect(fold)
        fold(False)
        return button

    def _parameter_row(self, grid: QtWidgets.QGridLayout, parameter: Parameter) -> None:
        """Numbers have what is read beside what is set; of other kinds one widget shows both."""
        field = make_field(parameter)
        field.committed.connect(lambda value, name=parameter.name: self._write(name, value))
        field.refused.connect(self.model.failed)
        field.setEnabled(False)  # until it is known what the device has
        self.fields[parameter.name] = field
        row = grid.rowCount()
        grid.addWidget(_row_label(parameter.label or parameter.name, parameter.help), row, 0)
        if field_kind(parameter) != "number":
            grid.addWidget(field, row, 1, 1, 3)
            return
        display = ValueDisplay(parameter)
        self.displays[parameter.name] = display
        grid.addWidget(display, row, 1)
        grid.addWidget(_unit(parameter.unit), row, 2)
        grid.addWidget(field, row, 3)

    def _result_row(self, grid: QtWidgets.QGridLayout, display: Display, name: str, title: str) -> None:
        item = display.item
        self.displays[name] = display
        row = grid.rowCount()
        label = _row_label(item.label or item.name, item.help)
        if display_kind(item) in ("log", "table"):  # type: ignore[arg-type]
            if label.text() != title:
                grid.addWidget(label, row, 0, 1, 4)
            grid.addWidget(display, row + 1, 0, 1, 4)
            return
        grid.addWidget(label, row, 0)
        if display.wide:
            grid.addWidget(display, row, 1, 1, 3)
        else:
            grid.addWidget(display, row, 1)
            grid.addWidget(_unit(item.unit), row, 2)

    def _button_rows(self, column: QtWidgets.QVBoxLayout, actions: list[Action]) -> None:
        plain = [action for action in actions if action.argument is None]
        for action in actions:
            if action.argument is not None:
                column.addWidget(self._button(action))
        for start in range(0, len(plain), BUTTONS_A_ROW):
            row = QtWidgets.QHBoxLayout()
            row.setSpacing(SPACE)
            for action in plain[start : start + BUTTONS_A_ROW]:
                row.addWidget(self._button(action), 1)
            column.addLayout(row)

    def _button(self, action: Action) -> ActionButton:
        button = ActionButton(action)
        button.requested.connect(self._request)
        button.refused.connect(self.model.failed)
        self.buttons[action.name] = button
        return button

    # living

    def _show_reading(self, name: str, reading: Reading) -> None:
        if name in self.fields:
            self.fields[name].show_reading(reading)
            self.fields[name].setEnabled(True)
        if name in self.displays:
            self.displays[name].show_reading(reading)
        for plot in self.plots:
            if name in plot.names:
                plot.show_reading(name, reading)

    def _show_state(self, state: State) -> None:
        self._chip.show_state(state)
        self._status.setText(state.status)
        self._form.setEnabled(state.reachable)
        for button in self.buttons.values():
            button.show_state(state)

    def _write(self, name: str, value: Any) -> None:
        self.model.write(name, value, lambda done: self._written(name, done))

    def _written(self, name: str, done: Done) -> None:
        """The panel may have been rebuilt in the meantime, so the field is looked up by name."""
        if name in self.fields:
            self.fields[name].ended(done.error)

    def _request(self, action: Action, argument: Any) -> None:
        asked = question(action, self.model.label, self.model.state, self.unapplied())
        if not asked:
            self._call(action, argument)
            return
        box = QtWidgets.QMessageBox(self)
        box.setWindowTitle(f"{self.model.label}: {action.label or action.name}")
        box.setText(asked)
        go = box.addButton(action.label or action.name, QtWidgets.QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton(QtWidgets.QMessageBox.StandardButton.Cancel))
        box.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        box.buttonClicked.connect(lambda clicked: self._call(action, argument) if clicked is go else None)
        box.open()

    def _call(self, action: Action, argument: Any) -> None:
        if action.name in self.buttons:
            self.buttons[action.name].waiting(True)
        self.model.call(action.name, argument, lambda _done: self._called(action.name))

    def _called(self, name: str) -> None:
        if name in self.buttons:
            self.buttons[name].waiting(False)


def make_plots(interface: Interface) -> list[AnyPlot]:
    """The plots of an Interface: images first, then curves."""
    groups = plots(interface)
    images: list[AnyPlot] = [ImagePlot(group[0]) for group in groups if display_kind(group[0]) == "image"]
    return images + [CurvePlot(interface, group) for group in groups if display_kind(group[0]) == "curve"]


def _heading(text: str) -> QtWidgets.QLabel:
    label = QtWidgets.QLabel(text)
    label.setObjectName("title")
    return label


def _row_label(text: str, tip: str) -> QtWidgets.QLabel:
    label = QtWidgets.QLabel(text)
    label.setToolTip(tip)
    return label


def _unit(text: str) -> QtWidgets.QLabel:
    label = QtWidgets.QLabel(text)
    label.setObjectName("unit")
    return label


def _grows(box: Box) -> bool:
    """Whether it takes what height there is."""
    return any(display_kind(result) in ("log", "table") for result in box.results)


def _is_progress(item: Parameter | Result) -> bool:
    return isinstance(item, Result) and display_kind(item) == "progress"


def _clear(layout: QtWidgets.QLayout) -> None:
    while layout.count():
        item = layout.takeAt(0)
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
