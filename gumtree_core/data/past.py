"""The history of operations, noted as they happen and put into words when somebody reads it."""

from __future__ import annotations

from typing import Any, TypeAlias

LIMIT = 100
"""A Dataset remembers that many operations, so that a loop does not fill the memory."""

Naming: TypeAlias = Any
"""A name or a number; or dimensions and shape, or the content, of what has none."""
History: TypeAlias = "tuple[str, ...] | Past"


class Past:
    """One operation, and what was before it.

    Parameters
    ----------
    before, also
        The histories of the operands.
    symbol
        An operator, or with one operand the name of a function.
    left, right
        The operands' names.
    """

    __slots__ = ("_lines", "also", "before", "depth", "left", "right", "symbol")

    def __init__(
        self, before: History, also: History | None, symbol: str, left: Naming, right: Naming | None
    ) -> None:
        self.before = before
        self.also = also
        self.symbol = symbol
        self.left = left
        self.right = right
        self._lines: tuple[str, ...] | None = None
        depth = before.depth if type(before) is Past else 0
        if type(also) is Past and also.depth > depth:
            depth = also.depth
        self.depth: int = depth + 1
        if depth >= LIMIT:
            self.lines()

    def __str__(self) -> str:
        left = named(self.left)
        return f"{self.symbol}({left})" if self.right is None else f"{left} {self.symbol} {named(self.right)}"

    def lines(self) -> tuple[str, ...]:
        """All operations in words, oldest first."""
        if self._lines is None:
            self._lines = limited((*merged(lines(self.before), lines(self.also)), str(self)))
            self.before, self.also, self.depth = (), None, 0
        return self._lines


def lines(history: History | None) -> tuple[str, ...]:
    """A history in words."""
    if history is None:
        return ()
    return history if isinstance(history, tuple) else history.lines()


def merged(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[str, ...]:
    """What has been done to either of two."""
    if left == right or not right:
        return left
    return (*left, *(entry for entry in right if entry not in left))


def limited(history: tuple[str, ...]) -> tuple[str, ...]:
    """The newest entries."""
    return history if len(history) <= LIMIT else ("...", *history[1 - LIMIT :])


def named(naming: Any) -> str:
    """A name in words."""
    if isinstance(naming, str):
        return naming
    if isinstance(naming, float | int):
        return f"{naming:.6g}"
    if not isinstance(naming, tuple):  # the content of a number
        return f"{naming.values.item():.6g}"
    return f"Dataset({', '.join(f'{d}: {n}' for d, n in zip(*naming, strict=True))})"
