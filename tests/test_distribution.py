"""What a user gets from `pip install`: the wheel, its commands, the locked versions."""

import re
import subprocess
import sys
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            folder,
            ROOT,
        ],
        check=True,
        timeout=100,
    )
    return zipfile.ZipFile(next(folder.glob("gumtree_tango-*.whl")))


def test_the_wheel_holds_the_three_packages_and_the_configuration(wheel):
    names = set(wheel.namelist())

    for expected in (
        "gumtree_core/interface.py",
        "servers/motor.py",
        "taurus_gui/command.py",
        "gumtree_core/config/instruments/sans.yaml",
        "gumtree_core/config/scripts/sans.py",
        "gumtree_core/config/dictionaries/gumtree.yaml",
    ):
        assert expected in names
    assert not [name for name in names if name.startswith(("tests/", "docs/", "benchmarks/", "config/"))]


def test_every_python_file_of_the_checkout_is_in_the_wheel(wheel):
    names = set(wheel.namelist())
    files = {
        path.relative_to(ROOT).as_posix()
        for package in ("gumtree_core", "servers", "taurus_gui")
        for path in (ROOT / package).rglob("*.py")
    }
    assert files <= names


@pytest.mark.parametrize("group", ["gumtree.commands", "console_scripts"])
def test_every_command_can_be_imported(group):
    ours = [entry for entry in entry_points(group=group) if entry.dist and entry.dist.name == "gumtree-tango"]

    assert ours
    for entry in ours:
        assert callable(entry.load())


def test_locked_versions_name_no_registry():
    lines = (ROOT / ".ci" / "constraints.txt").read_text().splitlines()

    assert len(lines) > 50
    for line in lines:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line), line


def test_the_core_imports_without_a_control_system_or_qt():
    code = (
        "import sys, pkgutil, importlib, gumtree_core\n"
        "for module in pkgutil.walk_packages(gumtree_core.__path__, 'gumtree_core.'):\n"
        "    if not module.name.endswith('__main__'): importlib.import_module(module.name)\n"
        "print([name for name in ('tango', 'PyQt6', 'taurus') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )

    assert done.stdout.strip() == "[]"
