"""Any Tango device as an `Interface`: read from its attribute and command configuration, refined by hints."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import tango
from tango import AttrDataFormat, AttrWriteType, CmdArgType, DispLevel

from gumtree_core.interface import Action, Interface, Kind, Level, Parameter, Result
from taurus_gui.hints import Hints

SKIPPED_ATTRIBUTES = {"state", "status", "ui_hints"}
SKIPPED_COMMANDS = {"state", "status"}
UNSET = {"Not specified", "No unit", "No description", "No display unit", "No standard unit", ""}
TANGO_DEFAULT_FORMAT = "%6.2f"

_FLOATS = {CmdArgType.DevFloat, CmdArgType.DevDouble}
_INTEGERS = {
    CmdArgType.DevShort,
    CmdArgType.DevLong,
    CmdArgType.DevUShort,
    CmdArgType.DevULong,
    CmdArgType.DevUChar,
    CmdArgType.DevLong64,
    CmdArgType.DevULong64,
}
_KINDS: dict[CmdArgType, Kind] = {
    **dict.fromkeys(_FLOATS, "float"),
    **dict.fromkeys(_INTEGERS, "int"),
    CmdArgType.DevBoolean: "bool",
    CmdArgType.DevString: "str",
    CmdArgType.DevState: "str",
    CmdArgType.DevEnum: "choice",
}
_ARRAYS: dict[CmdArgType, Kind] = {
    CmdArgType.DevVarDoubleArray: "float",
    CmdArgType.DevVarFloatArray: "float",
    CmdArgType.DevVarShortArray: "int",
    CmdArgType.DevVarLongArray: "int",
    CmdArgType.DevVarUShortArray: "int",
    CmdArgType.DevVarULongArray: "int",
    CmdArgType.DevVarLong64Array: "int",
    CmdArgType.DevVarULong64Array: "int",
    CmdArgType.DevVarCharArray: "int",
    CmdArgType.DevVarBooleanArray: "bool",
    CmdArgType.DevVarStringArray: "str",
}
_NDIM = {AttrDataFormat.SCALAR: 0, AttrDataFormat.SPECTRUM: 1, AttrDataFormat.IMAGE: 2}


def describe(proxy: tango.DeviceProxy) -> Interface:
    """The Interface of a running device.

    Parameters
    ----------
    proxy
        Any Tango device. If it has the attribute `ui_hints`, that refines what introspection finds.

    Returns
    -------
    Interface
        Writable attributes as parameters, the others as results, commands as actions. The metadata hold the
        device's `class`, and `overview` if its hints ask for a place there.

    Raises
    ------
    tango.DevFailed
        The device does not answer.
    """
    configs = proxy.attribute_list_query_ex()
    text = ""
    if any(config.name == "ui_hints" for config in configs):
        text = proxy.read_attribute("ui_hints").value
    return interface_of(
        proxy.dev_name(), proxy.info().dev_class, configs, proxy.command_list_query(), Hints.from_json(text)
    )


def interface_of(
    name: str,
    class_name: str,
    configs: Iterable[tango.AttributeInfoEx],
    commands: Iterable[tango.CommandInfo],
    hints: Hints,
) -> Interface:
    """The Interface from what a device says of itself: its attributes, commands and hints."""
    parameters: list[Parameter] = []
    results: list[Result] = []
    for config in hints.ordered(configs, hints.attributes, "name"):
        if config.name.lower() in SKIPPED_ATTRIBUTES or config.data_type not in _KINDS:
            continue
        hint = hints.attributes.get(config.name, {})
        if config.writable == AttrWriteType.READ:
            results.append(hints.refine(_result(config), hint))
        elif not hint.get("hidden", False):
            parameters.append(hints.refine(_parameter(config), hint))
    actions = []
    for info in hints.ordered(commands, hints.commands, "cmd_name"):
        action = _action(info)
        if action is not None:
            actions.append(hints.refine_action(action, hints.commands.get(action.name, {})))
    return Interface(
        name=name,
        title=name.rsplit("/", 1)[-1],
        parameters=tuple(parameters),
        results=tuple(results),
        actions=tuple(actions),
        groups=hints.groups,
        metadata={"class": class_name, **({"overview": "yes"} if hints.overview else {})},
    )


def _parameter(config: tango.AttributeInfoEx) -> Parameter:
    return Parameter(
        name=config.name,
        kind=_KINDS[config.data_type],
        label=readable(config.label or config.name, config.name),
        unit=_set(config.unit),
        minimum=_number(config.min_value),
        maximum=_number(config.max_value),
        choices=tuple(map(_spoken, config.enum_labels)),
        format=_format(config),
        ndim=_NDIM[config.data_format],
        help=_set(config.description),
        level=_level(config.disp_level),
    )


def _result(config: tango.AttributeInfoEx) -> Result:
    return Result(
        name=config.name,
        kind=_KINDS[config.data_type],
        label=readable(config.label or config.name, config.name),
        unit=_set(config.unit),
        choices=tuple(map(_spoken, config.enum_labels)),
        format=_format(config),
        ndim=_NDIM[config.data_format],
        help=_set(config.description),
        level=_level(config.disp_level),
    )


def _spoken(label: str) -> str:
    """`LIVE_TIME`, a name in a program, as `Live time`; other labels as they are."""
    return label.replace("_", " ").capitalize() if label.isupper() and len(label) > 2 else label


def _action(info: tango.CommandInfo) -> Action | None:
    """None for what has no button: State, Status, and arguments of a type that nobody can type."""
    if info.cmd_name.lower() in SKIPPED_COMMANDS:
        return None
    argument = None
    if info.in_type != CmdArgType.DevVoid:
        kind = _KINDS.get(info.in_type) or _ARRAYS.get(info.in_type)
        if kind is None or kind == "choice":
            return None
        argument = Parameter(
            name="argument",
            kind=kind,
            ndim=1 if info.in_type in _ARRAYS else 0,
            help=_argument_help(info.in_type_desc),
        )
    init = info.cmd_name == "Init"
    return Action(
        name=info.cmd_name,
        label="Initialise" if init else readable(info.cmd_name, info.cmd_name),
        argument=argument,
        confirm="Initialise the device? It forgets what it is doing." if init else "",
        help="Start the device anew, after a fault." if init else "",
        level="expert" if init else _level(info.disp_level),
    )


def readable(label: str, name: str) -> str:
    """A label for people: one that was given stays; one that is only the name becomes words.

    >>> readable("MoveRelative", "MoveRelative"), readable("double_scalar", "double_scalar")
    ('Move relative', 'Double scalar')
    """
    if label != name:
        return label
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").split()
    text = " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in words)
    return text[:1].upper() + text[1:]


def _argument_help(text: str) -> str:
    """PyTango writes a docstring's field list where a description is expected; that helps nobody."""
    text = text.strip()
    empty = text in ("Uninitialised", "no argument") or text.startswith(":param")
    return "" if empty or "(not documented)" in text else text


def _set(text: str) -> str:
    return "" if text in UNSET else text


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _format(config: tango.AttributeInfoEx) -> str:
    """Tango's default format would show 1e-5 as 0.00, so it counts as none."""
    if config.data_type in _FLOATS | _INTEGERS and config.format != TANGO_DEFAULT_FORMAT:
        return _set(config.format)
    return ""


def _level(level: Any) -> Level:
    return "expert" if level == DispLevel.EXPERT else "operator"
