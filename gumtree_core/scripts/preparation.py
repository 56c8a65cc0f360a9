"""What a script makes once and uses for each frame, while all that it is made of stays the same."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from gumtree_core.data.propagation.uncertainty import independent

if TYPE_CHECKING:
    from gumtree_core.scripts.script import Script

Method = TypeVar("Method", bound=Callable[..., Any])
MOST = 8
"""Results of a method that are kept, of different arguments or parameters."""


def prepared(method: Method) -> Method:
    """Keep what a method of a script returns, so that the next frame of a live measurement need not wait.

    The method is called again when something has changed of: its arguments, the parameters of the script
    that it has read, also through other prepared methods, and the rule of errors. Runs and Datasets have
    changed if they are others, numbers and texts (also in frozen dataclasses) if they are not equal, files if
    they have been written. What else it reads, such as results or attributes, is not looked at: hand it over
    as an argument. A method that reads the live run is called for each frame.
    """

    @wraps(method)
    def kept(self: Script, *arguments: Any) -> Any:
        return self._preparations.result(self, method, arguments)

    return cast(Method, kept)


@dataclass
class _Kept:
    key: tuple[Any, ...]
    read: dict[str, Any]
    result: Any


class Preparations:
    """The results of the prepared methods of a script, and which parameters each of them has read."""

    def __init__(self) -> None:
        self._kept: dict[str, list[_Kept]] = {}
        self._reading: list[dict[str, Any]] = []

    def note(self, name: str, value: Any) -> None:
        """A parameter has been read."""
        if self._reading:
            self._reading[-1][name] = _compared(value)

    def result(self, script: Script, method: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """What a method returns, or has returned."""
        key = independent(), *map(_compared, arguments)
        known = self._kept.setdefault(method.__qualname__, [])
        for kept in known:
            if kept.key == key and all(
                _compared(script.value(name)) == was for name, was in kept.read.items()
            ):
                self._pass_on(kept.read)
                return kept.result
        self._reading.append({})
        try:
            result = method(script, *arguments)
        finally:
            read = self._reading.pop()
            self._pass_on(read)
        known.insert(0, _Kept(key, read, result))
        del known[MOST:]
        return result

    def _pass_on(self, read: dict[str, Any]) -> None:
        if self._reading:
            self._reading[-1].update(read)


class _Same:
    """Equal to nothing but the very same object."""

    def __init__(self, what: Any) -> None:
        self._what = what

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._what is self._what

    def __hash__(self) -> int:
        return id(self._what)


def _compared(value: Any) -> Any:
    """What a value is compared by."""
    if isinstance(value, (list, tuple)):
        return tuple(map(_compared, value))
    if isinstance(value, Path):
        with suppress(OSError):
            return value, value.stat().st_mtime_ns
        return value, None
    try:
        hash(value)
    except TypeError:
        return _Same(value)
    return type(value), value
