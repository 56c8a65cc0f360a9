"""QUOKKA run 30729, water in a cell at 10 m, and ORNL's, with the script that reduces NG3's."""

from __future__ import annotations

import numpy as np
import pytest

from gumtree_core.files import load
from gumtree_core.scripts import load_script


@pytest.fixture(scope="session")
def water(reference):
    return load(reference / "ansto_quokka" / "QKK0030729.nx.hdf")


def reduced(water, **changed: object):
    listed = {"sample": water, "q_min": 0.008, "q_max": 0.09, "bins": 82, "shadow_radius": 60.0} | changed
    reduction = load_script("sans")(**listed)
    reduction.reduce()
    return reduction


def test_all_counts_are_read(water):
    assert water.data("detector/counts").values.sum() == 12_362_698


def test_the_beam_stop_lies_where_the_run_says_the_beam_is(water):
    counts = water.data("detector/counts").values
    x, y = (float(water.data(f"detector/beam_center_{each}").values) for each in "xy")
    rows, columns = np.nonzero(counts < np.median(counts) / 2)

    assert columns.mean() == pytest.approx(x, abs=1.0)
    assert rows.mean() == pytest.approx(y, abs=1.0)
    assert np.sqrt(rows.size / np.pi) * 5.08 == pytest.approx(110 / 2, rel=0.12)  # BSdiam is 110 mm


def test_the_centred_curve_of_water_is_flat_outside_of_the_beam_stop(water):
    """From the halo of the direct beam to the edge of the detector, whose last rows are too bright."""
    curve = reduced(water).iq["q", 0.02:0.055]

    assert curve.values.std() / curve.values.mean() < 0.02
    assert (curve.errors / curve.values < 0.02).all()


def test_the_shadow_is_round_about_the_centre(water):
    """Averaged about the centre, its edge is sharp; about another, it is not."""
    inner = {"shadow_radius": 0.0, "q_min": 0.001, "q_max": 0.02, "bins": 19}
    curve = reduced(water, **inner).iq
    wrong = reduced(water, **inner, beam_center_x=48.0).iq
    q = curve.axes["q"].centers
    inside = q < 2 * np.pi / 5.07 * 40 / 10021

    assert curve.values[inside].max() < 0.1 * curve.values[-1]
    assert wrong.values[inside].max() > 0.1 * curve.values[-1]


def test_water_over_its_own_level_is_one(water):
    """Flood and standard at once, as is usual on instruments without a calibrated attenuator."""
    curve = reduced(
        water, flood=water, standard=water, standard_material="flat scatterer", standard_level=0.95
    ).iq

    assert curve.unit == "1/cm"
    assert curve.values == pytest.approx(0.95, rel=1e-6)
    assert curve.errors == pytest.approx(0.0, abs=1e-6)


def test_its_resolution_is_known(water):
    dq = reduced(water).iq.metadata["dq"]

    assert (dq.values > 0).all()
    assert (np.diff(dq.values) > 0).all()
