"""Word of it when the fast loops are compiled: once after installation, in seconds that seem to hang."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

SENTENCE = "Compiling fast loops for this machine: done once, takes up to half a minute."


def _on_screen(sentence: str) -> None:
    # Where nobody looks (a pipe, a log, a test) the line would only be in the way.
    if sys.stderr is not None and (sys.stderr.isatty() or "ipykernel" in sys.modules):
        sys.stderr.write(f"{sentence}\n")


_tell: Callable[[str], None] | None = _on_screen


def tell(how: Callable[[str], None]) -> None:
    """Have `how` called with a sentence when loops are first compiled in this process."""
    global _tell
    _tell = how


def watch() -> None:
    """Listen to Numba; called where it is imported."""
    from numba.core import event

    class Listener(event.Listener):
        def on_start(self, event: Any) -> None:
            global _tell
            if _tell is not None and event.data["dispatcher"].py_func.__module__.startswith("gumtree_core."):
                how, _tell = _tell, None
                how(SENTENCE)

        def on_end(self, event: Any) -> None:
            pass

    event.register("numba:compile", Listener())  # type: ignore[no-untyped-call]
