"""What a script's results become as values of attributes."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_array_equal

from gumtree_core.data import Axis, Dataset
from gumtree_core.interface import Interface, Result
from servers.reduction_members import published_results

INTERFACE = Interface("d", results=(Result("iq", "float", ndim=1, x="q"), Result("pattern", "float", ndim=2)))


def test_what_is_masked_is_published_as_no_number():
    """A client knows no masks: a hidden pixel would look like any other."""
    curve = Dataset([1.0, 2.0, 3.0], [4.0, 4.0, 4.0], dims="q", axes={"q": Axis([0.1, 0.2, 0.3])})
    counts = Dataset(
        np.array([[5, 6], [7, 8]]), "poisson", masks={"stop": np.array([[True, False], [False, False]])}
    )
    found = published_results(
        INTERFACE,
        {"iq": curve.with_masks(bad=np.array([False, True, False])), "pattern": counts},
        frozenset(),
    )

    assert_array_equal(found["iq"], [1, np.nan, 3])
    assert_array_equal(found["iq_errors"], [2, np.nan, 2])
    assert_array_equal(found["iq_q"], [0.1, 0.2, 0.3])
    assert_array_equal(found["pattern"], [[np.nan, 6], [7, 8]])


def test_errors_that_are_not_known_are_no_numbers():
    found = published_results(
        INTERFACE, {"iq": Dataset([1.0], dims="q", axes={"q": Axis([0.1])})}, frozenset()
    )

    assert_array_equal(found["iq_errors"], [np.nan])


def test_a_result_of_the_last_run_that_this_one_has_not_made_has_no_value():
    found = published_results(INTERFACE, {}, frozenset({"iq"}))

    assert found == {"iq": None, "iq_errors": None, "iq_q": None}
