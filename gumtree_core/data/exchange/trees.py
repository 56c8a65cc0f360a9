"""Arrays, trees of them, and metadata in groups of an HDF5 file, with NeXus' attributes.

Names of NeXus have letters, digits, dots and underscores; where a name of ours has others, or is taken, the
attribute `key` holds it as it was. The attribute `python` holds a type that HDF5 does not have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gumtree_core.data.exchange.terms import Tree
from gumtree_core.data.propagation.selection import Array
from gumtree_core.errors import GumtreeError

COMPRESSED = 1 << 13
"""Bytes from which arrays are compressed with gzip, which all readers of HDF5 have, and have checksums."""
COLLECTION = "NXcollection"
_KEY, _PYTHON = "key", "python"
_TEXTS: dict[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "Path": Path,
}
_SEQUENCES: dict[str, Callable[[Any], Any]] = {"list": list, "tuple": tuple}


def new_group(parent: h5py.Group, name: str, nexus: str = COLLECTION) -> h5py.Group:
    """Make a group of a NeXus class that remembers the order of its members."""
    group = parent.create_group(name, track_order=True)
    group.attrs["NX_class"] = nexus
    return group


def free_name(
    parent: h5py.Group, key: str, taken: Sequence[str] = (), suffixes: Sequence[str] = ("",)
) -> str:
    """Give a name that NeXus allows and that is free, also with each of the suffixes."""
    plain = re.sub(r"[^A-Za-z0-9_.]", "_", key).strip(".") or "item"
    names = (plain if k == 1 else f"{plain}_{k}" for k in count(1))
    return next(n for n in names if not any(n + s in parent or n + s in taken for s in suffixes))


def note_key(item: h5py.Dataset | h5py.Group, name: str, key: str) -> None:
    """Keep a name of ours that is not that of NeXus."""
    if name != key:
        item.attrs[_KEY] = key


def keyed(group: h5py.Group) -> Iterator[tuple[str, Any]]:
    """Give the members by our names."""
    for name, item in group.items():
        yield text(item.attrs.get(_KEY, name)), item


def write_array(group: h5py.Group, name: str, array: Array, **attributes: Any) -> h5py.Dataset:
    """Write an array of numbers, booleans or times; attributes that are empty are left out."""
    array = np.asarray(array)
    options: dict[str, Any] = {}
    if array.nbytes >= COMPRESSED:
        options = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "fletcher32": True}
    if array.dtype.kind in "Mm":
        attributes |= {_PYTHON: str(array.dtype), "units": np.datetime_data(array.dtype)[0]}
        if array.dtype.kind == "M":
            attributes["start"] = "1970-01-01T00:00:00"
        array = array.astype(np.int64)
    item = group.create_dataset(name, data=array, **options)
    item.attrs.update({k: v for k, v in attributes.items() if not (isinstance(v, str) and not v)})
    return item


def read_array(item: h5py.Dataset) -> Array:
    """Read what `write_array` wrote, or any array."""
    array = np.asarray(item[()])
    kind = text(item.attrs.get(_PYTHON, ""))
    return array.astype(np.dtype(kind)) if kind.startswith(("datetime64", "timedelta64")) else array


def write_tree(parent: h5py.Group, name: str, tree: Mapping[str, Any]) -> h5py.Group:
    """Write a tree (`terms.Tree`) as a group."""
    group = new_group(parent, name)
    for key, value in tree.items():
        if isinstance(value, Mapping):
            write_tree(group, key, value)
        elif isinstance(value, str) or (isinstance(value, list) and value):
            group[key] = value
        else:
            write_array(group, key, value)
    return group


def read_tree(group: h5py.Group) -> Tree:
    """Read what `write_tree` wrote."""
    return {
        name: read_tree(item)
        if isinstance(item, h5py.Group)
        else texts(item)
        if item.dtype.kind == "O" and item.ndim
        else text(item)
        if item.dtype.kind == "O"
        else item[()]
        for name, item in group.items()
    }


def write_values(
    group: h5py.Group, values: Mapping[str, Any], dataset: Callable[..., None], what: str
) -> None:
    """Write metadata: text, numbers, arrays, times, sequences, mappings of such, and Datasets.

    Parameters
    ----------
    dataset
        Writes a Dataset: (group, name, key, Dataset).
    what
        Names the data in an error.

    Raises
    ------
    GumtreeError
        METADATA_NOT_STORABLE.
    """
    for key, value in values.items():
        if not isinstance(key, str):
            raise _unstorable(what, key, value)
        name = free_name(group, key)
        if hasattr(value, "uncertainty"):
            dataset(group, name, key, value)
            continue
        if not _write_value(group, name, value, dataset, what):
            raise _unstorable(what, key, value)
        note_key(group[name], name, key)


def _unstorable(what: str, key: Any, value: Any) -> GumtreeError:
    return GumtreeError(
        "METADATA_NOT_STORABLE",
        f"The metadata {key!r} of {what} is a {type(value).__name__}, which has no place in a file; make it"
        " text, a number or a Dataset with with_metadata(), or leave it out with replace(metadata=...).",
    )


def _write_value(group: h5py.Group, name: str, value: Any, dataset: Callable[..., None], what: str) -> bool:
    if isinstance(value, Mapping):
        write_values(new_group(group, name), value, dataset, what)
    elif isinstance(value, str):
        if "\0" in value:
            return False
        group[name] = value
    elif isinstance(value, datetime | date | Path):
        kind = "Path" if isinstance(value, Path) else type(value).__name__
        if kind not in _TEXTS:
            return False
        group[name] = str(value) if isinstance(value, Path) else value.isoformat()
        group[name].attrs[_PYTHON] = kind
    elif value is None:
        group[name] = h5py.Empty("f8")
    elif isinstance(value, list | tuple):
        _write_sequence(group, name, value, dataset, what)
    elif isinstance(value, bool | int | float | np.generic | np.ndarray):
        array = np.asarray(value)
        if array.dtype.kind not in "biufcMm":
            return False
        item = write_array(group, name, array)
        if isinstance(value, bool | int | float) and not isinstance(value, np.generic):
            item.attrs[_PYTHON] = type(value).__name__
    else:
        return False
    return True


def _write_sequence(
    group: h5py.Group, name: str, values: Sequence[Any], dataset: Callable[..., None], what: str
) -> None:
    kind = "tuple" if isinstance(values, tuple) else "list"
    types = {type(each) for each in values}
    if types == {str} and not any("\0" in each for each in values):
        group[name] = list(values)
    elif types in ({int}, {float}, {bool}) and np.asarray(values).dtype.kind in "bif":
        group[name] = np.asarray(values)
    else:
        members = {f"item_{k}": each for k, each in enumerate(values)}
        write_values(new_group(group, name), members, dataset, what)
    group[name].attrs[_PYTHON] = kind


def read_values(group: h5py.Group, dataset: Callable[[Any], Any]) -> dict[str, Any]:
    """Read what `write_values` wrote, or any group of values.

    Parameters
    ----------
    dataset
        Reads a Dataset, or gives None for what is none.
    """
    return {key: _read_value(item, dataset) for key, item in keyed(group)}


def _read_value(item: Any, dataset: Callable[[Any], Any]) -> Any:
    found = dataset(item)
    if found is not None:
        return found
    kind = text(item.attrs.get(_PYTHON, ""))
    if isinstance(item, h5py.Group):
        members = read_values(item, dataset)
        return _SEQUENCES[kind](members.values()) if kind in _SEQUENCES else members
    if item.shape is None:
        return None
    if item.dtype.kind in "OS":
        if item.ndim:
            return _SEQUENCES.get(kind, tuple)(texts(item))
        return _TEXTS[kind](text(item)) if kind in _TEXTS else text(item)
    array = read_array(item)
    if kind in _SEQUENCES:
        return _SEQUENCES[kind](array.tolist())
    if kind in ("bool", "int", "float"):
        return array.item()
    return array if array.ndim else array[()]


def text(value: Any) -> str:
    """Text as h5py gives it: of a dataset, an attribute, bytes, or an array of one."""
    found = texts(value)
    return found[0] if found else ""


def texts(value: Any) -> list[str]:
    """Several texts as h5py gives them."""
    value = np.ravel(value[()] if isinstance(value, h5py.Dataset) else value)
    return [each.decode(errors="replace") if isinstance(each, bytes) else str(each) for each in value]
