"""What goes wrong at three in the morning is said, and gives no curve."""

from __future__ import annotations

import numpy as np
import pytest

from gumtree_core.data import Dataset, poisson
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.scripts import load_script
from gumtree_core.simulation.sans import GEOMETRY


@pytest.fixture(scope="module")
def sans():
    return load_script("sans")


def refusal(reduction) -> GumtreeError:
    with pytest.raises(GumtreeError) as refused:
        reduction.reduce()
    assert not reduction.saved
    return refused.value


def test_exchanged_direct_beams_are_refused_with_both_names(sans, counted):
    runs = counted(1).runs("spheres")
    runs["sample_beam"], runs["direct_beam"] = runs["direct_beam"], runs["sample_beam"]
    refused = refusal(sans(**runs))

    assert refused.reason == "BAD_TRANSMISSION"
    assert "spheres" in refused.message
    assert "empty_beam" in refused.message


def test_a_transmission_that_is_1_but_for_noise_is_accepted(sans, counted):
    simulation = counted(2)
    runs = {
        "sample": simulation.run("empty_cell", 60.0),
        "direct_beam": simulation.run("empty_beam", 0.5, direct=True),
        "sample_beam": simulation.run("empty_beam", 0.5, direct=True),
    }
    reduction = sans(**runs, thickness=1.0)
    reduction.reduce()

    assert float(reduction.transmission.values) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sample", "empty_cell"),
        ("sample", "blocked_beam"),
        ("sample", "sample_beam"),
        ("direct_beam", "sample_beam"),
        ("direct_beam", "cell_beam"),
        ("flood", "empty_cell"),
        ("flood_beam", "direct_beam"),
    ],
)
def test_one_run_in_two_roles_is_refused(sans, noise_free, one, other):
    runs = noise_free.runs("spheres")
    runs[one] = runs[other]

    assert refusal(sans(**runs)).reason == "RUN_TWICE"


def test_water_may_be_sample_and_flood(sans, noise_free):
    runs = noise_free.runs("water")
    runs["flood"], runs["flood_beam"] = runs["sample"], runs["sample_beam"]
    sans(**runs, shadow_radius=45.0).reduce()


@pytest.mark.parametrize(
    "parameters",
    [
        {"q_min": 1.0, "q_max": 2.0},
        {"ring_q_min": 1.0, "ring_q_max": 2.0},
        {"cut_width": 0.01, "q_min": 1.0, "q_max": 2.0},
        {"shadow_radius": 1000.0},
    ],
)
def test_where_no_pixel_is_left_the_q_that_there_is_is_told(sans, noise_free, parameters):
    refused = refusal(sans(sample=noise_free.run("spheres"), **parameters))

    assert refused.reason == "NO_PIXELS"
    assert "1/angstrom" in refused.message


def test_a_curve_that_is_negative_throughout_is_told(sans, noise_free):
    said = []
    runs = {"sample": noise_free.run("empty_cell"), "empty_cell": noise_free.run("water")}
    reduction = sans(**runs)
    reduction.host(None, lambda fraction, text: said.append(text))
    reduction.reduce()

    assert any("negative throughout" in text for text in said)


def test_a_beam_centre_off_the_detector_is_told(sans, noise_free):
    runs = noise_free.runs("spheres")
    refused = refusal(sans(**runs, beam_center_x=500.0, beam_center_y=20.0))

    assert refused.reason == "NO_BEAM"
    assert "(500.00, 20.00) pixel" in refused.message
    assert "0 to 191" in refused.message


def test_a_pixel_that_the_file_marks_as_broken_does_not_draw_the_beam_centre(sans, noise_free):
    run = noise_free.run("empty_beam", direct=True)
    counts = np.rint(run.data("detector/counts").values)
    bad = np.zeros(GEOMETRY.shape, bool)
    bad[3, 5], counts[3, 5] = True, 2 * counts.max()
    marked = poisson(Dataset(counts, dims=("y", "x"), masks={"missing": bad}), 0)
    runs = noise_free.runs("spheres")
    runs["direct_beam"] = Run({**run, "detector/counts": marked}, format="marked")
    reduction = sans(**runs)
    reduction.reduce()

    assert reduction.iq.metadata["steps"].startswith("beam centre (96.")
