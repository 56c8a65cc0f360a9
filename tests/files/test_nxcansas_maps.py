"""Maps I(qx, qy) as NXcanSAS: ours, and in the layouts of other writers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from gumtree_core.data import Axis, Dataset, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files import load
from gumtree_core.files.nexus.nxcansas import read_nxcansas, write_nxcansas

PROVENANCE = {"script": "sans.py", "commit": "abc", "parameters": {}, "time": "2026-01-01T00:00:00+00:00"}
Q = "1/angstrom"
ROWS, COLUMNS = 3, 4
VALUES = np.arange(12.0).reshape(ROWS, COLUMNS) + 1
MASK = VALUES == 7
X, Y = np.meshgrid([-0.1, 0.0, 0.1, 0.3], [-0.2, 0.1, 0.2])


def detector_map(**metadata: object) -> Dataset:
    """Of a flat detector: qx, qy and qz of each pixel."""
    axes = {"qx": X * (1 - Y**2), "qy": Y * (1 - X**2), "qz": -(X**2) - Y**2}
    return Dataset(
        VALUES, VALUES / 100, dims=("y", "x"), unit="1/cm", masks={"mask": MASK}, title="map",
        axes={name: Axis(values, Q, ("y", "x")) for name, values in axes.items()}, metadata=metadata,
    )  # fmt: skip


def grid_map() -> Dataset:
    """On an even grid: bins of qx and qy."""
    axes = {"qx": Axis(np.linspace(-1, 1, COLUMNS + 1), "1/nm"), "qy": Axis([-2.0, 0.0, 1.0], "1/nm")}
    return Dataset(VALUES, VALUES**2, dims=("qy", "qx"), unit="counts/s", axes=axes, title="map")


def points_along_x() -> Dataset:
    """Of a detector whose rows and columns are straight in q, with names of its own."""
    axes = {"qx": Axis([1.0, 2.0, 4.0, 8.0], Q, "x"), "qy": Axis([1.0, 2.0, 3.0], Q, "y")}
    return Dataset(VALUES, None, dims=("y", "x"), unit="1/cm", axes=axes, title="map")


@pytest.mark.parametrize("made", [detector_map, grid_map, points_along_x])
def test_a_map_that_is_written_is_read_back_equal(made: Callable[[], Dataset], tmp_path):
    image = made()
    again = read_nxcansas(write_nxcansas(tmp_path / "map.h5", image, provenance=PROVENANCE))

    assert (again.dims, again.unit, again.title) == (image.dims, image.unit, image.title)
    assert np.array_equal(again.values, image.values)
    assert (again.variances is None) == (image.variances is None)
    if image.variances is not None:
        assert again.variances == pytest.approx(image.variances, rel=1e-15)
    assert again.masks.keys() == image.masks.keys()
    for name, mask in image.masks.items():
        assert np.array_equal(again.masks[name], mask)
    assert again.axes.keys() == image.axes.keys()
    for name, axis in image.axes.items():
        assert again.axes[name].same(axis), name
        assert again.axes[name].unit == axis.unit


def test_a_map_has_a_key_of_its_own_and_keeps_what_is_known_of_it(tmp_path):
    wavelength = scalar(6.0, unit="angstrom")
    known = {"sample/name": "fibres", "source/probe": "neutron", "instrument/wavelength": wavelength}
    run = load(write_nxcansas(tmp_path / "map.h5", detector_map(**known), provenance=PROVENANCE))

    assert run.data("reduced/iqxqy").shape == (ROWS, COLUMNS)
    assert "reduced/iq" not in run
    assert run.text("sample/name") == "fibres"
    assert float(run.data("instrument/wavelength").values) == 6
    assert json.loads(run.text("reduced/provenance")) == PROVENANCE


def test_a_map_without_a_title_says_what_it_is(tmp_path):
    image = grid_map().replace(title="")
    assert (
        read_nxcansas(write_nxcansas(tmp_path / "map.h5", image, provenance=PROVENANCE)).title == "I(qx, qy)"
    )


def test_the_resolution_of_each_component_survives_in_the_unit_of_q(tmp_path):
    spread = {
        "dqx": Dataset(VALUES, dims=("y", "x"), unit="1/nm"),
        "dqy": Dataset([1.0, 2.0, 3.0], dims="y", unit=Q),
        "dq": scalar(0.5, unit=Q),
        "pixels": Dataset(np.full((ROWS, COLUMNS), 2.5), dims=("y", "x")),
    }
    again = read_nxcansas(write_nxcansas(tmp_path / "map.h5", detector_map(**spread), provenance=PROVENANCE))

    assert again.metadata["dqx"].values == pytest.approx(VALUES / 10)
    assert again.metadata["dqy"].values == pytest.approx(np.repeat([[1], [2], [3]], COLUMNS, axis=1))
    assert again.metadata["dq"].values == pytest.approx(np.full((ROWS, COLUMNS), 0.5))
    assert again.metadata["pixels"].values == pytest.approx(np.full((ROWS, COLUMNS), 2.5))
    assert all(again.metadata[name].unit == Q for name in ("dqx", "dqy", "dq"))


def test_the_file_holds_components_magnitude_and_indices(tmp_path):
    image = detector_map()
    with h5py.File(write_nxcansas(tmp_path / "map.h5", image, provenance=PROVENANCE)) as file:
        data = file["sasentry01/sasdata"]
        assert (data.attrs["signal"], data.attrs["I_axes"], data.attrs["mask"]) == ("I", "Qx,Qy", "Mask")
        assert data.attrs["Q_indices"].tolist() == data.attrs["Mask_indices"].tolist() == [0, 1]
        assert np.array_equal(data["Qx"], image.axes["qx"].values)
        size = np.sqrt(sum(image.axes[name].values ** 2 for name in ("qx", "qy", "qz")))
        assert data["Q"][()] == pytest.approx(size)
        assert np.array_equal(data["Mask"], MASK)
        for name in ("I", "Idev", "Q", "Qx", "Qy", "Qz"):
            assert data[name].shape == (ROWS, COLUMNS)
            assert data[name].attrs["units"] == ("1/cm" if name.startswith("I") else Q)


@pytest.mark.parametrize(
    "what",
    [
        Dataset(np.zeros((2, 3, 4)), dims=("point", "y", "x")),
        Dataset(np.zeros((2, 3)), dims=("y", "x")),
        Dataset(np.zeros((2, 3)), dims=("y", "x"), axes={"qx": Axis([1.0, 2.0, 3.0], Q, "x")}),
        Dataset(np.zeros((2, 3)), dims=("phi", "q"), axes={"q": Axis([1.0, 2.0, 3.0], Q)}),
    ],
    ids=["three dimensions", "without q", "without qy", "over q and phi"],
)
def test_what_is_no_map_is_refused_with_what_it_lacks(what, tmp_path):
    with pytest.raises(GumtreeError, match=r"no map over qx and qy.*needs.*the axes qx and qy") as refused:
        write_nxcansas(tmp_path / "map.h5", what, provenance=PROVENANCE)

    assert refused.value.reason == "NO_CURVE"
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(("x", "y"), [("mm", "mm"), (Q, "mm"), ("", Q)])
def test_axes_that_are_no_inverse_lengths_are_refused(x, y, tmp_path):
    axes = {"qx": Axis(X, x, ("y", "x")), "qy": Axis(Y, y, ("y", "x"))}
    image = Dataset(VALUES, dims=("y", "x"), axes=axes)
    with pytest.raises(GumtreeError) as refused:
        write_nxcansas(tmp_path / "map.h5", image, provenance=PROVENANCE)

    assert refused.value.reason == "UNIT_MISMATCH"
    assert not any(tmp_path.iterdir())


def foreign(path: Path, attributes: dict[str, object], fields: dict[str, object], units: str = "1/A") -> Path:
    """Write a SASdata as another program does; the errors of I are a tenth of it."""
    with h5py.File(path, "w") as file:
        entry = file.create_group("sasentry01")
        entry.attrs.update(canSAS_class="SASentry", version="1.0")
        entry["definition"] = np.bytes_(b"NXcanSAS")
        data = entry.create_group("sasdata")
        data.attrs.update({"canSAS_class": "SASdata", "signal": "I", **attributes})
        data["I"], data["Idev"] = np.asarray(fields.pop("I", VALUES)), np.asarray(VALUES / 10)
        data["I"].attrs["units"] = "1/cm"
        for name, values in fields.items():
            data[name] = values
            data[name].attrs["units"] = units
    return path


def test_the_layout_of_mantid_is_read(tmp_path):
    """SaveNXcanSAS: I_axes "Q,Q", Q_indices as text, Qx and Qy as a mesh, `uncertainty` before 1.0."""
    path = foreign(tmp_path / "a.h5", {"I_axes": "Q,Q", "Q_indices": "0,1"}, {"Qx": X, "Qy": Y}, "1/angstrom")
    with h5py.File(path, "a") as file:
        file["sasentry01/sasdata"].move("Idev", "sigma")
        file["sasentry01/sasdata/I"].attrs["uncertainty"] = "sigma"

    check(load(path).data("reduced/iqxqy"))


def test_the_layout_of_sasview_is_read(tmp_path):
    """NXcanSASWriter: I_axes "Qx,Qy", resolutions dQx and dQy and the mask in a row."""
    attributes = {"I_axes": "Qx,Qy", "Q_indices": [0, 1], "mask": "mask"}
    fields = {"Qx": X, "Qy": Y, "dQx": VALUES.ravel(), "dQy": 2 * VALUES.ravel(), "mask": MASK.ravel()}
    path = foreign(tmp_path / "a.h5", attributes, fields)
    with h5py.File(path, "a") as file:
        for name in ("Qx", "Qy"):
            file[f"sasentry01/sasdata/{name}"].attrs["resolutions"] = f"d{name}"

    image = check(read_nxcansas(path))
    assert np.array_equal(image.mask, MASK)
    assert np.array_equal(image.metadata["dqx"].values, VALUES)
    assert np.array_equal(image.metadata["dqy"].values, 2 * VALUES)


def test_all_components_in_one_array_are_read(tmp_path):
    """As BAM writes them: Q of (3, rows, columns)."""
    attributes = {"I_axes": np.array([b"Q", b"Q"]), "Q_indices": [0, 1]}
    image = read_nxcansas(foreign(tmp_path / "a.h5", attributes, {"Q": np.stack([X, Y, -X * Y])}))

    check(image)
    assert np.array_equal(image.axes["qz"].values, -X * Y)


def test_axes_of_points_or_edges_are_read(tmp_path):
    """Coordinates of one dimension are for the dimensions of I in the order of I_axes."""
    x, y = X[0], Y[:, 0]
    named = {"I_axes": np.array([b"Qx", b"Qy"])}
    check(read_nxcansas(foreign(tmp_path / "a.h5", {"I_axes": "Qy,Qx"}, {"Qx": x, "Qy": y})))
    check(read_nxcansas(foreign(tmp_path / "b.h5", named, {"Qx": x, "Qy": y})))

    edges = {"Qx": [0.0, 1.0, 2.0, 4.0, 8.0], "Qy": [0.0, 1.0, 2.0, 3.0]}
    image = read_nxcansas(foreign(tmp_path / "c.h5", {"I_axes": "Q,Q"}, edges))
    assert image.dims == ("qy", "qx")
    assert image.axes["qx"].is_edges
    assert np.array_equal(image.axes["qx"].centers, [0.5, 1.5, 3, 6])
    assert np.array_equal(image.values, VALUES)


def test_the_order_of_axes_counts_where_lengths_do_not_tell(tmp_path):
    square = np.arange(16.0).reshape(4, 4)
    fields = {"I": square, "Qx": [1.0, 2.0, 3.0, 4.0], "Qy": [5.0, 6.0, 7.0, 8.0]}
    path = foreign(tmp_path / "a.h5", {"I_axes": np.array([b"Qx", b"Qy"])}, dict(fields))
    with h5py.File(path, "a") as file:
        del file["sasentry01/sasdata/Idev"]

    image = read_nxcansas(path)
    assert image.dims == ("qy", "qx")
    assert np.array_equal(image.values, square.T)


def check(image: Dataset) -> Dataset:
    assert image.dims == ("qy", "qx")
    assert np.array_equal(image.values, VALUES)
    assert image.errors == pytest.approx(VALUES / 10)
    assert np.array_equal(image.axes["qx"].values, X[0])
    assert np.array_equal(image.axes["qy"].values, Y[:, 0])
    assert (image.axes["qx"].unit, image.unit) == (Q, "1/cm")
    return image


def test_coordinates_that_form_no_grid_stay_with_each_pixel(tmp_path):
    turned = {"Qx": X + 0.1 * Y, "Qy": Y - 0.1 * X}
    image = read_nxcansas(foreign(tmp_path / "a.h5", {"I_axes": "Qx,Qy"}, dict(turned)))

    assert image.dims == ("y", "x")
    assert np.array_equal(image.axes["qx"].values, turned["Qx"])
    assert image.axes["qy"].dims == ("y", "x")


def test_a_scaling_factor_is_applied_with_its_error(tmp_path):
    path = foreign(tmp_path / "a.h5", {"I_axes": "Qx,Qy"}, {"Qx": X, "Qy": Y})
    with h5py.File(path, "a") as file:
        data = file["sasentry01/sasdata"]
        data["I"].attrs["scaling_factor"] = "scale"
        data["scale"], data["scale_dev"] = 3.0, 0.3
        data["scale"].attrs["uncertainties"] = "scale_dev"

    image = read_nxcansas(path)
    assert image.values == pytest.approx(3 * VALUES)
    assert image.errors == pytest.approx(np.hypot(0.3 * VALUES, 0.3 * VALUES))


@pytest.mark.parametrize(
    ("fields", "units", "reason"),
    [
        ({"Qx": X[:, :2], "Qy": Y}, "1/A", "BAD_AXIS"),
        ({"Qx": X[0], "Qy": Y[:2, 0]}, "1/A", "BAD_AXIS"),
        ({"Qx": X, "Qy": Y}, "mm", "UNKNOWN_UNIT"),
        ({"Qx": X, "Qy": Y, "Mask": [True, False]}, "1/A", "FILE_DAMAGED"),
        ({"Qx": X}, "1/A", "FILE_DAMAGED"),
        ({"Q": X[0]}, "1/A", "NO_CURVE"),
    ],
)
def test_a_map_that_does_not_fit_itself_is_refused(fields, units, reason, tmp_path):
    path = foreign(tmp_path / "a.h5", {"I_axes": "Qx,Qy"}, dict(fields), units)
    with pytest.raises(GumtreeError) as refused:
        load(path)

    assert refused.value.reason == reason
