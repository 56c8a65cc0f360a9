"""What is known of each tube and pixel beforehand: efficiencies and offsets, and the files that hold them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError

Floats = NDArray[np.float64]

_SIZES = ("number_of_tubes", "number_vertical")
_PAIRS = "_[local]_efficiency_variance"


def read_efficiency(path: str | Path) -> Dataset:
    """Read the factors that make the pixels of a detector alike.

    Parameters
    ----------
    path
        Echidna's text, a CIF whose loop holds a value and a variance for each pixel, one tube after the
        other; or HDF5 with one image.

    Returns
    -------
    Dataset
        (y, x), which counts are to be multiplied with. Pixels without a factor above 0 are masked under
        `obscured`. All that uses one file shares its errors.

    Raises
    ------
    GumtreeError
        FILE_MISSING, FILE_DAMAGED, NO_EFFICIENCY.
    """
    path = Path(path)
    if not path.is_file():
        raise GumtreeError("FILE_MISSING", f"{path} does not exist. Give the path of a file of efficiencies.")
    with path.open("rb") as file:
        hdf5 = file.read(8) == b"\x89HDF\r\n\x1a\n"
    values, variances = _read_hdf5(path) if hdf5 else _read_text(path)
    good = np.isfinite(values) & (values > 0)
    if not good.any():
        raise GumtreeError("NO_EFFICIENCY", f"{path} has no pixel with an efficiency above 0.")
    factors = Dataset(np.where(good, values, 0.0), dims=("y", "x"), title=path.name)
    if variances is not None:
        factors = factors.with_variances(np.where(good, variances, 0.0), source=_source(path))
    return factors if good.all() else factors.with_masks(obscured=~good)


def _source(path: Path) -> str:
    import hashlib

    return f"{hashlib.sha256(path.read_bytes()).hexdigest()}:efficiency"


def _read_hdf5(path: Path) -> tuple[Floats, Floats | None]:
    import h5py

    found: list[Floats] = []
    try:
        with h5py.File(path) as file:
            file.visititems(lambda name, item: found.append(item[()]) if _is_image(item) else None)
    except (OSError, TypeError, ValueError) as error:
        raise GumtreeError("FILE_DAMAGED", f"{path} is no usable HDF5 file: {error}.") from error
    if len(found) != 1:
        raise GumtreeError(
            "NO_EFFICIENCY", f"{path} holds {len(found)} images; a file of efficiencies holds one."
        )
    return np.asarray(found[0], dtype=np.float64), None


def _is_image(item: object) -> bool:
    import h5py

    return isinstance(item, h5py.Dataset) and item.ndim == 2 and item.dtype.kind in "iuf"


def _read_text(path: Path) -> tuple[Floats, Floats]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    try:
        shape = [next(int(line.split()[-1]) for line in lines if size in line) for size in _SIZES]
        start = next(n for n, line in enumerate(lines) if line.strip() == _PAIRS) + 1
        numbers = np.array(" ".join(line.partition("#")[0] for line in lines[start:]).split(), dtype=float)
        pairs = numbers.reshape(*shape, 2)
    except (StopIteration, ValueError) as error:
        raise GumtreeError(
            "FILE_DAMAGED",
            f"{path} is no file of efficiencies: it needs {' and '.join(_SIZES)}, and after {_PAIRS} a "
            "value and a variance for each pixel.",
        ) from error
    return pairs[..., 0].T, pairs[..., 1].T


def read_vertical_offsets(path: str | Path) -> Dataset:
    """Read how many pixels each tube reads too high: two columns, its number from 1 on and the offset.

    Returns
    -------
    Dataset
        (x,), pixel.

    Raises
    ------
    GumtreeError
        FILE_MISSING, FILE_DAMAGED.
    """
    path = Path(path)
    table = _columns(path, 2)
    order = np.argsort(table[:, 0])
    if not np.array_equal(table[order, 0], np.arange(1, len(table) + 1)):
        raise GumtreeError(
            "FILE_DAMAGED",
            f"{path} does not have each of the tubes 1 to {len(table)} once in its first column.",
        )
    return Dataset(table[order, 1], dims=("x",), unit="pixel", title=path.name)


def read_angular_offsets(path: str | Path) -> Dataset:
    """Read what is to be added to the two-theta of each tube: one column.

    Returns
    -------
    Dataset
        (x,), deg.

    Raises
    ------
    GumtreeError
        FILE_MISSING, FILE_DAMAGED.
    """
    path = Path(path)
    return Dataset(_columns(path, 1)[:, 0], dims=("x",), unit="deg", title=path.name)


def _columns(path: Path, number: int) -> Floats:
    if not path.is_file():
        raise GumtreeError("FILE_MISSING", f"{path} does not exist. Give the path of a file of offsets.")
    try:
        table = np.loadtxt(path.read_text(encoding="utf-8").splitlines(), comments="#", ndmin=2)
    except (ValueError, UnicodeDecodeError) as error:
        raise GumtreeError("FILE_DAMAGED", f"{path} is no table of numbers: {error}.") from error
    if table.shape[0] == 0 or table.shape[1] != number or not np.isfinite(table).all():
        raise GumtreeError(
            "FILE_DAMAGED",
            f"{path} has {table.shape[0]} rows of {table.shape[1]} columns; it needs {number} for each tube, "
            "all finite.",
        )
    return np.asarray(table, dtype=np.float64)
