"""Expressions that are done in one pass: the same as step by step, whatever is asked in whichever order."""

import os
import pickle
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from gumtree_core.data import Dataset, errors, scalar
from gumtree_core.data.expressions import buffers, fusion
from gumtree_core.data.expressions.opcodes import STREAMED
from gumtree_core.errors import GumtreeError

LARGE = 100_000


def counts(size, seed=0, **options):
    values = np.random.default_rng(seed).integers(1, 1000, size)
    return Dataset(values, "poisson", unit="counts", **options)


def pending(ds: Dataset) -> bool:
    return ds.content.pending


def test_nothing_is_done_before_it_is_asked_for():
    a, b = counts(10), counts(10, 1)
    rate = (a - b) / scalar(10.0, 1.0, "s")
    assert pending(rate)
    assert (rate.shape, rate.unit, rate.dims) == ((10,), "counts/s", ("x",))
    with pytest.raises(GumtreeError, match=r"Dataset\(x: 10\).*'counts'.*'s'"):
        a + scalar(1.0, unit="s")


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32", "uint32", "int64", "uint64", "float64"])
@pytest.mark.parametrize("size", [1, 255, 256, 257, LARGE])
def test_values_have_the_same_bits_as_numpys(dtype, size):
    random = np.random.default_rng(size)
    a, b, c = (random.integers(1, 30_000, size).astype(dtype) for _ in range(3))
    x, y, z = (array.astype(float) for array in (a, b, c))
    result = np.sqrt(Dataset(a) / Dataset(b) * 3.0 + np.square(Dataset(c))) - (7.0 - Dataset(a)) / 1.1
    assert pending(result)
    assert_array_equal(result.values, np.sqrt(x / y * 3.0 + np.square(z)) - (7.0 - x) / 1.1)
    assert result.variances is None


@pytest.mark.parametrize("shape", [(3 * STREAMED + 5,), (1023, 3 * STREAMED // 1000)])
def test_results_too_big_for_the_cache_are_stored_whole(shape):
    random = np.random.default_rng(3)
    x, y, row = random.uniform(1, 2, shape), random.uniform(1, 2, shape), random.uniform(1, 2, shape[-1:])
    dims = ("y", "x")[-len(shape) :]
    a, b = Dataset(x, x, dims=dims), Dataset(y.astype("float32").astype(float), y, dims=dims)
    again = Dataset(row, dims="x")
    result = (a - b) / again
    assert pending(result)
    assert_array_equal(result.values, (x - b.values) / row)
    assert_allclose(result.variances, (x + y) / row**2, rtol=1e-14)
    assert_array_equal((a - b).values, x - b.values)


def test_the_order_of_questions_changes_nothing():
    def expression():
        a = Dataset([4.0, 9.0], [1.0, 2.0], source="a")
        t = np.square(a) * scalar(2.0, 0.1, source="s")
        return t, t / (t + a) - a

    expected = expression()[1].covariance()
    t, whole = expression()
    assert t.uncertainty  # its derivatives are arrays now
    assert_allclose(whole.covariance(), expected, rtol=1e-13)
    t, whole = expression()
    assert t.variances is not None
    assert_allclose(whole.variances, np.diagonal(expected), rtol=1e-13)
    again = expression()[1]
    assert_array_equal(again.values, whole.values)
    assert_allclose((again - whole).variances, 0, atol=1e-15)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_a_long_chain_done_in_parts_has_the_errors_of_the_whole(seed, length):
    random = np.random.default_rng(seed)
    parts = [Dataset(random.uniform(1, 2, 3), random.uniform(0.1, 0.2, 3)) for _ in range(5)]
    result, slopes = parts[0], [np.ones(3)] + [np.zeros(3)] * 4
    for _ in range(length):
        k = int(random.integers(5))
        values = result.values if random.random() < 0.1 else None  # asked for in between
        result = result + parts[k] * 0.5
        slopes[k] = slopes[k] + 0.5
        assert values is None or values.shape == (3,)
    expected = sum(slope**2 * part.variances for slope, part in zip(slopes, parts, strict=True))
    assert_allclose(result.variances, expected, rtol=1e-12)


def test_where_there_is_no_number_the_element_is_masked_and_the_others_are_right():
    a, b = Dataset([1.0, 2.0, 0.0], [1.0, 1.0, 1.0]), Dataset([0.0, 4.0, 0.0], [1.0, 1.0, 1.0])
    for result in (1.0 / (a / b), (a / b) * 2.0 - a):
        assert pending(result)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert_array_equal(result.masks["undefined"], [True, False, True])
        assert np.isfinite(result.values[1])
        assert_array_equal(np.isnan(result.values), [True, False, True])
    assert_allclose(((a / b) * 2.0 - a).variances[1], 4 * (1 / 16 + 4 / 256) + 1 - 2 * 2 / 4)


@pytest.mark.parametrize("number", [2, 2.5, np.float64(2.5), np.int64(2), -0.0, np.float32(2.5), True])
def test_numbers_of_all_kinds_are_operands(number):
    ds = Dataset([1.0, -2.0, 3.0])
    for result, expected in ((ds * number, ds.values * number), (number - ds, float(number) - ds.values)):
        assert result.values.tobytes() == np.asarray(expected, float).tobytes()
        assert any(f"{float(number):.6g}" in entry or str(number) in entry for entry in result.history)


@pytest.mark.parametrize("number", [10**400, "2", None, [1, "x"]])
def test_what_is_no_number_is_refused_by_name(number):
    for operation in (lambda a, b: a + b, lambda a, b: b * a):
        with pytest.raises(GumtreeError) as caught:
            operation(Dataset([1.0]), number)
        assert caught.value.reason == "BAD_OPERAND"


def test_independent_errors_are_those_of_where_the_operation_was_written():
    a = Dataset([100.0], [100.0])
    with errors("independent"):
        written = a - a
    assert_array_equal(written.variances, [200.0])
    assert_array_equal((a - a).variances, [0.0])
    mixed = written + a  # exact again: what was independent is a source of its own
    assert_array_equal(mixed.variances, [300.0])


def test_masks_axes_history_and_title_are_those_of_the_operation():
    a = counts(3, title="sample", axes={"x": [1, 2, 3]}, masks={"bad": [True, False, False]})
    b = counts(3, 1, axes={"x": [1, 2, 3]}, masks={"edge": [False, False, True]})
    result = a * 2 - b
    assert pending(result)
    assert result.title == "sample"
    assert_array_equal(result.mask, [True, False, True])
    assert_array_equal(result.axes["x"].values, [1, 2, 3])
    assert result.history[-2:] == ("sample * 2", "sample - Dataset(x: 3)")
    with pytest.raises(GumtreeError, match="axis 'x'"):
        a + counts(3, axes={"x": [1, 2, 4]})


def test_a_long_loop_keeps_neither_all_operands_nor_all_history():
    total = counts(10)
    for _ in range(300):
        total = total * 1.0 + 1.0
    assert total.content.nodes <= fusion.MOST_NODES
    assert len(total.history) <= 100
    assert_allclose(total.values, counts(10).values + 300)


@pytest.mark.parametrize("steps", [1, fusion.MOST_NODES, 3 * fusion.MOST_NODES])
def test_what_was_no_number_stays_masked_in_a_chain_of_any_length(steps):
    result = Dataset([1.0, 2.0], [1.0, 1.0]) / Dataset([0.0, 4.0])
    for _ in range(steps):
        result = result + 1.0
    assert_array_equal(result.masks["undefined"], [True, False])
    assert_allclose(float(result.sum()), 0.5 + steps)


def test_a_pickle_of_what_was_not_done_yet_keeps_the_sources():
    a = counts(5)
    result = a / (a + 1.0)
    assert pending(result)
    back = pickle.loads(pickle.dumps(result))
    assert_array_equal(back.values, result.values)
    assert_allclose((back - result).variances, 0, atol=1e-18)


def test_memory_is_reused_only_when_nobody_looks_at_it_any_more():
    a, b = counts(LARGE), counts(LARGE, 1)
    result = a + b
    seen = result.values[10:20]
    kept = seen.copy()
    del result
    for seed in range(5):
        assert (a * b + float(seed)).values is not None
    assert_array_equal(seen, kept)
    assert not seen.flags.writeable
    buffers.release()


def test_threads_that_calculate_at_once_do_not_disturb_each_other():
    a, b = counts(LARGE), counts(LARGE, 1)
    expected = (a.values + 0.0) / b.values
    wrong = []

    def work():
        for _ in range(20):
            result = a / b
            if not np.array_equal(result.values, expected) or result.variances is None:
                wrong.append(result)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_calculates_too():
    code = (
        "import os, numpy as np\n"
        "from gumtree_core.data import Dataset\n"
        f"a = Dataset(np.ones({LARGE}), np.ones({LARGE}))\n"
        "assert (a + a).values.sum() > 0\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    os._exit(int((a * 3.0).values[-1]))\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["3"], done.stderr


@pytest.mark.parametrize("axis", [0, 1, 2, (0, 1), (1, 2), (0, 2), (0, 1, 2)])
def test_large_sums_are_those_of_numpy(axis):
    values = np.random.default_rng(3).uniform(0, 1, (40, 50, 60))
    ds = Dataset(values, values, dims=("z", "y", "x"))
    axes = (axis,) if isinstance(axis, int) else axis
    result = ds.sum([ds.dims[each] for each in axes])
    assert_allclose(result.values, values.sum(axis=axis), rtol=1e-13)
    assert_allclose(result.variances, values.sum(axis=axis), rtol=1e-13)


@pytest.mark.parametrize("shape", [(3, 5, 40), (70, 90), (2, LARGE)])
def test_what_has_the_last_dimensions_begins_again(shape):
    dims = ("t", "y", "x")[-len(shape) :]
    random = np.random.default_rng(4)

    def fresh(size, names, **options):
        return Dataset(random.uniform(1, 2, size), random.uniform(0.1, 0.2, size), dims=names, **options)

    row = np.arange(shape[-1]) % 3 == 0
    frames, flood = (
        fresh(shape, dims),
        fresh(shape[1:], dims[1:], masks={"dead": np.broadcast_to(row, shape[1:])}),
    )
    result = (frames - flood) / (flood * 2.0) / 3.0
    assert pending(result)
    assert result.dims == dims
    assert_array_equal(result.values, (frames.values - flood.values) / (flood.values * 2.0) / 3.0)
    by_frames = 1 / (6 * flood.values)
    by_flood = frames.values / (6 * flood.values**2)
    assert_allclose(result.variances, frames.variances * by_frames**2 + flood.variances * by_flood**2)
    assert_array_equal(result.mask, np.broadcast_to(row, shape))
    mean = frames.values.mean(axis=0) / (6 * flood.values**2)
    expected = np.mean(frames.variances, axis=0) / shape[0] * by_frames**2 + flood.variances * mean**2
    whole = result.mean(dims[0])  # the flood's errors are shared by all frames
    assert_allclose(whole.variances[~whole.mask], expected[~whole.mask])
    assert pending(flood * frames)
    assert_array_equal((flood / frames).values, flood.values / frames.values)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_errors_of_an_operand_that_are_passed_on_are_those_of_each_step(sign):
    """Of a - b, what b is made of stays as it is but for the sign."""
    flood = Dataset(np.linspace(1, 2, 50), np.full(50, 0.01))
    known = counts(50, 1) * flood / scalar(3.0, 0.1)
    assert known.values is not None
    assert known.uncertainty
    a, b = counts(50, 2), counts(50, 3)
    total = a + known if sign > 0 else a - known
    twice = b - known + known
    slope_counts, slope_flood = flood.values / 3, counts(50, 1).values / 3
    expected = (
        a.variances
        + slope_counts**2 * counts(50, 1).variances
        + slope_flood**2 * 0.01
        + (known.values / 3) ** 2 * 0.01
    )

    assert_allclose(total.variances, expected, rtol=1e-12)
    assert_allclose(twice.variances, b.variances, rtol=1e-9)
    assert_allclose((known - known).variances, 0, atol=1e-9)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_sources_of_a_forked_process_are_not_those_of_its_parent():
    code = (
        "import os, sys\n"
        "from gumtree_core.data import Dataset\n"
        "read, write = os.pipe()\n"
        "name = lambda: Dataset([4.0], [1.0]).uncertainty.terms[0].source.id\n"
        "first = name()\n"
        "if os.fork() == 0:\n"
        "    os.write(write, name().encode())\n"
        "    os._exit(0)\n"
        "mine, theirs = name(), os.read(read, 200).decode()\n"
        "sys.exit(len({first, mine, theirs}) != 3)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
