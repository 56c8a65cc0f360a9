"""Reading and writing the files of instruments."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from gumtree_core.errors import GumtreeError
from gumtree_core.files.addresses import composed
from gumtree_core.files.run import Run, Value

__all__ = ["Run", "Value", "load"]

HEAD = 4096
GROUP = "gumtree.sources"
"""Entry points of readers of live systems, by scheme: functions from an address to a Run."""

_HDF5 = b"\x89HDF\r\n\x1a\n"
_SCHEME = re.compile(r"([a-z]{2,}):(?!:)")


def load(path: str | Path) -> Run:
    """Read a run; format and institute are recognised by content.

    Parameters
    ----------
    path
        A file; `FILE::ENTRY` for one of several runs in it, or for an image or a mask in an HDF5 file;
        `FILE@7` for a point of a scan, `FILE@3-9` for points added; `A+B` for runs added; or the address of a
        live system, such as `tango:`, if a package is installed that reads it.

    Raises
    ------
    GumtreeError
        FILE_MISSING, FILE_EMPTY, FILE_FORMAT_UNKNOWN, FILE_LOCKED, FILE_DAMAGED, SEVERAL_RUNS, NO_SUCH_RUN,
        BAD_DICTIONARY, NO_POINT; as `adding.add_runs`.
    """
    scheme = _SCHEME.match(str(path))
    try:
        if scheme and not Path(path).exists():
            return _live(scheme[1], str(path))
        run = composed(str(path), load)
        if run is not None:
            return run
        path, entry = _parted(path)
        there = path.is_file()
    except OSError as error:  # too long for a name
        raise GumtreeError("FILE_MISSING", f"'{str(path)[:80]}...' is no file: {error.strerror}.") from error
    if not there:
        what = "is a folder" if path.is_dir() else "is no file" if path.exists() else "does not exist"
        raise GumtreeError("FILE_MISSING", f"{path} {what}. Give the path of a data file.")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise GumtreeError("FILE_LOCKED", f"{path} cannot be read: {error.strerror}.") from error
    if not head.strip():
        raise GumtreeError("FILE_EMPTY", f"{path} is empty.")
    if head.startswith(_HDF5):
        return _hdf5(path, entry)
    if entry:
        raise GumtreeError("NO_SUCH_RUN", f"{path} holds one run only; leave out '::{entry}'.")
    for recognise, read in _readers():
        if recognise(path, head):
            return read(path)
    raise GumtreeError(
        "FILE_FORMAT_UNKNOWN",
        f"{path} is of no known format. Known are HDF5 (NeXus), ORNL's SANS XML, the NCNR's VAX files, "
        "ORSO's .ort, powder patterns as CIF, ANSTO's event streams, and images (EDF, CBF, TIFF, npy, "
        "npz, fit2d, Mantid's masks).",
    )


def _parted(path: str | Path) -> tuple[Path, str]:
    """The file and, behind `::`, the run in it."""
    whole = Path(path).expanduser()
    name, mark, entry = str(whole).rpartition("::")
    return (Path(name), entry) if mark and not whole.exists() else (whole, "")


def _live(scheme: str, address: str) -> Run:
    """The present state of a live system, by the reader that a package has registered for its scheme."""
    for reader in entry_points(group=GROUP, name=scheme):
        read: Callable[[str], Run] = reader.load()
        return read(address)
    raise GumtreeError(
        "NO_SUCH_READER", f"Nothing that is installed reads {address}; give the path of a data file."
    )


def _hdf5(path: Path, entry: str) -> Run:
    """Imported when first needed: h5py takes a while."""
    from gumtree_core.events.reading import has_nexus_events, read_nexus_events_run
    from gumtree_core.files.dictionaries.mapping_reader import read_hdf5
    from gumtree_core.files.nexus.hdf5 import damage_told
    from gumtree_core.files.nexus.nxcansas import is_nxcansas, read_reduced
    from gumtree_core.files.nexus.pixel_mask import find_hdf5_masks, read_hdf5_masks
    from gumtree_core.files.nexus.saved import is_saved, read_saved

    with damage_told(path):
        if not entry:
            for recognise, read in ((is_nxcansas, read_reduced), (is_saved, read_saved)):
                if recognise(path):
                    return read(path)
        try:
            return read_hdf5(path, entry)
        except GumtreeError as error:
            if error.reason not in ("FILE_FORMAT_UNKNOWN", "NO_SUCH_RUN"):
                raise
            if not entry and has_nexus_events(path):
                return read_nexus_events_run(path)
            masks = find_hdf5_masks(path, entry)
            if not masks:
                raise
            return read_hdf5_masks(path, masks)


def _readers() -> tuple[tuple[Callable[[Path, bytes], bool], Callable[[Path], Run]], ...]:
    """Formats that are not HDF5."""
    from gumtree_core.events.reading import is_eos_file, read_eos_run
    from gumtree_core.files.formats.detector_images import is_detector_image, read_detector_image
    from gumtree_core.files.formats.mantid_mask import is_mantid_mask, read_mantid_mask
    from gumtree_core.files.formats.nist_vax import (
        is_nist_mask,
        is_nist_vax,
        read_nist_mask,
        read_nist_vax,
    )
    from gumtree_core.files.formats.ornl import is_ornl, read_ornl
    from gumtree_core.files.formats.orso import is_orso, read_orso
    from gumtree_core.files.formats.powder_cif import is_powder_cif, read_powder_cif

    return (
        (is_ornl, read_ornl),
        (is_nist_vax, read_nist_vax),
        (is_nist_mask, read_nist_mask),
        (is_mantid_mask, read_mantid_mask),
        (is_orso, read_orso),
        (is_powder_cif, read_powder_cif),
        (is_eos_file, read_eos_run),
        (is_detector_image, read_detector_image),
    )
