"""Reduced curves as NXcanSAS, the NeXus application definition of the canSAS group, version 1.1.

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
import numpy as np

from gumtree_core.data import Axis, Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files.formats.units_of_curves import unit_of_q
from gumtree_core.files.nexus.layout import known_unit
from gumtree_core.files.run import Run, Value
from gumtree_core.files.saving import save_new

FORMAT = "nxcansas"
VERSION = "1.1"
COVARIANCE = "Icovariance"
"""Beside I and Idev: the points of a curve share monitor, transmission and flood, which Idev cannot say."""
COVARIANCE_LIMIT = 1000
"""Points up to which the covariance is written: its size is their square."""
EDGES = "Q_edges"
"""Beside Q, which holds the centres of the bins."""
PIXELS = "pixels"
"""Beside Q: how many pixels are behind each point, by which curves may be merged."""
INTENSITY_UNITS = ("1/m", "1/cm", "m2/g", "cm2/g")
"""What the definition allows; all else is "arbitrary" to it, and stands in an attribute of our own."""
OWN_UNIT = "original_units"
OF_Q = ("Q", "Qdev")

CURVE, PROVENANCE = "reduced/iq", "reduced/provenance"
"""The logical keys of the curve and of the JSON that says how it was made, in a run of such a file."""
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


def write_nxcansas(path: str | Path, curve: Dataset, *, provenance: Mapping[str, Any]) -> Path:
    """Write I(q), whole or not at all, and never over another file.

    Parameters
    ----------
    path
        Where it goes; if there is a file already, a number is added to the name.
    curve
        (q,) with an axis `q` (points or bin edges). Of its metadata are written: `dq`, the standard
        deviation of q, and `pixels`, how many are behind each point, Datasets along q; `steps`, text that
        says how it was made; and what stands under the logical keys of `TEXTS` and `NUMBERS`.
    provenance
        Goes into an NXprocess and, whole, as JSON into its note.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    GumtreeError
        NO_CURVE, FILE_NOT_WRITABLE.
    """
    if curve.dims != ("q",) or "q" not in curve.axes:
        raise GumtreeError(
            "NO_CURVE",
            f"{curve.name} is no curve over q: it has the dimensions {', '.join(curve.dims) or 'none'} and "
            f"the axes {', '.join(curve.axes) or 'none'}, and needs q as its dimension and as an axis.",
        )
    return save_new(path, partial(_write, curve, provenance))


def _write(curve: Dataset, provenance: Mapping[str, Any], path: Path) -> None:
    with h5py.File(path, "x") as file:
        file.attrs.update(NX_class="NXroot", default="sasentry01")
        entry = _group(file, "sasentry01", "NXentry", "SASentry", default="sasdata01", version=VERSION)
        entry["definition"] = "NXcanSAS"
        _curve(entry, curve)
        title = curve.metadata.get("run/title") or curve.title or "I(q)"
        _describe(entry, {**curve.metadata, "run/title": title})
        _process(entry, curve, provenance)


def _curve(entry: h5py.Group, curve: Dataset) -> None:
    data = _group(entry, "sasdata01", "NXdata", "SASdata", signal="I", axes="Q", I_axes="Q", Q_indices=0)
    data.attrs.update(mask="Mask", Mask_indices=0)
    data.attrs["timestamp"] = datetime.now().astimezone().isoformat(timespec="seconds")
    q = curve.axes["q"]
    _values(data, "Q", q.centers, q.unit)
    if len(q.values) > curve.size:
        _values(data, EDGES, q.values, q.unit)
    _intensity(data, "I", curve.values, curve.unit)
    data["Mask"] = np.zeros(curve.shape, bool) if curve.mask is None else curve.mask
    if curve.errors is not None:
        _intensity(data, "Idev", curve.errors, curve.unit)
        data["I"].attrs["uncertainties"] = "Idev"
        if curve.size <= COVARIANCE_LIMIT:
            data.create_dataset(COVARIANCE, data=curve.covariance(), compression="gzip", shuffle=True)
            data[COVARIANCE].attrs["units"] = f"({curve.unit})^2"
    if isinstance(resolution := curve.metadata.get("dq"), Dataset):
        _values(data, "Qdev", resolution.to(q.unit).values, q.unit)
        data["Q"].attrs["resolutions"] = "Qdev"
    if isinstance(pixels := curve.metadata.get("pixels"), Dataset):
        data[PIXELS] = pixels.values


def _describe(entry: h5py.Group, metadata: Mapping[str, Any]) -> None:
    """Sample and instrument as far as they are known; names are there even if they are empty."""
    for key, place in TEXTS.items():
        if key != "source/probe" or metadata.get(key):
            _parent(entry, place)[place.rpartition("/")[2]] = str(metadata.get(key, ""))
    for key, place in NUMBERS.items():
        value = metadata.get(key)
        if not isinstance(value, Dataset) or ("sassource" in place and not metadata.get("source/probe")):
            continue  # a source must say what it radiates
        _values(_parent(entry, place), place.rpartition("/")[2], value.values, value.unit)
    if "sasinstrument/sasdetector" in entry:
        entry["sasinstrument/sasdetector/name"] = "detector"


def _parent(entry: h5py.Group, place: str) -> h5py.Group:
    group = entry
    for name in place.split("/")[:-1]:
        group = group[name] if name in group else _group(group, name, *_CLASSES[name])
    return group


def _process(entry: h5py.Group, curve: Dataset, provenance: Mapping[str, Any]) -> None:
    process = _group(entry, "sasprocess01", "NXprocess", "SASprocess")
    process["name"] = str(provenance.get("script", ""))
    process["date"] = str(provenance.get("time", ""))
    process["description"] = str(curve.metadata.get("steps") or "\n".join(curve.history))
    for name, value in (*provenance.get("parameters", {}).items(), ("commit", provenance.get("commit", ""))):
        process[f"term_{name}"] = json.dumps(value) if not isinstance(value, str) else value
    note = _group(process, "sasnote", "NXcollection", "SASprocessnote")
    note["provenance"] = json.dumps(provenance, indent=1, sort_keys=True)


def _group(parent: h5py.Group, name: str, nexus: str, cansas: str, **attributes: Any) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs.update({"NX_class": nexus, "canSAS_class": cansas, **attributes})
    return group


def _values(group: h5py.Group, name: str, values: Any, unit: str) -> None:
    dataset = group.create_dataset(name, data=np.asarray(values, dtype=np.float64))
    dataset.attrs["units"] = unit
    if not unit and name in OF_Q:
        dataset.attrs[OWN_UNIT] = unit  # it was not forgotten


def _intensity(group: h5py.Group, name: str, values: Any, unit: str) -> None:
    allowed = unit if unit in INTENSITY_UNITS else "arbitrary"
    _values(group, name, values, allowed)
    if allowed != unit:
        group[name].attrs[OWN_UNIT] = unit


def is_nxcansas(path: Path) -> bool:
    """Whether an HDF5 file follows this definition."""
    try:
        with h5py.File(path) as file:
            return next(_entries(file), None) is not None
    except OSError:
        return False


def read_nxcansas(path: str | Path) -> Dataset:
    """Read the first I(q) of a file, ours or another's.

    Its errors are read as independent; the matrix that says how they are not is in `metadata["covariance"]`,
    the resolution in `metadata["dq"]`, the number of pixels, if it is there, in `metadata["pixels"]`.

    Raises
    ------
    GumtreeError
        FILE_MISSING, FILE_DAMAGED, NO_CURVE.
    """
    return read_reduced(path).data(CURVE)


def read_reduced(path: str | Path) -> Run:
    """Read the first I(q) of a file as a run, with what is known of sample and instrument.

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
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise GumtreeError("FILE_DAMAGED", f"{path} is no usable NXcanSAS file: {error}.") from error


def _entries(file: h5py.File) -> Iterator[h5py.Group]:
    for name in file:
        # Links are not followed: they may lead into other files.
        entry = file[name] if isinstance(file.get(name, getlink=True), h5py.HardLink) else None
        if (
            isinstance(entry, h5py.Group)
            and "definition" in entry
            and _text(entry["definition"]) == "NXcanSAS"
        ):
            yield entry


def _items(entry: h5py.Group, path: Path) -> Iterator[tuple[str, Value]]:
    texts = {key: _text(entry[place]) for key, place in TEXTS.items() if place in entry}
    found = [group for group in entry.values() if _text(group.attrs.get("canSAS_class", "")) == "SASdata"]
    default = _text(entry.attrs.get("default", ""))
    data = entry[default] if default in entry else next(iter(found), None)
    if data is None:
        raise KeyError("it has no SASdata")
    yield CURVE, _read_curve(data, path, texts.get("run/title", ""))
    yield from texts.items()
    for key, place in NUMBERS.items():
        if place in entry:
            yield key, Dataset(entry[place][()], unit=_unit(entry[place]), title=key)
    note = "sasprocess01/sasnote/provenance"
    if note in entry:
        yield PROVENANCE, _text(entry[note])


def _read_curve(data: h5py.Group, path: Path, title: str) -> Dataset:
    intensity, q = data["I"], data["Q"]
    if intensity.ndim != 1:
        raise GumtreeError(
            "NO_CURVE", f"{path} holds I of {intensity.ndim} dimensions; a curve I(q) has one."
        )
    errors = _text(intensity.attrs.get("uncertainties", "Idev"))
    resolution = _text(q.attrs.get("resolutions", "Qdev"))
    metadata: dict[str, Any] = {}
    if resolution in data:
        metadata["dq"] = Dataset(data[resolution][()], dims=("q",), unit=_unit_of_q(data[resolution], path))
    if PIXELS in data:
        metadata["pixels"] = Dataset(data[PIXELS][()], dims=("q",))
    if COVARIANCE in data:
        metadata["covariance"] = data[COVARIANCE][()]
    mask = _text(data.attrs.get("mask", "Mask"))
    masked = np.asarray(data[mask][()], bool) if mask in data else np.zeros(intensity.shape, bool)
    return Dataset(
        intensity[()],
        data[errors][()] ** 2 if errors in data else None,
        dims=("q",),
        axes={"q": Axis(data[EDGES if EDGES in data else "Q"][()], dims=("q",), unit=_unit_of_q(q, path))},
        unit=_unit(intensity),
        masks={"mask": masked} if masked.any() else {},
        metadata=metadata,
        title=title,
    )


def _unit(dataset: h5py.Dataset) -> str:
    return known_unit(_said_unit(dataset))


def _unit_of_q(dataset: h5py.Dataset, path: Path) -> str:
    # A curve that we have saved without a unit is still somebody's work.
    return _unit(dataset) if OWN_UNIT in dataset.attrs else unit_of_q(_said_unit(dataset), path)


def _said_unit(dataset: h5py.Dataset) -> str:
    return _text(dataset.attrs.get(OWN_UNIT, dataset.attrs.get("units", "")))


def _text(value: Any) -> str:
    """Text as h5py gives it: of a dataset, an attribute, bytes, or an array of one."""
    value = np.ravel(value[()] if isinstance(value, h5py.Dataset) else value)
    if value.size == 0:
        return ""
    return value[0].decode() if isinstance(value[0], bytes) else str(value[0])
