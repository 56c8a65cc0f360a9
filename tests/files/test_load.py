"""Recognising files, and reading ORNL's XML."""

from __future__ import annotations

import numpy as np
import pytest

from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run, load

SPICE = """<?xml version="1.0"?>
<SPICErack start_time="2007-01-01 00:45:48" end_time="2007-01-01 01:15:49">
<Header><Instrument>GPSANS</Instrument><Scan_Title>a test</Scan_Title><Scan_Number>49</Scan_Number>
<Sample_Name>carbon</Sample_Name><Sample_Thickness units="cm">0.1</Sample_Thickness>
<x_mm_per_pixel>5.15</x_mm_per_pixel><y_mm_per_pixel>5.14</y_mm_per_pixel>
<wavelength>6.0</wavelength><wavelength_spread>0.14</wavelength_spread>
<source_distance>17448.6</source_distance><source_aperture_size>40</source_aperture_size>
<sample_aperture_size>14</sample_aperture_size></Header>
<Motor_Positions><sample_det_dist units="m">6.0</sample_det_dist></Motor_Positions>
<Counters><time>1800</time><monitor>1000</monitor></Counters>
<Data><Detector type="INT32[2,3]">1 2 3
4 5 0</Detector></Data></SPICErack>"""


@pytest.fixture
def spice(tmp_path):
    path = tmp_path / "run.xml"
    path.write_text(SPICE)
    return path


def test_an_ornl_file_is_read_under_logical_keys(spice):
    run = load(spice)

    assert run.format == "ornl-sans-xml"
    assert run["sample/name"] == "carbon"
    assert run.data("detector/distance").to("m").values == pytest.approx(6.0)
    assert run.data("sample/thickness").to("mm").values == pytest.approx(1.0)


def test_its_array_is_turned_from_x_y_to_y_x_and_zero_counts_have_variance_one(spice):
    counts = load(spice).data("detector/counts")

    assert counts.dims == ("y", "x")
    assert np.array_equal(counts.values, [[1, 4], [2, 5], [3, 0]])
    assert np.array_equal(counts.variances, [[1, 4], [2, 5], [3, 1]])


def test_the_same_file_read_twice_is_one_source_of_errors(spice):
    difference = load(spice).data("detector/counts") - load(spice).data("detector/counts")

    assert np.array_equal(difference.variances, np.zeros((3, 2)))


@pytest.mark.parametrize(
    ("change", "reason", "says"),
    [
        (lambda text: text[:600], "FILE_DAMAGED", "no complete XML"),
        (lambda text: text.replace("4 5 0", "4 5"), "FILE_DAMAGED", "5 counts where 2 x 3"),
        (lambda text: text.replace("4 5 0", "4 x 0"), "FILE_DAMAGED", "no whole number"),
        (lambda text: text.replace("4 5 0", f"4 {'9' * 40} 0"), "FILE_DAMAGED", "no whole number"),
        (lambda text: text.replace("4 5 0", "4 -5 0"), "FILE_DAMAGED", "negative"),
        (
            lambda text: text.replace("[2,3]", "[0,0]").replace("1 2 3\n4 5 0", ""),
            "FILE_DAMAGED",
            "no counts",
        ),
        (lambda text: text.replace("[2,3]", f"[{'9' * 5000},3]"), "FILE_DAMAGED", "no Data/Detector"),
        (lambda text: text.replace(">1000<", ">many<"), "FILE_DAMAGED", "monitor is 'many', not a number"),
        (lambda text: text.replace(">1800<", ">nan<"), "FILE_DAMAGED", "time is nan, which cannot be"),
        (lambda text: text.replace(">6.0</samp", ">-6.0</samp"), "FILE_DAMAGED", "-6.0, which cannot be"),
        (lambda text: text.replace("<time>1800</time>", ""), "FILE_DAMAGED", "Counters/time is missing"),
        (
            lambda text: text.replace("<SPICErack", '<!DOCTYPE x [<!ENTITY a "b">]><SPICErack', 1),
            "FILE_DAMAGED",
            "XML entities",
        ),
        (lambda text: "", "FILE_EMPTY", "empty"),
        (lambda text: "hello", "FILE_FORMAT_UNKNOWN", "no known format"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(spice, change, reason, says):
    spice.write_text(change(SPICE))

    with pytest.raises(GumtreeError, match=says) as refused:
        load(spice)
    assert refused.value.reason == reason
    assert str(spice) in refused.value.message


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    with pytest.raises(GumtreeError, match="does not exist"):
        load(tmp_path / "nothing.nxs")
    with pytest.raises(GumtreeError, match="is a folder"):
        load(tmp_path)


def test_a_missing_key_is_answered_with_the_nearest_ones(spice):
    with pytest.raises(GumtreeError, match="detector/distance") as refused:
        load(spice)["detector/distanse"]
    assert refused.value.reason == "KEY_MISSING"


def test_items_of_a_run_are_made_once_and_only_when_asked_for():
    asked = []
    run = Run({"a": lambda: asked.append(1) or "text", "b": "other"})

    assert run["b"] == "other"
    assert asked == []
    assert run["a"] == run["a"] == "text"
    assert asked == [1]


def test_a_name_that_is_too_long_is_no_file():
    with pytest.raises(GumtreeError) as refused:
        load("x" * 5000)
    assert refused.value.reason == "FILE_MISSING"
