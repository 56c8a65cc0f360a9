"""A plan of integration: which pixel belongs to which bin, made once and used for each frame."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Axis, Dataset
from gumtree_core.data.metadata import without
from gumtree_core.data.propagation.folding import BinSum, fold
from gumtree_core.data.propagation.restricting import restricted
from gumtree_core.data.propagation.selection import Selection
from gumtree_core.data.propagation.uncertainty import (
    REMEMBERED,
    Source,
    Term,
    Uncertainty,
    independent,
)
from gumtree_core.data.reducing.reductions import EMPTY
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.integration_members import Array, Members, Split, Whole

Weighting = Literal["area", "inverse variance"]

_ONE = np.ones(1)


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
    def placed_axes(self) -> dict[str, Axis]:
        """Edges by dimension."""
        return {dim: axis.placed((dim,), dim) for dim, axis in zip(self.dims, self.axes, strict=True)}

    @cached_property
    def area(self) -> Array:
        """Pixels in each bin, in the shape of the result; parts of pixels where they are split."""
        return self.members.total(np.ones(prod(self.shape))).reshape(self.result_shape)

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
        return Plan(self.shape, self.members.without(mask.reshape(-1)), self.axes)

    def sum(self, pattern: Dataset) -> Dataset:
        """Sum what lies in each bin; as `average`, except that a bin without pixels is 0 (and masked)."""
        entry = f"{pattern.name} summed over bins of {', '.join(self.dims)}"
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
            PIXELS_DIFFER.
        """
        entry = f"{pattern.name} averaged over bins of {', '.join(self.dims)} by {weighting}"
        weights = None
        plan = self
        if weighting == "inverse variance" and pattern.variances is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                weights = (1 / pattern.variances).reshape(-1)
            useless = ~np.isfinite(weights)
            if useless.any():
                plan = self.without(useless.reshape(self.shape)) if pattern.shape == self.shape else self
                weights = np.where(useless, 0.0, weights)
        used, sums, uncertainty = plan._sums(pattern, weights, entry)
        norm = used.area if weights is None else used.members.total(weights).reshape(self.result_shape)
        with np.errstate(divide="ignore", invalid="ignore"):
            averages, factor = sums / norm, 1 / norm
        scaled = uncertainty.scaled(np.where(used.empty, np.nan, factor) if used.empty.any() else factor)
        return used._result(pattern, averages, scaled, pattern.unit, entry)

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
        mask = pattern.mask
        plan = self if mask is None or not mask.any() else self.without(mask)
        values = pattern.values.reshape(-1)
        first = _whole(pattern.uncertainty, self.shape)
        if weights is None and first is not None and not independent():
            sums, variances = plan.members.both(values, first)
            if np.isfinite(sums).all():
                terms = (plan._folded(pattern.uncertainty.terms[0], _ONE, variances),)
                return plan, sums.reshape(self.result_shape), Uncertainty(terms)
        weighed = values if weights is None else values * weights
        sums = plan.members.total(weighed)
        if not np.isfinite(sums).all():
            plan = plan.without(~np.isfinite(weighed).reshape(self.shape))
            sums = plan.members.total(weighed)
        uncertainty = plan._errors(pattern, weights, entry)
        return plan, sums.reshape(self.result_shape), uncertainty

    def _errors(self, pattern: Dataset, weights: Array | None, entry: str) -> Uncertainty:
        uncertainty, members = pattern.uncertainty, self.members
        if not uncertainty:
            return uncertainty
        if independent():
            variances = np.ascontiguousarray(pattern.variances, dtype=np.float64).reshape(-1)
            spread = members.spread(_ONE if weights is None else weights, variances)
            return Uncertainty.of(spread.reshape(self.result_shape))
        if not all(_simple(term, self.shape) for term in uncertainty.terms):
            return self._general(uncertainty, weights, entry)
        terms = []
        for term in uncertainty.terms:
            coefficients = np.ascontiguousarray(term.coefficient).reshape(-1)
            if term.selection.is_constant:
                each = coefficients if weights is None else coefficients * weights
                total = self.area.reshape(-1) * each if each.size == 1 else members.total(each)
                selection = Selection(term.selection.offset, (0,) * len(self.axes))
                terms.append(Term(term.source, selection, total.reshape(self.result_shape)))
                continue
            each = coefficients if weights is None else coefficients * weights
            at = term.selection.offset
            factor, each = (each.item(), _ONE) if each.size == 1 else (1.0, each)
            spread = members.spread(each, term.source.variances[at : at + prod(self.shape)])
            terms.append(self._folded(term, each, spread, factor))
        return Uncertainty(tuple(terms))

    def _folded(self, term: Term, coefficients: Array, spread: Array, factor: float = 1.0) -> Term:
        """A new source of what the bins sum of an old one; a factor common to all stays outside."""
        overlapping = self.members.overlapping
        if overlapping or prod(self.shape) <= REMEMBERED:
            recipe = self.members.recipe(term, coefficients, self.shape)
            source = Source(spread, recipe=recipe, correlated=overlapping)
        else:
            state = hashlib.sha256(
                f"{self.members.identity} {term.source.id} {term.selection.offset}".encode()
            )
            if coefficients.size > 1:
                state.update(coefficients.tobytes())
            source = Source(spread, state.hexdigest()[:32], ancestors=term.source.relatives)
        return Term(source, Selection.whole(self.result_shape), np.full((1,) * len(self.axes), factor))

    def _general(self, uncertainty: Uncertainty, weights: Array | None, entry: str) -> Uncertainty:
        """Errors that only part of the pixels share, or that are sums themselves."""
        shape = self.shape
        if isinstance(self.members, Whole):
            rows = self.members.rows(shape)
            weighed = uncertainty if weights is None else uncertainty.scaled(weights.reshape(shape))
            # what takes no part may have errors that are no numbers
            return fold(restricted(weighed, rows >= 0, shape), BinSum(shape, self.result_shape, rows), entry)
        assert isinstance(self.members, Split)
        pixel = self.members.pixel
        share = self.members.share if weights is None else self.members.share * weights[pixel]
        parts = uncertainty.picked(pixel, shape).scaled(share)
        return fold(parts, BinSum(pixel.shape, self.result_shape, self.members.bin), entry)

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
            history=(*pattern.history, entry),
        )


def _whole(uncertainty: Uncertainty, shape: tuple[int, ...]) -> Array | None:
    """The variances of the pixels where they have one independent source and nothing else."""
    if len(uncertainty.terms) != 1:
        return None
    (term,) = uncertainty.terms
    if term.selection.is_constant or term.coefficient.size != 1 or term.coefficient.item() != 1:
        return None
    if not _simple(term, shape):
        return None
    return term.source.variances[term.selection.offset :][: prod(shape)]


def _simple(term: Term, shape: tuple[int, ...]) -> bool:
    """Whether all pixels share one error, or each has its own, and it is related with no other."""
    source, selection = term.source, term.selection
    if source.recipe is not None or source.ancestors or source.correlated or selection.table is not None:
        return False
    if selection.is_constant:
        return term.coefficient.size in (1, prod(shape))
    return selection.strides == Selection.whole(shape).strides and term.coefficient.size in (1, prod(shape))


def _other_pixels(what: str, found: tuple[int, ...], needed: tuple[int, ...]) -> GumtreeError:
    return GumtreeError(
        "PIXELS_DIFFER",
        f"{what} is of the shape {found}, but the integration was planned for a detector of {needed}; make "
        "the plan for this detector.",
    )
