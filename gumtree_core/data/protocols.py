"""How Python and NumPy meet a Dataset: as an array, a sequence, a number, a text."""

# `self` is a Dataset, which a mixin cannot say.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from gumtree_core.data import display
from gumtree_core.data.mathematics import numpy_functions
from gumtree_core.data.propagation.selection import Array
from gumtree_core.data.shaping import indexing
from gumtree_core.errors import GumtreeError

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset


class Protocols:
    """The methods of `Dataset` that Python and NumPy call."""

    __slots__ = ()

    def __array__(self: Any, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.values, dtype=dtype, copy=copy)

    def __array_ufunc__(self: Any, function: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return numpy_functions.apply_ufunc(function, method, inputs, options)

    def __array_function__(self: Any, function: Any, types: Any, args: Any, options: Any) -> Any:
        return numpy_functions.apply(function, args, options)

    def __getitem__(self: Any, key: Any) -> Dataset:
        return indexing.get(self, key)

    def __setitem__(self: Any, key: Any, value: Any) -> None:
        raise GumtreeError(
            "READ_ONLY", f"{self.name} is never changed; use numpy.where(condition, value, data), or mask."
        )

    def __len__(self: Any) -> int:
        if not self._dims:
            raise TypeError("a scalar Dataset has no length")
        return self.shape[0]

    def __iter__(self: Any) -> Iterator[Dataset]:
        return (self[k] for k in range(len(self)))

    def _item(self: Any) -> Any:
        if self.size != 1:
            raise GumtreeError(
                "NOT_SCALAR", f"{self.name} has {self.size} elements; select one, or use any() or all()."
            )
        return self.values.item()

    def __float__(self: Any) -> float:
        return float(self._item())

    def __int__(self: Any) -> int:
        return int(self._item())

    def __bool__(self: Any) -> bool:
        return bool(self._item())

    def any(self: Any) -> bool:
        """Whether any element that is not masked is true."""
        return bool(np.any(self.values, where=True if self.mask is None else ~self.mask))

    def all(self: Any) -> bool:
        """Whether all elements that are not masked are true."""
        return bool(np.all(self.values, where=True if self.mask is None else ~self.mask))

    def __repr__(self: Any) -> str:
        return display.text(self)

    def __format__(self: Any, specification: str) -> str:
        return display.formatted(self, specification)

    def _repr_html_(self: Any) -> str:
        return display.html(self)

    def __round__(self: Any, digits: int | None = None) -> Dataset:
        return np.round(self, digits or 0)
