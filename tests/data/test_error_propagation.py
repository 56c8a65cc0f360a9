"""Errors against the `uncertainties` package, which is exact to first order, element by element."""

import pickle
import warnings

import numpy as np
import pytest
import uncertainties
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from uncertainties import umath, unumpy

from gumtree_core.data import (
    CorrelationWarning,
    Dataset,
    concatenate,
    errors,
    poisson,
    scalar,
    stack,
)
from gumtree_core.data.expressions import deferring as deferring_module
from gumtree_core.data.mathematics import running as running_module
from gumtree_core.data.propagation import folding as folding_module
from gumtree_core.data.propagation import uncertainty as uncertainty_module
from gumtree_core.data.reducing import rebinning as rebinning_module
from gumtree_core.errors import GumtreeError

SHAPE = (3, 4)
DIMS = ("y", "x")


class Pair:
    """One expression twice: as a Dataset, and as an object array of `uncertainties`."""

    def __init__(self, ours: Dataset, theirs: np.ndarray) -> None:
        self.ours, self.theirs = ours, np.asarray(theirs, dtype=object)

    @classmethod
    def fresh(cls, values, spread, dims) -> "Pair":
        return cls(Dataset(values, np.square(spread), dims=dims), unumpy.uarray(values, spread))

    def check(self) -> None:
        flat = list(self.theirs.reshape(-1))
        assert_allclose(self.ours.values.reshape(-1), [item.n for item in flat], rtol=1e-9, atol=1e-12)
        expected = np.array(uncertainties.covariance_matrix(flat))
        scale = max(1.0, np.abs(expected).max())
        variances = np.zeros(self.ours.shape) if self.ours.variances is None else self.ours.variances
        assert_allclose(variances.reshape(-1), np.diagonal(expected), rtol=1e-9, atol=1e-9 * scale)
        assert_allclose(self.ours.covariance(), expected, rtol=1e-9, atol=1e-9 * scale)


def aligned(pair: Pair) -> np.ndarray:
    """View the object array so that NumPy broadcasts it as the names of its dimensions say."""
    index = tuple(slice(None) if name in pair.ours.dims else np.newaxis for name in DIMS)
    order = [pair.ours.dims.index(name) for name in DIMS if name in pair.ours.dims]
    return pair.theirs.transpose(order)[index]


def squeezed(result: np.ndarray, ours: Dataset) -> np.ndarray:
    kept = [k for k, name in enumerate(DIMS) if name in ours.dims]
    gone = tuple(k for k in range(2) if k not in kept)
    order = [sorted(ours.dims, key=DIMS.index).index(name) for name in ours.dims]
    return np.asarray(np.squeeze(np.broadcast_to(result, result.shape), axis=gone)).transpose(order)


def binary(symbol: str, one: Pair, other: Pair) -> Pair:
    operation = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / (b * b + 1.0),
        "**": lambda a, b: (a * a + 1.0) ** (b * 0.1),
    }[symbol]
    ours = operation(one.ours, other.ours)
    return Pair(ours, squeezed(operation(aligned(one), aligned(other)), ours))


def unary(name: str, pair: Pair) -> Pair:
    ours, theirs = {
        "sin": (np.sin, umath.sin),
        "cos": (np.cos, umath.cos),
        "arctan": (np.arctan, umath.atan),
        "tanh": (np.tanh, umath.tanh),
        "log1p of square": (lambda x: np.log1p(x * x), lambda x: umath.log1p(x * x)),
        "exp of sine": (lambda x: np.exp(np.sin(x)), lambda x: umath.exp(umath.sin(x))),
        "root": (lambda x: np.sqrt(x * x + 1.0), lambda x: umath.sqrt(x * x + 1.0)),
        "square": (np.square, lambda x: x * x),
        "negative": (lambda x: -x, lambda x: -x),
    }[name]
    return Pair(ours(pair.ours).replace(unit=""), np.vectorize(theirs, otypes=[object])(pair.theirs))


def summed(dims: tuple[str, ...], pair: Pair) -> Pair:
    dims = tuple(name for name in dims if name in pair.ours.dims)
    axes = tuple(pair.ours.dims.index(name) for name in dims)
    return Pair(pair.ours.sum(dims), np.sum(pair.theirs, axis=axes)) if dims else pair


def averaged(pair: Pair) -> Pair:
    return Pair(pair.ours.mean(), np.mean(pair.theirs)) if pair.ours.ndim else pair


def shifted(pair: Pair) -> Pair:
    """Elements next to each other meet, and their difference depends on each source twice."""
    if "x" not in pair.ours.dims or pair.ours.sizes["x"] < 2:
        return pair
    axis = pair.ours.dims.index("x")
    lead = (slice(None),) * axis
    theirs = pair.theirs[(*lead, slice(1, None))] - pair.theirs[(*lead, slice(None, -1))] * 0.5
    first = pair.theirs[(*lead, slice(0, 1))]
    ours = pair.ours["x", 1:] - pair.ours["x", :-1] * 0.5
    return Pair(concatenate([pair.ours["x", 0:1], ours], "x"), np.concatenate([first, theirs], axis))


def binned(pair: Pair) -> Pair:
    """Put the elements into three bins along x, and one of them into none."""
    if pair.ours.dims != DIMS:
        return pair
    index = np.array([[0, 1, 2, 3], [2, 2, -1, 0], [1, 1, 1, 3]])
    theirs = np.array([pair.theirs[index == k].sum() for k in range(4)], dtype=object)
    return Pair(pair.ours.bin_sum(index, 4, "x"), theirs)


def picked(pair: Pair) -> Pair:
    """Take the elements along x in another order, one of them twice."""
    if "x" not in pair.ours.dims:
        return pair
    order = [3, 0, 0, 2]
    lead = (slice(None),) * pair.ours.dims.index("x")
    return Pair(pair.ours[(*lead, order)], pair.theirs[(*lead, order)])


OLD, NEW = np.array([0.0, 1.0, 2.5, 3.0, 5.0]), np.array([0.2, 0.4, 2.6, 2.8, 5.0])
OVERLAP = np.maximum(np.minimum(NEW[1:, None], OLD[1:]) - np.maximum(NEW[:-1, None], OLD[:-1]), 0)
POINTS = [0.0, 0.3, 2.9, 3.0]
MATRIX = np.array([[1.0, -0.5, 0, 0], [0, 1, 0.3, 0], [0.2, 0, 0, 1], [0, 0, 1, -1]])
ALONG = {
    "rebin": (lambda d: d.with_axes(x=OLD).rebin("x", NEW), OVERLAP / np.diff(OLD)),
    "density": (
        lambda d: d.with_axes(x=OLD).rebin("x", NEW, density=True),
        OVERLAP / OVERLAP.sum(axis=1, keepdims=True),
    ),
    "interpolate": (
        lambda d: d.with_axes(x=OLD[:4]).interpolate("x", POINTS),
        np.stack([np.interp(POINTS, OLD[:4], unit) for unit in np.eye(4)], axis=1),
    ),
    "gradient": (lambda d: d.with_axes(x=OLD[:4]).gradient("x"), np.gradient(np.eye(4), OLD[:4], axis=0)),
    "cumsum": (lambda d: d.cumsum("x"), np.tri(4)),
    "roll": (lambda d: d.roll("x", 1), np.roll(np.eye(4), 1, axis=0)),
    "matrix": (lambda d: (d.transpose("y", "x") @ MATRIX.T).rename(column="x").transpose(*d.dims), MATRIX),
    "flatten": (
        lambda d: d.flatten(("x",), "e").reshape({"x": 2, "z": 2}).flatten(("x", "z"), "x"),
        np.eye(4),
    ),
}


def along_x(name: str, pair: Pair) -> Pair:
    """Weighted sums of the elements along x, as many as before."""
    dims = pair.ours.dims
    function, matrix = ALONG[name]
    if (
        "x" not in dims
        or pair.ours.sizes["x"] != 4
        or (name == "matrix" and sorted(dims) != sorted(DIMS))
        or (name == "flatten" and dims != ("x",))
    ):
        return pair
    axis = dims.index("x")
    theirs = np.moveaxis(np.moveaxis(pair.theirs, axis, -1) @ matrix.T, -1, axis)
    return Pair(function(pair.ours).replace(axes={}, unit=""), theirs)


STEPS = (
    [("binary", symbol) for symbol in ("+", "-", "*", "/", "**")]
    + [("unary", name) for name in ("sin", "cos", "arctan", "tanh", "log1p of square", "exp of sine")]
    + [("unary", name) for name in ("root", "square", "negative")]
    + [("sum", dims) for dims in (("x",), ("y",), ("y", "x"))]
    + [(name, None) for name in ("mean", "shift", "bin", "pick", "transpose")]
    + [("along", name) for name in ALONG]
)


def take_step(step, pool: list[Pair], i: int, j: int) -> Pair:
    kind, what = step
    one, other = pool[i % len(pool)], pool[j % len(pool)]
    if kind == "binary":
        return binary(what, one, other)
    if kind == "unary":
        return unary(what, one)
    if kind == "sum":
        return summed(what, one)
    if kind == "along":
        return along_x(what, one)
    if kind == "transpose":
        return Pair(one.ours.transpose(), one.theirs.T)
    return {"mean": averaged, "shift": shifted, "bin": binned, "pick": picked}[kind](one)


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    steps=st.lists(
        st.tuples(st.sampled_from(STEPS), st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=7
    ),
)
def test_any_expression_has_the_covariance_that_first_order_propagation_gives(seed, steps):
    random = np.random.default_rng(seed)
    pool = [
        Pair.fresh(random.uniform(0.5, 2, shape), random.uniform(0.01, 0.2, shape), dims)
        for shape, dims in ((SHAPE, DIMS), (SHAPE, DIMS), ((4,), ("x",)), ((3,), ("y",)), ((), ()))
    ]
    for step, i, j in steps:
        result = take_step(step, pool, i, j)
        if not np.isfinite(result.ours.values).all() or np.abs(result.ours.values).max() > 1e6:
            continue
        result.check()
        pool.append(result)


FUSED = [("binary", symbol) for symbol in "+-*/"] + [
    ("unary", name) for name in ("root", "square", "negative")
]


@settings(max_examples=250, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    steps=st.lists(
        st.tuples(st.sampled_from(FUSED), st.integers(0, 20), st.integers(0, 20), st.booleans()),
        min_size=2,
        max_size=14,
    ),
    same_shape=st.booleans(),
)
def test_what_is_put_off_gives_the_same_whenever_it_is_asked_for(seed, steps, same_shape):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deferring_module, "SHORTEST", 2)  # rows that begin again are put off too
        check_put_off(np.random.default_rng(seed), steps, same_shape)


def check_put_off(random, steps, same_shape):
    more = ((SHAPE, DIMS),) if same_shape else (((4,), ("x",)), ((3,), ("y",)))
    shapes = ((SHAPE, DIMS), (SHAPE, DIMS), ((), ()), *more)
    pool = [
        Pair.fresh(random.uniform(0.5, 2, shape), random.uniform(0.01, 0.2, shape), dims)
        for shape, dims in shapes
    ]
    for step, i, j, asked in steps:
        result = take_step(step, pool, i, j)
        nominal = np.abs([item.n for item in result.theirs.reshape(-1)])
        if not np.isfinite(nominal).all() or nominal.max() > 1e6 or nominal.min() < 1e-6:
            continue
        if asked:
            result.check()
        pool.append(result)
    for k in random.permutation(len(pool)):
        pool[k].check()


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    steps=st.lists(
        st.tuples(st.sampled_from(STEPS), st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=6
    ),
)
def test_where_sums_forget_their_summands_the_variance_is_exact_or_a_warning_is_given(seed, steps):
    random = np.random.default_rng(seed)
    pool = [
        Pair.fresh(random.uniform(0.5, 2, shape), random.uniform(0.01, 0.2, shape), dims)
        for shape, dims in ((SHAPE, DIMS), ((4,), ("x",)), ((3,), ("y",)), ((), ()))
    ]
    with pytest.MonkeyPatch.context() as patch:
        for module in (folding_module, rebinning_module, running_module, uncertainty_module):
            patch.setattr(module, "REMEMBERED", 3)
        for step, i, j in steps:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", CorrelationWarning)
                result = take_step(step, pool, i, j)
            values = result.ours.values
            if caught or not np.isfinite(values).all() or np.abs(values).max() > 1e6:
                continue
            expected = np.array([item.s**2 for item in result.theirs.reshape(-1)])
            variances = np.zeros(values.shape) if result.ours.variances is None else result.ours.variances
            assert_allclose(variances.reshape(-1), expected, rtol=1e-8, atol=1e-9 * max(1.0, expected.max()))
            pool.append(result)


@pytest.fixture
def counts() -> Dataset:
    return Dataset([4.0, 9.0, 16.0], "poisson", unit="counts", title="counts")


@pytest.fixture
def background() -> Dataset:
    return Dataset([1.0, 2.0, 3.0], [0.5, 0.25, 0.125], unit="counts", title="background")


def test_a_dataset_minus_itself_is_exactly_zero(counts):
    difference = counts - counts

    assert (difference.values == 0).all()
    assert (difference.variances == 0).all()


def test_sums_of_one_dataset_cancel_exactly(counts):
    assert float((counts.sum() - counts.sum()).variances) == 0
    assert float(((2 * counts).sum() - 2 * counts.sum()).variances) == 0


def test_twice_a_dataset_minus_itself_has_its_variance(counts):
    assert_allclose((2 * counts - counts).variances, counts.variances, rtol=1e-15)


def test_adding_and_taking_away_leaves_the_variance(counts, background):
    assert_allclose(((counts + background) - background).variances, counts.variances, rtol=1e-15)


def test_a_fraction_of_a_sum_knows_that_both_hold_the_same_counts(counts, background):
    a, c = counts.values, background.values
    expected = (c**2 * counts.variances + a**2 * background.variances) / (a + c) ** 4

    assert_allclose((counts / (counts + background)).variances, expected, rtol=1e-12)


def test_a_monitor_stays_shared_by_all_pixels_in_their_sum():
    frame = Dataset(np.full((10, 100), 100.0), "poisson", unit="counts")
    monitor = scalar(1000.0, 100.0, "counts")

    average = (frame / monitor).mean()

    assert_allclose(float(average.errors), 0.1 * np.hypot(0.1, 1 / np.sqrt(1000 * 100)), rtol=1e-12)


def test_a_monitor_correlates_the_bins_of_a_curve():
    frame = Dataset(np.full((4, 6), 100.0), "poisson", unit="counts")
    curve = (frame / scalar(10.0, 1.0)).bin_sum(np.arange(24).reshape(4, 6) % 3, 3, "q")

    shared = (800.0 / 100.0) ** 2
    assert_allclose(curve.covariance(), np.full((3, 3), shared) + np.diag([800.0 / 100.0] * 3), rtol=1e-12)
    assert_allclose(curve.correlation()[0, 1], shared / (shared + 8.0), rtol=1e-12)


def test_a_flood_field_stays_shared_by_the_frames_of_a_scan():
    scan = Dataset(np.full((2, 3, 4), 100.0), "poisson", dims=("point", "y", "x"))
    flood = Dataset(np.ones((3, 4)), np.full((3, 4), 0.01))

    rates = (scan / flood).sum(("y", "x"))

    shared = 12 * 100.0**2 * 0.01
    assert_allclose(rates.covariance(), [[1200 + shared, shared], [shared, 1200 + shared]], rtol=1e-12)


def test_sums_that_have_errors_in_common_are_added_up_and_multiplied_rightly():
    efficiency = Dataset([1.0, 2.0, 3.0, 4.0], [0.1, 0.2, 0.3, 0.4], dims="x")
    frame = Dataset(np.arange(12.0).reshape(3, 4))

    rows = (frame * efficiency).sum("x")

    slopes = frame.values
    assert_allclose(rows.covariance(), slopes * efficiency.variances @ slopes.T, rtol=1e-12)
    direct = (frame * efficiency).sum()
    assert_allclose(float(rows.sum().variances), float(direct.variances), rtol=1e-12)
    by_bins = rows.bin_sum(np.array([0, 1, 0]), 2, "half")
    assert_allclose(by_bins.covariance()[0, 0], np.square(slopes[0] + slopes[2]) @ efficiency.variances)
    assert_allclose(float(by_bins.sum().variances), float(direct.variances), rtol=1e-12)
    gradient = rows.values[0] * slopes[1] + rows.values[1] * slopes[0]
    assert_allclose(
        float((rows[0] * rows[1]).variances), np.square(gradient) @ efficiency.variances, rtol=1e-12
    )


def test_a_long_running_sum_remembers_what_its_parts_have_in_common():
    random = np.random.default_rng(4)
    frames = [Dataset(random.uniform(1, 9, 5), "poisson") for _ in range(40)]

    total = frames[0] - frames[0].mean()
    for frame in frames[1:]:
        total = total + (frame - frame.mean())

    v = sum(frame.variances for frame in frames)
    assert_allclose(total.variances, v * (1 - 2 / 5) + v.sum() / 25, rtol=1e-12)


def test_a_frame_may_meet_its_own_sum_again():
    frame = Dataset(np.arange(1.0, 37).reshape(6, 6), "poisson")

    share = frame / frame.sum()

    n, total = frame.values, frame.values.sum()
    assert_allclose(share.variances, n * (total - n) / total**3, rtol=1e-12)
    assert float(share.sum().errors) < 1e-8


def test_two_curves_that_share_a_flood_field_can_be_subtracted_after_integration():
    random = np.random.default_rng(1)
    flood = Dataset(random.uniform(0.9, 1.1, (8, 8)), np.full((8, 8), 1e-3))
    sample = Dataset(random.uniform(10, 20, (8, 8)), np.zeros((8, 8)))
    empty = Dataset(random.uniform(10, 20, (8, 8)), np.zeros((8, 8)))
    index = random.integers(0, 5, (8, 8))

    after = (sample / flood).bin_sum(index, 5, "q") - (empty / flood).bin_sum(index, 5, "q")
    before = ((sample - empty) / flood).bin_sum(index, 5, "q")

    assert_allclose(after.variances, before.variances, rtol=1e-9)


def test_a_large_sum_that_meets_its_summands_warns_and_names_the_operation(monkeypatch):
    monkeypatch.setattr(uncertainty_module, "REMEMBERED", 10)
    monkeypatch.setattr("gumtree_core.data.propagation.folding.REMEMBERED", 10)
    frame = Dataset(np.full((4, 4), 100.0), "poisson", title="frame")
    total = frame.sum().replace(title="total")

    with pytest.warns(CorrelationWarning, match=r"frame / total.*approximate"):
        frame / total
    assert float((total - frame.sum()).variances) == 0


def test_the_warning_points_at_the_line_of_the_user(monkeypatch):
    monkeypatch.setattr("gumtree_core.data.propagation.folding.REMEMBERED", 10)
    frame = Dataset(np.full((4, 4), 100.0), "poisson")

    with pytest.warns(CorrelationWarning) as caught:
        frame / frame.sum()
    assert caught[0].filename == __file__


def test_many_parts_that_are_joined_keep_their_errors_and_warn_when_they_meet_again():
    parts = [Dataset(np.full((70, 70), k + 1.0), "poisson") for k in range(40)]

    whole = stack(parts, "point")

    assert_allclose(whole.variances[:, 0, 0], np.arange(1, 41))
    assert len(whole.uncertainty.terms) == 1
    with pytest.warns(CorrelationWarning):
        whole - parts[0]


def test_the_parts_of_a_dataset_joined_again_are_the_dataset(counts):
    again = concatenate([counts[:1], counts[1:]], "x")

    assert ((again - counts).variances == 0).all()


def test_independent_errors_give_the_usual_approximation(counts, background):
    with errors("independent"):
        assert_allclose((counts - counts).variances, 2 * counts.variances)
        frame = counts / scalar(2.0, 0.2)
        assert_allclose(float(frame.sum().variances), frame.variances.sum())
    assert ((counts - counts).variances == 0).all()


def test_a_pickled_dataset_is_still_the_same_source(counts):
    again = pickle.loads(pickle.dumps(counts))
    total = pickle.loads(pickle.dumps(counts.sum()))

    assert ((again - counts).variances == 0).all()
    assert float((total - counts.sum()).variances) == 0


def test_data_that_is_read_twice_is_one_source_if_it_says_so():
    once, twice = (Dataset([4.0, 9.0], "poisson", source="0f3a:detector") for _ in range(2))

    assert ((once - twice).variances == 0).all()


def test_one_name_for_two_different_sources_is_refused():
    one, other = Dataset([4.0], "poisson", source="file"), Dataset([5.0], "poisson", source="file")

    with pytest.raises(Exception, match="claim to be the source 'file'") as caught:
        (one + other).values.sum()
    assert caught.value.reason == "SOURCE_MISMATCH"


def test_an_unknown_way_of_errors_is_refused():
    with pytest.raises(Exception, match="'exact' or 'independent'") as caught, errors("guess"):
        pass
    assert caught.value.reason == "BAD_ERROR_MODE"


def test_monte_carlo_agrees_with_a_chain_that_shares_monitor_and_transmission():
    random = np.random.default_rng(3)
    n = 20_000
    counts, dark = random.uniform(200, 400, 6), np.full(6, 20.0)
    sample = Dataset(counts, "poisson")
    noise = Dataset(dark, "poisson")
    monitor, transmission = scalar(1e5, 1e3), scalar(0.8, 0.01)
    rate = (sample - noise) / monitor / transmission
    ours = rate / rate.sum() + transmission

    drawn = random.normal(counts, np.sqrt(counts), (n, 6)) - random.normal(dark, np.sqrt(dark), (n, 6))
    t = random.normal(0.8, 0.01, (n, 1))
    drawn_rate = drawn / random.normal(1e5, 1e3, (n, 1)) / t
    theirs = drawn_rate / drawn_rate.sum(axis=1, keepdims=True) + t

    assert_allclose(ours.errors, theirs.std(axis=0), rtol=0.03)
    assert_allclose(ours.correlation(), np.corrcoef(theirs.T), atol=0.03)


def test_known_answers_of_the_powder_arithmetic():
    """Echidna: 12.5 counts at monitor 10 go to monitor 20, and so on; all summed in squares."""
    normalised = Dataset([12.5], [12.5]) * 20 / scalar(10.0, np.sqrt(10.0))
    assert_allclose(normalised.values, 25.0)
    assert_allclose(normalised.variances, 112.5)
    difference = Dataset([25.0], "poisson") - Dataset([10.0], "poisson")
    assert_allclose(difference.errors, np.sqrt(35.0))
    points = Dataset([1.0, 2.0, 3.0], [1.0, 1.0, 1.5])
    assert_allclose(float(points.mean().variances), 3.5 / 9)


def test_nothing_warns_in_a_chain_of_small_sums():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = Dataset(np.ones((5, 5)), "poisson")
        (frame - frame.mean()) / frame.sum("x") * frame["x", 0]


def test_a_single_row_that_was_picked_out_is_summed_over():
    frame = Dataset(np.arange(1.0, 7).reshape(2, 3), "poisson")
    picked = frame[:, [2]][[1, 0, 1]]

    assert_allclose(picked.sum("x").variances, [6, 3, 6])
    assert_allclose(float(picked.sum().variances), 4 * 6 + 3)


@pytest.mark.parametrize("dtype", ["int32", "uint16", "int64", "float64"])
def test_counts_have_their_own_number_as_variance_whatever_type_they_are(dtype):
    counts = np.array([[0, 3, 7], [12, 5, 1]], dtype=dtype)
    for made in (poisson(counts, 0, dims=("y", "x")), Dataset(counts, "poisson", dims=("y", "x"))):
        assert made.variances == pytest.approx(counts)
        assert made.variances.dtype == np.float64
        assert (made - made).variances == pytest.approx(0)
        assert made["x", 1].variances == pytest.approx([3, 5])
        again = pickle.loads(pickle.dumps(made))
        assert (again - made).variances == pytest.approx(0)
        assert made.sum().variances == pytest.approx(28)
    with pytest.raises(GumtreeError, match="negative"):
        poisson(-counts.astype(np.int64), 0, dims=("y", "x"))


def test_counts_stay_one_source_when_they_are_made_counts_again_but_a_multiple_is_another():
    a, b = Dataset([4, 9], "poisson", unit="counts"), Dataset([5, 7], "poisson", unit="counts")
    assert_allclose((poisson(a, 0) - poisson(a, 0)).variances, 0)
    assert_allclose((poisson(a + b, 0) - poisson(b + a, 0)).variances, 0)
    assert_allclose((poisson(a * 2, 0) - poisson(a, 0)).variances, [12, 27])
    assert_allclose((poisson(a + b * 2, 0) - poisson(a + b, 0)).variances, [23, 39])
