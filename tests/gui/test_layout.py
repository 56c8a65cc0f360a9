"""Which widget, which box, which plot: on plain data."""

import pytest

from gumtree_core.interface import Action, Group, Interface, Parameter, Result
from taurus_gui.layout import boxes, display_kind, distribute, field_kind, main_item, plot_places, plots


@pytest.mark.parametrize(
    ("parameter", "kind"),
    [
        (Parameter("x", "float"), "number"),
        (Parameter("x", "int"), "number"),
        (Parameter("x", "bool"), "bool"),
        (Parameter("x", "choice", choices=("a",)), "choice"),
        (Parameter("x", "str", choices=("a",)), "choice"),
        (Parameter("x", "str"), "text"),
        (Parameter("x", "run"), "file"),
        (Parameter("x", "float", ndim=1), "list"),
        (Parameter("x", "bool", ndim=1), "list"),
    ],
)
def test_a_field_for_each_kind_of_parameter(parameter, kind):
    assert field_kind(parameter) == kind


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        (Result("x", "float"), "value"),
        (Result("x", "bool"), "lamp"),
        (Result("x", "float", widget="progress"), "progress"),
        (Result("x", "str", widget="progress"), "value"),
        (Result("x", "float", ndim=1), "curve"),
        (Result("x", "float", ndim=2), "image"),
        (Result("x", "float", ndim=2, widget="table"), "table"),
        (Result("x", "float", ndim=1, widget="image"), "curve"),
        (Result("x", "str", ndim=1), "list"),
        (Result("x", "bool", ndim=1), "list"),
        (Result("x", "str", ndim=1, widget="log"), "log"),
        (Result("x", "str", ndim=2), "table"),
        (Result("x", "float", ndim=1, widget="unheard of"), "curve"),
    ],
)
def test_a_display_for_each_result_its_hint_only_where_it_fits(result, kind):
    assert display_kind(result) == kind


def test_curves_with_errors_and_the_same_axes_share_a_plot_and_others_do_not():
    interface = Interface(
        "d",
        results=(
            Result("iq", "float", ndim=1, unit="1/cm", x="q", errors="e"),
            Result("background", "float", ndim=1, unit="1/cm", x="q", errors="be"),
            Result("q", "float", ndim=1, hidden=True),
            Result("counts", "float", ndim=1, unit="counts"),
            Result("monitor", "float", ndim=1, unit="counts"),
            Result("image", "int", ndim=2),
            Result("mask", "int", ndim=2),
        ),
    )

    assert [[r.name for r in group] for group in plots(interface)] == [
        ["iq", "background"],
        ["counts"],
        ["monitor"],
        ["image"],
        ["mask"],
    ]


def test_boxes_follow_the_groups_and_leave_out_plots_hidden_and_expert_items():
    interface = Interface(
        "d",
        parameters=(
            Parameter("a", "float", group="two"),
            Parameter("b", "float", level="expert", group="one"),
        ),
        results=(
            Result("image", "int", ndim=2),
            Result("h", "int", hidden=True),
            Result("r", "int", group="x_y"),
        ),
        actions=(Action("Go"), Action("Init", level="expert")),
        groups=(Group("one", "First"), Group("two", "Second", folded=True)),
    )

    shown = boxes(interface, expert=False)
    assert [(box.title, box.folded) for box in shown] == [("Second", True), ("X y", False), ("", False)]
    assert [action.name for action in shown[-1].actions] == ["Go"]
    expert = boxes(interface, expert=True)
    assert [box.title for box in expert] == ["First", "Second", "X y", ""]
    assert [action.name for action in expert[-1].actions] == ["Go", "Init"]


@pytest.mark.parametrize(
    ("parameters", "results", "name"),
    [
        ([Parameter("acceleration", "float"), Parameter("Position", "float")], [], "Position"),
        (
            [Parameter("preset", "float")],
            [Result("n", "int"), Result("counts", "int", unit="counts")],
            "counts",
        ),
        ([Parameter("current", "float")], [Result("hidden", "int", hidden=True)], "current"),
    ],
)
def test_the_number_that_stands_for_a_device(parameters, results, name):
    assert main_item(Interface("d", parameters=tuple(parameters), results=tuple(results))).name == name


def test_a_device_without_numbers_has_none():
    assert (
        main_item(Interface("s", results=(Result("text", "str"), Result("spectrum", "float", ndim=1))))
        is None
    )


@pytest.mark.parametrize(
    ("heights", "columns", "arranged"),
    [
        ([100, 100, 100], 1, [[0, 1, 2]]),
        ([100, 100, 100], 3, [[0], [1], [2]]),
        ([100, 200, 300], 2, [[0, 1], [2]]),
        ([300, 100, 100, 100], 2, [[0], [1, 2, 3]]),
        ([], 2, [[]]),
    ],
)
def test_cards_fill_columns_in_order_and_evenly(heights, columns, arranged):
    assert distribute(heights, columns) == arranged


def test_a_fit_is_drawn_onto_its_data():
    curve = Result("curve", "float", ndim=1, errors="curve_errors", x="x")
    fit = Result("fit", "float", ndim=1, errors="fit_errors", x="fit_x", onto="curve")
    other = Result("other", "float", ndim=1, onto="what is not there")
    assert plots(Interface("region", results=(fit, curve, other))) == [[curve, fit], [other]]


def test_of_an_odd_number_of_plots_the_first_takes_a_row():
    assert plot_places(1) == [(0, 0, 1, 2)]
    assert plot_places(2) == [(0, 0, 1, 2), (1, 0, 1, 2)]
    assert plot_places(3) == [(0, 0, 1, 2), (1, 0, 1, 1), (1, 1, 1, 1)]
    assert plot_places(4) == [(0, 0, 1, 1), (0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 1, 1)]


def test_several_runs_can_be_chosen_as_one_can():
    assert field_kind(Parameter("runs", "run", ndim=1)) == "file"
