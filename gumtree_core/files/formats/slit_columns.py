"""Slit-smeared curves in the six columns of the NCNR's USANS files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files.formats.columns import origin, write_rows
from gumtree_core.files.saving import save_new


def write_slit_columns(path: str | Path, curve: Dataset, *, provenance: Mapping[str, Any]) -> Path:
    """Write q, I, dI, -dQv, mean q and shadow factor; whole or not at all, and never over another file.

    A negative fourth column says to programs that the curve is smeared by a slit of half height dQv. Masked
    points are left out; the mean q is q, and no beam stop casts a shadow (1).

    Parameters
    ----------
    curve
        (q,) with errors, an axis `q`, and in its metadata `slit`, dQv, a Dataset; `steps` if there are any.
    provenance
        Script, commit and input files are named in the head.

    Raises
    ------
    GumtreeError
        NO_CURVE, FILE_NOT_WRITABLE.
    """
    slit = curve.metadata.get("slit")
    if curve.dims != ("q",) or curve.errors is None or not isinstance(slit, Dataset):
        raise GumtreeError("NO_CURVE", f"{curve.name} is no slit-smeared curve over q with errors.")
    q = curve.axes["q"].to("1/angstrom").centers
    height = float(slit.to("1/angstrom").values)
    ones = np.ones(curve.shape)
    rows = np.column_stack([q, curve.values, curve.errors, -height * ones, q, ones])
    kept = rows if curve.mask is None else rows[~curve.mask]
    names = f"q (1/angstrom)  I ({curve.unit})  dI ({curve.unit})  -dQv (1/angstrom)  mean q  shadow factor"
    head = [curve.title, str(curve.metadata.get("steps", "")), *origin(provenance), names]
    return save_new(path, partial(write_rows, kept, "\n".join(line for line in head if line)))
