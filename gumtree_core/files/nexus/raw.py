"""Runs of any facility as raw NeXus files by an application definition: NXsas, NXmonopd, NXrefscan.

The tables below say where the definitions want what has which logical key; `config/dictionaries/nexus.yaml`
reads it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files.nexus.pixel_mask import BY_USER
from gumtree_core.files.run import Run
from gumtree_core.files.saving import save_new

if TYPE_CHECKING:
    import h5py

CREATOR = "gumtree-tango"
DATA, MASK = "instrument/detector/data", "instrument/detector/pixel_mask"
COUNTS = "detector/counts"


@dataclass(frozen=True)
class Item:
    """A field: where it stands, and which key it has; `ndim` None for a text."""

    path: str
    key: str
    ndim: int | None = None
    unit: str | None = ""
    """What it is written in; None for its own."""
    required: bool = True
    whole: bool = False
    """Whether the definition wants whole numbers."""
    choices: tuple[str, ...] = ()
    """The words that the definition takes, in lower case."""


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
    Item("instrument/source/probe", "source/probe", choices=("neutron", "x-ray")),
    Item("sample/name", "sample/name"),
    Item("control/mode", "monitor/mode", choices=("monitor", "timer")),
    Item("control/preset", "monitor/preset", 0, None),
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
            Item(DATA, COUNTS, 2, "counts"),
            Item("instrument/detector/count_time", "detector/time", 0, "s", False),
            Item("instrument/detector/distance", "detector/distance", 0, "mm"),
            Item("instrument/detector/x_pixel_size", "detector/pixel_size_x", 0, "mm"),
            Item("instrument/detector/y_pixel_size", "detector/pixel_size_y", 0, "mm"),
            Item("instrument/detector/beam_center_x", "detector/beam_center_x", 0, "pixel", False),
            Item("instrument/detector/beam_center_y", "detector/beam_center_y", 0, "pixel", False),
            Item("sample/thickness", "sample/thickness", 0, "mm", False),
            Item("control/integral", "monitor/counts", 0, "counts"),
        ),
        {**_CLASSES, **_MONOCHROMATOR},
        (DATA,),
    ),
    "NXmonopd": Definition(
        (
            *_HEAD,
            Item("instrument/crystal/wavelength", "instrument/wavelength", 1, "angstrom"),
            Item(DATA, COUNTS, 1, "counts", whole=True),
            Item("instrument/detector/polar_angle", "detector/two_theta", 1, "deg"),
            Item("sample/rotation_angle", "sample/rotation_angle", 0, "deg"),
            Item("control/integral", "monitor/counts", 0, "counts"),
        ),
        {**_CLASSES, "instrument/crystal": "NXcrystal"},
        (DATA, "instrument/detector/polar_angle"),
        ("polar_angle",),
    ),
    "NXrefscan": Definition(
        (
            *_HEAD,
            Item("instrument/monochromator/wavelength", "instrument/wavelength", 0, "angstrom"),
            Item(DATA, COUNTS, 1, "counts", whole=True),
            Item("instrument/detector/polar_angle", "detector/two_theta", 1, "deg"),
            Item("sample/rotation_angle", "sample/rotation_angle", 1, "deg"),
            Item("control/data", "monitor/counts", 1, "counts"),
        ),
        {**_CLASSES, **_MONOCHROMATOR},
        (DATA, "sample/rotation_angle", "instrument/detector/polar_angle"),
        ("rotation_angle",),
    ),
}


def write_raw(path: str | Path, run: Run, definition: str = "NXsas") -> Path:
    """Write a run as a raw NeXus file.

    Counts are written as they were counted, without errors, which counting gives; what is masked goes to
    `pixel_mask`. Which file the run comes from, with its SHA-256, is written too. Keys that the definition
    has no place for are left out; NXsas takes one frame (y, x), NXmonopd a pattern over two-theta, NXrefscan
    counts at each point of a scan. A key that the run lacks can be added:
    ``Run({**run, "source/probe": "x-ray"}, path=run.path)``.

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
        UNKNOWN_DEFINITION; KEY_MISSING; NOT_OF_DEFINITION, of values that were not counted, such as rates or
        what has been corrected, or that have other dimensions; UNIT_MISMATCH; FILE_NOT_WRITABLE.
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
            f'Run({{**run, "{missing[0]}": ...}}, path=run.path).',
        )
    values = {item: _value(run, item, definition) for item in known.items if item.key in run}
    source = {"file_name": str(run.path), "description": f"SHA-256 {run.sha256()}"} if run.path else {}
    mask = run.data(COUNTS).mask
    return save_new(path, partial(_write, definition, known, values, mask, source))


def _value(run: Run, item: Item, definition: str) -> Any:
    if item.ndim is None:
        return _text(run, item, definition)
    data = run.data(item.key)
    data = data if item.unit is None else data.to(item.unit)
    values = np.asarray(data.values)
    if values.size == 1 and item.ndim < 2:
        values = values.reshape((1,) * item.ndim)
    if values.ndim != item.ndim:
        raise GumtreeError(
            "NOT_OF_DEFINITION",
            f"{item.key} of {run.name} has the dimensions {data.dims or 'of a number'}, where {definition} "
            f"takes {item.ndim}: take a point of a scan, or sum a region of the detector.",
        )
    if item.key == COUNTS:
        _check_counted(run, data)
    if item.whole:
        if not np.array_equal(values, np.round(values)):
            raise GumtreeError(
                "NOT_OF_DEFINITION",
                f"{item.key} of {run.name} are no whole numbers, as {definition} wants: it holds raw counts.",
            )
        values = values.astype(np.int64)
    number = values if item.key == COUNTS else values.astype(np.float64)
    return number, data.unit if item.unit is None else item.unit


def _text(run: Run, item: Item, definition: str) -> str:
    text = run.text(item.key)
    if not item.choices:
        return text
    if text.lower() not in item.choices:
        raise GumtreeError(
            "NOT_OF_DEFINITION",
            f"{item.key} of {run.name} is '{text}', where {definition} takes {' or '.join(item.choices)}; "
            "give it as one of them.",
        )
    return text.lower()


def _check_counted(run: Run, counts: Dataset) -> None:
    """Refuse what was not counted: a reader takes the square root of counts for their error."""
    values, variances = np.asarray(counts.values), counts.variances
    hit = values > 0 if counts.mask is None else (values > 0) & ~counts.mask
    if not (np.isfinite(values) & (values >= 0)).all():
        wrong = "some are negative or no number"
    elif variances is not None and not np.allclose(variances[hit], values[hit]):
        wrong = "their variances are not the counts themselves, so that they have been corrected or scaled"
    else:
        return
    raise GumtreeError(
        "NOT_OF_DEFINITION",
        f"{COUNTS} of {run.name} are no raw counts: {wrong}. Write what was reduced with `Dataset.save`.",
    )


def _write(
    name: str,
    definition: Definition,
    values: Mapping[Item, Any],
    mask: NDArray[np.bool_] | None,
    source: Mapping[str, str],
    path: Path,
) -> None:
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
            if isinstance(value, str):
                entry[item.path] = value
            else:
                numbers, unit = value
                entry[item.path] = numbers
                entry[item.path].attrs["units"] = unit
        if mask is not None:
            entry[MASK] = np.where(mask, BY_USER, 0).astype(np.uint32)
        _say_where_from(entry, source)
        shown = entry.create_group("data")
        shown.attrs["NX_class"] = "NXdata"
        shown.attrs["signal"] = "data"
        if definition.axes:
            shown.attrs["axes"] = list(definition.axes)
        for place in definition.shown:
            shown[place.rpartition("/")[2]] = entry[place]
            entry[place].attrs["target"] = f"/entry/{place}"  # what makes it a link for NeXus


def _say_where_from(entry: h5py.Group, source: Mapping[str, str]) -> None:
    process = entry.create_group("process")
    process.attrs["NX_class"] = "NXprocess"
    process["program"] = CREATOR
    process["version"] = version(CREATOR)
    process["date"] = datetime.now().astimezone().isoformat(timespec="seconds")
    if source:
        note = process.create_group("input")
        note.attrs["NX_class"] = "NXnote"
        for name, value in source.items():
            note[name] = value


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
