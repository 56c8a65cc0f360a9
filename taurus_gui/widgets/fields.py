"""Fields in which parameters are set. What is typed stays highlighted until Enter has written it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gumtree_core.interface import Parameter
from taurus_gui.layout import FieldKind, field_kind
from taurus_gui.live.source import Reading
from taurus_gui.qt import QtCore, QtWidgets
from taurus_gui.sentences import value_text
from taurus_gui.typed import parse, tip

NUMBER_WIDTH, TEXT_WIDTH = 84, 150


class Field(QtWidgets.QWidget):
    """A parameter that can be set. `committed` carries a checked value, `refused` the sentence why not."""

    committed = QtCore.Signal(object)
    refused = QtCore.Signal(str)
    edited = QtCore.Signal()
    """What is typed has become another than what the device has, or that again."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__()
        self.parameter = parameter
        self.setToolTip(tip(parameter))
        self.row = QtWidgets.QHBoxLayout(self)
        self.row.setContentsMargins(0, 0, 0, 0)

    def show_reading(self, reading: Reading) -> None:
        """Show what the device has; what the user is typing stays."""

    def pending(self) -> str | None:
        """The text that is typed and not yet written; None if there is none."""
        return None

    def restore(self, text: str) -> None:
        """Take up a pending text again, after the panel has been rebuilt."""

    def name_inside(self) -> None:
        """Show the parameter's name within the field, where there is no label beside it."""

    def ended(self, error: str) -> None:
        """The write has ended; after a failure what was typed stays."""

    def value(self) -> Any:
        """What is entered now, checked. Raises ValueError with a sentence."""
        raise NotImplementedError


class LineField(Field):
    """Numbers, text and lists: Enter writes, Escape gives up."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__(parameter)
        self.edit = QtWidgets.QLineEdit()
        self.edit.setAccessibleName(parameter.label or parameter.name)
        self.edit.textEdited.connect(self._mark)
        self.edit.returnPressed.connect(self.commit)
        self.edit.installEventFilter(self)
        self._device_text = ""
        number = field_kind(parameter) == "number"
        self.edit.setMinimumWidth(NUMBER_WIDTH if number else TEXT_WIDTH)
        if number:
            self.edit.setAlignment(QtCore.Qt.AlignmentFlag.AlignRight)
        self.row.addWidget(self.edit)
        self.setFocusProxy(self.edit)

    def show_reading(self, reading: Reading) -> None:
        """Show the setpoint (a parameter without one: the value)."""
        shown = reading.value if reading.setpoint is None else reading.setpoint
        pending = self.pending()
        self._device_text = value_text(self.parameter, shown)
        if pending is None:
            self.edit.setText(self._device_text)
            self.edit.setCursorPosition(self._first_seen())
        self._mark()

    def _first_seen(self) -> int:
        """The place in the text that is to be in view."""
        return 0

    def pending(self) -> str | None:
        """What is typed, if it differs from what the device has."""
        return self.edit.text() if self.edit.text() != self._device_text else None

    def restore(self, text: str) -> None:
        """Take up a pending text."""
        self.edit.setText(text)
        self._mark()

    def name_inside(self) -> None:
        """As long as nothing is typed."""
        self.edit.setPlaceholderText(self.parameter.label or self.parameter.help)

    def value(self) -> Any:
        """What is typed, checked."""
        return parse(self.parameter, self.edit.text())

    def commit(self) -> None:
        """Write what is typed, if it is a value within the limits."""
        try:
            value = self.value()
        except ValueError as error:
            self.refused.emit(str(error))
            return
        self.committed.emit(value)

    def revert(self) -> None:
        """Show what the device has."""
        self.edit.setText(self._device_text)
        self._mark()

    def ended(self, error: str) -> None:
        """After success the field shows the device's value again, as it writes it."""
        if not error:
            self.revert()

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:
        """Escape gives up what was typed."""
        if (
            event.type() == QtCore.QEvent.Type.KeyPress
            and event.key() == QtCore.Qt.Key.Key_Escape
            and self.pending() is not None
        ):
            self.revert()
            return True
        return super().eventFilter(watched, event)

    def _mark(self) -> None:
        mark = ""
        if self.pending() is not None:
            try:
                self.value()
                mark = "pending"
            except ValueError:
                mark = "invalid"
        if self.edit.property("edit") != mark:
            self.edit.setProperty("edit", mark)
            self.edit.style().unpolish(self.edit)
            self.edit.style().polish(self.edit)
            self.edited.emit()


class FileField(LineField):
    """A path or several, typed or chosen; files are read where the server runs."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__(parameter)
        button = QtWidgets.QToolButton()
        button.setText("…")
        button.setToolTip("Choose files" if parameter.ndim else "Choose a file")
        button.clicked.connect(self._browse)
        self.row.addWidget(button)

    def _first_seen(self) -> int:
        """The end, where the file's name is."""
        return len(self.edit.text())

    def _browse(self) -> None:
        title, present = self.parameter.label or self.parameter.name, self.edit.text().rpartition(", ")[2]
        if self.parameter.ndim:
            paths, _ = QtWidgets.QFileDialog.getOpenFileNames(self, title, present)
        else:
            path, _ = QtWidgets.QFileDialog.getOpenFileName(self, title, present)
            paths = [path] if path else []
        if paths:
            self.restore(", ".join(paths))
            self.commit()


class ChoiceField(Field):
    """One of several; choosing writes at once."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__(parameter)
        self.combo = QtWidgets.QComboBox()
        self.combo.addItems(parameter.choices)
        self.combo.setPlaceholderText("choose…")
        self.combo.setCurrentIndex(-1)
        self.combo.setAccessibleName(parameter.label or parameter.name)
        self.combo.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self.combo.installEventFilter(self)
        self.combo.activated.connect(lambda _index: self.committed.emit(self.value()))
        self.combo.setMinimumWidth(NUMBER_WIDTH)
        self.row.addWidget(self.combo, 1)
        self.setFocusProxy(self.combo)
        self._shown = -1

    def show_reading(self, reading: Reading) -> None:
        """Show what the device has; a value that is no choice is shown in grey."""
        if self.combo.view().isVisible():
            return
        text = value_text(self.parameter, reading.value)
        self._shown = self.combo.findText(text)
        self.combo.setPlaceholderText(text or "choose…")
        self.combo.setCurrentIndex(self._shown)

    def ended(self, error: str) -> None:
        """After a failure show again what the device has."""
        if error:
            self.combo.setCurrentIndex(self._shown)

    def name_inside(self) -> None:
        """As long as nothing is chosen."""
        self.combo.setPlaceholderText(self.parameter.label or "choose…")

    def value(self) -> Any:
        """The chosen one."""
        return parse(self.parameter, self.combo.currentText())

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:
        """A wheel that scrolls the panel must not change the device."""
        if event.type() == QtCore.QEvent.Type.Wheel:
            event.ignore()
            return True
        return super().eventFilter(watched, event)


class BoolField(Field):
    """On or off; a click writes at once."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__(parameter)
        self.box = QtWidgets.QCheckBox()
        self.box.setAccessibleName(parameter.label or parameter.name)
        self.box.clicked.connect(lambda checked: self.committed.emit(bool(checked)))
        self.row.addWidget(self.box)
        self.row.addStretch(1)
        self.setFocusProxy(self.box)
        self._shown = False

    def show_reading(self, reading: Reading) -> None:
        """Show what the device has."""
        self._shown = bool(reading.value)
        self.box.setChecked(self._shown)

    def ended(self, error: str) -> None:
        """After a failure show again what the device has."""
        if error:
            self.box.setChecked(self._shown)

    def name_inside(self) -> None:
        """As the text of the box."""
        self.box.setText(self.parameter.label)

    def value(self) -> bool:
        """Whether it is checked."""
        return self.box.isChecked()


FIELDS: dict[FieldKind, Callable[[Parameter], Field]] = {
    "number": LineField,
    "text": LineField,
    "list": LineField,
    "file": FileField,
    "choice": ChoiceField,
    "bool": BoolField,
}


def make_field(parameter: Parameter) -> Field:
    """The field for a parameter."""
    return FIELDS[field_kind(parameter)](parameter)
