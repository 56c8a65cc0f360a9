"""Which devices the window shows, and what is told when there are none."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tango
from click.testing import CliRunner

from gumtree_core.errors import GumtreeError
from taurus_gui import command
from taurus_gui.discovery import Instrument, entries, find

RUN = {
    "tango_host": "127.0.0.1:12345",
    "instrument": "sans",
    "devices": [
        {"name": "sans/motor/sample_x", "class": "GumtreeMotor", "alias": "sample_x"},
        {"name": "sans/scan/main", "class": "GumtreeScan", "alias": ""},
    ],
    "processes": [],
}


@pytest.fixture
def data(tmp_path, monkeypatch):
    """An empty data directory and no TANGO_HOST; write_run(name) makes an instrument look as if it ran."""
    monkeypatch.setenv("GUMTREE_DATA", str(tmp_path))
    monkeypatch.delenv("TANGO_HOST", raising=False)

    def write_run(name, text=None):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "run.json").write_text(text or json.dumps({**RUN, "instrument": name}))

    return write_run


def test_the_running_instrument_is_found_by_its_name_and_without(data):
    data("sans")

    for found in (find("sans", None), find(None, None)):
        assert found.name == "sans"
        assert [entry.label for entry in found.devices] == ["sample_x", "main"]
        assert found.resource(found.devices[0]) == "tango://127.0.0.1:12345/sans/motor/sample_x"


def test_an_instrument_with_a_data_directory_of_its_own_is_found_by_that(data, tmp_path):
    data("elsewhere", json.dumps({**RUN, "instrument": "sans", "title": "Small angles"}))
    data("powder")

    found = find(None, None, data_dir=tmp_path / "elsewhere")
    assert (found.name, found.title, len(found.devices)) == ("sans", "Small angles", 2)
    with pytest.raises(GumtreeError, match="gumtree up --data-dir") as told:
        find(None, None, data_dir=tmp_path / "nowhere")
    assert told.value.reason == "INSTRUMENT_NOT_RUNNING"


@pytest.mark.parametrize(
    ("running", "asked", "reason"),
    [
        ([], None, "INSTRUMENT_NOT_RUNNING"),
        ([], "sans", "INSTRUMENT_NOT_RUNNING"),
        (["sans"], "powder", "INSTRUMENT_NOT_RUNNING"),
        (["sans", "powder"], None, "SEVERAL_INSTRUMENTS"),
    ],
)
def test_what_is_not_running_is_told_with_what_to_do(data, running, asked, reason):
    for name in running:
        data(name)

    with pytest.raises(GumtreeError, match="gumtree") as told:
        find(asked, None)
    assert told.value.reason == reason


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"tango_host": "h:1"}'])
def test_a_broken_record_is_told(data, text):
    data("sans", text)

    with pytest.raises(GumtreeError, match=r"run\.json"):
        find("sans", None)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense", "127.0.0.1:port"])
def test_a_database_that_is_not_there_is_told(data, address):
    with pytest.raises(GumtreeError, match=re.escape(address)) as told:
        find("sans", address)
    assert told.value.reason == "DATABASE_UNREACHABLE"


def test_devices_that_are_named_need_no_instrument(data):
    found = find(None, None, ["tango://h:1/a/b/c#dbase=no", "sys/tg_test/1"])

    assert [entry.label for entry in found.devices] == ["c", "1"]
    assert found.resource(found.devices[0]) == "tango://h:1/a/b/c#dbase=no"
    assert found.resource(found.devices[1]) == "sys/tg_test/1"


def test_labels_tell_devices_apart():
    names = [
        ("sans/detector/main", ""),
        ("sans/reduction/main", ""),
        ("sans/motor/x", ""),
        ("a/b/c", "sample_x"),
    ]

    assert [entry.label for entry in entries(names)] == ["detector main", "reduction main", "x", "sample_x"]


@pytest.fixture
def database(tmp_path):
    """An empty Tango database in a process of its own; its HOST:PORT."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [Path(sys.executable).with_name("PyDatabaseds"), "--host", "127.0.0.1", "--port", str(port), "2"],
        env={**os.environ, "PYTANGO_DATABASE_NAME": str(tmp_path / "tango.db")},
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    while True:
        try:
            tango.Database("127.0.0.1", port).get_info()
            break
        except tango.DevFailed:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
    yield f"127.0.0.1:{port}"
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=10)


def test_an_instrument_in_a_facilitys_database_is_found_by_its_free_property(data, database):
    host, port = database.split(":")
    db = tango.Database(host, int(port))
    with pytest.raises(GumtreeError, match="known: none"):
        find("sans", database)
    device = tango.DbDevInfo()
    device.name, device._class, device.server = "sans/motor/x", "GumtreeMotor", "GumtreeMotor/sans"
    db.add_device(device)
    db.put_device_alias("sans/motor/x", "sample_x")
    db.put_property("gumtree", {"sans": ["sans/motor/x", "sans/scan/main"]})

    found = find(None, database)
    assert found == find("sans", database)
    assert (found.name, found.tango_host) == ("sans", database)
    assert [entry.label for entry in found.devices] == ["sample_x", "main"]
    with pytest.raises(GumtreeError, match="powder"):
        find("powder", database)


def test_without_a_display_the_command_says_what_to_do(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)

    told = CliRunner().invoke(command.gui, ["sans"]).exception

    assert (told.reason, "--screenshot" in told.message) == ("NO_DISPLAY", True)


def test_without_the_extra_the_command_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "taurus", None)

    told = CliRunner().invoke(command.gui, ["sans", "--screenshot", "x.png"]).exception

    assert (told.reason, "gumtree-tango[gui]" in told.message) == ("GUI_NOT_INSTALLED", True)


@pytest.mark.parametrize("size", ["big", "10x10", "1600"])
def test_a_size_that_is_none_is_told(size):
    result = CliRunner().invoke(command.gui, ["--size", size])

    assert result.exit_code == 2
    assert "1600x1000" in result.output


def test_a_resource_stays_in_the_instruments_database():
    found = Instrument("sans", "h:1", entries([("sans/motor/x", "")]))

    assert found.resource(found.devices[0]) == "tango://h:1/sans/motor/x"
