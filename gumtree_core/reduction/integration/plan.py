"""A plan of integration: which pixel belongs to which bin, made once and used for each frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Literal
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Axis, Dataset
from gumtree_core.data.metadata import without
from gumtree_core.data.past import Past
from gumtree_core.data.propagation.selection import Selection
from gumtree_core.data.propagation.uncertainty import Term, Uncertainty
from gumtree_core.data.reducing.reductions import EMPTY
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.integration.errors import Part, error_parts, general
from gumtree_core.reduction.integration.members import Array, Column, Members

Weighting = Literal["area", "inverse variance"]


@dataclass(frozen=True, eq=False)
class Plan:
    """Which pixel belongs to which bin; made by `rings`, `sector`, `annulus` and the like.

    Attributes
    ----------
    shape
        Of the detector, such as (y, x).
    members
        How pixels belong to bins.
    axes
        Edges of the bins, each along a dimension of its own; these become the result's dimensions.
    """

    shape: tuple[int, ...]
    members: Members
    axes: tuple[Axis, ...]

    @cached_property
    def dims(self) -> tuple[str, ...]:
        """Of the result."""
        return tuple((axis.dims or ("q",))[0] for axis in self.axes)

    @cached_property
    def result_shape(self) -> tuple[int, ...]:
        """Of the result."""
        return tuple(axis.values.size - 1 for axis in self.axes)

    @cached_property
    def selection(self) -> Selection:
        """Of a source with an element for each bin."""
        return Selection.whole(self.result_shape)

    @cached_property
    def placed_axes(self) -> dict[str, Axis]:
        """Edges by dimension."""
        return {dim: axis.placed((dim,), dim) for dim, axis in zip(self.dims, self.axes, strict=True)}

    @cached_property
    def area(self) -> Array:
        """Pixels in each bin, in the shape of the result; parts of pixels where they are split."""
        return self.members.total(np.ones(prod(self.shape))).reshape(self.result_shape)

    @cached_property
    def _masked(self) -> list[tuple[NDArray[np.bool_], Plan]]:
        """The mask that was used last, and the plan with it: frames of one measurement have one mask."""
        return []

    @cached_property
    def _sums_of(self) -> WeakKeyDictionary[Term, Array]:
        """The sums of errors that stay the same from frame to frame, such as those of the background."""
        return WeakKeyDictionary()

    @cached_property
    def empty(self) -> NDArray[np.bool_]:
        """Which bins have no pixel, in the shape of the result."""
        return ~self.members.occupied().reshape(self.result_shape)

    def without(self, mask: NDArray[np.bool_]) -> Plan:
        """The same plan without the pixels that are masked (true), in the shape of the detector.

        Raises
        ------
        GumtreeError
            PIXELS_DIFFER.
        """
        if mask.shape != self.shape:
            raise _other_pixels("The mask", mask.shape, self.shape)
        for known, plan in tuple(self._masked):
            if np.array_equal(known, mask):
                return plan
        plan = Plan(self.shape, self.members.without(mask.reshape(-1)), self.axes)
        self._masked[:] = [(mask.copy(), plan)]
        return plan

    def sum(self, pattern: Dataset) -> Dataset:
        """Sum what lies in each bin; as `average`, except that a bin without pixels is 0 (and masked)."""
        entry = f"sum over bins of {', '.join(self.dims)}"
        used, sums, uncertainty = self._sums(pattern, None, entry)
        return used._result(pattern, sums, uncertainty, pattern.unit, entry)

    def average(self, pattern: Dataset, weighting: Weighting = "area") -> Dataset:
        """Average what lies in each bin.

        Parameters
        ----------
        pattern
            In the shape of the detector. What is masked or no number takes no part.
        weighting
            ``"area"``: all pixels alike, which is unbiased however few the counts are. ``"inverse
            variance"``: by 1 / variance of the pixel, usual in older programs; it pulls the average down
            where counts are few. The weights are taken as exact. (`ratio` weights by counts.)

        Returns
        -------
        Dataset
            Along the bins, masked as `empty` where a bin has no pixel. Errors of neighbours are correlated
            where sources are shared or pixels are split.

        Raises
        ------
        GumtreeError
            PIXELS_DIFFER; BAD_WEIGHTING; NO_VARIANCES, or NO_WEIGHT where a pixel has the variance 0, which
            gives it an infinite weight.
        """
        entry = f"average over bins of {', '.join(self.dims)} by {weighting}"
        if pattern.shape != self.shape:
            raise _other_pixels(pattern.name, pattern.shape, self.shape)
        plan, weights = self, None
        if weighting == "inverse variance":
            plan, weights = self._inverse_variances(pattern)
        elif weighting != "area":
            raise GumtreeError(
                "BAD_WEIGHTING", f"Averages are by 'area' or 'inverse variance', not {weighting!r}."
            )
        used, sums, uncertainty = plan._sums(pattern, weights, entry)
        norm = used.area if weights is None else used.members.total(weights).reshape(self.result_shape)
        with np.errstate(divide="ignore", invalid="ignore"):
            averages, factor = sums / norm, 1 / norm
        scaled = uncertainty.scaled(np.where(used.empty, np.nan, factor) if used.empty.any() else factor)
        return used._result(pattern, averages, scaled, pattern.unit, entry)

    def _inverse_variances(self, pattern: Dataset) -> tuple[Plan, Array]:
        """The plan of the pixels that have a weight, and the weight of all, flat."""
        variances = pattern.variances
        if variances is None:
            raise GumtreeError(
                "NO_VARIANCES", f"{pattern.name} has no errors to weight its pixels by; average by 'area'."
            )
        used = self.members.used(prod(self.shape)).reshape(self.shape)
        if pattern.mask is not None:
            used = used & ~pattern.mask
        certain = int(np.count_nonzero(used & (variances == 0)))
        if certain:
            raise GumtreeError(
                "NO_WEIGHT",
                f"{certain} pixels of {pattern.name} have the variance 0 and so an infinite weight, such as "
                "those without counts. Average by 'area', or give them one (zero_count_variance).",
            )
        with np.errstate(divide="ignore", invalid="ignore"):
            weights = 1 / variances
        useless = ~np.isfinite(weights)
        plan = self.without(useless) if useless.any() else self
        return plan, np.where(useless, 0.0, weights).reshape(-1)

    def ratio(self, counts: Dataset, normalization: Dataset) -> Dataset:
        """Average by counts: the sum of the counts of a bin over the sum of their normalisation.

        The most likely intensity of Poisson counts n = I N, unbiased and with the smallest error, also where
        many pixels have none.

        Parameters
        ----------
        counts
            In the shape of the detector.
        normalization
            What one unit of intensity would have counted, in the same shape: such as monitor times
            sensitivity times solid angle. Where it is masked, the pixel takes no part.

        Raises
        ------
        GumtreeError
            PIXELS_DIFFER.
        """
        masks = {
            f"{name}_{k}": mask
            for k, part in enumerate((counts, normalization))
            for name, mask in part.masks.items()
        }
        both = [part.replace(masks=masks) if masks else part for part in (counts, normalization)]
        quotient: Dataset = self.sum(both[0]) / self.sum(both[1])
        return quotient

    def _sums(self, pattern: Dataset, weights: Array | None, entry: str) -> tuple[Plan, Array, Uncertainty]:
        """The plan of the pixels that take part, the sums in its bins and their errors."""
        if pattern.shape != self.shape:
            raise _other_pixels(pattern.name, pattern.shape, self.shape)
        parts = error_parts(
            pattern, weights, self.members
        )  # before the values: an expression gives both at once
        mask = pattern.mask
        plan = self if mask is None or not mask.any() else self.without(mask)
        values = pattern.values.reshape(-1)
        weighed = values if weights is None else values * weights
        total, found = plan._summed(weighed, parts or ())
        if not np.isfinite(total).all():
            plan = plan.without(~np.isfinite(weighed).reshape(self.shape))
            total, found = plan._summed(weighed, parts or ())
        if parts is None:
            return plan, total, general(plan, pattern.uncertainty, weights, entry)
        terms: list[Term] = []
        for part, sums in zip(parts, found, strict=True):
            terms += part.terms(plan, sums)
        return plan, total, Uncertainty(tuple(terms))

    def _summed(self, values: Array, parts: Sequence[Part]) -> tuple[Array, list[Array]]:
        """The sums in each bin of values, and of what each part needs."""
        known = self._sums_of
        found = [known.get(part.remembered) if part.remembered else None for part in parts]
        columns = [part.column if sums is None else None for part, sums in zip(parts, found, strict=True)]
        wanted = [Column(values), *(column for column in columns if column is not None)]
        total, *others = (each.reshape(self.result_shape) for each in self.members.sums(wanted))
        new = iter(others)
        for at, (part, column) in enumerate(zip(parts, columns, strict=True)):
            if column is not None:
                found[at] = sums = next(new)
                if part.remembered:
                    known[part.remembered] = sums
        return total, [total if sums is None else sums for sums in found]

    def _result(
        self, pattern: Dataset, values: Array, uncertainty: Uncertainty, unit: str, entry: str
    ) -> Dataset:
        metadata = dict(pattern.metadata)
        return pattern.derive(
            values=values,
            dims=self.dims,
            unit=unit,
            uncertainty=uncertainty,
            axes=self.placed_axes,
            masks={EMPTY: self.empty} if self.empty.any() else {},
            metadata=without(metadata, pattern.sizes) if metadata else metadata,
            history=Past(pattern.past, None, entry, pattern.naming, None),
        )


def _other_pixels(what: str, found: tuple[int, ...], needed: tuple[int, ...]) -> GumtreeError:
    several = len(found) > len(needed) and found[-len(needed) :] == needed
    do = "integrate one frame after the other" if several else "make the plan for this detector"
    return GumtreeError(
        "PIXELS_DIFFER",
        f"{what} is of the shape {found}, but the integration was planned for a detector of {needed}; {do}.",
    )
