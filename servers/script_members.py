"""What a loaded script adds to its device: attributes for parameters and results, commands for actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tango
from tango import AttrWriteType
from tango.server import attribute, command

from gumtree_core.interface import Action, Group, Interface
from servers.base import tango_errors
from servers.reduction_attributes import ReductionAttributes
from servers.reduction_members import Member, command_name, members, to_tango


class ScriptMembers(ReductionAttributes):
    """Makes and removes the members of a script; the device says what a write and a command do."""

    def init_device(self) -> None:
        """Keep what threads of before Init still hold or use."""
        super().init_device()
        self._dynamic: dict[str, Member] = getattr(self, "_dynamic", {})
        self._commands: dict[str, Action] = getattr(self, "_commands", {})
        self._groups: tuple[Group, ...] = ()

    def set_parameter(self, name: str, written: Any) -> None:
        """Take what was written to a parameter's attribute."""
        raise NotImplementedError

    def act(self, method: str) -> None:
        """Begin an action."""
        raise NotImplementedError

    def change_members(self, interface: Interface, parameters: Mapping[str, Any]) -> None:
        """Make the script's members. Those that stay as they are stay what clients have subscribed to."""
        values = {each.name: to_tango(each, parameters[each.name]) for each in interface.parameters}
        unset = {name for name, value in values.items() if value is None or value == []}
        wanted = {member.name: member for member in members(interface)}
        actions = {command_name(each.name): each for each in interface.actions}
        self._forget(
            {name for name, member in self._dynamic.items() if not member.same(wanted.get(name))}
            | (unset & self._write_values.keys() & self._dynamic.keys()),
            {name for name, each in self._commands.items() if each != actions.get(name)},
        )
        for name, member in wanted.items():
            if name not in self._dynamic:
                self._make(member)
            elif not member.writable:
                self.configure_attribute(name, unit=member.options.get("unit", ""))
        self.publish(**values, **dict.fromkeys(wanted.keys() - values.keys()))
        self.set_written(**{name: value for name, value in values.items() if name not in unset})
        for name, each in actions.items():
            if name not in self._commands:
                self.add_command(self._command(name, each.name, each.help))
                self._commands[name] = each
        self._dynamic, self._commands = wanted, actions  # in the script's order
        self._groups = interface.groups

    def _make(self, member: Member) -> None:
        access = AttrWriteType.READ_WRITE if member.writable else AttrWriteType.READ
        writing = {"fset": self._write_member} if member.writable else {}
        self.add_attribute(
            attribute(name=member.name, access=access, fget=self._read_member, **writing, **member.options)
        )
        self.set_change_event(member.name, True, False)
        self._dynamic[member.name] = member

    def forget_members(self) -> None:
        """Remove all."""
        self._forget(set(self._dynamic), set(self._commands))
        self._groups = ()

    def _forget(self, attributes: set[str], commands: set[str]) -> None:
        for name in attributes:
            self.remove_attribute(name)
            self._values.pop(name, None)
            self._write_values.pop(name, None)
            self._configured.pop(name, None)
            del self._dynamic[name]
        for name in commands:
            self.remove_command(name)
            del self._commands[name]

    def _command(self, name: str, method: str, doc: str) -> Any:
        def run() -> None:
            with tango_errors(f"{self.get_name()}/{name}"):
                self.act(method)

        run.__name__, run.__doc__ = name, doc
        return command(f=run, dtype_in=None, dtype_out=None, doc_in="no argument")

    def _read_member(self, attr: tango.Attribute) -> Any:
        return self.published_value(attr.get_name())

    def _write_member(self, attr: tango.WAttribute) -> None:
        name = attr.get_name()
        with tango_errors(f"{self.get_name()}/{name}"):
            self.set_parameter(name, attr.get_write_value())

    def label_of(self, method: str) -> str:
        """What people call an action."""
        action = self._commands.get(command_name(method))
        return (action.label if action is not None else "") or method

    def declared_options(self, name: str) -> dict[str, Any]:
        """Of a member of the script: what it declares."""
        member = self._dynamic.get(name)
        return member.options if member is not None else super().declared_options(name)

    def hints(self) -> dict[str, Any]:
        """The hints, with those of the script's members and its own groups."""
        hints = super().hints()
        hints["attributes"].update({name: member.hint for name, member in self._dynamic.items()})
        own = [{"name": each.name, "label": each.label, "folded": each.folded} for each in self._groups]
        *first, log = hints["groups"]
        hints["groups"] = [*first, *own, log]
        hints["commands"].update(
            {name: {"label": each.label, "group": "script"} for name, each in self._commands.items()}
        )
        return hints
