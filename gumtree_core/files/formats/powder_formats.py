"""Powder patterns as text for programs of refinement: XYE and FXYE; pdCIF is in powder_cif.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files.formats.columns import origin
from gumtree_core.files.saving import save_new

Floats = NDArray[np.float64]

WIDTH = 80
"""Characters of a line of GSAS, which are all written."""


def points(pattern: Dataset) -> tuple[Floats, Floats, Floats]:
    """Two-theta (deg), intensity and error of all points that are not masked.

    Raises
    ------
    GumtreeError
        NO_CURVE, NO_ERRORS.
    """
    if pattern.dims != ("two_theta",) or "two_theta" not in pattern.axes:
        raise GumtreeError(
            "NO_CURVE",
            f"{pattern.name} is no curve over two_theta: it has {pattern.sizes or 'no dimension'}.",
        )
    if pattern.errors is None:
        raise GumtreeError("NO_ERRORS", f"{pattern.name} has no errors; programs of refinement need them.")
    axis = pattern.axes["two_theta"]
    angle = Dataset(axis.centers, dims=("two_theta",), unit=axis.unit).to("deg").values
    kept = np.isfinite(pattern.values) & np.isfinite(pattern.errors)
    if pattern.mask is not None:
        kept &= ~pattern.mask
    if not kept.any():
        raise GumtreeError("NO_CURVE", f"{pattern.name} has no point that is not masked.")
    return angle[kept], np.asarray(pattern.values[kept], dtype=np.float64), pattern.errors[kept]


def write_xye(path: str | Path, pattern: Dataset, *, provenance: Mapping[str, Any]) -> Path:
    """Write two-theta, intensity and error in columns; whole or not at all, and never over another file.

    Lines that begin with # say how it was made; FullProf, GSAS-II and most others pass them over.

    Parameters
    ----------
    path
        Where it goes; if there is a file already, a number is added to the name.
    pattern
        (two_theta,) with errors; its metadata may have `steps`. Masked points are left out.
    provenance
        Script, commit and input files are named in the head.

    Raises
    ------
    GumtreeError
        NO_CURVE, NO_ERRORS, FILE_NOT_WRITABLE.
    """
    head = [*_head(pattern, provenance), f"two_theta (deg)  I ({pattern.unit})  dI ({pattern.unit})"]
    rows = np.column_stack(points(pattern))
    return save_new(path, partial(_write_xye, rows, "\n".join(head)))


def _write_xye(rows: Floats, head: str, path: Path) -> None:
    np.savetxt(path, rows, fmt=["%.6f", "%.9g", "%.9g"], header=head, encoding="utf-8")


def write_fxye(path: str | Path, pattern: Dataset, *, provenance: Mapping[str, Any]) -> Path:
    """Write a histogram of GSAS in its format FXYE; whole or not at all, and never over another file.

    GSAS manual (LAUR 86-748), "Powder data file": a title; comments; ``BANK 1 NCHAN NREC CONS start step 0 0
    FXYE``, both in hundredths of a degree; and a record of each point with two-theta in hundredths of a
    degree, intensity and its estimated standard deviation. All lines have 80 characters.

    Parameters
    ----------
    path
        Where it goes; if there is a file already, a number is added to the name.
    pattern
        (two_theta,) with errors above 0. Masked points are left out.
    provenance
        Script, commit and input files are named in comments.

    Raises
    ------
    GumtreeError
        NO_CURVE, NO_ERRORS, ZERO_VARIANCE, FILE_NOT_WRITABLE.
    """
    angle, intensity, error = points(pattern)
    if not (error > 0).all():
        raise GumtreeError(
            "ZERO_VARIANCE",
            f"{pattern.name} has {np.count_nonzero(error <= 0)} points with the error 0, which GSAS does not "
            "take; give counts of 0 a variance.",
        )
    rows = np.column_stack([angle * 100, intensity, error])
    return save_new(path, partial(_write_fxye, rows, _head(pattern, provenance)))


def _write_fxye(rows: Floats, head: list[str], path: Path) -> None:
    step = (rows[-1, 0] - rows[0, 0]) / max(len(rows) - 1, 1)
    bank = f"BANK 1 {len(rows)} {len(rows)} CONS {rows[0, 0]:.4f} {step:.6f} 0 0 FXYE"
    title, *comments = head
    lines = [title, *(f"# {line}" for line in comments), bank, *map(_record, rows)]
    with path.open("w", encoding="ascii", errors="replace", newline="\r\n") as file:
        file.writelines(f"{line[:WIDTH]:{WIDTH}}\n" for line in lines)


def _record(row: Floats) -> str:
    return f"{row[0]:15.6f} {row[1]:18.8g} {row[2]:18.8g}"


def _head(pattern: Dataset, provenance: Mapping[str, Any]) -> list[str]:
    return [line for line in _told(pattern, provenance) if line.strip()]


def _told(pattern: Dataset, provenance: Mapping[str, Any]) -> Iterator[str]:
    yield str(pattern.metadata.get("run/title") or pattern.title or "powder pattern")
    yield from str(pattern.metadata.get("steps", "")).splitlines()
    yield from origin(provenance)
