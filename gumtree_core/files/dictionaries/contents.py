"""What stands in a file: for people who look for a value, or for the keys that a file lacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py

from gumtree_core.errors import GumtreeError
from gumtree_core.files.dictionaries.dictionary import Dictionary, FileMapping
from gumtree_core.files.nexus.hdf5 import damage_told, open_hdf5
from gumtree_core.files.nexus.hdf5_items import FAILURES, Hdf5Item
from gumtree_core.files.run import Run

MOST = 10_000
"""Items that are listed of one file."""


@dataclass(frozen=True)
class Content:
    """An item of a file: its path, its type and shape or where a link leads, its unit, and a single value."""

    path: str
    what: str
    unit: str = ""
    value: str = ""


@dataclass(frozen=True)
class Missing:
    """A key that a run lacks, where it was looked for, and whether the view cannot do without it."""

    key: str
    looked_for: str
    needed: bool


def missing_keys(run: Run, table: Dictionary, view: str = "") -> list[Missing]:
    """The keys of a view that a run lacks; without a view, of the one that its mapping is for.

    Raises
    ------
    GumtreeError
        UNKNOWN_VIEW.
    """
    mapping = next((each for each in table.mappings if each.name == run.format), None)
    name = view or (mapping.view if mapping else "")
    if not name:
        return []
    if name not in table.views:
        known = ", ".join(table.views)
        raise GumtreeError("UNKNOWN_VIEW", f"There is no view {name!r}. There are: {known}.")
    found = table.views[name]
    return [
        Missing(key, _looked_for(key, mapping), needed)
        for keys, needed in ((found.keys, True), (found.optional, False))
        for key in keys
        if key not in run
    ]


def _looked_for(key: str, mapping: FileMapping | None) -> str:
    if mapping is None:
        return "the reader of this format does not know it"
    candidates = mapping.keys.get(key, ())
    return ", ".join(map(str, candidates)) or f"{mapping.source.name} has no path for it"


def contents(path: Path) -> Iterator[Content]:
    """All items of an HDF5 file; links are shown and not followed, and no array is read.

    Raises
    ------
    GumtreeError
        As `open_hdf5`.
    """
    with damage_told(path), open_hdf5(path) as file:
        seen = {h5py.h5o.get_info(file.id).addr}
        waiting: list[tuple[str, h5py.Group]] = [("", file)]
        count = 0
        while waiting:
            above, group = waiting.pop()
            below = []
            for name in group:
                count += 1
                if count > MOST:
                    yield Content(f"{above}/...", f"and more: {MOST} items are listed")
                    return
                where = f"{above}/{name}"
                try:
                    link = group.get(name, getlink=True)
                    if not isinstance(link, h5py.HardLink):
                        yield Content(where, _of_link(link))
                        continue
                    item = group[name]
                    if isinstance(item, h5py.Dataset):
                        yield _of_dataset(where, item, path)
                    elif isinstance(item, h5py.Group):
                        address = h5py.h5o.get_info(item.id).addr
                        if address in seen:
                            yield Content(where, "a group that is listed elsewhere")
                        else:
                            seen.add(address)
                            below.append((where, item))
                except FAILURES as error:
                    yield Content(where, f"damaged: {error}")
            waiting += reversed(below)


def _of_link(link: h5py.SoftLink | h5py.ExternalLink) -> str:
    target = f"{link.filename}::{link.path}" if isinstance(link, h5py.ExternalLink) else link.path
    return f"link to {target}"


def _of_dataset(where: str, dataset: h5py.Dataset, path: Path) -> Content:
    item = Hdf5Item(dataset, path, path.resolve().parent)
    shape = " x ".join(map(str, item.shape))
    single = dataset.shape is not None and dataset.size == 1 and item.kind in ("number", "text")
    try:
        value = item.read() if single else ""
        text = value if isinstance(value, str) else f"{value.ravel()[0]}"
    except GumtreeError as error:
        text = error.message
    what = dataset.dtype.name if item.kind == "number" else item.kind
    return Content(where, f"{what} {shape}".rstrip(), item.unit, text)
