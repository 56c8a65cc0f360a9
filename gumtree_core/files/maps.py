"""Reduced maps: what makes a Dataset one over qx and qy, and its coordinates at each pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Dataset


def is_map(data: Dataset) -> bool:
    """Whether a Dataset has two dimensions and the axes `qx` and `qy`."""
    return data.ndim == 2 and {"qx", "qy"} <= data.axes.keys()


def coordinate(image: Dataset, name: str, unit: str) -> NDArray[Any]:
    """An axis in a unit, in the shape of the image; UNIT_MISMATCH as `Axis.to`."""
    axis = image.axes[name].to(unit)
    return everywhere(axis.centers, axis.dims or (), image)


def beside(image: Dataset, name: str, unit: str = "") -> NDArray[Any] | None:
    """A Dataset of the metadata, in the shape of the image; None unless it runs along its dimensions.

    Raises
    ------
    GumtreeError
        UNIT_MISMATCH as `Dataset.to`.
    """
    value = image.metadata.get(name)
    if not isinstance(value, Dataset) or not value.sizes.items() <= image.sizes.items():
        return None
    return everywhere(value.to(unit).values, value.dims, image)


def everywhere(values: NDArray[Any], dims: tuple[str, ...], image: Dataset) -> NDArray[Any]:
    """Values that run along some dimensions of an image, at each pixel of it."""
    turned = np.transpose(values, [dims.index(name) for name in image.dims if name in dims])
    shape = [length if name in dims else 1 for name, length in image.sizes.items()]
    return np.broadcast_to(turned.reshape(shape), image.shape)
