"""Sectors, annuli, cuts and maps, with and without split pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gumtree_core.data import Dataset, errors, poisson, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.detector.geometry import Geometry
from gumtree_core.reduction.integration import (
    annulus,
    circle,
    circular,
    cut,
    free_bins,
    horizontal,
    phi_bins,
    q_bins,
    q_grid,
    rectangle,
    sector,
    vertical,
)  # fmt: skip

DETECTOR = Geometry((40, 50), 2000.0, 5.0, 4.0, 22.3, 17.2)
MAP = DETECTOR.q_map(5.0)
ALL = q_bins(0.0, float(MAP.q.max()) * 1.05, 15)
ALONG = free_bins(np.linspace(-0.12, 0.12, 25), "along")
BOTH = pytest.mark.parametrize("split", [False, True])


def frame(seed: int = 1, mean: float = 5.0) -> Dataset:
    return poisson(np.random.default_rng(seed).poisson(mean, MAP.shape), 0, dims=("y", "x"))


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.booleans())
@settings(max_examples=20)
def test_counts_are_conserved(seed, bins, split):
    counts = frame(seed)
    plan = circle(MAP, q_bins(0.0, float(MAP.q.max()) * 1.05, bins), split=split)

    assert plan.sum(counts).values.sum() == pytest.approx(counts.values.sum(), rel=1e-9)
    assert plan.area.sum() == pytest.approx(MAP.q.size, rel=1e-9)
    assert plan.sum(counts).covariance().sum() == pytest.approx(counts.values.sum(), rel=1e-9)


@BOTH
@pytest.mark.parametrize("first", [0.0, 17.3, -90.0])
def test_sectors_add_up_to_the_circle(split, first):
    counts = frame()
    parts = [
        sector(MAP, ALL, first + 15, 30, both_sides=True, split=split),
        sector(MAP, ALL, first + 105, 150, split=split),
        sector(MAP, ALL, first + 285, 150, split=split),
    ]

    total = sum(part.sum(counts).values for part in parts)

    assert total == pytest.approx(circle(MAP, ALL, split=split).sum(counts).values, rel=1e-9)


@BOTH
def test_a_wide_sector_is_what_the_narrow_one_leaves(split):
    counts = frame()

    together = sum(
        sector(MAP, ALL, phi, w, split=split).sum(counts).values for phi, w in [(40, 70), (220, 290)]
    )

    assert together == pytest.approx(circle(MAP, ALL, split=split).sum(counts).values, rel=1e-9)
    whole = sector(MAP, ALL, 12.0, 360, split=split).sum(counts).values
    assert whole == pytest.approx(circle(MAP, ALL, split=split).sum(counts).values)


@BOTH
@given(st.floats(-180, 180))
@settings(max_examples=10, deadline=None)
def test_the_ring_in_phi_holds_what_the_rings_in_q_hold(split, first):
    counts = frame()
    ring = q_bins(0.02, 0.05, 3)

    by_phi = annulus(MAP, phi_bins(first, first + 360, 24), 0.02, 0.05, split=split).sum(counts)

    assert by_phi.values.sum() == pytest.approx(circle(MAP, ring, split=split).sum(counts).values.sum())
    assert by_phi.dims == ("phi",)


def test_areas_of_split_pixels_are_those_of_the_figures():
    """An even map around the beam: ring, wedge and strip have the areas of Euclid."""
    fine = Geometry((60, 60), 1e6, 5.0, 5.0, 29.5, 29.5).q_map(5.0)
    pixel = 2 * np.pi / 5 * 5 / 1e6  # in 1/angstrom
    q = free_bins(np.array([3.3, 7.9, 25.2]) * pixel)

    assert circle(fine, q, split=True).area == pytest.approx(
        np.pi * np.array([7.9**2 - 3.3**2, 25.2**2 - 7.9**2]), rel=1e-6
    )
    assert sector(fine, q, 33, 20, split=True).area == pytest.approx(
        np.pi / 18 * np.array([7.9**2 - 3.3**2, 25.2**2 - 7.9**2]), rel=1e-6
    )
    ring = annulus(fine, phi_bins(-10, 80, 5), 3.3 * pixel, 7.9 * pixel, split=True)
    assert ring.area == pytest.approx(np.full(5, np.pi * (7.9**2 - 3.3**2) / 20), rel=1e-6)
    along = free_bins(np.array([-4.2, 0.3, 1.0]) * pixel, "along")
    assert cut(fine, along, 27, 6.4 * pixel, offset=2 * pixel, split=True).area == pytest.approx(
        6.4 * np.array([4.5, 0.7]), rel=1e-6
    )
    box = rectangle(
        fine,
        free_bins(np.array([0, 90]) * pixel),
        (-3.1 * pixel, 2 * pixel),
        (1 * pixel, 2.5 * pixel),
        split=True,
    )
    assert box.area == pytest.approx([5.1 * 1.5], rel=1e-6)


@BOTH
def test_a_map_has_the_sums_of_its_rows_and_columns(split):
    counts = frame()
    x, y = free_bins(np.linspace(-0.2, 0.2, 12), "qx"), free_bins(np.linspace(-0.15, 0.15, 9), "qy")

    grid = q_grid(MAP, x, y, split=split).sum(counts)

    assert grid.dims == ("qy", "qx")
    assert grid.values.sum() == pytest.approx(counts.values.sum(), rel=1e-9)
    columns = horizontal(MAP, x, 10.0, split=split).sum(counts)
    rows = vertical(MAP, y, 10.0, split=split).sum(counts)
    assert grid.values.sum(axis=0) == pytest.approx(columns.values, abs=1e-8)
    assert grid.values.sum(axis=1) == pytest.approx(rows.values, abs=1e-8)


@BOTH
def test_a_flat_pattern_is_flat_in_every_shape(split):
    flat = Dataset(np.full(MAP.shape, 3.0), np.full(MAP.shape, 3.0), dims=("y", "x"))
    plans = [
        circle(MAP, ALL, split=split),
        sector(MAP, ALL, 30, 40, both_sides=True, split=split),
        annulus(MAP, phi_bins(0, 360, 12), 0.02, 0.06, split=split),
        cut(MAP, ALONG, 33, 0.02, split=split),
        horizontal(MAP, ALONG, 0.02, split=split),
        rectangle(MAP, ALL, (0.01, 0.05), (-0.02, 0.03), split=split),
    ]

    for plan in plans:
        for weighting in ("area", "inverse variance"):
            curve = plan.average(flat, weighting)
            kept = curve.values[~(np.zeros(curve.shape, bool) if curve.mask is None else curve.mask)]
            assert kept.size
            assert kept == pytest.approx(3.0, rel=1e-9)


@BOTH
@given(st.floats(1e-3, 1e3))
@settings(max_examples=10)
def test_integration_commutes_with_scaling(split, factor):
    plan = circle(MAP, ALL, split=split)
    counts = frame()

    scaled, after = plan.average(counts * factor), plan.average(counts) * factor

    assert scaled.values == pytest.approx(after.values, rel=1e-12)
    assert scaled.variances == pytest.approx(after.variances, rel=1e-12)
    assert (scaled - after).variances == pytest.approx(0, abs=1e-12 * factor**2)


@BOTH
def test_turning_detector_and_pattern_turns_nothing_in_the_curve(split):
    side = Geometry((30, 30), 1500.0, 5.0, 5.0, 14.5, 14.5).q_map(5.0)
    counts = np.random.default_rng(4).poisson(20, (30, 30))
    bins = q_bins(0.0, 0.06, 10)
    straight, turned = (poisson(c, 0, dims=("y", "x")) for c in (counts, np.rot90(counts, -1)))

    assert sector(side, bins, 20, 35, split=split).sum(straight).values == pytest.approx(
        sector(side, bins, 110, 35, split=split).sum(turned).values
    )


def test_split_pixels_share_their_errors_between_the_bins():
    counts = frame(mean=100.0)
    plan = circle(MAP, ALL, split=True)

    curve = plan.sum(counts)

    shares = np.zeros((15, MAP.q.size))
    shares[plan.members.bin, plan.members.pixel] = plan.members.share
    exact = shares @ np.diag(counts.values.ravel().astype(float)) @ shares.T
    assert curve.covariance() == pytest.approx(exact, rel=1e-12, abs=1e-9)
    assert curve.variances == pytest.approx(np.diag(exact), rel=1e-12)
    assert (curve - curve).variances == pytest.approx(0.0, abs=1e-9)


@BOTH
@pytest.mark.parametrize("weighting", ["area", "inverse variance"])
@pytest.mark.parametrize("mode", ["exact", "independent"])
def test_the_plan_is_what_the_dataset_itself_would_give(split, weighting, mode):
    """Against sums of Datasets, with errors of pixels, of one row, of all pixels, and a mask."""
    rng = np.random.default_rng(3)
    flood = Dataset(rng.uniform(0.9, 1.1, MAP.shape), np.full(MAP.shape, 1e-4), dims=("y", "x"))
    rows = Dataset(rng.uniform(1, 2, 40), np.full(40, 0.01), dims=("y",))
    plan = circle(MAP, ALL, split=split)
    with errors(mode):
        simple = ((frame(mean=50) - scalar(2, 0.2)) / flood / scalar(7.0, 0.1)).with_masks(bad=MAP.q < 0.01)
        for pattern in (simple, simple * rows, frame(mean=50) * 3.0, frame(mean=50)):
            pattern = pattern.with_masks(none=np.nan_to_num(pattern.variances) == 0)
            weights = np.ones(MAP.shape) if weighting == "area" else 1 / pattern.variances
            weight = Dataset(np.nan_to_num(weights), dims=("y", "x"), masks=dict(pattern.masks))
            if split:
                at, share = plan.members.pixel, plan.members.share
                parts = [each.flatten()[at] * share for each in (pattern * weight, weight)]
                over = [part.bin_sum(plan.members.bin, 15, "q", axis=ALL) for part in parts]
            else:
                over = [
                    p.bin_sum(plan.members.rows(MAP.shape), 15, "q", axis=ALL)
                    for p in (pattern * weight, weight)
                ]
            expected = over[0] / over[1].without_errors()
            found = plan.average(pattern, weighting)
            assert found.values == pytest.approx(expected.values, rel=1e-12, nan_ok=True)
            assert found.variances == pytest.approx(expected.variances, rel=1e-11, nan_ok=True)
            if mode == "exact" and not split:
                ok = ~np.isnan(found.values)
                assert found.covariance()[np.ix_(ok, ok)] == pytest.approx(
                    expected.covariance()[np.ix_(ok, ok)], rel=1e-11, abs=1e-15
                )


def test_two_curves_of_one_flood_know_what_they_share():
    flood = Dataset(np.full(MAP.shape, 1.0), np.full(MAP.shape, 0.01), dims=("y", "x"))
    plan = circle(MAP, ALL)
    one, other = (plan.average(frame(k, 1000.0) / flood) for k in (1, 2))

    difference = one - other

    assert np.all(difference.variances < one.variances + other.variances - 1.0)


def test_average_by_counts_is_the_most_likely_one():
    rng = np.random.default_rng(5)
    expected = rng.uniform(0.05, 2.0, MAP.shape)
    normalization = Dataset(expected, dims=("y", "x"))
    counts = poisson(rng.poisson(3.0 * expected), 0, dims=("y", "x"))
    plan = circle(MAP, ALL)

    curve = plan.ratio(counts, normalization)

    assert curve.values == pytest.approx(plan.sum(counts).values / plan.sum(normalization).values)
    assert (((curve.values - 3.0) / curve.errors) ** 2).sum() < 40
    assert np.all(curve.errors[1:-1] < plan.average(counts / normalization).errors[1:-1])
    hole = normalization.with_masks(hole=MAP.phi > 0)
    assert plan.ratio(counts, hole).values == pytest.approx(
        plan.without(MAP.phi > 0).ratio(counts, normalization).values, nan_ok=True
    )


def test_a_plan_is_for_one_detector():
    plan = circle(MAP, ALL)

    with pytest.raises(GumtreeError) as refused:
        plan.average(Dataset(np.ones((3, 3)), dims=("y", "x")))

    assert refused.value.reason == "PIXELS_DIFFER"
    with pytest.raises(GumtreeError):
        plan.without(np.ones((3, 3), dtype=bool))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: sector(MAP, ALL, 0, 0), "BAD_SECTOR"),
        (lambda: sector(MAP, ALL, 0, 361), "BAD_SECTOR"),
        (lambda: sector(MAP, ALL, np.nan, 20), "BAD_SECTOR"),
        (lambda: cut(MAP, ALONG, np.nan, 0.01), "BAD_WIDTH"),
        (lambda: sector(MAP, ALL, 0, 181, both_sides=True), "BAD_SECTOR"),
        (lambda: annulus(MAP, phi_bins(0, 360, 4), 0.2, 0.1), "BAD_RANGE"),
        (lambda: annulus(MAP, phi_bins(0, 360, 1), 0.1, 0.2, split=True), "BAD_BINS"),
        (lambda: cut(MAP, ALONG, 0, 0), "BAD_WIDTH"),
        (lambda: rectangle(MAP, ALL, (0.1, 0.0), (0.0, 0.1)), "BAD_RANGE"),
        (lambda: phi_bins(0, 400, 4), "BAD_BINS"),
        (lambda: free_bins([0.1, 0.1, 0.2]), "BAD_BINS"),
        (lambda: free_bins([0.1]), "BAD_BINS"),
    ],
)
def test_shapes_that_are_none_are_refused(make, reason):
    with pytest.raises(GumtreeError) as refused:
        make()

    assert refused.value.reason == reason


def test_a_large_frame_shares_its_errors_too():
    big = Geometry((300, 300), 2000.0, 1.0, 1.0, 140.3, 150.1)
    counts = poisson(np.full((300, 300), 7), 0, dims=("y", "x")) / scalar(2.0, 0.1)
    bins = q_bins(0.0, 0.1, 20)

    whole = circular(counts, big.q(5.0), bins)
    split = circle(big.q_map(5.0), bins, split=True).average(counts)

    assert whole.correlation().min() > 0.1
    assert split.values == pytest.approx(3.5)
    assert (split - split).variances == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("mode", ["exact", "independent"])
@pytest.mark.parametrize("split", [False, True])
def test_errors_of_counts_are_summed_with_them_or_alone_alike(mode, split):
    counts = np.random.default_rng(4).poisson(9, MAP.qx.shape).astype(np.int32)
    bins = q_bins(0.0, float(MAP.q.max()), 7)
    plan = circle(MAP, bins, split=split)
    with errors(mode):
        together = plan.average(poisson(counts, 0, dims=("y", "x")))
        alone = plan.average(Dataset(counts, counts.astype(float), dims=("y", "x")))

        assert together.values == pytest.approx(alone.values)
        assert together.variances == pytest.approx(alone.variances)
        assert together.covariance() == pytest.approx(alone.covariance())


@BOTH
def test_frames_after_the_first_have_the_errors_that_each_would_have_alone(split):
    """A plan remembers the sums of what stays, here of the background; another mask is another plan."""
    rng = np.random.default_rng(5)
    flood = Dataset(rng.uniform(0.9, 1.1, MAP.shape), np.full(MAP.shape, 1e-3), dims=("y", "x"))
    transmission = scalar(0.7, 0.05)
    background = frame(9, 2.0) / flood + transmission * frame(10, 3.0)
    factor = 1 / (flood * transmission)
    for part in (background, factor):
        assert part.values is not None
        assert part.uncertainty
    plan = circle(MAP, ALL, split=split)
    masks = [np.zeros(MAP.shape, bool), MAP.q < 0.01, MAP.q < 0.01, MAP.qx > 0.02]

    for k, mask in enumerate(masks):
        pattern = (frame(k, 40.0) * factor - background).with_masks(some=mask)
        found = plan.average(pattern)
        alone = circle(MAP, ALL, split=split).average(pattern)
        sure = ~np.isnan(alone.values)

        assert np.array_equal(found.values, alone.values, equal_nan=True)
        assert np.array_equal(found.variances, alone.variances, equal_nan=True)
        assert np.array_equal(found.covariance()[np.ix_(sure, sure)], alone.covariance()[np.ix_(sure, sure)])
