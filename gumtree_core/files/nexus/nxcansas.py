"""Reduced curves and maps as NXcanSAS, the NeXus application definition of the canSAS group, version 1.1.

https://manual.nexusformat.org/classes/applications/NXcanSAS.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import h5py

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files.maps import is_map
from gumtree_core.files.nexus.nxcansas_curve import read_curve, write_curve
from gumtree_core.files.nexus.nxcansas_fields import text, unit, write_numbers
from gumtree_core.files.nexus.nxcansas_map import holds_map, read_map, write_map
from gumtree_core.files.run import Run, Value
from gumtree_core.files.saving import save_new

FORMAT = "nxcansas"
VERSION = "1.1"
DATA, PROCESS = "sasdata", "sasprocess"
"""Groups that others find by their classes, and Mantid by these names."""
NOTE = "sasnote/provenance"

CURVE, MAP, PROVENANCE = "reduced/iq", "reduced/iqxqy", "reduced/provenance"
"""The logical keys of the curve, of the map, and of the JSON that says how it was made, in a run of such a
file."""
TEXTS = {
    "run/title": "title",
    "run/number": "run",
    "instrument/name": "sasinstrument/name",
    "source/probe": "sasinstrument/sassource/radiation",
    "sample/name": "sassample/name",
}
NUMBERS = {
    "instrument/wavelength": "sasinstrument/sassource/incident_wavelength",
    "instrument/collimation_length": "sasinstrument/sascollimation/length",
    "detector/distance": "sasinstrument/sasdetector/SDD",
    "detector/pixel_size_x": "sasinstrument/sasdetector/x_pixel_size",
    "detector/pixel_size_y": "sasinstrument/sasdetector/y_pixel_size",
    "sample/thickness": "sassample/thickness",
    "sample/transmission": "sassample/transmission",
}
_CLASSES = {
    "sasinstrument": ("NXinstrument", "SASinstrument"),
    "sassource": ("NXsource", "SASsource"),
    "sascollimation": ("NXcollimator", "SAScollimation"),
    "sasdetector": ("NXdetector", "SASdetector"),
    "sassample": ("NXsample", "SASsample"),
}


def write_nxcansas(path: str | Path, reduced: Dataset, *, provenance: Mapping[str, Any]) -> Path:
    """Write I(q) or I(qx, qy), whole or not at all, and never over another file.

    Parameters
    ----------
    path
        Where it goes; if there is a file already, a number is added to the name.
    reduced
        A curve, (q,) with an axis `q`; or a map of two dimensions with the axes `qx`, `qy` and perhaps `qz`,
        along one dimension each or both. Axes are points or bin edges. Of the metadata are written: the
        standard deviations of q, `dq`, and of its components, `dqx` and `dqy`; `pixels`, how many are behind
        each point, Datasets along the same dimensions; `steps`, text that says how it was made; and what
        stands under the logical keys of `TEXTS` and `NUMBERS`.
    provenance
        Goes into an NXprocess and, whole, as JSON into its note.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    GumtreeError
        NO_CURVE, UNIT_MISMATCH, FILE_NOT_WRITABLE.
    """
    curve = reduced.dims == ("q",) and "q" in reduced.axes
    if not (curve or is_map(reduced)):
        raise GumtreeError(
            "NO_CURVE",
            f"{reduced.name} is no curve over q and no map over qx and qy: it has the dimensions "
            f"{', '.join(reduced.dims) or 'none'} and the axes {', '.join(reduced.axes) or 'none'}, and "
            "needs q as its dimension and as an axis, or two dimensions and the axes qx and qy.",
        )
    return save_new(path, partial(_write, reduced, provenance))


def _write(reduced: Dataset, provenance: Mapping[str, Any], path: Path) -> None:
    with h5py.File(path, "x") as file:
        file.attrs.update(NX_class="NXroot", default="sasentry01")
        entry = _group(file, "sasentry01", "NXentry", "SASentry", default=DATA, version=VERSION)
        entry["definition"] = "NXcanSAS"
        data = _group(entry, DATA, "NXdata", "SASdata", signal="I", mask="Mask")
        data.attrs["timestamp"] = datetime.now().astimezone().isoformat(timespec="seconds")
        write, what = (write_curve, "I(q)") if reduced.ndim == 1 else (write_map, "I(qx, qy)")
        write(data, reduced)
        title = reduced.metadata.get("run/title") or reduced.title or what
        _describe(entry, {**reduced.metadata, "run/title": title})
        _process(entry, reduced, provenance)


def _describe(entry: h5py.Group, metadata: Mapping[str, Any]) -> None:
    """Sample and instrument as far as they are known; names are there even if they are empty."""
    for key, place in TEXTS.items():
        if key != "source/probe" or metadata.get(key):
            _parent(entry, place)[place.rpartition("/")[2]] = str(metadata.get(key, ""))
    for key, place in NUMBERS.items():
        value = metadata.get(key)
        if not isinstance(value, Dataset) or ("sassource" in place and not metadata.get("source/probe")):
            continue  # a source must say what it radiates
        write_numbers(_parent(entry, place), place.rpartition("/")[2], value.values, value.unit)
    if "sasinstrument/sasdetector" in entry:
        entry["sasinstrument/sasdetector/name"] = "detector"


def _parent(entry: h5py.Group, place: str) -> h5py.Group:
    group = entry
    for name in place.split("/")[:-1]:
        group = group[name] if name in group else _group(group, name, *_CLASSES[name])
    return group


def _process(entry: h5py.Group, reduced: Dataset, provenance: Mapping[str, Any]) -> None:
    process = _group(entry, PROCESS, "NXprocess", "SASprocess")
    process["name"] = str(provenance.get("script", ""))
    process["date"] = str(provenance.get("time", ""))
    process["description"] = str(reduced.metadata.get("steps") or "\n".join(reduced.history))
    for name, value in (*provenance.get("parameters", {}).items(), ("commit", provenance.get("commit", ""))):
        process[f"term_{name}"] = json.dumps(value) if not isinstance(value, str) else value
    note = _group(process, "sasnote", "NXcollection", "SASprocessnote")
    note["provenance"] = json.dumps(provenance, indent=1, sort_keys=True)


def _group(parent: h5py.Group, name: str, nexus: str, cansas: str, **attributes: Any) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs.update({"NX_class": nexus, "canSAS_class": cansas, **attributes})
    return group


def is_nxcansas(path: Path) -> bool:
    """Whether an HDF5 file follows this definition."""
    try:
        with h5py.File(path) as file:
            return next(_entries(file), None) is not None
    except OSError:
        return False


def read_nxcansas(path: str | Path) -> Dataset:
    """Read the first I(q) or I(qx, qy) of a file, ours or another's.

    Its errors are read as independent; the matrix that says how those of a curve are not is in
    `metadata["covariance"]`, the resolution in `metadata["dq"]` or `["dqx"]` and `["dqy"]`, the number of
    pixels, if it is there, in `metadata["pixels"]`.

    Raises
    ------
    GumtreeError
        FILE_MISSING, FILE_DAMAGED, NO_CURVE, UNKNOWN_UNIT, BAD_AXIS.
    """
    run = read_reduced(path)
    return run.data(MAP if MAP in run else CURVE)


def read_reduced(path: str | Path) -> Run:
    """Read the first I(q) or I(qx, qy) of a file as a run, with what is known of sample and instrument.

    Raises
    ------
    GumtreeError
        As `read_nxcansas`.
    """
    path = Path(path)
    if not path.is_file():
        raise GumtreeError("FILE_MISSING", f"{path} does not exist. Give the path of a reduced curve.")
    try:
        with h5py.File(path) as file:
            entry = next(_entries(file), None)
            if entry is None:
                raise KeyError("no entry is defined as NXcanSAS")
            return Run(dict(_items(entry, path)), path=path, format=FORMAT)
    except (OSError, KeyError, ValueError, TypeError, IndexError) as error:
        raise GumtreeError("FILE_DAMAGED", f"{path} is no usable NXcanSAS file: {error}.") from error


def _entries(file: h5py.File) -> Iterator[h5py.Group]:
    for name in file:
        # Links are not followed: they may lead into other files.
        entry = file[name] if isinstance(file.get(name, getlink=True), h5py.HardLink) else None
        if (
            isinstance(entry, h5py.Group)
            and "definition" in entry
            and text(entry["definition"]) == "NXcanSAS"
        ):
            yield entry


def _items(entry: h5py.Group, path: Path) -> Iterator[tuple[str, Value]]:
    known = {key: text(entry[place]) for key, place in TEXTS.items() if place in entry}
    found = [group for group in entry.values() if _class(group) == "SASdata"]
    default = text(entry.attrs.get("default", ""))
    data = entry[default] if default in entry else next(iter(found), None)
    if data is None:
        raise KeyError("it has no SASdata")
    key, read = (MAP, read_map) if holds_map(data) else (CURVE, read_curve)
    yield key, read(data, path, known.get("run/title", ""))
    yield from known.items()
    for key, place in NUMBERS.items():
        if place in entry:
            yield key, Dataset(entry[place][()], unit=unit(entry[place]), title=key)
    for group in entry.values():
        if _class(group) == "SASprocess" and NOTE in group:
            yield PROVENANCE, text(group[NOTE])
            return


def _class(group: h5py.Group) -> str:
    """What a group is to canSAS; drafts of the definition said it as the class of NeXus."""
    return text(group.attrs.get("canSAS_class", group.attrs.get("NX_class", "")))
