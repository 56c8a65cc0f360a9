"""Reduced curves and maps as columns of text, for programs that read nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files.maps import is_map
from gumtree_core.files.saving import save_new

SUFFIXES = (".txt", ".dat")


def write_columns(
    path: str | Path, curve: Dataset, *, provenance: Mapping[str, Any], symbol: str = "I"
) -> Path:
    """Write q, I, dI and, if it is known, dq; whole or not at all, and never over another file.

    Lines that begin with # say what the columns are and how the curve was made. Masked points are left out.
    A map over qx and qy is written as `map_columns.write_map_columns` does.

    Parameters
    ----------
    path
        Where it goes; if there is a file already, a number is added to the name.
    curve
        (q,), or of another dimension, with errors and an axis of that name, which the first column is called
        by; or a map. Its metadata may have `dq`, or `d` and that name, a Dataset along it, and `steps`.
    provenance
        Script, commit and input files are named in the head.
    symbol
        What the curve is called in the head.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    GumtreeError
        NO_CURVE, FILE_NOT_WRITABLE.
    """
    if is_map(curve):
        from gumtree_core.files.formats.map_columns import write_map_columns

        return write_map_columns(path, curve, provenance=provenance)
    if curve.ndim != 1 or curve.dims[0] not in curve.axes:
        raise GumtreeError(
            "NO_CURVE",
            f"{curve.name} is no curve and no map over qx and qy: it has {curve.sizes}, axes {[*curve.axes]}"
            "; give one dimension with an axis of its name, or two and the axes qx and qy.",
        )
    x = curve.dims[0]
    axis = curve.axes[x]
    columns = {_label(x, axis.unit): axis.centers, _label(symbol, curve.unit): curve.values}
    if curve.errors is not None:
        columns[_label(f"d{symbol}", curve.unit)] = curve.errors
    if isinstance(resolution := curve.metadata.get(f"d{x}"), Dataset):
        columns[_label(f"d{x}", axis.unit)] = resolution.to(axis.unit).values
    head = [curve.title, str(curve.metadata.get("steps", "")), *origin(provenance), "  ".join(columns)]
    text = "\n".join(line for line in head if line)
    rows = np.column_stack(list(columns.values()))
    kept = rows if curve.mask is None else rows[~curve.mask]
    return save_new(path, partial(write_rows, kept, text))


def _label(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name


def origin(provenance: Mapping[str, Any]) -> list[str]:
    """Lines that say which script made a curve, when, and from which files."""
    commit = provenance.get("commit") or "no repository"
    changed = "" if provenance.get("clean", True) else ", changed since"
    made = f"{provenance.get('script', '')} ({commit}{changed}), {provenance.get('time', '')}"
    inputs = [f"{file} sha256 {digest}" for file, digest in provenance.get("inputs", {}).items()]
    return [made, *inputs]


def write_rows(rows: np.ndarray, head: str, path: Path) -> None:
    """Write columns of numbers below lines that begin with #."""
    np.savetxt(path, rows, fmt="%.9e", header=head, encoding="utf-8")
