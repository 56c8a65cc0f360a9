"""Files that are damaged, empty, locked or made to do harm: a clear error, and nothing else is touched."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run, load
from gumtree_core.files.dictionaries.contents import contents

COUNTS = "entry1/data/data"


@pytest.fixture
def folder(tmp_path) -> Path:
    """Where the file is; its parent holds what no link may reach."""
    inner = tmp_path / "data"
    inner.mkdir()
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["counts"] = np.full((2, 3), 7)
    return inner


@pytest.fixture
def made(folder) -> Callable[..., Path]:
    """Makes a file that is recognised as Echidna's; the function given puts the counts into it."""

    def make(put: Callable[[h5py.File], None]) -> Path:
        path = folder / "run.nx.hdf"
        with h5py.File(path, "w") as file:
            file["entry1/instrument/name"] = "echidna"
            file.create_group("entry1/data")
            put(file)
        return path

    return make


def refused(path: Path, reason: str, says: str = "counts") -> GumtreeError:
    run = load(path)
    assert "detector/counts" in run
    assert run["instrument/name"] == "ECHIDNA"  # the rest of the file can be used
    with pytest.raises(GumtreeError, match=says) as caught:
        run["detector/counts"]
    assert caught.value.reason == reason
    assert path.name in caught.value.message
    return caught.value


def test_a_good_file_of_this_kind_is_read(made):
    path = made(lambda file: file.create_dataset(COUNTS, data=np.ones((2, 3), int)))

    assert load(path).data("detector/counts").shape == (2, 3)


def test_an_array_that_is_declared_and_not_stored_is_not_allocated(made):
    path = made(lambda file: file.create_dataset(COUNTS, (10**6, 10**6), "int32", chunks=(100, 100)))

    refused(path, "FILE_DAMAGED", r"declares 4 TB in the shape \(1000000, 1000000\)")


def test_an_array_that_does_not_fit_in_memory_is_not_read(made, monkeypatch):
    path = made(lambda file: file.create_dataset(COUNTS, data=np.ones((20, 1000, 1000), "int32")))
    monkeypatch.setattr("gumtree_core.files.nexus.hdf5_items.available_memory", lambda: 50_000_000)

    refused(path, "NOT_ENOUGH_MEMORY", r"80 MB.*50 MB of memory are free")
    assert load(path).point(3).data("detector/counts").shape == (1000, 1000)


def test_a_contiguous_array_longer_than_its_file_is_damaged(made):
    path = made(lambda file: file.create_dataset(COUNTS, (200, 200), "int32", data=np.ones((200, 200))))
    os.truncate(path, path.stat().st_size - 40_000)

    with pytest.raises(GumtreeError, match="truncated or damaged") as caught:
        load(path)
    assert caught.value.reason == "FILE_DAMAGED"


@pytest.mark.parametrize("target", ["../secret.h5", "{parent}/secret.h5", "sub/../../secret.h5"])
def test_an_external_link_out_of_the_folder_is_not_followed(made, folder, target):
    target = target.format(parent=folder.parent)
    path = made(lambda file: file.__setitem__(COUNTS, h5py.ExternalLink(target, "/counts")))

    refused(path, "LINK_OUTSIDE", "not in the folder of the file")


def test_an_external_link_through_a_symbolic_link_is_not_followed_either(made, folder):
    (folder / "inside.h5").symlink_to(folder.parent / "secret.h5")
    path = made(lambda file: file.__setitem__(COUNTS, h5py.ExternalLink("inside.h5", "/counts")))

    refused(path, "LINK_OUTSIDE")


def test_an_external_link_within_the_folder_is_followed(made, folder):
    (folder / "scan0001").mkdir()
    with h5py.File(folder / "scan0001" / "frames.h5", "w") as file:
        file["counts"] = np.arange(6).reshape(2, 3)
    path = made(lambda file: file.__setitem__(COUNTS, h5py.ExternalLink("scan0001/frames.h5", "/counts")))

    assert load(path).data("detector/counts").values.sum() == 15


def test_a_linked_file_that_is_gone_is_named(made):
    path = made(lambda file: file.__setitem__(COUNTS, h5py.ExternalLink("gone.h5", "/counts")))

    refused(path, "FILE_MISSING", r"gone\.h5, which does not exist")


def test_frames_of_a_virtual_dataset_stay_in_the_folder_and_are_there(made, folder):
    def virtual(name: str) -> Callable[[h5py.File], None]:
        layout = h5py.VirtualLayout((2, 3), "int64")
        layout[:] = h5py.VirtualSource(name, "counts", (2, 3))
        return lambda file: file.create_virtual_dataset(COUNTS, layout)

    refused(made(virtual(str(folder.parent / "secret.h5"))), "LINK_OUTSIDE")
    refused(made(virtual("gone.h5")), "FILE_MISSING")  # HDF5 would give zeros
    with h5py.File(folder / "frames.h5", "w") as file:
        file["counts"] = np.ones((2, 3), int)
    assert load(made(virtual("frames.h5"))).data("detector/counts").values.sum() == 6


def test_raw_data_in_another_file_stays_in_the_folder(made, folder):
    secret = folder.parent / "passwords"
    secret.write_bytes(b"x" * 24)
    path = made(
        lambda file: file.create_dataset(
            COUNTS, (2, 3), "int32", external=[(str(secret), 0, h5py.h5f.UNLIMITED)]
        )
    )

    refused(path, "LINK_OUTSIDE")


def test_links_that_lead_in_a_circle_end(made):
    def circle(file: h5py.File) -> None:
        file[COUNTS] = h5py.SoftLink("/entry1/data/other")
        file["entry1/data/other"] = h5py.SoftLink("/entry1/data/data")

    refused(made(circle), "FILE_DAMAGED", "leads in a circle")


def test_a_soft_link_is_followed_within_the_file(made):
    def linked(file: h5py.File) -> None:
        file["entry1/frames"] = np.ones((2, 3), int)
        file[COUNTS] = h5py.SoftLink("/entry1/frames")

    assert load(made(linked)).data("detector/counts").values.sum() == 6


def test_a_group_inside_of_itself_is_listed_once(made):
    path = made(lambda file: file.__setitem__("entry1/data/above", file["entry1"]))

    assert [each.path for each in contents(path) if each.path.count("above") > 1] == []


def test_groups_as_deep_as_a_file_can_have_are_listed(made):
    def deep(file: h5py.File) -> None:
        group = file
        for _ in range(3000):
            group = group.create_group("g")
        file[COUNTS] = np.ones((2, 3), int)

    path = made(deep)

    assert max(each.path.count("/") for each in contents(path)) <= 4
    assert load(path).data("detector/counts").shape == (2, 3)


@pytest.mark.parametrize(
    ("put", "says"),
    [
        (lambda file: file.create_dataset(COUNTS, (2,), h5py.ref_dtype), "references"),
        (lambda file: file.create_dataset(COUNTS, data=np.zeros(2, [("a", int), ("b", float)])), "of type"),
        (lambda file: file.create_dataset(COUNTS, (2,), h5py.vlen_dtype(int)), "of type object"),
        (lambda file: file.create_dataset(COUNTS, data=np.ones(2, complex)), "complex128"),
    ],
    ids=["references", "compound", "ragged", "complex"],
)
def test_what_is_no_number_is_called_by_its_type(made, put, says):
    refused(made(put), "BAD_TYPE", says)


def test_counts_that_are_text_or_empty_are_not_there(made):
    assert "detector/counts" not in load(made(lambda file: file.create_dataset(COUNTS, data="many")))
    assert "detector/counts" not in load(
        made(lambda file: file.create_dataset(COUNTS, data=h5py.Empty("i4")))
    )


def test_negative_and_infinite_counts_are_refused(made):
    refused(made(lambda file: file.create_dataset(COUNTS, data=[[-1, 2]])), "BAD_COUNTS")
    refused(made(lambda file: file.create_dataset(COUNTS, data=[[np.inf, 2]])), "BAD_COUNTS")


def test_axes_that_do_not_fit_are_told(made):
    def odd(file: h5py.File) -> None:
        file[COUNTS] = np.ones((2, 3), int)
        file["entry1/instrument/detector/y_pixel_offset"] = np.arange(9.0)

    refused(made(odd), "BAD_AXIS", "y")


def test_a_text_that_is_no_utf8_is_read_as_latin_1(made):
    def danish(file: h5py.File) -> None:
        file["entry1/title"] = np.bytes_("r\xf8d".encode("latin-1"))

    assert load(made(danish))["run/title"] == "rød"


def readable(run: Run, key: str) -> bool:
    try:
        run[key]
    except GumtreeError:
        return False
    return True


LOCK = """
import sys, time, h5py
file = h5py.File(sys.argv[1], "r+", locking=True, libver=("v108", "v108"))
file.flush()
sys.stdout.write("open\\n"); sys.stdout.flush()
sys.stdin.read()
"""


def test_a_file_that_another_program_has_locked_is_called_locked(made):
    path = made(lambda file: file.create_dataset(COUNTS, data=np.ones((2, 3), int)))
    command = [sys.executable, "-c", LOCK, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        try:
            with pytest.raises(GumtreeError, match="open for writing in another program") as caught:
                load(path)
            assert caught.value.reason == "FILE_LOCKED"
        finally:
            other.communicate("")
    assert load(path).data("detector/counts").shape == (2, 3)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_file_with_any_byte_changed_gives_counts_or_a_clear_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("bytes") / "run.nx.hdf"
    with h5py.File(path, "w") as file:
        file["entry1/instrument/name"] = "echidna"
        file.create_dataset(COUNTS, data=np.ones((4, 5), "int32"), chunks=(2, 5), compression="gzip")
        file["entry1/data/stth"] = np.arange(4.0)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)

    try:
        run = load(path)
    except GumtreeError as error:
        told = error.message
    else:
        told = f"{path.name}: {[key for key in run if not readable(run, key)]}"
    assert path.name in told
    with contextlib.suppress(GumtreeError):
        list(contents(path))


def test_a_dataset_that_was_saved_is_a_run(tmp_path):
    saved = Dataset([1.0, 2.0], [1.0, 2.0], dims=("q",)).save(tmp_path / "curve.nxs")
    named = Dataset([[3]], dims=("y", "x")).save(tmp_path / "named.nxs", "detector/counts")

    run = load(saved)
    assert (run.format, list(run)) == ("gumtree-dataset", ["reduced/data"])
    np.testing.assert_array_equal(run.data("reduced/data").variances, [1, 2])
    assert list(load(named)) == ["detector/counts"]


def test_a_pipe_is_no_file_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.nxs")

    with pytest.raises(GumtreeError, match="is no file") as caught:
        load(tmp_path / "pipe.nxs")
    assert caught.value.reason == "FILE_MISSING"
