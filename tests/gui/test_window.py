"""The instrument's window: what is in it, and its picture."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from taurus_gui import theme
from taurus_gui.live.source import Done
from taurus_gui.live.tango_source import TangoSource
from taurus_gui.qt import QtGui, QtWidgets, mimetypes
from taurus_gui.taurus_tools import model_name
from taurus_gui.window import InstrumentWindow

NAMES = ("motor", "detector", "reduction", "foreign")
SOON = 15000


@pytest.fixture
def window(show, qtbot, server):
    sources = [(name, TangoSource(server.resource(name))) for name in NAMES]
    made = show(InstrumentWindow("SANS", sources), 1600, 1000)
    made.start()
    qtbot.waitUntil(made.ready, timeout=SOON)
    return made


def test_it_builds_itself_from_its_devices(window):
    assert [window.tabs.tabText(i) for i in range(window.tabs.count())] == ["Overview", *NAMES]
    assert window.tree.value_of(1).endswith(" counts")
    assert window.tree.value_of(0).endswith(" mm")
    assert [index for index, _ in window.overview.image.plots] == [1]
    assert [index for index, _ in window.overview.curve.plots] == [2]
    assert list(window.overview.panels) == [2]
    assert window.overview.image.plots[0][1].drawn()
    assert window.overview.curve.plots[0][1].drawn()


def test_a_failure_is_told_below_and_stops_nobody(window, qtbot):
    panel = window.panels[0]
    panel.fields["position"].edit.setText("99999")
    panel.fields["position"].commit()

    assert "motor:  Position 99999 mm is above the limit of 800 mm." in window.messages.sentences()[-1]
    assert QtWidgets.QApplication.activeModalWidget() is None
    panel.fields["position"].commit()
    assert window.messages.sentences()[-1].endswith("(×2)")


def test_the_tree_opens_a_devices_tab(window):
    window.tree.chosen.emit(2)
    assert window.tabs.currentIndex() == 3


def test_stop_all_stops_what_is_busy_and_nothing_else(window, qtbot, server):
    motor = server.proxy("motor")
    motor.position = motor.position + 1
    qtbot.waitUntil(lambda: window.models[0].state.name == "MOVING", timeout=SOON)

    window.stop_all()

    stops = [text for text in window.messages.sentences() if text.endswith("Stop.")]
    assert len(stops) == 1
    assert "motor" in stops[0]
    qtbot.waitUntil(lambda: window.models[0].state.name == "ON", timeout=SOON)


def test_the_expert_switch_reaches_all_panels(window):
    window.expert.setChecked(True)
    assert "backlash" in window.panels[0].fields
    assert "Init" in window.overview.panels[2].buttons
    window.expert.setChecked(False)
    assert "backlash" not in window.panels[0].fields


@pytest.mark.parametrize("name", ["light", "dark"])
def test_text_can_be_read_in_both_themes(name):
    """At least the contrast of 4.5 that WCAG 2.1 asks for."""
    colours = theme.THEMES[name]
    for text in (colours.text, colours.muted, colours.error):
        for ground in (colours.window, colours.card, colours.field):
            assert contrast(text, ground) >= 4.5, (text, ground)
    assert contrast(colours.text, colours.pending) >= 4.5
    assert contrast(colours.text, colours.selected) >= 4.5
    assert contrast(colours.on_accent, colours.accent) >= 4.5


def contrast(one, other):
    """Contrast ratio of WCAG 2.1, section 1.4.3."""

    def luminance(colour):
        parts = (part / 255 for part in QtGui.QColor(colour).getRgb()[:3])
        r, g, b = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


def test_plots_follow_the_theme(window, themed):
    theme.apply(themed, "dark")
    try:
        assert window.overview.curve.plots[0][1].graphics.backgroundBrush().color().lightness() < 80
    finally:
        theme.apply(themed, "light")
    assert window.overview.curve.plots[0][1].graphics.backgroundBrush().color().lightness() > 200


def test_taurus_own_widgets_open_for_our_devices(window, qtbot, monkeypatch):
    import taurus.qt.qtgui.dialog.taurusmessagebox as dialogs

    shown = []
    for name in ("exec_", "exec"):
        monkeypatch.setattr(
            dialogs.TaurusMessageBox, name, lambda self, *_: shown.append(self), raising=False
        )
    window.tabs.setCurrentIndex(1)
    actions = {action.text(): action for action in window.findChildren(QtGui.QAction)}

    actions["Device panel"].trigger()
    actions["Trend"].trigger()

    panel, trend = window.tools
    assert panel.getModel() == model_name(window.models[0].source.name)
    assert trend.getModel()[0].endswith("/test/motor/1/position")
    panel.close()
    trend.close()
    qtbot.waitUntil(lambda: window.tools == [], timeout=SOON)
    assert shown == []


def test_a_dragged_device_is_a_taurus_model(window):
    data = window.tree.mimeData([window.tree._items[0]])

    attribute = bytes(data.data(mimetypes.TAURUS_ATTR_MIME_TYPE)).decode()
    assert attribute.startswith("tango-nodb://127.0.0.1:")
    assert attribute.endswith("/test/motor/1/position")


def run_command(*arguments):
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "QT_QPA_PLATFORM")}
    return subprocess.run(
        [Path(sys.executable).with_name("gumtree"), "gui", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_command_saves_a_picture_without_a_display(server, tmp_path):
    file = tmp_path / "window.png"
    devices = [part for name in NAMES for part in ("--device", server.resource(name))]

    done = run_command(*devices, "--screenshot", file, "--size", "1200x800", "--theme", "light")

    assert (done.returncode, done.stderr) == (0, "")
    picture = QtGui.QImage(str(file))
    assert (picture.width(), picture.height()) == (1200, 800)
    colours = {picture.pixelColor(x, y).name() for x in range(0, 1200, 2) for y in range(0, 800, 2)}
    assert len(colours) > 200, "the detector image is missing"
    assert theme.THEMES["light"].curves[0] in colours, "the curve is missing"


def test_a_picture_that_cannot_be_saved_is_told(server, tmp_path):
    file = tmp_path / "nowhere" / "x.png"

    done = run_command("--device", server.resource("motor"), "--screenshot", file)

    assert done.returncode == 1
    assert "SCREENSHOT_NOT_SAVED" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_long_answer_is_read_in_a_window_of_its_own(window, qtbot):
    window.models[2].source.call = lambda name, argument, done: done(Done(value="first line\n\n    second"))
    window.models[2].call("Source", "sans", lambda done: None)

    (answer,) = window.tools
    assert answer.isVisible()
    assert answer.windowTitle() == "reduction: Source"
    assert answer.text.toPlainText() == "first line\n\n    second"
    assert not any("Source" in each for each in window.messages.sentences())
    answer.close()
    qtbot.waitUntil(lambda: window.tools == [], timeout=SOON)

    window.models[2].source.call = lambda name, argument, done: done(Done(value="noted"))
    window.models[2].call("Note", "x", lambda done: None)
    assert window.messages.sentences()[-1].endswith("Note: noted")


def test_in_a_small_window_the_devices_stay_readable(window, qtbot):
    window.resize(900, 600)
    QtWidgets.QApplication.processEvents()
    assert window.tree.width() >= 220
