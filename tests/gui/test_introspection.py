"""Descriptions of devices, from plain data."""

import json
from types import SimpleNamespace

import pytest
import tango
from tango import AttrDataFormat, AttrWriteType, CmdArgType, DispLevel

from taurus_gui.hints import Hints
from taurus_gui.introspection import describe, interface_of, readable


def config(name, data_type=CmdArgType.DevDouble, **values):
    made = tango.AttributeInfoEx()
    made.name, made.data_type = name, data_type
    made.data_format, made.writable = AttrDataFormat.SCALAR, AttrWriteType.READ
    made.label = name
    made.min_value = made.max_value = "Not specified"
    made.format, made.description = "%6.2f", "No description"
    for key, value in values.items():
        setattr(made, key, value)
    return made


def info(name, in_type=CmdArgType.DevVoid, in_type_desc="Uninitialised", level=DispLevel.OPERATOR):
    """PyTango's CommandInfo cannot be made by hand; this has its fields."""
    return SimpleNamespace(cmd_name=name, in_type=in_type, in_type_desc=in_type_desc, disp_level=level)


def interface(configs=(), commands=(), hints=None):
    return interface_of("a/b/c", "Class", configs, commands, Hints.from_json(json.dumps(hints or {})))


def test_a_writable_attribute_is_a_parameter_with_its_limits_and_unit():
    made = interface(
        [
            config(
                "position",
                writable=AttrWriteType.READ_WRITE,
                unit="mm",
                min_value="-200",
                max_value="800",
                format="%.4f",
                label="Position",
                description="Where it is.",
            )
        ]
    ).parameter("position")

    assert (made.kind, made.label, made.unit) == ("float", "Position", "mm")
    assert (made.minimum, made.maximum, made.format) == (-200.0, 800.0, "%.4f")
    assert made.help == "Where it is."


@pytest.mark.parametrize("unit", ["ADU", "a.u.", "counts/s", "°C", "steps", "1/Å"])
def test_units_stay_as_the_device_writes_them(unit):
    assert interface([config("x", unit=unit)]).result("x").unit == unit


def test_what_is_not_configured_is_empty():
    made = interface([config("double_scalar", unit="No unit")]).result("double_scalar")

    assert (made.unit, made.help, made.format, made.label) == ("", "", "", "Double scalar")


@pytest.mark.parametrize(
    ("data_type", "kind"),
    [
        (CmdArgType.DevBoolean, "bool"),
        (CmdArgType.DevULong64, "int"),
        (CmdArgType.DevUChar, "int"),
        (CmdArgType.DevFloat, "float"),
        (CmdArgType.DevString, "str"),
        (CmdArgType.DevEnum, "choice"),
    ],
)
def test_each_type_has_a_kind(data_type, kind):
    assert interface([config("x", data_type)]).result("x").kind == kind


def test_shapes_and_enumeration_labels_are_kept():
    made = interface(
        [
            config("image", data_format=AttrDataFormat.IMAGE),
            config("spectrum", data_format=AttrDataFormat.SPECTRUM),
            config("mode", CmdArgType.DevEnum, enum_labels=["A", "LIVE_TIME", "as written"]),
        ]
    )

    assert (made.result("image").ndim, made.result("spectrum").ndim) == (2, 1)
    assert made.result("mode").choices == ("A", "Live time", "as written")


def test_state_status_and_hints_are_no_values_to_show_and_encoded_data_cannot_be():
    names = ("State", "Status", "ui_hints")
    made = interface([*(config(name) for name in names), config("raw", CmdArgType.DevEncoded)])

    assert made.results == ()


def test_expert_level_is_kept_for_attributes_and_commands():
    made = interface([config("x", disp_level=DispLevel.EXPERT)], [info("Do", level=DispLevel.EXPERT)])

    assert made.result("x").level == made.action("Do").level == "expert"


def test_commands_that_every_device_has_are_hidden_but_init_is_for_experts_and_asks():
    made = interface([], [info("State"), info("Status"), info("Init"), info("Stop")])

    assert [action.name for action in made.actions] == ["Init", "Stop"]
    assert made.action("Init").level == "expert"
    assert made.action("Init").confirm


def test_a_commands_argument_has_kind_and_shape_and_no_meaningless_help():
    made = interface(
        [],
        [
            info("Flag", CmdArgType.DevBoolean, ":param on: (not documented)"),
            info("Values", CmdArgType.DevVarDoubleArray, "angles in degrees"),
            info("Mixed", CmdArgType.DevVarDoubleStringArray),
        ],
    )

    assert (made.action("Flag").argument.kind, made.action("Flag").argument.help) == ("bool", "")
    assert (made.action("Values").argument.kind, made.action("Values").argument.ndim) == ("float", 1)
    assert made.action("Values").argument.help == "angles in degrees"
    assert [action.name for action in made.actions] == ["Flag", "Values"]


def test_hints_refine_order_groups_and_arguments():
    made = interface(
        [config("b"), config("a"), config("z", writable=AttrWriteType.WRITE)],
        [info("Go", CmdArgType.DevDouble)],
        {
            "schema": 1,
            "overview": True,
            "groups": [{"name": "g", "label": "Group", "folded": True}],
            "attributes": {
                "a": {"group": "g", "widget": "progress", "from_the_future": 3},
                "z": {"choices": ["1", "2"]},
            },
            "commands": {
                "Go": {"label": "Go on", "allowed_states": ["ON"], "argument": {"unit": "mm", "maximum": 5}}
            },
        },
    )

    assert [result.name for result in made.results] == ["a", "b"]
    assert (made.result("a").group, made.result("a").widget) == ("g", "progress")
    assert made.parameter("z").choices == ("1", "2")
    assert made.groups[0].folded
    assert made.action("Go").allowed_states == ("ON",)
    assert (made.action("Go").argument.unit, made.action("Go").argument.maximum) == ("mm", 5)
    assert made.metadata["overview"] == "yes"


def test_hidden_results_stay_for_the_plots_that_need_them_and_hidden_parameters_go():
    made = interface(
        [config("q"), config("p", writable=AttrWriteType.READ_WRITE)],
        hints={"attributes": {"q": {"hidden": True}, "p": {"hidden": True}}},
    )

    assert made.result("q").hidden
    assert made.parameters == ()


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"groups": [{}]}', '{"attributes": {"a": 3}}'])
def test_hints_that_cannot_be_read_count_as_none(text):
    assert Hints.from_json(text) == Hints()


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("MoveRelative", "Move relative"),
        ("double_scalar", "Double scalar"),
        ("iq", "Iq"),
        ("SetROI", "Set ROI"),
    ],
)
def test_names_become_words(name, label):
    assert readable(name, name) == label
    assert readable("given by the server", name) == "given by the server"


def test_a_running_device_describes_itself_with_its_hints(server):
    made = describe(server.proxy("reduction"))

    iq = made.result("iq")
    assert (iq.x, iq.errors, iq.log_x, iq.log_y) == ("iq_q", "iq_errors", True, True)
    assert made.action("Reduce").allowed_states == ("ON",)
    assert [group.label for group in made.groups] == ["Script", "Sample", "Advanced", "Progress"]
    assert made.metadata == {"class": "Reduction", "overview": "yes"}


def test_a_foreign_device_is_described_by_introspection_alone(server):
    made = describe(server.proxy("foreign"))

    assert made.parameter("mode").choices == ("Off", "Fast", "Slow")
    assert made.parameter("set_point").maximum == 300
    assert made.result("temperature").unit == "ADU"
    assert made.action("Ramp").argument.kind == "float"
