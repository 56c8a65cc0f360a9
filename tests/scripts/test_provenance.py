"""What made a result is recorded: script, commit, inputs, parameters, software."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import git
import pytest

from gumtree_core.files import Run
from gumtree_core.scripts import load_script
from gumtree_core.scripts.provenance import provenance

SCRIPT = """
from pathlib import Path
from gumtree_core.files import Run
from gumtree_core.scripts import Script, parameter

class Made(Script):
    sample: Run = parameter()
    more: list[Run] = parameter([])
    table: Path | None = parameter(None)
    factor: float = parameter(2.0)
"""


@pytest.fixture
def path(tmp_path) -> Path:
    path = tmp_path / "scripts" / "made.py"
    path.parent.mkdir()
    path.write_text(SCRIPT)
    return path


def run(folder: Path, name: str) -> Run:
    path = folder / name
    path.write_text(f"counts of {name}")
    return Run({}, path=path)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_all_inputs_have_their_digests_and_parameters_are_plain(path, tmp_path):
    sample, other = run(tmp_path, "sample.nxs"), run(tmp_path, "other.nxs")
    table = tmp_path / "table.txt"
    table.write_text("1 2 3")
    script = load_script(path)(sample=sample, more=[other], table=table)
    made = provenance(script, path)
    assert made.inputs == {str(each): digest(each) for each in (sample.path, other.path, table)}
    assert made.parameters == {
        "sample": str(sample.path),
        "more": [str(other.path)],
        "table": str(table),
        "factor": 2.0,
    }
    assert (made.script, made.script_sha256) == ("made.py", digest(path))
    assert made.packages["numpy"]
    assert json.loads(json.dumps(made.as_dict())) == made.as_dict()


def test_a_live_run_has_no_file(path):
    made = provenance(load_script(path)(sample=Run({})), path)
    assert (made.parameters["sample"], made.inputs) == ("live", {})


def test_outside_of_a_repository_there_is_no_commit(path):
    made = provenance(load_script(path)(), path)
    assert (made.commit, made.clean) == ("", False)


def test_in_a_repository_the_commit_is_named_and_a_change_is_seen(path):
    with git.Repo.init(path.parent) as repository:
        untracked = provenance(load_script(path)(), path)
        assert (untracked.commit, untracked.clean) == ("", False)  # there is no commit yet
        repository.index.add(["made.py"])
        author = git.Actor("A. Person", "person@example.org")
        commit = repository.index.commit("First", author=author, committer=author).hexsha
    made = provenance(load_script(path)(), path)
    assert (made.commit, made.clean) == (commit, True)
    path.write_text(SCRIPT + "\n")
    made = provenance(load_script(path)(), path)
    assert (made.commit, made.clean) == (commit, False)
    assert made.script_sha256 == digest(path)
