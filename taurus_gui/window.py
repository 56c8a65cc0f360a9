"""The instrument's window: devices at the left, their panels as tabs, messages below."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from taurus_gui import taurus_tools, theme
from taurus_gui.layout import main_item
from taurus_gui.live.model import DeviceModel, LiveHub
from taurus_gui.live.source import Source
from taurus_gui.overview import Overview
from taurus_gui.qt import QtCore, QtGui, QtWidgets, TaurusMainWindow
from taurus_gui.theme import SPACE
from taurus_gui.widgets.actions import BUSY
from taurus_gui.widgets.answer import AnswerWindow
from taurus_gui.widgets.device_tree import DeviceTree
from taurus_gui.widgets.messages import Messages
from taurus_gui.widgets.panel import DevicePanel

EMPTY, FILLED = 54, 110
"""Heights of the messages before and after the first one, in pixels."""


class InstrumentWindow(TaurusMainWindow):
    """A window that builds itself from the devices it is given.

    Parameters
    ----------
    name
        The instrument's name, for the title.
    devices
        Each device's label and source, in the order in which they are listed.
    """

    HEARTBEAT = None
    TAURUS_MENU_ENABLED = False
    TOOLS_MENU_ENABLED = False
    HELP_MENU_ENABLED = False
    FULLSCREEN_TOOLBAR_ENABLED = False
    USER_PERSPECTIVES_ENABLED = False
    LOGGER_WIDGET_ENABLED = False
    SPLASH_LOGO_NAME = None
    SAVE_SETTINGS_ON_CLOSE = False

    def __init__(self, name: str, devices: Sequence[tuple[str, Source]]) -> None:
        super().__init__()
        self.setWindowTitle(f"{name} – GumTree")
        self.models = [DeviceModel(source, label, self) for label, source in devices]
        self.hub = LiveHub(self.models, self)
        self.messages = Messages()
        self.tools: list[QtWidgets.QWidget] = []
        self.tree = DeviceTree(self.models)
        self.overview = Overview(self.models)
        self.panels = [DevicePanel(model) for model in self.models]
        self.tabs = QtWidgets.QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setUsesScrollButtons(True)
        self.tabs.tabBar().setExpanding(False)
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.addTab(self.overview, "Overview")
        for model, panel in zip(self.models, self.panels, strict=True):
            self.tabs.addTab(panel, model.label)
        self.setCentralWidget(self.tabs)
        self._dock(name, self.tree, QtCore.Qt.DockWidgetArea.LeftDockWidgetArea, 300)
        dock = self._dock("Messages", self.messages, QtCore.Qt.DockWidgetArea.BottomDockWidgetArea, EMPTY)
        self.messages.first.connect(
            lambda: self.resizeDocks([dock], [FILLED], QtCore.Qt.Orientation.Vertical)
        )
        self.setCorner(QtCore.Qt.Corner.BottomLeftCorner, QtCore.Qt.DockWidgetArea.LeftDockWidgetArea)
        self.tabs.setCornerWidget(self._switches())
        self._taurus_menu()
        for model in self.models:
            model.failed.connect(lambda text, model=model: self.messages.add(model.label, text, error=True))
            model.informed.connect(lambda text, model=model: self.messages.add(model.label, text))
            model.answered.connect(
                lambda name, text, model=model: self._open(AnswerWindow(f"{model.label}: {name}", text))
            )
        self.tree.chosen.connect(lambda index: self.tabs.setCurrentIndex(index + 1))
        self.tabs.currentChanged.connect(lambda index: self.tree.select(index - 1 if index else None))

    def start(self) -> None:
        """Begin to follow the devices."""
        self.hub.start()

    def stop_all(self) -> None:
        """Call Stop on every device that is busy and has it."""
        for model in self.models:
            if model.state.name in BUSY and any(action.name == "Stop" for action in model.interface.actions):
                model.informed.emit("Stop.")
                model.call("Stop", None, lambda _done: None)

    def ready(self) -> bool:
        """Whether every device has been described and read, and the plots in view show what there is."""
        if not all(model.complete() for model in self.models):
            return False
        return all(
            plot.drawn()
            for stack in (self.overview.image, self.overview.curve)
            for index, plot in stack.plots
            if plot.isVisible() and _has_data(self.models[index], plot.names)
        )

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        """Stop following the devices."""
        self.hub.close()
        for widget in list(self.tools):
            widget.close()
        super().closeEvent(event)

    def _dock(
        self, title: str, widget: QtWidgets.QWidget, area: QtCore.Qt.DockWidgetArea, size: int
    ) -> QtWidgets.QDockWidget:
        dock = QtWidgets.QDockWidget(title, self)
        dock.setObjectName(title)
        dock.setFeatures(QtWidgets.QDockWidget.DockWidgetFeature.DockWidgetMovable)
        frame = QtWidgets.QWidget()
        column = QtWidgets.QVBoxLayout(frame)
        left = area == QtCore.Qt.DockWidgetArea.LeftDockWidgetArea
        column.setContentsMargins(SPACE, 0, 0 if left else SPACE, SPACE)
        column.addWidget(widget)
        dock.setWidget(frame)
        self.addDockWidget(area, dock)
        direction = QtCore.Qt.Orientation.Horizontal if left else QtCore.Qt.Orientation.Vertical
        self.resizeDocks([dock], [size], direction)
        self.viewMenu.addAction(dock.toggleViewAction())
        return dock

    def _switches(self) -> QtWidgets.QWidget:
        """Beside the tabs: what concerns all panels."""
        expert = _switch("Expert", "Show what only experts need", checked=False)
        expert.toggled.connect(self._set_expert)
        dark = _switch("Dark", "Dark or light theme", checked=theme.current() is theme.THEMES["dark"])
        dark.toggled.connect(
            lambda on: theme.apply(QtWidgets.QApplication.instance(), "dark" if on else "light")
        )
        stop = QtWidgets.QToolButton()
        stop.setText("Stop all")
        stop.setToolTip("Stop every device that moves, counts, scans or works (Ctrl+.)")
        stop.setShortcut(QtGui.QKeySequence("Ctrl+."))
        stop.clicked.connect(self.stop_all)
        self.expert, self.dark = expert, dark
        corner = QtWidgets.QWidget()
        row = QtWidgets.QHBoxLayout(corner)
        row.setContentsMargins(SPACE, 2, SPACE, 2)
        row.setSpacing(SPACE)
        for button in (expert, dark, stop):
            row.addWidget(button)
        return corner

    def _taurus_menu(self) -> None:
        menu = self.menuBar().addMenu("Taurus")
        menu.addAction("Device panel", lambda: self._open_taurus(taurus_tools.device_panel))
        menu.addAction("Trend", self._open_trend)

    def _open_trend(self) -> None:
        def of_main(resource: str) -> QtWidgets.QWidget:
            main = main_item(self._chosen().interface)
            return taurus_tools.trend(resource, [main.name] if main is not None else [])

        self._open_taurus(of_main)

    def _open_taurus(self, make: Callable[[str], QtWidgets.QWidget]) -> None:
        """Open one of Taurus' widgets for the device in view, in a window of its own."""
        model = self._chosen()
        widget = make(model.source.name)
        widget.setWindowTitle(model.label)
        widget.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        widget.resize(700, 600)
        self._open(widget)

    def _open(self, widget: QtWidgets.QWidget) -> None:
        """Show a window that goes with this one."""
        self.tools.append(widget)
        widget.destroyed.connect(lambda: self.tools.remove(widget))
        widget.show()

    def _chosen(self) -> DeviceModel:
        """The device whose tab is in view; on the overview the first one."""
        return self.models[max(self.tabs.currentIndex() - 1, 0)]

    def _set_expert(self, expert: bool) -> None:
        self.overview.set_expert(expert)
        for panel in self.panels:
            panel.set_expert(expert)


def _switch(text: str, tip: str, *, checked: bool) -> QtWidgets.QToolButton:
    button = QtWidgets.QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setCheckable(True)
    button.setChecked(checked)
    return button


def _has_data(model: DeviceModel, names: set[str]) -> bool:
    values = [model.readings[name].value for name in names if name in model.readings]
    return bool(values) and all(value is not None and len(value) for value in values)
