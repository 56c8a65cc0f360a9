"""Events of any file."""

from __future__ import annotations

from pathlib import Path

from gumtree_core.errors import GumtreeError
from gumtree_core.events.eos import is_eos, read_eos
from gumtree_core.events.events import Events
from gumtree_core.events.nexus import read_nexus_events


def read_events(path: str | Path) -> Events:
    """Read events from ANSTO's `EOS.bin` or a NeXus file with NXevent_data.

    Raises
    ------
    GumtreeError
        FILE_MISSING, and what `read_eos` and `read_nexus_events` raise.
    """
    path = Path(path)
    if not path.is_file():
        raise GumtreeError("FILE_MISSING", f"{path} does not exist. Give the path of a file of events.")
    with path.open("rb") as file:
        return read_eos(path) if is_eos(file.read(4)) else read_nexus_events(path)
