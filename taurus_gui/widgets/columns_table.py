"""A table of lists that belong together, such as names and titles of scripts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from gumtree_core.interface import Result
from taurus_gui.live.source import Reading
from taurus_gui.qt import QtCore, QtWidgets
from taurus_gui.sentences import value_text


class ColumnsTable(QtWidgets.QTableWidget):
    """Lists side by side: a row for each place in them."""

    def __init__(self, items: Sequence[Result]) -> None:
        super().__init__(0, len(items))
        self.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows)
        self.setHorizontalHeaderLabels([item.label or item.name for item in items])
        self.verticalHeader().setVisible(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QtWidgets.QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        header.setDefaultAlignment(QtCore.Qt.AlignmentFlag.AlignLeft | QtCore.Qt.AlignmentFlag.AlignVCenter)
        self.columns = {item.name: Column(self, place, item) for place, item in enumerate(items)}

    def sizeHint(self) -> QtCore.QSize:
        """All rows, up to a dozen."""
        rows = min(max(self.rowCount(), 1), 12)
        height = (
            self.horizontalHeader().sizeHint().height() + rows * self.verticalHeader().defaultSectionSize()
        )
        return QtCore.QSize(300, height + 2 * self.frameWidth())

    def minimumSizeHint(self) -> QtCore.QSize:
        """As high as the size hint, so that a small place makes the panel scroll."""
        return QtCore.QSize(200, self.sizeHint().height())


class Column:
    """One of the lists in a table."""

    def __init__(self, table: ColumnsTable, place: int, item: Result) -> None:
        self._table = table
        self._place = place
        self._single = dataclasses.replace(item, ndim=0)
        self._length = 0

    def show_reading(self, reading: Reading) -> None:
        """Fill the column; the table is as long as its longest list."""
        table, values = self._table, [] if reading.value is None else list(reading.value)
        self._length = len(values)
        rows = max(column._length for column in table.columns.values())
        if rows != table.rowCount():
            table.setRowCount(rows)
            table.updateGeometry()
        for row in range(rows):
            text = value_text(self._single, values[row]) if row < len(values) else ""
            cell = QtWidgets.QTableWidgetItem(text)
            cell.setToolTip(text)
            table.setItem(row, self._place, cell)
