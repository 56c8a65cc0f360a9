"""A command's answer that is more than a sentence, in a window of its own."""

from __future__ import annotations

from taurus_gui.qt import QtCore, QtGui, QtWidgets
from taurus_gui.theme import SPACE


class AnswerWindow(QtWidgets.QWidget):
    """Text to read, select and copy; it goes when it is closed."""

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self.setWindowTitle(title)
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        self.text = QtWidgets.QPlainTextEdit(text)
        self.text.setReadOnly(True)
        self.text.setLineWrapMode(QtWidgets.QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setFont(QtGui.QFontDatabase.systemFont(QtGui.QFontDatabase.SystemFont.FixedFont))
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(SPACE, SPACE, SPACE, SPACE)
        column.addWidget(self.text)
        lines = min(text.count("\n") + 3, 40)
        self.resize(900, max(160, lines * self.text.fontMetrics().lineSpacing()))
