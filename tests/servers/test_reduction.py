"""GumtreeReduction with real scripts and a small detector, seen by a plain client."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tango
from tango import AttrQuality, DevState
from tango.server import command
from tango.test_context import MultiDeviceTestContext

from gumtree_core.files.nexus.nxcansas import read_nxcansas
from servers.base import GumtreeDevice, published
from servers.reduction import GumtreeReduction

DEVICE = "test/reduction/main"
AT_REST = (DevState.ON, DevState.ALARM)

AVERAGE = '''
from __future__ import annotations
import ctypes, os
from typing import Literal
from gumtree_core.data import Axis, Dataset
from gumtree_core.files import Run
from gumtree_core.scripts import Script, action, group, parameter, result


class Average(Script):
    """Average a curve."""

    version = "1.5"
    details = group("Details")

    sample: Run | None = parameter(None, live=True)
    thickness: float = parameter(1.0, ge=0.5, le=5, unit="mm", label="Thickness", group="details")
    bins: int = parameter(3, ge=1)
    mode: Literal["fast", "exact"] = parameter("exact")
    modes: list[Literal["x", "y"]] = parameter(["y"])
    limits: list[float] = parameter([0.0, 1.0])
    quick: bool = parameter(True)
    comment: str = parameter("none")

    iq = result(label="I(q)", unit="1/cm", ndim=1, x="q", x_unit="1/angstrom", log_y=True)
    image = result(ndim=2)
    total = result(unit="counts", format="%.1f")
    other = result()

    @action("Average it", help="Average all.")
    def make_average(self) -> None:
        self.log("first")
        self.progress(0.5)
        self.log("second")
        q = [0.1 * (1 + each) for each in range(self.bins)]
        axes = {"q": Axis(q, "1/angstrom")}
        self.iq = Dataset([4.0] * self.bins, "poisson", unit="counts", axes=axes, dims=["q"])
        self.image = [[1, 2, 3], [4, 5, 6]]
        self.total = self.thickness * self.bins
        if self.comment == "other":
            self.other = 1

    @action(live=True)
    def add(self) -> None:
        counts = self.sample.data("detector/counts")
        if counts.values.sum() > 100:
            raise ValueError("too many")
        self.total = counts.values.sum()

    @action()
    def tell(self) -> None:
        self.log(f"{self.mode} {self.modes} {self.limits} {self.quick} {self.comment} {self.sample}")

    @action()
    def save(self) -> None:
        self.make_average()
        self.save_curve(self.iq, "curve")

    @action()
    def save_map(self) -> None:
        axes = {"qx": Axis([0.1, 0.2, 0.3], "1/angstrom"), "qy": Axis([0.1, 0.2], "1/angstrom")}
        values = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
        self.image = Dataset(values, dims=("qy", "qx"), axes=axes if self.quick else {})
        self.save_curve(self.image, "map")

    @action()
    def loop(self) -> None:
        self.log(f"pid {os.getpid()}")
        while True:
            pass

    @action()
    def crash(self) -> None:
        ctypes.string_at(0)

    @action()
    def fail(self) -> None:
        raise ValueError("no such thing")
'''

REQUIRED = '''
from typing import Literal
from pathlib import Path
from gumtree_core.files import Run
from gumtree_core.scripts import Script, action, parameter


class Required(Script):
    """Needs."""

    table: Path = parameter(label="Table")
    width: float = parameter(ge=1)
    mode: Literal["a", "b"] = parameter()

    @action()
    def work(self) -> None:
        self.log(f"{self.table} {self.width} {self.mode}")
'''

SMALL = """
from gumtree_core.scripts import Script, action, parameter, result

class Small(Script):
    {body}
"""


class FakeDetector(GumtreeDevice):
    """Pushes the image that it is told."""

    image = published("image", ((np.uint32,),), max_dim_x=8, max_dim_y=8, unit="counts")
    time = published("time", float, unit="s")
    pixel_size_x = published("pixel_size_x", float, unit="mm")
    pixel_size_y = published("pixel_size_y", float, unit="mm")
    beam_center_x = published("beam_center_x", float, unit="pixel")
    beam_center_y = published("beam_center_y", float, unit="pixel")
    dead_time = published("dead_time", float, unit="s")

    def init_device(self) -> None:
        super().init_device()
        self.publish(image=np.zeros((2, 2), np.uint32), time=1.0, pixel_size_x=5.0, pixel_size_y=5.0)
        self.publish(beam_center_x=1.0, dead_time=0.0)  # no beam_center_y
        self.publish_state(DevState.ON, "Ready.")

    @command(dtype_in=int)
    def Push(self, counts: int) -> None:
        self.publish(image=np.full((2, 2), counts // 4, np.uint32))


@contextmanager
def servers(folder: Path) -> Iterator[MultiDeviceTestContext]:
    properties = {
        "ScriptDirectory": str(folder / "scripts"),
        "RawDirectory": str(folder / "raw"),
        "DataDirectory": str(folder / "reduced"),
        "DetectorDevice": "test/detector/fake",
        "LogicalKeys": ["detector/beam_center_y=test/detector/fake/beam_center_y"],
    }
    devices = [
        {"class": FakeDetector, "devices": [{"name": "test/detector/fake"}]},
        {"class": GumtreeReduction, "devices": [{"name": DEVICE, "properties": properties}]},
    ]
    with MultiDeviceTestContext(devices, process=True) as context:
        yield context


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("reduction")
    (folder / "scripts").mkdir()
    (folder / "scripts" / "average.py").write_text(AVERAGE)
    (folder / "scripts" / "required.py").write_text(REQUIRED)
    return folder


@pytest.fixture(scope="module")
def context(folder) -> Iterator[MultiDeviceTestContext]:
    with servers(folder) as context:
        yield context


@pytest.fixture
def bare(context, wait_until) -> Iterator[tango.DeviceProxy]:
    """At rest, with whatever script."""
    device = context.get_device(DEVICE)
    wait_until(lambda: device.state() in AT_REST, explain=device.status)
    yield device
    device.Stop()
    wait_until(lambda: device.state() in AT_REST, explain=device.status)


@pytest.fixture
def device(bare, folder, wait_until) -> tango.DeviceProxy:
    """With the script `average`, its parameters at their defaults."""
    (folder / "scripts" / "average.py").write_text(AVERAGE)
    load(bare, "average", wait_until)
    for name, value in {"sample": "", "thickness": 1.0, "bins": 3, "mode": 1, "comment": "none"}.items():
        bare.write_attribute(name, value)
    bare.live = False
    return bare


@pytest.fixture
def detector(context) -> tango.DeviceProxy:
    return context.get_device("test/detector/fake")


@pytest.fixture
def add_script(folder) -> Iterator[Any]:
    made = []

    def add(name: str, text: str) -> str:
        made.append(folder / "scripts" / f"{name}.py")
        made[-1].write_text(text)
        return name

    yield add
    for path in made:
        path.unlink(missing_ok=True)


def load(device: tango.DeviceProxy, name: str, wait_until: Any) -> None:
    device.script = name
    wait_until(lambda: device.state() in AT_REST, explain=device.status)
    assert device.state() == DevState.ON, device.status()


def run(device: tango.DeviceProxy, name: str, wait_until: Any) -> DevState:
    device.command_inout(name)
    wait_until(lambda: device.state() in AT_REST, explain=device.status)
    return device.state()


def failure(call: Any, *arguments: Any) -> tango.DevError:
    with pytest.raises(tango.DevFailed) as caught:
        call(*arguments)
    return caught.value.args[0]


def hints(device: tango.DeviceProxy) -> dict[str, Any]:
    return json.loads(device.ui_hints)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


class Interfaces:
    """Interface-change events."""

    def __init__(self) -> None:
        self.changes: list[tuple[set[str], set[str]]] = []

    def push_event(self, event: Any) -> None:
        if not event.err:
            attributes = {each.name for each in event.att_list}
            self.changes.append((attributes, {each.cmd_name for each in event.cmd_list}))


def test_a_script_becomes_attributes_and_commands_with_one_event(bare, wait_until, events):
    load(bare, "required", wait_until)
    seen = Interfaces()
    number = bare.subscribe_event(tango.EventType.INTERFACE_CHANGE_EVENT, seen)
    seen.changes.clear()  # the first one is no change
    events.follow(bare, "ui_hints", "state")
    load(bare, "average", wait_until)
    wait_until(lambda: bool(seen.changes))
    wait_until(lambda: bool(events.of("ui_hints")))
    bare.unsubscribe_event(number)
    ((attributes, commands),) = seen.changes
    assert {"thickness", "iq", "iq_errors", "iq_q", "total"} <= attributes
    assert "width" not in attributes
    assert {"MakeAverage", "Save", "Loop"} <= commands
    assert "Work" not in commands
    assert "thickness" in json.loads(events.of("ui_hints")[-1])["attributes"]
    assert events.of("state") == [DevState.RUNNING, DevState.ON]
    assert (bare.script_title, bare.script_version) == ("Average a curve.", "1.5")
    assert json.loads(bare.interface)["name"] == "Average"


@pytest.mark.parametrize("bins", ["parameter(3, ge=1)", 'parameter(3, ge=1, label="Points")'])
def test_after_a_reload_clients_still_follow_the_members_that_stay(bare, folder, wait_until, events, bins):
    path = folder / "scripts" / "average.py"
    load(bare, "average", wait_until)
    bare.thickness = 1.0
    assert run(bare, "MakeAverage", wait_until) == DevState.ON
    events.follow(bare, "iq", "thickness")
    path.write_text(AVERAGE.replace("parameter(3, ge=1)", bins))
    try:
        assert run(bare, "Reload", wait_until) == DevState.ON
        bare.thickness = 2.5
        events.wait("thickness", 2.5)
        seen = len(events.of("iq"))
        assert run(bare, "MakeAverage", wait_until) == DevState.ON
        wait_until(lambda: len(events.of("iq")) > seen)
    finally:
        path.write_text(AVERAGE)


def test_parameters_have_unit_limits_and_labels(device):
    thickness = device.get_attribute_config("thickness")
    assert (thickness.unit, thickness.label) == ("mm", "Thickness")
    assert (float(thickness.min_value), float(thickness.max_value)) == (0.5, 5)
    assert list(device.get_attribute_config("mode").enum_labels) == ["fast", "exact"]
    assert device.get_attribute_config("iq_q").unit == "1/angstrom"
    assert device.get_attribute_config("total").format == "%.1f"
    assert [device.read_attribute(name).value for name in ("thickness", "bins", "mode", "quick")] == [
        1.0,
        3,
        1,
        True,
    ]
    assert device.read_attribute("thickness").w_value == 1.0
    assert list(device.limits) == [0, 1]
    assert list(device.read_attribute("limits").w_value) == [0, 1]
    known = hints(device)
    assert known["attributes"]["thickness"]["group"] == "details"
    assert known["attributes"]["iq"]["x"] == "iq_q"
    assert known["attributes"]["script"]["choices"] == ["average", "required"]
    assert known["commands"]["MakeAverage"]["label"] == "Average it"
    assert "details" in [each["name"] for each in known["groups"]]


def test_parameters_of_all_kinds_reach_the_script(device, wait_until):
    device.mode = 0
    device.write_attribute("modes", [0, 1])
    device.limits = [2.0, 3.0]
    device.quick = False
    device.comment = "words"
    assert run(device, "Tell", wait_until) == DevState.ON
    assert device.log[-1] == "fast ['x', 'y'] [2.0, 3.0] False words None"


def test_the_event_of_a_written_parameter_carries_the_setting(device, wait_until, wait_for_arrival):
    settings = []
    number = device.subscribe_event(
        "thickness",
        tango.EventType.CHANGE_EVENT,
        lambda event: settings.append((event.attr_value.value, event.attr_value.w_value)),
    )
    wait_for_arrival()
    device.thickness = 2.5
    wait_until(lambda: settings[-1] == (2.5, 2.5), explain=settings)
    device.unsubscribe_event(number)


def test_an_unknown_script_leaves_the_loaded_one(device, wait_until):
    error = failure(device.write_attribute, "script", "averag")
    assert error.reason == "SCRIPT_UNKNOWN"
    assert "Did you mean average?" in error.desc
    assert device.state() == DevState.ON
    assert (device.script, device.bins) == ("average", 3)
    assert run(device, "MakeAverage", wait_until) == DevState.ON


def test_a_broken_script_leaves_the_loaded_one(device, wait_until, add_script):
    device.script = add_script("broken", "import nothing_like_this\n")
    wait_until(lambda: device.state() == DevState.ALARM)
    assert device.status().startswith("broken.py, line 1: ModuleNotFoundError")
    assert device.log[-1] == device.status()
    assert (device.script, device.read_attribute("script").w_value) == ("average", "average")
    assert run(device, "MakeAverage", wait_until) == DevState.ON


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("live: float = parameter(1.0)", "the attribute live is a name of the device itself"),
        ("State: float = parameter(1.0)", "the attribute State is a name of the device itself"),
        ("script = result()", "the attribute script is a name of the device itself"),
        ("quality: float = parameter(1.0)", "the attribute quality is a name of the device itself"),
        ("log: float = parameter(1.0)", "Small.log has a name that every script itself uses"),
        ("iq = result(ndim=1)\n    IQ_errors: float = parameter(1.0)", "is there twice"),
        ("größe: float = parameter(1.0)", "has letters that Tango does not know"),
        ("@action()\n    def stop(self): ...", "the command Stop is a name of the device itself"),
        ("@action()\n    def init(self): ...", "the command Init is a name of the device itself"),
        ("@action()\n    def a_b(self): ...\n    @action()\n    def a__b(self): ...", "is there twice"),
    ],
)
def test_a_name_that_clashes_is_refused_and_the_device_lives(device, wait_until, add_script, body, words):
    device.script = add_script("small", SMALL.format(body=body))
    wait_until(lambda: device.state() == DevState.ALARM)
    assert words in device.status()
    assert device.status().startswith("small.py")
    assert (device.script, device.live) == ("average", False)
    assert run(device, "MakeAverage", wait_until) == DevState.ON


def test_a_parameter_out_of_range_is_refused(device):
    assert failure(device.write_attribute, "thickness", 6.0).reason == "API_WAttrOutsideLimit"
    assert failure(device.write_attribute, "thickness", float("nan")).reason.startswith("API_WAttr")
    assert device.thickness == 1.0


def test_what_is_required_has_no_value_until_it_is_set(bare, wait_until):
    load(bare, "required", wait_until)
    assert bare.read_attribute("width").quality == AttrQuality.ATTR_INVALID
    assert bare.read_attribute("mode").quality == AttrQuality.ATTR_INVALID
    assert run(bare, "Work", wait_until) == DevState.ALARM
    assert bare.status() == "Table is not set; it is required."
    bare.table = "table.txt"
    bare.write_attribute("width", 2.0)
    assert run(bare, "Work", wait_until) == DevState.ALARM
    assert bare.status() == "mode is not set; it is required."
    bare.write_attribute("mode", 0)
    assert run(bare, "Work", wait_until) == DevState.ON
    assert bare.log[-1] == "table.txt 2.0 a"


def test_results_are_published_before_the_idle_state(device, events):
    events.follow(device, "state", "iq", "iq_errors", "iq_q", "total", "progress", "log")
    device.MakeAverage()
    assert device.state() in (DevState.RUNNING, DevState.ON)
    events.wait("state", DevState.ON)
    assert events.of("state") == [DevState.RUNNING, DevState.ON]
    assert events.events[-1][0] == "state"
    np.testing.assert_array_equal(events.of("iq")[-1], [4, 4, 4])
    np.testing.assert_array_equal(events.of("iq_errors")[-1], [2, 2, 2])
    np.testing.assert_allclose(events.of("iq_q")[-1], [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(device.image, [[1, 2, 3], [4, 5, 6]])
    assert events.of("total") == [3.0]
    assert events.of("progress")[-2:] == [50, 100]
    assert [lines[-1] for lines in events.of("log")] == ["first", "second"]
    assert device.status() == "Average it: done."


def test_a_result_that_a_run_does_not_make_has_no_value_of_the_same_actions_last_run(device, wait_until):
    device.comment = "other"
    run(device, "MakeAverage", wait_until)
    assert device.other == 1
    run(device, "Tell", wait_until)
    assert device.other == 1  # another action leaves it
    device.comment = "none"
    run(device, "MakeAverage", wait_until)
    assert device.read_attribute("other").quality == AttrQuality.ATTR_INVALID
    assert device.read_attribute("total").quality == AttrQuality.ATTR_VALID


def test_the_saved_file_is_told(device, folder, wait_until):
    assert run(device, "Save", wait_until) == DevState.ON
    saved = Path(device.output_file)
    assert saved.parent == folder / "reduced"
    assert saved.is_file()
    run(device, "Save", wait_until)
    assert Path(device.output_file) != saved


def test_a_map_is_saved_as_a_curve_is_and_one_without_q_refused(device, wait_until):
    assert run(device, "SaveMap", wait_until) == DevState.ON
    np.testing.assert_array_equal(read_nxcansas(device.output_file).values, device.image)
    device.quick = False
    assert run(device, "SaveMap", wait_until) == DevState.ALARM
    assert "no map over qx and qy" in device.status()


def test_an_endless_loop_is_stopped_and_the_device_is_usable_at_once(device, wait_until, events):
    events.follow(device, "state", "log")
    device.Loop()
    assert device.state() == DevState.RUNNING
    assert failure(device.MakeAverage).reason == "NOT_ALLOWED_NOW"
    assert failure(device.write_attribute, "script", "required").reason == "NOT_ALLOWED_NOW"
    events.wait("log", lambda lines: lines[-1].startswith("pid"))
    device.Stop()
    events.wait("state", DevState.ALARM)
    assert device.status() == "The script was stopped."
    device.MakeAverage()
    events.wait("state", DevState.ON)
    assert device.total == 3


def test_stop_straight_after_the_start_is_not_lost(device, wait_until):
    for _ in range(3):
        device.Loop()
        device.Stop()
        wait_until(lambda: device.state() == DevState.ALARM)
        assert device.status() == "The script was stopped."


def test_stop_while_idle_does_no_harm(device, wait_until):
    device.Stop()
    device.Abort()
    assert device.state() == DevState.ON
    assert run(device, "MakeAverage", wait_until) == DevState.ON


def test_a_crash_is_told_and_the_next_run_works(device, wait_until):
    assert run(device, "Crash", wait_until) == DevState.ALARM
    assert device.status() == "The script's process died (SIGSEGV)."
    assert run(device, "MakeAverage", wait_until) == DevState.ON


def test_an_error_in_the_script_is_one_sentence_with_its_line(device, wait_until):
    assert run(device, "Fail", wait_until) == DevState.ALARM
    line = AVERAGE.splitlines().index('        raise ValueError("no such thing")') + 1
    assert device.status() == f"average.py, line {line}: ValueError: no such thing"
    assert device.log[-1] == device.status()


def test_reload_takes_the_changed_file_and_keeps_the_parameters(device, folder, wait_until):
    device.thickness, device.comment, device.bins = 2.0, "kept", 7
    device.mode = 0
    text = AVERAGE.replace('"1.5"', '"1.6"').replace("parameter(3, ge=1)", "parameter(3, ge=1, le=5)")
    (folder / "scripts" / "average.py").write_text(text.replace("quick: bool", "hurry: bool"))
    assert run(device, "Reload", wait_until) == DevState.ON
    assert (device.script_version, device.thickness, device.comment) == ("1.6", 2.0, "kept")
    assert device.read_attribute("mode").value == 0
    assert device.bins == 3
    told = [line for line in device.log if line.startswith("bins cannot be 7")]
    assert told == ["bins cannot be 7: that is above its maximum of 5. It is left at its default."]
    assert "hurry" in device.get_attribute_list()
    assert "quick" not in device.get_attribute_list()


def test_init_while_a_script_runs_ends_it_and_comes_back(device, wait_until):
    device.thickness = 3.0
    device.Loop()
    wait_until(lambda: device.log and device.log[-1].startswith("pid"))
    pid = int(device.log[-1].split()[1])
    device.Init()
    wait_until(lambda: device.state() == DevState.ON, explain=device.status)
    assert gone(pid)
    assert (device.script, device.thickness) == ("average", 3.0)
    assert device.status() == "average is loaded."
    assert run(device, "MakeAverage", wait_until) == DevState.ON


def test_live_follows_the_detector_and_survives_errors(
    device, detector, events, wait_until, wait_for_arrival
):
    events.follow(device, "total", "log", "state")
    device.live = True
    wait_for_arrival()
    detector.Push(40)
    events.wait("total", 40)
    detector.Push(80)
    events.wait("total", 80)
    assert events.of("state") == []  # idle all the time
    wait_until(lambda: re.fullmatch(r"Follows .*; reduced its image of \d\d:\d\d:\d\d\.", device.status()))
    unknown = [line for line in device.log if "beam_center_y" in line]
    assert len(unknown) == 1, device.log
    assert unknown[0].startswith("Live: detector/beam_center_y: ")
    detector.Push(400)
    events.wait("log", lambda lines: "ValueError: too many" in lines[-1])
    assert device.log[-1].startswith("Live: average.py, line ")
    events.wait("state", DevState.ALARM)
    assert device.status() == device.log[-1]
    detector.Push(20)
    events.wait("total", 20)
    events.wait("state", DevState.ON)
    device.live = False
    assert device.status().startswith("No longer follows")
    detector.Push(60)
    assert run(device, "Tell", wait_until) == DevState.ON
    assert device.total == 20


def test_after_an_action_that_failed_a_live_update_clears_the_alarm(
    device, detector, events, wait_until, wait_for_arrival
):
    events.follow(device, "state")
    assert run(device, "Fail", wait_until) == DevState.ALARM
    device.live = True
    wait_for_arrival()
    assert device.state() == DevState.ALARM
    detector.Push(40)
    events.wait("state", DevState.ON)


def test_a_run_is_a_file_that_exists_given_whole_or_by_its_name(device, folder):
    (folder / "raw").mkdir(exist_ok=True)
    file = folder / "raw" / "run 1.nxs"
    file.touch()
    device.sample = "run 1.nxs"
    assert device.sample == str(file)
    device.sample = str(file)
    assert device.sample == str(file)
    refused = failure(device.write_attribute, "sample", "run 2.nxs")
    assert refused.reason == "FILE_MISSING"
    assert "'run 2.nxs': there is no such file" in refused.desc
    assert str(folder / "raw") in refused.desc
    assert device.sample == str(file)
    device.sample = ""
    assert device.sample == ""


def test_the_unit_of_a_curve_is_that_of_the_data(device, wait_until):
    assert device.get_attribute_config("iq").unit == "1/cm"
    assert run(device, "MakeAverage", wait_until) == DevState.ON
    units = {name: device.get_attribute_config(name).unit for name in ("iq", "iq_errors", "iq_q", "total")}
    assert units == {"iq": "counts", "iq_errors": "counts", "iq_q": "1/angstrom", "total": "counts"}


def test_an_image_that_comes_during_an_action_is_reduced_after_it(device, detector, events, wait_for_arrival):
    events.follow(device, "total", "state", "log")
    device.live = True
    wait_for_arrival()
    device.Loop()
    events.wait("log", lambda lines: lines[-1].startswith("pid"))
    detector.Push(48)
    device.Stop()
    events.wait("total", 48)


def test_a_script_that_cannot_follow_refuses_live(device, bare, wait_until):
    device.live = True
    load(bare, "required", wait_until)
    assert bare.live is False
    assert failure(bare.write_attribute, "live", True).reason == "NOT_LIVE"


def test_a_script_that_comes_to_the_folder_is_offered_at_once(bare, folder, wait_until, events):
    events.follow(bare, "ui_hints")
    (folder / "scripts" / "another.py").write_text(AVERAGE)
    try:
        wait_until(lambda: any("another" in choices for choices in map(offered, events.of("ui_hints"))))
    finally:
        (folder / "scripts" / "another.py").unlink()


def offered(text: str) -> list[str]:
    return json.loads(text)["attributes"]["script"]["choices"]


def test_a_second_instance_comes_back_with_script_and_parameters(folder, tmp_path, wait_until):
    with servers(tmp_path) as context:
        first = context.get_device(DEVICE)
        wait_until(lambda: first.state() == DevState.ON)
        assert first.status() == "No script is loaded; choose one (attribute `script`)."
        assert failure(first.Reload).reason == "NO_SCRIPT"
        assert failure(first.write_attribute, "live", True).reason == "NO_SCRIPT"
        assert "choices" not in hints(first)["attributes"]["script"]
        (tmp_path / "scripts").mkdir()
        (tmp_path / "scripts" / "average.py").write_text(AVERAGE)
        assert hints(first)["attributes"]["script"]["choices"] == ["average"]
        load(first, "average", wait_until)
        first.thickness, first.comment = 4.0, "kept"
        first.write_attribute("mode", 0)
    with servers(tmp_path) as context:
        second = context.get_device(DEVICE)
        wait_until(lambda: second.state() == DevState.ON, explain=second.status)
        assert (second.script, second.thickness, second.comment) == ("average", 4.0, "kept")
        assert second.read_attribute("mode").value == 0
        assert run(second, "MakeAverage", wait_until) == DevState.ON
    (tmp_path / "scripts" / "average.py").unlink()
    with servers(tmp_path) as context:
        third = context.get_device(DEVICE)
        wait_until(lambda: third.state() == DevState.ALARM, explain=third.status)
        assert third.status().startswith("There is no script 'average'.")
        assert "thickness" not in third.get_attribute_list()


def test_scripts_that_come_and_go_are_told_without_being_asked(bare, add_script, folder, wait_until):
    add_script("brought_later", REQUIRED)
    wait_until(lambda: "brought_later" in bare.scripts)
    (folder / "scripts" / "brought_later.py").unlink()
    wait_until(lambda: "brought_later" not in bare.scripts)


def test_a_file_of_before_is_not_that_of_an_action_that_has_saved_none(device, wait_until):
    device.Save()
    wait_until(lambda: device.state() in AT_REST, explain=device.status)
    assert device.output_file
    device.MakeAverage()
    wait_until(lambda: device.state() in AT_REST, explain=device.status)
    assert device.output_file == ""
