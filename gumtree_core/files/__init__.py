"""Reading and writing the files of instruments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gumtree_core.errors import GumtreeError
from gumtree_core.files.run import Run, Value

__all__ = ["Run", "Value", "load"]

HEAD = 4096


def load(path: str | Path) -> Run:
    """Read the run in a file; format and institute are recognised by content.

    Raises
    ------
    GumtreeError
        FILE_MISSING, FILE_EMPTY, FILE_FORMAT_UNKNOWN, FILE_DAMAGED.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        there = "is a folder" if path.is_dir() else "does not exist"
        raise GumtreeError("FILE_MISSING", f"{path} {there}. Give the path of a data file.")
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head.strip():
        raise GumtreeError("FILE_EMPTY", f"{path} is empty.")
    for recognise, read in _readers():
        if recognise(path, head):
            return read(path)
    raise GumtreeError(
        "FILE_FORMAT_UNKNOWN",
        f"{path} is of no known format. Known are the NeXus files of GumtreeScan, NXcanSAS, "
        "ORNL's SANS XML, the NCNR's VAX files, and ORSO's .ort.",
    )


def _readers() -> tuple[tuple[Callable[[Path, bytes], bool], Callable[[Path], Run]], ...]:
    """Imported when first needed: h5py takes a while."""
    from gumtree_core.files.mapping_reader import read_hdf5
    from gumtree_core.files.nexus_reader import is_nexus, read_nexus
    from gumtree_core.files.nist_vax import is_nist_mask, is_nist_vax, read_nist_mask, read_nist_vax
    from gumtree_core.files.nxcansas import is_nxcansas, read_reduced
    from gumtree_core.files.ornl import is_ornl, read_ornl
    from gumtree_core.files.orso import is_orso, read_orso

    hdf5 = b"\x89HDF\r\n\x1a\n"
    return (
        (lambda path, head: head.startswith(hdf5) and is_nexus(path), read_nexus),
        (lambda path, head: head.startswith(hdf5) and is_nxcansas(path), read_reduced),
        (lambda path, head: head.startswith(hdf5), read_hdf5),
        (is_ornl, read_ornl),
        (is_nist_vax, read_nist_vax),
        (is_nist_mask, read_nist_mask),
        (is_orso, read_orso),
    )
