"""Raw files by the application definitions of NeXus: valid, and read again as they were."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import h5py
import numpy as np
import pytest

from gumtree_core.data import Dataset, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run, load
from gumtree_core.files.nexus.raw import DEFINITIONS, has_preset, write_raw
from gumtree_core.reduction.detector.masks import from_file

HEAD = {
    "run/title": "silica",
    "run/start_time": "2026-11-23T10:00:00+00:00",
    "run/end_time": "2026-11-23T11:00:00+00:00",
    "instrument/name": "SANS",
    "source/name": "a reactor",
    "source/type": "Reactor Neutron Source",
    "source/probe": "neutron",
    "sample/name": "silica 2 %",
    "monitor/mode": "monitor",
    "monitor/preset": scalar(1e5),
    "instrument/wavelength": scalar(6.0, unit="angstrom"),
}


def along(values: object, unit: str, *dims: str) -> Dataset:
    return Dataset(values, dims=dims, unit=unit)


def run_of(definition: str) -> Run:
    random = np.random.default_rng(1)
    if definition == "NXsas":
        counts = random.poisson(20, (12, 16))
        return Run(
            {
                **HEAD,
                "detector/counts": along(counts, "counts", "y", "x"),
                "detector/distance": scalar(4.0, unit="m"),
                "detector/pixel_size_x": scalar(5.0, unit="mm"),
                "detector/pixel_size_y": scalar(5.0, unit="mm"),
                "detector/beam_center_x": scalar(7.3, unit="pixel"),
                "detector/beam_center_y": scalar(5.8, unit="pixel"),
                "sample/thickness": scalar(2.0, unit="mm"),
                "monitor/counts": scalar(100_003.0, unit="counts"),
            }
        )
    counts, angle = random.poisson(20, 30), np.linspace(1, 4, 30)
    scan = {
        **HEAD,
        "detector/counts": along(counts, "counts", "point"),
        "detector/two_theta": along(angle, "deg", "point"),
    }
    if definition == "NXmonopd":
        return Run(
            {
                **scan,
                "sample/rotation_angle": scalar(0.0, unit="deg"),
                "monitor/counts": scalar(9e4, unit="counts"),
            }
        )
    monitor = along(np.full(30, 1e5), "counts", "point")
    return Run({**scan, "sample/rotation_angle": along(angle / 2, "deg", "point"), "monitor/counts": monitor})


def validated(path: Path) -> str:
    """What nexusformat's validator says."""
    pytest.importorskip("nexusformat", reason="nexusformat is not installed")
    validate = "import sys; from nexusformat.scripts.nxvalidate import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", validate, str(path)], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout + done.stderr


def errors_of(path: Path) -> int:
    found = re.search(r"number of errors: (\d+)", validated(path))
    assert found
    return int(found[1])


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_a_raw_file_validates(definition, tmp_path):
    path = write_raw(tmp_path / "raw.nxs", run_of(definition), definition)

    assert f"Application Definition: {definition}" in validated(path)
    assert errors_of(path) == 0


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_what_was_written_is_loaded_under_the_same_keys(definition, tmp_path):
    run = run_of(definition)

    found = load(write_raw(tmp_path / "raw.nxs", run, definition))

    assert set(run) <= set(found)
    for key in run:
        if isinstance(run[key], str):
            assert found[key] == run[key]
        else:
            expected = run.data(key)
            assert found.data(key).to(expected.unit).values == pytest.approx(expected.values)
    counts = found.data("detector/counts")
    assert counts.variances == pytest.approx(counts.values)


def test_quokkas_run_becomes_nxsas(reference_run, tmp_path):
    found = load(write_raw(tmp_path / "quokka.nxs", has_preset(reference_run)))

    assert float(found.data("detector/counts").sum().values) == 12_362_698
    assert float(found.data("detector/distance").values) == pytest.approx(10_021.072, rel=1e-6)


def test_what_is_missing_is_named(tmp_path):
    run = Run({key: value for key, value in run_of("NXsas").items() if key != "source/probe"})

    with pytest.raises(GumtreeError, match="needs source/probe") as refused:
        write_raw(tmp_path / "raw.nxs", run)
    assert refused.value.reason == "KEY_MISSING"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("definition", "counts"),
    [("NXsas", np.ones((3, 4, 4))), ("NXmonopd", np.ones((4, 4))), ("NXrefscan", np.full(30, 1.5))],
)
def test_what_does_not_fit_the_definition_is_refused(definition, counts, tmp_path):
    dims = ("point", "y", "x")[-counts.ndim :] if counts.ndim > 1 else ("point",)
    run = Run({**run_of(definition), "detector/counts": Dataset(counts, dims=dims, unit="counts")})

    with pytest.raises(GumtreeError) as refused:
        write_raw(tmp_path / "raw.nxs", run, definition)
    assert refused.value.reason == "NOT_OF_DEFINITION"


def test_an_unknown_definition_is_refused(tmp_path):
    with pytest.raises(GumtreeError, match="NXsas, NXmonopd, NXrefscan"):
        write_raw(tmp_path / "raw.nxs", run_of("NXsas"), "NXtof")


def test_the_default_plot_is_the_data(tmp_path):
    path = write_raw(tmp_path / "raw.nxs", run_of("NXrefscan"), "NXrefscan")

    with h5py.File(path) as file:
        data = file[file.attrs["default"]][file["entry"].attrs["default"]]
        assert data[data.attrs["signal"]].shape == data[data.attrs["axes"][0]].shape == (30,)


@pytest.mark.parametrize(
    "counts",
    [
        Dataset(np.full((12, 16), 2.5), np.full((12, 16), 9.0), dims=("y", "x"), unit="counts"),
        Dataset(np.full((12, 16), np.nan), dims=("y", "x"), unit="counts"),
        Dataset(np.full((12, 16), -1.0), dims=("y", "x"), unit="counts"),
    ],
    ids=["corrected", "not a number", "negative"],
)
def test_what_was_not_counted_is_refused(counts, tmp_path):
    with pytest.raises(GumtreeError, match="no raw counts") as refused:
        write_raw(tmp_path / "raw.nxs", Run({**run_of("NXsas"), "detector/counts": counts}))
    assert refused.value.reason == "NOT_OF_DEFINITION"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("key", ["detector/counts", "monitor/counts"])
def test_a_rate_is_no_count(key, tmp_path):
    run = run_of("NXsas")
    rate = run.data(key) / scalar(2.0, unit="s")

    with pytest.raises(GumtreeError) as refused:
        write_raw(tmp_path / "raw.nxs", Run({**run, key: rate}))
    assert refused.value.reason == "UNIT_MISMATCH"


def test_percent_and_minutes_keep_what_they_mean(tmp_path):
    run = Run(
        {
            **run_of("NXsas"),
            "monitor/mode": "timer",
            "monitor/preset": scalar(5.0, unit="min"),
            "instrument/wavelength_spread": scalar(10.0, unit="%"),
        }
    )

    found = load(write_raw(tmp_path / "raw.nxs", run))

    assert float(found.data("monitor/preset").to("s").values) == pytest.approx(300)
    assert float(found.data("instrument/wavelength_spread").values) == pytest.approx(0.1)


def test_masked_pixels_are_in_the_pixel_mask(tmp_path):
    run, beam_stop = run_of("NXsas"), np.zeros((12, 16), bool)
    beam_stop[4:7, 6:9] = True
    counts = run.data("detector/counts").with_masks(beam_stop=beam_stop)

    path = write_raw(tmp_path / "raw.nxs", Run({**run, "detector/counts": counts}))

    np.testing.assert_array_equal(load(path).data("detector/mask").values > 0, beam_stop)
    np.testing.assert_array_equal(from_file(path, (12, 16)), beam_stop)
    assert errors_of(path) == 0


def test_the_file_that_it_was_made_from_is_named(reference_run, tmp_path):
    path = write_raw(tmp_path / "quokka.nxs", has_preset(reference_run))

    with h5py.File(path) as file:
        made = file["entry/process"]
        assert made["input/file_name"][()].decode() == str(reference_run.path)
        assert made["input/description"][()].decode() == f"SHA-256 {reference_run.sha256()}"
        assert datetime.fromisoformat(made["date"][()].decode()).tzinfo is not None
    assert errors_of(path) == 0


def test_a_word_that_the_definition_does_not_take_is_refused(tmp_path):
    with pytest.raises(GumtreeError, match="'photons', where NXsas takes neutron or x-ray") as refused:
        write_raw(tmp_path / "raw.nxs", Run({**run_of("NXsas"), "source/probe": "photons"}))
    assert refused.value.reason == "NOT_OF_DEFINITION"
