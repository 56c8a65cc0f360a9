"""Merging of curves of files, as a script does it."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from gumtree_core.data import Axis, Dataset, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.files.nexus.nxcansas import CURVE, write_nxcansas
from gumtree_core.scripts import load_script

FAR, NEAR = np.linspace(0.01, 0.1, 46), np.linspace(0.05, 0.4, 36)


def level(q: np.ndarray) -> np.ndarray:
    return 1 / (1 + (20 * q) ** 2)


@pytest.fixture
def saved(tmp_path):
    """The path of a file that holds a curve whose points share the error of a transmission."""

    def save(name: str, q: np.ndarray, factor: float = 1.0, **metadata: object) -> str:
        counted = Dataset(factor * level(q), (0.001 * level(q)) ** 2, dims=("q",), unit="1/cm")
        curve = (counted / scalar(1.0, 0.05)).replace(
            axes={"q": Axis(q, "1/angstrom", ("q",))},
            title="silica",
            metadata={
                "dq": Dataset(0.1 * q, dims=("q",), unit="1/angstrom"),
                "pixels": Dataset(np.full(q.size, 5), dims=("q",)),
                "sample/name": "silica",
                "sample/thickness": scalar(2.0, unit="mm"),
                "detector/distance": scalar(1000.0 * q.size, unit="mm"),
                **metadata,
            },
        )
        return str(write_nxcansas(tmp_path / name, curve, provenance={}))

    return save


@pytest.fixture(scope="session")
def sans_merge():
    return load_script("sans_merge")


def merged(script, curves: list[str], **parameters: object):
    work = script(curves=curves, **parameters)
    work.merge()
    return work


def test_curves_on_absolute_scale_are_merged_as_they_are(sans_merge, saved):
    work = merged(sans_merge, [saved("far.h5", FAR), saved("near.h5", NEAR, 1.02)])

    assert work.iq.size == FAR.size + NEAR.size
    assert work.iq.unit == "1/cm"
    assert work.scales.values == pytest.approx([1, 1 / 1.02], rel=2e-3)
    at_end = work.iq["q", 0.2:]
    assert at_end.values == pytest.approx(1.02 * level(at_end.axes["q"].values))


def test_curves_may_be_brought_to_the_height_of_the_first(sans_merge, saved):
    files = [saved("far.h5", FAR), saved("near.h5", NEAR, 3.0)]
    work = merged(sans_merge, files, scaling="overlap")

    assert work.iq.values == pytest.approx(level(work.iq.axes["q"].values), rel=5e-3)
    assert "heights by overlap: 1, 0.33" in work.iq.metadata["steps"]


def test_the_covariance_of_the_files_is_kept(sans_merge, saved):
    """The 5 % of a transmission are shared by all points, and scaling hands them on to the other curve."""
    far, near = saved("far.h5", FAR), saved("near.h5", NEAR, 3.0)
    apart = merged(sans_merge, [far, near], highest=[0.045, 1.0]).iq
    scaled = merged(sans_merge, [far, near], scaling="overlap").iq

    assert apart.correlation()[0, 1] > 0.99
    assert abs(apart.correlation()[0, -1]) < 1e-6  # files do not say what they share with each other
    assert scaled.correlation()[0, -1] > 0.99
    assert scaled.errors / scaled.values == pytest.approx(0.05, rel=0.02)


def test_each_curve_is_cut_to_where_it_is_good(sans_merge, saved):
    files = [saved("far.h5", FAR), saved("near.h5", NEAR)]
    q = merged(sans_merge, files, lowest=[0.02, 0.07], highest=[0.06, 0.3]).iq.axes["q"].values

    assert q.min() == pytest.approx(0.02)
    assert q.max() == pytest.approx(0.29)
    assert not ((q > 0.06) & (q < 0.07)).any()


def test_where_nothing_overlaps_absolute_curves_are_merged_without_a_factor(sans_merge, saved):
    said = []
    work = sans_merge(
        curves=[saved("far.h5", FAR), saved("near.h5", NEAR)], lowest=[0.01, 0.2], highest=[0.05, 0.4]
    )
    work.host(None, lambda fraction, text: said.append(text))
    work.merge()

    assert np.isnan(work.scales.values[1])
    assert any("points in common" in text for text in said)
    with pytest.raises(GumtreeError, match="points in common"):
        merged(sans_merge, work.curves, lowest=[0.01, 0.2], highest=[0.05, 0.4], scaling="overlap")


@pytest.mark.parametrize("combine", ["inverse variance", "area"])
@pytest.mark.parametrize("spacing", ["linear", "logarithmic"])
def test_points_may_be_averaged_over_bins(sans_merge, saved, combine, spacing):
    files = [saved("far.h5", FAR), saved("near.h5", NEAR)]
    iq = merged(sans_merge, files, combine=combine, bins=20, spacing=spacing).iq
    kept = ~iq.mask if iq.mask is not None else np.ones(iq.shape, bool)

    assert iq.shape == (20,)
    assert iq.metadata["pixels"].values.sum() == 5 * (FAR.size + NEAR.size)
    assert iq.values[kept] == pytest.approx(level(iq.axes["q"].centers[kept]), rel=0.25)
    assert (iq.metadata["dq"].values[kept] > 0).all()


def test_the_file_says_what_the_curves_have_in_common_and_where_they_come_from(sans_merge, saved, tmp_path):
    work = sans_merge(curves=[saved("far.h5", FAR), saved("near.h5", NEAR)], columns=True)
    work.host(tmp_path / "out", lambda fraction, text: None)
    work.merge()

    assert [path.name for path in work.saved] == ["far_merged.txt", "far_merged.h5"]
    with h5py.File(work.saved[-1]) as file:
        entry = file["sasentry01"]
        assert entry["sassample/thickness"][()] == 2.0
        assert entry["title"].asstr()[()] == "silica"
        assert "sasinstrument/sasdetector" not in entry  # the distances differ
        assert b"near.h5" in entry["sasprocess/sasnote/provenance"][()]


@pytest.mark.parametrize(
    ("curves", "parameters", "reason"),
    [
        (1, {}, "NO_CURVE"),
        (2, {"lowest": [0.1]}, "BAD_RANGE"),
        (2, {"highest": [0.1, 0.2, 0.3]}, "BAD_RANGE"),
        (2, {"lowest": [0.5, 0.5]}, "BAD_RANGE"),
    ],
)
def test_what_cannot_be_merged_is_refused(sans_merge, saved, curves, parameters, reason):
    files = [saved("far.h5", FAR), saved("near.h5", NEAR)][:curves]
    with pytest.raises(GumtreeError) as refused:
        merged(sans_merge, files, **parameters)
    assert refused.value.reason == reason


def test_a_curve_is_not_merged_with_itself(sans_merge, saved):
    far = saved("far.h5", FAR)
    with pytest.raises(GumtreeError, match=r"far\.h5 is given as curve 1 and as curve 3") as refused:
        merged(sans_merge, [far, saved("near.h5", NEAR), far])
    assert refused.value.reason == "RUN_TWICE"


def test_who_cuts_a_curve_away_is_told_how_far_it_reaches(sans_merge, saved):
    with pytest.raises(GumtreeError, match=r"from 0\.5 to inf 1/angstrom; it reaches from 0\.01 to 0\.1\."):
        merged(sans_merge, [saved("far.h5", FAR), saved("near.h5", NEAR)], lowest=[0.5, 0.0])


def test_a_raw_run_is_no_curve(sans_merge, saved):
    raw = Run({"run/title": "raw"}, format="raw")
    with pytest.raises(GumtreeError) as refused:
        merged(sans_merge, [saved("far.h5", FAR), raw])
    assert refused.value.reason == "KEY_MISSING"
    assert CURVE in refused.value.message
