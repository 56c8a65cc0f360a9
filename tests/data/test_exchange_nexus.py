import copy
import pickle
import warnings
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from gumtree_core.data import Axis, CorrelationWarning, Dataset, concatenate, poisson, scalar
from gumtree_core.data.exchange.nexus import load_all, read_nxdata, save, write_nxdata
from gumtree_core.errors import GumtreeError


def frame(rows: int = 3, columns: int = 4) -> Dataset:
    counts = np.random.default_rng(5).poisson(50, (rows, columns))
    return poisson(
        counts,
        1,
        axes={
            "y": Axis(np.arange(rows) * 5.0, "mm", title="height"),
            "x": Axis(np.arange(columns + 1) * 5.0, "mm", errors=np.full(columns + 1, 0.1)),
            "two theta": Axis(np.arange(rows * columns).reshape(rows, columns) * 0.1, "deg", ("y", "x")),
            "start": Axis(np.arange(rows).astype("datetime64[ms]"), dims="y"),
        },
        title="a frame",
        masks={"beam stop": counts > 60, "edge": np.zeros((rows, columns), bool)},
        history=("measured",),
    )


MONITOR = scalar(1000, 40, "counts", title="monitor")


def again(ds: Dataset, folder: Path) -> Dataset:
    path = folder / f"{len(list(folder.iterdir()))}.nxs"
    ds.save(path)
    return Dataset.load(path)


def assert_same(one: Dataset, other: Dataset) -> None:
    """All that is described is the same, and the values and errors are the same, of the same sources."""
    assert (one.dims, one.unit, one.title, one.history) == (
        other.dims,
        other.unit,
        other.title,
        other.history,
    )
    assert one.dtype == other.dtype
    assert_array_equal(one.values, other.values)
    assert list(one.axes) == list(other.axes)
    for name, axis in one.axes.items():
        assert axis.same(other.axes[name])
        assert axis.values.dtype == other.axes[name].values.dtype
        assert (axis.unit, axis.title, axis.edges) == tuple(
            getattr(other.axes[name], key) for key in ("unit", "title", "edges")
        )
        assert (axis.errors is None) == (other.axes[name].errors is None)
        if axis.errors is not None:
            assert_array_equal(axis.errors, other.axes[name].errors)
    assert list(one.masks) == list(other.masks)
    for name, mask in one.masks.items():
        assert_array_equal(mask, other.masks[name])
    assert list(one.metadata) == list(other.metadata)
    assert_exact(one, other)


def assert_exact(one: Dataset, other: Dataset) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        difference = one.replace(masks={}) - other.replace(masks={})
    assert not difference.values.any()
    assert (difference.variances is None) == (one.variances is None)
    if one.variances is not None:
        assert_array_equal(one.variances, other.variances)
        assert_allclose(difference.variances, 0, atol=1e-12 * max(1.0, one.variances.max(initial=0)))


def reason(call) -> str:
    with pytest.raises(GumtreeError) as caught:
        call()
    assert caught.value.message.endswith(".")
    return caught.value.reason


def test_what_was_saved_comes_back_whole(tmp_path):
    saved = frame() / MONITOR

    assert_same(saved, again(saved, tmp_path))


def test_a_file_keeps_as_much_as_pickle_does(tmp_path):
    saved = (frame() / MONITOR).sum("y")

    from_file, from_pickle = again(saved, tmp_path), pickle.loads(pickle.dumps(saved))

    assert_same(from_file, from_pickle)
    assert_same(copy.deepcopy(saved), from_file)


@pytest.mark.parametrize(
    "make",
    [
        lambda a: a,
        lambda a: a[1:, ::-2],
        lambda a: a.transpose(),
        lambda a: a[a.values > 45],
        lambda a: a / MONITOR,
        lambda a: a.sum(),
        lambda a: a.sum("y") / MONITOR,
        lambda a: a / a.sum("x"),
        lambda a: a.mean("y").sum(),
        lambda a: (a / MONITOR).rebin("x", np.arange(0, 21, 2.5)),
        lambda a: a.cumsum("x"),
        lambda a: a.bin_sum(np.arange(12).reshape(3, 4) % 3, 3, "bin") * 2,
        lambda a: concatenate([a["x", :2] / MONITOR, a["x", 2:]], "x"),
        lambda a: MONITOR * 2,
        lambda a: Dataset(3.0),
        lambda a: Dataset(np.zeros((0, 3)), np.zeros((0, 3))),
        lambda a: Dataset(np.array([True, False])),
        lambda a: Dataset(np.float32([1, np.nan]), np.float32([1, np.nan])),
    ],
)
def test_any_result_comes_back_exactly_and_is_the_same_as_the_original(make, tmp_path):
    a = frame()
    saved = make(a)
    found = again(saved, tmp_path)

    if np.isnan(saved.values).any():
        assert_array_equal(found.values, saved.values)
        assert_array_equal(found.variances, saved.variances)
        return
    assert_exact(saved, found)
    if saved.variances is not None and saved.size > 1:
        assert_allclose(found.covariance(), saved.covariance(), rtol=1e-12, atol=1e-12)
        assert_allclose((found / a.sum()).variances, (saved / a.sum()).variances, rtol=1e-9, atol=1e-15)


def test_a_sum_too_large_to_remember_its_summands_is_still_the_same_sum_and_warns_as_before(tmp_path):
    a = poisson(np.random.default_rng(1).poisson(9, (300, 300)), 1)
    total, loaded = a.sum(), again(a, tmp_path)

    assert_exact(loaded.sum(), total)
    found = again(total, tmp_path)
    assert_exact(found, total)
    with pytest.warns(CorrelationWarning):
        a / found


OPERATIONS = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=6
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=OPERATIONS)
def test_random_expressions_keep_their_covariance_with_all_that_they_are_made_of(steps, tmp_path):
    pool = [
        Dataset(np.arange(1.0, 7).reshape(2, 3), np.arange(1.0, 7).reshape(2, 3) / 50),
        Dataset([2.0, 3.0, 5.0], [0.1, 0.2, 0.3], dims="x"),
        scalar(7.0, 0.5),
    ]
    start = list(pool)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CorrelationWarning)
        for kind, first, second in steps:
            a, b = pool[first % len(pool)], pool[second % len(pool)]
            if kind < 4:
                try:
                    pool.append((a + b, a - b, a * b, a / (b * b + 1.0))[kind])
                except GumtreeError:
                    continue
            elif a.ndim:
                dim = a.dims[second % a.ndim]
                pool.append((a.sum(dim), a.mean(dim), a[dim, ::-1], a[dim, 0], a.cumsum(dim))[kind - 4])
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.nxs"
        last = pool[-1]
        last.save(path)
        found = Dataset.load(path)

        assert_allclose(found.covariance(), last.covariance(), rtol=1e-12, atol=1e-15)
        for each in start:
            if set(each.dims) <= set(last.dims) and all(last.sizes[d] == n for d, n in each.sizes.items()):
                assert_allclose(
                    (found + each).variances, (last + each).variances, rtol=1e-9, atol=1e-12
                )  # which holds the covariance with what it was made of


def test_two_results_of_one_monitor_still_share_it_from_one_file_and_from_two(tmp_path):
    one, other = frame().sum() / MONITOR, Dataset([5.0], [1.0], dims="y").sum() / MONITOR
    expected = (one / other).variances

    save(tmp_path / "both.nxs", {"one": one, "other": other})
    one.save(tmp_path / "one.nxs")
    other.save(tmp_path / "other.nxs", name="other")

    together = load_all(tmp_path / "both.nxs")
    assert list(together) == ["one", "other"]
    assert_allclose((together["one"] / together["other"]).variances, expected, rtol=1e-12)
    apart = Dataset.load(tmp_path / "one.nxs") / Dataset.load(tmp_path / "other.nxs")
    assert_allclose(apart.variances, expected, rtol=1e-12)
    by_name = Dataset.load(tmp_path / "both.nxs", "other")
    assert_exact(by_name, other)
    assert_exact(Dataset.load(tmp_path / "both.nxs", "/entry/other"), other)


def test_a_source_that_several_datasets_share_is_in_the_file_once(tmp_path):
    a = Dataset(np.random.default_rng(2).random((200, 200)), np.random.default_rng(3).random((200, 200)))
    save(tmp_path / "one.nxs", {"a": a})
    save(tmp_path / "four.nxs", {"a": a, "b": a[:1], "c": a[:2], "d": a[:3]})

    one, four = ((tmp_path / f"{name}.nxs").stat().st_size for name in ("one", "four"))
    assert four < one + 60_000
    with h5py.File(tmp_path / "four.nxs") as file:
        inside = "gumtree/error_sources/source_0000"
        assert file[f"entry/a/{inside}"] == file[f"entry/d/{inside}"]


def test_metadata_come_back_as_they_were(tmp_path):
    metadata = {
        "run/title": "night",
        "comment": "α <b>\n",
        "n": 3,
        "factor": 1.5,
        "good": True,
        "nothing": None,
        "samples": ["a", "b"],
        "ids": (1, 2),
        "mixed": (1, "a", 2.5),
        "empty": [],
        "time": datetime(2024, 5, 1, 12, 30, 1, 500),
        "day": date(2024, 5, 1),
        "file": Path("data/run.nxs"),
        "array": np.arange(4, dtype=np.uint16),
        "temperature": scalar(300, unit="K", title="cryostat"),
        "transmission": scalar(0.8, 0.01),
        "sample": {"name": "silica", "thickness": scalar(1.0, unit="mm"), "deeper": {"x": 1}},
        "monitor": Dataset([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], dims="y", unit="counts"),
        "title": "not the title",
        "a.b": 1,
        "a_b": 2,
        "a/b": 3,
    }
    found = again(frame().with_metadata(**metadata), tmp_path).metadata

    assert list(found) == list(metadata)
    for key in ("temperature", "transmission", "monitor"):
        assert_same(metadata[key], found[key])
    assert_same(metadata["sample"]["thickness"], found["sample"]["thickness"])
    assert found["sample"]["deeper"] == {"x": 1}
    assert_array_equal(found["array"], metadata["array"])
    assert found["array"].dtype == np.uint16
    skipped = ("temperature", "transmission", "monitor", "sample", "array")
    for key in set(metadata) - set(skipped):
        assert found[key] == metadata[key]
        assert type(found[key]) is type(metadata[key])


def test_a_transmission_in_the_metadata_stays_the_one_that_the_data_were_divided_by(tmp_path):
    counts, transmission = frame(), scalar(0.8, 0.1)
    found = again((counts / transmission).with_metadata(transmission=transmission), tmp_path)

    assert_allclose((found * found.metadata["transmission"]).variances, counts.variances, rtol=1e-12)
    assert_allclose((found * scalar(0.8, 0.1)).variances > 1.5 * counts.variances, True)


def test_metadata_that_no_file_can_hold_are_refused_and_nothing_is_left(tmp_path):
    bad = frame().with_metadata(function=lambda: 0)

    assert reason(lambda: bad.save(tmp_path / "a.nxs")) == "METADATA_NOT_STORABLE"
    assert (
        reason(lambda: frame().replace(metadata={3: 1}).save(tmp_path / "a.nxs")) == "METADATA_NOT_STORABLE"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["a\0b", "\udc80", "long" * 50_000])
def test_text_that_hdf5_cannot_hold_is_kept_or_refused_and_nothing_is_left(text, tmp_path):
    for k, ds in enumerate((frame().replace(title=text), frame().noted(text), frame().rename(x=text))):
        path = tmp_path / f"{k}.nxs"
        with suppress(GumtreeError):
            ds.save(path)
            assert_same(Dataset.load(path), ds)
            continue
        assert not list(tmp_path.glob(f"*{k}.nxs*"))


def test_names_that_nexus_does_not_allow_come_back_as_they_were(tmp_path):
    names = ("2θ", "data", "title", "data_errors", "gumtree", "a/b", "..")
    ds = Dataset(np.ones(2), np.ones(2), dims=("2θ",), axes={n: Axis([1, 2], dims="2θ") for n in names})

    found = again(ds.with_masks(**{"a/b": np.array([True, False])}), tmp_path)

    assert tuple(found.axes) == names
    assert list(found.masks) == ["a/b"]


def test_axes_that_are_called_like_the_edges_of_others_are_not_mixed_up(tmp_path):
    points, edges = Axis([1.0, 2.0], dims="x"), Axis([0.0, 1.0, 2.0], dims="x")
    for axes in (
        {"x": points, "x_edges": Axis([5.0, 6.0], dims="x")},
        {"x": edges, "x_edges": points, "x_errors": points},
        {"x_edges": edges, "x": edges, "x_edges_edges": points},
    ):
        saved = Dataset(np.ones(2), dims=("x",), axes=axes)
        assert_same(saved, again(saved, tmp_path))


def test_a_file_is_never_written_over(tmp_path):
    path = frame().save(tmp_path / "deep" / "er" / "a.nxs")
    content = path.read_bytes()

    assert reason(lambda: frame().save(path)) == "FILE_EXISTS"
    assert path.read_bytes() == content
    assert [p.name for p in path.parent.iterdir()] == ["a.nxs"]
    assert reason(lambda: save(tmp_path / "b.nxs", {})) == "NO_DATA"


def test_other_programs_find_a_plain_nxdata(tmp_path):
    path = (frame() / MONITOR).save(tmp_path / "a.nxs", name="rate")

    with h5py.File(path) as file:
        entry = file[file.attrs["default"]]
        data = entry[entry.attrs["default"]]
        assert [g.attrs["NX_class"] for g in (file, entry, data)] == ["NXroot", "NXentry", "NXdata"]
        assert data.name == "/entry/rate"
        signal = data[data.attrs["signal"]]
        assert signal.shape == data[f"{data.attrs['signal']}_errors"].shape == (3, 4)
        assert list(data.attrs["axes"]) == ["y", "x"]
        assert [int(np.ravel(data.attrs[f"{name}_indices"])[0]) for name in ("y", "x")] == [0, 1]
        assert list(data.attrs["two_theta_indices"]) == [0, 1]
        assert (data["x"].shape, data["x_edges"].shape) == ((4,), (5,))
        assert data["x"].attrs["units"] == "mm"
        assert data["y"].attrs["long_name"] == "height (mm)"
        assert data["title"][()] == b"a frame"
        assert "units" not in signal.attrs


def test_silx_plots_it(tmp_path):
    nxdata = pytest.importorskip("silx.io.nxdata", reason="silx is a check only, and not installed")
    path = frame().save(tmp_path / "a.nxs")

    with h5py.File(path) as file:
        found = nxdata.get_default(file)
        assert found.is_valid
        assert found.signal.shape == (3, 4)
        assert_allclose(found.errors, frame().errors)
        assert [axis.shape for axis in found.axes] == [(3,), (4,)]


def test_big_arrays_are_compressed(tmp_path):
    path = poisson(np.random.default_rng(0).poisson(3, (512, 512)), 1).save(tmp_path / "a.nxs")

    assert path.stat().st_size < 512 * 512 * 8


def test_a_dataset_goes_into_a_group_of_a_file_of_ones_own(tmp_path):
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        written = {}
        write_nxdata(file.create_group("there"), "one", frame(), written)
        write_nxdata(file["there"], "two", frame().sum("x"), written)
        found = read_nxdata(file["there/one"])
    assert_array_equal(found.values, frame().values)
    assert Dataset.load(tmp_path / "mine.h5", "two").dims == ("y",)


def damaged(tmp_path, change) -> str:
    path = (frame() / MONITOR).save(tmp_path / "a.nxs")
    with h5py.File(path, "r+") as file:
        change(file["entry/data"])
    return reason(lambda: Dataset.load(path))


def replaced(group, name, value):
    attributes = dict(group[name].attrs)
    del group[name]
    group[name] = value
    group[name].attrs.update(attributes)


TERM = "gumtree/error_terms/term_0000"
SOURCE = "gumtree/error_sources/source_0000"


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data["data_errors"].write_direct(np.ones((3, 4))),
        lambda data: replaced(data, f"{TERM}/selection/offset", 5),
        lambda data: replaced(data, f"{TERM}/selection/offset", -1),
        lambda data: replaced(data, f"{TERM}/selection/strides", [4000, 1]),
        lambda data: replaced(data, f"{TERM}/selection/strides", [1]),
        lambda data: replaced(data, f"{TERM}/coefficient/shape", [7, 7]),
        lambda data: replaced(data, f"{TERM}/source", "another"),
        lambda data: replaced(data, f"{SOURCE}/variances", np.full(12, -1.0)),
        lambda data: replaced(data, f"{SOURCE}/variances", np.ones(3)),
        lambda data: replaced(data, "x_edges", np.zeros(9)),
        lambda data: replaced(data, "data", np.zeros(9)),
        lambda data: data.__delitem__("data"),
        lambda data: data.__delitem__("data_errors"),
        lambda data: data.__delitem__("gumtree/error_sources"),
        lambda data: replaced(data, "gumtree/masks", 3),
        lambda data: data["gumtree"].attrs.update(dims=["y", "y"]),
    ],
)
def test_a_file_that_was_edited_is_refused_rather_than_read_wrongly(change, tmp_path):
    assert damaged(tmp_path, change) in ("FILE_DAMAGED", "BAD_AXIS", "BAD_DIMENSIONS")


def test_a_file_of_a_later_version_is_refused(tmp_path):
    assert damaged(tmp_path, lambda data: data["gumtree"].attrs.update(version=2)) == "FILE_TOO_NEW"


def test_what_is_no_file_of_data_is_refused_with_its_path(tmp_path):
    (tmp_path / "text.nxs").write_text("no HDF5")
    whole = frame().save(tmp_path / "whole.nxs").read_bytes()
    (tmp_path / "cut.nxs").write_bytes(whole[: len(whole) // 2])
    with h5py.File(tmp_path / "empty.nxs", "w"):
        pass

    assert reason(lambda: Dataset.load(tmp_path / "missing.nxs")) == "FILE_MISSING"
    assert reason(lambda: Dataset.load(tmp_path)) == "FILE_MISSING"
    assert reason(lambda: Dataset.load(tmp_path / "text.nxs")) == "FILE_DAMAGED"
    assert reason(lambda: Dataset.load(tmp_path / "cut.nxs")) == "FILE_DAMAGED"
    assert reason(lambda: Dataset.load(tmp_path / "empty.nxs")) == "NO_DATA"
    with pytest.raises(GumtreeError, match=r"whole\.nxs: There is no NXdata 'other'.*/entry/data"):
        Dataset.load(tmp_path / "whole.nxs", "other")


def foreign_file(path, fields, **attributes):
    with h5py.File(path, "w") as file:
        data = file.create_group("scan/data")
        file["scan"].attrs["NX_class"] = "NXentry"
        data.attrs.update(NX_class="NXdata", **attributes)
        for name, (value, described) in fields.items():
            filters = hdf5plugin.Bitshuffle() if np.size(value) > 3 else {}
            data.create_dataset(name, data=value, **filters)
            data[name].attrs.update(described)
    return path


def test_the_nxdata_of_other_programs_are_read_by_the_rules_of_nexus(tmp_path):
    fields = {
        "counts": (np.arange(6).reshape(2, 3), {"units": "counts"}),
        "counts_errors": (np.full((2, 3), 2.0), {}),
        "energy": ([1.0, 2.0, 3.0, 4.0], {"units": "meV"}),
        "angle": ([[1.0, 2, 3], [4, 5, 6]], {"units": "degrees"}),
        "odd": ([1.0, 2.0, 3.0, 4.0, 5.0], {}),
        "odder": ([1.0, 2.0, 3.0], {"units": "plates"}),
        "title": ("sample 5", {}),
    }
    path = foreign_file(
        tmp_path / "a.nxs", fields, signal="counts", axes=[".", "energy"], angle_indices=[0, 1],
        odd_indices=1, odder_indices=1,
    )  # fmt: skip

    found = Dataset.load(path)

    assert (found.dims, found.unit, found.title) == (("dim_0", "energy"), "counts", "sample 5")
    assert_array_equal(found.variances, np.full((2, 3), 4.0))
    assert found.axes["energy"].is_edges
    assert (found.axes["angle"].dims, found.axes["angle"].unit) == (("dim_0", "energy"), "deg")
    assert "odd" not in found.axes
    assert any("'odd' left out" in line for line in found.history)
    assert any("'plates'" in line for line in found.history)


def test_the_nxdata_of_old_programs_are_read_too(tmp_path):
    fields = {
        "I": (np.arange(6.0).reshape(2, 3), {"signal": 1, "axes": "y:x", "long_name": "intensity"}),
        "y": ([1, 2], {}),
        "x": ([1, 2, 3], {}),
        "errors": (np.ones((2, 3)), {}),
    }
    found = Dataset.load(foreign_file(tmp_path / "a.nxs", fields))

    assert (found.dims, found.title) == (("y", "x"), "intensity")
    assert_array_equal(found.variances, np.ones((2, 3)))
    assert set(found.axes) == {"y", "x"}


def test_an_nxdata_without_a_signal_is_refused(tmp_path):
    assert reason(lambda: Dataset.load(foreign_file(tmp_path / "a.nxs", {"I": ([1, 2], {})}))) == "NO_DATA"
    fields = {"I": (["a", "b"], {})}
    path = foreign_file(tmp_path / "b.nxs", fields, signal="I")
    assert reason(lambda: Dataset.load(path)) == "BAD_VALUES"
