"""Runs of any facility as raw NeXus files by an application definition: NXsas, NXmonopd, NXrefscan.

The tables below say where the definitions want what has which logical key; `config/dictionaries/nexus.yaml`
reads it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files.run import Run
from gumtree_core.files.saving import save_new

CREATOR = "gumtree-tango"
DATA = "instrument/detector/data"


@dataclass(frozen=True)
class Item:
    """A field: where it stands, and which key it has; `ndim` None for a text."""

    path: str
    key: str
    ndim: int | None = None
    unit: str = ""
    required: bool = True
    whole: bool = False
    """Whether the definition wants whole numbers."""


@dataclass(frozen=True)
class Definition:
    """What an application definition asks for.

    `classes` gives the NeXus class of each group, `shown` the fields that the default plot links to, of which
    the first is its signal.
    """

    items: tuple[Item, ...]
    classes: Mapping[str, str]
    shown: tuple[str, ...]
    axes: tuple[str, ...] = ()


_HEAD = (
    Item("title", "run/title"),
    Item("start_time", "run/start_time"),
    Item("end_time", "run/end_time", required=False),
    Item("entry_identifier", "run/number", required=False),
    Item("instrument/name", "instrument/name"),
    Item("instrument/source/name", "source/name"),
    Item("instrument/source/type", "source/type"),
    Item("instrument/source/probe", "source/probe"),
    Item("sample/name", "sample/name"),
    Item("control/mode", "monitor/mode"),
    Item("control/preset", "monitor/preset", 0),
)
_CLASSES = {
    "instrument": "NXinstrument",
    "instrument/source": "NXsource",
    "instrument/detector": "NXdetector",
    "sample": "NXsample",
    "control": "NXmonitor",
}
_MONOCHROMATOR = {"instrument/monochromator": "NXmonochromator"}

DEFINITIONS = {
    "NXsas": Definition(
        (
            *_HEAD,
            Item("instrument/monochromator/wavelength", "instrument/wavelength", 0, "angstrom"),
            Item("instrument/monochromator/wavelength_spread", "instrument/wavelength_spread", 0, "", False),
            Item(DATA, "detector/counts", 2),
            Item("instrument/detector/count_time", "detector/time", 0, "s", False),
            Item("instrument/detector/distance", "detector/distance", 0, "mm"),
            Item("instrument/detector/x_pixel_size", "detector/pixel_size_x", 0, "mm"),
            Item("instrument/detector/y_pixel_size", "detector/pixel_size_y", 0, "mm"),
            Item("instrument/detector/beam_center_x", "detector/beam_center_x", 0, "pixel", False),
            Item("instrument/detector/beam_center_y", "detector/beam_center_y", 0, "pixel", False),
            Item("sample/thickness", "sample/thickness", 0, "mm", False),
            Item("control/integral", "monitor/counts", 0),
        ),
        {**_CLASSES, **_MONOCHROMATOR},
        (DATA,),
    ),
    "NXmonopd": Definition(
        (
            *_HEAD,
            Item("instrument/crystal/wavelength", "instrument/wavelength", 1, "angstrom"),
            Item(DATA, "detector/counts", 1, whole=True),
            Item("instrument/detector/polar_angle", "detector/two_theta", 1, "deg"),
            Item("sample/rotation_angle", "sample/rotation_angle", 0, "deg"),
            Item("control/integral", "monitor/counts", 0),
        ),
        {**_CLASSES, "instrument/crystal": "NXcrystal"},
        (DATA, "instrument/detector/polar_angle"),
        ("polar_angle",),
    ),
    "NXrefscan": Definition(
        (
            *_HEAD,
            Item("instrument/monochromator/wavelength", "instrument/wavelength", 0, "angstrom"),
            Item(DATA, "detector/counts", 1, whole=True),
            Item("instrument/detector/polar_angle", "detector/two_theta", 1, "deg"),
            Item("sample/rotation_angle", "sample/rotation_angle", 1, "deg"),
            Item("control/data", "monitor/counts", 1),
        ),
        {**_CLASSES, **_MONOCHROMATOR},
        (DATA, "sample/rotation_angle", "instrument/detector/polar_angle"),
        ("rotation_angle",),
    ),
}


def write_raw(path: str | Path, run: Run, definition: str = "NXsas") -> Path:
    """Write a run as a raw NeXus file.

    Counts are written as they are, without errors, which counting gives. Keys that the definition has no
    place for are left out; NXsas takes one frame (y, x), NXmonopd a pattern over two-theta, NXrefscan counts
    at each point of a scan. A key that the run lacks can be added: ``Run({**run, "source/probe": "x-ray"})``.

    Parameters
    ----------
    path
        A number is added to the name if there is a file already.
    definition
        ``"NXsas"``, ``"NXmonopd"`` or ``"NXrefscan"``.

    Returns
    -------
    Path
        Where the file is.

    Raises
    ------
    GumtreeError
        UNKNOWN_DEFINITION, KEY_MISSING, NOT_OF_DEFINITION, UNIT_MISMATCH, FILE_NOT_WRITABLE.
    """
    if definition not in DEFINITIONS:
        raise GumtreeError(
            "UNKNOWN_DEFINITION",
            f"'{definition}' is no definition that can be written; there are {', '.join(DEFINITIONS)}.",
        )
    known = DEFINITIONS[definition]
    missing = [item.key for item in known.items if item.required and item.key not in run]
    if missing:
        raise GumtreeError(
            "KEY_MISSING",
            f"{definition} needs {', '.join(missing)}, which {run.name} does not have; add them: "
            f'Run({{**run, "{missing[0]}": ...}}).',
        )
    values = {item: _value(run, item, definition) for item in known.items if item.key in run}
    return save_new(path, partial(_write, definition, known, values))


def _value(run: Run, item: Item, definition: str) -> Any:
    if item.ndim is None:
        return run.text(item.key)
    data = run.data(item.key)
    if item.unit:
        data = data.to(item.unit)
    values = np.asarray(data.values)
    if values.size == 1 and item.ndim < 2:
        values = values.reshape((1,) * item.ndim)
    if values.ndim != item.ndim:
        raise GumtreeError(
            "NOT_OF_DEFINITION",
            f"{item.key} of {run.name} has the dimensions {data.dims or 'of a number'}, where {definition} "
            f"takes {item.ndim}: take a point of a scan, or sum a region of the detector.",
        )
    if item.whole:
        if not np.array_equal(values, np.round(values)):
            raise GumtreeError(
                "NOT_OF_DEFINITION",
                f"{item.key} of {run.name} are no whole numbers, as {definition} wants: it holds raw counts.",
            )
        return values.astype(np.int64)
    return values if item.key == "detector/counts" else values.astype(np.float64)


def _write(name: str, definition: Definition, values: Mapping[Item, Any], path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["creator"] = CREATOR
        file.attrs["default"] = "entry"
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        entry.attrs["default"] = "data"
        entry["definition"] = name
        for group, nx_class in definition.classes.items():
            entry.create_group(group).attrs["NX_class"] = nx_class
        for item, value in values.items():
            entry[item.path] = value
            if item.ndim is not None:
                entry[item.path].attrs["units"] = _unit(item)
        shown = entry.create_group("data")
        shown.attrs["NX_class"] = "NXdata"
        shown.attrs["signal"] = "data"
        if definition.axes:
            shown.attrs["axes"] = list(definition.axes)
        for place in definition.shown:
            shown[place.rpartition("/")[2]] = entry[place]
            entry[place].attrs["target"] = f"/entry/{place}"  # what makes it a link for NeXus


def _unit(item: Item) -> str:
    return "counts" if item.key in ("detector/counts", "monitor/counts") else item.unit


def has_preset(run: Run) -> Run:
    """The run with a mode and a preset of its control: from what it has counted, if it does not say them."""
    added: dict[str, Dataset | str] = {}
    if "monitor/mode" not in run:
        added["monitor/mode"] = "monitor" if "monitor/counts" in run else "timer"
    if "monitor/preset" not in run:
        key = "monitor/counts" if "monitor/counts" in run else "detector/time"
        counted = run.data(key)
        added["monitor/preset"] = Dataset(float(np.ravel(counted.values)[0]), unit=counted.unit)
    return Run({**run, **added}, path=run.path, format=run.format) if added else run
