"""Reads the files of `Dataset.save` as runs, so that whatever reads data files reads these too."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from gumtree_core.data import Dataset
from gumtree_core.files.nexus.hdf5 import Hdf5Source, Hdf5Tree
from gumtree_core.files.run import Run

FORMAT = "gumtree-dataset"
_ENTRY = "/entry"


def is_saved(path: Path) -> bool:
    """Whether an HDF5 file has been written by `Dataset.save`."""
    with Hdf5Source(path).open() as tree:
        return next(iter(_names(tree)), None) is not None


def read_saved(path: Path) -> Run:
    """Read the Datasets of a file, each under the name that it was saved by.

    A name without a `/` stands in the group `reduced`: what `ds.save(path)` wrote is `reduced/data`.

    Raises
    ------
    GumtreeError
        FILE_DAMAGED; when a key is asked for, as `Dataset.load`.
    """
    with Hdf5Source(path).open() as tree:
        names = _names(tree)
    return Run(
        {key if "/" in key else f"reduced/{key}": partial(Dataset.load, path, key) for key in names},
        path=path,
        format=FORMAT,
    )


def _names(tree: Hdf5Tree) -> list[str]:
    """The names by which Datasets were saved."""
    found = []
    for name in tree.names(_ENTRY):
        group = f"{_ENTRY}/{name}"
        if tree.is_group(f"{group}/gumtree") and tree.has(f"{group}/gumtree@version"):
            key = tree.item(f"{group}@key")
            found.append(name if key is None else str(key.read()))
    return found
