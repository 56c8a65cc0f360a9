"""Reduced maps as columns of text, one line for each pixel: the layout of the NCNR, which SasView reads."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gumtree_core.data import Dataset
from gumtree_core.files.formats.columns import origin, write_rows
from gumtree_core.files.formats.units_of_curves import Q
from gumtree_core.files.maps import beside, coordinate
from gumtree_core.files.saving import save_new


def write_map_columns(path: str | Path, image: Dataset, *, provenance: Mapping[str, Any]) -> Path:
    """Write qx, qy, I, dI and what is known of qz, resolution and mask; as `columns.write_columns`.

    q is in 1/angstrom, as programs take it to be. qx varies fastest. All pixels are there, because programs
    count them; the last column is 1 where one is masked. What is not known before a column that is, is 0.

    Parameters
    ----------
    image
        Of two dimensions with the axes `qx`, `qy` and perhaps `qz`; its metadata may have `dqx` and `dqy`,
        which need errors of I beside them.
    """
    if image.axes["qx"].dims == image.dims[:1]:
        image = image.transpose()
    unit = Q if image.axes["qx"].unit else ""
    columns = {
        "Qx": coordinate(image, "qx", unit),
        "Qy": coordinate(image, "qy", unit),
        "I(Qx,Qy)": image.values,
        "err(I)": image.errors,
        "Qz": coordinate(image, "qz", unit) if "qz" in image.axes else None,
        "SigmaQx": beside(image, "dqx", unit),
        "SigmaQy": beside(image, "dqy", unit),
        "fSubS (beam stop shadow)": None if image.mask is None else np.ones(image.shape),
        "Mask (1: masked)": image.mask,
    }
    if image.errors is None:
        # Programs take resolutions that stand where no errors do for those along and across q.
        del columns["err(I)"]
        columns["SigmaQx"] = columns["SigmaQy"] = None
    while next(reversed(columns.values())) is None:
        columns.popitem()
    rows = [np.zeros(image.shape) if each is None else each for each in columns.values()]
    head = [image.title, str(image.metadata.get("steps", "")), *origin(provenance)]
    head += [
        f"q in {unit or 'no unit'}, I in {image.unit or 'no unit'}",
        f"Data columns are {' - '.join(columns)}",
    ]
    text = "\n".join(line for line in [*head, "ASCII data"] if line)
    return save_new(path, partial(write_rows, np.column_stack([row.ravel() for row in rows]), text))
