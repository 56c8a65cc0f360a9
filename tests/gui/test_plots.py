"""Images and curves: what is on the screen is where it belongs."""

import numpy as np
import pytest

from gumtree_core.interface import Interface, Result
from taurus_gui.live.fake import FakeSource
from taurus_gui.live.source import Reading
from taurus_gui.qt import QtCore
from taurus_gui.widgets.curve import CurvePlot, drawable
from taurus_gui.widgets.image import ImagePlot, levels
from taurus_gui.widgets.panel import DevicePanel
from taurus_gui.widgets.plots import decade_text, decade_ticks, tick_texts

IQ = Result("iq", "float", label="I(q)", unit="1/cm", ndim=1, x="q", errors="e", log_x=True, log_y=True)
CURVE = Interface(
    "d",
    results=(
        IQ,
        Result("q", "float", label="q", unit="1/Å", ndim=1, hidden=True),
        Result("e", "float", ndim=1, hidden=True),
    ),
)


@pytest.fixture
def image_plot(show):
    return show(ImagePlot(Result("image", "int", label="Counts", unit="counts", ndim=2)), 500, 500)


@pytest.fixture
def curve_plot(show):
    return show(CurvePlot(CURVE, [IQ]), 600, 500)


def brightness(plot, x, y):
    """Brightness on the screen at data coordinates."""
    place = plot.axes.getViewBox().mapViewToScene(_point(x, y))
    return plot.graphics.grab().toImage().pixelColor(plot.graphics.mapFromScene(place)).lightness()


def _point(x, y):
    return QtCore.QPointF(x, y)


def test_a_spot_at_x_4_y_5_shows_there(image_plot, qtbot):
    values = np.zeros((12, 10), dtype=np.uint32)
    values[5, 4] = 1000

    image_plot.show_reading("image", Reading(values))
    qtbot.waitUntil(lambda: brightness(image_plot, 4, 5) > 100)

    assert brightness(image_plot, 5, 4) < 60
    assert brightness(image_plot, 4.4, 5.4) > 100
    assert brightness(image_plot, 4.6, 5) < 60
    assert image_plot.told(4, 5) == "x 4  y 5   1000 counts"
    assert image_plot.told(10, 5) == image_plot.told(-1, 0) == ""


def test_the_y_axis_points_up(image_plot):
    view = image_plot.axes.getViewBox()
    image_plot.show_reading("image", Reading(np.ones((12, 10))))

    assert view.mapViewToScene(_point(0, 0)).y() > view.mapViewToScene(_point(0, 11)).y()


def test_the_cursor_tells_pixel_and_counts(image_plot):
    image_plot.show_reading("image", Reading(np.arange(120).reshape(12, 10)))

    image_plot.mouse_at(image_plot.axes.getViewBox().mapViewToScene(_point(3.2, 7.4)))

    assert image_plot.cursor.text() == "x 3  y 7   73 counts"


def test_a_logarithmic_image_shows_zero_counts_darkest_and_labels_the_bar_in_counts(image_plot):
    values = np.zeros((50, 50))
    values[10:40, 10:40] = 1.0
    values[20:30, 20:30] = 1e4
    image_plot.log.setChecked(True)

    image_plot.show_reading("image", Reading(values))

    drawn = image_plot.item.image
    assert drawn[0, 0] < drawn[15, 15] < drawn[25, 25]
    assert np.isfinite(drawn).all()
    labelled = image_plot.bar.getAxis("right")._tickLevels[0]
    assert (3.0, "1000") in labelled


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize(
    "values", [np.zeros((4, 4)), np.ones((4, 4)), np.full((4, 4), -3.0), np.eye(4) * 1e9]
)
def test_levels_are_finite_and_in_order(values, log):
    low, high = levels(values.astype(np.float32), log)

    assert np.isfinite([low, high]).all()
    assert low < high


def test_one_hot_pixel_does_not_darken_the_image():
    values = np.full((100, 100), 10.0, dtype=np.float32)
    values[3, 3] = 1e9

    assert levels(values, log=False)[1] == 10.0


def test_levels_stay_while_auto_is_off(image_plot):
    image_plot.show_reading("image", Reading(np.full((4, 4), 10.0)))
    image_plot.auto.setChecked(False)
    image_plot.show_reading("image", Reading(np.full((4, 4), 1000.0)))

    assert tuple(image_plot.item.levels) == (0.0, 10.0)


def test_an_image_of_another_shape_fills_the_axes(image_plot):
    image_plot.show_reading("image", Reading(np.ones((12, 10))))
    image_plot.show_reading("image", Reading(np.ones((100, 200))))

    x, y = image_plot.axes.viewRange()
    assert x[1] >= 199.5
    assert y[1] >= 99.5


def test_a_hidden_plot_draws_nothing_until_it_is_shown(image_plot):
    image_plot.hide()
    image_plot.show_reading("image", Reading(np.ones((4, 4))))
    assert not image_plot.drawn()
    assert image_plot.note.text() == "no data yet"

    image_plot.show()
    assert image_plot.drawn()
    assert image_plot.note.text() == ""


def test_bars_end_where_value_plus_and_minus_error_are_on_logarithmic_axes():
    x, y, low, high, _ = drawable(
        np.array([0.01, 0.1]), np.array([10.0, 1.0]), np.array([1.0, 0.5]), True, True
    )

    np.testing.assert_allclose(x, [-2, -1])
    np.testing.assert_allclose(y, [1, 0])
    np.testing.assert_allclose(10**low, [9, 0.5])
    np.testing.assert_allclose(10**high, [11, 1.5])


def test_bars_on_linear_axes_are_symmetrical():
    _, y, low, high, _ = drawable(np.array([1.0]), np.array([-2.0]), np.array([0.5]), False, False)

    assert (low[0], y[0], high[0]) == (-2.5, -2.0, -1.5)


def test_what_cannot_be_drawn_on_logarithmic_axes_is_left_out_and_bars_below_zero_are_cut():
    x = np.array([-1.0, 1.0, 2.0, 3.0, np.nan])
    y = np.array([1.0, -1.0, 2.0, np.inf, 1.0])

    x_drawn, _, low, _, _ = drawable(x, y, np.array([0.1, 0.1, 5.0, 0.1, 0.1]), True, True)

    np.testing.assert_allclose(10**x_drawn, [2.0])
    assert np.isfinite(low).all()
    assert low[0] < np.log10(2.0)


def test_error_bars_are_on_the_screen_of_a_logarithmic_plot(curve_plot, qtbot):
    curve_plot.show_reading("q", Reading(np.array([0.01, 0.1])))
    curve_plot.show_reading("e", Reading(np.array([5.0, 0.5])))
    curve_plot.show_reading("iq", Reading(np.array([10.0, 1.0])))

    bounds = curve_plot.bars["iq"].boundingRect()
    assert (bounds.left(), bounds.right()) == pytest.approx((-2, -1))
    assert (bounds.top(), bounds.bottom()) == pytest.approx((np.log10(0.5), np.log10(15)))
    view = curve_plot.axes.getViewBox()
    place = curve_plot.graphics.mapFromScene(view.mapViewToScene(_point(-2, np.log10(6))))

    def bar_pixel():
        image = curve_plot.graphics.grab().toImage()
        return min(image.pixelColor(place.x() + dx, place.y()).lightness() for dx in (-1, 0, 1))

    qtbot.waitUntil(lambda: bar_pixel() < 200)


def test_a_curve_waits_for_the_errors_that_belong_to_it(curve_plot):
    for name in ("q", "e", "iq"):
        curve_plot.show_reading(name, Reading(np.array([1.0, 2.0])))
    curve_plot.show_reading("iq", Reading(np.array([1.0, 2.0, 3.0])))
    assert len(curve_plot.bars["iq"].drawn.x) == 2

    curve_plot.show_reading("q", Reading(np.array([1.0, 2.0, 3.0])))
    curve_plot.show_reading("e", Reading(np.array([0.1, 0.2, 0.3])))
    assert len(curve_plot.bars["iq"].drawn.x) == 3


def test_no_line_is_drawn_across_a_gap(curve_plot, qtbot):
    """Here on linear axes, between x = 2 and 4; the point between two gaps is still there."""
    for switch in (curve_plot.log_x, curve_plot.log_y):
        switch.setChecked(False)
    x = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    y = np.array([5.0, 5.0, np.nan, 5.0, np.nan, 5.0, 5.0])
    curve_plot.show_reading("q", Reading(x))
    curve_plot.show_reading("e", Reading(np.full(7, np.nan)))
    curve_plot.show_reading("iq", Reading(y))

    def darkest(at):
        place = curve_plot.graphics.mapFromScene(curve_plot.axes.getViewBox().mapViewToScene(_point(at, 5.0)))
        image = curve_plot.graphics.grab().toImage()
        return min(image.pixelColor(place.x(), place.y() + dy).lightness() for dy in (-1, 0, 1))

    qtbot.waitUntil(lambda: darkest(1.5) < 200)
    assert darkest(6.5) < 200
    assert darkest(4) < 200
    assert min(darkest(2.5), darkest(3), darkest(3.5), darkest(4.5)) > 200


@pytest.mark.parametrize("left_out", [[], [0], [3], [1, 2], [0, 1, 2, 3]])
def test_what_is_left_out_leaves_a_gap_also_on_logarithmic_axes(left_out):
    y = np.ones(4)
    y[left_out] = -1.0
    drawn = drawable(np.arange(1.0, 5.0), y, None, True, True)

    kept = [k for k in range(4) if k not in left_out]
    expected = [int(k + 1 in kept) for k in kept]
    assert drawn.joined.tolist() == expected
    assert len(drawn.x) == len(kept)


def test_a_curve_without_value_disappears(curve_plot):
    for name in ("q", "e", "iq"):
        curve_plot.show_reading(name, Reading(np.array([1.0, 2.0])))
    curve_plot.show_reading("iq", Reading(None, quality="INVALID"))

    assert not curve_plot.drawn()


def test_axes_have_label_and_unit_and_switch_between_scales(curve_plot):
    for name in ("q", "e", "iq"):
        curve_plot.show_reading(name, Reading(np.array([10.0, 100.0])))
    assert curve_plot.axes.getAxis("bottom").labelText == "q (1/Å)"
    assert curve_plot.axes.getAxis("left").labelText == "I(q) (1/cm)"

    curve_plot.log_x.setChecked(False)

    np.testing.assert_allclose(curve_plot.curves["iq"].getData()[0], [10, 100])
    np.testing.assert_allclose(curve_plot.curves["iq"].getData()[1], [1, 2])


def test_logarithmic_ticks_are_labelled_with_plain_numbers_where_there_is_room():
    labelled, between = decade_ticks(-2.5, -0.4)
    assert [decade_text(value) for value in labelled] == ["0.005", "0.01", "0.02", "0.05", "0.1", "0.2"]
    assert len(between) == 12

    assert [decade_text(value) for value in decade_ticks(-6, 6)[0]][:3] == ["1e-06", "1e-05", "0.0001"]


@pytest.mark.parametrize(
    ("values", "spacing", "texts"),
    [
        ([0.0, 0.25, 0.5], 0.25, ["0.00", "0.25", "0.50"]),
        ([-20, 0, 20], 20, ["-20", "0", "20"]),
        ([3465244.0, 3465246.0], 2, ["3465244", "3465246"]),
        ([0, 2e7, 4e7], 2e7, ["0", "2e+07", "4e+07"]),
        ([1.0001e8, 1.0002e8], 1e4, ["1.0001e+08", "1.0002e+08"]),
        ([1e-5, 1.5e-5], 5e-6, ["1.0e-05", "1.5e-05"]),
        ([0.0], 1.0, ["0"]),
    ],
)
def test_ticks_have_the_digits_that_tell_them_apart(values, spacing, texts):
    assert tick_texts(values, spacing) == texts


def test_the_axis_of_a_curve_follows_the_unit_of_its_attribute(follow, show):
    counts = Result("counts", "float", label="Counts", ndim=1, x="positions")
    before = Result("positions", "float", label="Positions", ndim=1, hidden=True)
    after = Result("positions", "float", label="sample_x", unit="mm", ndim=1, hidden=True)
    source = FakeSource(Interface("scan", results=(counts, before)))
    model = follow(source)
    panel = show(DevicePanel(model), 900, 600)
    assert panel.plots[0].axes.getAxis("bottom").labelText == "Positions"

    source.show_interface(Interface("scan", results=(counts, after)))
    model.flush()
    assert panel.plots[0].axes.getAxis("bottom").labelText == "sample_x (mm)"
