"""Fields and attributes of NXcanSAS: units as the definition allows them, names as programs spell them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gumtree_core.data import Dataset, scalar
from gumtree_core.data.units import conversion
from gumtree_core.errors import GumtreeError
from gumtree_core.files.formats.units_of_curves import Q, unit_of_q
from gumtree_core.files.nexus.layout import known_unit

INTENSITY_UNITS = ("1/m", "1/cm", "m2/g", "cm2/g")
"""What the definition allows; all else is "arbitrary" to it, and stands in an attribute of our own."""
OWN_UNIT = "original_units"
PACKED = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
"""Of images, most of which hold coordinates that repeat."""


def write_numbers(group: h5py.Group, name: str, values: Any, unit: str, **options: Any) -> h5py.Dataset:
    """Write numbers with their unit."""
    field = group.create_dataset(name, data=np.asarray(values, dtype=np.float64), **options)
    field.attrs["units"] = unit
    return field


def write_q(group: h5py.Group, name: str, values: Any, unit: str, **options: Any) -> h5py.Dataset:
    """Write q, a component of it, or a resolution of one.

    Raises
    ------
    GumtreeError
        UNIT_MISMATCH where the unit is none of an inverse length.
    """
    if unit and conversion(unit, Q) is None:
        raise GumtreeError(
            "UNIT_MISMATCH", f"{name} is in '{unit}', which is no inverse length; give it in '{Q}'."
        )
    field = write_numbers(group, name, values, unit, **options)
    if not unit:
        field.attrs[OWN_UNIT] = unit  # it was not forgotten
    return field


def write_intensity(group: h5py.Group, name: str, values: Any, unit: str, **options: Any) -> h5py.Dataset:
    """Write I or its error."""
    allowed = unit if unit in INTENSITY_UNITS else "arbitrary"
    field = write_numbers(group, name, values, allowed, **options)
    if allowed != unit:
        field.attrs[OWN_UNIT] = unit
    return field


def unit(field: h5py.Dataset) -> str:
    """The unit of a field, empty if it is none that is known."""
    return known_unit(_said_unit(field))


def q_unit(field: h5py.Dataset, path: Path) -> str:
    """The unit of q or of its resolution; UNKNOWN_UNIT as `unit_of_q`."""
    # What we have saved without a unit is still somebody's work.
    return unit(field) if OWN_UNIT in field.attrs else unit_of_q(_said_unit(field), path)


def _said_unit(field: h5py.Dataset) -> str:
    said = (field.attrs[name] for name in (OWN_UNIT, "units", "unit") if name in field.attrs)
    return text(next(said, ""))


def errors_name(field: h5py.Dataset, otherwise: str) -> str:
    """The name of the field of its errors; programs before version 1.0 said `uncertainty`."""
    return text(field.attrs.get("uncertainties", field.attrs.get("uncertainty", otherwise)))


def variances(data: h5py.Group) -> Any:
    """The squared errors of I, in its shape, or None."""
    errors = errors_name(data["I"], "Idev")
    return data[errors][()].reshape(data["I"].shape) ** 2 if errors in data else None


def masks(data: h5py.Group) -> dict[str, Any]:
    """What is masked, in the shape of I, if anything is."""
    name = text(data.attrs.get("mask", "Mask"))
    if name not in data:
        return {}
    masked = np.asarray(data[name][()], bool).reshape(data["I"].shape)
    return {"mask": masked} if masked.any() else {}


def scaled(found: Dataset, data: h5py.Group) -> Dataset:
    """Multiply by what the attribute `scaling_factor` of I names, with the error that is given for it."""
    name = text(data["I"].attrs.get("scaling_factor", ""))
    if name not in data:
        return found
    factor, error = data[name], errors_name(data[name], "")
    spread = float(np.ravel(data[error][()])[0]) if error in data else 0.0
    scale: Dataset = found * scalar(float(np.ravel(factor[()])[0]), spread)
    return scale.replace(history=())


def text(value: Any) -> str:
    """Text as h5py gives it: of a dataset, an attribute, bytes, or an array of one."""
    return next(iter(texts(value)), "")


def texts(value: Any) -> list[str]:
    """Each text of a dataset or an attribute."""
    found = np.ravel(value[()] if isinstance(value, h5py.Dataset) else value)
    return [each.decode() if isinstance(each, bytes) else str(each) for each in found]


def names(value: Any) -> list[str]:
    """The names that an attribute lists, be it an array or one text with commas."""
    return [name.strip() for each in texts(value) for name in each.split(",") if name.strip()]
