"""Runs of one configuration are added by `A+B`; points of a scan are chosen by `@`."""

from __future__ import annotations

import hashlib

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gumtree_core.data import Dataset, poisson, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run, load
from gumtree_core.files.adding import add_runs
from gumtree_core.files.addresses import files
from gumtree_core.reduction.corrections.normalization import rate
from gumtree_core.reduction.detector.geometry import image
from gumtree_core.reduction.runs import check_different
from gumtree_core.scripts.known_runs import _stamp

SPICE = """<?xml version="1.0"?>
<SPICErack start_time="2007-01-01 00:45:48" end_time="2007-01-01 01:15:49">
<Header><Instrument>GPSANS</Instrument><Scan_Title>a test</Scan_Title><Scan_Number>{number}</Scan_Number>
<Sample_Name>carbon</Sample_Name><Sample_Thickness units="cm">0.1</Sample_Thickness>
<x_mm_per_pixel>5.15</x_mm_per_pixel><y_mm_per_pixel>5.14</y_mm_per_pixel>
<wavelength>{wavelength}</wavelength><wavelength_spread>0.14</wavelength_spread>
<source_distance>17448.6</source_distance><source_aperture_size>40</source_aperture_size>
<sample_aperture_size>14</sample_aperture_size></Header>
<Motor_Positions><sample_det_dist units="m">6.0</sample_det_dist></Motor_Positions>
<Counters><time>1800</time><monitor>{monitor}</monitor></Counters>
<Data><Detector type="INT32[2,3]">1 2 3
4 5 {number}</Detector></Data></SPICErack>"""


@pytest.fixture
def spice(tmp_path):
    def write(name, number=1, monitor=1000, wavelength=6.0):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(SPICE.format(number=number, monitor=monitor, wavelength=wavelength))
        return path

    return write


def refused(address) -> GumtreeError:
    with pytest.raises(GumtreeError) as caught:
        load(address)
    return caught.value


def test_counts_monitor_and_time_are_added(spice):
    one, other = spice("a.xml", 1), spice("b.xml", 7, 3000)
    both = load(f"{one}+{other}")

    assert np.array_equal(both.data("detector/counts").values, [[2, 8], [4, 10], [6, 8]])
    assert np.array_equal(both.data("detector/counts").variances, [[2, 8], [4, 10], [6, 8]])
    assert float(both.data("detector/time").to("s").values) == 3600
    assert (float(both.data("monitor/counts").values), both.data("monitor/counts").variances) == (4000, 4000)
    assert float(both.data("detector/distance").to("m").values) == pytest.approx(6)


def test_the_files_remain_the_sources_of_the_errors(spice):
    one, other = spice("a.xml", 1), spice("b.xml", 7)
    rest = load(f"{one}+{other}").data("detector/counts") - load(one).data("detector/counts")

    assert np.array_equal(rest.variances, load(other).data("detector/counts").variances)


def test_the_sum_says_what_it_is_and_from_which_files(spice):
    one, other = spice("a.xml", 1), spice("b.xml", 7)
    both = load(f"{one}+{other}")

    assert both.name == "a.xml+b.xml"
    assert both.address == f"{one}+{other}"
    assert both.files() == {str(f): hashlib.sha256(f.read_bytes()).hexdigest() for f in (one, other)}
    assert both["sample/name"] == "carbon"


def test_the_sum_has_the_title_of_the_first_and_tells_all_other_texts_that_differ(spice):
    one, other = spice("a.xml", 1), spice("b.xml", 7)
    text = other.read_text().replace("a test", "again").replace("carbon", "glassy carbon")
    other.write_text(text)
    both = load(f"{one}+{other}")

    assert both["run/title"] == "a test"
    assert both["run/number"] == "1 + 7"
    assert both["sample/name"] == "carbon + glassy carbon"


def test_a_file_is_not_added_to_itself_nor_to_its_copy(spice, tmp_path):
    one, copy = spice("a.xml"), tmp_path / "copy.xml"
    copy.write_bytes(one.read_bytes())

    assert refused(f"{one}+{one}").reason == refused(f"{one}+{copy}").reason == "RUN_TWICE"


def test_runs_of_other_wavelengths_are_refused(spice):
    error = refused(f"{spice('a.xml', 1)}+{spice('b.xml', 2, wavelength=6.1)}")

    assert error.reason == "RUNS_DIFFER"
    for part in ("instrument/wavelength", "6 angstrom", "6.1 angstrom", "a.xml", "b.xml"):
        assert part in error.message


def test_a_wavelength_within_a_tenth_of_a_percent_is_the_same(spice):
    assert load(f"{spice('a.xml', 1)}+{spice('b.xml', 2, wavelength=6.005)}").parts


@pytest.mark.parametrize("name", ["a+b.xml", "a@3.xml", "a.xml@3", "a.xml+b.xml", "x+y/a.xml"])
def test_a_file_of_such_a_name_is_that_file(spice, name):
    path, other = spice(name, 1), spice("other.xml", 2)

    assert load(path).path == path
    assert [part.path for part in load(f"{path}+{other}").parts] == [path, other]


def test_a_missing_file_is_named(spice, tmp_path):
    error = refused(f"{spice('a.xml')}+{tmp_path / 'none.xml'}")

    assert error.reason == "FILE_MISSING"
    assert error.message.startswith(f"{tmp_path / 'none.xml'} does not")


def test_added_runs_are_stamped_by_all_their_files(spice):
    one, other = spice("a.xml", 1), spice("b.xml", 2)
    before = _stamp(f"{one}+{other}")
    other.write_text(other.read_text() + "\n")

    assert files(f"{one}+{other}") == (one, other)
    assert before is not None
    assert before != _stamp(f"{one}+{other}")


def test_what_was_added_cannot_be_another_run_too(spice):
    one, other = spice("a.xml", 1), spice("b.xml", 2)

    with pytest.raises(GumtreeError, match="given as sample and as empty cell"):
        check_different([("sample", load(f"{one}+{other}")), ("empty cell", load(other))])


def made(counts, seconds=1.0, dead_time=0.0, **more) -> Run:
    return Run(
        {
            "detector/counts": poisson(np.atleast_2d(counts), 0, dims=("y", "x")),
            "detector/time": scalar(seconds, unit="s"),
            "detector/dead_time": scalar(dead_time, unit="s"),
            **more,
        },
        format="made",
    )


@given(st.lists(st.lists(st.integers(0, 2**31 - 1), min_size=3, max_size=3), min_size=2, max_size=5))
def test_sums_are_those_of_the_counts_however_large(counts):
    added = add_runs([made(np.array(each, np.int32)) for each in counts]).data("detector/counts")

    assert np.array_equal(added.values[0], np.sum(np.array(counts, np.int64), 0))
    assert np.allclose(added.variances[0], np.sum(np.array(counts, np.float64), 0), rtol=1e-15)


@pytest.mark.parametrize(("other", "good"), [(1050, True), (3000, False)])
def test_counts_that_lost_different_shares_to_dead_time_are_refused(other, good):
    both = add_runs([made([1000], dead_time=1e-5), made([other], dead_time=1e-5)])

    if good:
        assert float(rate(both, "time").values[0, 0]) == pytest.approx(
            (1000 / 0.99 + 1050 / 0.9895) / 2, rel=1e-5
        )
    else:
        with pytest.raises(GumtreeError, match="Reduce them one by one") as caught:
            both.data("detector/counts")
        assert caught.value.reason == "RATES_DIFFER"


def test_a_pixel_that_is_masked_in_one_is_masked_in_the_sum():
    first = Dataset(np.array([[True, False, False]]), dims=("y", "x"))
    second = Dataset(np.array([[False, False, True]]), dims=("y", "x"))
    added = add_runs(
        [made([1, 2, 3], **{"detector/mask": first}), made([1, 2, 3], **{"detector/mask": second})]
    )

    assert np.array_equal(added.data("detector/mask").values, [[True, False, True]])


@pytest.fixture
def scan(tmp_path):
    counts = np.arange(5 * 2 * 3, dtype=np.int32).reshape(5, 2, 3)
    with h5py.File(tmp_path / "QKK0000001.nx.hdf", "w") as file:
        entry = file.create_group("QKK0000001")
        entry.attrs["NX_class"] = "NXentry"
        for known in ("velocity_selector/wavelength", "parameters/L1", "parameters/L2"):
            entry[f"instrument/{known}"] = 5.0
        entry["data/hmm_xy"] = counts
        entry["instrument/detector/time"] = np.arange(1.0, 6)
        entry["instrument/detector/time"].attrs["units"] = "s"
    return tmp_path / "QKK0000001.nx.hdf", counts


def test_a_point_of_a_scan_is_chosen(scan):
    path, counts = scan
    run = load(f"{path}@3")

    assert np.array_equal(image(run).values, counts[3])
    assert (run.name, run.address) == (f"{path.name}@3", f"{path}@3")
    assert _stamp(f"{path}@3") == _stamp(str(path)) is not None


def test_points_of_a_scan_are_added(scan):
    path, counts = scan
    run = load(f"{path}@1-3")

    assert np.array_equal(image(run).values, counts[1:4].sum(0))
    assert np.array_equal(image(run).variances, counts[1:4].sum(0))
    assert float(run.data("detector/time").values) == 2 + 3 + 4
    assert run.address == f"{path}@1-3"
    assert np.array_equal(image(load(f"{path}@1+{path}@2-3")).values, image(run).values)


@pytest.mark.parametrize(
    ("points", "says"), [("5", "there are 5"), ("2-9", "there are 5"), ("3-1", "write @1-3")]
)
def test_a_point_that_is_not_there_is_refused(scan, points, says):
    error = refused(f"{scan[0]}@{points}")

    assert error.reason == "NO_POINT"
    assert says in error.message


def test_points_are_not_added_twice(scan):
    assert refused(f"{scan[0]}@1-3+{scan[0]}@2").reason == "RUN_TWICE"


def test_a_scan_in_place_of_an_image_tells_how_to_choose(scan):
    with pytest.raises(GumtreeError, match="FILE@7") as caught:
        image(load(scan[0]))

    assert caught.value.reason == "NOT_AN_IMAGE"


def test_one_image_has_no_points(spice):
    assert refused(f"{spice('a.xml')}@0").reason == "NO_POINT"


def test_a_sum_that_is_used_twice_is_one_measurement(spice):
    run = load(f"{spice('a.xml', 1)}+{spice('b.xml', 2)}")

    assert np.array_equal(
        (poisson(run.data("detector/counts"), 1) - poisson(run.data("detector/counts"), 1)).variances,
        np.zeros((3, 2)),
    )


def test_the_name_of_many_runs_stays_short(spice):
    run = load("+".join(str(spice(f"run{k}.xml", k)) for k in range(9)))

    assert run.name == "run0.xml+..+run8.xml"
    assert len(run.files()) == 9


def test_points_at_other_angles_are_not_added():
    angles = Dataset(np.array([10.0, 10.5, 11.0]), dims=("x",), unit="deg")
    with pytest.raises(GumtreeError, match="detector/two_theta is") as caught:
        add_runs([made([1, 2, 3], **{"detector/two_theta": each}) for each in (angles, angles * 1.0005)])

    assert caught.value.reason == "RUNS_DIFFER"
