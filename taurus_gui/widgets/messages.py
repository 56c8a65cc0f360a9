"""What has happened, in sentences; the newest is in view, and nothing has to be clicked away."""

from __future__ import annotations

import time

from taurus_gui import theme
from taurus_gui.qt import QtCore, QtGui, QtWidgets

KEPT = 500
LINE = 26
"""Height of one line, in pixels."""


class Messages(QtWidgets.QListWidget):
    """Time, device and sentence; errors in colour. The same sentence again is counted."""

    first = QtCore.Signal()
    """There was no message until now."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setMinimumHeight(LINE)
        self._last = ("", "")
        self._times = 0

    def add(self, device: str, sentence: str, *, error: bool = False) -> None:
        """Add a message."""
        again = (device, sentence) == self._last and self.count() > 0
        self._times = self._times + 1 if again else 1
        self._last = (device, sentence)
        text = f"{time.strftime('%H:%M:%S')}   {device}:  {sentence}"
        if again:
            item = self.item(self.count() - 1)
            item.setText(f"{text}  (×{self._times})")
        else:
            item = QtWidgets.QListWidgetItem(text)
            self.addItem(item)
            if self.count() == 1:
                self.first.emit()
        if error:
            item.setForeground(QtGui.QColor(theme.current().error))
        while self.count() > KEPT:
            self.takeItem(0)
        self.scrollToBottom()

    def sentences(self) -> list[str]:
        """All messages, oldest first."""
        return [self.item(row).text() for row in range(self.count())]
