"""Reduced curves as columns of text."""

from __future__ import annotations

import errno

import numpy as np
import pytest

from gumtree_core.data import Axis, Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files.formats.columns import write_columns
from gumtree_core.files.saving import save_new

PROVENANCE = {
    "script": "sans.py", "commit": "abc", "clean": False, "time": "2026-01-01T00:00:00+00:00",
    "inputs": {"/data/a.nxs": "0f"},
}  # fmt: skip


@pytest.fixture
def curve() -> Dataset:
    return Dataset(
        [3.0, 2.0, 1.0],
        [0.09, 0.04, 0.01],
        dims=("q",),
        axes={"q": Axis(np.array([0.01, 0.02, 0.03, 0.04]), unit="1/angstrom")},
        unit="1/cm",
        title="a run",
    )


def test_the_columns_are_q_intensity_and_its_error(curve, tmp_path):
    rows = np.loadtxt(write_columns(tmp_path / "iq.txt", curve, provenance=PROVENANCE))

    assert rows == pytest.approx(np.array([[0.015, 3, 0.3], [0.025, 2, 0.2], [0.035, 1, 0.1]]))


def test_the_resolution_is_the_fourth_column_in_the_unit_of_q(curve, tmp_path):
    dq = Dataset([0.01, 0.02, 0.03], dims=("q",), unit="1/nm")
    path = write_columns(tmp_path / "iq.txt", curve.with_metadata(dq=dq), provenance=PROVENANCE)

    assert np.loadtxt(path)[:, 3] == pytest.approx([0.001, 0.002, 0.003])


def test_masked_points_are_left_out(curve, tmp_path):
    masked = curve.with_masks(empty=np.array([False, True, False]))

    assert np.loadtxt(write_columns(tmp_path / "iq.txt", masked, provenance=PROVENANCE))[:, 1].tolist() == [
        3,
        1,
    ]


def test_the_head_tells_what_it_is_and_where_it_comes_from(curve, tmp_path):
    steps = curve.with_metadata(steps="solid angle\naverage")
    text = write_columns(tmp_path / "iq.txt", steps, provenance=PROVENANCE).read_text()

    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# a run",
        "# solid angle",
        "# average",
        "# sans.py (abc, changed since), 2026-01-01T00:00:00+00:00",
        "# /data/a.nxs sha256 0f",
        "# q (1/angstrom)  I (1/cm)  dI (1/cm)",
    ]


def test_an_existing_file_is_kept(curve, tmp_path):
    first = write_columns(tmp_path / "iq.txt", curve, provenance=PROVENANCE)
    second = write_columns(tmp_path / "iq.txt", curve * 2, provenance=PROVENANCE)

    assert (first.name, second.name) == ("iq.txt", "iq_2.txt")
    assert np.loadtxt(first)[0, 1] == 3


def test_what_is_no_curve_is_refused(tmp_path):
    with pytest.raises(GumtreeError, match="no curve"):
        write_columns(tmp_path / "iq.txt", Dataset([1.0]), provenance={})


@pytest.fixture
def image() -> Dataset:
    axes = {"qx": Axis([0.1, 0.2, 0.3], "1/angstrom"), "qy": Axis([1.0, 2.0], "1/nm")}
    values = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    return Dataset(values, values**2 / 100, dims=("qy", "qx"), axes=axes, unit="1/cm", title="a map")


def test_a_map_has_a_line_for_each_pixel_in_one_unit_of_q(image, tmp_path):
    path = write_columns(tmp_path / "map.dat", image, provenance=PROVENANCE)

    assert np.loadtxt(path) == pytest.approx(
        np.array([
            [0.1, 0.1, 1, 0.1], [0.2, 0.1, 2, 0.2], [0.3, 0.1, 3, 0.3],
            [0.1, 0.2, 4, 0.4], [0.2, 0.2, 5, 0.5], [0.3, 0.2, 6, 0.6],
        ])
    )  # fmt: skip
    head = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert head[-3:] == [
        "# q in 1/angstrom, I in 1/cm",
        "# Data columns are Qx - Qy - I(Qx,Qy) - err(I)",
        "# ASCII data",
    ]
    assert "# sans.py (abc, changed since), 2026-01-01T00:00:00+00:00" in head


def test_masked_pixels_of_a_map_stay_and_are_told(image, tmp_path):
    masked = image.with_masks(hot=image.values == 5)
    rows = np.loadtxt(write_columns(tmp_path / "map.dat", masked, provenance=PROVENANCE))

    assert rows.shape == (6, 9)
    assert rows[:, 8].tolist() == [0, 0, 0, 0, 1, 0]
    assert rows[:, 2].tolist() == [1, 2, 3, 4, 5, 6]
    assert (rows[:, 4:7] == 0).all()


def test_a_map_without_errors_gives_no_resolution_that_would_be_mistaken(image, tmp_path):
    dq = Dataset([0.1, 0.2, 0.3], dims="qx", unit="1/angstrom")
    exact = Dataset(image.values, dims=image.dims, axes=image.axes, metadata={"dqx": dq, "dqy": dq})

    assert np.loadtxt(write_columns(tmp_path / "map.dat", exact, provenance=PROVENANCE)).shape == (6, 3)


def test_the_first_column_of_another_curve_is_called_by_its_axis(tmp_path):
    axes = {"two_theta": Axis([10.0, 10.1], "deg")}
    pattern = Dataset([3.0, 2.0], [0.09, 0.04], dims=("two_theta",), axes=axes, unit="counts")
    path = write_columns(tmp_path / "pattern.dat", pattern, provenance={})

    assert path.read_text().splitlines()[1] == "# two_theta (deg)  I (counts)  dI (counts)"
    assert np.loadtxt(path) == pytest.approx(np.array([[10, 3, 0.3], [10.1, 2, 0.2]]))


def test_a_file_system_without_hard_links_is_written_to_all_the_same(tmp_path, monkeypatch):
    def no_links(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("gumtree_core.files.saving.os.link", no_links)

    first = save_new(tmp_path / "a.txt", lambda path: path.write_text("one"))
    second = save_new(tmp_path / "a.txt", lambda path: path.write_text("two"))

    assert (first.name, first.read_text()) == ("a.txt", "one")
    assert (second.name, second.read_text()) == ("a_2.txt", "two")
    assert len(list(tmp_path.iterdir())) == 2
