"""NumPy's functions of Datasets: a table.

Axes are counted as NumPy counts them. Where a method takes the coordinates of an axis (`Dataset.gradient`,
`Dataset.integrate`), NumPy's function of that name takes elements or the numbers it is given, as it does for
arrays.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from gumtree_core.data.mathematics import (
    arithmetic,
    neighbours,
    products,
    running,
)
from gumtree_core.data.mathematics import numpy_adapters as adapters
from gumtree_core.data.reducing import quantiles, reductions, statistics
from gumtree_core.data.shaping import choosing, reordering, reshaping
from gumtree_core.errors import GumtreeError


def apply(function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Carry out one of NumPy's functions.

    Raises
    ------
    GumtreeError
        UNSUPPORTED_FUNCTION, with what to use instead; as the function itself.
    """
    ours = _FUNCTIONS.get(function)
    name = f"{function.__module__}.{function.__name__}"
    if ours is None:
        hint = _HINTS.get(function.__name__)
        raise GumtreeError(
            "UNSUPPORTED_FUNCTION",
            f"{name} does not take Datasets; {hint}."
            if hint
            else f"{name} of a Dataset would lose its errors; apply it to .values if that is what you want.",
        )
    try:
        return ours(*args, **options)
    except (TypeError, ValueError, IndexError) as error:
        unknown = re.search("unexpected keyword argument '(.*)'", str(error))
        if unknown:
            raise GumtreeError(
                "UNSUPPORTED_FUNCTION", f"{name} of a Dataset takes no {unknown[1]}=; leave it out."
            ) from error
        raise GumtreeError("UNSUPPORTED_FUNCTION", f"{name} of a Dataset: {error}.") from error


def apply_ufunc(function: np.ufunc, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Carry out a ufunc: a matrix product, or element by element."""
    if function is np.matmul and method == "__call__" and not options:
        return products.matmul(*inputs)
    return arithmetic.apply(function, method, inputs, options)


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.all: adapters.over_axis(lambda ds, dims: adapters.flags(np.all, True, ds, dims)),
    np.allclose: choosing.allclose,
    np.any: adapters.over_axis(lambda ds, dims: adapters.flags(np.any, False, ds, dims)),
    np.append: adapters.append,
    np.argmax: adapters.arg_position("argmax"),
    np.argmin: adapters.arg_position("argmin"),
    np.argsort: lambda ds, axis=-1, **options: np.argsort(ds.values, axis, **options),
    np.array_equal: choosing.array_equal,
    np.array_split: lambda ds, sections, axis=0: reshaping.array_split(
        ds, sections, adapters.dim_at(ds, axis)
    ),
    np.average: adapters.average,
    np.clip: adapters.clip,
    np.column_stack: adapters.column_stack,
    np.compress: adapters.compress,
    np.concatenate: adapters.join,
    np.copy: lambda ds: ds,
    np.count_nonzero: adapters.over_axis(lambda ds, dims: adapters.flags(np.count_nonzero, False, ds, dims)),
    np.cumprod: adapters.along_axis(running.cumprod),
    np.cumsum: adapters.along_axis(running.cumsum),
    np.delete: adapters.delete,
    np.diagonal: adapters.diagonal,
    np.diff: lambda ds, n=1, axis=-1: neighbours.diff(ds, adapters.dim_at(ds, axis), n),
    np.dot: products.dot,
    np.dsplit: adapters.split_at(2),
    np.dstack: adapters.dstack,
    np.expand_dims: adapters.expand_dims,
    np.flip: adapters.flip,
    np.fliplr: lambda ds: adapters.flip(ds, 1),
    np.flipud: lambda ds: adapters.flip(ds, 0),
    np.full_like: lambda ds, fill_value, dtype=None: adapters.full_like(ds, fill_value, dtype),
    np.gradient: adapters.gradient,
    np.hsplit: lambda ds, sections: adapters.split_at(min(1, ds.ndim - 1))(ds, sections),
    np.hstack: adapters.hstack,
    np.inner: lambda one, other: products.dot(one, np.transpose(other)),
    np.isclose: choosing.isclose,
    np.linalg.inv: products.inverse,
    np.max: adapters.over_axis(lambda ds, dims: statistics.extreme(ds, dims, "max")),
    np.mean: adapters.over_axis(reductions.mean),
    np.median: adapters.over_axis(lambda ds, dims: quantiles.quantile(ds, 0.5, dims)),
    np.min: adapters.over_axis(lambda ds, dims: statistics.extreme(ds, dims, "min")),
    np.moveaxis: adapters.moveaxis,
    np.ndim: lambda ds: ds.ndim,
    np.nonzero: lambda ds: np.nonzero(ds.values),
    np.ones_like: lambda ds, dtype=None: adapters.full_like(ds, 1, dtype),
    np.outer: products.outer,
    np.percentile: lambda ds, q, axis=None: quantiles.quantile(ds, q / 100, adapters.dims_at(ds, axis)),
    np.prod: adapters.over_axis(running.product),
    np.ptp: adapters.over_axis(adapters.value_range),
    np.quantile: lambda ds, q, axis=None: quantiles.quantile(ds, q, adapters.dims_at(ds, axis)),
    np.ravel: reshaping.flatten,
    np.repeat: lambda ds, repeats, axis=None: reordering.repeat(ds, adapters.dim_at(ds, axis), repeats),
    np.reshape: adapters.reshape,
    np.roll: adapters.roll,
    np.rot90: adapters.rot90,
    np.round: adapters.rounded,
    np.shape: lambda ds: ds.shape,
    np.size: lambda ds: ds.size,
    np.sort: adapters.sort,
    np.split: lambda ds, sections, axis=0: reshaping.divide(ds, sections, adapters.dim_at(ds, axis)),
    np.squeeze: adapters.squeeze,
    np.stack: adapters.stack,
    np.std: adapters.over_axis(statistics.std),
    np.sum: adapters.over_axis(reductions.total),
    np.swapaxes: adapters.swapaxes,
    np.take: adapters.take,
    np.tile: adapters.tile,
    np.trace: lambda ds: reductions.total(adapters.diagonal(ds)),
    np.transpose: adapters.transpose,
    np.trapezoid: adapters.trapezoid,
    np.tril: adapters.triangle(np.tril),
    np.triu: adapters.triangle(np.triu),
    np.var: adapters.over_axis(statistics.var),
    np.vdot: lambda one, other: products.dot(np.ravel(one), np.ravel(other)),
    np.vsplit: adapters.split_at(0),
    np.vstack: adapters.vstack,
    np.where: adapters.where,
    np.zeros_like: lambda ds, dtype=None: adapters.full_like(ds, 0, dtype),
}
"""What takes Datasets, and how."""

_NO_NAN = "mask the NaN and take the plain function: ds.with_masks(bad=np.isnan(ds))"
_HISTOGRAM = "count events by Dataset.histogram, or group elements by Dataset.groupby(axis, edges)"
_HINTS: dict[str, str] = {
    **{
        f"nan{name}": _NO_NAN
        for name in ["sum", "mean", "std", "var", "min", "max", "median", "prod", "argmin", "argmax"]
    },
    **{f"nan{name}": _NO_NAN for name in ["cumsum", "cumprod", "quantile", "percentile"]},
    "bincount": "use Dataset.bin_sum",
    "copyto": "a Dataset is never changed; use numpy.where",
    "corrcoef": "Dataset.correlation() is that of the errors; for that of the values use .values",
    "cov": "Dataset.covariance() is that of the errors; for that of the values use .values",
    "digitize": "use Dataset.groupby(axis, edges), or .values",
    "empty_like": "use numpy.zeros_like",
    "extract": "use ds[mask]",
    "histogram": _HISTOGRAM,
    "histogram2d": _HISTOGRAM,
    "histogramdd": _HISTOGRAM,
    "insert": "use concatenate",
    "interp": "use Dataset.interpolate(axis, points)",
    "nan_to_num": "a Dataset masks what is no number; use numpy.where(np.isnan(ds), 0, ds)",
    "place": "a Dataset is never changed; use numpy.where",
    "put": "a Dataset is never changed; use numpy.where",
    "resize": "use Dataset.tile, slices or Dataset.reshape",
    "searchsorted": "select by coordinate, ds['q', 0.1:0.2], or search in .values",
    "trim_zeros": "use ds[ds != 0], or a slice",
    "unique": "use Dataset.groupby, or .values",
}
"""What to use instead of a function that is not offered."""
