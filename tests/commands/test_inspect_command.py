"""`gumtree inspect`: what is in a file, where it stands, and what is missing."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from gumtree_core.commands import gumtree
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "run.h5"
    with h5py.File(path, "w") as out:
        out["entry1/instrument/name"] = "echidna"
        out["entry1/data/data"] = np.arange(12).reshape(2, 2, 3)
        out["entry1/data/stth"] = [10.0, 11.0]
        out["entry1/sample/name"] = "LaB6"
        out["entry1/elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")
        out["entry1/alias"] = h5py.SoftLink("/entry1/data")
    return path


def shown(*arguments: str | Path) -> list[str]:
    result = CliRunner().invoke(gumtree, ["inspect", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def line(lines: list[str], *words: str) -> str:
    return next(each for each in lines if all(word in each for word in words))


def test_each_key_is_shown_with_value_unit_and_place(file):
    lines = shown(file)

    assert "run.h5: echidna" in lines[0]
    assert line(lines, "detector/counts", "0 to 11", "counts", "/entry1/data/data")
    assert line(lines, "motor/stth", "10 to 11", "deg", "/entry1/data/stth")
    assert line(lines, "source/probe", "constant neutron")


def test_keys_of_the_view_that_are_missing_are_told_with_where_they_were_looked_for(file):
    lines = shown(file)

    assert line(lines, "detector/two_theta", "needed", "data/polar_angle", "x_pixel_angular_offset")
    assert line(lines, "detector/distance", "optional", "instrument/detector/radius")
    assert not any("sample/name" in each and "needed" in each for each in lines)


def test_another_view_may_be_asked_for(file):
    assert line(shown(file, "--view", "sans"), "detector/pixel_size_x", "needed", "has no path for it")
    with pytest.raises(GumtreeError, match=r"no view .sens.*sans"):
        shown(file, "--view", "sens")


def test_a_value_that_cannot_be_used_says_why_in_its_line(file):
    with h5py.File(file, "a") as out:
        out["entry1/data/data"][0, 0, 0] = -5

    assert line(shown(file), "detector/counts", "negative")


def test_all_items_are_shown_and_links_are_not_followed(file):
    lines = shown(file, "--all")

    assert line(lines, "/entry1/data/data", "int64 2 x 2 x 3")
    assert line(lines, "/entry1/elsewhere", "link to /etc/passwd::/")
    assert line(lines, "/entry1/alias", "link to /entry1/data")
    assert line(lines, "/entry1/sample/name", "text", "LaB6")


def test_points_of_a_scan_show_all_items_of_their_file(file):
    assert line(shown(f"{file}@1", "--all"), "/entry1/data/data", "int64 2 x 2 x 3")
    added = shown(f"{file}@0-1", "--all")
    assert line(added, "detector/counts", "6 to 16")
    assert line(added, "/entry1/data/data")


def test_runs_that_are_added_show_the_items_of_each_file(file, tmp_path):
    other = tmp_path / "other+1.h5"
    other.write_bytes(file.read_bytes())
    with h5py.File(other, "a") as out:
        out["entry1/only_here"] = 1
    lines = shown(f"{file}+{other}", "--all")

    assert "run.h5+other+1.h5: echidna" in lines[0]
    assert line(lines, "All items of run.h5")
    assert line(lines, "All items of other+1.h5")
    assert sum("/entry1/data/data" in each and "int64" in each for each in lines) == 2
    assert line(lines, "/entry1/only_here")


def test_what_is_no_file_has_no_items(monkeypatch):
    monkeypatch.setattr("gumtree_core.files._live", lambda scheme, address: Run({}, format="live"))
    with pytest.raises(GumtreeError, match=r"live:system is no file.*leave out --all") as refused:
        shown("live:system", "--all")
    assert refused.value.reason == "FILE_MISSING"


def test_the_items_of_a_file_of_no_known_format_are_shown(tmp_path):
    path = tmp_path / "foreign.h5"
    with h5py.File(path, "w") as out:
        out["somewhere/counts"] = 3

    lines = shown(path, "--all")
    assert "no known format" in " ".join(lines)
    assert line(lines, "/somewhere/counts", "int64", "3")


def test_the_items_of_a_file_that_is_no_hdf5_cannot_be_shown(tmp_path):
    path = tmp_path / "text.dat"
    path.write_text("hello")

    with pytest.raises(GumtreeError) as caught:
        shown(path, "--all")
    assert caught.value.reason == "FILE_FORMAT_UNKNOWN"


def test_a_stack_that_is_large_is_not_read(file, monkeypatch):
    monkeypatch.setattr("gumtree_core.commands.inspect.MOST", 50)

    assert line(shown(file), "detector/counts", "GB, not read", "/entry1/data/data")
    assert line(shown(file), "motor/stth", "10 to 11")
