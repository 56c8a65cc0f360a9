"""What a script makes once stays as long as what it is made of, and not longer."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gumtree_core.data import Axis, Dataset, errors, scalar
from gumtree_core.files import Run
from gumtree_core.files.formats.orso import write_orso
from gumtree_core.scripts import Script, action, parameter, prepared, result
from gumtree_core.scripts.known_runs import KnownRuns


@dataclass(frozen=True)
class Place:
    distance: float


class Counted(Script):
    """Count how often its parts are made."""

    sample: Run | None = parameter(None, live=True)
    dark: Run | None = parameter(None)
    darks: list[Run] = parameter([])
    notes: Path | None = parameter(None)
    factor: float = parameter(2.0)
    other: float = parameter(0.0)
    fails: bool = parameter(False)
    total: float = result()

    made: list[str]

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.made = []

    @prepared
    def doubled(self) -> float:
        self.made.append("doubled")
        return 2 * self.factor

    @prepared
    def sum_with(self, number: float) -> float:
        self.made.append("sum")
        return self.doubled() + number

    @prepared
    def at(self, place: Place) -> float:
        self.made.append("at")
        return place.distance

    @prepared
    def of(self, data: Dataset) -> Dataset:
        self.made.append("of")
        return data * self.factor

    @prepared
    def of_runs(self) -> tuple[Run | None, int]:
        self.made.append("runs")
        return self.dark, len(self.darks)

    @prepared
    def read(self) -> str:
        self.made.append("read")
        return "" if self.notes is None else self.notes.read_text()

    @prepared
    def of_sample(self) -> Run | None:
        self.made.append("sample")
        return self.sample

    @prepared
    def failing(self) -> float:
        self.made.append("failing")
        if self.fails:
            raise ValueError("no")
        return self.factor

    @prepared
    def caught(self) -> float:
        try:
            return self.failing()
        except ValueError:
            return -1.0

    @action()
    def work(self) -> None:
        """Work."""
        self.total = self.sum_with(1.0)


def made(script: Counted, *calls: str) -> list[str]:
    script.made.clear()
    for call in calls:
        getattr(script, call)()
    return list(script.made)


def test_it_is_made_once():
    script = Counted()
    assert made(script, "doubled", "doubled", "work", "work") == ["doubled", "sum"]
    assert script.total == 5.0


def test_a_parameter_that_was_read_makes_it_anew_also_by_way_of_others():
    script = Counted()
    script.work()
    script.factor = 3.0
    assert made(script, "work") == ["sum", "doubled"]
    assert script.total == 7.0


def test_other_parameters_do_not():
    script = Counted()
    script.work()
    script.other = 5.0
    script.sample = Run({})
    assert made(script, "work") == []


def test_what_was_right_before_is_found_again():
    script = Counted()
    for factor in (2.0, 3.0):
        script.factor = factor
        script.work()
    script.factor = 2.0
    assert made(script, "work") == []
    assert script.total == 5.0


def test_a_prepared_part_that_comes_from_the_store_counts_as_read():
    """The outer one is made after the inner one was, and still depends on what that has read."""
    script = Counted()
    script.doubled()
    script.work()
    script.factor = 3.0
    script.work()
    assert script.total == 7.0


def test_arguments_are_compared_by_value_where_they_have_one():
    script = Counted()
    assert script.at(Place(1.0)) == script.at(Place(1.0)) == 1.0
    assert script.made == ["at"]
    assert script.at(Place(2.0)) == 2.0
    one, equal = scalar(1.0, 0.1), scalar(1.0, 0.1)
    assert script.of(one) is script.of(one)
    assert script.of(equal) is not script.of(one)


def test_runs_are_the_same_only_if_they_are_the_same_object():
    script = Counted(dark=Run({}), darks=[Run({})])
    assert made(script, "of_runs", "of_runs") == ["runs"]
    script.darks = list(script.darks)
    assert made(script, "of_runs") == []
    script.dark = Run({})
    assert made(script, "of_runs") == ["runs"]
    script.darks = [*script.darks, Run({})]
    assert made(script, "of_runs") == ["runs"]


def test_a_file_that_was_written_is_read_again(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("one")
    script = Counted(notes=file)
    assert script.read() == script.read() == "one"
    file.write_text("two")
    os.utime(file, ns=(1, 1))
    assert script.read() == "two"


def test_each_rule_of_errors_has_its_own():
    script, data = Counted(), Dataset([1.0], [0.1])
    exact = script.of(data)
    with errors("independent"):
        assert script.of(data) is not exact
    assert script.of(data) is exact


def test_a_new_frame_is_a_new_sample():
    script = Counted(sample=Run({}))
    script.of_sample()
    script.sample = frame = Run({})
    assert script.of_sample() is frame


def test_what_fails_is_tried_again_and_what_it_has_read_is_known():
    script = Counted(fails=True)
    with pytest.raises(ValueError, match="no"):
        script.failing()
    assert script.caught() == -1.0
    script.fails = False
    assert script.caught() == 2.0


def test_another_of_the_class_takes_over_what_still_holds():
    first = Counted(factor=3.0)
    first.work()
    second = Counted(factor=3.0, other=1.0)
    second.take_over(first)
    assert made(second, "work") == []
    assert second.total == 7.0
    third = Counted(factor=4.0)
    third.take_over(second)
    third.work()
    assert third.total == 9.0


@given(st.lists(st.tuples(st.sampled_from([1.0, 2.0, 3.0]), st.sampled_from([0.0, 1.0])), max_size=30))
def test_it_is_always_what_it_would_be_without(changes):
    script = Counted()
    for factor, number in changes:
        script.factor = factor
        assert script.sum_with(number) == 2 * factor + number


def test_old_ones_are_forgotten():
    script = Counted()
    for number in range(100):
        script.sum_with(float(number))
    assert sum(len(known) for known in script._preparations._kept.values()) <= 16


@pytest.fixture
def files(tmp_path):
    curve = Dataset([1.0, 0.5], [0.1, 0.1], dims="q", axes={"q": Axis([0.01, 0.02], "1/angstrom")})
    return [write_orso(tmp_path / name, curve, provenance={}) for name in ("dark.ort", "other.ort")]


def test_live_updates_open_a_file_once_until_it_is_written(files):
    known, live = (
        KnownRuns(),
        {"sample": Run({}), "dark": str(files[0]), "darks": [str(files[1])], "factor": 2.0},
    )
    first = known.opened(Counted, live)
    again = known.opened(Counted, live)
    assert again["dark"] is first["dark"]
    assert again["darks"][0] is first["darks"][0]
    assert again["factor"] == 2.0
    os.utime(files[0], ns=(1, 1))
    later = known.opened(Counted, live)
    assert later["dark"] is not first["dark"]
    assert later["darks"][0] is first["darks"][0]


def test_what_a_user_starts_opens_the_files(files):
    known, given = KnownRuns(), {"sample": str(files[1]), "dark": str(files[0])}
    first = known.opened(Counted, given)
    assert known.opened(Counted, given)["dark"] is not first["dark"]
    live = {**given, "sample": Run({})}
    assert known.opened(Counted, live)["dark"] is known.opened(Counted, live)["dark"]


def test_what_is_no_file_is_left_to_the_script():
    given = {"dark": "gone.nxs", "sample": "live:somewhere"}
    assert KnownRuns().opened(Counted, given) == given
