"""Tubes brought to one height and one scale of angle, and summed along their length."""

from __future__ import annotations

import numpy as np

from gumtree_core.data import Axis, Dataset, concatenate
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.powder.calibration import Floats

REMEMBERED = 65536
"""Elements up to which a sum remembers its summands (docs/data.md)."""


def corrected_for_efficiency(scan: Dataset, efficiency: Dataset) -> Dataset:
    """Multiply each pixel with its factor; (.., y, x) times (y, x), whose errors all steps share.

    Raises
    ------
    GumtreeError
        SIZES_DIFFER.
    """
    _check_size(scan, efficiency)
    corrected: Dataset = scan * efficiency.replace(axes={})
    return corrected


def vertically_shifted(scan: Dataset, offsets: Dataset) -> Dataset:
    """Put each tube to its height: row y of the result is row y + offset of the tube.

    An offset between two rows takes a part of each, so that neighbours become correlated. Rows that come
    from beyond the end of a tube are masked under `beyond_tube`.

    Parameters
    ----------
    scan
        (.., y, x).
    offsets
        (x,), pixel: how much too high each tube reads.

    Raises
    ------
    GumtreeError
        SIZES_DIFFER.
    """
    _check_size(scan, offsets)
    whole = np.floor(offsets.values).astype(np.intp)
    fraction = np.asarray(offsets.values - whole, dtype=np.float64)
    lower = _moved(scan, whole)
    if not fraction.any():
        return lower
    parts = Dataset(fraction, dims=("x",))
    # A tube that is moved by whole rows needs no row above; without this its last one would be masked.
    upper = _moved(scan, np.where(fraction > 0, whole + 1, whole))
    shifted: Dataset = lower * (1 - parts) + upper * parts
    return shifted


def _moved(scan: Dataset, rows: np.ndarray) -> Dataset:
    ordered = scan.transpose(*(dim for dim in scan.dims if dim not in ("y", "x")), "y", "x")
    height, width = ordered.sizes["y"], ordered.sizes["x"]
    source = np.arange(height)[:, np.newaxis] + rows
    beyond = (source < 0) | (source >= height)
    index = np.clip(source, 0, height - 1) * width + np.arange(width)
    plain = ordered.replace(axes={})
    picked = plain.flatten(("y", "x"), "pixel")[..., index.reshape(-1)]
    moved = picked.reshape({"y": height, "x": width}, "pixel").replace(axes=dict(ordered.axes))
    return moved.with_masks(beyond_tube=Dataset(beyond, dims=("y", "x"))) if beyond.any() else moved


def with_angular_offsets(scan: Dataset, offsets: Dataset) -> Dataset:
    """Add to the two-theta of each tube what its position is off, in deg; (x,) or one for all.

    Raises
    ------
    GumtreeError
        NO_TWO_THETA, SIZES_DIFFER.
    """
    _check_size(scan, offsets)
    shifted = two_theta(scan) + offsets.without_errors()
    return scan.with_axes(two_theta=Axis(shifted.values, shifted.unit, shifted.dims))


def two_theta(scan: Dataset) -> Dataset:
    """Where the middles of the tubes were, (point, x) or (x,), deg.

    Raises
    ------
    GumtreeError
        NO_TWO_THETA.
    """
    axis = scan.axes.get("two_theta")
    dims = axis.dims if axis else None
    if (
        axis is None
        or dims is None
        or "x" not in dims
        or axis.centers.shape != tuple(map(scan.sizes.get, dims))
    ):
        raise GumtreeError(
            "NO_TWO_THETA",
            f"{scan.name} does not know the two-theta of its tubes; it has the axes "
            f"{', '.join(scan.axes) or 'none'}. The file has to say detector/two_theta.",
        )
    return Dataset(axis.centers, dims=dims, unit=axis.unit, title="two_theta").to("deg")


def rows(scan: Dataset, lowest: int, highest: int) -> Dataset:
    """The rows from `lowest` to `highest`, both included, from 0 on.

    Raises
    ------
    GumtreeError
        BAD_RANGE.
    """
    if not 0 <= lowest <= highest < scan.sizes["y"]:
        raise GumtreeError(
            "BAD_RANGE",
            f"Rows {lowest} to {highest} are not in {scan.name}, which has 0 to {scan.sizes['y'] - 1}; "
            "give the lower one first.",
        )
    return scan["y", lowest : highest + 1]


def vertical_sum(scan: Dataset) -> Dataset:
    """Sum along the tubes, as if all pixels of each took part: the average of those that are not masked times
    the number of rows.

    Returns
    -------
    Dataset
        (.., x); `metadata["contributors"]` has the part of the rows that took part.
    """
    height = scan.sizes["y"]
    taken = np.ones(scan.shape) if scan.mask is None else ~scan.mask
    contributors = Dataset(
        np.mean(taken, axis=scan.dims.index("y")), dims=[dim for dim in scan.dims if dim != "y"]
    )
    # A sum of more elements would forget what steps have in common through the efficiencies.
    steps = scan.sizes.get("point", 1)
    chunk = max(1, REMEMBERED * steps // max(scan.size, 1))
    parts = [scan["point", at : at + chunk] for at in range(0, steps, chunk)] if steps > chunk else [scan]
    means = [part.mean("y") for part in parts]
    summed: Dataset = (concatenate(means, "point") if len(means) > 1 else means[0]) * height
    return summed.with_metadata(contributors=contributors)


def centers_of_edges(scan: Dataset) -> Floats:
    """Middle between the two ends of the lit part of each tube, where it is half as bright as in its middle.

    Tubes that are aligned have one in common; the standard deviation over the tubes says how well they are.

    Parameters
    ----------
    scan
        (y, x), or with other dimensions, over which it is summed.

    Returns
    -------
    Floats
        (x,), pixel; NaN where a tube has seen nothing.
    """
    image = scan.values.sum(axis=tuple(n for n, dim in enumerate(scan.dims) if dim not in ("y", "x")))
    profiles = np.asarray(image, dtype=np.float64)
    height = len(profiles)
    half = np.median(profiles[height // 4 : 3 * height // 4], axis=0) / 2
    return np.array([_middle(profile, level) for profile, level in zip(profiles.T, half, strict=True)])


def _middle(profile: Floats, level: float) -> float:
    if not level > 0:
        return float("nan")
    lit = np.flatnonzero(profile > level)
    low, high = float(lit[0]), float(lit[-1])
    if lit[0] > 0:
        below, above = profile[lit[0] - 1 : lit[0] + 1]
        low -= (above - level) / (above - below)
    if lit[-1] < len(profile) - 1:
        above, below = profile[lit[-1] : lit[-1] + 2]
        high += (above - level) / (above - below)
    return (low + high) / 2


def _check_size(scan: Dataset, calibration: Dataset) -> None:
    wrong = {dim: size for dim, size in calibration.sizes.items() if scan.sizes.get(dim) != size}
    if wrong:
        raise GumtreeError(
            "SIZES_DIFFER",
            f"{calibration.name} is for a detector of {calibration.sizes}; {scan.name} has {scan.sizes}.",
        )
