"""A titled box of a panel: rows of what is set and what is seen, and buttons."""

from __future__ import annotations

from collections.abc import Sequence

from gumtree_core.interface import Action, Parameter, Result
from taurus_gui.layout import Box, display_kind, field_kind
from taurus_gui.qt import QtCore, QtWidgets
from taurus_gui.theme import SPACE
from taurus_gui.widgets.actions import ActionButton
from taurus_gui.widgets.columns_table import Column, ColumnsTable
from taurus_gui.widgets.displays import (
    Display,
    ErrorOf,
    MeasuredDisplay,
    Readback,
    make_display,
)
from taurus_gui.widgets.fields import Field, make_field

BUTTONS_A_ROW = 4
LABEL, VALUE, FIELD, UNIT, COLUMNS = range(5)
"""Columns of the rows, and their number."""


class Card(QtWidgets.QFrame):
    """One box.

    Parameters
    ----------
    box
        What it shows.
    main
        Name of what stands for the device, whose value is shown beside its field also while they agree.
    """

    written = QtCore.Signal(str, object)
    """Name and checked value of a parameter."""
    requested = QtCore.Signal(object, object)
    """An Action and its checked argument, None without."""
    refused = QtCore.Signal(str)
    folded = QtCore.Signal()
    """It was folded or opened."""

    def __init__(self, box: Box, main: str = "") -> None:
        super().__init__()
        self.fields: dict[str, Field] = {}
        self.displays: dict[str, Display | Column | ErrorOf] = {}
        self.buttons: dict[str, ActionButton] = {}
        self._main = main
        self._takes_height = any(display_kind(result) in ("log", "table") for result in box.results)
        self.setObjectName("card")
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(SPACE + 4, SPACE, SPACE + 4, SPACE + 2)
        column.setSpacing(SPACE)
        body = QtWidgets.QWidget()
        if box.title:
            column.addWidget(self._title(box, body))
        column.addWidget(body)
        inside = QtWidgets.QVBoxLayout(body)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE)
        grid = QtWidgets.QGridLayout()
        grid.setHorizontalSpacing(SPACE)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(FIELD, 1)
        for parameter in box.parameters:
            self._parameter_row(grid, parameter)
        listed = [result for result in box.results if display_kind(result) == "column"]
        if listed:
            table = ColumnsTable(listed)
            self.displays.update(table.columns)
            grid.addWidget(table, grid.rowCount(), 0, 1, COLUMNS)
        for result in box.results:
            if result not in listed:
                self._result_row(grid, result, box.title)
        if grid.count():
            inside.addLayout(grid)
        self._button_rows(inside, box.actions)
        self._grow(not box.folded)

    def _title(self, box: Box, body: QtWidgets.QWidget) -> QtWidgets.QWidget:
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

        def fold(opened: bool) -> None:
            body.setVisible(opened)
            button.setArrowType(QtCore.Qt.ArrowType.DownArrow if opened else QtCore.Qt.ArrowType.RightArrow)
            self._grow(opened)
            self.folded.emit()

        button.toggled.connect(fold)
        fold(False)
        return button

    def _grow(self, opened: bool) -> None:
        policy = QtWidgets.QSizePolicy.Policy
        self.setSizePolicy(
            policy.Preferred, policy.Expanding if opened and self._takes_height else policy.Preferred
        )

    def _parameter_row(self, grid: QtWidgets.QGridLayout, parameter: Parameter) -> None:
        """Numbers have what is read beside what is set, where it differs; else one widget shows both."""
        field = make_field(parameter)
        field.committed.connect(lambda value: self.written.emit(parameter.name, value))
        field.refused.connect(self.refused)
        field.setEnabled(False)  # until it is known what the device has
        self.fields[parameter.name] = field
        row = grid.rowCount()
        grid.addWidget(_row_label(parameter), row, LABEL)
        if field_kind(parameter) != "number":
            grid.addWidget(field, row, VALUE, 1, COLUMNS - VALUE)
            return
        readback = Readback(parameter, always=parameter.name == self._main)
        field.edited.connect(lambda: readback.show_editing(field.pending() is not None))
        self.displays[parameter.name] = readback
        grid.addWidget(readback, row, VALUE)
        grid.addWidget(field, row, FIELD)
        grid.addWidget(_unit(parameter.unit), row, UNIT)

    def _result_row(self, grid: QtWidgets.QGridLayout, result: Result, title: str) -> None:
        display = self.displays[result.name] = make_display(result)
        if isinstance(display, MeasuredDisplay):
            self.displays[result.errors] = display.error
        row = grid.rowCount()
        label = _row_label(result)
        if display_kind(result) in ("log", "table"):
            if label.text() != title:
                grid.addWidget(label, row, LABEL, 1, COLUMNS)
            grid.addWidget(display, row + 1, 0, 1, COLUMNS)
            return
        grid.addWidget(label, row, LABEL)
        if display.wide:
            grid.addWidget(display, row, VALUE, 1, COLUMNS - VALUE)
        else:
            grid.addWidget(display, row, VALUE)
            grid.addWidget(_unit(result.unit), row, FIELD, 1, COLUMNS - FIELD)

    def _button_rows(self, column: QtWidgets.QVBoxLayout, actions: Sequence[Action]) -> None:
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
        button = self.buttons[action.name] = ActionButton(action)
        button.requested.connect(self.requested)
        button.refused.connect(self.refused)
        return button


def _row_label(item: Parameter | Result) -> QtWidgets.QLabel:
    label = QtWidgets.QLabel(item.label or item.name)
    label.setToolTip(item.help)
    return label


def _unit(text: str) -> QtWidgets.QLabel:
    label = QtWidgets.QLabel(text)
    label.setObjectName("unit")
    return label
