import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from gumtree_core.data import Axis, Dataset, scalar
from gumtree_core.data.mathematics.ufuncs import UNARY
from gumtree_core.errors import GumtreeError


def test_operands_meet_by_the_names_of_their_dimensions():
    frame = Dataset(np.arange(6.0).reshape(2, 3))
    rows, columns = Dataset([10.0, 20.0], dims="y"), Dataset([1.0, 2.0, 3.0], dims="x")

    assert_array_equal((frame + rows).values, frame.values + np.array([[10], [20]]))
    assert_array_equal((rows + frame).values, (frame + rows).values)
    assert_array_equal((frame * columns).values, frame.values * [1, 2, 3])
    assert_array_equal((frame - frame.transpose()).values, 0)
    assert (rows * columns).dims == ("y", "x")
    assert_array_equal((columns * rows).values, [[10, 20], [20, 40], [30, 60]])


def test_arrays_meet_as_numpy_does_and_from_both_sides():
    frame = Dataset(np.arange(6.0).reshape(2, 3), np.ones((2, 3)))

    assert_array_equal((frame + np.array([1, 2, 3])).values, frame.values + np.array([1, 2, 3]))
    assert_array_equal((np.array([1, 2, 3]) - frame).values, [1, 2, 3] - frame.values)
    assert_array_equal((np.float64(2) * frame).variances, 4)
    assert isinstance(np.ones((2, 3)) * frame, Dataset)
    assert_array_equal(([1, 2, 3] * frame).values, frame.values * [1, 2, 3])


def test_counts_do_not_wrap_when_more_is_taken_away_than_there_is():
    small, large = Dataset(np.array([1], np.uint16)), Dataset(np.array([60000], np.uint16))

    assert float(small - large) == -59999
    assert float(large * large) == 3.6e9


def test_a_division_by_zero_is_nan_and_masked_and_never_the_numerator():
    ratio = Dataset([1.0, 0.0, 4.0], [1.0, 1.0, 1.0]) / Dataset([0.0, 0.0, 2.0], [1.0, 1.0, 1.0])

    assert_array_equal(np.isnan(ratio.values), [True, True, False])
    assert_array_equal(ratio.masks["undefined"], [True, True, False])
    assert float(ratio.sum()) == 2
    assert np.isfinite(ratio.sum().variances)


def test_what_has_no_real_answer_is_masked_and_nan_that_came_in_is_not():
    root = np.sqrt(Dataset([-1.0, np.nan, 4.0]))

    assert_array_equal(root.masks["undefined"], [True, False, False])
    assert_array_equal(np.log(Dataset([0.0, 1.0])).masks["undefined"], [True, False])
    assert np.isnan(float(root.sum()))


def test_masks_of_both_operands_follow():
    one = Dataset([1.0, 2.0, 3.0], masks={"a": [True, False, False], "both": [True, False, False]})
    other = Dataset([1.0, 2.0, 3.0], masks={"b": [False, True, False], "both": [False, True, False]})

    result = one + other
    assert_array_equal(result.masks["both"], [True, True, False])
    assert set(result.masks) == {"a", "b", "both"}
    assert float(result.sum()) == 6


def test_metadata_and_title_are_those_of_the_data_not_of_the_number():
    ds = Dataset([1.0, 2.0], title="sample", metadata={"run": 1})

    for result in (2 * ds, ds * 2, scalar(2.0, title="factor") * ds, ds - Dataset([1.0, 1.0], title="dark")):
        assert (result.title, result.metadata["run"]) == ("sample", 1)


@pytest.mark.parametrize(
    ("other", "reason", "words"),
    [
        (Dataset([1.0, 2.0], title="short"), "DIMENSION_MISMATCH", ("curve", "short", "3", "2")),
        (
            Dataset([1.0] * 3, axes={"x": [1, 2, 4]}, title="moved"),
            "AXIS_MISMATCH",
            ("curve", "moved", "'x'"),
        ),
        (
            Dataset([1.0] * 3, axes={"x": Axis([1, 2, 3], "s")}, title="timed"),
            "AXIS_MISMATCH",
            ("curve", "timed", "s"),
        ),
        (Dataset([1.0] * 3, unit="mm", title="long"), "UNIT_MISMATCH", ("curve", "long", "mm")),
        (np.ones(2), "DIMENSION_MISMATCH", ("(2,)",)),
        (np.ones((2, 3)), "DIMENSION_MISMATCH", ("(2, 3)",)),
        ("one", "BAD_OPERAND", ("str",)),
        (None, "BAD_OPERAND", ("NoneType",)),
        ([[1], [1, 2]], "BAD_OPERAND", ("list",)),
        (1j, "BAD_OPERAND", ("complex",)),
    ],
)
def test_operands_that_do_not_fit_are_refused_by_name(other, reason, words):
    curve = Dataset([1.0, 2.0, 3.0], axes={"x": [1, 2, 3]}, title="curve")

    with pytest.raises(GumtreeError) as caught:
        curve + other
    assert caught.value.reason == reason
    for word in words:
        assert word in caught.value.message


def test_axes_in_other_units_or_of_one_operand_only_are_the_same():
    one = Dataset([1.0, 2.0], axes={"x": Axis([10.0, 20.0], "mm")})
    other = Dataset([1.0, 2.0], axes={"x": Axis([1.0, 2.0], "cm"), "angle": Axis([0.0, 1.0], "deg", "x")})

    assert set((one + other).axes) == {"x", "angle"}
    assert (one + other).axes["x"].unit == "mm"


def test_two_points_of_a_curve_can_be_compared_though_they_lie_apart():
    curve = Dataset([1.0, 3.0], [1.0, 1.0], axes={"q": [0.1, 0.2]})

    difference = curve[1] - curve[0]
    assert (float(difference), float(difference.variances)) == (2, 2)
    assert "q" not in difference.axes


def test_comparisons_give_booleans_that_combine():
    ds = Dataset([1.0, 5.0, 9.0], [1.0, 1.0, 1.0], unit="counts")
    chosen = (ds > 2) & ~(ds >= 9)

    assert_array_equal(chosen.values, [False, True, False])
    assert (chosen.dtype, chosen.variances, chosen.unit) == (np.bool_, None, "")
    assert_array_equal((ds == 5).values, [False, True, False])
    assert chosen.any()
    assert not chosen.all()


@pytest.mark.parametrize(
    "call",
    [
        lambda ds: np.floor(ds),
        lambda ds: np.add.reduce(ds),
        lambda ds: np.add(ds, 1, out=np.zeros(2)),
        lambda ds: np.sqrt(ds, where=np.array([True, False])),
        lambda ds: np.nanmean(ds),
        lambda ds: np.sum(ds, initial=3),
        lambda ds: ds & 1,
        lambda ds: ~ds,
    ],
)
def test_what_would_lose_the_errors_is_refused(call):
    with pytest.raises(GumtreeError) as caught:
        call(Dataset([1.0, 2.0], [1.0, 1.0]))
    assert caught.value.reason == "UNSUPPORTED_FUNCTION"


def test_assigning_in_place_gives_a_new_dataset():
    first = ds = Dataset([1.0, 2.0], [1.0, 1.0])
    ds += 1
    ds *= 2
    ds -= first
    ds /= 2

    assert_array_equal(first.values, [1, 2])
    assert_array_equal(ds.values, [1.5, 2])
    assert_allclose(ds.variances, 0.25)


@pytest.mark.parametrize("function", sorted(UNARY, key=lambda f: f.__name__))
def test_derivatives_agree_with_finite_differences(function):
    point = 1.3 if function is np.arccosh else 0.4
    step = 1e-6
    spread = scalar(point, 0.1).replace(unit="")
    slope = (function(point + step) - function(point - step)) / (2 * step)

    assert_allclose(float(function(spread).errors), abs(slope) * 0.1, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("function", [np.power, np.minimum, np.maximum, np.hypot, np.arctan2])
@pytest.mark.parametrize(("a", "b"), [(0.7, 1.9), (1.9, 0.7)])
def test_derivatives_by_both_arguments_agree_with_finite_differences(function, a, b):
    step = 1e-6
    result = function(scalar(a, 0.1), scalar(b, 0.2))
    by_a = (function(a + step, b) - function(a - step, b)) / (2 * step)
    by_b = (function(a, b + step) - function(a, b - step)) / (2 * step)

    assert_allclose(float(result.variances), (by_a * 0.1) ** 2 + (by_b * 0.2) ** 2, rtol=1e-6, atol=1e-12)


def test_a_long_running_sum_keeps_few_sources_and_the_right_errors():
    random = np.random.default_rng(2)
    monitor = scalar(10.0, 1.0)
    frames = [Dataset(random.uniform(1, 9, (3, 4)), "poisson") for _ in range(300)]

    total = frames[0] / monitor
    for frame in frames[1:]:
        total = total + frame / monitor

    assert len(total.uncertainty.terms) <= 66
    counts = sum(frame.values for frame in frames)
    assert_allclose(total.variances, counts / 100 + (counts / 100) ** 2, rtol=1e-12)
    assert_allclose(float((total * monitor).sum().variances), counts.sum(), rtol=1e-9)
