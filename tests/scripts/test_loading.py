"""Scripts are found, listed without being run, and loaded; what is wrong is told with file and line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gumtree_core.errors import GumtreeError
from gumtree_core.scripts import find_script, list_scripts, load_script

GOOD = '''"""Module."""
from __future__ import annotations
from gumtree_core.scripts import Script, action, parameter


class Good(Script):
    """Do good.

    At length.
    """

    author = "A. Person"
    version = "1.0"
    x: float = parameter(1.0)
'''


@pytest.fixture
def write(tmp_path):
    def write(text: str, name: str = "made.py") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def broken(path: Path) -> str:
    with pytest.raises(GumtreeError) as caught:
        load_script(path)
    assert caught.value.reason == "SCRIPT_BROKEN"
    return caught.value.message


def test_a_script_is_loaded_by_name_or_by_path(write, tmp_path):
    path = write(GOOD, "good.py")
    assert load_script("good", [tmp_path])(x=2).x == 2
    assert load_script(path).__name__ == "Good"
    assert load_script(str(path)).interface().title == "Do good."


def test_the_shipped_script_is_found_without_a_folder():
    assert load_script("sans").interface().actions[0].name == "reduce"


def test_loading_writes_nothing_beside_the_script(write, tmp_path):
    load_script(write(GOOD))
    assert [path.name for path in tmp_path.iterdir()] == ["made.py"]


@pytest.mark.parametrize("name", ["goood", "../good", "missing.py"])
def test_an_unknown_script_is_told_with_the_known_ones(write, tmp_path, name):
    write(GOOD, "good.py")
    with pytest.raises(GumtreeError) as caught:
        find_script(name, [tmp_path])
    assert caught.value.reason == "SCRIPT_UNKNOWN"
    assert "There are: good." in caught.value.message
    assert ("Did you mean good?" in caught.value.message) == ("goo" in name)


def test_a_syntax_error_has_its_line(write):
    assert broken(write(GOOD + "\ndef (\n")).startswith("made.py, line 16: invalid syntax")


def test_an_import_error_has_its_line(write):
    assert broken(write("import sys\nimport nothing_like_this\n")) == (
        "made.py, line 2: ModuleNotFoundError: No module named 'nothing_like_this'."
    )


def test_a_mistake_in_a_module_that_it_imports_has_the_line_of_the_import(write, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    other = write("x = (\n", "its_helper.py")
    try:
        message = broken(write("import sys\n\nimport its_helper\n"))
    finally:
        sys.modules.pop("its_helper", None)
    assert message.startswith("made.py, line 3: ")
    assert str(other) in message


def test_sys_exit_does_not_end_the_program(write):
    assert broken(write("import sys\nsys.exit(2)\n")) == "made.py, line 2: SystemExit: 2."


def test_a_wrong_declaration_has_its_line(write):
    message = broken(write(GOOD.replace("= parameter(1.0)", "= parameter(1.0, le=0)")))
    assert message == "made.py, line 6: x cannot be 1: that is above its maximum of 0."


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from gumtree_core.scripts import Script\n", "none"),
        (GOOD + "\nclass Another(Script):\n    pass\n", "Another, Good"),
    ],
)
def test_a_file_holds_exactly_one_script(write, text, found):
    assert broken(write(text)) == (
        f"made.py, line 1: a script file holds exactly one class derived from Script; here: {found}."
    )


def test_a_second_name_for_the_class_is_no_second_class(write):
    assert load_script(write(GOOD + "\nAlias = Good\n")).__name__ == "Good"


def test_bytes_that_are_no_text_are_told(tmp_path):
    path = tmp_path / "made.py"
    path.write_bytes(b"x = '\xff'\n")
    assert broken(path).startswith("made.py, line 1: ")
    assert list_scripts(tmp_path)[0].problem


def test_listing_reads_the_text_and_runs_nothing(write, tmp_path):
    write("raise SystemExit('run')\n" + GOOD, "b.py")
    write("class (", "a.py")
    write("x = 1\n", "helper.py")
    first, second = list_scripts(tmp_path)
    assert (first.name, first.title) == ("a", "")
    assert "invalid syntax" in first.problem
    assert (second.name, second.title, second.author, second.version) == (
        "b",
        "Do good.",
        "A. Person",
        "1.0",
    )
    assert second.problem == ""
