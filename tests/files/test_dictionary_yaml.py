"""Dictionaries: what a YAML file may say, what overrides what, and how mistakes are told."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from gumtree_core.errors import GumtreeError
from gumtree_core.files import load
from gumtree_core.files.dictionaries.dictionary import dictionary, dictionary_files
from gumtree_core.files.dictionaries.reading import read_dictionary
from gumtree_core.paths import config_directory

MAPPING = """\
title: Somebody's reactor
view: sans
recognise:
  has: [bank/counts]
keys:
  detector/counts: {path: bank/counts, dims: [y, x]}
  detector/distance: {path: bank/far, unit: m}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The user's own folder of dictionaries, and no instruments on this machine."""
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("GUMTREE_DICTIONARIES", str(own))
    monkeypatch.setenv("GUMTREE_DATA", str(tmp_path / "instruments"))
    return own


@pytest.fixture
def reactor(tmp_path) -> Path:
    path = tmp_path / "run.h5"
    with h5py.File(path, "w") as file:
        bank = file.create_group("run1/bank")
        bank["counts"] = np.arange(6).reshape(2, 3)
        bank["far"] = 2.5
    return path


def test_a_file_of_a_facility_is_read_by_a_yaml_file_alone(folder, reactor):
    with pytest.raises(GumtreeError, match=r"no mapping fits.*add_a_facility") as caught:
        load(reactor)
    assert caught.value.reason == "FILE_FORMAT_UNKNOWN"

    (folder / "reactor.yaml").write_text(MAPPING)
    run = load(reactor)

    assert run.format == "reactor"
    np.testing.assert_array_equal(run.data("detector/counts").variances, [[0, 1, 2], [3, 4, 5]])
    assert (run.data("detector/distance").values, run.data("detector/distance").unit) == (2500, "mm")
    assert run.where("detector/distance") == "/run1/bank/far"


def test_the_folder_of_an_instrument_counts_and_the_users_own_counts_more(folder, reactor, tmp_path):
    instrument = tmp_path / "instruments" / "d11" / "dictionaries"
    instrument.mkdir(parents=True)
    (instrument / "reactor.yaml").write_text(MAPPING)
    assert load(reactor).data("detector/distance").values == 2500

    (folder / "reactor.yaml").write_text(MAPPING.replace("unit: m}", "unit: cm}"))
    assert load(reactor).data("detector/distance").values == 25
    assert [each.parent for each in dictionary_files()][-2:] == [instrument, folder]


def test_a_mapping_of_the_users_own_comes_before_a_shipped_one_that_fits_too(folder, tmp_path):
    path = tmp_path / "run.h5"
    with h5py.File(path, "w") as file:
        file["entry/data/data"] = np.ones((2, 2))
        file["entry/instrument/name"] = "echidna"
    assert load(path).format == "echidna"

    (folder / "ours.yaml").write_text("recognise: {has: [data]}\nkeys: {detector/counts: data/data}\n")
    assert load(path).format == "ours"


def test_a_mapping_extends_another_and_takes_keys_away(folder, reactor):
    (folder / "reactor.yaml").write_text(MAPPING)
    (folder / "cold.yaml").write_text(
        "extends: reactor\nrecognise: {has: [bank/counts, bank/far]}\n"
        "keys:\n  detector/distance: null\n  instrument/name: {constant: COLD}\n"
    )
    run = load(reactor)

    assert run.format == "cold"
    assert set(run) == {"detector/counts", "instrument/name"}


def test_a_concept_of_ones_own_can_be_mapped(folder, reactor):
    (folder / "reactor.yaml").write_text(
        "concepts:\n  bank/far: {unit: mm, synonyms: [far away]}\n"
        + MAPPING.replace("detector/distance", "far away")
    )
    assert load(reactor).data("bank/far").values == 2500


def test_a_synonym_stands_for_its_key(folder, reactor):
    (folder / "reactor.yaml").write_text(MAPPING.replace("detector/distance", "sample_detector_distance"))
    assert load(reactor).data("detector/distance").values == 2500


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("keys:", "kyes:", 5, "kyes: there is no such entry; did you mean `keys`"),
        ("detector/distance", "detector/distnce", 7, "did you mean `detector/distance`"),
        ("{path: bank/far,", "{pth: bank/far,", 7, "pth: there is no such entry; did you mean `path`"),
        ("unit: m}", "unit: parsecs_or_so}", 7, "'parsecs_or_so' is no unit"),
        ("unit: m}", "then: frist}", 7, "there is no step frist; did you mean `first`"),
        ("unit: m}", "then: {divide: no/key}}", 7, "'no/key' is no number"),
        ("unit: m}", "then: multiply}", 7, "multiply needs an argument"),
        ("unit: m}", "then: {first: 2}}", 7, "first takes no argument"),
        ("unit: m}", "then: {flip: [x, y]}}", 7, "flip takes a dimension"),
        ("unit: m}", "axes: {x: detector/nothing}}", 7, "detector/nothing is no logical key"),
        ("bank/far,", "bank/<name>,", 7, "stands for the * of its key"),
        ("path: bank/far,", "", 7, "it needs a `path` or a `constant`"),
        ("view: sans", "view: snas", 2, "there is no view snas; did you mean `sans`"),
        ("view: sans", "extends: nobody", 2, "the mapping nobody is none"),
        ("view: sans", "extends: reactor", 2, "the mapping reactor extends itself"),
        ("has: [bank/counts]", "has: []", 3, "it would fit every file"),
        ("dims: [y, x]", "dims: {y: 1}", 6, "must be text"),
        ("[y, x]}", "[y, x]", 7, ""),
        ("title: Somebody's reactor", "units: {far: furlongs_or_so}", 1, "is no unit"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_key(folder, reactor, old, new, line, says):
    file = folder / "reactor.yaml"
    file.write_text(MAPPING.replace(old, new, 1))

    with pytest.raises(GumtreeError) as caught:
        load(reactor)
    assert caught.value.reason == "BAD_DICTIONARY"
    assert caught.value.message.startswith(f"{file}:{line}: ")
    assert says in caught.value.message


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"- a\n- b\n", b"just text", b"a: 1\na: 2\n", b"[" * 50_000]
)
def test_what_is_no_table_is_told_with_its_file(folder, reactor, content):
    (folder / "reactor.yaml").write_bytes(content)

    with pytest.raises(GumtreeError, match=r"reactor\.yaml") as caught:
        load(reactor)
    assert caught.value.reason == "BAD_DICTIONARY"


def test_what_is_shipped_has_no_mistakes(tmp_path):
    (tmp_path / "elsewhere").symlink_to(config_directory() / "dictionaries")
    copies = [tmp_path / "elsewhere" / path.name for path in dictionary_files()]

    assert read_dictionary(copies).mappings


def test_the_shipped_mappings_are_all_told_what_they_were_tested_on():
    table = dictionary()

    assert {"quokka", "echidna", "wombat", "platypus", "spatz", "bilby", "kowari", "soleil", "bliss"} <= {
        each.name for each in table.mappings
    }
    assert all(each.tested for each in table.mappings if each.recognise)
    assert all(each.title and each.view in table.views for each in table.mappings if each.recognise)


def test_every_key_that_is_mapped_has_a_label():
    table = dictionary()

    assert all(concept.label for concept in table.concepts.values())
    for mapping in table.mappings:
        assert all(table.concept(key) for key in mapping.keys)


def test_two_concepts_never_share_a_synonym():
    words = [word.casefold() for concept in dictionary().concepts.values() for word in concept.synonyms]

    assert len(words) == len(set(words))


def test_who_asks_a_run_for_a_synonym_is_told_the_key(folder, reactor):
    (folder / "reactor.yaml").write_text(MAPPING)

    with pytest.raises(GumtreeError, match="called detector/distance") as caught:
        load(reactor)["L2"]
    assert caught.value.reason == "KEY_MISSING"


def test_counts_that_are_a_current_keep_its_unit_and_have_no_errors(folder, reactor):
    (folder / "reactor.yaml").write_text(
        MAPPING.replace("dims: [y, x]}", "dims: [y, x], unit: A, poisson: false}")
    )
    counts = load(reactor).data("detector/counts")

    assert (counts.unit, counts.variances) == ("A", None)


@pytest.mark.parametrize(
    ("expression", "values", "unit"),
    [
        ("{path: bank/edges, dims: x, then: pitch}", 2, "mm"),
        ("{path: bank/edges, dims: x, then: [centers, first]}", 1, "mm"),
        ("{path: bank/edges, dims: x, then: last}", 8, "mm"),
        ("{path: bank/edges, dims: x, then: [{flip: x}, first]}", 8, "mm"),
        ("{path: bank/edges, dims: x, then: {sum: x}}", 20, "mm"),
        ("{path: [bank/far, bank/far], unit: m, then: [{sum: point}]}", 5000, "mm"),
        ("{constant: -3 cm, then: absolute}", 30, "mm"),
        ("{constant: 60 deg, then: [cos, {multiply: 2 m}]}", 1000, "mm"),
        ("{constant: 30 deg, then: [sin, {multiply: 2 m}]}", 1000, "mm"),
        ("{constant: 1 m, then: [{add: 10 cm}, {subtract: 100 mm}, {divide: 4}]}", 250, "mm"),
        ("{path: bank/far, unit: m, then: {add: detector/x}}", 2600, "mm"),
    ],
)
def test_a_step_does_what_it_says(folder, reactor, expression, values, unit):
    with h5py.File(reactor, "a") as file:
        file["run1/bank/edges"] = [0.0, 2.0, 4.0, 6.0, 8.0]
        file["run1/bank/edges"].attrs["units"] = "mm"
    old = "detector/distance: {path: bank/far, unit: m}"
    text = MAPPING.replace(old, f"detector/distance: {expression}\n  detector/x: {{constant: 100 mm}}")
    (folder / "reactor.yaml").write_text(text)
    found = load(reactor).data("detector/distance")

    assert (float(found.values), found.unit) == (pytest.approx(values), unit)


def test_a_key_that_is_made_from_itself_is_refused(folder, reactor):
    text = MAPPING.replace("unit: m}", "unit: m, then: {add: detector/x}}")
    (folder / "reactor.yaml").write_text(
        text + "  detector/x: {path: bank/far, unit: m, then: {add: detector/distance}}\n"
    )

    with pytest.raises(GumtreeError, match="computed from itself") as caught:
        load(reactor)["detector/x"]
    assert caught.value.reason == "BAD_DICTIONARY"
