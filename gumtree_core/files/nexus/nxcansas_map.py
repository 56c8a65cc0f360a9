"""I(qx, qy) in the SASdata of an NXcanSAS file.

The definition leaves open how a vector q is stored. We write what most programs read, Qx, Qy and, if it is
known, Qz, each in the shape of I, beside |Q|; and read that, one array Q of all components, and coordinates
of one dimension.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Axis, Dataset
from gumtree_core.files.maps import beside, coordinate
from gumtree_core.files.nexus.nxcansas_curve import PIXELS
from gumtree_core.files.nexus.nxcansas_fields import (
    PACKED,
    masks,
    names,
    q_unit,
    scaled,
    texts,
    unit,
    variances,
    write_intensity,
    write_q,
)

Array: TypeAlias = NDArray[Any]

COMPONENTS = {"qx": "Qx", "qy": "Qy", "qz": "Qz"}
RESOLUTIONS = {"dq": "Qdev", "dqx": "Qxdev", "dqy": "Qydev"}
DIMENSIONS = "I_dimensions"
"""Our own attribute: the names of the dimensions of I."""
ALONG = "along"
"""Our own attribute of a component that varies along one dimension only: the name of that."""


def write_map(data: h5py.Group, image: Dataset) -> None:
    """Write I(qx, qy), with `dqx`, `dqy`, `dq` and `pixels` of the metadata.

    Raises
    ------
    GumtreeError
        UNIT_MISMATCH where qx, qy and qz are not all inverse lengths.
    """
    both = np.array([0, 1])
    data.attrs.update(axes=[".", "."], I_axes="Qx,Qy", Q_indices=both, Mask_indices=both)
    data.attrs[DIMENSIONS] = list(image.dims)
    said = image.axes["qx"].unit
    vector = {name: coordinate(image, name, said) for name in COMPONENTS if name in image.axes}
    write_q(data, "Q", np.sqrt(sum(each**2 for each in vector.values())), said, **PACKED)
    for name, values in vector.items():
        axis = image.axes[name].to(said)
        field = write_q(data, COMPONENTS[name], values, said, **PACKED)
        data.attrs[f"{COMPONENTS[name]}_indices"] = both
        if axis.dims is not None and len(axis.dims) == 1:
            field.attrs[ALONG] = axis.dims[0]
            if axis.is_edges:
                write_q(data, f"{COMPONENTS[name]}_edges", axis.values, said)
    write_intensity(data, "I", image.values, image.unit, **PACKED)
    if image.errors is not None:
        write_intensity(data, "Idev", image.errors, image.unit, **PACKED)
        data["I"].attrs["uncertainties"] = "Idev"
    masked = np.zeros(image.shape, bool) if image.mask is None else image.mask
    data.create_dataset("Mask", data=masked, **PACKED)
    _write_metadata(data, image, said)


def _write_metadata(data: h5py.Group, image: Dataset, said: str) -> None:
    for name, field in RESOLUTIONS.items():
        if (spread := beside(image, name, said)) is not None:
            write_q(data, field, spread, said, **PACKED)
    if "Qdev" in data:
        data["Q"].attrs["resolutions"] = "Qdev"
    if "Qxdev" in data and "Qydev" in data:
        # SasView takes both from the last component that names any.
        for name in ("Qx", "Qy"):
            data[name].attrs["resolutions"] = ["Qxdev", "Qydev"]
    if (pixels := beside(image, "pixels")) is not None:
        data.create_dataset(PIXELS, data=pixels, **PACKED)


def holds_map(data: h5py.Group) -> bool:
    """Whether a SASdata has I of two dimensions with components of q."""
    return data["I"].ndim == 2 and (("Qx" in data and "Qy" in data) or _is_vector(data))


def _is_vector(data: h5py.Group) -> bool:
    return "Q" in data and data["Q"].ndim == 3 and data["Q"].shape[1:] == data["I"].shape


def read_map(data: h5py.Group, path: Path, title: str) -> Dataset:
    """Read I(qx, qy): (qy, qx) where the coordinates form a grid, else (y, x); ours as it was saved.

    Raises
    ------
    GumtreeError
        UNKNOWN_UNIT of q; BAD_AXIS where the coordinates do not fit I.
    """
    vector = _vector(data)
    dims, along = _dimensions(data, vector)
    axes = {}
    for name, values in vector.items():
        line = along.get(name)
        edges = f"{COMPONENTS[name]}_edges"
        if edges in data:
            values = data[edges][()]
        elif line and values.ndim == 2:
            values = values[0] if line == dims[1] else values[:, 0]
        axes[name] = Axis(values, q_unit(_field(data, name), path), (line,) if line else dims)
    found = Dataset(
        data["I"][()],
        variances(data),
        dims=dims,
        axes=axes,
        unit=unit(data["I"]),
        masks=masks(data),
        metadata=_metadata(data, axes, dims, path),
        title=title,
    )
    return scaled(found if dims != ("qx", "qy") or DIMENSIONS in data.attrs else found.transpose(), data)


def _vector(data: h5py.Group) -> dict[str, Array]:
    if "Qx" in data and "Qy" in data:
        return {name: data[field][()] for name, field in COMPONENTS.items() if field in data}
    return dict(zip(COMPONENTS, data["Q"][()], strict=False))


def _field(data: h5py.Group, name: str) -> h5py.Dataset:
    return data[COMPONENTS[name] if COMPONENTS[name] in data else "Q"]


def _dimensions(data: h5py.Group, vector: dict[str, Array]) -> tuple[tuple[str, ...], dict[str, str]]:
    """The dimensions of I, and along which single one a component runs."""
    if DIMENSIONS in data.attrs:
        dims = tuple(texts(data.attrs[DIMENSIONS]))
        return dims, {
            name: texts(_field(data, name).attrs[ALONG])[0]
            for name in vector
            if ALONG in _field(data, name).attrs
        }
    x, y = vector["qx"], vector["qy"]
    lines = {"qx": "qx", "qy": "qy"}
    if x.ndim == 1:  # one axis for each dimension of I, in the order that is told
        told = tuple(name.lower() for name in names(data.attrs.get("I_axes", "")))
        order = told if set(told) == {"qx", "qy"} else ("qy", "qx")
        return order if _fit(vector, order, data["I"].shape) else order[::-1], lines
    if (x == x[:1]).all() and (y == y[:, :1]).all():
        return ("qy", "qx"), lines
    if (x == x[:, :1]).all() and (y == y[:1]).all():
        return ("qx", "qy"), lines
    return ("y", "x"), {}


def _fit(vector: dict[str, Array], dims: tuple[str, ...], shape: tuple[int, ...]) -> bool:
    return all(len(vector[name]) - length in (0, 1) for name, length in zip(dims, shape, strict=True))


def _metadata(data: h5py.Group, axes: dict[str, Axis], dims: tuple[str, ...], path: Path) -> dict[str, Any]:
    metadata = {}
    for place, (name, component) in enumerate((("dqx", "qx"), ("dqy", "qy"))):
        field = _resolution(data, component, place)
        if field is not None:
            values, shape = field[()], data["I"].shape
            if values.ndim == 3:
                values = values[place]
            along = axes[component].dims if values.shape == axes[component].centers.shape else dims
            if along == dims:
                values = values.reshape(shape)  # SasView saves them in a row
            metadata[name] = Dataset(values, dims=along, unit=q_unit(field, path))
    if not _is_vector(data) and "Qdev" in data and data["Qdev"].shape == data["I"].shape:
        metadata["dq"] = Dataset(data["Qdev"][()], dims=dims, unit=q_unit(data["Qdev"], path))
    if PIXELS in data:
        metadata[PIXELS] = Dataset(data[PIXELS][()], dims=dims)
    return metadata


def _resolution(data: h5py.Group, component: str, place: int) -> h5py.Dataset | None:
    field = _field(data, component)
    told = names(field.attrs.get("resolutions", ""))
    of_both = told[place : place + 1] if len(told) > 1 else told
    known = (*of_both, f"{COMPONENTS[component]}dev", f"d{COMPONENTS[component]}")
    return next((data[name] for name in known if name in data), None)
