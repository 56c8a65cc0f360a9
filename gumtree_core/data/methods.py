"""What can be done with a Dataset, by name; each file of this package has the doing of some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gumtree_core.data.mathematics import neighbours, running
from gumtree_core.data.propagation.uncertainty import Floats
from gumtree_core.data.reducing import (
    grouping,
    quantiles,
    rebinning,
    reductions,
    statistics,
)
from gumtree_core.data.reducing.grouping import Groups
from gumtree_core.data.shaping import choosing, reordering, reshaping

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset


class Methods:
    """The methods of `Dataset` that are done elsewhere."""

    __slots__ = ()

    def sum(self: Any, dims: str | Sequence[str] | None = None) -> Dataset:
        """Sum over dimensions, all by default; see `reductions.total`."""
        return reductions.total(self, dims)

    def mean(self: Any, dims: str | Sequence[str] | None = None) -> Dataset:
        """Average over dimensions; see `reductions.mean`."""
        return reductions.mean(self, dims)

    def weighted_mean(self: Any, dims: str | Sequence[str] | None = None, weights: Any = None) -> Dataset:
        """Average with weights, 1/variance by default; see `statistics.weighted_mean`."""
        return statistics.weighted_mean(self, dims, weights)

    def std(self: Any, dims: str | Sequence[str] | None = None, ddof: int = 0) -> Dataset:
        """Standard deviation of the values; see `statistics.std`."""
        return statistics.std(self, dims, ddof)

    def var(self: Any, dims: str | Sequence[str] | None = None, ddof: int = 0) -> Dataset:
        """Variance of the values; see `statistics.var`."""
        return statistics.var(self, dims, ddof)

    def median(self: Any, dims: str | Sequence[str] | None = None) -> Dataset:
        """Middle of the values, with an approximate error; see `quantiles.quantile`."""
        return quantiles.quantile(self, 0.5, dims)

    def quantile(self: Any, q: float, dims: str | Sequence[str] | None = None) -> Dataset:
        """Value below which a fraction lies, with an approximate error; see `quantiles.quantile`."""
        return quantiles.quantile(self, q, dims)

    def prod(self: Any, dims: str | Sequence[str] | None = None) -> Dataset:
        """Product over dimensions; see `running.product`."""
        return running.product(self, dims)

    def min(self: Any, dims: str | Sequence[str] | None = None) -> Dataset:
        """Smallest element; see `statistics.extreme`."""
        return statistics.extreme(self, dims, "min")

    def max(self: Any, dims: str | Sequence[str] | None = None) -> Dataset:
        """Largest element; see `statistics.extreme`."""
        return statistics.extreme(self, dims, "max")

    def bin_sum(self: Any, index: Any, n_bins: int, dim: str, axis: Any = None) -> Dataset:
        """Sum the elements of each bin; see `reductions.bin_sum`."""
        return reductions.bin_sum(self, index, n_bins, dim, axis)

    def groupby(
        self: Any, by: Any, edges: Any = None, *, dim: str | None = None, name: str | None = None
    ) -> Groups:
        """Group elements by labels or bins, for a sum, mean and so on; see `grouping.groupby`."""
        return grouping.groupby(self, by, edges, dim=dim, name=name)

    def histogram(self: Any, edges: Mapping[str, Any], zero_count_variance: float | None) -> Dataset:
        """Count events in bins of their coordinates; see `grouping.histogram`."""
        return grouping.histogram(self, edges, zero_count_variance)

    def rebin(self: Any, axis: str, edges: Any, density: bool = False) -> Dataset:
        """Distribute counts, or average a density, over other bins; see `rebinning.rebin`."""
        return rebinning.rebin(self, axis, edges, density)

    def interpolate(self: Any, axis: str, points: Any) -> Dataset:
        """Interpolate linearly along an axis; see `neighbours.interpolate`."""
        return neighbours.interpolate(self, axis, points)

    def integrate(self: Any, axis: str, dim: str | None = None) -> Dataset:
        """Integrate over a coordinate; see `running.integrate`."""
        return running.integrate(self, axis, dim)

    def gradient(self: Any, axis: str, dim: str | None = None) -> Dataset:
        """Differentiate by a coordinate; see `neighbours.gradient`."""
        return neighbours.gradient(self, axis, dim)

    def diff(self: Any, dim: str, n: int = 1) -> Dataset:
        """Subtract from each element the one before; see `neighbours.diff`."""
        return neighbours.diff(self, dim, n)

    def cumsum(self: Any, dim: str) -> Dataset:
        """Sum up to each element; see `running.cumsum`."""
        return running.cumsum(self, dim)

    def cumprod(self: Any, dim: str) -> Dataset:
        """Multiply up to each element; see `running.cumprod`."""
        return running.cumprod(self, dim)

    def clip(self: Any, low: Any = None, high: Any = None) -> Dataset:
        """Limit the values; see `choosing.clip`."""
        return choosing.clip(self, low, high)

    def reshape(self: Any, sizes: Mapping[str, int], dim: str | None = None) -> Dataset:
        """Make several dimensions of one; a view; see `reshaping.split_dimension`."""
        return reshaping.split_dimension(self, sizes, dim)

    def flatten(self: Any, dims: Sequence[str] | None = None, to: str = "element") -> Dataset:
        """Make one dimension of several; see `reshaping.flatten`."""
        return reshaping.flatten(self, dims, to)

    def expand_dims(self: Any, dim: str, at: int = 0) -> Dataset:
        """Insert a dimension of length 1; a view; see `reshaping.expand_dims`."""
        return reshaping.expand_dims(self, dim, at)

    def squeeze(self: Any, dims: str | Sequence[str] | None = None) -> Dataset:
        """Remove dimensions of length 1; a view; see `reshaping.squeeze`."""
        return reshaping.squeeze(self, dims)

    def split(self: Any, sections: int | Sequence[int], dim: str | None = None) -> list[Dataset]:
        """Cut into parts along a dimension; views; see `reshaping.divide`."""
        return reshaping.divide(self, sections, dim)

    def sort(self: Any, by: Any = None, descending: bool = False) -> Dataset:
        """Sort along a dimension by an axis or by values; see `reordering.sort`."""
        return reordering.sort(self, by, descending)

    def roll(self: Any, dim: str, shift: int) -> Dataset:
        """Move the data against their coordinates; see `reordering.roll`."""
        return reordering.roll(self, dim, shift)

    def repeat(self: Any, dim: str, repeats: Any) -> Dataset:
        """Take each element several times; see `reordering.repeat`."""
        return reordering.repeat(self, dim, repeats)

    def tile(self: Any, dim: str, times: int) -> Dataset:
        """Put the data behind themselves several times; see `reordering.tile`."""
        return reordering.tile(self, dim, times)

    def covariance(self: Any) -> Floats:
        """Give the covariance matrix of the elements; see `statistics.covariance`."""
        return statistics.covariance(self)

    def correlation(self: Any) -> Floats:
        """Give the correlation matrix of the elements; see `statistics.covariance`."""
        return statistics.correlation(self)

    def to_scipp(self: Any) -> Any:
        """Make a scipp.DataArray; see `exchange.scipp`."""
        from gumtree_core.data.exchange.scipp import to_scipp

        return to_scipp(self)

    @staticmethod
    def from_scipp(array: Any) -> Dataset:
        """Make a Dataset of a scipp.DataArray; see `exchange.scipp`."""
        from gumtree_core.data.exchange.scipp import from_scipp

        return from_scipp(array)

    def to_xarray(self: Any) -> Any:
        """Make an xarray.Dataset; see `exchange.xarray`."""
        from gumtree_core.data.exchange.xarray import to_xarray

        return to_xarray(self)

    @staticmethod
    def from_xarray(given: Any) -> Dataset:
        """Make a Dataset of an xarray.Dataset or DataArray; see `exchange.xarray`."""
        from gumtree_core.data.exchange.xarray import from_xarray

        return from_xarray(given)

    def to_pandas(self: Any) -> Any:
        """Make a pandas.DataFrame; see `exchange.pandas`."""
        from gumtree_core.data.exchange.pandas import to_pandas

        return to_pandas(self)

    @staticmethod
    def from_pandas(table: Any, units: Mapping[str, str] | None = None) -> Dataset:
        """Make a Dataset of a pandas.DataFrame or Series; see `exchange.pandas`."""
        from gumtree_core.data.exchange.pandas import from_pandas

        return from_pandas(table, units)

    def save(self: Any, path: str | PathLike[str], name: str = "data") -> Path:
        """Write a NeXus file that keeps everything, sources of error included; see `exchange.nexus.save`."""
        from gumtree_core.data.exchange.nexus import save

        return save(path, {name: self})

    @staticmethod
    def load(path: str | PathLike[str], name: str | None = None) -> Dataset:
        """Read a Dataset from a NeXus file; see `exchange.nexus.load`."""
        from gumtree_core.data.exchange.nexus import load

        return load(path, name)

    def plot(self: Any, **options: Any) -> Any:
        """Draw a curve, an image, slices or a surface with matplotlib; see `plotting.plot`."""
        from gumtree_core.data.plots.plotting import plot

        return plot(self, **options)
