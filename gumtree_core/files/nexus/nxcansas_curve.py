"""I(q) in the SASdata of an NXcanSAS file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gumtree_core.data import Axis, Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files.nexus.nxcansas_fields import (
    masks,
    names,
    q_unit,
    scaled,
    unit,
    variances,
    write_intensity,
    write_numbers,
    write_q,
)

COVARIANCE = "Icovariance"
"""Beside I and Idev: the points of a curve share monitor, transmission and flood, which Idev cannot say."""
COVARIANCE_LIMIT = 1000
"""Points up to which the covariance is written: its size is their square."""
EDGES = "Q_edges"
"""Beside Q, which holds the centres of the bins."""
PIXELS = "pixels"
"""Beside Q: how many pixels are behind each point, by which curves may be merged."""


def write_curve(data: h5py.Group, curve: Dataset) -> None:
    """Write I(q), (q,), with its resolution `dq` and `pixels` of the metadata."""
    data.attrs.update(axes="Q", I_axes="Q", Q_indices=0, Mask_indices=0)
    q = curve.axes["q"]
    write_q(data, "Q", q.centers, q.unit)
    if len(q.values) > curve.size:
        write_q(data, EDGES, q.values, q.unit)
    write_intensity(data, "I", curve.values, curve.unit)
    data["Mask"] = np.zeros(curve.shape, bool) if curve.mask is None else curve.mask
    if curve.errors is not None:
        write_intensity(data, "Idev", curve.errors, curve.unit)
        data["I"].attrs["uncertainties"] = "Idev"
        if curve.size <= COVARIANCE_LIMIT:
            covariance = curve.covariance()
            write_numbers(data, COVARIANCE, covariance, f"({curve.unit})^2", compression="gzip", shuffle=True)
    if isinstance(resolution := curve.metadata.get("dq"), Dataset):
        write_q(data, "Qdev", resolution.to(q.unit).values, q.unit)
        data["Q"].attrs["resolutions"] = "Qdev"
    if isinstance(pixels := curve.metadata.get("pixels"), Dataset):
        data[PIXELS] = pixels.values


def read_curve(data: h5py.Group, path: Path, title: str) -> Dataset:
    """Read I(q).

    Raises
    ------
    GumtreeError
        NO_CURVE; UNKNOWN_UNIT of q.
    """
    intensity, q = data["I"], data["Q"]
    if intensity.ndim != 1:
        raise GumtreeError(
            "NO_CURVE",
            f"{path} holds I of {intensity.ndim} dimensions; a curve I(q) has one, and a map I(qx, qy) two "
            "with the coordinates Qx and Qy.",
        )
    resolution = next(iter(names(q.attrs.get("resolutions", "Qdev"))), "")
    metadata: dict[str, Any] = {}
    if resolution in data:
        metadata["dq"] = Dataset(data[resolution][()], dims=("q",), unit=q_unit(data[resolution], path))
    if PIXELS in data:
        metadata["pixels"] = Dataset(data[PIXELS][()], dims=("q",))
    if COVARIANCE in data:
        metadata["covariance"] = data[COVARIANCE][()]
    found = Dataset(
        intensity[()],
        variances(data),
        dims=("q",),
        axes={"q": Axis(data[EDGES if EDGES in data else "Q"][()], dims=("q",), unit=q_unit(q, path))},
        unit=unit(intensity),
        masks=masks(data),
        metadata=metadata,
        title=title,
    )
    return scaled(found, data)
