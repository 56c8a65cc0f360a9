"""The live layer with real devices in a process of their own."""

import time

import pytest

from taurus_gui.live.source import State
from taurus_gui.widgets.panel import DevicePanel

SOON = 8000
"""Milliseconds within which something has to happen on a busy machine."""


@pytest.fixture
def described(follow, qtbot, server):
    """The model of a device of the shared server, once it is described and read."""

    def make(name):
        model = follow(server.resource(name))
        qtbot.waitUntil(model.complete, timeout=SOON)
        return model

    return make


@pytest.fixture
def panel_of(described, show):
    def make(name):
        return show(DevicePanel(described(name)), 900, 600)

    return make


def test_an_edit_that_is_applied_reaches_the_device_and_the_motion_is_followed(panel_of, qtbot, server):
    panel = panel_of("motor")
    field, shown = panel.fields["position"], panel.displays["position"].label

    field.edit.setText("4.25")
    field.commit()

    qtbot.waitUntil(lambda: shown.text() == "4.2500", timeout=SOON)
    qtbot.waitUntil(lambda: panel.model.state.name == "ON", timeout=SOON)
    assert server.proxy("motor").position == 4.25
    assert field.pending() is None


def test_an_enumeration_and_a_bool_reach_the_device(panel_of, qtbot, server):
    oven, motor = panel_of("foreign"), panel_of("motor")

    oven.fields["mode"].combo.setCurrentIndex(2)
    oven.fields["mode"].combo.activated.emit(2)
    motor.fields["enabled"].box.click()

    qtbot.waitUntil(lambda: server.proxy("foreign").mode == 2, timeout=SOON)
    qtbot.waitUntil(lambda: server.proxy("motor").enabled is False, timeout=SOON)


def test_a_refusal_by_tango_is_one_sentence_with_value_unit_and_limit(described, qtbot, server):
    """As when the limits have been changed behind our back, or by a client that does not check."""
    model = described("motor")
    ends, told = [], []
    model.failed.connect(told.append)
    before = server.proxy("motor").position

    model.write("position", 99999.0, ends.append)

    qtbot.waitUntil(lambda: bool(ends), timeout=SOON)
    assert told == [ends[0].error] == ["Position 99999 mm is above the limit of 800 mm."]
    assert server.proxy("motor").position == before


@pytest.mark.parametrize(
    ("command", "argument", "answer"),
    [
        ("Follow", False, "follow False"),
        ("Follow", True, "follow True"),
        ("Note", "a  b, c", "noted <a  b, c>"),
    ],
)
def test_a_command_gets_exactly_the_argument(described, qtbot, command, argument, answer):
    ends = []

    described("reduction").call(command, argument, ends.append)

    qtbot.waitUntil(lambda: bool(ends), timeout=SOON)
    assert (ends[0].value, ends[0].error) == (answer, "")


def test_an_error_inside_a_command_is_a_sentence(described, qtbot):
    ends = []

    described("reduction").call("Fail", None, ends.append)

    qtbot.waitUntil(lambda: bool(ends), timeout=SOON)
    assert "the monitor of run 12 counted nothing" in ends[0].error.lower()
    assert "Traceback" not in ends[0].error


def test_a_command_that_takes_long_does_not_block_the_window(described, qtbot):
    model, ends = described("foreign"), []
    started = time.monotonic()

    model.call("SleepLong", None, ends.append)

    assert time.monotonic() - started < 0.2
    gaps, last = [], time.monotonic()
    while not ends:
        qtbot.wait(10)
        gaps.append(time.monotonic() - last)
        last = time.monotonic()
    assert ends[0].error == ""
    assert max(gaps) < 0.5


def test_a_command_works_with_what_was_written_before_it(described, qtbot, server):
    model, ends = described("foreign"), []

    for value in range(20, 40):
        model.write("set_point", float(value), lambda done: None)
    model.call("Ramp", 7.0, ends.append)

    qtbot.waitUntil(lambda: bool(ends), timeout=SOON)
    assert server.proxy("foreign").set_point == 7.0


def test_attributes_without_events_are_polled(described, qtbot):
    model = described("foreign")
    first = model.readings["temperature"].value

    qtbot.waitUntil(lambda: model.readings["temperature"].value > first, timeout=SOON)


def test_new_members_of_a_device_get_rows(panel_of, qtbot, server):
    panel = panel_of("reduction")
    assert "transmission" not in panel.fields

    panel.fields["script"].combo.setCurrentText("sans")
    panel.fields["script"].combo.activated.emit(1)

    qtbot.waitUntil(lambda: "transmission" in panel.fields, timeout=SOON)
    qtbot.waitUntil(lambda: panel.displays["transmission"].label.text() == "1", timeout=SOON)
    assert server.proxy("reduction").script == "sans"


def test_an_attribute_that_is_removed_and_made_anew_is_followed(follow, qtbot, own_server):
    running = own_server("Renewing")
    model = follow(running.resource("renewing"))
    device = running.proxy("renewing")

    for more in range(3):
        names = {"signal", *(f"more_{k}" for k in range(more))}
        qtbot.waitUntil(lambda names=names: names <= model.readings.keys(), timeout=SOON)
        device.Push(10.0 + more)
        qtbot.waitUntil(lambda more=more: model.readings["signal"].value == 10.0 + more, timeout=SOON)
        device.Renew()


def test_a_device_that_is_killed_and_started_again_recovers(follow, show, qtbot, own_server):
    running = own_server("Motor")
    model = follow(running.resource("motor"))
    panel = show(DevicePanel(model), 900, 600)
    qtbot.waitUntil(lambda: model.state.name == "ON" and "position" in model.readings, timeout=SOON)

    running.kill()
    qtbot.waitUntil(lambda: not model.state.reachable, timeout=SOON)
    assert model.state.status == "The device does not answer; its server is not running or cannot be reached."
    assert not panel.buttons["MoveRelative"].button.isEnabled()
    ends = []
    model.write("velocity", 3.0, ends.append)
    qtbot.waitUntil(lambda: bool(ends), timeout=SOON)
    assert "does not answer" in ends[0].error

    running.start()
    started = time.monotonic()
    qtbot.waitUntil(lambda: model.state.name == "ON", timeout=SOON)
    assert time.monotonic() - started < 4
    panel.fields["position"].edit.setText("20")
    panel.fields["position"].commit()
    qtbot.waitUntil(lambda: panel.displays["position"].label.text() == "20.0000", timeout=SOON)


def test_a_device_that_starts_after_the_window_appears(follow, qtbot, own_server):
    running = own_server("Motor")
    running.kill()
    model = follow(running.resource("motor"))
    qtbot.waitUntil(lambda: model.state.status.startswith("The device does not answer"), timeout=SOON)

    running.start()

    qtbot.waitUntil(lambda: "position" in model.readings and model.state.name == "ON", timeout=SOON)


def test_a_device_that_pushes_fast_does_not_delay_the_window(follow, show, qtbot, own_server):
    """Ten values 500 times a second: what is shown stays fresh, and the window stays quick."""
    model = follow(own_server("Fast").resource("fast"))
    panel = show(DevicePanel(model), 900, 600)
    qtbot.waitUntil(lambda: "sent" in model.readings and panel.isVisible(), timeout=SOON)
    ages, gaps, shown = [], [], set()
    model.reading_changed.connect(
        lambda name, reading: ages.append(time.time() - reading.value) if name == "sent" else None
    )
    last = begin = time.monotonic()

    while last - begin < 3:
        qtbot.wait(5)
        gaps.append(time.monotonic() - last)
        last = time.monotonic()
        shown.add(panel.displays["value_00"].label.text())

    late = ages[len(ages) // 2 :]
    assert sorted(late)[len(late) // 2] < 0.3
    assert max(gaps) < 0.7
    assert len(shown) > 10


def test_closing_ends_the_threads(server, qtbot, themed):
    import threading

    from taurus_gui.live.tango_source import TangoSource

    source = TangoSource(server.resource("motor"))
    source.start()
    qtbot.waitUntil(lambda: source.take().state is not None, timeout=SOON)
    source.close()
    source.join(5)

    assert not [thread for thread in threading.enumerate() if thread.name == f"follow {source.name}"]
    assert source.take().state != State("UNREACHABLE")
