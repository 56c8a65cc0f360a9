"""Mistakes in the file of an instrument are told with file, line and what is allowed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gumtree_core.errors import GumtreeError
from gumtree_core.paths import config_directory
from servers.launcher.classes import REFERENCES, class_names, device_class
from servers.launcher.reading import read_configuration

SANS = (config_directory() / "instruments" / "sans.yaml").read_text(encoding="utf-8")


def message(path: object) -> str:
    with pytest.raises(GumtreeError) as caught:
        read_configuration(path)
    assert caught.value.reason == "CONFIG_INVALID"
    return caught.value.message


def told(tmp_path: Path, before: str, after: str) -> tuple[int, str]:
    """The line that is named, counted from that of `before`, and the text, when `after` stands instead."""
    assert before in SANS
    path = tmp_path / "wrong.yaml"
    path.write_text(SANS.replace(before, after, 1), encoding="utf-8")
    place, _, text = message(path).partition("\n")[0].partition(": ")
    name, _, line = place.rpartition(":")
    assert name == str(path)
    return int(line) - SANS[: SANS.index(before)].count("\n") - 1, text


def test_the_shipped_instrument_is_found_by_its_name_and_has_no_mistakes():
    sans = read_configuration("sans")
    assert sans.instrument == "sans"
    assert set(sans.servers()) == {f"{name}/sans" for name in class_names()}
    assert (
        "instrument/wavelength=sans/motor/wavelength/position"
        in (sans.property_lines("sans/acquisition/scan")["LogicalKeys"])
    )
    assert sans.property_lines("sans/reduction/sans")["LogicalKeys"][-1] == (
        "run/user=sans/acquisition/scan/user"
    )


@pytest.mark.parametrize(
    ("before", "after", "line", "text"),
    [
        ("title:", "titel:", 0, "there is no entry titel, did you mean title? Allowed: devices, instrument,"),
        ("kind: sans", "kind: snas", 0, "there is no kind snas, did you mean sans? Allowed: sans"),
        ("seed: 1", "seed: one", 0, "`seed` is 'one': it must be a whole number"),
        ("speed: 1", "speed: 0", 0, "`speed` is 0: it must be greater than 0"),
        ("speed: 1", "speed: .inf", 0, "`speed` is inf: it must be a finite number"),
        ("class: GumtreeMotor", "class: GumtreMotor", 0, "there is no class GumtreMotor, did you mean Gum"),
        ("    class: GumtreeMotor\n", "", -1, "`class` is missing here"),
        ("sans/motor/sample_x:", "sample_x:", 0, "'sample_x' is no device name, domain/family/member"),
        ("Axis: sample_x", "Axes: sample_x", 0, "there is no property of GumtreeMotor Axes, did you mean Ax"),
        ("Axis: sample_x", "Axis: [a, b]", 0, "Axis takes one value, not several"),
        ("Axis: sample_x", "Axis: {a: [b]}", 0, "the property Axis is one value, a list, or a table"),
        ("${simulator}", "${simulater}", 0, "there is no substitution ${simulater}, did you mean ${simul"),
        ("{position: {", "{positon: {", 0, "there is no attribute of GumtreeMotor positon, did you mean po"),
        ("{format:", "{formt:", 0, "there is no entry formt, did you mean format? Allowed: format, label"),
        ('{format: "%.2f"}', "{min_value: low}", 0, "min_value is 'low'; it must be a number"),
        ('{format: "%.2f"}', "{min_value: 2, max_value: 1}", 0, "max_value must be greater than min_value"),
        (' {position: {format: "%.2f"}}', "", 0, "`attributes` is empty; give a table, or leave it out"),
        ("attenuator: sans/motor/attenuator\n", "a: sans/motor/atenuator\n", 0,
         "the file declares no device sans/motor/atenuator (did you mean sans/motor/attenuator?)"),
        ("Detectors: [sans/detector/main]", "Detectors:\n      - sans/detector/main\n      - a/b/c", 2,
         "the file declares no device a/b/c. Declare it under `devices`, or under `other_devices`"),
        ("Counter: sans/counter/monitor", "Counter: sans/detector/main", 0,
         "sans/detector/main is a GumtreeDetector; here belongs a GumtreeCounter"),
        ("instrument/wavelength: s", "instrument/wavelenght: s", 0, "'instrument/wavelenght' is no logical"),
        ("wavelength/position", "wavelength/positon", 0, "there is no attribute of GumtreeMotor positon"),
        ("40 mm", "40 mmm", 0, "'40 mmm' is no number with a unit"),
        ("scan/title", "scan/titel", 0, "there is no attribute of GumtreeScan titel, did you mean title?"),
        ("alias: detector\n", "alias: sample_x\n", 0, "sample_x is the alias of sans/motor/sample_x already"),
        ("alias: detector\n", "alias: a b\n", 0, "'a b' is no name of letters, digits and _ . -"),
        ("alias: detector\n", "alias: detector\n    alias: x\n", 1, 'found duplicate key "alias"'),
        ("instrument: sans", "instrument: 7 s", 0, "'7 s' is no name of letters, digits, _ and -"),
        ("simulation: {kind: sans, seed: 1, speed: 1}", "", 21, "${simulator} needs a simulation; add `sim"),
        ("keys:", "keys: [1,\n2", 2, "could not find expected ':'"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_what_is_allowed(tmp_path, before, after, line, text):
    where, what = told(tmp_path, before, after)
    assert what.startswith(text)
    assert where == line


def test_the_example_of_the_documentation_has_no_mistakes(tmp_path):
    documentation = config_directory().parent / "docs" / "instrument_yaml.md"
    if not documentation.exists():
        pytest.skip("docs are only in a checkout")
    path = tmp_path / "d11.yaml"
    path.write_text(documentation.read_text(encoding="utf-8").split("```")[1].removeprefix("yaml\n"))
    assert read_configuration(path).instrument == "d11"


def test_each_mistake_is_a_line_of_the_message(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(SANS.replace("Axis:", "Axes:"), encoding="utf-8")
    lines = message(path).splitlines()
    assert len(lines) == 6
    assert all("did you mean Axis?" in line for line in lines)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just text\n"])
def test_a_file_that_is_no_table_is_told(tmp_path, text):
    path = tmp_path / "wrong.yaml"
    path.write_text(text, encoding="utf-8")
    assert "begins with `instrument: NAME`" in message(path)


def test_a_file_that_is_missing_or_no_text_is_told(tmp_path):
    assert "There is no file" in message(tmp_path / "none.yaml")
    assert "shipped: sans." in message("snas")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00instrument")
    assert "cannot be read" in message(binary)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_told(tmp_path):
    path = tmp_path / "secret.yaml"
    path.write_text(SANS, encoding="utf-8")
    path.chmod(0)
    assert "cannot be read" in message(path)


def test_devices_of_other_servers_can_be_referred_to_when_they_are_declared_so(tmp_path):
    path = tmp_path / "own.yaml"
    text = SANS.replace("attenuator: sans/motor/attenuator\n", "table: other/motor/table\n")
    path.write_text(text.replace("devices:", "other_devices: [other/motor/table]\n\ndevices:", 1))
    assert read_configuration(path).property_lines("sans/acquisition/scan")["Motors"][3] == (
        "table=other/motor/table"
    )


def test_the_properties_that_name_devices_exist_in_their_classes():
    for name, references in REFERENCES.items():
        assert references.keys() <= device_class(name).properties
        assert set(references.values()) <= set(class_names())
