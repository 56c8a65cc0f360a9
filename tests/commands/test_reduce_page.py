"""The command in docs/reduce.md takes the runs of the demo for what they are."""

from __future__ import annotations

import re
from pathlib import Path

from gumtree_core.scripts import load_script
from servers.demo.experiment import EXPERIMENT

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reduce.md"


def test_each_run_of_the_demo_is_given_for_what_it_is():
    given = dict(re.findall(r"--([a-z-]+) SANS0*(\d+)\.nxs", PAGE.read_text()))

    assert {name.replace("-", "_"): int(number) for name, number in given.items()} == {
        item.parameter: number for number, item in enumerate(EXPERIMENT, 1)
    }


def test_the_options_of_the_command_and_of_the_notebook_are_there():
    known = {each.name for each in load_script("sans").interface().parameters}
    page = PAGE.read_text()
    (command,) = re.findall(r"```\n(gumtree reduce sans \\.*?)```", page, re.S)

    assert {each.replace("-", "_") for each in re.findall(r"--([a-z-]+)", command)} <= known | {"output"}
    assert set(re.findall(r"(\w+)=(?!True)", re.findall(r"\(\n(.*?)\n\)", page, re.S)[0])) <= known
