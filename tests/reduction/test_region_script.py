"""Regions of a detector: shapes, what was scanned, and the script on simulated and real runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gumtree_core.data import Axis, Dataset, poisson, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run, load
from gumtree_core.reduction.scans import scanned
from gumtree_core.scripts import load_script

ANGLES = np.linspace(-2, 2, 21)


@pytest.fixture(scope="session")
def region_script():
    return load_script("region")


@pytest.fixture(scope="session")
def reference() -> Path:
    import os

    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("GUMTREE_REFERENCE_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no reference data: set GUMTREE_REFERENCE_DATA ({folder} is not there)")
    return folder


def spot(seed: int = 0, *, level: float = 2.0) -> Run:
    """A rocking scan: a spot at (12, 6) whose intensity peaks at 0.4 deg, over a background."""
    y, x = np.indices((16, 24))
    shape = np.exp(-((x - 12) ** 2 + (y - 6) ** 2) / 2 / 1.5**2)
    peak = np.exp(-((ANGLES - 0.4) ** 2) / 2 / 0.3**2)
    mean = 400 * peak[:, np.newaxis, np.newaxis] * shape + level
    rng = np.random.default_rng(seed)
    return Run(
        {
            "run/actuator": "omega",
            "detector/counts": poisson(rng.poisson(mean), 1, dims=("point", "y", "x")),
            "detector/time": Dataset(np.full(21, 10.0), dims="point", unit="s"),
            "monitor/counts": poisson(rng.poisson(1000.0, 21), 1, dims="point"),
            "motor/omega": Dataset(ANGLES, dims="point", unit="deg"),
            "motor/chi": scalar(3.0, unit="deg"),
        },
        format="spot",
    )


SPOT = {"shape": "ellipse", "x_min": 7, "x_max": 17, "y_min": 1, "y_max": 11}


def test_the_points_of_a_scan_are_positions_of_the_motor_that_was_scanned():
    run = spot()

    name, axis = scanned(run)

    assert (name, axis.unit) == ("omega", "deg")
    assert axis.values == pytest.approx(ANGLES)
    with pytest.raises(GumtreeError, match="It has those of: omega") as refused:
        scanned(run, "chi")
    assert refused.value.reason == "NOT_SCANNED"


def test_without_an_actuator_the_axis_of_the_counts_or_the_number_of_the_point_serves():
    counts = poisson(np.ones((3, 2, 2), int), 0, dims=("point", "y", "x"))
    plotted = counts.with_axes(stth=Axis([1.0, 2.0, 4.0], "deg", ("point",)))

    assert scanned(Run({"detector/counts": plotted}))[0] == "stth"
    name, axis = scanned(Run({"detector/counts": counts}))
    assert (name, axis.values.tolist()) == ("point", [0, 1, 2])


def test_the_peak_of_a_scan_is_found_within_its_errors(region_script):
    pulls = []
    for seed in range(12):
        work = region_script(run=spot(seed), **SPOT)
        work.evaluate()
        pulls.append((float(work.peak_center.values) - 0.4) / float(work.peak_center.errors))
    fwhm = float(work.peak_fwhm.values)

    assert work.curve.axes["position"].unit == "deg"
    assert work.peak_center.unit == "deg"
    assert fwhm == pytest.approx(0.3 * 2.3548, abs=5 * float(work.peak_fwhm.errors))
    assert np.abs(pulls).max() < 3.5
    assert np.std(pulls) > 0.4
    assert 0.2 < work.reduced_chi_square < 3
    assert float(work.peak_area.values) == pytest.approx(
        400 * 2 * np.pi * 1.5**2 * 0.3 * np.sqrt(2 * np.pi), rel=0.03
    )


def test_the_region_is_where_the_spot_is(region_script):
    work = region_script(run=spot(), **SPOT)
    work.evaluate()

    assert float(work.center_x.values) == pytest.approx(12, abs=0.1)
    assert float(work.center_y.values) == pytest.approx(6, abs=0.1)
    total = work.run.data("detector/counts").values.sum(0)[~work.image.mask].sum()
    assert float(work.total.values) == total
    assert float(work.total.errors) == pytest.approx(np.sqrt(total))
    assert float(work.curve.sum().values) == total
    assert work.image.mask[0, 0]


def test_rectangle_ellipse_and_polygon_lie_within_each_other(region_script):
    corners = {"polygon_x": [7, 17, 17, 7], "polygon_y": [1, 1, 11, 11]}
    inside = {}
    for shape in ("rectangle", "ellipse", "polygon"):
        work = region_script(run=spot(), peak="none", **{**SPOT, **corners, "shape": shape})
        work.evaluate()
        inside[shape] = ~work.image.mask

    assert inside["rectangle"].sum() == 121
    assert inside["ellipse"].sum() == pytest.approx(121 * np.pi / 4, rel=0.04)
    assert not (inside["ellipse"] & ~inside["rectangle"]).any()
    assert not (inside["polygon"] & ~inside["rectangle"]).any()
    assert inside["polygon"].sum() >= 100


@pytest.mark.parametrize("normalization", ["monitor", "time"])
def test_a_normalised_scan_has_the_same_peak(region_script, normalization):
    raw, scaled = (
        region_script(run=spot(), **SPOT),
        region_script(run=spot(), normalization=normalization, **SPOT),
    )
    raw.evaluate()
    scaled.evaluate()

    assert float(scaled.peak_center.values) == pytest.approx(float(raw.peak_center.values), abs=0.01)
    factor = 10 if normalization == "time" else 1000
    assert float(scaled.peak_area.values) * factor == pytest.approx(float(raw.peak_area.values), rel=0.02)


def test_few_counts_are_fitted_by_likelihood(region_script):
    work = region_script(
        run=spot(level=0.0), shape="rectangle", x_min=16, x_max=16, y_min=6, y_max=6, statistic="poisson"
    )
    work.evaluate()

    assert float(work.peak_center.values) == pytest.approx(0.4, abs=0.2)


def test_pixels_without_counts_add_no_error_but_points_without_have_one(region_script):
    counts = np.zeros((4, 10, 10), dtype=int)
    counts[1:, 3, 3] = 25
    run = Run(
        {
            "detector/counts": poisson(counts, 1, dims=("point", "y", "x")),
            "detector/time": Dataset(np.full(4, 2.0), dims="point", unit="s"),
        }
    )
    raw, per_second = (region_script(run=run, peak="none", normalization=each) for each in ("none", "time"))
    raw.evaluate()
    per_second.evaluate()

    assert raw.curve.errors == pytest.approx([1, 5, 5, 5])
    assert per_second.curve.errors == pytest.approx([0.5, 2.5, 2.5, 2.5])
    assert float(raw.total.errors) == pytest.approx(np.sqrt(75))


def test_an_image_has_a_profile_along_x_or_y(region_script):
    counts = spot().data("detector/counts")["point", 12]
    run = Run({"detector/counts": counts}, format="image")

    for dim, middle in (("x", 12), ("y", 6)):
        work = region_script(run=run, along=dim, **SPOT)
        work.evaluate()
        assert float(work.peak_center.values) == pytest.approx(middle, abs=0.1)
        assert work.peak_center.unit == "pixel"


def test_a_hot_pixel_is_masked_if_asked(region_script):
    run = spot()
    values = np.array(run.data("detector/counts").values)
    values[:, 14, 2] = 500
    hot = Run({**run, "detector/counts": poisson(values, 1, dims=("point", "y", "x"))})
    kept, masked = (region_script(run=hot, outlier_threshold=sigma) for sigma in (0.0, 20.0))
    kept.evaluate()
    masked.evaluate()

    assert float(kept.total.values - masked.total.values) >= 500 * 21
    assert masked.image.mask[14, 2]


def test_where_there_is_no_peak_the_sums_are_there_and_the_log_says_why(region_script):
    said = []
    counts = poisson(np.full((3, 2, 2), 7), 1, dims=("point", "y", "x"))
    work = region_script(run=Run({"detector/counts": counts}))
    work.host(None, lambda fraction, text: said.append(text))
    work.evaluate()

    assert float(work.total.values) == 84
    assert any(text.startswith("No peak: 3 points") for text in said)
    with pytest.raises(GumtreeError, match="There is no peak_center yet"):
        work.peak_center  # noqa: B018


@pytest.mark.parametrize("peak", ["none", "gaussian"])
def test_curve_and_numbers_are_saved(region_script, tmp_path, peak):
    work = region_script(run=spot(), peak=peak, **SPOT)
    work.host(tmp_path, lambda fraction, text: None)
    work.evaluate()

    (file,) = work.saved
    assert file == tmp_path / "spot_region.txt"
    text = file.read_text()
    assert f"# Sum: {float(work.total.values):.9g} +- " in text
    assert ("# gaussian + constant by least squares" in text) == (peak == "gaussian")
    assert "# position (deg)  sum (counts)  dsum (counts)" in text
    position, total, error = np.loadtxt(file).T
    assert position == pytest.approx(ANGLES)
    assert total == pytest.approx(work.curve.values)
    assert error == pytest.approx(work.curve.errors)


def test_limits_of_pixels_are_a_region_without_any_shape(region_script):
    work = region_script(run=spot(), x_min=10, x_max=13, y_min=5, peak="none")
    work.evaluate()

    assert (~work.image.mask).sum() == 4 * 11


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"x_min": 90}, "BAD_SHAPE"),
        ({"x_min": 9, "x_max": 3}, "BAD_SHAPE"),
        ({"along": "chi"}, "NOT_SCANNED"),
        ({"shape": "polygon"}, "BAD_SHAPE"),
        ({"shape": "polygon", "polygon_x": [0, 5, 3], "polygon_y": [0, 5]}, "BAD_SHAPE"),
        ({"shape": "ellipse", "x_min": 9, "x_max": 3}, "BAD_SHAPE"),
        ({"shape": "ellipse", "x_min": 40, "x_max": 50}, "BAD_REGION"),
        ({"shape": "rectangle", "x_min": 90}, "BAD_SHAPE"),
        ({"run": Run({"detector/counts": Dataset([1, 2], dims="tube")})}, "NOT_AN_IMAGE"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(region_script, changed, reason):
    with pytest.raises(GumtreeError) as refused:
        region_script(**{"run": spot(), **changed}).evaluate()

    assert refused.value.reason == reason


def test_the_direct_beam_of_ng3_on_the_command_line(reference, tmp_path):
    gumtree = Path(sys.executable).parent / "gumtree"
    run = reference / "nist_ng3" / "SILIC005.SA3_SRK_S105"
    corners = {"x-min": 57, "x-max": 77, "y-min": 54, "y-max": 74}
    options = [word for name, pixel in corners.items() for word in (f"--{name}", str(pixel))]
    options += ["--shape", "ellipse", "--peak", "voigt"]

    done = subprocess.run(
        [gumtree, "reduce", "region", "--run", run, "--output", tmp_path, *options],
        check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert "Centre of mass in x" in done.stdout
    assert "voigt_center" in done.stdout + done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["SILIC005_region.txt"]


def test_the_script_is_declared_as_a_live_one(region_script):
    assert (region_script.live_parameter(), region_script.live_action()) == ("run", "evaluate")
    assert {each.name for each in region_script.interface().results} >= {"curve", "best", "peak_center"}


def test_real_runs_of_several_instruments_are_evaluated(region_script, reference):
    quokka = load(reference / "ansto_quokka" / "QKK0030729.nx.hdf")
    echidna = load(reference / "ansto_echidna" / "ECH0000648.nx.hdf")
    platypus = load(reference / "ansto_platypus" / "PLP0000711.nx.hdf")
    works = [
        region_script(run=quokka, peak="none"),
        region_script(run=echidna, peak="none"),
        region_script(run=platypus, along="y"),
    ]
    for work in works:
        work.evaluate()

    assert float(works[0].total.values) == 12_362_698
    assert float(works[1].total.values) == 5_480_604
    assert works[1].curve.axes["position"].unit == "deg"
    assert works[1].curve.size == 50
    assert float(works[2].peak_center.values) == pytest.approx(-5.45, abs=0.02)
