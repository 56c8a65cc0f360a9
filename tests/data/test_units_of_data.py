import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose

from gumtree_core.data import Dataset, scalar, units
from gumtree_core.errors import GumtreeError


def test_the_common_units_are_canonical_for_pint_too():
    for unit in units.COMMON:
        assert units._text(units._parse(unit)) == unit


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("", ""),
        ("count", "counts"),
        ("cts", "counts"),
        ("millimeter", "mm"),
        ("Angstrom", "angstrom"),
        ("Angstroms", "angstrom"),
        ("angstrom**-1", "1/angstrom"),
        ("Å", "angstrom"),
        ("degrees", "deg"),
        ("counts / second", "counts/s"),
        ("mm**2", "mm^2"),
        ("m/s^2", "m/s^2"),
        ("microsecond", "us"),
        ("N*m", "m*N"),
    ],
)
def test_a_unit_has_one_spelling(given, canonical):
    assert Dataset(1.0, unit=given).unit == canonical
    assert Dataset(1.0, unit=canonical).unit == canonical


@pytest.mark.parametrize("unit", ["parrots", "mm mm mm(", "1//s", "n/a", 3])
def test_what_is_no_unit_is_refused(unit):
    with pytest.raises(GumtreeError) as caught:
        Dataset(1.0, unit=unit)
    assert caught.value.reason == "UNKNOWN_UNIT"


def test_conversion_scales_values_and_errors():
    length = scalar(12.0, 0.5, "mm").to("m")

    assert length.unit == "m"
    assert_allclose([float(length), float(length.errors)], [0.012, 0.0005])


def test_temperatures_convert_with_their_zero():
    warm = scalar(20.0, 0.5, "degC").to("K")

    assert_allclose([float(warm), float(warm.errors)], [293.15, 0.5])
    with pytest.raises(GumtreeError, match=r"convert|one unit"):
        scalar(20.0, unit="degC") + scalar(1.0, unit="K")


def test_products_and_quotients_have_the_unit_they_should():
    counts, time = scalar(100.0, unit="counts"), scalar(5.0, unit="s")

    assert (counts / time).unit == "counts/s"
    assert (counts / time * time).unit == "counts"
    assert (1 / scalar(2.0, unit="angstrom")).unit == "1/angstrom"
    assert (scalar(2.0, unit="mm") ** 2).unit == "mm^2"
    assert np.sqrt(scalar(4.0, unit="mm^2")).unit == "mm"
    assert (counts / counts).unit == ""


def test_a_sum_is_in_the_unit_of_its_first_operand():
    total = scalar(1.0, 0.1, "m") + scalar(500.0, 30.0, "mm")

    assert total.unit == "m"
    assert_allclose([float(total), float(total.variances)], [1.5, 0.01 + 0.0009])
    assert bool(scalar(1.0, unit="m") > scalar(999.0, unit="mm"))


def test_millimetres_and_seconds_do_not_add_and_the_error_names_both():
    with pytest.raises(GumtreeError) as caught:
        scalar(1.0, unit="mm", title="slit") + scalar(2.0, unit="s", title="exposure")

    assert caught.value.reason == "UNIT_MISMATCH"
    for word in ("slit", "'mm'", "exposure", "'s'"):
        assert word in caught.value.message


def test_a_bare_number_adds_to_counts_but_not_to_millimetres_or_degrees():
    assert (scalar(5.0, unit="counts") + 1).unit == "counts"
    assert (1 + scalar(5.0, unit="counts")).unit == "counts"
    for unit in ("mm", "deg", "%"):
        with pytest.raises(GumtreeError) as caught:
            scalar(5.0, unit=unit) + 1
        assert caught.value.reason == "UNIT_MISMATCH"


def test_angles_are_converted_before_a_sine_and_others_refused():
    assert_allclose(float(np.sin(scalar(30.0, unit="deg"))), 0.5)
    assert np.arcsin(scalar(0.5)).unit == "rad"
    assert_allclose(float(np.rad2deg(np.arcsin(scalar(0.5)))), 30)
    with pytest.raises(GumtreeError, match="needs an angle"):
        np.sin(scalar(1.0, unit="mm"))
    with pytest.raises(GumtreeError, match="pure number"):
        np.exp(scalar(1.0, unit="mm"))


@pytest.mark.parametrize("function", [np.deg2rad, np.radians])
def test_degrees_become_radians_and_a_number_without_unit_is_refused(function):
    found = function(scalar(180.0, 1.0, "deg"))
    assert found.unit == "rad"
    assert_allclose([float(found), float(found.errors)], [np.pi, np.pi / 180])
    with pytest.raises(GumtreeError, match="needs an angle with its unit"):
        function(scalar(180.0))


def test_the_error_of_a_sine_of_degrees_is_in_radians():
    assert_allclose(float(np.sin(scalar(60.0, 1.0, "deg")).errors), 0.5 * np.pi / 180)


def test_a_quantity_raised_to_many_powers_has_no_unit_and_is_refused():
    with pytest.raises(GumtreeError, match="cannot be raised"):
        Dataset([1.0, 2.0], unit="mm") ** Dataset([1.0, 2.0])


def test_the_data_model_imports_without_pint_and_uses_common_units_without_it():
    code = (
        "import sys; from gumtree_core.data import Dataset; a = Dataset([1.0], unit='counts');"
        "a + a; print('pint' in sys.modules, 'scipy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )

    assert done.stdout.split() == ["False", "False"]
