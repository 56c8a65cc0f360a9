"""The script as a whole, on simulated runs whose curve is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gumtree_core.data import Dataset, poisson, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run, load
from gumtree_core.reduction.integration import rings
from gumtree_core.scripts import load_script
from gumtree_core.simulation import truth
from gumtree_core.simulation.sans import GEOMETRY, Sans, Settings

SHADOW = 45.0
PARAMETERS = {"shadow_radius": SHADOW, "beam_center_x": 96.3, "beam_center_y": 94.6}
OPTIONAL = [
    "empty_cell", "blocked_beam", "flood", "direct_beam", "sample_beam", "cell_beam", "flood_beam",
]  # fmt: skip


@pytest.fixture(scope="session")
def sans():
    return load_script("sans")


def expected(sample: str, iq: Dataset) -> np.ndarray:
    settings = Settings(sample)
    return truth.expected_iq(settings, iq.axes["q"].values, mask=Sans(0).radius <= SHADOW)


@pytest.mark.parametrize("sample", ["spheres", "polymer"])
def test_noise_free_runs_give_the_curve_of_the_sample(sans, noise_free, sample):
    """Scattering inside the summed direct beams and the pixels' own sensitivity at the beam: some 1e-3."""
    reduction = sans(**noise_free.runs(sample), **PARAMETERS)
    reduction.reduce()

    ratio = reduction.iq.values / expected(sample, reduction.iq)
    assert reduction.iq.unit == "1/cm"
    assert reduction.iq.shape == (130,)
    assert np.abs(ratio / ratio.mean() - 1).max() < 3e-3
    assert ratio.mean() == pytest.approx(1.0, abs=0.015)  # the sensitivity at the beam is not measured
    assert float(reduction.transmission.values) == pytest.approx(truth.transmission(sample, 5.0), rel=1e-3)


def test_without_sensitivity_to_correct_the_absolute_scale_is_right_to_a_thousandth(sans, noise_free):
    """Each run is divided by the pixels' sensitivity beforehand, as if the detector were even."""
    runs = {}
    for name, run in noise_free.runs("spheres").items():
        even = run.data("detector/counts").values / noise_free.sans.sensitivity
        runs[name] = type(run)({**run, "detector/counts": poisson(even, 0, dims=("y", "x"))})
    reduction = sans(**{**runs, "flood": None, "flood_beam": None}, **PARAMETERS)
    reduction.reduce()

    assert reduction.iq.values == pytest.approx(expected("spheres", reduction.iq), rel=1.5e-3)


@pytest.mark.parametrize("seed", [1, 2])
def test_counted_runs_agree_with_the_truth_within_their_errors(sans, counted, seed):
    reduction = sans(
        **counted(seed).runs("spheres"),
        shadow_radius=SHADOW,
        beam_sensitivity_error=0.01,
        q_max=0.12,
        bins=100,
    )
    reduction.reduce()

    iq = reduction.iq
    deviation = iq.values - expected("spheres", iq)
    chi_square = deviation @ np.linalg.solve(iq.covariance(), deviation) / iq.size
    assert 0.6 < chi_square < 1.5  # of 100 points: 3 standard deviations
    assert np.abs(deviation / iq.errors).max() < 5


def test_errors_of_the_curve_are_larger_and_correlated_when_the_shared_ones_are_kept(sans, counted):
    runs = counted(1).runs("spheres", seconds=60.0)

    def reduced(**parameters: object) -> Dataset:
        reduction = sans(**runs, **PARAMETERS, beam_sensitivity_error=0.02, **parameters)
        reduction.reduce()
        return reduction.iq

    exact, independent = reduced(), reduced(error_rule="independent")

    assert np.array_equal(exact.values, independent.values)
    assert np.all(exact.errors > independent.errors)
    assert np.all(exact.errors / exact.values > 0.02)
    assert np.all(np.isfinite(exact.covariance()))


def test_the_resolution_is_that_of_the_instrument(sans, noise_free):
    reduction = sans(sample=noise_free.run("spheres"), bins=20)
    reduction.reduce()

    dq = reduction.iq.metadata["dq"]
    q = reduction.iq.axes["q"].centers
    assert dq.values == pytest.approx(noise_free.sans.sigma(Settings("spheres"), q), rel=1e-4)  # no gravity
    assert dq.unit == "1/angstrom"


@pytest.mark.parametrize(
    "changed",
    [{"instrument__collimation_length": None}, {"instrument__collimation_length": scalar(0.0, unit="mm")}],
)
def test_a_run_that_does_not_know_its_collimation_gives_a_curve_without_resolution(sans, noise_free, changed):
    said = []
    reduction = sans(sample=noise_free.run("spheres", **changed), bins=20)
    reduction.host(None, lambda fraction, text: said.append(text))
    reduction.reduce()

    assert "dq" not in reduction.iq.metadata
    assert any("No resolution" in text and "collimation" in text for text in said)


@pytest.mark.parametrize("left_out", OPTIONAL)
def test_a_step_whose_run_is_not_given_is_left_out(sans, noise_free, left_out):
    runs = noise_free.runs("spheres")
    del runs[left_out]
    if left_out == "direct_beam":
        runs = {
            name: run for name, run in runs.items() if not name.endswith("_beam") or name == "blocked_beam"
        }
    reduction = sans(**runs, **PARAMETERS, bins=20)
    reduction.reduce()

    assert np.isfinite(reduction.iq.values).all()
    assert reduction.iq.unit == ("1/cm" if left_out != "direct_beam" else "")
    ratio = reduction.iq.values / expected("spheres", reduction.iq)
    assert ratio.std() / ratio.mean() < 0.3 or left_out in ("empty_cell", "cell_beam")
    assert not np.allclose(ratio, 1, rtol=1e-6)


def test_the_sample_alone_is_enough(sans, noise_free):
    run = noise_free.run("spheres")
    reduction = sans(sample=run, normalization="time", bins=20, sample_transmission=0.5)
    reduction.reduce()

    assert reduction.iq.unit == "counts/s"
    assert float(reduction.transmission.values) == 0.5
    doubled = sans(sample=run, normalization="time", bins=20)
    doubled.reduce()
    assert np.all(reduction.iq.values > 2 * doubled.iq.values)
    assert reduction.iq.values == pytest.approx(2 * doubled.iq.values, rel=0.02)


def test_time_and_monitor_give_the_same_absolute_scale(sans, noise_free):
    by = {}
    for normalization in ("monitor", "time"):
        reduction = sans(**noise_free.runs("polymer"), **PARAMETERS, normalization=normalization, bins=20)
        reduction.reduce()
        by[normalization] = reduction.iq.values

    assert by["time"] == pytest.approx(by["monitor"], rel=1e-9)


def test_the_centre_comes_from_the_direct_beam_unless_given(sans, noise_free):
    wrong = {"detector__beam_center_x": scalar(80.0, unit="pixel")}
    reduction = sans(
        sample=noise_free.run("spheres", **wrong),
        direct_beam=noise_free.run("empty_beam", direct=True),
        bins=20,
    )
    reduction.reduce()
    given = sans(
        sample=noise_free.run("spheres"), direct_beam=noise_free.run("empty_beam", direct=True), bins=20,
        beam_center_x=GEOMETRY.beam_center_x, beam_center_y=GEOMETRY.beam_center_y,
    )  # fmt: skip
    given.reduce()

    assert reduction.iq.values == pytest.approx(given.iq.values, rel=5e-3)


def test_logarithmic_bins(sans, noise_free):
    reduction = sans(sample=noise_free.run("spheres"), spacing="logarithmic", bins=13)
    reduction.reduce()

    assert reduction.iq.axes["q"].values == pytest.approx(np.geomspace(0.015, 0.145, 14))


def test_a_background_without_monitor_is_subtracted_by_time(sans, noise_free):
    """Cadmium in the beam leaves the monitor counting; a closed shutter does not. Both are background."""
    runs = noise_free.runs("polymer")
    blocked = sans(**runs, **PARAMETERS, bins=20)
    blocked.reduce()
    runs["blocked_beam"] = noise_free.run("blocked_beam", 600.0, monitor__counts=poisson(np.array(0), 0))
    dark = sans(**runs, **PARAMETERS, bins=20)
    dark.reduce()

    assert dark.iq.values == pytest.approx(blocked.iq.values, rel=1e-5)


def test_transmissions_may_be_given_as_numbers(sans, noise_free):
    measured = sans(**noise_free.runs("polymer"), **PARAMETERS, bins=20)
    measured.reduce()
    runs = noise_free.runs("polymer")
    given = {}
    for name, what in (("sample", "polymer"), ("cell", "empty_cell"), ("flood", "water")):
        del runs[f"{name}_beam"]
        given[f"{name}_transmission"] = truth.transmission(what, 5.0)
    reduction = sans(**runs, **given, **PARAMETERS, bins=20, sample_transmission_error=0.1)
    reduction.reduce()

    assert reduction.iq.values == pytest.approx(measured.iq.values, rel=1e-3)
    assert np.all(reduction.iq.errors / reduction.iq.values > 0.1)


def test_the_attenuation_may_be_given(sans, noise_free):
    run = noise_free.run("empty_beam", direct=True)
    sample = noise_free.run("spheres")
    as_known = sans(sample=sample, direct_beam=run, bins=20)
    as_known.reduce()
    unknown = noise_free.run("empty_beam", direct=True, instrument__attenuation=None)
    given = sans(sample=sample, direct_beam=unknown, bins=20, attenuation=0.01)
    given.reduce()

    assert given.iq.values == pytest.approx(as_known.iq.values)


def test_each_coordinate_of_the_centre_may_be_given_alone(sans, noise_free):
    both = sans(sample=noise_free.run("spheres"), bins=20)
    both.reduce()
    one = sans(
        sample=noise_free.run("spheres", detector__beam_center_y=scalar(70.0, unit="pixel")),
        beam_center_y=GEOMETRY.beam_center_y,
        bins=20,
    )
    one.reduce()

    assert one.iq.values == pytest.approx(both.iq.values)


def test_a_run_without_beam_centre_says_what_to_give(sans, noise_free):
    refused = refusal(sans(sample=noise_free.run("spheres", detector__beam_center_x=None)))

    assert refused.reason == "NO_BEAM_CENTER"
    assert "beam_center_x" in refused.message


def test_a_reduced_curve_is_no_sample(sans, noise_free):
    curve = noise_free.run("spheres", detector__counts=None, detector__beam_center_x=None)

    assert "detector/counts" in refusal(sans(sample=curve)).message


def test_the_curve_says_which_steps_were_done(sans, noise_free):
    said = []
    runs = noise_free.runs("spheres")
    reduction = sans(**runs, **PARAMETERS, bins=20)
    reduction.host(None, lambda fraction, text: said.append(text))
    reduction.reduce()
    steps = reduction.iq.metadata["steps"].splitlines()

    assert steps[0] == "beam centre (96.30, 94.60) pixel"
    assert steps[1].startswith(
        "spheres: dead time 3e-07 s, less blocked_beam, normalised to monitor, over its"
    )
    assert "less empty_cell" in steps
    assert "sensitivity from water" in steps
    assert "absolute scale from empty_beam, thickness 1 mm" in steps
    assert steps[-1] == "average over 20 linear bins by area"
    assert [text for text in said if text.startswith("Done")] == [f"Done: {'; '.join(steps)}."]

    alone = sans(sample=runs["sample"], bins=20)
    alone.reduce()
    assert alone.iq.metadata["steps"].splitlines()[1:] == [
        "spheres: dead time 3e-07 s, normalised to monitor", "solid angle",
        "average over 20 linear bins by area",
    ]  # fmt: skip


def test_the_curve_keeps_what_is_known_of_sample_and_instrument(sans, noise_free):
    reduction = sans(**noise_free.runs("spheres"), **PARAMETERS, bins=20, thickness=2.0, pixel_size=5.0)
    reduction.reduce()

    known = reduction.iq.metadata
    assert known["sample/name"] == "spheres"
    assert float(known["sample/thickness"].values) == 2.0
    assert float(known["detector/pixel_size_x"].values) == 5.0
    assert float(known["instrument/wavelength"].values) == 5.0
    assert known["sample/transmission"] is reduction.transmission


def refusal(reduction) -> GumtreeError:
    with pytest.raises(GumtreeError) as refused:
        reduction.reduce()
    return refused.value


def test_inverse_variance_needs_a_variance_of_pixels_without_counts(sans, noise_free):
    run = noise_free.run("spheres")

    refused = refusal(sans(sample=run, weighting="inverse variance"))

    assert refused.reason == "NO_WEIGHT"
    assert "zero counts to 1" in refused.message
    sans(sample=run, weighting="inverse variance", zero_count_variance=1.0).reduce()


@pytest.mark.parametrize("through", ["sample_beam", "cell_beam", "flood_beam"])
def test_a_transmission_run_without_the_empty_direct_beam_is_not_passed_over(sans, noise_free, through):
    runs = noise_free.runs("spheres")
    del runs["direct_beam"]
    kept = {"sample": runs["sample"], through: runs[through]}

    refused = refusal(sans(**kept))

    assert refused.reason == "NO_DIRECT_BEAM"


@pytest.mark.parametrize(
    "other", ["empty_cell", "flood", "direct_beam", "sample_beam", "cell_beam", "flood_beam"]
)
@pytest.mark.parametrize(
    "changed",
    [
        {"detector__distance": scalar(2000.0, unit="mm")},
        {"instrument__wavelength": scalar(6.0, unit="angstrom")},
    ],
)
def test_runs_of_another_configuration_are_refused(sans, noise_free, other, changed):
    runs = noise_free.runs("spheres")
    runs[other] = noise_free.run("water", **changed)

    refused = refusal(sans(**runs))

    assert refused.reason == "RUNS_DIFFER"
    assert "water" in refused.message
    assert next(iter(changed)).replace("__", "/") in refused.message


def test_the_blocked_beam_may_be_of_another_configuration(sans, noise_free):
    dark = noise_free.run("blocked_beam", detector__distance=None)

    sans(sample=noise_free.run("spheres"), blocked_beam=dark).reduce()


NOTHING = poisson(np.zeros(GEOMETRY.shape, dtype=int), 0, dims=("y", "x"))


@pytest.mark.parametrize(
    ("parameter", "changed", "reason"),
    [
        ("sample", {"detector__counts": None}, "KEY_MISSING"),
        ("sample", {"instrument__wavelength": None}, "KEY_MISSING"),
        ("sample", {"monitor__counts": poisson(np.array(0), 0)}, "NO_MONITOR"),
        ("sample", {"sample__thickness": scalar(0.0, unit="mm")}, "NO_THICKNESS"),
        ("sample", {"sample__thickness": None}, "NO_THICKNESS"),
        ("direct_beam", {"instrument__attenuation": None}, "NO_ATTENUATION"),
        ("direct_beam", {"instrument__attenuation": scalar(0.0)}, "BAD_ATTENUATION"),
        ("direct_beam", {"instrument__attenuation": scalar(10.0)}, "BAD_ATTENUATION"),
        ("direct_beam", {"detector__counts": NOTHING}, "NO_BEAM"),
    ],
)
def test_a_run_that_cannot_be_used_is_refused(sans, noise_free, parameter, changed, reason):
    runs = {"sample": noise_free.run("spheres"), "direct_beam": noise_free.run("empty_beam", direct=True)}
    runs[parameter] = noise_free.run("spheres", **changed)

    for centre in ({}, {"beam_center_x": 96.3, "beam_center_y": 94.6}):
        assert refusal(sans(**runs, **centre)).reason == reason


def test_a_wavelength_of_zero_is_refused(sans, noise_free):
    run = noise_free.run("spheres", instrument__wavelength=scalar(0.0, unit="angstrom"))

    assert refusal(sans(sample=run)).reason == "BAD_WAVELENGTH"


def of_pixels(key: str, values: np.ndarray, errors: np.ndarray | None = None) -> Run:
    return Run({key: Dataset(values, errors, dims=("y", "x"))}, format=key.rpartition("/")[2])


def test_a_sensitivity_from_a_file_corrects_the_direct_beam_too(sans, noise_free):
    """So the absolute scale is right to a thousandth, though pixels at the beam differ from others."""
    runs = noise_free.runs("spheres") | {"flood": None, "flood_beam": None}
    file = of_pixels("detector/sensitivity", noise_free.sans.sensitivity)
    reduction = sans(**runs, **PARAMETERS, sensitivity_file=file)
    reduction.reduce()

    assert reduction.iq.values == pytest.approx(expected("spheres", reduction.iq), rel=1.5e-3)
    assert "sensitivity from sensitivity" in reduction.iq.metadata["steps"]


def test_pixels_of_a_mask_take_no_part(sans, noise_free):
    mask = np.zeros(GEOMETRY.shape, bool)
    mask[:, :80] = True
    spoiled = noise_free.run("spheres").data("detector/counts").values.copy()
    spoiled[mask] = 1e6
    run = noise_free.run("spheres", detector__counts=poisson(spoiled, 0, dims=("y", "x")))
    parameters = {"normalization": "time", "bins": 20}
    masked = sans(sample=run, mask_file=of_pixels("detector/mask", mask), **parameters)
    with pytest.raises(GumtreeError, match="dead for"):
        masked.reduce()  # such counts were never seen
    quiet = Run({**run, "detector/dead_time": scalar(0.0, unit="s")}, format="spheres")
    masked.set(sample=quiet)
    masked.reduce()

    plain = noise_free.run("spheres", detector__dead_time=scalar(0.0, unit="s"))
    whole = sans(sample=plain, **parameters)
    whole.reduce()
    assert masked.iq.values == pytest.approx(whole.iq.values, rel=0.03)
    assert masked.iq.metadata["pixels"].values.sum() < 0.7 * whole.iq.metadata["pixels"].values.sum()


@pytest.mark.parametrize("key", ["sensitivity", "mask"])
def test_a_file_for_another_detector_is_refused(sans, noise_free, key):
    wrong = of_pixels(f"detector/{key}", np.ones((4, 4)))
    refused = refusal(sans(sample=noise_free.run("spheres"), **{f"{key}_file": wrong}))

    assert refused.reason == "PIXELS_DIFFER"
    assert "(4, 4)" in refused.message


def test_two_sensitivities_are_refused(sans, noise_free):
    file = of_pixels("detector/sensitivity", np.ones(GEOMETRY.shape))
    refused = refusal(
        sans(sample=noise_free.run("spheres"), flood=noise_free.run("water"), sensitivity_file=file)
    )

    assert refused.reason == "TWO_SENSITIVITIES"


def test_the_error_of_the_attenuator_is_shared_by_all_points(sans, noise_free):
    uncertain = noise_free.run("empty_beam", direct=True, instrument__attenuation=scalar(0.01, 0.0005))
    reduction = sans(sample=noise_free.run("spheres"), direct_beam=uncertain, bins=20)
    reduction.reduce()

    assert (reduction.iq.errors / reduction.iq.values > 0.05).all()
    assert reduction.iq.correlation()[0, -1] > 0.9


def test_transmissions_of_another_configuration_take_its_own_empty_beam(sans, noise_free):
    here = noise_free.runs("polymer")
    there = {
        name: Run({**run, "detector/distance": scalar(2000.0, unit="mm")}, format=name)
        for name, run in here.items()
        if name in ("sample_beam", "cell_beam", "flood_beam")
    }
    open_beam = Run({**here["direct_beam"], "detector/distance": scalar(2000.0, unit="mm")}, format="open")
    reduction = sans(**here, **PARAMETERS, bins=20)
    reduction.reduce()
    elsewhere = sans(**(here | there), **PARAMETERS, open_beam=open_beam, bins=20)
    elsewhere.reduce()

    assert elsewhere.iq.values == pytest.approx(reduction.iq.values, rel=1e-3)
    assert refusal(sans(**(here | there), **PARAMETERS)).reason == "RUNS_DIFFER"


def test_the_transmission_of_its_run_is_taken_if_none_is_given(sans, noise_free):
    run = noise_free.run("spheres", sample__transmission=scalar(0.5))
    known, given = sans(sample=run, bins=20), sans(sample=run, sample_transmission=0.25, bins=20)
    known.reduce()
    given.reduce()

    assert float(known.transmission.values) == 0.5
    assert float(given.transmission.values) == 0.25


@pytest.mark.parametrize("split", [False, True])
def test_an_isotropic_sample_is_alike_in_each_sector_ring_and_cut(sans, noise_free, tmp_path, split):
    reduction = sans(
        **noise_free.runs("spheres"), **PARAMETERS, bins=40, split_pixels=split, sector_width=40.0,
        sector_angle=90.0, ring_q_min=0.03, ring_q_max=0.031, ring_bins=12, cut_width=0.003, cut_angle=30.0,
    )  # fmt: skip
    reduction.host(tmp_path, lambda fraction, text: None)
    reduction.reduce()
    whole = sans(**noise_free.runs("spheres"), **PARAMETERS, bins=40)
    whole.reduce()

    assert reduction.iq.values == pytest.approx(whole.iq.values, rel=0.03)
    assert (reduction.iq.metadata["pixels"].values < 0.4 * whole.iq.metadata["pixels"].values).all()
    ring = reduction.iphi
    assert ring.shape == (12,)
    assert ring.values == pytest.approx(np.mean(ring.values), rel=0.02)
    line = reduction.along_cut
    q = line.axes["q"].centers
    assert q == pytest.approx(-q[::-1])
    assert line.values == pytest.approx(line.values[::-1], rel=0.1)
    near = np.argmin(np.abs(whole.iq.axes["q"].centers - q.max()))
    assert line.values[-1] == pytest.approx(whole.iq.values[near], rel=0.1)
    assert {"iphi", "cut"} <= {file.stem.rpartition("_")[2] for file in reduction.saved}


def test_the_pattern_is_saved_over_qx_and_qy_and_gives_the_curve_again(sans, noise_free, tmp_path):
    reduction = sans(**noise_free.runs("spheres"), **PARAMETERS, bins=40, save_pattern=True, columns=True)
    reduction.host(tmp_path / "iq.h5", lambda fraction, text: None)
    reduction.reduce()

    assert {file.name for file in reduction.saved} == {"iq.h5", "iq.txt", "iq_iqxqy.h5", "iq_iqxqy.dat"}
    run = load(tmp_path / "iq_iqxqy.h5")
    image = run.data("reduced/iqxqy")
    assert np.array_equal(image.values, reduction.pattern.values, equal_nan=True)
    assert np.array_equal(image.mask, reduction.pattern.mask)
    assert image.errors == pytest.approx(reduction.pattern.errors, nan_ok=True)
    assert run.text("sample/name") == "spheres"
    assert json.loads(run.text("reduced/provenance"))["parameters"]["bins"] == 40
    q = np.sqrt(sum(image.axes[name].values ** 2 for name in ("qx", "qy", "qz")))
    plan = rings(q, reduction.iq.axes["q"])
    assert plan.average(image).values == pytest.approx(reduction.iq.values, rel=1e-12)
    spread = np.hypot(image.metadata["dqx"].values, image.metadata["dqy"].values) / np.sqrt(2)
    near = np.interp(q.ravel(), reduction.iq.axes["q"].centers, reduction.iq.metadata["dq"].values)
    inside = (q > 0.02) & (q < 0.14)
    assert (spread[inside] <= 1.05 * near.reshape(q.shape)[inside]).all()
    assert (spread[inside] > 0.6 * near.reshape(q.shape)[inside]).all()


def test_a_ring_that_ends_before_it_begins_is_refused(sans, noise_free):
    reduction = sans(**noise_free.runs("spheres"), **PARAMETERS, ring_q_min=0.05, ring_q_max=0.04)

    with pytest.raises(GumtreeError, match=r"from 0\.05 to 0\.04 1/angstrom") as refused:
        reduction.reduce()
    assert refused.value.reason == "BAD_RANGE"
