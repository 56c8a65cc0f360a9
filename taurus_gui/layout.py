"""Which widget shows an item, and what stands together: decisions on plain data. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gumtree_core.interface import Action, Interface, Parameter, Result
from taurus_gui.introspection import readable

FieldKind = Literal["number", "choice", "bool", "text", "list", "file"]
DisplayKind = Literal[
    "value", "lamp", "progress", "duration", "log", "list", "table", "column", "curve", "image", "text"
]
PLOTS = ("curve", "image")
_MAIN_NAMES = ("position", "value")


@dataclass
class Box:
    """A titled box of a panel, in the order in which it is shown."""

    name: str
    title: str
    folded: bool = False
    parameters: list[Parameter] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)


def field_kind(parameter: Parameter) -> FieldKind:
    """The widget with which a parameter is set."""
    if parameter.kind in ("file", "run"):
        return "file"
    if parameter.ndim > 0:
        return "list"
    if parameter.kind == "bool":
        return "bool"
    if parameter.kind == "choice" or parameter.choices:
        return "choice"
    return "number" if parameter.kind in ("float", "int") else "text"


def display_kind(result: Result) -> DisplayKind:
    """The widget that shows a result: its hint if that fits its shape, else by shape and kind.

    Lists that ask for a table are the columns of one.
    """
    numeric = result.kind in ("float", "int")
    fits = {
        "image": numeric and result.ndim == 2,
        "curve": numeric and result.ndim == 1,
        "table": result.ndim == 2,
        "log": result.ndim == 1,
        "progress": numeric and result.ndim == 0,
        "duration": numeric and result.ndim == 0,
        "text": True,
    }
    if fits.get(result.widget):
        return result.widget  # type: ignore[return-value]
    if result.widget == "table" and result.ndim == 1:
        return "column"
    if result.ndim == 2:
        return "image" if numeric else "table"
    if result.ndim == 1:
        return "curve" if numeric else "list"
    return "lamp" if result.kind == "bool" else "value"


def plots(interface: Interface) -> list[list[Result]]:
    """What is drawn, one list a plot: results with errors and the same axes, and what goes `onto` another,
    together; all others alone.

    Quantities that have the same unit and no errors need not be comparable: a monitor counts a thousand times
    what a detector does, and would flatten it.
    """
    drawn: dict[tuple[object, ...], list[Result]] = {}
    shown = [each for each in interface.results if not each.hidden and display_kind(each) in PLOTS]
    curves = {each.name for each in shown if display_kind(each) == "curve" and not each.onto}
    for result in shown:
        kind = display_kind(result)
        if kind == "curve" and result.onto in curves:
            continue
        if kind == "image":
            key: tuple[object, ...] = (result.name,)
        elif result.errors:
            key = (result.unit, result.x, result.group, result.log_x, result.log_y)
        else:
            key = (result.name,)
        drawn.setdefault(key, []).append(result)
    for below in drawn.values():
        below += [each for each in shown if each.onto and each.onto in {one.name for one in below}]
    return list(drawn.values())


def plot_places(number: int) -> list[tuple[int, int, int, int]]:
    """Row, column, rows and columns of so many plots: up to two below each other, more in two columns.

    Of an odd number, the first takes a whole row.
    """
    if number <= 2:
        return [(row, 0, 1, 2) for row in range(number)]
    wide = number % 2
    first = [(0, 0, 1, 2)] * wide
    return first + [(wide + index // 2, index % 2, 1, 1) for index in range(number - wide)]


def boxes(interface: Interface, expert: bool) -> list[Box]:
    """The rows and buttons of a panel by group; plots and what only experts see are left out."""
    made = {
        group.name: Box(group.name, group.label or readable(group.name, group.name), group.folded)
        for group in interface.groups
    }

    def box(name: str) -> Box:
        if name not in made:
            made[name] = Box(name, readable(name, name) if name else "")
        return made[name]

    def shown(item: Parameter | Result | Action) -> bool:
        return expert or item.level == "operator"

    for parameter in interface.parameters:
        if shown(parameter):
            box(parameter.group).parameters.append(parameter)
    for result in interface.results:
        if shown(result) and not result.hidden and display_kind(result) not in PLOTS:
            box(result.group).results.append(result)
    for action in interface.actions:
        if shown(action) and not action.hidden:
            box(action.group).actions.append(action)
    filled = [each for each in made.values() if each.parameters or each.results or each.actions]
    return sorted(filled, key=lambda each: not _has_values(each))


def _has_values(box: Box) -> bool:
    return bool(box.parameters or box.results)


def main_item(interface: Interface) -> Parameter | Result | None:
    """The number that stands for the device in a list, if it has one.

    Its position or value, else its first number. A whole number without unit is left out: it only counts
    something, and would say nothing beside the device's name.
    """
    numbers = [
        item
        for item in (*interface.results, *interface.parameters)
        if item.ndim == 0 and item.kind in ("float", "int") and item.level == "operator"
    ]
    named = [item for item in numbers if item.name.lower() in _MAIN_NAMES]
    shown = [item for item in numbers if not (isinstance(item, Result) and item.hidden)]
    measured = [item for item in shown if item.unit or item.kind == "float"]
    return next(iter(named + measured), None)


def distribute(heights: Sequence[int], columns: int) -> list[list[int]]:
    """Indices of the cards by column: in order, and so that the highest column is as low as possible.

    Cards are read down one column and then down the next, so their order is kept.
    """
    best: list[list[int]] = [list(range(len(heights)))]
    if columns <= 1 or len(heights) <= 1:
        return best
    ends = range(1, len(heights) + 1)
    for limit in sorted({sum(heights[start:end]) for end in ends for start in range(end)}):
        filled: list[list[int]] = [[]]
        used = 0
        for index, height in enumerate(heights):
            if filled[-1] and used + height > limit:
                filled.append([])
                used = 0
            filled[-1].append(index)
            used += height
        if len(filled) <= columns and max(heights) <= limit:
            return filled
    return best
