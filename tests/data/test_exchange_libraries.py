import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import scipp as sc
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from gumtree_core.data import Axis, CorrelationWarning, Dataset, poisson, scalar
from gumtree_core.data.units import COMMON
from gumtree_core.errors import GumtreeError


def reason(call) -> str:
    with pytest.raises(GumtreeError) as caught:
        call()
    assert caught.value.message.endswith(".")
    return caught.value.reason


def frame() -> Dataset:
    return Dataset(
        np.array([[4.0, 9, 0], [1, 16, np.nan]]),
        np.array([[4.0, 9, 0], [1, 16, 25]]),
        axes={
            "y": Axis([1.5, 2.5], "mm", title="height"),
            "x": Axis([0.0, 5, 10, 15], "1/angstrom", errors=[0.1, 0.2, 0.3, 0.4]),
            "angle": Axis(np.arange(6.0).reshape(2, 3) ** 2, "deg", ("y", "x")),
            "tilt": Axis([[1.0, 2, 4, 8], [2.0, 3, 5, 9]], "deg", ("y", "x")),
            "time": Axis(np.array(["2024-05-01", "2024-05-02"], "datetime64[ns]"), dims="y"),
        },
        unit="counts",
        masks={"stop": np.array([[True, False, False], [False, False, True]])},
        metadata={
            "sample": "silica",
            "number": 5,
            "monitor": Dataset([10.0, 20.0], [1.0, 2.0], dims="y", unit="counts", title="monitor"),
        },
        title="frame",
        history=("measured", "corrected"),
    )


FORMS = {
    "scipp": (Dataset.to_scipp, Dataset.from_scipp),
    "xarray": (Dataset.to_xarray, Dataset.from_xarray),
    "pandas": (Dataset.to_pandas, Dataset.from_pandas),
}
every_form = pytest.mark.parametrize(("to", "back"), FORMS.values(), ids=FORMS)


def assert_same(one: Dataset, other: Dataset, axis_errors: bool = True) -> None:
    assert (one.dims, one.unit, one.title) == (other.dims, other.unit, other.title)
    assert_array_equal(one.values, other.values)
    assert (one.errors is None) == (other.errors is None)
    if one.errors is not None:
        assert_allclose(one.errors, other.errors, rtol=1e-15)
    assert set(one.axes) == set(other.axes)
    for name, axis in one.axes.items():
        assert axis.same(other.axes[name]), name
        assert axis.unit == other.axes[name].unit
        if axis_errors and axis.errors is not None:
            assert_allclose(axis.errors, other.axes[name].errors, rtol=1e-15)
    assert set(one.masks) == set(other.masks)
    for name, mask in one.masks.items():
        assert_array_equal(mask, other.masks[name])


@every_form
def test_values_errors_unit_axes_and_masks_go_there_and_back(to, back):
    assert_same(frame(), back(to(frame())), axis_errors=to is not Dataset.to_pandas)


@every_form
def test_text_and_numbers_of_the_metadata_go_there_and_back(to, back):
    found = back(to(frame())).metadata

    assert (found["sample"], found["number"]) == ("silica", 5)
    if to is not Dataset.to_pandas:
        assert_array_equal(found["monitor"].values, [10, 20])
        assert_allclose(found["monitor"].variances, [1, 2])
        assert (found["monitor"].unit, found["monitor"].dims) == ("counts", ("y",))


def test_the_history_goes_where_it_has_a_place():
    assert Dataset.from_xarray(frame().to_xarray()).history == frame().history
    assert Dataset.from_pandas(frame().to_pandas()).history == frame().history
    assert Dataset.from_scipp(frame().to_scipp()).history == ()


@every_form
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_shape_type_and_order_of_dimensions_goes_there_and_back(to, back, data):
    shape = tuple(data.draw(st.lists(st.integers(1, 4), max_size=3)))
    kind = data.draw(st.sampled_from(["float64", "float32", "int64", "int32", "uint16", "bool"]))
    dims = tuple(data.draw(st.permutations(["a", "b", "c"])))[: len(shape)]
    size = int(np.prod(shape))
    values = np.random.default_rng(size).integers(0, 2, shape).astype(kind)
    variances = np.arange(1.0, size + 1).reshape(shape) if data.draw(st.booleans()) else None
    edges = data.draw(st.booleans())
    axes = {d: Axis(np.arange(n + edges) * 2.0 + 1, "mm") for d, n in zip(dims, shape, strict=True)}
    ds = Dataset(values, variances, dims=dims, axes=axes, unit="counts")

    assert_same(ds, back(to(ds)))


@every_form
def test_a_number_goes_there_and_back(to, back):
    found = back(to(scalar(3.0, 0.5, "mm", title="slit")))

    assert (found.ndim, float(found), float(found.errors), found.unit) == (0, 3.0, 0.5, "mm")


@every_form
def test_errors_that_elements_share_are_lost_with_a_warning_that_names_the_operation(to, back):
    counts = poisson([4, 9, 16], 1)
    shared = counts / scalar(10.0, 1.0)

    with pytest.warns(CorrelationWarning, match=f"^{to.__name__}: elements of .* errors in common") as caught:
        found = back(to(shared))
    assert caught[0].filename == __file__

    assert_allclose(found.errors, shared.errors)
    assert_allclose(found.covariance(), np.diag(shared.variances))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to(counts)
        to(shared.sum())
        to(counts - counts)
        to(counts.without_errors())


@every_form
def test_two_readings_are_two_sources(to, back):
    form = to(poisson([4, 9], 1))

    assert_allclose((back(form) - back(form)).variances, [8, 18])


def test_the_array_of_a_dataset_is_its_values():
    assert_array_equal(np.asarray(frame()), frame().values)
    assert np.asarray(frame(), dtype=np.float32).dtype == np.float32
    assert not np.shares_memory(np.array(frame()), frame().values)


@pytest.mark.parametrize(
    ("library", "to"), [("scipp", "to_scipp"), ("xarray", "to_xarray"), ("pandas", "to_pandas")]
)
def test_a_library_that_is_not_installed_is_named_with_how_to_install_it(library, to, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(GumtreeError, match=rf"{library}: pip install 'gumtree-tango\[notebook\]'") as caught:
        getattr(frame(), to)()
    assert caught.value.reason == "LIBRARY_MISSING"


# scipp


def test_scipp_has_a_data_array_as_its_users_make_them():
    made = frame().to_scipp()

    assert (made.dims, made.unit, made.name) == (("y", "x"), sc.Unit("counts"), "frame")
    assert made.coords["x"].unit == sc.Unit("1/Å")
    assert made.coords.is_edges("x")
    assert made.coords["time"].dtype == sc.DType.datetime64
    assert not made.coords["monitor"].aligned
    assert sc.allclose(
        made.coords["x"].data if hasattr(made.coords["x"], "data") else made.coords["x"], made.coords["x"]
    )
    assert_allclose(made.sum().value, np.nansum(np.where(frame().mask, 0, frame().values)))


@pytest.mark.parametrize(
    "unit", [*sorted(COMMON - {"pixel"}), "", "counts/angstrom", "meV/K", "1/cm/sr", "barn", "h"]
)
def test_units_are_the_same_in_scipp(unit):
    ds = Dataset([1.0], unit=unit)
    found = Dataset.from_scipp(ds.to_scipp())

    assert_allclose(found.to(ds.unit).values, 1.0, rtol=1e-9)


@pytest.mark.parametrize("unit", ["pixel", "degC", "dB", "delta_degC"])
def test_a_unit_that_scipp_does_not_have_is_refused(unit):
    assert reason(lambda: Dataset([1.0], unit=unit).to_scipp()) == "UNIT_NOT_SHARED"


def test_what_scipp_has_and_a_dataset_has_not_is_refused_or_left_out_and_noted():
    table = sc.data.table_xyz(100)
    assert reason(lambda: Dataset.from_scipp(table.bin(x=4))) == "BINNED_DATA"
    assert reason(lambda: Dataset.from_scipp(np.ones(3))) == "BAD_VALUES"
    assert reason(lambda: Dataset.from_scipp(sc.array(dims=["x"], values=["a", "b"]))) == "BAD_VALUES"
    array = sc.DataArray(
        sc.ones(dims=["x"], shape=[2], unit="counts"),
        coords={
            "position": sc.vectors(dims=["x"], values=np.ones((2, 3)), unit="m"),
            "name": sc.array(dims=["x"], values=["a", "b"]),
            "run": sc.scalar("5"),
            "L1": sc.scalar(5.0, unit="m"),
        },
    )

    found = Dataset.from_scipp(array)

    assert [line.split("'")[1] for line in found.history] == ["position", "name"]
    assert found.metadata["run"] == "5"
    assert (found.axes["L1"].dims, found.axes["L1"].unit) == ((), "m")


def test_a_variable_of_scipp_and_masks_along_fewer_dimensions_are_taken():
    variable = sc.array(dims=["x"], values=[1.0, 2.0], variances=[1.0, 4.0], unit="mm")
    assert_allclose(Dataset.from_scipp(variable).variances, [1, 4])
    array = sc.DataArray(
        sc.ones(dims=["y", "x"], shape=[2, 3]), masks={"row": sc.array(dims=["y"], values=[True, False])}
    )
    assert_array_equal(Dataset.from_scipp(array).mask, [[True] * 3, [False] * 3])


def test_names_that_would_be_there_twice_are_refused():
    ds = Dataset([1.0, 2.0], axes={"x": [1, 2]}, metadata={"x": "text"})

    assert reason(ds.to_scipp) == "NAME_TAKEN"
    assert (
        reason(Dataset([1.0, 2.0], axes={"values": Axis([1, 2], dims="x")}, dims="x").to_xarray)
        == "NAME_TAKEN"
    )
    assert reason(Dataset([1.0], masks={"values": np.array([True])}).to_pandas) == "NAME_TAKEN"


# xarray


def test_xarray_has_values_and_errors_as_its_users_expect_them():
    made = frame().to_xarray()

    assert set(made.data_vars) == {"values", "errors", "stop"}
    assert made["values"].attrs["units"] == "counts"
    assert made["values"].attrs["ancillary_variables"] == "errors"
    assert_allclose(made["values"].sel(x=7.5, y=1.5), 9)
    assert made.x.attrs == {"units": "1/angstrom", "bounds": "x_bounds"}
    assert_allclose(made.x_bounds, [[0, 5], [5, 10], [10, 15]])
    assert made.attrs["title"] == "frame"


def test_a_data_array_of_others_is_taken_as_it_is():
    array = xr.DataArray(
        np.arange(6.0).reshape(2, 3),
        dims=("t", "lon"),
        coords={
            "t": pd.date_range("2024-01-01", periods=2),
            "lon": [10.0, 20, 30],
            "name": ("lon", ["a", "b", "c"]),
        },
        attrs={"units": "K", "station": 5},
        name="temperature",
    )
    array.lon.attrs["units"] = "degrees"

    found = Dataset.from_xarray(array)

    assert (found.dims, found.unit, found.title) == (("t", "lon"), "K", "temperature")
    assert found.axes["lon"].unit == "deg"
    assert found.axes["t"].values.dtype.kind == "M"
    assert found.metadata["station"] == 5
    assert found.history == ("from_xarray: 'name' (<U1) left out",)


def test_a_selection_made_in_xarray_comes_back():
    found = Dataset.from_xarray(frame().to_xarray().isel(x=slice(1, 3)).transpose("x", "y", ...))

    expected = frame()[:, 1:3].transpose()
    assert found.dims == expected.dims
    assert_array_equal(found.values, expected.values)
    assert found.axes["x"].same(expected.axes["x"])
    assert_allclose(found.axes["x"].errors, [0.2, 0.3, 0.4])
    assert_array_equal(found.axes["angle"].values, expected.axes["angle"].values.T)


def test_bounds_with_gaps_are_no_edges():
    made = frame().to_xarray().isel(x=[0, 2])

    found = Dataset.from_xarray(made)

    assert_allclose(found.axes["x"].values, [2.5, 12.5])


def test_what_is_no_dataset_in_xarray_is_refused():
    assert reason(lambda: Dataset.from_xarray(np.ones(2))) == "BAD_VALUES"
    two = xr.Dataset({"a": ("x", [1.0]), "b": ("x", [2.0])})
    assert reason(lambda: Dataset.from_xarray(two)) == "BAD_VALUES"
    odd = xr.DataArray([1.0], dims="x", attrs={"units": "furlongs per fortnite"})
    assert reason(lambda: Dataset.from_xarray(odd)) == "UNKNOWN_UNIT"


# pandas


def test_a_curve_is_a_table_indexed_by_its_axis():
    q = Axis([0.1, 0.2, 0.4], "1/angstrom")
    made = Dataset([3.0, 2.0, 1.0], [1.0, 1.0, 1.0], axes={"q": q}, unit="1/cm").to_pandas()

    assert made.index.name == "q"
    assert list(made.columns) == ["values", "errors"]
    assert made["values"].loc[0.2] == 2.0
    assert made.attrs["units"] == {"values": "1/cm", "q": "1/angstrom"}


def test_more_dimensions_are_a_long_table_that_any_order_of_rows_gives_back():
    made = frame().to_pandas()

    assert made.index.names == ["y", "x"]
    shuffled = made.loc[made.index[[0, 4, 2, 5, 1, 3]]]
    found = Dataset.from_pandas(shuffled).sort("x").sort("y")
    assert_array_equal(found.values, frame().values)


def test_a_table_of_others_is_taken_as_it_is():
    table = pd.DataFrame({"I": [1.0, 2.0], "good": [True, False], "name": ["a", "b"]}, index=[5.0, 6.0])

    found = Dataset.from_pandas(table, units={"I": "counts", "x": "mm"})

    assert (found.dims, found.unit, found.title) == (("x",), "counts", "I")
    assert found.axes["x"].unit == "mm"
    assert_array_equal(found.masks["good"], [True, False])
    assert "'name'" in found.history[0]
    series = pd.Series([1.0, 2.0], index=pd.Index([1, 2], name="q"), name="I")
    assert Dataset.from_pandas(series).dims == ("q",)


def test_a_table_that_lacks_rows_or_has_them_twice_is_refused():
    made = frame().to_pandas()

    assert reason(lambda: Dataset.from_pandas(made.iloc[:-1])) == "BAD_TABLE"
    assert reason(lambda: Dataset.from_pandas(pd.concat([made, made.iloc[:1]]))) == "BAD_TABLE"
    assert reason(lambda: Dataset.from_pandas({"values": [1]})) == "BAD_VALUES"
    assert reason(lambda: Dataset.from_pandas(pd.DataFrame({"a": [1.0], "b": [2.0]}))) == "BAD_VALUES"


def test_tables_of_two_datasets_can_be_joined_by_pandas():
    assert len(pd.concat([frame().to_pandas(), frame().to_pandas()])) == 12
