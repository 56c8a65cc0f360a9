"""The covariance of each function of structure and mathematics, against the `uncertainties` package."""

import numpy as np
import pytest
import uncertainties
from numpy.testing import assert_allclose
from uncertainties import unumpy

from gumtree_core.data import Axis, CorrelationWarning, Dataset, errors, scalar
from gumtree_core.data.propagation import folding as folding_module
from gumtree_core.data.reducing import rebinning as rebinning_module

X = np.array([0.0, 1.0, 2.5, 3.0, 5.0])
MIDDLES = (X[1:] + X[:-1]) / 2
NEW = np.array([0.5, 0.9, 2.0, 4.5, 5.0])
POINTS = [0.5, 1.0, 2.6, 4.0]
LABELS = np.array([1, 0, 1, 1])


def both(edges: bool = True) -> tuple[Dataset, np.ndarray]:
    """A frame in which elements, rows and columns have errors in common, twice."""
    random = np.random.default_rng(7)
    values, spread = random.uniform(0.5, 2, (3, 4)), random.uniform(0.01, 0.2, (3, 4))
    row, row_spread = random.uniform(0.5, 2, 4), random.uniform(0.01, 0.2, 4)
    column, column_spread = random.uniform(0.5, 2, 3), random.uniform(0.01, 0.2, 3)

    a = Dataset(values, spread**2, dims=("y", "x"))
    flood, height = Dataset(row, row_spread**2, dims="x"), Dataset(column, column_spread**2, dims="y")
    ours = a * scalar(2.0, 0.1) + flood * height - a * a
    x = Axis(X, "mm") if edges else Axis(MIDDLES, "mm")
    ours = ours.with_axes(x=x, y=[1.0, 2.0, 3.0])

    ua, monitor = unumpy.uarray(values, spread), uncertainties.ufloat(2.0, 0.1)
    uflood, uheight = unumpy.uarray(row, row_spread), unumpy.uarray(column, column_spread)
    return ours, ua * monitor + uflood * uheight[:, np.newaxis] - ua * ua


def check(ours: Dataset, theirs: np.ndarray) -> None:
    flat = list(np.asarray(theirs, dtype=object).reshape(-1))
    assert_allclose(ours.values.reshape(-1), [item.n for item in flat], rtol=1e-9, atol=1e-12)
    expected = np.array(uncertainties.covariance_matrix(flat))
    assert_allclose(ours.variances.reshape(-1), np.diagonal(expected), rtol=1e-9, atol=1e-12)
    assert_allclose(ours.covariance(), expected, rtol=1e-9, atol=1e-12)


def overlaps(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Fraction of each old bin (column) in each new one (row)."""
    length = np.minimum(new[1:, None], old[None, 1:]) - np.maximum(new[:-1, None], old[None, :-1])
    return np.maximum(length, 0) / np.diff(old)


def densities(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    length = overlaps(old, new) * np.diff(old)
    return length / length.sum(axis=1, keepdims=True)


def interpolation(x: np.ndarray, points: list[float]) -> np.ndarray:
    return np.stack([np.interp(points, x, unit) for unit in np.eye(x.size)], axis=1)


def largest(z: np.ndarray) -> np.ndarray:
    return z[np.arange(len(z)), unumpy.nominal_values(z).argmax(axis=1)]


def pivot(matrix: np.ndarray) -> np.ndarray:
    """Invert a 3 x 3 matrix of numbers with errors by the adjugate."""

    def minor(i: int, j: int) -> object:
        (a, b), (c, d) = ([matrix[(j + m) % 3, (i + n) % 3] for n in (1, 2)] for m in (1, 2))
        return a * d - b * c

    determinant = sum(matrix[0, k] * minor(k, 0) for k in range(3))
    return np.array([[minor(i, j) / determinant for j in range(3)] for i in range(3)], dtype=object)


BINS = {
    "rebin": (lambda d: d.rebin("x", NEW), lambda z: z @ overlaps(X, NEW).T),
    "finer bins": (
        lambda d: d.rebin("x", X[-1] * np.linspace(0, 1, 9)),
        lambda z: z @ overlaps(X, X[-1] * np.linspace(0, 1, 9)).T,
    ),
    "one bin": (lambda d: d.rebin("x", [0, 5]), lambda z: z.sum(axis=1)[:, None]),
    "falling bins": (lambda d: d.rebin("x", NEW[::-1]), lambda z: (z @ overlaps(X, NEW).T)[:, ::-1]),
    "density": (lambda d: d.rebin("x", NEW, density=True), lambda z: z @ densities(X, NEW).T),
    "integral of bins": (lambda d: d.integrate("x"), lambda z: (z * np.diff(X)).sum(axis=1)),
}
POINTWISE = {
    "interpolate": (lambda d: d.interpolate("x", POINTS), lambda z: z @ interpolation(MIDDLES, POINTS).T),
    "gradient": (lambda d: d.gradient("x"), lambda z: z @ np.gradient(np.eye(4), MIDDLES, axis=0).T),
    "numpy.gradient": (lambda d: np.gradient(d, axis=1), lambda z: z @ np.gradient(np.eye(4), axis=0).T),
    "diff": (lambda d: d.diff("x", 2), lambda z: np.diff(z, 2, axis=1)),
    "integral of points": (lambda d: d.integrate("x"), lambda z: np.trapezoid(z, MIDDLES, axis=1)),
    "numpy.trapezoid": (lambda d: np.trapezoid(d, MIDDLES), lambda z: np.trapezoid(z, MIDDLES, axis=1)),
    "cumsum": (lambda d: d.cumsum("x"), lambda z: np.cumsum(z, axis=1)),
    "cumsum of rows": (lambda d: d.cumsum("y"), lambda z: np.cumsum(z, axis=0)),
    "cumprod": (lambda d: d.cumprod("x"), lambda z: np.cumprod(z, axis=1)),
    "prod": (lambda d: d.prod("y"), lambda z: np.prod(z, axis=0)),
    "prod of all": (lambda d: np.prod(d), lambda z: np.prod(z)),
    "matrix times data": (lambda d: LABELS[:3] @ d, lambda z: LABELS[:3] @ z),
    "data times matrix": (lambda d: d @ np.vander(X[:4]), lambda z: z @ np.vander(X[:4])),
    "data times data": (lambda d: d @ d.transpose(), lambda z: z @ z.T),
    "numpy.dot": (lambda d: np.dot(d, d[0]), lambda z: np.dot(z, z[0])),
    "numpy.inner": (lambda d: np.inner(d, d[0]), lambda z: np.inner(z, z[0])),
    "numpy.outer": (lambda d: np.outer(d[0], d[1]), lambda z: np.outer(z[0], z[1])),
    "inverse": (lambda d: np.linalg.inv(d[:, :3]), lambda z: pivot(z[:, :3])),
    "trace": (lambda d: np.trace(d[:, :3]), lambda z: np.trace(z[:, :3])),
    "groups": (
        lambda d: d.groupby(LABELS, dim="x").sum(),
        lambda z: np.stack([z[:, 1], z[:, [0, 2, 3]].sum(axis=1)], 1),
    ),
    "means of groups": (
        lambda d: d.groupby(LABELS, dim="x").mean(),
        lambda z: np.stack([z[:, 1], z[:, [0, 2, 3]].sum(axis=1) / 3], 1),
    ),
    "largest of groups": (
        lambda d: d.groupby(LABELS, dim="x").max(),
        lambda z: np.stack([z[:, 1], largest(z[:, [0, 2, 3]])], 1),
    ),
    "reshape": (lambda d: d.reshape({"a": 2, "b": 2}, "x"), lambda z: z.reshape(3, 2, 2)),
    "flatten": (lambda d: d.flatten(), lambda z: z.reshape(-1)),
    "flatten the other way": (lambda d: d.flatten(("x", "y")), lambda z: z.T.reshape(-1)),
    "sort": (
        lambda d: d.sort(d["y", 0].without_errors()),
        lambda z: z[:, np.argsort([item.n for item in z[0]])],
    ),
    "roll": (lambda d: np.roll(d, (1, -2), (0, 1)), lambda z: np.roll(z, (1, -2), (0, 1))),
    "repeat": (lambda d: np.repeat(d, 2, axis=1), lambda z: np.repeat(z, 2, axis=1)),
    "tile": (lambda d: np.tile(d, (2, 1)), lambda z: np.tile(z, (2, 1))),
    "where": (
        lambda d: np.where(d > 1, d, d * d),
        lambda z: np.where(unumpy.nominal_values(z) > 1, z, z * z),
    ),
    "where by a row": (
        lambda d: np.where(d["y", 0] > 1, d, 3.0),
        lambda z: np.where(unumpy.nominal_values(z[0]) > 1, z, 0 * z + 3),
    ),
    "clip": (
        lambda d: np.clip(d, 0.8, None),
        lambda z: np.where(unumpy.nominal_values(z) < 0.8, 0 * z + 0.8, z),
    ),
    "remainder": (
        lambda d: d % d["y", 0],
        lambda z: z - z[0] * np.floor(unumpy.nominal_values(z) / unumpy.nominal_values(z[0])),
    ),
    "ptp": (lambda d: np.ptp(d, axis=1), lambda z: largest(z) + largest(-z)),
    "var": (lambda d: np.var(d, axis=1), lambda z: ((z - z.mean(axis=1, keepdims=True)) ** 2).mean(axis=1)),
    "triangle": (lambda d: np.triu(d).sum(), lambda z: np.triu(z).sum()),
}


@pytest.mark.parametrize("name", BINS)
def test_functions_of_bins_have_the_covariance_of_first_order(name):
    ours, theirs = BINS[name]
    d, z = both()

    check(ours(d), theirs(z))


@pytest.mark.parametrize("name", POINTWISE)
def test_functions_have_the_covariance_of_first_order(name):
    ours, theirs = POINTWISE[name]
    d, z = both(edges=False)

    check(ours(d), theirs(z))


@pytest.mark.parametrize("name", ["rebin", "density", "cumsum", "gradient", "prod", "groups", "cumprod"])
def test_what_functions_give_meets_its_data_again_exactly(name):
    ours, theirs = {**BINS, **POINTWISE}[name]
    d, z = both(edges=name in BINS)

    total, their_total = d.sum("x"), z.sum(axis=1)
    if name == "prod":
        total, their_total = d.sum("y"), z.sum(axis=0)
    result, their_result = ours(d), theirs(z)
    check(result / total, (their_result.T / their_total).T if name != "prod" else their_result / their_total)


@pytest.mark.parametrize("name", ["rebin", "finer bins", "density", "interpolate", "gradient", "diff"])
def test_covariances_do_not_depend_on_the_size_that_is_remembered(name, monkeypatch):
    ours, theirs = {**BINS, **POINTWISE}[name]
    d, _ = both(edges=name in BINS)
    a = Dataset(d.values, d.variances, axes=dict(d.axes))
    ua = unumpy.uarray(d.values, d.errors)
    for module in (folding_module, rebinning_module):
        monkeypatch.setattr(module, "REMEMBERED", 3)

    check(ours(a), theirs(ua))


def test_large_bins_of_correlated_data_have_exact_variances_and_say_what_they_forget(monkeypatch):
    d, z = both()
    for module in (folding_module, rebinning_module):
        monkeypatch.setattr(module, "REMEMBERED", 3)
    ours = (d - np.flip(d, 1).with_axes(x=d.axes["x"])) * 0.5
    theirs = (z - z[:, ::-1]) * 0.5

    with pytest.warns(CorrelationWarning, match="rebinned"):
        result = ours.rebin("x", NEW)
    expected = [item.s**2 for item in (theirs @ overlaps(X, NEW).T).reshape(-1)]
    assert_allclose(result.variances.reshape(-1), expected, rtol=1e-9)


def test_running_sums_too_long_to_be_remembered_keep_variances_and_shared_errors_and_warn():
    n = 400
    monitor = scalar(2.0, 0.1)
    counts = Dataset(np.full(n, 9.0), "poisson")

    with pytest.warns(CorrelationWarning, match="cumsum"):
        running = (counts / monitor).cumsum("x")

    k = np.arange(1, n + 1)
    assert_allclose(running.variances, k * 9 / 4 + (k * 9 / 4) ** 2 * 0.01, rtol=1e-12)
    with pytest.warns(CorrelationWarning):
        running / counts


@pytest.mark.parametrize("name", ["rebin", "density"])
def test_bins_of_independent_errors_add_in_squares(name):
    ours, _ = BINS[name]
    matrix = {"rebin": overlaps, "density": densities}[name](X, NEW)
    d, _ = both()
    with errors("independent"):
        assert_allclose(ours(d).variances, d.variances @ np.square(matrix).T, rtol=1e-12)
        assert_allclose(d.cumsum("x").variances, np.cumsum(d.variances, axis=1), rtol=1e-12)


ROOTS = {
    "sqrt": np.sqrt,
    "cbrt": np.cbrt,
    "power": lambda z: z**0.5,
    "zeroth power": lambda z: z**0,
    "hypot": lambda z: np.hypot(z, 0 * z),
    "arctan2": lambda z: np.arctan2(z, 0 * z),
    "arcsin": lambda z: np.arcsin(1 - z / 16),
    "in an expression": lambda z: 2 * np.sqrt(z) / 4 + 1,
    "standard deviation": lambda z: (
        Dataset([[0.0, 4.0], [0.0, 5.0]], "poisson", dims=("y", "x")).std("y") + z
    ),
}


@pytest.mark.parametrize("mode", ["exact", "independent"])
@pytest.mark.parametrize("function", ROOTS.values(), ids=ROOTS.keys())
def test_an_exact_zero_stays_exact_where_the_function_has_no_derivative(function, mode):
    with errors(mode):
        result = function(Dataset([0.0, 4.0], [0.0, 4.0], dims="x"))
        assert result.errors[0] == 0
        assert np.isfinite(result.values).all()
        assert result.sum("x").errors == pytest.approx(result.errors[1])


@pytest.mark.parametrize("mode", ["exact", "independent"])
def test_a_zero_with_an_error_has_a_root_of_infinite_error_and_no_number_none(mode):
    with errors(mode):
        d = Dataset([0.0, np.nan, 4.0], [1.0, 0.0, 4.0], dims="x")
        assert_allclose(np.sqrt(d).errors, [np.inf, np.nan, 0.5])
        assert_allclose((1 + np.sqrt(d) * 3).errors, [np.inf, np.nan, 1.5])
        assert_allclose(np.log(0 * d).errors, [np.nan] * 3)
