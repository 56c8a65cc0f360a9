"""Reduced curves as NXcanSAS, the NeXus application definition of the canSAS group."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gumtree_core.data import Axis, Dataset
from gumtree_core.errors import GumtreeError

VERSION = "1.1"
COVARIANCE = "Icovariance"
"""Beside I and Idev: the points of a curve share monitor, transmission and flood, which Idev cannot say."""
COVARIANCE_LIMIT = 1000
"""Points up to which the covariance is written: its size is their square."""


def write_nxcansas(path: Path, curve: Dataset, *, provenance: Mapping[str, Any]) -> Path:
    """Write I(q) in one step: beside its place first, then moved there.

    Parameters
    ----------
    path
        Where it goes; if there is a file already, a number is added to the name.
    curve
        (q,) with an axis `q` (points or bin edges); its metadata may have `dq` (the resolution, a Dataset
        along q), `sample_name`, `instrument_name`, `run_title`, `run_number` as text.
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
        raise GumtreeError("NO_CURVE", f"{curve.name} is no curve over q: its dimensions are {curve.dims}.")
    path = _free(path)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(half, "x") as file:
            _write(file, curve, provenance)
        half.rename(path)
    except OSError as error:
        with suppress(OSError):
            half.unlink()
        raise GumtreeError("FILE_NOT_WRITABLE", f"{path} cannot be written: {error}.") from error
    return path


def read_nxcansas(path: Path) -> Dataset:
    """Read I(q) from a file that `write_nxcansas` has written.

    Its errors are read as independent; the matrix that says how they are not is in `metadata["covariance"]`.

    Raises
    ------
    GumtreeError
        FILE_MISSING, FILE_DAMAGED.
    """
    if not path.is_file():
        raise GumtreeError("FILE_MISSING", f"{path} does not exist.")
    try:
        with h5py.File(path) as file:
            data = file["sasentry01/sasdata01"]
            axis = Axis(data["Q"][()], dims=("q",), unit=data["Q"].attrs["units"])
            metadata: dict[str, Any] = {}
            if "Qdev" in data:
                metadata["dq"] = Dataset(data["Qdev"][()], dims=("q",), unit=data["Qdev"].attrs["units"])
            if COVARIANCE in data:
                metadata["covariance"] = data[COVARIANCE][()]
            masks = {"mask": data["Mask"][()]} if "Mask" in data else {}
            intensity = data["I"]
            return Dataset(
                intensity[()],
                data["Idev"][()] ** 2 if "Idev" in data else None,
                dims=("q",),
                axes={"q": axis},
                unit=intensity.attrs["units"],
                masks=masks,
                metadata=metadata,
                title=str(file["sasentry01/title"].asstr()[()]),
            )
    except (OSError, KeyError) as error:
        raise GumtreeError("FILE_DAMAGED", f"{path} is no usable NXcanSAS file: {error}.") from error


def _write(file: h5py.File, curve: Dataset, provenance: Mapping[str, Any]) -> None:
    metadata = curve.metadata
    file.attrs["default"] = "sasentry01"
    entry = _group(file, "sasentry01", "NXentry", "SASentry", default="sasdata01", version=VERSION)
    entry["definition"] = "NXcanSAS"
    entry["title"] = str(metadata.get("run_title") or curve.title or "I(q)")
    entry["run"] = str(metadata.get("run_number", ""))
    data = _group(entry, "sasdata01", "NXdata", "SASdata", signal="I", I_axes="Q", Q_indices=0)
    data.attrs["timestamp"] = datetime.now().astimezone().isoformat(timespec="seconds")
    q = curve.axes["q"]
    _values(data, "Q", q.centers, q.unit)
    _values(data, "I", curve.values, curve.unit)
    if curve.errors is not None:
        _values(data, "Idev", curve.errors, curve.unit)
        data["I"].attrs["uncertainties"] = "Idev"
        if curve.size <= COVARIANCE_LIMIT:
            data.create_dataset(COVARIANCE, data=curve.covariance(), compression="gzip", shuffle=True)
            data[COVARIANCE].attrs["units"] = f"({curve.unit})^2"
    if isinstance(resolution := metadata.get("dq"), Dataset):
        _values(data, "Qdev", resolution.values, resolution.unit)
        data["Q"].attrs["resolutions"] = "Qdev"
    if curve.mask is not None:
        data.create_dataset("Mask", data=curve.mask)
        data.attrs["mask"] = "Mask"
        data.attrs["Mask_indices"] = 0
    sample = _group(entry, "sassample", "NXsample", "SASsample")
    sample["name"] = str(metadata.get("sample_name", ""))
    instrument = _group(entry, "sasinstrument", "NXinstrument", "SASinstrument")
    instrument["name"] = str(metadata.get("instrument_name", ""))
    _process(entry, curve, provenance)


def _process(entry: h5py.Group, curve: Dataset, provenance: Mapping[str, Any]) -> None:
    process = _group(entry, "sasprocess01", "NXprocess", "SASprocess")
    process["name"] = str(provenance.get("script", ""))
    process["date"] = str(provenance.get("time", ""))
    process["description"] = "\n".join(curve.history)
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


def _free(path: Path) -> Path:
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}_{number}{path.suffix}")
    return free
