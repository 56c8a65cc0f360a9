"""Masks in HDF5 files of any origin: NXdetector's `pixel_mask`, the `mask` of pyFAI and silx; and ours.

A `pixel_mask` has bits (gap, dead, under and over responding, noisy, by the user); as NeXus says, only the
lowest 16 tell that a pixel is not to be used. What is called `mask` is true where it is not 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files.run import Run, Value

FORMAT = "hdf5-mask"
BY_USER = 1 << 8
"""The bit for a pixel that the user has masked."""

_UNUSABLE = 0xFFFF
_PLACES = (
    "*:NXentry/*:NXinstrument/*:NXdetector/pixel_mask*",
    "*:NXentry/*:NXdetector/pixel_mask*",
    "*:NXentry/*/*:NXdetector/mask",
    "pixel_mask*",
    "mask",
    "*/mask",
)


def unusable(bits: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a `pixel_mask` says that a pixel is not to be used."""
    return np.asarray(bits.astype(np.int64) & _UNUSABLE != 0)


def find_hdf5_masks(path: Path, name: str = "") -> list[str]:
    """Where masks stand in a file: the one that is named, or what the usual places have."""
    from gumtree_core.files.dictionaries.tree import find
    from gumtree_core.files.nexus.hdf5 import Hdf5Source

    with Hdf5Source(path).open() as tree:
        for pattern in (name,) if name else _PLACES:
            places = [match.path for match in find(tree, pattern)]
            items = [(place, tree.item(place)) for place in places]
            found = [place for place, item in items if item is not None and len(item.shape) == 2]
            if found:
                return found
    return []


def read_hdf5_masks(path: Path, places: list[str]) -> Run:
    """Read `detector/mask` (y, x): masked is what any of `pixel_mask` and `pixel_mask_2` and so on masks.

    An array that is not called a mask is taken for what its numbers tell, as an image file is.

    Raises
    ------
    GumtreeError
        BAD_MASK; SEVERAL_RUNS where there are several detectors; FILE_DAMAGED.
    """
    from gumtree_core.files.nexus.hdf5 import Hdf5Source

    if len({place.rpartition("/")[0] for place in places}) > 1:
        raise GumtreeError(
            "SEVERAL_RUNS",
            f"{path} has masks of several detectors: {', '.join(places)}. Say which: {path}::{places[0]}.",
        )
    with Hdf5Source(path).open() as tree:
        items = [(place, tree.item(place)) for place in places]
        arrays = {place: np.asarray(item.read()) for place, item in items if item is not None}
    return Run(_meant(path, arrays), path=path, format=FORMAT, entry=places[0])


def _meant(path: Path, arrays: dict[str, NDArray[Any]]) -> Mapping[str, Value]:
    place, values = next(iter(arrays.items()))
    if "mask" not in place.rpartition("/")[2] and values.size and values.dtype.kind in "biuf":
        from gumtree_core.files.formats.detector_images import meant

        return meant(values)
    masked = [_masked(path, place, values) for place, values in arrays.items()]
    if len({each.shape for each in masked}) > 1:
        raise GumtreeError("BAD_MASK", f"{path} has masks of different shapes: {', '.join(arrays)}.")
    mask = Dataset(np.logical_or.reduce(masked), dims=("y", "x"), title="detector/mask")
    return {"detector/mask": mask}


def _masked(path: Path, place: str, values: NDArray[Any]) -> NDArray[np.bool_]:
    flags = values.dtype.kind == "f" and np.isin(values, (0, 1)).all()
    if values.dtype.kind not in "biu" and not flags:
        raise GumtreeError(
            "BAD_MASK",
            f"{place} of {path} is no mask: its numbers are {values.dtype}, and not all of them 0 or 1.",
        )
    return unusable(values) if place.rpartition("/")[2].startswith("pixel_mask") else np.asarray(values != 0)


def write_nexus_mask(mask: NDArray[np.bool_], path: Path) -> None:
    """Write a mask as NXdetector's `pixel_mask`, and beside it as `mask`, 1 where masked.

    `mask` is what silx and pyFAI read: they take 8 bits of a number, in which the bit of the user is not.
    """
    import h5py

    now = datetime.now().astimezone().isoformat(timespec="seconds")
    with h5py.File(path, "w") as file:
        file.attrs["default"] = "entry"
        group: h5py.Group = file
        for name in ("entry", "instrument", "detector"):
            group = group.create_group(name)
            group.attrs["NX_class"] = f"NX{name}"
        file["entry/start_time"] = now  # without one pyFAI takes no entry
        packed: dict[str, Any] = {"compression": "gzip", "shuffle": True}
        group.create_dataset("pixel_mask", data=np.where(mask, np.uint32(BY_USER), np.uint32(0)), **packed)
        group.create_dataset("mask", data=mask.astype(np.int8), **packed)
