"""All devices of the instrument: state lamp and the number that matters."""

from __future__ import annotations

from taurus_gui import theme
from taurus_gui.introspection import readable
from taurus_gui.layout import main_item
from taurus_gui.live.model import CONNECTING, DeviceModel
from taurus_gui.qt import QtCore, QtGui, QtWidgets
from taurus_gui.sentences import value_text, with_unit
from taurus_gui.taurus_tools import mime_data
from taurus_gui.widgets.displays import lamp_icon

LEAST_WIDTH = 220
"""Room for names and values, in pixels; a small window takes it from the plots."""
RIGHT = QtCore.Qt.AlignmentFlag.AlignRight | QtCore.Qt.AlignmentFlag.AlignVCenter


class DeviceTree(QtWidgets.QTreeWidget):
    """Devices by the family of their Tango names; `chosen` tells which one was clicked."""

    chosen = QtCore.Signal(int)
    """Index of the model."""

    def __init__(self, models: list[DeviceModel]) -> None:
        super().__init__()
        self._models = models
        self._items: list[QtWidgets.QTreeWidgetItem] = []
        self._states: dict[int, str] = {}
        self.setColumnCount(2)
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setIndentation(12)
        self.setIconSize(QtCore.QSize(14, 14))
        self.setMinimumWidth(LEAST_WIDTH)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QtWidgets.QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QtWidgets.QHeaderView.ResizeMode.ResizeToContents)
        families: dict[str, QtWidgets.QTreeWidgetItem] = {}
        for index, model in enumerate(models):
            family = _family(model.source.name)
            if family not in families:
                families[family] = self._add_family(family)
            item = QtWidgets.QTreeWidgetItem(families[family], [model.label, ""])
            item.setData(0, QtCore.Qt.ItemDataRole.UserRole, index)
            item.setTextAlignment(1, RIGHT)
            self._items.append(item)
            model.state_changed.connect(lambda _state, index=index: self._refresh(index))
            model.interface_changed.connect(lambda _interface, index=index: self._refresh(index))
            model.reading_changed.connect(lambda name, _reading, index=index: self._read(index, name))
            self._refresh(index)
        self.expandAll()
        self.setDragEnabled(True)
        self.itemClicked.connect(self._clicked)
        self.itemActivated.connect(self._clicked)

    def value_of(self, index: int) -> str:
        """The text beside a device."""
        return self._items[index].text(1)

    def select(self, index: int | None) -> None:
        """Mark a device; None marks none."""
        self.setCurrentItem(self._items[index] if index is not None else None)

    def mimeData(self, items: list[QtWidgets.QTreeWidgetItem]) -> QtCore.QMimeData:
        """A device that is dragged onto a Taurus widget is shown there: a trend takes its main value."""
        index = next(each.data(0, QtCore.Qt.ItemDataRole.UserRole) for each in items)
        model = self._models[index]
        main = main_item(model.interface)
        return mime_data(model.source.name, main.name if main is not None else "")

    def _add_family(self, family: str) -> QtWidgets.QTreeWidgetItem:
        item = QtWidgets.QTreeWidgetItem(self, [family])
        item.setFlags(QtCore.Qt.ItemFlag.ItemIsEnabled)
        item.setFirstColumnSpanned(True)
        item.setForeground(0, QtGui.QColor(theme.current().muted))
        font = item.font(0)
        font.setBold(True)
        item.setFont(0, font)
        return item

    def _clicked(self, item: QtWidgets.QTreeWidgetItem) -> None:
        index = item.data(0, QtCore.Qt.ItemDataRole.UserRole)
        if index is not None:
            self.chosen.emit(index)

    def _read(self, index: int, name: str) -> None:
        main = main_item(self._models[index].interface)
        if main is not None and main.name == name:
            self._refresh(index)

    def _refresh(self, index: int) -> None:
        model, item = self._models[index], self._items[index]
        if self._states.get(index) != model.state.name:
            self._states[index] = model.state.name
            item.setIcon(0, lamp_icon(model.state.name))
        item.setToolTip(0, f"{model.source.name}\n{model.state.name}: {model.state.status}")
        main = main_item(model.interface)
        reading = model.readings.get(main.name) if main is not None else None
        if not model.state.reachable:
            text = "connecting…" if model.state == CONNECTING else "no answer"
        elif main is None or reading is None or reading.value is None:
            text = ""
        else:
            text = with_unit(value_text(main, reading.value), main.unit)
            item.setToolTip(1, main.label or main.name)
        item.setText(1, text)


def _family(name: str) -> str:
    """The middle part of `domain/family/member`, as a title."""
    parts = name.split("#")[0].split("/")
    return readable(parts[-2], parts[-2]) if len(parts) >= 2 else "Devices"
