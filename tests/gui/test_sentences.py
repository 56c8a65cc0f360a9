"""Values and failures in words, and what is typed as values."""

import math

import numpy as np
import pytest
import tango
from hypothesis import given
from hypothesis import strategies as st

from gumtree_core.errors import GumtreeError
from gumtree_core.interface import Parameter, Result
from taurus_gui.sentences import answer_text, duration, failure, number, value_text, with_error
from taurus_gui.typed import parse, tip

POSITION = Parameter("position", "float", label="Position", unit="mm", minimum=-200, maximum=800)


def failed(*errors):
    made = []
    for reason, text in errors:
        error = tango.DevError()
        error.reason, error.desc, error.origin = reason, text, "somewhere"
        made.append(error)
    return tango.DevFailed(*made)


def test_a_value_beyond_its_limit_is_told_with_value_unit_and_limit():
    error = failed(("API_WAttrOutsideLimit", "Set value for attribute position is above the maximum"))

    assert failure(error, POSITION, 99999.0) == "Position 99999 mm is above the limit of 800 mm."
    assert failure(error, POSITION, -201.5) == "Position -201.5 mm is below the limit of -200 mm."


def test_an_error_of_ours_is_told_as_it_is_and_later_layers_are_not():
    error = failed(("NOT_ALLOWED_NOW", "Stop first."), ("API_AttributeFailed", "Failed to write_attribute"))

    assert failure(error) == "Stop first."
    assert failure(GumtreeError("X_Y", "no beam")) == "No beam."


def test_a_python_error_of_a_foreign_server_loses_its_traceback():
    text = 'Traceback (most recent call last):\n  File "x.py", line 3\nValueError: no such filter'

    assert failure(failed(("PyDs_PythonError", text))) == "No such filter."


@pytest.mark.parametrize(
    ("reason", "text", "word"),
    [
        ("API_CantConnectToDevice", "Failed to connect to device a/b/c", "does not answer"),
        ("API_DeviceNotExported", "Device a/b/c is not exported", "does not answer"),
        ("API_DeviceTimedOut", "Timeout (3000 mS) exceeded", "in time"),
        ("API_CommandNotAllowed", "Command Go not allowed when the device is in FAULT state", "state"),
    ],
)
def test_reasons_of_tango_become_sentences(reason, text, word):
    told = failure(failed((reason, text)))

    assert word in told
    assert "API_" not in told
    assert told.endswith(".")


def test_a_sentence_is_one_line():
    assert failure(failed(("X_Y", "one\n  two"))) == "Two."
    assert "\n" not in failure(RuntimeError("a\nb"))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("99999", "above the limit of 800 mm"),
        ("abc", "not a number"),
        ("nan", "not a finite"),
        ("", "not a number"),
    ],
)
def test_what_is_no_allowed_number_is_told(text, word):
    with pytest.raises(ValueError, match=word):
        parse(POSITION, text)


@given(st.floats(-200, 800))
def test_a_number_that_is_typed_in_full_arrives_to_the_bit(value):
    assert parse(POSITION, repr(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_limits_hold_for_every_number(value):
    try:
        assert -200 <= parse(POSITION, repr(value)) <= 800
    except ValueError:
        assert not -200 <= value <= 800


@given(st.integers(-(2**63), 2**63 - 1))
def test_whole_numbers_stay_whole(value):
    assert parse(Parameter("n", "int"), str(value)) == value


def test_a_whole_number_is_not_rounded_from_a_broken_one():
    with pytest.raises(ValueError, match="whole number"):
        parse(Parameter("n", "int", label="Points"), "3.7")


@pytest.mark.parametrize(
    ("text", "value"), [("False", False), ("0", False), ("no", False), ("True", True), ("on", True)]
)
def test_false_is_false(text, value):
    assert parse(Parameter("b", "bool"), text) is value


def test_text_stays_as_it_is_typed_blanks_included():
    assert parse(Parameter("s", "str"), " hello big world ") == " hello big world "


def test_lists_are_separated_by_commas_and_each_is_checked():
    values = Parameter("v", "float", label="Angles", ndim=1, maximum=10)

    assert parse(values, "1, 2.5,3") == [1.0, 2.5, 3.0]
    assert parse(values, "") == []
    with pytest.raises(ValueError, match="above"):
        parse(values, "1, 20")


def test_a_choice_is_written_as_its_index_and_a_text_choice_as_text():
    assert parse(Parameter("m", "choice", choices=("A", "B")), "B") == 1
    assert parse(Parameter("s", "str", choices=("a", "b")), "b") == "b"
    with pytest.raises(ValueError, match="not one of a, b"):
        parse(Parameter("s", "str", choices=("a", "b")), "c")


@pytest.mark.parametrize(
    ("item", "value", "text"),
    [
        (Result("x", "float", format="%.3f"), 1.23456, "1.235"),
        (Result("x", "float"), 1e-5, "1e-05"),
        (Result("x", "int"), 3208327, "3208327"),
        (Result("x", "bool"), True, "yes"),
        (Result("x", "choice", choices=("A", "B")), 1, "B"),
        (Result("x", "choice", choices=("A",)), 7, "7"),
        (Result("x", "bool", ndim=1), [True, False], "yes, no"),
        (Result("x", "float"), None, ""),
    ],
)
def test_values_as_text(item, value, text):
    assert value_text(item, value) == text


def test_a_format_that_does_not_fit_does_not_hide_the_value():
    assert number("text", "%.3f") == "text"
    assert number(math.inf, "%d") == "inf"


def test_the_tool_tip_tells_help_and_limits():
    parameter = Parameter("x", "float", unit="mm", minimum=-2, maximum=3, help="Where it is.")

    assert tip(parameter) == "Where it is.\n≥ -2 mm, ≤ 3 mm"


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (67.15271, 0.00612, "67.1527 ± 0.0061"),
        (118986, 345.2, "118986 ± 345"),
        (0.0, 0.5, "0.00 ± 0.50"),
        (-3.0, 20.0, "-3 ± 20"),
        (1.61e-7, 2.2e-9, "(1.610 ± 0.022)e-07"),
        (5.12348e12, 1e9, "(5.1235 ± 0.0010)e+12"),
        (1.0, 1e-20, "1 ± 1.0e-20"),
    ],
)
def test_a_number_has_the_digits_that_its_error_allows(value, error, text):
    assert with_error(value, error) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("", ""),
        ("a word\n", "a word"),
        (["one", "two"], "one\ntwo"),
        (np.array([1.5, 2]), "1.5\n2.0"),
        ('{"name": "sans", "version": 1}', "name: sans\nversion: 1"),
        ("{no json", "{no json"),
        (3, "3"),
    ],
)
def test_an_answer_has_a_line_for_each_part(value, text):
    assert answer_text(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (8.4, "8 s"),
        (59.6, "1 min 0 s"),
        (533, "8 min 53 s"),
        (4980, "1 h 23 min"),
        (2e5, "2 d 7 h"),
    ],
)
def test_a_duration_is_told_as_people_do(seconds, text):
    assert duration(seconds) == text
