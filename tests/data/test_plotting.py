import base64
import re
import sys
import time
import warnings
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest
from numpy.testing import assert_allclose

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from gumtree_core.data import (
    Axis,
    Dataset,
    plot,
    poisson,
    scalar,
)
from gumtree_core.data.plots import plotting
from gumtree_core.errors import GumtreeError

Q = Axis([0.01, 0.02, 0.05, 0.1], "1/angstrom")
HOSTILE = "</svg><script>alert('1')</script>\"&$\\frac"


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def curve(**options) -> Dataset:
    return Dataset(
        [100.0, 50.0, 5.0, 0.5], [4.0, 4, 1, 0.01], axes={"q": Q}, unit="1/cm", title="silica", **options
    )


def image(**options) -> Dataset:
    values = np.arange(12.0).reshape(3, 4)
    axes = {"y": Axis([1, 2, 3], "mm"), "x": Axis([0, 1, 2, 3, 4], "mm")}
    return Dataset(values, values, axes=axes, unit="counts", title="frame", **options)


def reason(call) -> str:
    with pytest.raises(GumtreeError) as caught:
        call()
    assert caught.value.message.endswith(".")
    return caught.value.reason


def drawn(ax) -> None:
    ax.figure.canvas.draw()


def test_a_curve_has_error_bars_and_labels_with_units():
    ax = curve().plot(log="xy")
    drawn(ax)

    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("q [1/Å]", "silica [1/cm]")
    (bars,) = ax.containers
    assert_allclose(bars.lines[0].get_ydata(), [100, 50, 5, 0.5])
    assert_allclose(bars.lines[2][0].get_segments()[0], [[0.01, 98], [0.01, 102]])


@pytest.mark.parametrize("style", [{"marker": "s", "lw": 2}, {"fmt": "s-", "linewidth": 2}])
def test_a_curve_takes_the_style_of_matplotlib_by_its_long_and_short_names(style):
    (bars,) = curve().plot(**style).containers

    assert (bars.lines[0].get_marker(), bars.lines[0].get_linewidth()) == ("s", 2)


def test_bins_are_steps():
    ax = Dataset([4.0, 9.0], "poisson", axes={"x": Axis([0, 1, 3], "mm")}, unit="counts").plot()

    (steps,) = ax.patches
    assert_allclose(steps.get_data().edges, [0, 1, 3])


def test_errors_of_many_points_are_a_band():
    ds = poisson(np.full(plotting.BAND + 1, 9), 1)

    assert len(ds.plot().collections) == 1
    assert len(ds.plot().containers[0].lines[2]) == 0


def test_several_curves_are_converted_to_the_units_of_the_first():
    other = Dataset([5000.0], unit="1/m", axes={"q": Axis([0.5], "1/nm")}, title="other")

    ax = plot([curve(), other])

    assert_allclose(ax.containers[1].lines[0].get_ydata(), [50])
    assert_allclose(ax.containers[1].lines[0].get_xdata(), [0.05])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["silica", "other"]
    assert (
        reason(lambda: plot([curve(), Dataset([1.0], unit="mm", axes={"q": Axis([1], "1/nm")})]))
        == "UNIT_MISMATCH"
    )
    assert (
        reason(lambda: plot([curve(), Dataset([1.0], unit="1/cm", axes={"q": Axis([1], "mm")})]))
        == "UNIT_MISMATCH"
    )


def test_the_labels_of_curves_may_be_given_one_for_each():
    ax = plot([curve(), curve()], labels=["a", "b"])

    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]
    assert reason(lambda: plot([curve(), curve()], labels=["a"])) == "NOT_PLOTTABLE"


def test_masked_points_are_hollow_and_take_no_part_in_the_line():
    ax = curve(masks={"bad": np.array([False, True, False, False])}).plot()

    assert np.isnan(ax.containers[0].lines[0].get_ydata()[1])
    hollow = ax.lines[-1]
    assert (hollow.get_markerfacecolor(), list(hollow.get_ydata())) == ("none", [50.0])


def test_an_image_stands_where_its_axes_say_with_a_colour_bar():
    ax = image().plot()
    drawn(ax)

    (picture,) = ax.images
    assert_allclose(picture.get_extent(), (0, 4, 0.5, 3.5))
    assert picture.origin == "lower"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x [mm]", "y [mm]")
    assert ax.get_aspect() == 1
    assert ax.figure.axes[1].get_ylabel() == "frame [counts]"


def test_colours_are_logarithmic_with_zero_in_the_colour_of_the_smallest_count():
    (picture,) = image().plot(log="c").images
    drawn(picture.axes)

    assert isinstance(picture.norm, matplotlib.colors.LogNorm)
    assert picture.get_clim() == (1, 11)
    assert picture.get_array()[0, 0] == 1


def test_masked_pixels_are_grey_and_hatched_and_leave_the_scale_alone():
    mask = np.zeros((3, 4), bool)
    mask[1:, 2:] = True

    ax = image(masks={"stop": mask}).plot()
    drawn(ax)

    picture, grey = ax.images
    assert picture.get_clim() == (0, 9)
    assert np.ma.getmaskarray(picture.get_array()).sum() == 4
    assert np.nansum(grey.get_array()) == 4
    assert any(
        collection.hatches == ["////"] for collection in ax.collections if hasattr(collection, "hatches")
    )


def test_uneven_axes_and_axes_of_two_dimensions_are_drawn_in_their_place():
    tilted = np.add.outer([0.0, 1, 2], [0.0, 10, 20, 40])
    ds = image().with_axes(angle=Axis(tilted, "deg", ("y", "x")))

    ax = ds.plot(x="angle")
    drawn(ax)

    (mesh,) = ax.collections
    assert mesh.get_coordinates().shape == (4, 5, 2)
    assert ax.get_xlabel() == "angle [deg]"
    corners = mesh.get_coordinates()[..., 0]
    assert_allclose((corners[:-1, :-1] + corners[1:, 1:])[1, 1] / 2, 11)
    assert reason(lambda: ds.plot(x="nothing")) == "UNKNOWN_AXIS"
    assert reason(lambda: ds.plot(y="x")) == "UNKNOWN_AXIS"


def scan() -> Dataset:
    values = np.arange(24.0).reshape(2, 3, 4)
    axes = {"step": Axis([1.5, 2.5], "deg"), "y": Axis([1, 2, 3], "mm"), "x": Axis([1, 2, 3, 4], "mm")}
    return Dataset(values, dims=("step", "y", "x"), axes=axes, title="scan")


def test_slices_without_a_window_show_the_first_and_say_how_to_go_on():
    ax = scan().plot()
    drawn(ax)

    assert_allclose(ax.images[0].get_array(), scan().values[0])
    assert ax.images[0].get_clim() == (0, 23)
    assert ax.get_title().startswith("step = 1.5 deg, ds['step', 0] of 2\nfor others: ds['step', k].plot()")
    assert not hasattr(ax, "slider")


def test_slices_in_a_window_have_a_slider(monkeypatch):
    monkeypatch.setattr(plotting, "_interactive", lambda figure: True)
    mask = np.zeros((2, 3, 4), bool)
    mask[0, 1:, 1:] = True

    ax = scan().with_masks(bad=mask).plot()
    drawn(ax)
    assert len(ax.images) == 2
    before = ax.get_aspect()
    ax.slider.set_val(1)
    drawn(ax)

    assert_allclose(ax.images[0].get_array(), scan().values[1])
    assert len(ax.images) == 1
    assert ax.get_title() == "step = 2.5 deg, ds['step', 1] of 2"
    assert ax.get_aspect() == before == 1


def test_a_window_is_known_by_its_canvas():
    figure = plt.figure()
    assert not plotting._interactive(figure)
    backend = pytest.importorskip("matplotlib.backends.backend_qtagg")
    figure.canvas = type("Canvas", (), {"required_interactive_framework": "qt"})()
    assert plotting._interactive(figure)
    assert backend.FigureCanvasQTAgg.required_interactive_framework == "qt"


def test_a_surface_is_drawn_over_both_axes():
    ax = image().plot(kind="surface")
    drawn(ax)

    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x [mm]", "y [mm]")
    assert ax.get_zlim() == (0, 11)
    drawn(image().plot(kind="surface", log="c"))
    assert reason(lambda: image().plot(kind="surface", ax=plt.figure().add_subplot())) == "NOT_PLOTTABLE"


def test_a_plot_goes_into_the_axes_given():
    ax = plt.figure().add_subplot()

    assert curve().plot(ax=ax, color="red") is ax
    assert ax.containers[0].lines[0].get_color() == "red"


@pytest.mark.parametrize(
    "call",
    [
        lambda: scalar(1.0).plot(),
        lambda: Dataset(np.ones((2, 2, 2, 2)), dims=("a", "b", "c", "d")).plot(),
        lambda: curve().plot(kind="image"),
        lambda: curve().plot(kind="pie"),
        lambda: curve().plot(log="z"),
        lambda: plot([]),
        lambda: plot([image(), image()]),
        lambda: plot([curve(), image()]),
        lambda: Dataset(np.zeros(0)).plot(),
        lambda: Dataset(np.full((2, 2), np.nan)).plot(),
        lambda: Dataset(-np.ones((2, 2))).plot(log="c"),
        lambda: image().plot(log="c", limits=(0, 5)),
    ],
)
def test_what_cannot_be_plotted_is_refused_with_what_to_do(call):
    assert reason(call) == "NOT_PLOTTABLE"


@pytest.mark.parametrize("kind", ["curve", "image", "slices", "surface"])
def test_any_title_can_be_drawn(kind):
    ds = {"curve": curve(), "image": image(), "slices": scan(), "surface": image()}[kind]
    drawn(ds.replace(title=HOSTILE).plot(kind=kind))
    drawn(plot([curve().replace(title=HOSTILE), curve()]))


def test_without_matplotlib_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    assert reason(curve().plot) == "LIBRARY_MISSING"


# The summary in a notebook


def picture(ds: Dataset) -> ET.Element:
    found = re.search(r"<svg.*?</svg>", ds._repr_html_(), re.DOTALL)
    assert found
    return ET.fromstring(found[0])


def texts(svg: ET.Element) -> str:
    return " | ".join(svg.itertext())


def png(ds: Dataset) -> bytes:
    found = re.search(r"base64,([^']+)'", ds._repr_html_())
    assert found
    return base64.b64decode(found[1])


def test_the_summary_of_a_curve_has_a_picture_with_error_bars():
    svg = picture(curve())

    assert "silica [1/cm], both logarithmic" in texts(svg)
    assert "q [1/Å]" in texts(svg)
    bars = next(p.get("d") for p in svg.findall(".//{*}path"))
    assert bars.count("M") == 4
    assert len(list(svg.findall(".//{*}circle"))) == 4


def test_the_picture_of_an_image_is_small_and_shows_what_is_masked_as_nothing(tmp_path):
    mask = np.zeros((3, 4), bool)
    mask[0, 1] = True
    path = tmp_path / "a.png"
    path.write_bytes(png(image(masks={"stop": mask})))

    pixels = plt.imread(path)

    assert pixels.shape == (3, 4, 4)
    assert pixels[2, 1, 3] == 0
    assert pixels[..., 3].sum() == 11
    assert_allclose(pixels[0, 3, :3], np.array([253, 231, 37]) / 255, atol=0.01)
    assert_allclose(pixels[2, 0, :3], np.array([68, 1, 84]) / 255, atol=0.01)


def test_large_images_are_averaged(tmp_path):
    values = np.zeros((1000, 700))
    values[:500] = 1.0
    mask = np.zeros(values.shape, bool)
    mask[:6, :4] = True
    path = tmp_path / "a.png"
    path.write_bytes(png(Dataset(values, masks={"corner": mask})))

    pixels = plt.imread(path)

    assert pixels.shape[:2] == (167, 175)
    assert np.argwhere(pixels[..., 3] == 0).tolist() == [[166, 0]]
    assert pixels[150, 50, 0] > 0.9
    assert pixels[10, 50, 0] < 0.4


def test_the_picture_of_more_dimensions_says_what_it_shows():
    assert "sum over step" in texts(picture(scan()))
    large = Dataset(np.broadcast_to(np.arange(9.0).reshape(3, 3), (600_000, 3, 3)), dims=("t", "y", "x"))
    assert "first frame along t" in texts(picture(large))


def test_long_curves_are_drawn_by_their_envelope():
    values = np.zeros(100_000)
    values[12_345] = 7.0
    svg = picture(Dataset(values))

    assert len(ET.tostring(svg)) < 20_000
    assert "7" in texts(svg).split(" | ")


@pytest.mark.parametrize(
    "ds",
    [
        Dataset([np.nan, np.nan]),
        Dataset(np.zeros((0, 3))),
        Dataset(np.full((2, 2), np.inf)),
        Dataset([1.0, 2.0], masks={"all": np.array([True, True])}),
        Dataset([5.0]),
        Dataset([[5.0]]),
        Dataset([0.0, 0.0], [0.0, 0.0]),
        Dataset([True, False]),
        Dataset([1.0, -np.inf, 3.0], axes={"t": Axis(np.arange(3).astype("M8[s]"))}),
        Dataset([1, 2], axes={"x": Axis([np.nan, 1.0])}),
        scalar(3.0, 0.1, "mm"),
        Dataset(np.uint8([[0, 255], [1, 2]])),
    ],
    ids=repr,
)
def test_there_is_a_summary_of_anything(ds):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        html = ds._repr_html_()
    ET.fromstring(html)
    assert "nan" not in "".join(path.get("d", "") for path in ET.fromstring(html).findall(".//{*}path"))


def test_no_text_of_the_data_is_taken_as_html():
    ds = curve(
        metadata={HOSTILE: HOSTILE, "sub": {HOSTILE: 1}},
        masks={HOSTILE: np.zeros(4, bool)},
        history=(HOSTILE,),
    )
    ds = ds.replace(title=HOSTILE).rename(q=HOSTILE)

    for each in (ds, Dataset(np.ones((2, 2)), dims=(HOSTILE, "x"), title=HOSTILE)):
        html = each._repr_html_()
        assert "<script" not in html
        ET.fromstring(html)


def test_colours_are_those_of_the_page():
    html = curve()._repr_html_()

    assert "currentColor" in html
    assert "<style" not in html
    assert not re.search(r"background:(?!none)", html)


def test_metadata_and_history_are_folded():
    html = curve(metadata={"sample": {"name": "x"}}, history=("measured",))._repr_html_()

    assert "<summary style='cursor:pointer'>Metadata (1)</summary>" in html
    assert "sample / name" in html
    assert "History (1)</summary><ol style='margin:.3em 0'><li>measured</li>" in html


def test_the_summary_of_a_large_image_takes_some_milliseconds():
    ds = poisson(
        np.random.default_rng(0).poisson(5, (2048, 2048)), 1, masks={"edge": np.eye(2048, dtype=bool)}
    )
    ds._repr_html_()

    def taken() -> float:
        start = time.perf_counter()
        ds._repr_html_()
        return time.perf_counter() - start

    assert min(taken() for _ in range(7)) < 0.06  # 0.025 s on a free machine


def test_one_curve_may_be_labelled_as_matplotlib_does():
    ax = curve().plot(label="measured")
    curve().plot(ax=ax, label="again")
    ax.legend()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["measured", "again"]
