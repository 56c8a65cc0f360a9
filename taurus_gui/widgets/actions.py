"""Commands as buttons, with the field of their argument, enabled in the states that allow them."""

from __future__ import annotations

from typing import Any

from gumtree_core.interface import Action
from taurus_gui.layout import field_kind
from taurus_gui.live.source import State
from taurus_gui.qt import QtCore, QtWidgets
from taurus_gui.sentences import with_unit
from taurus_gui.widgets.fields import Field, make_field

BUSY = {"MOVING", "RUNNING", "STANDBY", "INIT"}


class ActionButton(QtWidgets.QWidget):
    """A button, and before it the field for its argument if it has one."""

    requested = QtCore.Signal(object, object)
    """The Action and its checked argument, None without."""
    refused = QtCore.Signal(str)

    def __init__(self, action: Action) -> None:
        super().__init__()
        self.action = action
        self.field: Field | None = None
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.button = QtWidgets.QPushButton(action.label or action.name)
        self.button.setToolTip(action.help)
        self.button.clicked.connect(self.request)
        if action.argument is not None:
            self.field = make_field(action.argument)
            self.field.committed.connect(lambda _value: self.request() if _enter_sends(action) else None)
            self.field.refused.connect(self.refused)
            self.field.name_inside()
            row.addWidget(self.field, 1)
            if action.argument.unit:
                unit = QtWidgets.QLabel(action.argument.unit)
                unit.setObjectName("unit")
                row.addWidget(unit)
        row.addWidget(self.button)
        self._waiting = False
        self._state = State("UNREACHABLE")

    def request(self) -> None:
        """Ask for the command with what is entered."""
        if not self.button.isEnabled():
            return
        argument: Any = None
        if self.field is not None:
            try:
                argument = self.field.value()
            except ValueError as error:
                self.refused.emit(str(error))
                return
        self.requested.emit(self.action, argument)

    def show_state(self, state: State) -> None:
        """Enable or not, and tell why not."""
        self._state = state
        allowed = self.action.allowed_states
        possible = state.reachable and (not allowed or state.name in allowed)
        self.button.setEnabled(possible and not self._waiting)
        self.button.setToolTip(
            self.action.help
            if possible
            else f"Not possible while the state is {state.name}."
            + (f" It needs: {', '.join(allowed)}." if allowed else "")
        )

    def waiting(self, waiting: bool) -> None:
        """No second time while the first is under way."""
        self._waiting = waiting
        self.show_state(self._state)


def _enter_sends(action: Action) -> bool:
    """Enter in a typed argument sends it; a check box or a choice is not yet a wish to send."""
    return action.argument is not None and field_kind(action.argument) not in ("bool", "choice")


def question(action: Action, device: str, state: State, unapplied: dict[str, str]) -> str:
    """What has to be asked before the command is sent; empty for nothing.

    A command that starts something while edits are not applied would work with other values than those on the
    screen. While the device is busy, a command is about ending that, and is not held up by edits.
    """
    asked = []
    if action.confirm:
        asked.append(action.confirm)
    if unapplied and state.name not in BUSY:
        edits = ", ".join(f"{label} {text}" for label, text in unapplied.items())
        asked.append(
            f"These edits of {device} have not been applied (Enter applies): {edits}.\n"
            f"{action.label or action.name} without them?"
        )
    return "\n\n".join(asked)


def told(action: Action, argument: Any) -> str:
    """The command as it was sent, for the message area."""
    label = action.label or action.name
    if argument is None:
        return label
    unit = action.argument.unit if action.argument is not None else ""
    return f"{label} {with_unit(str(argument), unit)}"
