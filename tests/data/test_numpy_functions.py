import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from gumtree_core.data import Axis, CorrelationWarning, Dataset, scalar
from gumtree_core.errors import GumtreeError


@pytest.fixture
def frame() -> Dataset:
    values = np.random.default_rng(3).uniform(1, 9, (3, 4)).round(3)
    return Dataset(
        values, values, axes={"y": [1.0, 2, 3], "x": Axis([0.0, 1, 3, 6], "mm")}, unit="counts", title="frame"
    )


SAME = {
    "all": lambda a: np.all(a, axis=1),
    "any": lambda a: np.any(a > 5, axis=0),
    "any of all": lambda a: np.any(a > 100),
    "append": lambda a: np.append(a, a, axis=1),
    "argmax": lambda a: np.argmax(a),
    "argmin": lambda a: np.argmin(a, axis=1),
    "argsort": lambda a: np.argsort(a, axis=0),
    "average": lambda a: np.average(a, axis=1, weights=[1, 2, 3, 4]),
    "average of all": lambda a: np.average(a),
    "clip": lambda a: np.clip(a, 3, a_max=None),
    "column_stack": lambda a: np.column_stack([a[0], a[0]]),
    "compress": lambda a: np.compress([True, False, True], a, axis=0),
    "concatenate": lambda a: np.concatenate([a, a], axis=-1),
    "count_nonzero": lambda a: np.count_nonzero(a > 5, axis=1),
    "count_nonzero of all": lambda a: np.count_nonzero(a > 5),
    "cumprod": lambda a: np.cumprod(a / a[:1].sum(), axis=0),
    "cumsum": lambda a: np.cumsum(a, axis=-1),
    "delete": lambda a: np.delete(a, [0, 2], axis=1),
    "diagonal": lambda a: np.diagonal(a[:, :3]),
    "diff": lambda a: np.diff(a, 2),
    "dot": lambda a: np.dot(a, a[0]),
    "dot with a number": lambda a: np.dot(a, 2.0),
    "dsplit": lambda a: np.dsplit(np.expand_dims(a, 2), 1)[0],
    "dstack": lambda a: np.dstack([a, a]),
    "dstack of rows": lambda a: np.dstack([a[0], a[0]]),
    "expand_dims": lambda a: np.expand_dims(a, 1),
    "expand_dims at the end": lambda a: np.expand_dims(a, -1),
    "flip": lambda a: np.flip(a),
    "fliplr": lambda a: np.fliplr(a),
    "flipud": lambda a: np.flipud(a),
    "full_like": lambda a: np.full_like(a, 7),
    "gradient": lambda a: np.gradient(a, axis=1),
    "gradient by a spacing": lambda a: np.gradient(a, 0.5, axis=0),
    "gradient by coordinates": lambda a: np.gradient(a, [1.0, 2.0, 4.0], [0.0, 1.0, 3.0, 6.0])[1],
    "hsplit": lambda a: np.hsplit(a, 2)[1],
    "hstack": lambda a: np.hstack([a, a]),
    "hstack of rows": lambda a: np.hstack([a[0], a[0]]),
    "inner": lambda a: np.inner(a, a),
    "isclose": lambda a: np.isclose(a, a * 1.000001),
    "allclose": lambda a: np.allclose(a, a + 1),
    "array_equal": lambda a: np.array_equal(a, a + 1),
    "inv": lambda a: np.linalg.inv(a[:, :3]),
    "matmul": lambda a: np.matmul(a, a.transpose()),
    "matmul with vectors": lambda a: a[:, 0] @ a,
    "max": lambda a: np.max(a, axis=(0, 1)),
    "moveaxis": lambda a: np.moveaxis(a, 0, -1),
    "ones_like": lambda a: np.ones_like(a, dtype=int),
    "outer": lambda a: np.outer(a[0], a[:, 1]),
    "prod": lambda a: np.prod(a, axis=1),
    "ptp": lambda a: np.ptp(a),
    "ravel": lambda a: np.ravel(a),
    "repeat": lambda a: np.repeat(a, [1, 0, 2], axis=0),
    "reshape": lambda a: np.reshape(a, -1),
    "reshape of a row": lambda a: np.reshape(a[0], (2, 2)),
    "roll": lambda a: np.roll(a, -1, axis=1),
    "rot90": lambda a: np.rot90(a),
    "rot90 back": lambda a: np.rot90(a, -1),
    "round": lambda a: np.round(a, 1),
    "sort": lambda a: np.sort(a[0]),
    "split": lambda a: np.split(a, [1], axis=1)[1],
    "squeeze": lambda a: np.squeeze(a[:1]),
    "stack": lambda a: np.stack([a, a], axis=1),
    "std": lambda a: np.std(a, axis=0, ddof=1),
    "swapaxes": lambda a: np.swapaxes(a, 0, 1),
    "take": lambda a: np.take(a, [2, 0], axis=1),
    "tile": lambda a: np.tile(a, (2, 3)),
    "tile along the last": lambda a: np.tile(a, 2),
    "trace": lambda a: np.trace(a[:, :3]),
    "transpose": lambda a: np.transpose(a, (1, 0)),
    "trapezoid": lambda a: np.trapezoid(a, dx=2.0),
    "trapezoid over coordinates": lambda a: np.trapezoid(a, [3.0, 2.0, 0.0], axis=0),
    "tril": lambda a: np.tril(a),
    "triu": lambda a: np.triu(a, 1),
    "var": lambda a: np.var(a, axis=1),
    "vdot": lambda a: np.vdot(a, a),
    "vsplit": lambda a: np.vsplit(a, 3)[2],
    "vstack": lambda a: np.vstack([a, a]),
    "vstack of rows": lambda a: np.vstack([a[0], a[0]]),
    "where": lambda a: np.where(a > 5, a, 0),
    "where at all": lambda a: np.array(np.where(a > 5)),
    "zeros_like": lambda a: np.zeros_like(a),
    "floor_divide": lambda a: a // 2,
    "remainder": lambda a: a % 2,
    "copy": lambda a: np.copy(a),
    "array_split": lambda a: np.array_split(a, 3, axis=1)[0],
    "nonzero": lambda a: np.array(np.nonzero(a > 5)),
}


@pytest.mark.parametrize("name", SAME)
def test_values_are_those_of_numpy(frame, name):
    ours, theirs = SAME[name](frame), SAME[name](frame.values)

    assert np.shape(ours) == np.shape(theirs)
    assert_allclose(np.asarray(ours), theirs, rtol=1e-12)


def test_numpy_counts_elements_where_a_method_takes_coordinates(frame):
    assert_allclose(frame.gradient("x").values, np.gradient(frame.values, [0.0, 1, 3, 6], axis=1))
    assert frame.gradient("x").unit == "counts/mm"
    assert np.gradient(frame, axis=1).unit == "counts"
    assert_allclose(frame.integrate("x").values, np.trapezoid(frame.values, [0.0, 1, 3, 6], axis=1))
    assert np.trapezoid(frame, scalar(1.0, unit="mm")[..., None].repeat("new", 4)).unit == "counts*mm"
    assert np.gradient(frame, scalar(2.0, unit="s"), axis=1).unit == "counts/s"


def test_what_becomes_of_units(frame):
    assert np.prod(frame, axis=0).unit == "counts^3"
    assert np.var(frame).unit == "counts^2"
    assert (frame @ frame.transpose()).unit == "counts^2"
    assert np.linalg.inv(frame[:, :3]).unit == "1/counts"
    assert np.count_nonzero(frame, axis=0).unit == ""
    length = Dataset([7.0, 25.0], [1.0, 4.0], unit="mm")
    assert (length // 2).unit == "mm"
    in_cm = length // scalar(1, unit="cm")
    assert_array_equal(in_cm.values, [0, 2])
    assert in_cm.unit == ""
    rest = length % scalar(1, 0.1, "cm")
    assert_allclose(rest.values, [7, 5])
    assert_allclose(rest.variances, [1, 4 + 4])
    length //= 2
    assert_array_equal(length.values, [3, 12])


def test_the_axes_that_remain_are_kept(frame):
    assert set(np.diff(frame).axes) == {"x", "y"}
    assert_array_equal(np.diff(frame).axes["x"].values, [0.5, 2, 4.5])
    assert set((frame @ np.ones(4)).axes) == {"y"}
    assert (frame @ frame.transpose()).dims == ("y", "y_2")
    assert (np.ones((2, 3)) @ frame).dims == ("row", "x")
    assert (frame @ np.ones((4, 2))).dims == ("y", "column")
    assert np.linalg.inv(frame[:, :3]).dims == ("x", "y")
    assert np.outer(frame[0], frame[0]).dims == ("x", "x_2")
    edges = Dataset(np.ones(3), axes={"x": [0.0, 1, 2, 3]})
    assert_array_equal(edges.diff("x").axes["x"].values, [1, 2])


def test_rounding_keeps_the_errors_and_steps_have_none(frame):
    assert_array_equal(np.round(frame, 1).variances, frame.variances)
    assert_array_equal((frame // 2).variances, 0)


def test_a_masked_element_takes_no_part(frame):
    masked = frame.with_masks(big=frame.values > 6)
    keep = ~masked.mask
    plain = np.ma.array(frame.values, mask=~keep)

    assert_allclose(np.prod(masked.replace(unit=""), axis=1).values, plain.prod(axis=1))
    assert_allclose(masked.cumsum("x").values[keep], plain.cumsum(axis=1).compressed())
    assert_array_equal(masked.cumsum("x").mask, ~keep)
    assert_allclose(masked.cumsum("x").variances, masked.cumsum("x").values)
    assert np.argmax(masked) == plain.argmax()
    assert_allclose(float(np.ptp(masked)), plain.max() - plain.min())
    assert np.count_nonzero(masked) == plain.count()
    assert_array_equal((masked @ np.ones(4)).values, plain.sum(axis=1))
    assert_array_equal(masked.diff("x").mask, ~keep[:, 1:] | ~keep[:, :-1])
    assert_allclose(np.median(masked.without_errors(), axis=1).values, np.ma.median(plain, axis=1))


def test_unknown_variances_of_masked_elements_do_not_spread():
    bad = np.array([False, True, False])
    ds = Dataset([1.0, np.nan, 3.0], [1.0, np.nan, 3.0], masks={"bad": bad}, dims="x")

    assert_array_equal(ds.cumsum("x").variances, [1, 1, 4])
    assert_allclose(float(ds.prod().variances), 9 * 1 + 1 * 3)
    assert_array_equal(np.where(np.isnan(ds), 0.0, ds).variances, [1, 0, 3])
    assert_array_equal(np.where(np.isnan(ds), 0.0, ds).values, [1, 0, 3])


def test_nan_that_is_not_masked_stays_nan():
    ds = Dataset([1.0, np.nan, 3.0, 5.0], axes={"x": [0.0, 1, 2, 3]})

    assert_array_equal(np.isnan(ds.cumsum("x").values), [False, True, True, True])
    assert np.isnan(float(ds.prod()))
    assert np.isnan(float(ds.median()))
    assert np.isnan(float(ds.integrate("x")))
    assert_array_equal(
        np.isnan(ds.interpolate("x", [0.0, 0.5, 2.0, 2.5]).values), [False, True, False, False]
    )


def test_where_takes_errors_and_masks_of_the_element_chosen(frame):
    other = (frame * 10).with_masks(other=frame.values > 3)
    condition = (frame > 5).with_masks(doubt=frame.values > 8)
    result = np.where(condition, frame, other)

    chosen = frame.values > 5
    assert_array_equal(result.values, np.where(chosen, frame.values, frame.values * 10))
    assert_allclose(result.variances, np.where(chosen, frame.values, frame.values * 100))
    assert_array_equal(result.masks["other"], ~chosen & (frame.values > 3))
    assert_array_equal(result.masks["doubt"], frame.values > 8)
    assert_allclose((result - frame).variances[chosen], 0)
    millimetres = np.where(np.array([True, False]), scalar(5, unit="mm"), Dataset([1.0, 2.0], unit="cm"))
    assert_array_equal(millimetres.values, [5, 20])
    assert_array_equal(np.where(frame > 5, 1, 0).values, chosen)


def test_comparing_takes_units_and_masks_into_account(frame):
    one, other = Dataset([10.0, 20.0], unit="mm"), Dataset([1.0, 2.5], unit="cm")

    assert_array_equal(np.isclose(one, other).values, [True, False])
    assert np.allclose(one.with_masks(m=np.array([False, True])), other)
    assert np.array_equal(one, Dataset([1.0, 2.0], unit="cm"))
    assert not np.array_equal(one, Dataset([10.0, 20.0], unit="s"))
    assert not np.array_equal(one, one.rename(x="y"))
    with pytest.raises(GumtreeError, match="units do not agree"):
        np.isclose(one, Dataset([1.0, 2.0], unit="s"))


def test_the_error_of_the_median_is_near_that_of_many_measurements_and_says_so():
    random = np.random.default_rng(0)
    n, sigma = 101, 0.3

    errors = []
    for _ in range(40):
        with pytest.warns(CorrelationWarning, match="median of .*approximate"):
            errors.append(float(Dataset(random.normal(5, sigma, n), np.full(n, sigma**2)).median().errors))
    drawn = np.median(random.normal(5, sigma, (4000, n)), axis=1).std()
    assert_allclose(np.mean(errors), drawn, rtol=0.06)


def test_the_median_of_elements_far_apart_has_the_error_of_the_middle_one():
    with pytest.warns(CorrelationWarning):
        odd = Dataset([1.0, 50.0, 100.0], [0.1, 0.2, 0.3]).median()
    with pytest.warns(CorrelationWarning):
        even = Dataset([1.0, 50.0, 60.0, 100.0], [0.1, 0.2, 0.3, 0.1]).median()

    assert_allclose([float(odd), float(odd.variances)], [50, 0.2])
    assert_allclose([float(even), float(even.variances)], [55, 0.5 / 4])


def test_what_all_elements_share_is_exact_in_a_median():
    with pytest.warns(CorrelationWarning):
        middle = (Dataset([8.0, 8.0, 8.0], dims="x") / scalar(2.0, 0.2)).median()

    assert_allclose(float(middle.errors), 0.4)


@pytest.mark.parametrize("q", [0.0, 0.3, 0.5, 0.77, 1.0])
def test_quantiles_are_those_of_numpy(frame, q):
    exact = frame.without_errors()

    assert_allclose(np.quantile(exact, q, axis=1).values, np.quantile(frame.values, q, axis=1))
    assert_allclose(float(np.percentile(exact, 100 * q)), np.quantile(frame.values, q))
    with pytest.warns(CorrelationWarning):
        assert frame.quantile(q, "x").variances.min() > 0


def test_an_integral_spans_masked_points_and_leaves_masked_bins_out():
    points = Dataset([1.0, 9.0, 3.0, 4.0], axes={"x": Axis([0.0, 1, 2, 4], "s")})
    masked = points.with_masks(m=np.array([False, True, False, False]))

    assert_allclose(float(masked.integrate("x")), 2 * 2 + 3.5 * 2)
    assert masked.integrate("x").unit == "s"
    assert_allclose(float(points[::-1].integrate("x")), float(points.integrate("x")))
    alone = points.with_masks(m=np.array([False, True, True, True])).integrate("x")
    assert alone.masks["undefined"]
    assert np.isnan(float(alone))
    bins = Dataset([1.0, 9.0, 3.0], axes={"x": [0.0, 1, 3, 6]}, masks={"m": [False, True, False]})
    assert_allclose(float(bins.integrate("x")), 1 + 9)


def test_an_axis_of_several_dimensions_is_integrated_along_one():
    angle = np.array([[0.0, 1, 3], [0.0, 2, 3]])
    ds = Dataset([[1.0, 1, 1], [1, 1, 3]], axes={"angle": Axis(angle, "deg", ("y", "x"))})

    assert_allclose(ds.integrate("angle", "x").values, [3, 4])
    assert_allclose(
        ds.gradient("angle", "x").values, [[0, 0, 0], np.gradient([1.0, 1, 3], angle[1])], atol=1e-12
    )


def test_interpolation_weighs_both_neighbours():
    ds = Dataset([10.0, 20.0, 40.0], [1.0, 4.0, 9.0], axes={"q": Axis([1.0, 2, 4], "1/nm")}, unit="counts")
    result = ds.interpolate("q", Axis([0.125, 0.2, 0.3], "1/angstrom"))

    assert_allclose(result.values, [12.5, 20, 30])
    assert_allclose(result.variances, [0.75**2 + 4 * 0.25**2, 4, 1 + 9 / 4])
    assert_allclose(result.covariance()[0, 1:], [0.25 * 4, 0.25 * 0.5 * 4])
    assert result.axes["q"].unit == "1/angstrom"
    single = ds.interpolate("q", 3.0)
    assert single.ndim == 0
    assert_allclose([float(single), float(single.variances)], [30, 1 + 9 / 4])


def test_interpolation_at_its_own_points_is_the_data(frame):
    x = frame.axes["x"]
    for ds in (frame, frame[:, ::-1], frame.with_axes(x=Axis([0.1, 0.3, 0.7, 0.8]))):
        again = ds.interpolate("x", ds.axes["x"])
        assert_array_equal(again.values, ds.values)
        assert_array_equal((again - ds).variances, 0)
    masked = frame.with_masks(m=frame.values > 6)
    assert_array_equal(masked.interpolate("x", x).mask, masked.mask)


def test_beyond_the_points_nothing_is_known():
    ds = Dataset([1.0, 2.0, 3.0], axes={"x": [0.0, 1, 2]}, masks={"m": [False, False, True]})
    result = ds.interpolate("x", [-1.0, 0.5, 1.0, 1.5, 3.0])

    assert_array_equal(result.values, [np.nan, 1.5, 2, 2.5, np.nan])
    assert_array_equal(result.masks["undefined"], [True, False, False, False, True])
    assert_array_equal(result.masks["m"][1:4], [False, False, True])


def test_like_functions_keep_what_describes_and_no_errors(frame):
    zeros = np.zeros_like(frame)

    assert zeros.variances is None
    assert (zeros.unit, zeros.dims, set(zeros.axes)) == ("counts", ("y", "x"), {"x", "y"})
    assert np.ones_like(frame, dtype=np.int64).dtype == np.int64


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        (lambda ds: np.nansum(ds), "with_masks"),
        (lambda ds: np.nanmax(ds), "with_masks"),
        (lambda ds: np.searchsorted(ds, 3), "select by coordinate"),
        (lambda ds: np.interp([1.0], [1.0], ds), "interpolate"),
        (lambda ds: np.histogram(ds), "Dataset.histogram"),
        (lambda ds: np.cov(ds), "covariance"),
        (lambda ds: np.unique(ds), "groupby"),
        (lambda ds: np.fft.fft(ds), "would lose its errors"),
        (lambda ds: np.gradient(ds, edge_order=2), "edge_order"),
        (lambda ds: np.sum(ds, keepdims=True), "keepdims"),
        (lambda ds: np.sort(ds), "Dataset.sort"),
        (lambda ds: np.reshape(ds, (2, 6)), "reshape"),
        (lambda ds: np.trapezoid([1.0] * 4, ds[0]), "Dataset"),
        (lambda ds: np.concatenate([np.ones((3, 4)), ds]), "Datasets"),
    ],
)
def test_what_is_not_offered_says_what_to_use_instead(frame, call, hint):
    with pytest.raises(GumtreeError, match=hint) as caught:
        call(frame)
    assert caught.value.reason == "UNSUPPORTED_FUNCTION"


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda ds: np.cumsum(ds), "BAD_DIMENSIONS"),
        (lambda ds: np.cumsum(ds, axis=2), "UNKNOWN_DIMENSION"),
        (lambda ds: np.concatenate([ds, ds], axis=5), "UNKNOWN_DIMENSION"),
        (lambda ds: ds.cumprod("x"), "UNIT_MISMATCH"),
        (lambda ds: Dataset(np.ones(300), np.ones(300)).cumprod("x"), "TOO_LARGE"),
        (lambda ds: ds.with_masks(m=ds > 6).prod("x"), "UNIT_MISMATCH"),
        (lambda ds: ds @ ds, "DIMENSION_MISMATCH"),
        (lambda ds: ds @ np.ones(3), "DIMENSION_MISMATCH"),
        (lambda ds: ds @ "abc", "BAD_OPERAND"),
        (lambda ds: np.linalg.inv(ds), "DIMENSION_MISMATCH"),
        (lambda ds: np.linalg.inv(Dataset(np.ones((2, 2)))), "SINGULAR_MATRIX"),
        (lambda ds: np.linalg.inv(Dataset(np.eye(2), masks={"m": np.eye(2) > 0})), "MASKED"),
        (lambda ds: np.where(ds, ds, 0), "BAD_OPERAND"),
        (lambda ds: ds.quantile(1.5), "BAD_QUANTILE"),
        (lambda ds: np.quantile(ds, [0.1, 0.9]), "BAD_QUANTILE"),
        (lambda ds: Dataset(np.zeros(0)).median(), "NO_ELEMENTS"),
        (lambda ds: np.argmax(ds.with_masks(m=ds > 0)), "NO_ELEMENTS"),
        (lambda ds: ds.integrate("q"), "UNKNOWN_AXIS"),
        (lambda ds: ds.integrate("x", "y"), "UNKNOWN_DIMENSION"),
        (lambda ds: ds.with_axes(x=[0.0, 2, 1, 3]).integrate("x"), "BAD_AXIS"),
        (lambda ds: ds[:, :1].integrate("x"), "TOO_FEW_ELEMENTS"),
        (lambda ds: ds[:, :1].gradient("x"), "TOO_FEW_ELEMENTS"),
        (lambda ds: ds[:, :1].diff("x"), "TOO_FEW_ELEMENTS"),
        (lambda ds: ds.with_axes(x=[0.0, 1, 1, 3]).gradient("x"), "BAD_AXIS"),
        (lambda ds: ds.with_axes(x=[0.0, 2, 1, 3]).interpolate("x", 1.0), "BAD_AXIS"),
        (lambda ds: ds.interpolate("x", scalar(1.0, unit="s")), "UNIT_MISMATCH"),
        (lambda ds: np.trapezoid(ds, [1.0, 2.0]), "DIMENSION_MISMATCH"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(frame, call, reason):
    with pytest.raises(GumtreeError) as caught:
        call(frame)
    assert caught.value.reason == reason
    assert caught.value.message.endswith(".")


def test_python_rounds_a_dataset_as_numpy_does():
    d = Dataset([1.26, -1.74], [0.04, 0.09], dims="x", unit="mm")
    assert_array_equal(round(d, 1).values, [1.3, -1.7])
    assert_array_equal(round(d).values, [1, -2])
    assert_array_equal(round(d, 1).variances, d.variances)
    assert round(d).unit == "mm"
