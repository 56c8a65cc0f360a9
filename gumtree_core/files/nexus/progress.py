"""How far a run of GumtreeScan is, asked of its file while it is being written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gumtree_core.errors import GumtreeError
from gumtree_core.files.nexus.hdf5 import open_hdf5
from gumtree_core.files.nexus.hdf5_items import plain_text
from gumtree_core.files.nexus.layout import gumtree_layout
from gumtree_core.files.nexus.writer import POINTS, POINTS_RECORDED, RUNNING


@dataclass(frozen=True)
class RunStatus:
    """How far a run is: `status` as in `run/status`, points recorded and planned."""

    status: str
    recorded: int
    points: int

    @property
    def running(self) -> bool:
        """Whether more points may come."""
        return self.status == RUNNING


def run_status(path: Path) -> RunStatus:
    """How far the run in the file is; asks the file each time.

    Raises
    ------
    GumtreeError
        FILE_MISSING, FILE_FORMAT_UNKNOWN, FILE_DAMAGED.
    """
    layout = gumtree_layout()
    with open_hdf5(path) as file:
        if layout.entry not in file:
            raise GumtreeError(
                "FILE_FORMAT_UNKNOWN",
                f"{path} is no NeXus file of GumtreeScan: it has no group {layout.entry}.",
            )
        entry = file[layout.entry]
        status = plain_text(entry[layout.place("run/status").paths[0]][()])
        return RunStatus(status, int(entry[POINTS_RECORDED][()]), int(entry[POINTS][()]))
