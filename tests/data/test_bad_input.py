"""Bad input gives an error whose one sentence names what was given."""

import numpy as np
import pytest

from gumtree_core.data import Axis, Dataset, concatenate, poisson, scalar, stack
from gumtree_core.errors import GumtreeError

CURVE = Dataset(
    [1.0, 2.0], [1.0, 1.0], axes={"q": Axis([0.1, 0.2], "1/angstrom")}, unit="counts", title="curve"
)
WIDTH = Dataset([1.0, 2.0], unit="mm", dims="q", title="width")
LONG = Dataset([1.0, 2.0, 3.0], dims="q", title="long")
FRAME = Dataset(np.ones((2, 3)), dims=("y", "q"), title="frame")
NUMBER = scalar(5.0, 0.1, title="number")
EMPTY = Dataset([], [], axes={"q": []}, title="nothing")
OBJECTS = np.array([1.0, None], dtype=object)
HALF = np.ma.array([1.0, 2.0], mask=[False, True])

CASES = {
    "shape: sum": (lambda: CURVE + LONG, "DIMENSION_MISMATCH", ["curve", "long", "'q'", "2", "3"]),
    "shape: array": (lambda: CURVE * np.ones(3), "DIMENSION_MISMATCH", ["curve", "'q': 2", "(3,)"]),
    "shape: comparison": (lambda: CURVE > LONG, "DIMENSION_MISMATCH", ["curve", "long", "'q'"]),
    "shape: matrices": (lambda: CURVE @ LONG, "DIMENSION_MISMATCH", ["curve", "long", "(2,)", "(3,)"]),
    "shape: join": (lambda: concatenate([LONG, FRAME], "q"), "DIMENSION_MISMATCH", ["long", "frame"]),
    "shape: stack": (lambda: stack([CURVE, LONG], "run"), "DIMENSION_MISMATCH", ["curve", "long"]),
    "shape: bins": (lambda: CURVE.bin_sum([0], 1, "r"), "DIMENSION_MISMATCH", ["curve", "(1,)", "'q': 2"]),
    "shape: variances": (
        lambda: Dataset([1.0, 2.0], [1.0], title="rate"),
        "BAD_VARIANCES",
        ["'rate'", "(1,)", "(2,)"],
    ),
    "shape: mask": (lambda: CURVE.with_masks(dead=[True]), "BAD_MASK", ["'dead'", "(1,)", "(2,)"]),
    "shape: axis": (lambda: CURVE.with_axes(q=[1, 2, 3, 4]), "BAD_AXIS", ["'q'", "(4,)", "'q': 2"]),
    "unit: sum": (lambda: CURVE + WIDTH, "UNIT_MISMATCH", ["curve", "'counts'", "width", "'mm'"]),
    "unit: smaller": (
        lambda: np.minimum(CURVE, WIDTH),
        "UNIT_MISMATCH",
        ["curve", "'counts'", "width", "'mm'"],
    ),
    "unit: comparison": (lambda: CURVE > WIDTH, "UNIT_MISMATCH", ["curve", "'counts'", "width", "'mm'"]),
    "unit: choice": (
        lambda: np.where([True, False], CURVE, WIDTH),
        "UNIT_MISMATCH",
        ["curve", "width", "'mm'"],
    ),
    "unit: join": (lambda: concatenate([CURVE, WIDTH], "q"), "UNIT_MISMATCH", ["width", "'mm'", "'counts'"]),
    "unit: conversion": (lambda: WIDTH.to("s"), "UNIT_MISMATCH", ["width", "'mm'", "'s'"]),
    "unit: coordinate": (lambda: CURVE["q", "1 mm":"2 mm"], "UNIT_MISMATCH", ["'q'", "'mm'", "'1/angstrom'"]),
    "unit: angle": (lambda: np.sin(WIDTH), "UNIT_MISMATCH", ["numpy.sin", "width", "'mm'"]),
    "unit: unknown": (lambda: WIDTH.to("parsnip"), "UNKNOWN_UNIT", ["'parsnip'"]),
    "dimension: selection": (lambda: CURVE["z", 0], "UNKNOWN_DIMENSION", ["curve", "'z'", "'q'"]),
    "dimension: sum": (lambda: CURVE.sum("z"), "UNKNOWN_DIMENSION", ["curve", "'z'", "'q'"]),
    "dimension: order": (lambda: FRAME.transpose("y", "z"), "BAD_DIMENSIONS", ["frame", "'z'", "'q'"]),
    "dimension: axis": (lambda: CURVE.rebin("x", [0, 1]), "UNKNOWN_AXIS", ["curve", "'x'", "'q'"]),
    "dimension: names": (lambda: Dataset([1.0], dims=("a", "b")), "BAD_DIMENSIONS", ["(1,)", "'a', 'b'"]),
    "mask of NumPy: values": (lambda: Dataset(HALF, title="rate"), "BAD_VALUES", ["'rate'", "1 of 2"]),
    "mask of NumPy: variances": (lambda: Dataset([1.0, 2.0], HALF), "BAD_VARIANCES", ["1 of 2", "masks="]),
    "mask of NumPy: axis": (lambda: CURVE.with_axes(q=HALF), "BAD_AXIS", ["1 of 2"]),
    "mask of NumPy: matrix": (lambda: CURVE @ HALF, "BAD_OPERAND", ["1 of 2"]),
    "mask of NumPy: choice": (lambda: np.where(CURVE > CURVE, CURVE, HALF), "BAD_OPERAND", ["1 of 2"]),
    "mask of NumPy: operand": (lambda: CURVE * HALF, "BAD_OPERAND", ["curve", "1 of 2"]),
    "NaN variance": (
        lambda: Dataset([1.0, 2.0], [1.0, np.nan], title="rate"),
        "BAD_VARIANCES",
        ["'rate'", "nan", "(1,)"],
    ),
    "negative variance": (
        lambda: Dataset([[1.0, 2.0]], [[1.0, -4.0]], title="rate"),
        "BAD_VARIANCES",
        ["'rate'", "-4.0", "(0, 1)"],
    ),
    "negative error of a number": (lambda: scalar(7.5, -0.1), "BAD_VARIANCES", ["7.5", "-0.1"]),
    "negative counts": (lambda: poisson([3, -1], 1, title="run 7"), "BAD_COUNTS", ["'run 7'", "-1"]),
    "objects: values": (lambda: Dataset(OBJECTS, title="rate"), "BAD_VALUES", ["'rate'", "object"]),
    "objects: variances": (
        lambda: Dataset([1.0], np.array([object()]), title="rate"),
        "BAD_VARIANCES",
        ["'rate'"],
    ),
    "objects: counts": (lambda: poisson(OBJECTS, 1, title="rate"), "BAD_VALUES", ["'rate'", "object"]),
    "objects: operand": (lambda: CURVE + OBJECTS, "BAD_OPERAND", ["curve", "object"]),
    "objects: axis": (lambda: Axis(OBJECTS), "BAD_AXIS", ["object"]),
    "0-d: index": (lambda: NUMBER[0], "BAD_INDEX", ["number", "0 dimensions"]),
    "0-d: coordinate": (lambda: NUMBER["q", 0.1], "UNKNOWN_AXIS", ["number", "'q'"]),
    "0-d: join": (lambda: concatenate([NUMBER], "q"), "UNKNOWN_DIMENSION", ["number", "'q'", "stack()"]),
    "0-d: integral": (lambda: NUMBER.integrate("q"), "UNKNOWN_AXIS", ["number", "'q'"]),
    "0-d: order": (lambda: NUMBER.sort(), "BAD_LABELS", ["number"]),
    "0-d: mask": (lambda: NUMBER.with_masks(off=[True]), "BAD_MASK", ["'off'", "(1,)", "()"]),
    "empty: largest": (lambda: EMPTY.max(), "NO_ELEMENTS", ["nothing", "'q': 0", "max"]),
    "empty: median": (lambda: EMPTY.median(), "NO_ELEMENTS", ["nothing", "'q': 0"]),
    "empty: integral": (lambda: EMPTY.integrate("q"), "TOO_FEW_ELEMENTS", ["nothing", "0", "'q'"]),
    "empty: coordinate": (lambda: EMPTY["q", 0.5], "COORDINATE_OUT_OF_RANGE", ["0.5", "'q'", "empty"]),
    "empty: sum with two": (lambda: EMPTY + LONG, "DIMENSION_MISMATCH", ["nothing", "long", "0", "3"]),
    "empty: join": (lambda: concatenate([], "q"), "NO_ELEMENTS", ["at least one"]),
}


@pytest.mark.parametrize("case", CASES)
def test_the_error_names_what_was_given(case):
    call, reason, words = CASES[case]

    with pytest.raises(GumtreeError) as caught:
        call()
    assert caught.value.reason == reason
    missing = [word for word in words if word not in caught.value.message]
    assert not missing, caught.value.message
    assert caught.value.message.endswith(".")


def test_numbers_of_no_dimension_and_data_of_no_elements_are_computed_with():
    assert (NUMBER + NUMBER).sum().values == 10
    assert NUMBER.mean().errors == pytest.approx(0.1)
    assert NUMBER.flatten().shape == (1,)
    assert EMPTY.sum().values == 0
    assert EMPTY.sum().variances == 0
    assert np.isnan(EMPTY.mean().values)
    assert (EMPTY * NUMBER).shape == (0,)
    assert concatenate([EMPTY, EMPTY], "q").shape == (0,)
    assert EMPTY.covariance().shape == (0, 0)


def test_a_quantity_of_another_library_does_not_lose_its_unit():
    import pint

    length = pint.UnitRegistry().Quantity(2.0, "mm")
    d = Dataset([1.0, 2.0])
    for call in (lambda: d * length, lambda: d + length, lambda: np.maximum(d, length)):
        with pytest.raises(GumtreeError, match="in 'millimeter' would lose its unit"):
            call()


def test_a_dimension_is_no_number_and_an_unknown_option_is_named():
    d = Dataset(np.ones((2, 3)), dims=("y", "x"))
    with pytest.raises(GumtreeError, match=r"Dimensions have names.*\('y', 'x'\), and 0 is none"):
        d.sum(0)
    with pytest.raises(GumtreeError, match=r"numpy\.sum of a Dataset takes no where=; leave it out"):
        np.sum(d, where=d.values > 0)
