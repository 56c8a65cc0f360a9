"""What all our device classes inherit, seen by a plain client."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

import numpy as np
import pytest
import tango
from tango import AttrQuality, DevState
from tango.test_context import MultiDeviceTestContext

from gumtree_core.errors import GumtreeError
from servers.base import GumtreeDevice, action, published


class Colour(IntEnum):
    RED = 0
    BLUE = 1


class Sample(GumtreeDevice):
    """A device with one of everything."""

    ui_groups = ({"name": "all", "label": "Everything"},)

    level = published("level", float, write="set_level", format="%.2f", min_value=0, hint={"group": "all"})
    colour = published("colour", Colour, write="set_colour")
    words = published("words", (str,), max_dim_x=10)
    picture = published("picture", ((np.uint32,),), max_dim_x=10, max_dim_y=10, hint={"widget": "image"})
    text = published("text", str)

    def init_device(self) -> None:
        super().init_device()
        self.publish(level=1.0, colour=Colour.RED)
        self.set_written(level=1.0, colour=Colour.RED)
        self.publish_state(self.idle_state, "Ready.")

    def set_level(self, value: float) -> None:
        if value > 10:
            raise GumtreeError("LEVEL_TOO_HIGH", f"{value:g} l is above 10 l. Choose less.")
        if value == 7:
            raise ValueError("seven")
        self.publish(level=value)

    def set_colour(self, value: int) -> None:
        self.publish(colour=Colour(value))

    @action(hint={"label": "Fill in", "group": "all"})
    def Fill(self) -> None:
        """Publish values of all kinds."""
        self.publish(words=["a", "b"], picture=np.arange(6, dtype=np.uint32).reshape(2, 3), text="hello")

    @action()
    def Empty(self) -> None:
        """Take the values back."""
        self.publish(words=None, picture=None)
        self.publish_invalid("text", "level")

    @action()
    def Again(self) -> None:
        """Publish what is published already."""
        self.publish(text=self.published_value("text")[0])

    @action()
    def Change(self) -> None:
        """Publish the same value with another quality."""
        self.publish(AttrQuality.ATTR_CHANGING, text=self.published_value("text")[0])

    @action(allowed=(DevState.ON, DevState.ALARM), dtype_in=float, dtype_out=float, doc_in="a number")
    def Double(self, value: float) -> float:
        """Twice the number."""
        return 2 * value

    @action(dtype_in=str)
    def Run(self, status: str) -> None:
        """Be running."""
        self.publish_state(DevState.RUNNING, status)

    @action()
    def Work(self) -> None:
        """Publish from a thread: ten values, the first of which is known, then the idle state."""

        def work(stopping: threading.Event) -> None:
            with self.exclusive():
                for value in range(1, 11):
                    self.publish(level=float(value))
                self.publish_state(self.idle_state, "Done.")

        self.publish_state(DevState.RUNNING, "Working.")
        self.start_thread(work, "work")

    @action()
    def Fail(self) -> None:
        """Start a thread that fails."""

        def work(stopping: threading.Event) -> None:
            raise GumtreeError("BROKEN", "The pump does not turn.")

        self.start_thread(work, "work")

    @action()
    def Endless(self) -> None:
        """Start a thread that runs until the device is initialised, and says so."""

        def work(stopping: threading.Event) -> None:
            stopping.wait()
            type(self).ended = True

        type(self).ended = False
        self.start_thread(work, "endless")

    @action(dtype_out=bool)
    def Ended(self) -> bool:
        """Whether the thread of `Endless` has ended."""
        return type(self).ended

    @action(dtype_in=str)
    def Configure(self, unit: str) -> None:
        """Set a unit and a limit as hardware would."""
        self.configure_attribute("level", unit=unit, max_value=100)


@pytest.fixture(scope="module")
def context() -> Iterator[MultiDeviceTestContext]:
    devices = [
        {"name": "test/sample/1"},
        {"name": "test/sample/standby", "properties": {"IdleState": "STANDBY"}},
    ]
    with MultiDeviceTestContext([{"class": Sample, "devices": devices}], process=True) as context:
        yield context


@pytest.fixture
def device(context: MultiDeviceTestContext) -> tango.DeviceProxy:
    device = context.get_device("test/sample/1")
    device.Init()
    return device


def failure(call: Any, *arguments: Any) -> tango.DevError:
    with pytest.raises(tango.DevFailed) as caught:
        call(*arguments)
    return caught.value.args[0]


def test_a_value_is_pushed_when_it_differs_and_only_then(device, events):
    device.Fill()
    events.follow(device, "text", "words")
    device.Again()
    device.Change()
    device.Again()
    events.wait("text", lambda _: len(events.of("text")) == 2)
    assert [(name, quality) for name, _, quality in events.events] == [
        ("text", "CHANGING"),
        ("text", "VALID"),
    ]


def test_images_lists_and_texts_come_as_they_were_published(device):
    device.Fill()
    assert tuple(device.words) == ("a", "b")
    assert device.text == "hello"
    np.testing.assert_array_equal(device.picture, [[0, 1, 2], [3, 4, 5]])
    assert device.picture.dtype == np.uint32


def test_a_value_that_was_never_published_or_taken_back_is_invalid(device, events):
    assert device.read_attribute("picture").quality == AttrQuality.ATTR_INVALID
    device.Fill()
    assert device.read_attribute("picture").quality == AttrQuality.ATTR_VALID
    events.follow(device, "picture", "text", "words", "level")
    device.Empty()
    events.wait("level", None)
    assert {(name, quality) for name, _, quality in events.events} == {
        ("words", "INVALID"),
        ("picture", "INVALID"),
        ("text", "INVALID"),
        ("level", "INVALID"),
    }
    for name in ("picture", "text", "words", "level"):
        assert device.read_attribute(name).value is None


def test_a_refused_value_gives_our_reason_and_changes_nothing(device):
    device.level = 3
    error = failure(device.write_attribute, "level", 11)
    assert (error.reason, error.desc) == ("LEVEL_TOO_HIGH", "11 l is above 10 l. Choose less.")
    reading = device.read_attribute("level")
    assert (reading.value, reading.w_value) == (3, 3)


def test_the_event_of_a_write_carries_the_new_setting_for_other_clients(device, wait_until, wait_for_arrival):
    seen = []
    number = device.subscribe_event(
        "level",
        tango.EventType.CHANGE_EVENT,
        lambda event: seen.append((event.attr_value.value, event.attr_value.w_value)),
    )
    wait_for_arrival()
    device.level = 4
    failure(device.write_attribute, "level", 11)
    device.level = 5
    wait_until(lambda: len(seen) >= 3, 5, seen)
    device.unsubscribe_event(number)
    assert seen[-2:] == [(4, 4), (5, 5)]
    assert device.read_attribute("level").w_value == 5


def test_a_value_below_the_limit_is_refused_by_tango(device):
    assert failure(device.write_attribute, "level", -1).reason == "API_WAttrOutsideLimit"


def test_an_unforeseen_error_is_no_traceback(device):
    error = failure(device.write_attribute, "level", 7)
    assert error.reason == "INTERNAL_ERROR"
    assert error.desc == "ValueError: seven. This is a defect; the server's log has the details."


def test_a_choice_is_an_enumeration_with_its_labels(device):
    assert list(device.get_attribute_config("colour").enum_labels) == ["RED", "BLUE"]
    device.colour = 1
    assert device.read_attribute("colour").value == 1


def test_after_the_start_the_written_value_is_the_setting_and_not_zero(device):
    assert device.read_attribute("level").w_value == 1


def test_a_command_in_the_wrong_state_says_which_it_needs(device):
    assert device.Double(2.0) == 4
    device.Run("Busy with something.")
    error = failure(device.Double, 2.0)
    assert error.reason == "NOT_ALLOWED_NOW"
    assert "RUNNING (Busy with something.)" in error.desc
    assert "It needs: ON, ALARM." in error.desc


def test_the_state_is_pushed_when_it_changes_and_the_status_by_itself_too(device, events):
    events.follow(device, "state", "status")
    device.Run("One.")
    device.Run("Two.")
    device.Run("Two.")
    events.wait("status", "Two.")
    assert [(name, value) for name, value, _ in events.events] == [
        ("state", DevState.RUNNING),
        ("status", "One."),
        ("status", "Two."),
    ]


def test_a_thread_publishes_its_last_value_before_the_idle_state(device, events):
    events.follow(device, "state", "level")
    device.Work()
    events.wait("state", DevState.ON)
    assert [name for name, _, _ in events.events] == ["state"] + ["level"] * 9 + ["state"]
    assert events.of("level")[-1] == 10


def test_a_thread_that_fails_puts_the_device_in_fault_with_the_cause(device, events):
    events.follow(device, "state")
    device.Fail()
    events.wait("state", DevState.FAULT)
    assert device.status() == "The pump does not turn. Call Init when the cause is mended."
    device.Init()
    assert device.state() == DevState.ON


def test_init_ends_the_threads(device, wait_until):
    device.Endless()
    assert device.Ended() is False
    device.Init()
    wait_until(device.Ended)


def test_a_unit_from_hardware_reaches_clients_unless_somebody_has_set_one(
    device, wait_until, wait_for_arrival
):
    configs: list[Any] = []
    number = device.subscribe_event(
        "level", tango.EventType.ATTR_CONF_EVENT, lambda event: configs.append(event)
    )
    wait_for_arrival()
    device.Configure("l")
    wait_until(lambda: configs and configs[-1].attr_conf.unit == "l")
    assert configs[-1].attr_conf.max_value == "100"
    device.unsubscribe_event(number)
    device.Configure("hl")
    assert device.get_attribute_config("level").unit == "hl"
    config = device.get_attribute_config("level")
    config.unit = "pint"
    device.set_attribute_config(config)
    device.Configure("l")
    assert device.get_attribute_config("level").unit == "pint"


def test_the_hints_say_what_tango_has_no_place_for(device):
    hints = json.loads(device.ui_hints)
    assert hints["schema"] == 1
    assert hints["groups"] == [{"name": "all", "label": "Everything"}]
    assert list(hints["attributes"]) == ["level", "colour", "words", "picture", "text"]
    assert hints["attributes"]["picture"] == {"widget": "image"}
    assert hints["commands"]["Fill"] == {
        "help": "Publish values of all kinds.",
        "label": "Fill in",
        "group": "all",
    }
    assert hints["commands"]["Double"] == {
        "help": "Twice the number.",
        "allowed_states": ["ON", "ALARM"],
    }


def test_idle_is_what_the_property_says(context):
    device = context.get_device("test/sample/standby")
    assert json.loads(device.ui_hints)["commands"]["Double"]["allowed_states"] == ["ON", "ALARM", "STANDBY"]
    assert device.state() == DevState.STANDBY
    assert device.Double(2.0) == 4
