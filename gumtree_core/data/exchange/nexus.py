"""Datasets in NeXus files, as NXdata that any reader of NeXus can plot, and with all that belongs to them.

https://manual.nexusformat.org/classes/base_classes/NXdata.html

What NXdata has no place for stands in its subgroup `gumtree`, an NXcollection: names of dimensions, masks,
metadata, history, and the sources of error with how each element depends on them. Together with the
identities of the sources a Dataset that was read is as exact as the one that was saved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import h5py
import numpy as np

from gumtree_core.data.axis import Axis
from gumtree_core.data.dataset import Dataset
from gumtree_core.data.exchange import foreign, terms
from gumtree_core.data.exchange.trees import (
    COLLECTION,
    free_name,
    keyed,
    new_group,
    note_key,
    read_array,
    read_tree,
    read_values,
    text,
    texts,
    write_array,
    write_tree,
    write_values,
)
from gumtree_core.data.propagation.uncertainty import Source, Uncertainty
from gumtree_core.errors import GumtreeError

SIGNAL, OWN, EDGES = "data", "gumtree", "_edges"
VERSION = 1
ENTRY = "entry"
T = TypeVar("T")
Written: TypeAlias = "dict[str, h5py.Group]"
"""Sources that are in the file already, by identity."""


def save(path: str | PathLike[str], datasets: Mapping[str, Dataset]) -> Path:
    """Write Datasets to a new file, whole or not at all.

    Parameters
    ----------
    path
        Where it goes; its folder is made. A file that is there already is never changed.
    datasets
        By the names that `load` finds them under; the first is what other programs show. Sources of error
        that they share are written once.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    GumtreeError
        FILE_EXISTS, FILE_NOT_WRITABLE, NO_DATA, METADATA_NOT_STORABLE, NOT_STORABLE.
    """
    # The packages of files stand on that of data, so this is no import for the top.
    from gumtree_core.files.saving import save_new

    if not datasets:
        raise GumtreeError("NO_DATA", "There is nothing to save; give at least one Dataset.")
    return save_new(Path(path).expanduser(), partial(_write_file, datasets), numbered=False)


def _write_file(datasets: Mapping[str, Dataset], path: Path) -> None:
    with h5py.File(path, "x") as file:
        file.attrs.update(NX_class="NXroot", default=ENTRY, creator="gumtree-tango")
        entry = new_group(file, ENTRY, "NXentry")
        written: Written = {}
        for key, ds in datasets.items():
            name = free_name(entry, key)
            try:
                note_key(write_nxdata(entry, name, ds, written), name, key)
            except (ValueError, TypeError, RuntimeError) as error:  # such as names that are no text
                raise GumtreeError("NOT_STORABLE", f"{ds.name!r} cannot be written: {error}.") from error
            if "default" not in entry.attrs:
                entry.attrs["default"] = name


def load(path: str | PathLike[str], name: str | None = None) -> Dataset:
    """Read a Dataset from a NeXus file, ours or another's.

    Parameters
    ----------
    path
        The file.
    name
        Of the Dataset, as `save` was given it, or the path of an NXdata in the file; None for the default.

    Returns
    -------
    Dataset
        Of another's NXdata: signal, errors (each a source of its own), axes and title.

    Raises
    ------
    GumtreeError
        FILE_MISSING, FILE_DAMAGED, NO_DATA, BAD_VALUES, BAD_VARIANCES.
    """
    return _reading(path, partial(_load_one, name=name))


def load_all(path: str | PathLike[str]) -> dict[str, Dataset]:
    """Read all Datasets of a file, by name.

    Raises
    ------
    GumtreeError
        As `load`.
    """
    return _reading(path, _load_all)


def _reading(path: str | PathLike[str], read: Callable[[h5py.File], T]) -> T:
    import hdf5plugin  # noqa: F401  - the filters of other programs' files

    path = Path(path).expanduser()
    if not path.is_file():
        there = "is a folder" if path.is_dir() else "does not exist"
        raise GumtreeError("FILE_MISSING", f"{path} {there}. Give the path of a NeXus file.")
    try:
        with h5py.File(path) as file:
            return read(file)
    except GumtreeError as error:
        raise GumtreeError(error.reason, f"{path}: {error.message}") from error
    except (OSError, KeyError, ValueError, TypeError, IndexError, AttributeError, RuntimeError) as error:
        raise GumtreeError("FILE_DAMAGED", f"{path} is no usable NeXus file: {error}.") from error


def _load_one(file: h5py.File, name: str | None) -> Dataset:
    found = foreign.nxdata_groups(file)
    if name is None:
        group = foreign.default(file, found)
    else:
        group = next(
            (g for g in found if name in (text(g.attrs.get("key", "")), g.name.rpartition("/")[2])), None
        )
        group = file[name] if group is None and name in file and file[name] in found else group
    if group is None:
        names = ", ".join(g.name for g in found) or "none"
        wanted = f"no NXdata '{name}'" if name else "no NXdata"
        raise GumtreeError("NO_DATA", f"There is {wanted} in the file; those in it: {names}.")
    return read_nxdata(group)


def _load_all(file: h5py.File) -> dict[str, Dataset]:
    known: dict[str, Source] = {}
    return {
        text(group.attrs.get("key", group.name.rpartition("/")[2])): read_nxdata(group, known)
        for group in foreign.nxdata_groups(file)
    }


def write_nxdata(parent: h5py.Group, name: str, ds: Dataset, written: Written | None = None) -> h5py.Group:
    """Write a Dataset as an NXdata into an open file.

    Parameters
    ----------
    parent
        The group that it goes into, such as an NXentry.
    name
        Of the new group.
    ds
        The Dataset.
    written
        Sources of error that are in the file already; pass one dictionary to all calls for a file, and each
        source is in it once.

    Returns
    -------
    h5py.Group

    Raises
    ------
    GumtreeError
        METADATA_NOT_STORABLE.
    """
    written = {} if written is None else written
    group = parent.create_group(name)
    group.attrs.update(NX_class="NXdata", signal=SIGNAL)
    if ds.title:
        group["title"] = ds.title
    label = _label(ds.title or SIGNAL, ds.unit)
    write_array(group, SIGNAL, ds.values, units=ds.unit, long_name=label)
    if ds.errors is not None:
        write_array(group, f"{SIGNAL}_errors", ds.errors, units=ds.unit)
    own = new_group(group, OWN)
    own.attrs["version"] = VERSION
    if ds.dims:
        own.attrs["dims"] = list(ds.dims)
    fields = {key: _write_axis(group, key, axis, ds.dims) for key, axis in ds.axes.items()}
    if fields:
        own.attrs["axes"] = list(fields.values())
    if ds.dims:
        group.attrs["axes"] = [_shown(ds, dim, fields) for dim in ds.dims]
    if ds.masks:
        masks = new_group(own, "masks")
        for key, mask in ds.masks.items():
            field = free_name(masks, key)
            note_key(write_array(masks, field, mask), field, key)
    if ds.history:
        own["history"] = list(ds.history)
    if ds.metadata:
        inside = partial(_write_metadata_dataset, written)
        write_values(new_group(own, "metadata"), ds.metadata, inside, ds.name)
    if ds.uncertainty:
        _write_errors(own, ds.uncertainty, written)
    return group


def _label(title: str, unit: str) -> str:
    return f"{title} ({unit})" if unit else title


def _write_axis(group: h5py.Group, key: str, axis: Axis, dims: tuple[str, ...]) -> str:
    """Write points; of bins, the middles, and beside them the edges: some readers know but one of both."""
    suffixes = ("", "_errors", EDGES, f"{EDGES}_errors")
    field = free_name(group, key, (SIGNAL, f"{SIGNAL}_errors", "title", OWN), suffixes)
    label = _label(axis.title or key, axis.unit)
    item = write_array(group, field, axis.centers, units=axis.unit, long_name=label)
    note_key(item, field, key)
    if axis.title:
        item.attrs["title"] = axis.title
    whole = field + EDGES if axis.is_edges else field
    if axis.is_edges:
        write_array(group, whole, axis.values, units=axis.unit, long_name=label)
        item.attrs["edges"] = whole
    if axis.dims:
        item.attrs["dims"] = list(axis.dims)
        for name in {field, whole}:
            group.attrs[f"{name}_indices"] = [dims.index(d) for d in axis.dims]
    if axis.errors is not None:
        write_array(group, f"{whole}_errors", axis.errors, units=axis.unit)
    return field


def _shown(ds: Dataset, dim: str, fields: Mapping[str, str]) -> str:
    """The axis that others draw along a dimension: the one of its name, or any other of one dimension."""
    along = [name for name, axis in ds.axes.items() if axis.dims == (dim,)]
    return fields[dim if dim in along else along[0]] if along else "."


def _write_metadata_dataset(written: Written, group: h5py.Group, name: str, key: str, ds: Dataset) -> None:
    more = ds.uncertainty or ds.axes or ds.masks or ds.metadata or ds.history or ds.ndim
    if more:
        note_key(write_nxdata(group, name, ds, written), name, key)
    else:
        item = write_array(group, name, ds.values, units=ds.unit, title=ds.title, python="Dataset")
        note_key(item, name, key)


def _write_errors(own: h5py.Group, uncertainty: Uncertainty, written: Written) -> None:
    sources = new_group(own, "error_sources")
    for k, source in enumerate(terms.sources_of(uncertainty)):
        name = f"source_{k:04d}"
        if source.id in written:
            sources[name] = written[source.id]
        else:
            written[source.id] = write_tree(sources, name, terms.of_source(source))
    dependence = new_group(own, "error_terms")
    for k, term in enumerate(uncertainty.terms):
        write_tree(dependence, f"term_{k:04d}", terms.of_term(term))


def read_nxdata(group: h5py.Group, known: dict[str, Source] | None = None) -> Dataset:
    """Read a Dataset from an NXdata of an open file.

    Parameters
    ----------
    group
        The NXdata, ours or another's.
    known
        Sources of error that were read from this file before, by identity.

    Raises
    ------
    GumtreeError, KeyError, ValueError, TypeError, AttributeError
        Where the group is damaged; `load` puts all of them into words.
    """
    if OWN not in group or "version" not in group[OWN].attrs:
        return foreign.read(group)
    known = {} if known is None else known
    own = group[OWN]
    if (version := int(own.attrs["version"])) > VERSION:
        raise GumtreeError(
            "FILE_TOO_NEW", f"{group.name} is of version {version}, this program knows {VERSION}; update it."
        )
    dims = tuple(texts(own.attrs.get("dims", ())))
    signal = group[SIGNAL]
    masks = {key: np.asarray(item[()], bool) for key, item in keyed(own["masks"])} if "masks" in own else {}
    metadata = {}
    if "metadata" in own:
        metadata = read_values(own["metadata"], partial(_read_metadata_dataset, known))
    ds = Dataset(
        read_array(signal),
        dims=dims,
        axes=dict(_read_axis(group, field) for field in texts(own.attrs.get("axes", ()))),
        unit=text(signal.attrs.get("units", "")),
        masks=masks,
        metadata=metadata,
        title=text(group["title"]) if "title" in group else "",
        history=texts(own["history"]) if "history" in own else (),
    )
    if "error_terms" not in own:
        return ds
    ds = ds.derive(uncertainty=_read_errors(own, known, ds.shape))
    errors = group[f"{SIGNAL}_errors"][()]
    if ds.errors is None or not np.allclose(ds.errors, errors, rtol=1e-6, atol=0, equal_nan=True):
        raise ValueError(f"the errors of {group.name} are not those of its sources: it was edited or damaged")
    return ds


def _read_axis(group: h5py.Group, field: str) -> tuple[str, Axis]:
    item = group[field]
    whole = text(item.attrs.get("edges", field))
    values = read_array(group[whole])
    errors = group[f"{whole}_errors"][()] if f"{whole}_errors" in group else None
    unit = "" if values.dtype.kind in "Mm" else text(item.attrs.get("units", ""))
    dims = tuple(texts(item.attrs.get("dims", ())))
    title = text(item.attrs.get("title", ""))
    return text(item.attrs.get("key", field)), Axis(values, unit, dims, errors, title)


def _read_metadata_dataset(known: dict[str, Source], item: Any) -> Dataset | None:
    if isinstance(item, h5py.Group):
        return read_nxdata(item, known) if text(item.attrs.get("NX_class", COLLECTION)) == "NXdata" else None
    if text(item.attrs.get("python", "")) != "Dataset":
        return None
    return Dataset(item[()], unit=text(item.attrs.get("units", "")), title=text(item.attrs.get("title", "")))


def _read_errors(own: h5py.Group, known: dict[str, Source], shape: tuple[int, ...]) -> Uncertainty:
    for name in sorted(own["error_sources"]):
        tree = own["error_sources"][name]
        identity = text(tree["identity"])
        if identity not in known:
            known[identity] = terms.to_source(read_tree(tree), known)
    dependence = own["error_terms"]
    trees = [read_tree(dependence[name]) for name in sorted(dependence)]
    return terms.to_uncertainty(trees, known, shape)
