"""The first page: the images and curves of all devices, and the panels of what runs and what reduces."""

from __future__ import annotations

from gumtree_core.interface import Interface
from taurus_gui.layout import display_kind, plots
from taurus_gui.live.model import DeviceModel
from taurus_gui.live.source import Reading
from taurus_gui.qt import QtCore, QtWidgets
from taurus_gui.theme import SPACE
from taurus_gui.widgets.image import ImagePlot
from taurus_gui.widgets.panel import AnyPlot, DevicePanel, make_plots

PANELS = 2


def panel_order(interfaces: list[Interface]) -> list[int]:
    """Indices of the devices whose panels stand here: those with progress and a log of their work."""

    def works(interface: Interface) -> bool:
        kinds = {display_kind(result) for result in interface.results}
        return interface.metadata.get("overview") == "yes" or {"progress", "log"} <= kinds

    return [index for index, interface in enumerate(interfaces) if works(interface)][:PANELS]


def plot_order(interfaces: list[Interface], kind: str) -> list[int]:
    """Indices of the devices with such plots: those that ask for it, then reduced curves, or raw images."""
    having = [
        index
        for index, interface in enumerate(interfaces)
        if any(display_kind(group[0]) == kind for group in plots(interface))
    ]

    def rank(index: int) -> tuple[bool, bool]:
        shown = [result for group in plots(interfaces[index]) for result in group]
        asks = interfaces[index].metadata.get("overview") == "yes"
        reduced = any(result.errors for result in shown)
        return not asks, reduced != (kind == "curve")

    return sorted(having, key=rank)


class PlotStack(QtWidgets.QWidget):
    """All plots of one kind; of several, tabs choose which is in view. Rebuilt when an Interface changes."""

    def __init__(self, models: list[DeviceModel], kind: str) -> None:
        super().__init__()
        self._models = models
        self._kind = kind
        self._shown: list[Interface] = []
        self.plots: list[tuple[int, AnyPlot]] = []
        self._choose = QtWidgets.QComboBox()
        self._choose.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._stack = QtWidgets.QStackedWidget()
        self._choose.currentIndexChanged.connect(self._stack.setCurrentIndex)
        self._choose.textActivated.connect(self._keep)
        self._kept = ""
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE // 2)
        column.addWidget(self._choose, 0, QtCore.Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._stack, 1)
        for index, model in enumerate(models):
            model.interface_changed.connect(self._rebuild)
            model.reading_changed.connect(
                lambda name, reading, index=index: self._show_reading(index, name, reading)
            )
        self._rebuild()

    def _rebuild(self, _interface: object = None) -> None:
        interfaces = [model.interface for model in self._models]
        order = plot_order(interfaces, self._kind)
        shown = [interfaces[index] for index in order]
        if shown == self._shown and self._stack.count():
            return
        self._shown = shown
        while self._stack.count():
            widget = self._stack.widget(0)
            self._stack.removeWidget(widget)
            widget.deleteLater()
        self._choose.clear()
        self.plots = []
        for index in order:
            for plot in make_plots(interfaces[index]):
                if _kind(plot) == self._kind:
                    self._add(index, plot)
        if not self.plots:
            nothing = QtWidgets.QLabel(f"No {self._kind} is offered by these devices.")
            nothing.setObjectName("muted")
            nothing.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
            self._stack.addWidget(nothing)
        self._choose.setVisible(len(self.plots) > 1)
        self._choose.setCurrentIndex(max(self._choose.findText(self._kept), 0))

    def _keep(self, chosen: str) -> None:
        """What the user has chosen stays in view; else the first one is, also if it comes later."""
        self._kept = chosen

    def _add(self, index: int, plot: AnyPlot) -> None:
        self.plots.append((index, plot))
        self._stack.addWidget(plot)
        self._choose.addItem(f"{self._models[index].label}: {plot.title.text()}")
        for name, reading in self._models[index].readings.items():
            self._show_reading(index, name, reading)

    def _show_reading(self, index: int, name: str, reading: Reading) -> None:
        for owner, plot in self.plots:
            if owner == index and name in plot.names:
                plot.show_reading(name, reading)


class Overview(QtWidgets.QWidget):
    """Image and curve above, panels of the devices that do the work below."""

    def __init__(self, models: list[DeviceModel]) -> None:
        super().__init__()
        self._models = models
        self.image = PlotStack(models, "image")
        self.curve = PlotStack(models, "curve")
        self.panels: dict[int, DevicePanel] = {}
        self._expert = False
        above = QtWidgets.QSplitter(QtCore.Qt.Orientation.Horizontal)
        above.addWidget(self.image)
        above.addWidget(self.curve)
        above.setSizes([500, 600])
        self._below = QtWidgets.QHBoxLayout()
        self._below.setContentsMargins(0, 0, 0, 0)
        self._below.setSpacing(SPACE)
        below = QtWidgets.QWidget()
        below.setLayout(self._below)
        halves = QtWidgets.QSplitter(QtCore.Qt.Orientation.Vertical)
        halves.addWidget(above)
        halves.addWidget(below)
        halves.setSizes([375, 495])
        halves.setChildrenCollapsible(False)
        above.setChildrenCollapsible(False)
        for splitter in (above, halves):
            splitter.setHandleWidth(SPACE)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(SPACE, SPACE, SPACE, SPACE)
        column.addWidget(halves)
        for model in models:
            model.interface_changed.connect(self._choose_panels)
        self._choose_panels()

    def set_expert(self, expert: bool) -> None:
        """Show or hide what only experts need."""
        self._expert = expert
        for panel in self.panels.values():
            panel.set_expert(expert)

    def _choose_panels(self, _interface: object = None) -> None:
        wanted = panel_order([model.interface for model in self._models])
        if list(self.panels) == wanted:
            return
        for panel in self.panels.values():
            self._below.removeWidget(panel)
            panel.retire()
        self.panels = {}
        for index in wanted:
            panel = DevicePanel(self._models[index], with_plots=False)
            panel.set_expert(self._expert)
            self._below.addWidget(panel, 1)
            self.panels[index] = panel


def _kind(plot: AnyPlot) -> str:
    return "image" if isinstance(plot, ImagePlot) else "curve"
