"""NG3 SANS of the NCNR: 2 % silica in D2O at 1.3 m and 4 m, from the VAX files to one curve in 1/cm."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gumtree_core.files import load
from gumtree_core.files.nexus.nxcansas import read_nxcansas
from gumtree_core.reduction.integration.resolution import Pinholes
from gumtree_core.reduction.small_angle.merging import merge, overlap_scale
from gumtree_core.scripts import load_script

GUMTREE = Path(sys.executable).parent / "gumtree"
SHARED = {
    "cell_beam": 5, "sample_beam": 6, "sensitivity_file": "PLEX_2NOV2007_NG3.DIV",
    "mask_file": "DEFAULT.MASK", "spacing": "logarithmic", "bins": 60,
}  # fmt: skip
FAR = SHARED | {
    "sample": 10, "empty_cell": 8, "blocked_beam": 7, "direct_beam": 2, "shadow_radius": 32.0, "q_min": 0.009,
    "q_max": 0.11,
}  # fmt: skip
NEAR = SHARED | {
    "sample": 9, "empty_cell": 3, "blocked_beam": 4, "direct_beam": 1, "open_beam": 2, "shadow_radius": 45.0,
    "q_min": 0.035, "q_max": 0.42,
}  # fmt: skip
OVERLAP = (0.04, 0.075)


@pytest.fixture(scope="session")
def ng3(reference):
    """Path of a run by its number, or of another file by its name."""

    def path(which: int | str) -> str:
        name = f"SILIC{which:03d}.SA3_SRK_S1{which:02d}" if isinstance(which, int) else which
        return str(reference / "nist_ng3" / name)

    return path


@pytest.fixture(scope="session")
def parameters(ng3):
    def complete(listed: dict[str, object]) -> dict[str, object]:
        plain = ("bins",)
        return {
            name: ng3(value)
            if name not in plain and (isinstance(value, int) or name.endswith("_file"))
            else value
            for name, value in listed.items()
        }

    return complete


@pytest.fixture(scope="session")
def reduced(parameters):
    def reduce(listed: dict[str, object], **changed: object):
        reduction = load_script("sans")(**parameters(listed), **changed)
        reduction.reduce()
        return reduction

    return reduce


@pytest.fixture(scope="session")
def far(reduced):
    return reduced(FAR)


@pytest.fixture(scope="session")
def near(reduced):
    return reduced(NEAR)


@pytest.fixture(scope="session")
def macros(reference):
    """What the NCNR's macros wrote of run 10: header, and Qx, Qy, I, Qz, sigmas, shadow of each pixel.

    It is the raw stage: its title says "RAW", background, cell, DIV and mask "none".
    """
    path = reference / "nist_ng3" / "SILIC010.DAT"
    return path.read_text().splitlines()[:18], np.loadtxt(path, skiprows=18)


def test_the_counts_are_those_of_the_macros_pixel_by_pixel(ng3, macros):
    counts = load(ng3(10)).data("detector/counts").values

    assert np.array_equal(counts.ravel(), macros[1][:, 2])
    assert counts.sum() == 651_912


def test_the_header_says_what_the_macros_say(ng3, macros):
    run, lines = load(ng3(10)), macros[0]
    monitor, wavelength, offset, distance, _, thickness = (float(word) for word in lines[3].split())
    x, y, source, sample, length, spread, stop = (
        float(word) for word in lines[5].replace(",", " ").split()[:7]
    )

    def number(key: str, unit: str) -> float:
        return float(run.data(key).to(unit).values)

    assert number("monitor/counts", "counts") == pytest.approx(monitor, rel=1e-4)  # as many digits as written
    assert number("instrument/wavelength", "angstrom") == wavelength
    assert number("detector/x_offset", "cm") == offset
    assert number("detector/distance", "m") == pytest.approx(distance, rel=1e-5)
    assert number("sample/thickness", "cm") == pytest.approx(thickness)
    assert number("detector/beam_center_x", "pixel") + 1 == pytest.approx(x)
    assert number("detector/beam_center_y", "pixel") + 1 == pytest.approx(y)
    assert number("instrument/source_aperture", "mm") == source
    assert number("instrument/sample_aperture", "mm") == sample
    apertures = number("instrument/collimation_length", "m") + number(
        "instrument/sample_aperture_distance", "m"
    )
    assert apertures == pytest.approx(length)
    assert number("instrument/wavelength_spread", "") == pytest.approx(spread)
    assert number("instrument/beam_stop_diameter", "mm") == pytest.approx(stop)


def test_the_resolution_of_the_macros_is_ours_with_the_pixel_counted_twice(ng3, macros):
    """And with q = k x / L2 in place of q. Ours counts it once, and is up to 3 % smaller near the beam."""
    run = load(ng3(10))
    pixel, k = 5.0, 2 * np.pi / 6.0
    distance = float(run.data("detector/distance").values) + float(
        run.data("instrument/sample_aperture_distance").values
    )
    pinholes = Pinholes(
        wavelength=6.0,
        wavelength_spread=float(run.data("instrument/wavelength_spread").values),
        collimation=float(run.data("instrument/collimation_length").values),
        distance=distance,
        source_aperture=float(run.data("instrument/source_aperture").values),
        sample_aperture=float(run.data("instrument/sample_aperture").values),
        pixel_size=pixel,
    )
    x = (np.arange(128) - float(run.data("detector/beam_center_x").values)) * pixel
    geometric = pinholes.around(np.zeros(1))[0] ** 2
    spectrum = pinholes.wavelength_spread**2 / 6 * (k * x / distance) ** 2
    theirs = np.sqrt(geometric + k**2 / 12 * (pixel / distance) ** 2 + spectrum)

    assert macros[1][:, 4].reshape(128, 128) == pytest.approx(np.broadcast_to(theirs, (128, 128)), rel=1e-4)


def test_the_counts_of_each_run_add_up_to_what_its_header_says(ng3):
    totals = [int(load(ng3(each)).data("detector/counts").values.sum()) for each in range(1, 11)]

    assert totals == [44842, 119610, 222185, 10635, 111411, 90530, 1081, 24365, 3381127, 651912]


def test_the_transmission_is_that_of_the_macros(far, macros):
    """Theirs is a sum over a box, ours over a circle of 30 mm: 0.05 % apart, a tenth of the error."""
    theirs = float(macros[0][3].split()[4])

    assert theirs == 0.72452
    assert float(far.transmission.values) == pytest.approx(theirs, abs=6e-4)
    assert float(far.transmission.errors) == pytest.approx(0.0033, rel=0.02)


def test_the_transmission_needs_no_direct_beam_of_the_same_configuration(near, far):
    assert float(near.transmission.values) == pytest.approx(float(far.transmission.values), rel=1e-4)


def test_two_configurations_agree_on_absolute_scale_within_their_errors(near, far):
    """Two attenuators, two distances, two solid angles: nothing is fitted."""
    scale = overlap_scale(near.iq, far.iq, *OVERLAP)

    assert near.iq.unit == far.iq.unit == "1/cm"
    assert float(scale.errors) < 0.02
    assert abs(float(scale.values) - 1) < float(scale.errors)


def test_the_curve_is_that_of_silica_spheres_in_heavy_water(near, far):
    """The plateau of the spheres, a steep fall by their form factor, the incoherent level of the solvent."""
    merged = merge([far.iq["q", 0.0105:0.075], near.iq["q", 0.05:0.4]])
    q, values = merged.axes["q"].values, merged.values

    assert values[q < 0.013].mean() == pytest.approx(10.2, rel=0.02)
    assert values[q > 0.3].mean() == pytest.approx(0.103, rel=0.02)
    assert values[(q > 0.05) & (q < 0.06)].mean() < 0.03 * values.max()
    assert (merged.errors[q > 0.1] / values[q > 0.1] < 0.02).all()


def test_points_of_one_configuration_share_attenuator_and_transmission(near):
    """The attenuator's calibration alone is known to 0.9 %, which no number of pixels makes better."""
    high = near.iq["q", 0.2:0.4]

    assert (high.errors / high.values > 0.0093).all()
    assert high.correlation()[0, -1] > 0.5


def test_pixels_taken_as_independent_would_say_less_than_half_of_that_error(reduced, near):
    independent = reduced(NEAR, error_rule="independent").iq["q", 0.2:0.4]

    assert (independent.errors < 0.5 * near.iq["q", 0.2:0.4].errors).all()


def test_masked_pixels_and_the_shadow_take_no_part(far, ng3):
    masked = load(ng3("DEFAULT.MASK")).data("detector/mask").values

    assert (far.pattern.masks["mask"] == masked).all()
    assert far.iq.metadata["pixels"].values.sum() < (~masked).sum()
    assert far.pattern.masks["beam_stop"].sum() == pytest.approx(np.pi * (32 / 5) ** 2, rel=0.05)


def test_the_resolution_is_known(near, far):
    for each in (near, far):
        dq, q = each.iq.metadata["dq"].values, each.iq.axes["q"].centers
        assert (dq > q * 0.142 / np.sqrt(6) * 0.99).all()
        assert (dq < q).all()


def test_the_whole_chain_on_the_command_line(parameters, tmp_path):
    sasdata = pytest.importorskip("sasdata.dataloader.loader")

    def gumtree(script: str, output: str, **options: object) -> None:
        words = []
        for name, value in options.items():
            for each in value if isinstance(value, list) else [value]:
                words += [f"--{name.replace('_', '-')}", str(each)]
        command = [GUMTREE, "reduce", script, *words, "--output", output]
        subprocess.run(command, check=True, timeout=60, cwd=tmp_path, capture_output=True)

    gumtree("sans", "far.h5", **parameters(FAR))
    gumtree("sans", "near.h5", **parameters(NEAR))
    gumtree(
        "sans_merge", "merged.h5", curves=["far.h5", "near.h5"], lowest=[0.0105, 0.05], highest=[0.075, 0.4]
    )
    ours = read_nxcansas(tmp_path / "merged.h5")
    (theirs,) = sasdata.Loader().load(str(tmp_path / "merged.h5"))

    assert ours.unit == "1/cm"
    assert (theirs.x_unit, theirs.y_unit) == ("A^{-1}", "cm^{-1}")
    assert theirs.x == pytest.approx(ours.axes["q"].values)
    assert theirs.y == pytest.approx(ours.values)
    assert theirs.dy == pytest.approx(ours.errors)
    assert theirs.dx == pytest.approx(ours.metadata["dq"].values)
    assert theirs.sample.thickness == pytest.approx(2.0)
    assert theirs.source.wavelength == pytest.approx(6.0)
    assert theirs.process[0].name == "sans_merge.py"
