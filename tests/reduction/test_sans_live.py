"""A script with prepared parts gives what one that begins anew gives, whatever was changed between."""

from __future__ import annotations

import numpy as np
import pytest

from gumtree_core.scripts import load_script


@pytest.fixture(scope="module")
def sans():
    return load_script("sans")


def test_after_any_change_the_curve_is_that_of_a_script_that_begins_anew(sans, counted):
    one, other = counted(1), counted(2)
    runs = one.runs("spheres")
    mask = {"shadow_radius": 45.0}
    changes = [
        {"sample": other.run("polymer", 60.0)},
        {"blocked_beam": other.run("blocked_beam", 300.0)},
        {"empty_cell": other.run("empty_cell")},
        {"sample_in_cell": False},
        {"flood": other.run("water", 900.0)},
        {"flood_beam": None},
        {"flood_transmission": 0.5},
        {"error_rule": "independent"},
        {"normalization": "time"},
        {"error_rule": "exact", "sample": one.run("spheres", 30.0)},
        {"direct_beam": one.run("empty_beam", direct=True)},
        {"shadow_radius": 60.0},
        {"beam_center_x": 96.0, "beam_center_y": 95.0},
        {"beam_radius": 20.0, "attenuation": 1e-3},
        {"q_max": 0.1, "bins": 40, "spacing": "logarithmic"},
        {"sector_width": 60.0, "sector_angle": 30.0},
        {"thickness": 2.0},
        {
            "sample": other.run(
                "polymer", 60.0, detector__distance=one.run("spheres").data("detector/distance")
            )
        },
        {"shadow_radius": 45.0, "sector_width": 360.0},
    ]
    parameters = {**runs, **mask}
    live = sans(**parameters)
    live.reduce()
    for change in changes:
        parameters |= change
        live.set(**change)
        live.reduce()
        anew = sans(**parameters)
        anew.reduce()

        for result in ("iq", "pattern", "transmission"):
            found, expected = getattr(live, result), getattr(anew, result)
            assert np.array_equal(found.values, expected.values, equal_nan=True), (change, result)
            assert found.unit == expected.unit
        assert live.iq.variances == pytest.approx(anew.iq.variances, rel=1e-9, nan_ok=True), change
        assert live.iq.metadata["steps"] == anew.iq.metadata["steps"]
