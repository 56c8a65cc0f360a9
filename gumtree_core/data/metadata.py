"""Metadata that runs along the dimensions of the data: it follows what happens to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from gumtree_core.data.checks import is_dataset

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset


def follow(
    metadata: Mapping[str, Any], sizes: Mapping[str, int], function: Callable[[Dataset], Dataset | None]
) -> dict[str, Any]:
    """Apply a function to each Dataset, however deep in mappings, that runs along one of the dimensions.

    Parameters
    ----------
    metadata
        Values by name; mappings may hold others.
    sizes
        The dimensions in question and their lengths in the data. A Dataset of another length does not run
        along them.
    function
        Gives what takes the Dataset's place; None leaves it out.
    """
    result: dict[str, Any] = {}
    for name, value in metadata.items():
        if isinstance(value, Mapping):
            result[name] = follow(value, sizes, function)
        elif is_dataset(value) and along(value, sizes):
            followed = function(value)
            if followed is not None:
                result[name] = followed
        else:
            result[name] = value
    return result


def along(value: Dataset, sizes: Mapping[str, int]) -> tuple[str, ...]:
    """Give the dimensions among `sizes` that a Dataset runs along."""
    return tuple(name for name, length in value.sizes.items() if sizes.get(name) == length)


def without(metadata: Mapping[str, Any], sizes: Mapping[str, int]) -> dict[str, Any]:
    """Leave out what runs along the dimensions."""
    return follow(metadata, sizes, lambda _: None)
