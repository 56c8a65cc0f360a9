"""The panel of a device, generated from its Interface and rebuilt when that changes."""

from __future__ import annotations

from typing import Any

from gumtree_core.interface import Action, Interface, Parameter, Result
from taurus_gui.layout import boxes, display_kind, main_item, plot_places, plots
from taurus_gui.live.model import DeviceModel
from taurus_gui.live.source import Done, Reading, State
from taurus_gui.qt import QtCore, QtWidgets
from taurus_gui.theme import SPACE
from taurus_gui.widgets.actions import ActionButton, question
from taurus_gui.widgets.card import Card
from taurus_gui.widgets.columns import CardColumns
from taurus_gui.widgets.columns_table import Column
from taurus_gui.widgets.curve import CurvePlot
from taurus_gui.widgets.displays import Display, ErrorOf, StateChip
from taurus_gui.widgets.fields import Field
from taurus_gui.widgets.image import ImagePlot
from taurus_gui.widgets.trend import TrendPlot

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
        self.displays: dict[str, Display | Column | ErrorOf] = {}
        self.buttons: dict[str, ActionButton] = {}
        self.plots: list[AnyPlot] = []
        self._with_plots = with_plots
        self._expert = False
        self._shown: tuple[Interface, bool] | None = None
        self._drawn: object = None
        self._arranged: list[AnyPlot] = []

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
        self._set_cards(interface)
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

    def _set_cards(self, interface: Interface) -> None:
        main = main_item(interface)
        cards = [Card(box, main.name if main else "") for box in boxes(interface, self._expert)]
        self.fields, self.displays, self.buttons = {}, {}, {}
        for card in cards:
            self.fields |= card.fields
            self.displays |= card.displays
            self.buttons |= card.buttons
            card.written.connect(self._write)
            card.requested.connect(self._request)
            card.refused.connect(self.model.failed)
            card.folded.connect(self._form.share_heights)
        self._form.set_cards(cards)

    def _rebuild_plots(self, interface: Interface) -> None:
        main = main_item(interface)
        axes = {result.x for result in interface.results}
        drawn = (plots(interface), [each for each in interface.results if each.name in axes], main)
        if not self._with_plots or drawn == self._drawn:
            return
        self._drawn = drawn
        _clear(self._drawings)
        self.plots = make_plots(interface)
        if not self.plots and main is not None and not _is_progress(main):
            self.plots = [TrendPlot(main)]
        self._arranged = []
        self._arrange_plots()

    def _arrange_plots(self) -> None:
        """Those that have something to show; before any has, the first ones."""
        shown = [plot for plot in self.plots if plot.has_data()] or self.plots[:2]
        if shown == self._arranged:
            return
        self._arranged = shown
        for plot in self.plots:
            self._drawings.removeWidget(plot)
        for plot, place in zip(shown, plot_places(len(shown)), strict=True):
            self._drawings.addWidget(plot, *place)
        for plot in self.plots:
            plot.setVisible(plot in shown)

    # living

    def _show_reading(self, name: str, reading: Reading) -> None:
        if name in self.fields:
            self.fields[name].show_reading(reading)
            self.fields[name].setEnabled(True)
        if name in self.displays:
            self.displays[name].show_reading(reading)
        drawing = [plot for plot in self.plots if name in plot.names]
        for plot in drawing:
            plot.show_reading(name, reading)
        if drawing:
            self._arrange_plots()

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


def _is_progress(item: Parameter | Result) -> bool:
    return isinstance(item, Result) and display_kind(item) == "progress"


def _clear(layout: QtWidgets.QLayout) -> None:
    while layout.count():
        item = layout.takeAt(0)
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
