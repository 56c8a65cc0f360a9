"""What a Dataset may be made of; each check says what is wrong with which values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from gumtree_core.data.axis import check_unmasked, read_only
from gumtree_core.data.propagation.selection import Array, Shape, rearrange
from gumtree_core.data.propagation.uncertainty import Floats
from gumtree_core.errors import GumtreeError

_DEFAULT_DIMS: tuple[tuple[str, ...], ...] = ((), ("x",), ("y", "x"), ("z", "y", "x"))


def is_dataset(operand: Any) -> bool:
    """Whether this is a Dataset rather than a number or an array."""
    return hasattr(type(operand), "uncertainty")


def values(given: npt.ArrayLike, title: str) -> Array:
    """Give an array of real numbers that cannot be written to."""
    if is_dataset(given):
        raise GumtreeError(
            "BAD_VALUES", f"The values of {_name(title)} are a Dataset already; replace() describes it anew."
        )
    check_unmasked(given, "BAD_VALUES", f"The values of {_name(title)}")
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise GumtreeError(
            "BAD_VALUES", f"The values of {_name(title)} form no rectangular array of numbers."
        ) from error
    if array.dtype.kind not in "biuf":
        raise GumtreeError(
            "BAD_VALUES", f"The values of {_name(title)} are to be real numbers, not {array.dtype}."
        )
    return read_only(array)


def unique(dims: Sequence[str]) -> None:
    """Refuse a name that two dimensions share."""
    if len(set(dims)) < len(dims):
        raise GumtreeError("BAD_DIMENSIONS", f"The dimensions {dims} repeat a name; each needs its own.")


def dimensions(given: Sequence[str] | str | None, axes: Mapping[str, Any], array: Array) -> tuple[str, ...]:
    """Give a name for each dimension: what was given, the axes' names where they fit, or y and x."""
    if given is None:
        return _default_dimensions(axes, array)
    names = (given,) if isinstance(given, str) else tuple(given)
    if len(names) != array.ndim or not all(isinstance(name, str) and name for name in names):
        raise GumtreeError(
            "BAD_DIMENSIONS",
            f"Values of shape {array.shape} were given the dimensions {names}; name each of them.",
        )
    unique(names)
    return names


def _default_dimensions(axes: Mapping[str, Any], array: Array) -> tuple[str, ...]:
    shapes = [np.shape(getattr(axis, "values", axis)) for axis in axes.values()]
    in_order = len(axes) == array.ndim and all(
        len(shape) == 1 and shape[0] - length in (0, 1)
        for shape, length in zip(shapes, array.shape, strict=True)
    )
    if array.ndim and in_order:
        return tuple(axes)
    if array.ndim < len(_DEFAULT_DIMS):
        return _DEFAULT_DIMS[array.ndim]
    raise GumtreeError("BAD_DIMENSIONS", f"Values with {array.ndim} dimensions need dims=, a name for each.")


def mask(given: Any, name: str, dims: tuple[str, ...], shape: Shape) -> NDArray[np.bool_]:
    """Give a boolean array that broadcasts to the data."""
    array = given.values if is_dataset(given) else np.asarray(given)
    if array.dtype != np.bool_:
        raise GumtreeError(
            "BAD_MASK", f"The mask '{name}' holds {array.dtype}; give booleans, True for masked."
        )
    if is_dataset(given) and given.dims != dims:
        sizes = dict(zip(dims, shape, strict=True))
        if any(sizes.get(d) != n for d, n in given.sizes.items()):
            raise GumtreeError("BAD_MASK", f"The mask '{name}' {given.sizes} does not fit the data {sizes}.")
        order = sorted(given.dims, key=dims.index)
        array = rearrange(array, [given.dims.index(d) for d in order])
        return rearrange(array, [order.index(d) if d in order else None for d in dims])
    if array.shape != shape:
        raise GumtreeError(
            "BAD_MASK", f"The mask '{name}' of shape {array.shape} does not fit data of shape {shape}."
        )
    return np.asarray(array)


def variances(given: Any, array: Array, masked: NDArray[np.bool_] | None, title: str) -> Floats:
    """Give variances in the shape of the values; where an element is NaN or masked, they may be anything."""
    check_unmasked(given, "BAD_VARIANCES", f"The variances of {_name(title)}")
    try:
        spread = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise GumtreeError(
            "BAD_VARIANCES", f"The variances of {_name(title)} are no array of numbers."
        ) from error
    if spread.shape != array.shape:
        raise GumtreeError(
            "BAD_VARIANCES",
            f"The variances of {_name(title)} have shape {spread.shape}, its values {array.shape};"
            " for an error that all share, multiply by a scalar with an error.",
        )
    bad = ~(np.isfinite(spread) & (spread >= 0))
    if not bad.any():
        return spread
    unknown = ~np.isfinite(array) if masked is None else ~np.isfinite(array) | masked
    wrong = bad & ~unknown
    if wrong.any():
        first = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
        raise GumtreeError(
            "BAD_VARIANCES",
            f"{int(wrong.sum())} variances of {_name(title)} are negative, NaN or infinite, the first"
            f" {spread[first]} at {tuple(int(k) for k in first)}; mask these elements or correct them.",
        )
    return np.where(bad, np.nan, spread)


def counts(given: Array, zero_count_variance: float, masked: NDArray[np.bool_] | None, title: str) -> Floats:
    """Give the variances of counts; what is masked may be anything."""
    spread = np.asarray(given, dtype=np.float64)
    if not are_counts(given):
        spread = _known_counts(spread, masked, title)
    if zero_count_variance:
        spread = np.where(spread == 0, zero_count_variance, spread)
    return spread


def are_counts(given: Array) -> bool:
    """Whether all elements are whole numbers of 0 or more, as their type or one look says."""
    kind = given.dtype.kind
    return kind == "u" or (kind == "i" and (not given.size or bool(given.min() >= 0)))


def _known_counts(spread: Floats, masked: NDArray[np.bool_] | None, title: str) -> Floats:
    bad = ~(np.isfinite(spread) & (spread >= 0))
    if masked is not None and bad.any():
        spread = np.where(bad & masked, np.nan, spread)
        bad &= ~masked
    if bad.any():
        raise GumtreeError(
            "BAD_COUNTS",
            f"{int(bad.sum())} of the counts{f' of {title!r}' if title else ''} are negative or no number,"
            f" the first {spread[bad][0]}; Poisson's rule holds for counts alone, mask these or give"
            " variances.",
        )
    return spread


def _name(title: str) -> str:
    return f"'{title}'" if title else "a Dataset"
