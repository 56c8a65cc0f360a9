"""Cards side by side, in as many columns as the width has room for."""

from __future__ import annotations

from collections.abc import Sequence

from taurus_gui.layout import distribute
from taurus_gui.qt import QtCore, QtGui, QtWidgets

COLUMN_WIDTH = 280
"""The least width of a column, in pixels; a card that needs more widens it."""


class CardColumns(QtWidgets.QWidget):
    """A place for cards that arranges them anew when its width changes."""

    def __init__(self, spacing: int) -> None:
        super().__init__()
        self._cards: list[QtWidgets.QWidget] = []
        self._arranged: list[list[int]] = []
        self._row = QtWidgets.QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(spacing)

    def set_cards(self, cards: Sequence[QtWidgets.QWidget]) -> None:
        """Show these in place of those before, which are deleted."""
        for card in self._cards:
            card.hide()
            card.deleteLater()
        self._cards = list(cards)
        self._arranged = []
        self._arrange()

    def card_width(self) -> int:
        """The width that the widest card needs."""
        return max((card.minimumSizeHint().width() for card in self._cards), default=0)

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        """Arrange for the new width."""
        super().resizeEvent(event)
        self._arrange()

    def minimumSizeHint(self) -> QtCore.QSize:
        """One column wide, so that a narrow place makes fewer columns and no scroll bar."""
        return QtCore.QSize(self.card_width(), super().minimumSizeHint().height())

    def _arrange(self) -> None:
        width = max(COLUMN_WIDTH, self.card_width()) + self._row.spacing()
        columns = max(1, (self.width() + self._row.spacing()) // width)
        arranged = distribute([card.sizeHint().height() for card in self._cards], columns)
        if arranged == self._arranged:
            return
        self._arranged = arranged
        while self._row.count():
            column = self._row.takeAt(0).layout()
            while column.count():
                column.takeAt(0)
            column.deleteLater()
        for indices in arranged:
            column = QtWidgets.QVBoxLayout()
            column.setSpacing(self._row.spacing())
            for index in indices:
                column.addWidget(self._cards[index])
            column.addStretch()
            self._row.addLayout(column, 1)
        self.share_heights()

    def share_heights(self) -> None:
        """Give the height that is left in a column to the cards that grow, or leave it empty below."""
        for place in range(self._row.count()):
            column = self._row.itemAt(place).layout()
            last = column.count() - 1
            growing = [_grows(column.itemAt(index).widget()) for index in range(last)]
            for index, grows in enumerate(growing):
                column.setStretch(index, int(grows))
            column.setStretch(last, int(not any(growing)))


def _grows(card: QtWidgets.QWidget) -> bool:
    return card.sizePolicy().verticalPolicy() == QtWidgets.QSizePolicy.Policy.Expanding
