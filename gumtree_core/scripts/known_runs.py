"""The files of runs, which live updates need not open again and again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gumtree_core.files import Run, load
from gumtree_core.files.addresses import files
from gumtree_core.scripts.script import Script

Stamp = tuple[tuple[int, int, int], ...]


class KnownRuns:
    """The runs of the latest action, by address, and how their files were."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Stamp, Run]] = {}

    def opened(self, script: type[Script], parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters with runs in place of the addresses of files.

        In a live update, whose live parameter is a run already, files that have not been written since stay
        as they are. What a user starts opens them anew, since also a dictionary may have changed.
        """
        live = isinstance(parameters.get(script.live_parameter()), Run)
        before, self._known = self._known if live else {}, {}
        return {
            name: self._loaded(value, before) if script.takes_runs(name) else value
            for name, value in parameters.items()
        }

    def _loaded(self, value: Any, before: Mapping[str, tuple[Stamp, Run]]) -> Any:
        if isinstance(value, (list, tuple)):
            return [self._loaded(each, before) for each in value]
        stamp = _stamp(str(value)) if isinstance(value, (str, Path)) else None
        if stamp is None:
            return value
        address = str(value)
        known = before.get(address)
        run = known[1] if known and known[0] == stamp else load(value)
        self._known[address] = stamp, run
        return run


def _stamp(address: str) -> Stamp | None:
    """When and as what its files were written; None for what is no file: the script itself loads that."""
    try:
        found = [path.stat() for path in files(address)]
    except OSError:
        return None
    return tuple((each.st_mtime_ns, each.st_size, each.st_ino) for each in found) or None
