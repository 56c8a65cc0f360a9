"""YAML that somebody else has written, such as the head of a file."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent

DEEPEST = 100
LARGEST = 1_000_000
"""Nodes, each alias counted as what it stands for."""


def parse_yaml(text: str) -> Any:
    """What a YAML text says, if it is not made to do harm.

    A parser that follows the nesting of a text ends the process where that is deep, and aliases of aliases
    make a short text say more than fits into memory: both are seen before anything is made of the text.

    Raises
    ------
    ValueError
        If it is nested deeper than 100 levels, or says more than a million things.
    ruamel.yaml.error.YAMLError
        If it is no YAML.
    """
    _check(text)
    return YAML(typ="safe").load(text)


def _check(text: str) -> None:
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = [(None, 0)]  # anchor and size of each node that goes on
    for event in YAML(typ="safe").parse(text):
        if isinstance(event, CollectionStartEvent):
            open_nodes.append((event.anchor, 1))
            if len(open_nodes) > DEEPEST:
                raise ValueError(f"its YAML is nested deeper than {DEEPEST} levels")
            continue
        if isinstance(event, CollectionEndEvent):
            anchor, size = open_nodes.pop()
        elif isinstance(event, AliasEvent):
            anchor, size = None, sizes.get(str(event.anchor), 1)
        elif isinstance(event, NodeEvent):
            anchor, size = event.anchor, 1
        else:
            continue
        if anchor:
            sizes[anchor] = size
        outer, before = open_nodes[-1]
        open_nodes[-1] = outer, before + size
        if before + size > LARGEST:
            raise ValueError(f"its YAML says more than {LARGEST} things")
