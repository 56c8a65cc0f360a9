"""Fits: known parameters are found, errors are right, and what cannot be fitted is refused in words."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import curve_fit

from gumtree_core.data import Axis, Dataset, errors, poisson, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.fitting import FitWarning, fit
from gumtree_core.reduction.fitting.shapes import (
    SHAPES,
    axial_divergence,
    gaussian,
    ikeda_carpenter,
    linear,
    pseudo_voigt,
    voigt,
)

X = np.linspace(40, 44, 81)
TRUE = gaussian(X, 200, 42.1, 0.5) + linear(X, 30, -0.2)


def counted(seed: int = 1, model: np.ndarray = TRUE) -> Dataset:
    counts = np.random.default_rng(seed).poisson(model)
    return poisson(counts, 1, axes={"two_theta": Axis(X, "deg")}, title="scan")


def exact(y: np.ndarray, x: np.ndarray = X, error: float | None = 1.0) -> Dataset:
    variances = None if error is None else np.full(y.shape, error**2)
    return Dataset(y, variances, axes={"x": Axis(x, "mm")}, unit="counts", title="curve")


PEAKS = {
    "gaussian": {"area": 20, "center": 2.1, "fwhm": 1.0},
    "lorentzian": {"area": 20, "center": 2.1, "fwhm": 1.0},
    "pseudo_voigt": {"area": 20, "center": 2.1, "fwhm": 1.0, "fraction": 0.3},
    "voigt": {"area": 20, "center": 2.1, "gauss_fwhm": 0.7, "lorentz_fwhm": 0.5},
    "split_gaussian": {"area": 20, "center": 2.1, "left_fwhm": 0.7, "right_fwhm": 1.5},
    "split_lorentzian": {"area": 20, "center": 2.1, "left_fwhm": 0.7, "right_fwhm": 1.5},
}
OTHERS = {
    "ikeda_carpenter": {"area": 20, "start": -5.0, "alpha": 2.0, "beta": 0.4, "slow": 0.3},
    "edge": {"height": 8, "center": 1.0, "fwhm": 1.5},
    "constant": {"level": 3.0},
    "linear": {"intercept": 3.0, "slope": 0.2},
    "quadratic": {"c0": 3.0, "c1": -0.5, "c2": 0.1},
    "cubic": {"c0": 3.0, "c1": -0.5, "c2": 0.1, "c3": 0.02},
    "exponential": {"amplitude": 5.0, "decay": 7.0},
}


@pytest.mark.parametrize("name", [*PEAKS, *OTHERS])
def test_every_shape_is_found_again_from_its_own_curve(name):
    x = np.linspace(-10, 10, 201)
    given = (PEAKS | OTHERS)[name]

    found = fit(exact(SHAPES[name].function(x, **given), x, 0.01), name)

    assert found.chi_square < 1e-6
    for parameter, value in given.items():
        assert float(found[parameter].values) == pytest.approx(value, rel=1e-5, abs=1e-6)


def test_a_power_law_is_found_again():
    x = np.geomspace(0.01, 1, 50)

    found = fit(exact(3 * x**-4.0, x, 1e-3), "power_law")

    assert float(found["exponent"].values) == pytest.approx(-4)
    assert float(found["amplitude"].values) == pytest.approx(3)


@pytest.mark.parametrize("name", PEAKS)
def test_the_area_the_height_and_the_width_of_a_peak_are_what_they_are_called(name):
    given = PEAKS[name]
    shape = SHAPES[name].function
    area, _ = quad(lambda x: shape(np.array([x]), **given)[0], -2e4, 2e4, points=[0, 2.1, 5], limit=5000)
    x = np.linspace(-8, 12, 200_001)
    y = shape(x, **given)
    above = x[y >= y.max() / 2]

    found = fit(exact(y[::1000], x[::1000], 0.01), name)

    assert area == pytest.approx(20, rel=2e-4)
    assert float(found["fwhm"].values) == pytest.approx(above[-1] - above[0], rel=3e-4)
    if name != "voigt":
        assert float(found["height"].values) == pytest.approx(y.max(), rel=1e-6)


def test_the_voigt_profile_becomes_gaussian_and_lorentzian_at_its_ends():
    assert voigt(X, 3.0, 42.0, 0.5, 1e-9) == pytest.approx(gaussian(X, 3.0, 42.0, 0.5), rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("center", [8.0, 25.0, 90.0, 150.0])
@pytest.mark.parametrize(("sample", "detector"), [(0.02, 0.02), (0.01, 0.05), (0.05, 0.0)])
def test_axial_divergence_is_the_integral_of_finger_cox_and_jephcoat(center, sample, detector):
    """Their equations 4 to 6, integrated over 2 phi with the singularity at 2 theta left to QUADPACK."""
    theta = np.radians(center)
    side = 1 if center > 90 else -1
    x = center + np.linspace(-1.5, 1.5, 13)

    def weight(phi: float) -> float:
        h = np.sqrt(max(np.square(np.cos(phi) / np.cos(theta)) - 1, 0.0))
        overlap = min(2 * min(sample, detector) or 1.0, sample + detector - h)
        overlap = overlap if min(sample, detector) else 1.0
        return overlap / (h * abs(np.cos(phi))) if 0 < h < sample + detector else 0.0

    if center == 90.0:
        expected = pseudo_voigt(x, 5.0, center, 0.3, 0.4)
        rel = 2e-4
    else:
        far = np.arccos(np.clip(np.cos(theta) * np.sqrt(1 + (sample + detector) ** 2), -1, 1))
        knee = np.arccos(np.clip(np.cos(theta) * np.sqrt(1 + (sample - detector) ** 2), -1, 1))
        span = abs(theta - far)

        # phi = theta -+ span u^2 takes the singularity away
        def integral(function) -> float:
            point = [np.sqrt(abs(theta - knee) / span)]
            return quad(
                lambda u: function(theta + side * span * u * u) * 2 * u * span, 0, 1, points=point, limit=200
            )[0]

        norm = integral(weight)
        expected = np.array(
            [
                integral(
                    lambda phi, at=at: (
                        weight(phi) * pseudo_voigt(np.array([at - np.degrees(phi)]), 5.0, 0.0, 0.3, 0.4)[0]
                    )
                )
                / norm
                for at in x
            ]
        )
        rel = 1e-4

    assert axial_divergence(x, 5.0, center, 0.3, 0.4, sample, detector) == pytest.approx(expected, rel=rel)


def test_without_heights_axial_divergence_is_none():
    assert axial_divergence(X, 5.0, 42.0, 0.3, 0.4, 0.0, 0.0) == pytest.approx(
        pseudo_voigt(X, 5.0, 42.0, 0.3, 0.4)
    )


def test_the_heights_of_axial_divergence_are_varied_only_where_asked():
    y = axial_divergence(X, 200.0, 42.0, 0.1, 0.4, 0.03, 0.03) * 0 + axial_divergence(
        X, 200.0, 42.0, 0.2, 0.4, 0.02, 0.02
    )

    kept = fit(exact(y), "axial_divergence")

    assert "axial_divergence_sample_height" not in kept.names
    freed = fit(exact(y), "axial_divergence", bounds={"axial_divergence_sample_height": (0.0, 0.1)})
    assert "axial_divergence_sample_height" in freed.names
    assert float(freed["sample_height"].values) == pytest.approx(0.02, rel=1e-2)


def test_the_pulse_of_ikeda_and_carpenter_has_unit_area_and_no_step_where_alpha_meets_beta():
    t = np.linspace(0, 200, 400_001)
    area = np.trapezoid(ikeda_carpenter(t, 1.0, 0.0, 1.5, 0.2, 0.4), t)
    near = [ikeda_carpenter(t[:1000], 1.0, 0.0, 1.0, beta, 0.4) for beta in (0.9899, 0.9901, 1.0)]

    assert area == pytest.approx(1.0, rel=1e-6)
    assert near[0] == pytest.approx(near[1], rel=1e-3, abs=1e-12)
    assert near[1] == pytest.approx(near[2], rel=0.05, abs=1e-12)


def test_a_counted_peak_agrees_with_scipy_in_values_and_covariance():
    data = counted()

    found = fit(data, "gaussian + linear")

    best, covariance = curve_fit(
        lambda x, a, c, w, i, s: gaussian(x, a, c, w) + linear(x, i, s), X, data.values,
        p0=[200, 42.1, 0.5, 30, -0.2], sigma=data.errors, absolute_sigma=True,
    )  # fmt: skip
    names = ("gaussian_area", "gaussian_center", "gaussian_fwhm", "linear_intercept", "linear_slope")
    assert found.names == names
    assert [float(found[name].values) for name in names] == pytest.approx(best, rel=1e-5)
    assert found.covariance == pytest.approx(covariance, rel=3e-3, abs=1e-9)
    assert found.degrees_of_freedom == 76
    assert [found[name].unit for name in names] == ["counts*deg", "deg", "deg", "counts", "counts/deg"]
    assert found["height"].unit == "counts"


@pytest.mark.parametrize("statistic", ["least squares", "poisson"])
def test_pulls_of_many_fits_are_normal(statistic):
    """150 fits: the mean pull is 0 +- 0.08, its width 1 +- 0.06."""
    pulls = []
    for seed in range(150):
        found = fit(counted(seed, 10 * TRUE), "gaussian + linear", statistic=statistic)
        pulls.append((float(found["center"].values) - 42.1) / float(found["center"].errors))

    assert abs(np.mean(pulls)) < 0.25
    assert np.std(pulls) == pytest.approx(1.0, abs=0.18)


def test_few_counts_are_fitted_without_bias_by_their_likelihood_alone():
    """3 counts a point: 1 / counts as weight is wrong by a third of the level, the likelihood by nothing."""
    rng = np.random.default_rng(5)
    areas = {"least squares": [], "poisson": []}
    for _ in range(40):
        data = poisson(rng.poisson(3.0, X.size), 1, axes={"x": Axis(X, "deg")})
        for statistic, found in areas.items():
            found.append(float(fit(data, "constant", statistic=statistic)["level"].values))

    assert np.mean(areas["poisson"]) == pytest.approx(3.0, abs=0.1)
    assert np.mean(areas["least squares"]) < 2.5


@pytest.mark.parametrize("background", [0.0, 0.02])
def test_errors_are_right_where_hardly_anything_is_counted_beside_the_peak(background):
    """100 fits over a background of nearly nothing: the mean pull is 0 +- 0.1, its width 1 +- 0.07."""
    pulls: dict[str, list[float]] = {"area": [], "center": [], "fwhm": []}
    true = {"area": 100.0, "center": 42.1, "fwhm": 0.5}
    for seed in range(100):
        data = counted(seed, gaussian(X, *true.values()) + background)
        found = fit(data, "gaussian + linear", statistic="poisson")
        for name, pull in pulls.items():
            pull.append((float(found[name].values) - true[name]) / float(found[name].errors))

    for pull in pulls.values():
        assert abs(np.mean(pull)) < 0.35
        assert np.std(pull) == pytest.approx(1.0, abs=0.22)


def test_a_model_that_goes_below_nothing_does_not_get_errors_of_nothing():
    """A Lorentzian where a Gaussian is: its tails push the background below 0, where no count can be."""
    found = fit(counted(2, gaussian(X, 200, 42.1, 0.5)), "lorentzian + constant", statistic="poisson")

    assert float(found["level"].values) < 0
    assert float(found["area"].errors) > 0.9 * np.sqrt(200 / (X[1] - X[0])) * (X[1] - X[0])
    assert 5 < found.reduced_chi_square < 1000


def test_a_constant_by_likelihood_is_the_mean_and_its_error_that_of_the_sum():
    counts = np.array([0, 2, 1, 0, 3, 0, 0, 4])
    data = poisson(counts, 0, axes={"x": np.arange(8.0)})

    found = fit(data, "constant", statistic="poisson")

    assert float(found["level"].values) == pytest.approx(counts.mean(), rel=1e-6)
    assert float(found["level"].errors) == pytest.approx(np.sqrt(counts.sum()) / 8, rel=1e-4)


def test_parameters_know_that_they_come_from_the_same_data():
    model = gaussian(X, 200, 41.2, 0.5) + gaussian(X, 100, 41.6, 0.5) + 20
    found = fit(
        counted(3, model),
        "gaussian + gaussian + constant",
        start={"gaussian1_center": 41.2, "gaussian2_center": 41.6},
    )

    i, j = found.names.index("gaussian1_area"), found.names.index("gaussian2_area")
    apart = found["gaussian1_area"] - found["gaussian2_area"]
    variance = found.covariance[i, i] + found.covariance[j, j] - 2 * found.covariance[i, j]
    assert float(apart.variances) == pytest.approx(variance)
    assert variance != pytest.approx(found.covariance[i, i] + found.covariance[j, j], rel=0.05)


def test_a_derived_parameter_has_the_error_that_its_formula_gives():
    found = fit(counted(), "gaussian + linear")

    height = 0.9394372786996513 * found["gaussian_area"] / found["gaussian_fwhm"]

    assert float(height.values) == pytest.approx(float(found["height"].values))
    assert float(height.errors) == pytest.approx(float(found["height"].errors), rel=1e-4)
    assert float((height - found["height"]).errors) < 1e-4 * float(height.errors)


def test_a_monitor_that_all_points_share_moves_no_parameter_and_is_in_the_errors():
    """As a weight it would pull the curve 15 % below the points (Peelle's puzzle)."""
    data, monitor = counted(), scalar(100.0, 5.0, "counts")

    alone = fit(data, "gaussian + linear")
    shared = fit(data / monitor, "gaussian + linear")

    ratio = shared["area"] * monitor / alone["area"]
    assert float(shared["area"].values) == pytest.approx(float(alone["area"].values) / 100, rel=1e-6)
    assert float(shared["center"].errors) == pytest.approx(float(alone["center"].errors), rel=1e-3)
    relative = (float(shared["area"].errors) / float(shared["area"].values)) ** 2
    assert relative == pytest.approx(
        (float(alone["area"].errors) / float(alone["area"].values)) ** 2 + 0.05**2, rel=1e-3
    )
    assert float(ratio.errors) < 1e-3  # all errors cancel: the same counts, the same monitor


def test_points_that_rebinning_made_dependent_are_weighted_by_their_covariance():
    x = np.arange(40.0)
    rng = np.random.default_rng(2)
    fine = poisson(rng.poisson(100, 40), 0, axes={"x": Axis(np.arange(41.0), "mm")})
    coarse = fine.rebin("x", np.linspace(0.25, 39.25, 27))

    found = fit(coarse, "constant")

    covariance = coarse.covariance()
    assert np.count_nonzero(covariance - np.diag(np.diag(covariance)))
    weight = np.linalg.inv(covariance)
    expected = weight.sum(axis=0) @ coarse.values / weight.sum()
    assert float(found["level"].values) == pytest.approx(expected, rel=1e-8)
    assert float(found["level"].variances) == pytest.approx(1 / weight.sum(), rel=1e-6)
    assert x.size == 40


def test_the_residuals_know_that_the_curve_follows_the_data():
    found = fit(exact(np.array([1.0, 2.0, 4.0, 4.5]), np.arange(4.0)), "linear")

    design = np.column_stack([np.ones(4), np.arange(4.0)])
    hat = design @ np.linalg.inv(design.T @ design) @ design.T
    assert found.best.variances == pytest.approx(np.diag(hat), rel=1e-6)
    assert found.residuals.variances == pytest.approx(1 - np.diag(hat), rel=1e-6)
    assert found.residuals.values.sum() == pytest.approx(0, abs=1e-9)


def test_without_errors_the_scatter_gives_those_of_the_parameters():
    y = np.array([1.0, 2.1, 2.9, 4.2, 4.8])
    design = np.column_stack([np.ones(5), np.arange(5.0)])
    _, rest, *_ = np.linalg.lstsq(design, y)

    found = fit(exact(y, np.arange(5.0), None), "linear")

    expected = rest[0] / 3 * np.linalg.inv(design.T @ design)
    assert found.covariance == pytest.approx(expected, rel=1e-5)
    assert np.isnan(found.chi_square)


def test_masked_points_and_nan_take_no_part_and_the_curve_is_there_too():
    data = counted()
    wild = data.values.astype(float).copy()
    wild[10], wild[20] = 1e6, np.nan
    hidden = Dataset(wild, data.variances, axes=dict(data.axes), unit="counts").with_masks(hot=wild == 1e6)
    kept = np.delete(np.arange(81), [10, 20])

    found, expected = fit(hidden, "gaussian + linear"), fit(data[kept], "gaussian + linear")

    assert float(found["area"].values) == pytest.approx(float(expected["area"].values))
    assert found.degrees_of_freedom == 74
    assert found.best.shape == (81,)
    assert found.residuals.mask[10]


def test_fixed_tied_and_bounded_parameters():
    model = gaussian(X, 200, 41.2, 0.5) + gaussian(X, 100, 42.7, 0.5) + 20
    data = counted(3, model)

    found = fit(
        data,
        "gaussian + gaussian + constant",
        start={"gaussian1_center": 41.2, "gaussian2_center": 42.7},
        ties={"gaussian2_fwhm": "gaussian1_fwhm"},
        fixed={"constant_level": 20.0},
        bounds={"gaussian1_center": (41.0, 41.5)},
    )

    assert float(found["gaussian2_fwhm"].values) == float(found["gaussian1_fwhm"].values)
    assert float((found["gaussian2_fwhm"] - found["gaussian1_fwhm"]).errors) == pytest.approx(0, abs=1e-12)
    assert found["constant_level"].errors is None
    assert "(fixed)" in found.report()
    assert "= gaussian1_fwhm" in found.report()


def test_a_parameter_at_its_bound_is_told_and_has_no_error():
    with pytest.warns(FitWarning, match="gaussian_fwhm is at its bound of 0.3"):
        found = fit(counted(), "gaussian + linear", bounds={"gaussian_fwhm": (0.1, 0.3)})

    assert found["fwhm"].errors is None
    assert float(found["fwhm"].values) == 0.3
    assert "(at its bound)" in found.report()
    assert "gaussian_fwhm" not in found.names


def test_an_expression_of_the_user_has_its_own_parameters_and_units():
    t = np.linspace(0, 5, 60)
    y = exact(7 * np.exp(-t / 1.5) + 0.5, t, 0.01)

    found = fit(y, "a * exp(-x / tau) + b", start={"a": 5, "tau": 1, "b": 0}, units={"tau": "mm"})

    assert float(found["tau"].values) == pytest.approx(1.5, rel=1e-6)
    assert found["tau"].unit == "mm"
    together = fit(y, ["a * exp(-x / tau)", "constant"], start={"a": 5, "tau": 1})
    assert float(together["constant_level"].values) == pytest.approx(0.5, rel=1e-5)


def test_a_peak_may_be_negative_or_lie_upon_a_slope():
    dip = fit(exact(100 - gaussian(X, 30, 42.5, 0.6)), "gaussian + constant")
    steep = fit(exact(gaussian(X, 30, 41.5, 0.3) + linear(X, 400, -8)), "gaussian + linear")

    assert float(dip["area"].values) == pytest.approx(-30, rel=1e-5)
    assert float(steep["center"].values) == pytest.approx(41.5, abs=1e-5)


def test_the_curve_is_given_at_other_points_and_for_single_terms():
    found = fit(exact(TRUE), "gaussian + linear")
    x = np.array([41.0, 42.1])

    assert found.curve(x).values == pytest.approx(gaussian(x, 200, 42.1, 0.5) + linear(x, 30, -0.2), rel=1e-6)
    assert found.curve(x, only="linear").values == pytest.approx(linear(x, 30, -0.2), rel=1e-5)
    assert found.curve(x).errors.min() > 0
    assert found.curve(x).axes["x"].unit == "mm"


def test_a_curve_of_very_many_points_is_fitted_without_a_warning_or_a_matrix_of_them():
    x = np.linspace(40, 44, 50_001)
    y = gaussian(x, 200, 42.1, 0.5) + linear(x, 30, -0.2)

    found = fit(exact(y, x, 3.0) / scalar(2.0, 0.1), "gaussian + linear")

    assert float(found["center"].values) == pytest.approx(42.1)
    assert float(found["area"].errors) / float(found["area"].values) == pytest.approx(0.05, rel=0.01)


def test_the_report_says_what_was_found():
    report = fit(counted(), "gaussian + linear").report()

    assert "gaussian + linear by least squares: chi-square" in report
    assert "76 degrees of freedom" in report
    assert "counts*deg" in report
    assert "correlation linear_intercept, linear_slope: -0.99" in report


def test_errors_may_be_taken_as_independent():
    with errors("independent"):
        found = fit(counted(), "gaussian + linear")

    assert float(found["center"].errors) == pytest.approx(0.00385, rel=0.01)


def curve(**options: object) -> Dataset:
    return Dataset(np.array([1.0, 2.0, 3.0, 5.0]), np.ones(4), axes={"x": np.arange(4.0)}, **options)


@pytest.mark.parametrize(
    ("data", "model", "options", "reason", "said"),
    [
        (curve(), "gausian + linear", {}, "UNKNOWN_SHAPE", "Did you mean gaussian"),
        (curve(), "3 * (x", {}, "BAD_EXPRESSION", "expression"),
        (curve(), "a * x", {}, "NO_START", "start value for a"),
        (curve(), "gaussian + linear", {}, "TOO_FEW_POINTS", "5 parameters"),
        (curve(), "linear", {"start": {"slop": 1}}, "UNKNOWN_PARAMETER", "linear_slope"),
        (curve(), "linear", {"bounds": {"linear_slope": (2, 1)}}, "BAD_BOUNDS", "from 2 to 1"),
        (curve(), "linear", {"ties": {"linear_slope": "nothing*2"}}, "BAD_EXPRESSION", "nothing"),
        (
            curve(), "linear", {"start": {"linear_slope": 9}, "bounds": {"linear_slope": (0, 1)}},
            "BAD_BOUNDS", "outside",
        ),
        (curve(), "linear", {"axis": "q"}, "UNKNOWN_AXIS", "axes x"),
        (curve(), "linear", {"statistic": "bayes"}, "UNKNOWN_STATISTIC", "poisson"),
        (curve() * 0.5, "constant", {"statistic": "poisson"}, "NOT_COUNTS", "no counts"),
        (curve(), ["constant", "linear"], {}, "SINGULAR_FIT", "constant_level, linear_intercept"),
        (Dataset([1.0, 2.0], [1.0, 0.0], axes={"x": [0.0, 1.0]}), "constant", {}, "ZERO_VARIANCE", "1 point"),
        (Dataset(np.ones((2, 2))), "constant", {}, "NOT_A_CURVE", "one"),
        (Dataset([1.0, 2.0]), "constant", {}, "UNKNOWN_AXIS", "none"),
        (curve().with_masks(all=np.ones(4, bool)), "constant", {}, "TOO_FEW_POINTS", "0 points"),
        (curve(), "a * log(x)", {"start": {"a": 1}}, "FIT_FAILED", "start"),
    ],
)  # fmt: skip
def test_what_cannot_be_fitted_is_refused_in_words(data, model, options, reason, said):
    with pytest.raises(GumtreeError, match=said) as refused:
        fit(data, model, **options)

    assert refused.value.reason == reason


def test_a_parameter_that_the_fit_has_not_is_refused():
    found = fit(exact(TRUE), "gaussian + linear")

    with pytest.raises(GumtreeError, match="gaussian_area"):
        found["amplitude"]
