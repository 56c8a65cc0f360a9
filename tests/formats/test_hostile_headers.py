"""Text files whose head is made to do harm, read in a process of its own, which they would end or fill."""

from __future__ import annotations

import io
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from gumtree_core.errors import GumtreeError
from gumtree_core.files import load
from gumtree_core.files.formats.orso import MARK
from gumtree_core.files.formats.yaml_header import parse_yaml

COLUMNS = ["columns:", "- {name: Qz, unit: 1/angstrom}", "- {name: R}", "- {error_of: R}", "# Qz R sR"]
LAUGHS = ["a: &a [x,x,x,x,x,x,x,x,x]"] + [
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
]
READ = """
import sys
from gumtree_core.errors import GumtreeError
from gumtree_core.files import load
try:
    load(sys.argv[1])
except GumtreeError as error:
    sys.stdout.write(f"{error.reason}: {error.message}")
"""
MEMORY = 4_000_000_000


def written(folder: Path, head: list[str], row: str = "0.01 1.0 0.1") -> Path:
    path = folder / "head.ort"
    lines = [MARK, *(f"# {line}" for line in [*head, *COLUMNS]), row]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_head_that_is_right_is_read(tmp_path):
    run = load(written(tmp_path, ["data_source: {sample: {name: &name silica}, experiment: {title: *name}}"]))

    assert run["run/title"] == run["sample/name"] == "silica"
    assert run.data("reduced/reflectivity").errors == pytest.approx([0.1])


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (["data_source: {}", "deep: " + "[" * 50_000 + "]" * 50_000], "nested deeper than 100 levels"),
        (["data_source: {}", "open: " + "[" * 50_000], "nested deeper than 100 levels"),
        ([*LAUGHS, "data_source: {sample: {name: *i}}"], "says more than 1000000 things"),
        (["data_source: {}", *LAUGHS, "reduction: *i"], "says more than 1000000 things"),
        (["data_source: {}", "reduction: &a [*a]"], "Circular reference"),
        (["data_source: {}", "run: !!python/object/apply:os.system [true]"], "could not determine"),
    ],
    ids=["deep", "deep and open", "laughs", "laughs in JSON", "circle", "program"],
)
def test_a_head_that_does_harm_is_refused(head, says, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", READ, str(written(tmp_path, head))],
        check=True, capture_output=True, text=True, timeout=30,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )  # fmt: skip

    assert done.stdout.startswith("FILE_DAMAGED: ")
    assert says in done.stdout


def test_an_error_that_is_negative_is_refused(tmp_path):
    with pytest.raises(GumtreeError, match="an error of R is negative") as refused:
        load(written(tmp_path, ["data_source: {}"], "0.01 1.0 -0.1"))
    assert refused.value.reason == "FILE_DAMAGED"


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("abc *&[]{}:#", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4)
    ),
    max_leaves=30,
)


@given(TREES)
def test_what_is_harmless_is_parsed_as_it_is(tree):
    text = io.StringIO()
    YAML(typ="safe").dump(tree, text)

    assert parse_yaml(text.getvalue()) == tree
