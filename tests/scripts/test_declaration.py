"""Parameters are checked against what is declared; results, names and the interface are plain."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.interface import Interface
from gumtree_core.scripts import Script, action, group, parameter, result


class Reduction(Script):
    """Average a sample.

    Over everything.
    """

    author = "A. Person"
    version = "1.2"

    details = group("Details", folded=True)

    sample: Run = parameter(label="Sample", live=True)
    empty: Run | None = parameter(None)
    more: list[Run] = parameter([])
    table: Path | None = parameter(None)
    folder: Path = parameter(Path("somewhere"))
    thickness: float = parameter(1.0, ge=0.1, le=5, unit="mm", group="details", help="Of the sample.")
    bins: int = parameter(10, ge=1, level="expert")
    limits: list[float] = parameter([0.0, 1.0], ge=-1, le=2)
    mode: Literal["monitor", "time"] = parameter("monitor")
    quick: bool = parameter(False)
    comment: str = parameter("")

    iq = result(label="I(q)", unit="1/cm", ndim=1, x="q", x_unit="1/angstrom", log_y=True)
    total = result()

    @action("Do it", live=True)
    def reduce(self) -> None:
        """Average."""
        self.total = self.thickness * self.bins


def failure(call: Callable[..., Any], *arguments: Any, **named: Any) -> GumtreeError:
    with pytest.raises(GumtreeError) as caught:
        call(*arguments, **named)
    return caught.value


def declare(body: str, **names: Any) -> type[Script]:
    """A script's class from the lines of its body, as a cell of a notebook would make it."""
    code = "from __future__ import annotations\nclass Made(Script):\n" + textwrap.indent(body, "    ")
    space = {**globals(), **names, "__name__": "__main__"}
    exec(compile(code, "cell", "exec", dont_inherit=True), space)
    made: type[Script] = space["Made"]
    return made


@given(st.floats(0.1, 5))
def test_a_number_within_its_limits_is_taken_unchanged(value):
    assert Reduction(thickness=value).thickness == value


@given(st.floats().filter(lambda value: not 0.1 <= value <= 5))
def test_a_number_outside_of_its_limits_is_refused(value):
    assert failure(Reduction, thickness=value).reason == "PARAMETER_OUT_OF_RANGE"


@given(st.lists(st.floats(-1, 2)), st.floats().filter(lambda value: not -1 <= value <= 2))
def test_each_number_of_a_list_is_held_to_the_limits(good, bad):
    assert Reduction(limits=good).limits == good
    assert failure(Reduction, limits=[*good, bad]).reason == "PARAMETER_OUT_OF_RANGE"


@given(st.floats(-100, 100).filter(lambda value: not value.is_integer()))
def test_a_broken_number_is_not_rounded_to_a_whole_one(value):
    assert failure(Reduction, bins=value).reason == "PARAMETER_TYPE"


def test_the_sentence_names_value_unit_and_limit():
    assert failure(Reduction, thickness=0).message == (
        "thickness cannot be 0 mm: that is below its minimum of 0.1 mm."
    )
    assert failure(Reduction, thickness=float("nan")).message == (
        "thickness cannot be nan; give a finite number."
    )
    assert failure(Reduction, thickness="thick").message == "thickness cannot be 'thick'; it is a number."
    assert failure(Reduction, limits=1.0).message == (
        "limits cannot be 1.0; it is a list of which each is a number."
    )


def test_a_wrong_choice_is_refused_with_the_nearest():
    assert failure(Reduction, mode="monitr").message == (
        "mode cannot be 'monitr' (did you mean monitor?); it is one of: monitor, time."
    )


def test_an_unknown_name_is_refused_with_the_nearest():
    error = failure(Reduction, thicknes=1)
    assert error.reason == "PARAMETER_UNKNOWN"
    assert "thicknes (did you mean thickness?). There are: sample, empty," in error.message


def test_nothing_is_set_when_one_value_is_wrong():
    script = Reduction(bins=3)
    failure(script.set, bins=4, thickness=100)
    failure(script.set, bins=4, thicknes=1)
    assert (script.bins, script.thickness) == (3, 1.0)


def test_an_assignment_is_checked_like_any_other_setting():
    script = Reduction()
    script.thickness = 2
    failure(setattr, script, "thickness", 6)
    assert script.thickness == 2


def test_only_runs_and_files_may_be_none():
    script = Reduction(empty=None, table=None)
    assert script.empty is script.table is None
    for name in ("thickness", "bins", "limits", "mode", "quick", "comment"):
        assert failure(Reduction, **{name: None}).reason.startswith("PARAMETER_"), name
    error = failure(declare, "x: float | None = parameter(None)")
    assert (error.reason, "Made.x may be None" in error.message) == ("SCRIPT_BROKEN", True)


def test_a_required_parameter_says_so_when_it_is_used():
    assert failure(lambda: Reduction().sample).reason == "PARAMETER_MISSING"
    assert "sample" not in Reduction().parameters_set()


def test_runs_are_given_as_runs_or_as_paths(tmp_path):
    run = Run({"run/title": "water"})
    script = Reduction(sample=run, more=[run, run])
    assert script.sample is run
    assert script.more == [run, run]
    for wrong in ({"sample": 3}, {"more": "one.nxs"}, {"more": [3]}):
        assert failure(Reduction, **wrong).reason == "PARAMETER_TYPE"
    assert str(tmp_path / "none.nxs") in failure(Reduction, sample=tmp_path / "none.nxs").message


def test_a_list_that_is_changed_in_place_changes_no_default():
    Reduction().limits.append(2.0)
    assert Reduction().limits == [0.0, 1.0]


def test_a_result_before_an_action_is_an_error_and_after_it_a_value():
    script = Reduction(thickness=2)
    assert failure(lambda: script.total).reason == "RESULT_MISSING"
    assert script.results() == {}
    script.reduce()
    assert script.total == 20
    assert script.results() == {"total": 20}


def test_results_have_the_dimensions_declared():
    script = Reduction()
    script.iq = Dataset([1.0, 2.0])
    script.iq = [1, 2]
    np.testing.assert_array_equal(script.iq, [1, 2])
    assert failure(setattr, script, "iq", 1.0).reason == "RESULT_SHAPE"
    assert failure(setattr, script, "total", [1.0]).reason == "RESULT_SHAPE"
    for wrong in ("text", object(), [[1], [1, 2]], 1j):
        assert failure(setattr, script, "total", wrong).reason == "RESULT_TYPE", wrong


def test_the_interface_is_plain_data_and_survives_json():
    interface = Reduction.interface()
    assert (interface.name, interface.title, interface.help) == (
        "Reduction",
        "Average a sample.",
        "Over everything.",
    )
    assert interface.metadata == {"author": "A. Person", "version": "1.2"}
    assert [each.name for each in interface.parameters][:3] == ["sample", "empty", "more"]
    thickness = interface.parameter("thickness")
    assert (thickness.kind, thickness.minimum, thickness.maximum) == ("float", 0.1, 5)
    assert (thickness.unit, thickness.group, thickness.help) == ("mm", "details", "Of the sample.")
    assert interface.parameter("sample").required
    assert interface.parameter("mode").choices == ("monitor", "time")
    assert (interface.parameter("limits").ndim, interface.parameter("limits").default) == (1, [0, 1])
    assert interface.parameter("folder").default == "somewhere"
    assert (interface.result("iq").ndim, interface.result("iq").x) == (1, "q")
    assert (interface.action("reduce").label, interface.action("reduce").help) == ("Do it", "Average.")
    assert (interface.groups[0].name, interface.groups[0].folded) == ("details", True)
    assert Interface.from_json(interface.to_json()) == interface


def test_the_live_action_and_parameter_are_known():
    assert (Reduction.live_action(), Reduction.live_parameter()) == ("reduce", "sample")


def test_a_script_inherits_and_extends():
    class Better(Reduction):
        """Better."""

        extra: int = parameter(1)

    assert Better(extra=2, bins=3).extra == 2
    assert [each.name for each in Better.interface().parameters][-2:] == ["comment", "extra"]
    assert "extra" not in Reduction._parameters
    assert Better.interface().title == "Better."


def test_types_may_be_names_of_a_notebooks_cell_or_of_a_function():
    Mode = Literal["a", "b"]

    class Local(Script):
        mode: Mode = parameter("a")

    assert Local(mode="b").mode == "b"
    made = declare("mode: Own = parameter('x')", Own=Literal["x", "y"])
    assert made(mode="y").parameters_set() == {"mode": "y"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("x = parameter(1.0)", "Made.x has no type"),
        ("x: dict[str, int] = parameter({})", "a parameter is one of float"),
        ("x: Literal[1, 2] = parameter(1)", "Literal of texts"),
        ("x: Literal['a', ''] = parameter('a')", "a choice that is empty"),
        ("x: float = parameter(1.0, live=True)", "its type is Run"),
        ("x = result(ndim=3)", "not 3"),
        ("x: float = parameter(5, le=1)", "x cannot be 5: that is above its maximum of 1"),
    ],
)
def test_a_wrong_declaration_is_told_when_it_is_made(body, words):
    assert words in failure(declare, body).message


@pytest.mark.parametrize(
    "body",
    [
        "log: float = parameter(1.0)",
        "saved = result()",
        "set = group('Set')",
        "_q: float = parameter(1.0)",
        "@action()\ndef progress(self): ...",
    ],
)
def test_a_name_that_scripts_themselves_use_is_refused(body):
    error = failure(declare, body)
    assert error.reason == "SCRIPT_BROKEN"
    assert "choose another" in error.message


def test_values_of_before_are_kept_if_they_still_fit():
    assert Reduction.kept("thickness", 2) == 2
    assert Reduction.kept("sample", "not/there.nxs") == "not/there.nxs"
    assert Reduction.kept("table", "table.txt") == "table.txt"
    assert failure(Reduction.kept, "mode", "neither").reason == "PARAMETER_OUT_OF_RANGE"
    assert failure(Reduction.kept, "gone", 1).reason == "PARAMETER_UNKNOWN"


def test_parameters_belong_to_the_group_before_them_unless_they_name_another():
    class Grouped(Script):
        alone: float = parameter(1.0)
        runs = group("Runs")
        first: float = parameter(1.0)
        curve = group("Curve")
        second: float = parameter(1.0)
        third: float = parameter(1.0, group="runs")

    groups = {each.name: each.group for each in Grouped.interface().parameters}
    assert groups == {"alone": "", "first": "runs", "second": "curve", "third": "runs"}
