"""Panels of devices that exist only in the program."""

import numpy as np
import pytest

from gumtree_core.interface import Action, Group, Interface, Parameter, Result
from taurus_gui.live.fake import FakeSource
from taurus_gui.live.source import Done, Reading
from taurus_gui.qt import QtCore, QtWidgets
from taurus_gui.widgets.panel import DevicePanel

MOTOR = Interface(
    "motor",
    parameters=(
        Parameter("position", "float", label="Position", unit="mm", minimum=-200, maximum=800, format="%.3f"),
        Parameter("mode", "choice", label="Mode", choices=("Slow", "Fast")),
        Parameter("enabled", "bool", label="Enabled"),
        Parameter("title", "str", label="Title"),
        Parameter("backlash", "float", label="Backlash", unit="mm", level="expert"),
    ),
    results=(
        Result("progress", "float", label="Progress", unit="%", widget="progress"),
        Result("log", "str", label="Log", ndim=1, widget="log"),
        Result("moving", "bool", label="Moving"),
    ),
    actions=(
        Action("Start", label="Start", allowed_states=("ON",)),
        Action("Stop", label="Stop", allowed_states=("MOVING",)),
        Action("Note", label="Note", argument=Parameter("text", "str", label="Text")),
        Action("Live", label="Live", argument=Parameter("on", "bool", label="On")),
        Action("Home", label="Home", confirm="Drive to the switch?"),
        Action("Init", label="Initialise", level="expert"),
    ),
)


@pytest.fixture
def shown(follow, show):
    """A panel with its source: what it is asked to do is in source.writes and source.calls."""

    def make(interface=MOTOR, **values):
        source = FakeSource(
            interface, **{"position": 12.5, "mode": 0, "enabled": True, "title": "", **values}
        )
        model = follow(source, "sample_x")
        panel = show(DevicePanel(model), 900, 600)
        panel.failures = []
        model.failed.connect(panel.failures.append)
        return panel, source, model

    return make


def type_into(qtbot, field, text, enter=True):
    field.edit.selectAll()
    qtbot.keyClicks(field.edit, text)
    if enter:
        qtbot.keyClick(field.edit, QtCore.Qt.Key.Key_Return)


def test_values_are_shown_with_their_format_and_unit(shown):
    panel, _, _ = shown(position=Reading(12.34567, 60.0))

    assert panel.displays["position"].label.text() == "12.346"
    assert panel.fields["position"].edit.text() == "60.000"
    assert "mm" in [label.text() for label in panel.findChildren(QtWidgets.QLabel)]
    assert panel.fields["mode"].combo.currentText() == "Slow"


def test_nothing_can_be_set_before_it_is_known_what_the_device_has(shown):
    panel, source, model = shown()
    assert panel.fields["position"].isEnabled()

    panel.set_expert(True)
    assert not panel.fields["backlash"].isEnabled()
    source.show(backlash=0.1)
    model.flush()
    assert panel.fields["backlash"].isEnabled()


def test_enter_writes_what_is_typed(shown, qtbot):
    panel, source, _ = shown()

    type_into(qtbot, panel.fields["position"], "4.25")

    assert source.writes == [("position", 4.25)]


def test_typing_without_enter_writes_nothing_is_highlighted_and_escape_gives_up(shown, qtbot):
    panel, source, model = shown()
    field = panel.fields["position"]

    type_into(qtbot, field, "4.25", enter=False)
    source.show(position=13.0)
    model.flush()

    assert source.writes == []
    assert field.edit.text() == "4.25"
    assert field.edit.property("edit") == "pending"
    qtbot.keyClick(field.edit, QtCore.Qt.Key.Key_Escape)
    assert field.edit.text() == "13.000"
    assert field.edit.property("edit") == ""


def test_a_value_beyond_its_limit_is_told_and_not_written(shown, qtbot):
    panel, source, _ = shown()

    type_into(qtbot, panel.fields["position"], "99999")

    assert source.writes == []
    assert panel.failures == ["Position 99999 mm is above the limit of 800 mm."]
    assert panel.fields["position"].edit.property("edit") == "invalid"


def test_after_a_write_the_field_is_the_devices_again(shown, qtbot):
    panel, _, model = shown()

    type_into(qtbot, panel.fields["position"], "4.25")
    model.flush()

    assert panel.fields["position"].pending() is None
    assert panel.fields["position"].edit.text() == "4.250"


def test_after_a_failed_write_what_was_typed_stays_and_the_reason_is_told(shown, qtbot):
    panel, source, model = shown()
    source.answer = Done(error="The axis is locked.")

    type_into(qtbot, panel.fields["position"], "4.25")
    model.flush()

    assert panel.failures == ["The axis is locked."]
    assert panel.fields["position"].pending() == "4.25"


def test_choosing_and_checking_write_at_once_and_a_refusal_takes_it_back(shown, qtbot):
    panel, source, model = shown()
    combo, box = panel.fields["mode"].combo, panel.fields["enabled"].box

    qtbot.keyClick(combo, QtCore.Qt.Key.Key_Down)
    box.click()
    assert source.writes == [("mode", 1), ("enabled", False)]

    model.flush()
    source.answer = Done(error="Not now.")
    box.click()
    model.flush()
    assert box.isChecked() is False


def test_a_string_argument_is_sent_as_it_was_typed(shown, qtbot):
    panel, source, _ = shown()
    button = panel.buttons["Note"]

    qtbot.keyClicks(button.field.edit, "hello big  world")
    button.button.click()

    assert source.calls == [("Note", "hello big  world")]


@pytest.mark.parametrize("checked", [True, False])
def test_a_bool_argument_is_sent_as_it_is_checked(shown, checked):
    panel, source, _ = shown()
    button = panel.buttons["Live"]

    button.field.box.setChecked(checked)
    button.button.click()

    assert source.calls == [("Live", checked)]
    assert source.calls[0][1] is checked


def test_buttons_follow_the_state(shown):
    panel, source, model = shown()
    enabled = {name: panel.buttons[name].button.isEnabled() for name in ("Start", "Stop", "Note")}
    assert enabled == {"Start": True, "Stop": False, "Note": True}

    source.show_state("MOVING", "Moving to 3 mm.")
    model.flush()
    enabled = {name: panel.buttons[name].button.isEnabled() for name in ("Start", "Stop", "Note")}
    assert enabled == {"Start": False, "Stop": True, "Note": True}

    source.show_state("UNREACHABLE", "The device does not answer.")
    model.flush()
    assert not any(button.button.isEnabled() for button in panel.buttons.values())


def open_question(qtbot):
    qtbot.waitUntil(lambda: QtWidgets.QApplication.activeModalWidget() is not None)
    return QtWidgets.QApplication.activeModalWidget()


@pytest.mark.parametrize(("answer", "sent"), [("Home", [("Home", None)]), ("Cancel", [])])
def test_a_command_with_consequences_asks_first(shown, qtbot, answer, sent):
    panel, source, _ = shown()

    panel.buttons["Home"].button.click()
    box = open_question(qtbot)
    assert box.text() == "Drive to the switch?"
    next(button for button in box.buttons() if answer in button.text()).click()

    assert source.calls == sent


def test_starting_with_edits_that_are_not_applied_asks_and_stopping_does_not(shown, qtbot):
    panel, source, model = shown()
    type_into(qtbot, panel.fields["position"], "4.25", enter=False)

    panel.buttons["Start"].button.click()
    box = open_question(qtbot)
    assert "Position 4.25" in box.text()
    next(button for button in box.buttons() if "Cancel" in button.text()).click()
    assert source.calls == []

    source.show_state("MOVING")
    model.flush()
    panel.buttons["Stop"].button.click()
    assert source.calls == [("Stop", None)]


def test_a_button_waits_for_the_end_of_its_command(shown):
    panel, _, model = shown()
    button = panel.buttons["Start"].button

    button.click()
    assert not button.isEnabled()

    model.flush()
    assert button.isEnabled()


def test_expert_things_are_hidden_until_asked_for(shown):
    panel, _, _ = shown()
    assert "backlash" not in panel.fields
    assert "Init" not in panel.buttons

    panel.set_expert(True)

    assert "backlash" in panel.fields
    assert "Init" in panel.buttons


def test_a_changed_interface_adds_rows_and_keeps_what_is_typed(shown, qtbot):
    panel, source, model = shown()
    type_into(qtbot, panel.fields["position"], "4.25", enter=False)
    more = Parameter("transmission", "float", label="Transmission", maximum=1, group="sample")

    source.show_interface(
        Interface("motor", parameters=(*MOTOR.parameters, more), groups=(Group("sample", "Sample"),))
    )
    source.show(transmission=0.8)
    model.flush()

    assert panel.fields["transmission"].edit.text() == "0.8"
    assert panel.fields["position"].pending() == "4.25"
    assert panel.displays["position"].label.text() == "12.500"
    assert panel.buttons == {}


def test_progress_and_log_show_the_latest(shown):
    panel, source, model = shown(progress=41.6, log=["one"])
    source.show(log=["one", "two"])
    model.flush()

    assert panel.displays["progress"].label.text() == "42 %"
    assert panel.displays["log"].text.toPlainText() == "one\ntwo"
    source.show(log=["anew"])
    model.flush()
    assert panel.displays["log"].text.toPlainText() == "anew"


def test_a_value_that_cannot_be_read_is_a_dash_with_the_reason(shown):
    panel, source, model = shown()
    source.show(position=Reading(quality="INVALID", error="No encoder."))
    model.flush()

    assert panel.displays["position"].label.text() == "—"
    assert panel.displays["position"].label.toolTip() == "No encoder."


def test_no_label_is_cut_off(shown):
    panel, _, _ = shown(title="a long title of a sample in a can")

    for label in panel.findChildren(QtWidgets.QLabel):
        if label.isVisible() and not label.wordWrap() and label.text():
            needed = label.fontMetrics().horizontalAdvance(label.text())
            assert label.width() >= needed, label.text()


def test_only_the_latest_of_many_values_is_painted(follow, show):
    image = Interface("d", results=(Result("image", "int", ndim=2),))
    source = FakeSource(image)
    model = follow(source)
    panel = show(DevicePanel(model), 900, 600)
    drawn = []
    item = panel.plots[0].item
    item.sigImageChanged.connect(lambda: drawn.append(item.image[0, 0]))

    for value in range(100):
        source.show(image=np.full((3, 3), value))
    model.flush()

    assert drawn == [99]


REPOSITORY = Interface(
    "scripts",
    results=(
        Result("scripts", "str", label="Script", ndim=1, widget="table", group="scripts"),
        Result("titles", "str", label="Title", ndim=1, widget="table", group="scripts"),
        Result("progress", "float", unit="%", widget="progress", group="scripts"),
        Result("history", "str", label="History", ndim=1, widget="log", group="history"),
    ),
    groups=(Group("scripts", "Scripts"), Group("history", "History", folded=True)),
)


def test_lists_that_belong_together_are_one_table(shown):
    panel, source, model = shown(REPOSITORY, scripts=["sans", "usans"], titles=["I(q)"])
    (table,) = panel.findChildren(QtWidgets.QTableWidget)

    def texts():
        model = table.model()
        return [[model.index(y, x).data() or "" for x in range(2)] for y in range(table.rowCount())]

    assert [table.horizontalHeaderItem(x).text() for x in range(2)] == ["Script", "Title"]
    assert texts() == [["sans", "I(q)"], ["usans", ""]]
    source.show(scripts=["powder"], titles=["a", "b", "c"])
    model.flush()
    assert texts() == [["powder", "a"], ["", "b"], ["", "c"]]


def test_a_progress_alone_is_not_drawn_over_time(shown):
    panel, _, _ = shown(REPOSITORY, progress=50.0)
    assert panel.plots == []


def test_a_folded_card_is_low_and_a_log_in_it_takes_the_height_when_it_is_opened(shown):
    panel, _, _ = shown(REPOSITORY)
    (button,) = [each for each in panel.findChildren(QtWidgets.QToolButton) if each.text() == "History"]
    card = button.parentWidget()
    QtWidgets.QApplication.processEvents()
    assert card.height() < 60

    button.setChecked(True)
    QtWidgets.QApplication.processEvents()
    assert card.height() > 250


def test_a_log_in_a_card_of_its_own_is_named_once(shown):
    panel, _, _ = shown(REPOSITORY)
    assert "History" not in [label.text() for label in panel.findChildren(QtWidgets.QLabel)]


def test_what_a_device_has_is_beside_the_field_only_where_it_is_another_value(shown, qtbot):
    speed = Parameter("speed", "float", label="Speed", unit="mm/s", format="%.1f")
    interface = Interface("motor", parameters=(MOTOR.parameter("position"), speed))
    panel, source, model = shown(interface, position=12.5, speed=2.0)
    display, field = panel.displays["speed"].label, panel.fields["speed"]
    assert panel.displays["position"].label.isVisible()  # it stands for the device
    assert not display.isVisible()

    source.show(speed=Reading(1.7, 2.0))
    model.flush()
    assert display.isVisible()
    source.show(speed=Reading(2.0, 2.0))
    model.flush()
    assert not display.isVisible()
    type_into(qtbot, field, "3", enter=False)
    assert display.isVisible()
    qtbot.keyClick(field.edit, QtCore.Qt.Key.Key_Escape)
    assert not display.isVisible()
    source.show(speed=Reading(2.0, 2.0, "ALARM"))
    model.flush()
    assert display.isVisible()


def test_of_a_file_the_end_of_its_path_is_in_view(shown):
    interface = Interface("reduction", parameters=(Parameter("sample", "run", label="Sample"),))
    path = "/a/very/long/way/to/the/folder/of/this/experiment/with/all/of/its/data/SANS0000008.nxs"
    panel, _, _ = shown(interface, sample=path)
    assert panel.fields["sample"].edit.cursorPosition() == len(path)


def test_plots_with_something_to_show_have_the_room(shown):
    curves = [Result(name, "float", label=name, ndim=1) for name in ("iq", "iphi", "cut", "sum")]
    panel, source, model = shown(Interface("reduction", results=tuple(curves)))

    def visible():
        return [plot.title.text() for plot in panel.plots if plot.isVisible()]

    assert visible() == ["iq", "iphi"]
    source.show(cut=np.arange(3.0))
    model.flush()
    assert visible() == ["cut"]
    source.show(iq=np.arange(3.0), sum=np.arange(3.0))
    model.flush()
    assert visible() == ["iq", "cut", "sum"]
    source.show(iq=Reading(None, quality="INVALID"))
    model.flush()
    assert visible() == ["cut", "sum"]


def test_files_that_are_chosen_are_written_as_a_list(shown, monkeypatch):
    interface = Interface("merge", parameters=(Parameter("curves", "run", label="Curves", ndim=1),))
    panel, source, _ = shown(interface, curves=["/old/a.h5"])
    asked = []

    def choose(parent, title, present):
        asked.append((title, present))
        return ["/new/a.h5", "/new/b.h5"], ""

    monkeypatch.setattr(QtWidgets.QFileDialog, "getOpenFileNames", choose)
    panel.fields["curves"].findChild(QtWidgets.QToolButton).click()
    assert asked == [("Curves", "/old/a.h5")]
    assert source.writes == [("curves", ["/new/a.h5", "/new/b.h5"])]


def test_a_measured_number_is_shown_with_its_error(shown):
    center = Result("center", "float", label="Centre", unit="deg", errors="center_errors")
    errors = Result("center_errors", "float", unit="deg", hidden=True)
    panel, source, model = shown(
        Interface("region", results=(center, errors)), center=67.15271, center_errors=0.00612
    )
    label = panel.displays["center"].label
    assert label.text() == "67.1527 ± 0.0061"

    for error, text in ((0.3, "67.15 ± 0.30"), (float("nan"), "67.1527"), (None, "67.1527")):
        source.show(center_errors=error)
        model.flush()
        assert label.text() == text
    source.show(center=None, center_errors=0.3)
    model.flush()
    assert label.text() == "—"


def test_a_remaining_time_is_told_in_minutes(shown):
    left = Result("left", "float", label="Remaining time", unit="s", widget="duration")
    panel, source, model = shown(Interface("scan", results=(left,)), left=533.2)
    assert panel.displays["left"].label.text() == "8 min 53 s"
    source.show(left=Reading(None, quality="INVALID"))
    model.flush()
    assert panel.displays["left"].label.text() == "—"
