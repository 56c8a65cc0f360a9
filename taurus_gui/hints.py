"""What a device tells about its looks that Tango has no place for: the attribute `ui_hints`, JSON."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from gumtree_core.interface import Action, Group, Parameter, Result

logger = logging.getLogger(__name__)

_Item = TypeVar("_Item", Parameter, Result, Action, Group)
_Any = TypeVar("_Any")
_TUPLES = {"choices", "allowed_states"}


@dataclass(frozen=True)
class Hints:
    """Refinements of an Interface. Unknown keys are passed over, so that a newer server can be shown."""

    groups: tuple[Group, ...] = ()
    attributes: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    commands: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    overview: bool = False

    @classmethod
    def from_json(cls, text: str) -> Hints:
        """Read the JSON text; text that is not as it should be counts as no hints (and is logged)."""
        if not text:
            return cls()
        try:
            data = json.loads(text)
            return cls(
                groups=tuple(_fill(Group(name=group["name"]), group) for group in data.get("groups", ())),
                attributes={name: dict(hint) for name, hint in data.get("attributes", {}).items()},
                commands={name: dict(hint) for name, hint in data.get("commands", {}).items()},
                overview=bool(data.get("overview", False)),
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            logger.warning("ui_hints cannot be read (%s); the device is shown without them", error)
            return cls()

    @staticmethod
    def ordered(items: Iterable[_Any], hints: Mapping[str, Any], key: str) -> list[_Any]:
        """Items that are hinted first, in the order of the hints; then the others as they come."""
        rank = {name: index for index, name in enumerate(hints)}
        return sorted(items, key=lambda item: rank.get(getattr(item, key), len(rank)))

    @staticmethod
    def refine(item: _Item, hint: Mapping[str, Any]) -> _Item:
        """The item with those fields replaced that the hint names."""
        return _fill(item, hint)

    @staticmethod
    def refine_action(action: Action, hint: Mapping[str, Any]) -> Action:
        """As `refine`; `argument` refines the argument's own fields."""
        fields = dict(hint)
        argument = fields.pop("argument", None)
        refined = _fill(action, fields)
        if argument and refined.argument is not None:
            refined = dataclasses.replace(refined, argument=_fill(refined.argument, argument))
        return refined


def _fill(item: _Item, hint: Mapping[str, Any]) -> _Item:
    known = {each.name for each in dataclasses.fields(item)} - {"name"}
    values = {key: tuple(value) if key in _TUPLES else value for key, value in hint.items() if key in known}
    return dataclasses.replace(item, **values)
