"""NXdata of other programs: signal, errors, axes and title, by the rules of the NeXus manual.

https://manual.nexusformat.org/datarules.html
"""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

import h5py
import numpy as np

from gumtree_core.data.axis import Axis, place
from gumtree_core.data.dataset import Dataset
from gumtree_core.data.exchange.trees import text, texts
from gumtree_core.data.units import canonical
from gumtree_core.errors import GumtreeError

DEPTH = 6
"""Groups below the root that are searched for NXdata."""


def nxdata_groups(group: h5py.Group, depth: int = DEPTH) -> list[h5py.Group]:
    """Give all NXdata of a file, in the file's order; what is inside of one is not looked for."""
    found = []
    for name in group:
        item = group.get(name) if isinstance(group.get(name, getlink=True), h5py.HardLink) else None
        if not isinstance(item, h5py.Group):
            continue
        if text(item.attrs.get("NX_class", "")) == "NXdata":
            found.append(item)
        elif depth:
            found += nxdata_groups(item, depth - 1)
    return found


def default(file: h5py.File, found: list[h5py.Group]) -> h5py.Group | None:
    """Give the NXdata that `default` attributes lead to, else the first."""
    group: Any = file
    for _ in range(DEPTH):
        name = text(group.attrs.get("default", ""))
        if not name or not isinstance(group.get(name), h5py.Group):
            break
        group = group[name]
        if text(group.attrs.get("NX_class", "")) == "NXdata":
            return group
    return found[0] if found else None


def read(group: h5py.Group) -> Dataset:
    """Read another program's NXdata; each element's error is a source of its own.

    An axis that does not fit the data, and a unit that is not known, are left out, and the history says so.

    Raises
    ------
    GumtreeError
        NO_DATA, BAD_VALUES, BAD_VARIANCES.
    """
    signal_name = _signal(group)
    signal = group[signal_name]
    values = np.asarray(signal[()])
    shown = _list(group.attrs.get("axes", signal.attrs.get("axes", ())))
    names = [*shown, *("." for _ in range(values.ndim - len(shown)))][: values.ndim]
    dims: list[str] = []
    for k, name in enumerate(names):
        dims.append(name if name not in ("", ".", *dims) else f"dim_{k}")
    history: list[str] = []
    axes = {}
    for name in dict.fromkeys((*shown, *_indexed(group))):
        if isinstance(group.get(name), h5py.Dataset) and name != signal_name:
            axis = _axis(group, name, shown, tuple(dims), values.shape, history)
            if axis is not None:
                axes[name] = axis
    errors = _errors(group, signal_name)
    title = group.get("title")
    return Dataset(
        values,
        None if errors is None else np.square(errors.astype(np.float64)),
        dims=tuple(dims),
        axes=axes,
        unit=_unit(signal, history),
        title=text(title) if isinstance(title, h5py.Dataset) else text(signal.attrs.get("long_name", "")),
        history=history,
    )


def _signal(group: h5py.Group) -> str:
    name = text(group.attrs.get("signal", ""))
    if isinstance(group.get(name) if name else None, h5py.Dataset):
        return name
    for each, item in group.items():  # as files had it until 2014
        if isinstance(item, h5py.Dataset) and text(item.attrs.get("signal", "")) == "1":
            return str(each)
    raise GumtreeError("NO_DATA", f"The NXdata {group.name} does not say which of its fields is the signal.")


def _list(value: Any) -> list[str]:
    """Names of axes: several texts, or one with commas or colons."""
    found = texts(value)
    return re.split(r"\s*[,:]\s*", found[0].strip(" []")) if len(found) == 1 and found[0] else found


def _indexed(group: h5py.Group) -> list[str]:
    return [name.removesuffix("_indices") for name in group.attrs if name.endswith("_indices")]


def _axis(
    group: h5py.Group,
    name: str,
    shown: list[str],
    dims: tuple[str, ...],
    shape: tuple[int, ...],
    history: list[str],
) -> Axis | None:
    item = group[name]
    given = group.attrs.get(f"{name}_indices")
    if given is None:
        given = _guessed(item.shape, shown.index(name), shape) if name in shown else ()
    errors = group.get(f"{name}_errors")
    try:
        along = tuple(dims[int(k)] for k in np.ravel(given))
        spread = errors[()] if isinstance(errors, h5py.Dataset) else None
        return place(Axis(item[()], _unit(item, history), along, spread), name, dims, shape)
    except (GumtreeError, IndexError, ValueError) as error:
        why = error.message if isinstance(error, GumtreeError) else f"its indices are {given}"
        history.append(f"load: axis '{name}' left out: {why}")
        return None


def _guessed(own: tuple[int, ...], at: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Along which dimensions an axis runs that is named for one, by its lengths."""
    fits = [
        places
        for places in combinations(range(len(shape)), len(own))
        if at in places and all(n - shape[k] in (0, 1) for n, k in zip(own, places, strict=True))
    ]
    return fits[0] if len(fits) == 1 else (at,)


def _errors(group: h5py.Group, signal: str) -> Any:
    named = text(group[signal].attrs.get("uncertainties", ""))
    for name in (f"{signal}_errors", named, "errors"):
        if name and isinstance(group.get(name), h5py.Dataset):
            errors = np.asarray(group[name][()])
            return errors if errors.shape == group[signal].shape else None
    return None


def _unit(item: h5py.Dataset, history: list[str]) -> str:
    unit = text(item.attrs.get("units", ""))
    try:
        return canonical(unit)
    except GumtreeError:
        history.append(f"load: unit '{unit}' of {item.name.rpartition('/')[2]} is not known")
        return ""
