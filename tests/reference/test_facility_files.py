"""Real files of facilities under logical keys."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from gumtree_core.files import load


@pytest.fixture(scope="module")
def quokka(reference):
    return load(reference / "ansto_quokka" / "QKK0030729.nx.hdf")


@pytest.fixture(scope="module")
def echidna(reference):
    return load(reference / "ansto_echidna" / "ECH0000648.nx.hdf")


@pytest.fixture(scope="module")
def platypus(reference):
    return load(reference / "ansto_platypus" / "PLP0000708.nx.hdf")


@pytest.fixture(scope="module")
def swing(reference):
    return load(reference / "soleil_swing" / "Test_Nexus_File.nxs")


def test_quokkas_counts_are_as_many_as_its_file_says(quokka):
    counts = quokka.data("detector/counts")

    assert (counts.dims, counts.shape, counts.unit) == (("y", "x"), (192, 192), "counts")
    assert counts.values.sum() == quokka.data("detector/total_counts").values == 12_362_698
    np.testing.assert_array_equal(counts.variances, counts.values)


def test_quokkas_pixels_have_edges_in_mm(quokka):
    axes = quokka.data("detector/counts").axes

    assert all(axes[name].is_edges and axes[name].unit == "mm" for name in ("x", "y"))
    assert np.allclose(np.abs(axes["x"].widths), 5.08, atol=1e-3)
    assert quokka.data("detector/pixel_size_y").values == pytest.approx(5.08, abs=1e-6)


@pytest.mark.parametrize(
    ("key", "value", "unit"),
    [
        ("instrument/wavelength", 5.07, "angstrom"),
        ("instrument/wavelength_spread", 0.14, ""),
        ("instrument/collimation_length", 9965.007, "mm"),
        ("detector/distance", 10021.072, "mm"),
        ("detector/beam_center_x", 38.56, "pixel"),
        ("detector/beam_center_y", 95.92, "pixel"),
        ("monitor/counts", 572_003_409, "counts"),
        ("monitor/time", 12247.651, "s"),
        ("sample/thickness", 1, "mm"),
        ("motor/sample_x", 161.70172, "mm"),
    ],
)
def test_quokkas_values_are_in_the_units_of_their_keys(quokka, key, value, unit):
    found = quokka.data(key)

    assert (float(found.values), found.unit, found.dims) == (pytest.approx(value, rel=1e-6), unit, ())


def test_what_quokka_writes_for_a_title_that_it_has_not_is_none(quokka):
    assert "run/title" not in quokka
    assert "sample/transmission" not in quokka
    assert quokka["sample/name"] == "1 buffer H2O (GI)"


def test_echidnas_scan_has_its_angles_at_each_point_and_tube(echidna):
    counts = echidna.data("detector/counts")

    assert counts.dims == ("point", "y", "x")
    assert counts.shape == (50, 128, 128)
    assert counts.values.sum() == 5_480_604
    assert counts.axes["two_theta"].dims == ("point", "x")
    assert counts.axes["stth"].dims == ("point",)
    tube = echidna.data("detector/two_theta").values - echidna.data("motor/stth").values[:, None]
    np.testing.assert_allclose(tube, np.broadcast_to(tube[0], tube.shape), atol=1e-4)
    np.testing.assert_allclose(echidna.data("monitor/counts").values, 60000, atol=1)
    assert echidna.data("instrument/take_off_angle").values == pytest.approx(119.996, abs=1e-3)
    assert "instrument/wavelength" not in echidna  # its 0 angstrom mean that nobody had set it


def test_one_point_of_echidnas_scan_is_the_same_as_in_the_whole(echidna):
    one = echidna.point(7)

    np.testing.assert_array_equal(
        one.data("detector/counts").values, echidna.data("detector/counts").values[7]
    )
    assert one.data("detector/counts").axes["two_theta"].dims == ("x",)
    assert one.data("motor/stth").values == echidna.data("motor/stth").values[7]
    assert one["sample/name"] == echidna["sample/name"]


def test_platypus_counts_by_time_of_flight(platypus, reference):
    counts = platypus.data("detector/counts")

    assert counts.dims == ("time_of_flight", "y", "x")
    assert counts.shape == (999, 221, 1)
    assert counts.values.sum() == platypus.data("detector/total_counts").values
    assert counts.axes["time_of_flight"].unit == "us"
    assert counts.axes["time_of_flight"].is_edges
    assert platypus.data("slit/second/height").values == pytest.approx(0.500015)
    assert platypus.data("chopper/ch1/speed").values == pytest.approx(1380)
    assert platypus.data("chopper/ch3/distance").values == pytest.approx(359)
    assert platypus["instrument/mode"] == "FOC"


def test_soleils_scan_has_motors_and_counters_and_the_name_of_the_beamline(swing):
    assert swing["instrument/name"] == "SWING"
    assert swing["source/probe"] == "x-ray"
    assert swing.data("source/current").values == pytest.approx(300.42556962)
    wavelength = swing.data("instrument/wavelength")
    assert (float(wavelength.values), wavelength.unit) == (pytest.approx(1.03319847), "angstrom")
    assert swing.data("motor/1_1").shape == swing.data("counter/01").shape == (41,)
    assert swing.data("counter/01").unit == "A"
    assert swing.data("detector/time").to("ms").values == pytest.approx(5)
    assert swing.data("sample/temperature").values == pytest.approx(295.15)


@pytest.mark.parametrize(
    "name",
    [
        "ansto_quokka/QKK0030729.nx.hdf",
        "ansto_echidna/ECH0000648.nx.hdf",
        "ansto_platypus/PLP0000711.nx.hdf",
        "soleil_swing/Test_Nexus_File.nxs",
    ],
)
def test_every_key_of_a_real_file_can_be_read_and_no_array_is_until_then(reference, name, monkeypatch):
    read = []
    plain = h5py.Dataset.__getitem__

    def counting(self, *args, **options):
        read.append(self.size)
        return plain(self, *args, **options)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", counting)
    run = load(reference / name)
    assert max(read) <= 1

    for key in run:
        assert isinstance(run[key], str) or run.data(key).title == key
    assert max(read) > 40


def test_two_readings_of_a_real_file_are_one_source_of_errors(reference, quokka):
    again = load(reference / "ansto_quokka" / "QKK0030729.nx.hdf")

    assert not (again.data("monitor/counts") - quokka.data("monitor/counts")).errors.any()
