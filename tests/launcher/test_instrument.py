"""A whole small instrument with real processes: start, deaths, registration, stop."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tango
from tango import DevState

from gumtree_core.errors import GumtreeError
from servers.launcher import instrument as module
from servers.launcher.instrument import Instrument
from servers.launcher.registration import open_database

MOTOR, REPOSITORY = "small/motor/x", "small/scripts/repository"


def other(text: str) -> str:
    """The small instrument under another name, with devices of its own."""
    return renamed(text).replace("small/", "other/")


def bare(text: str) -> str:
    """The motor alone, with hardware that is not there: quick to start."""
    text = text.replace("simulation: {kind: sans}", "").replace('"${simulator}"', "tcp://127.0.0.1:1")
    return text[: text.index("  small/scripts/repository:")]


def renamed(text: str) -> str:
    return text.replace("instrument: small", "instrument: other")


@pytest.fixture(scope="module")
def instrument(
    small: Path, tmp_path_factory: pytest.TempPathFactory, told: Any, processes_of: Any
) -> Iterator[Instrument]:
    """The small instrument, up."""
    data_dir = tmp_path_factory.mktemp("running")
    with Instrument(small, data_dir=data_dir, seed=7, speed=50, notice=told) as instrument:
        yield instrument
    assert processes_of(data_dir) == {}
    assert not (data_dir / "run.json").exists()


def proxy(instrument: Instrument, name: str) -> tango.DeviceProxy:
    return tango.DeviceProxy(f"tango://{instrument.tango_host}/{name}")


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "instrument.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def kill(instrument: Instrument, name: str) -> int:
    pid = instrument.processes[name].pid
    os.kill(pid, signal.SIGKILL)
    return pid


def refused(*arguments: object, **options: object) -> GumtreeError:
    with pytest.raises(GumtreeError) as caught, Instrument(*arguments, **options):
        pass
    return caught.value


# up


def test_every_device_answers_when_the_start_returns(instrument):
    assert instrument.devices == (MOTOR, REPOSITORY)
    for name in instrument.devices:
        assert proxy(instrument, name).state() == DevState.ON


def test_what_the_file_declares_is_in_effect(instrument):
    motor = proxy(instrument, "small_x")
    assert motor.dev_name() == MOTOR
    config = motor.get_attribute_config("position")
    assert (config.label, config.max_value, config.unit) == ("Sample", "90", "mm")
    assert motor.backlash == 2.5


def test_run_json_says_what_runs(instrument, processes_of):
    record = json.loads((instrument.data_dir / "run.json").read_text())
    assert record["tango_host"] == instrument.tango_host
    assert (record["instrument"], record["title"], record["pid"]) == ("small", "One motor", os.getpid())
    assert record["devices"] == [
        {"name": MOTOR, "class": "GumtreeMotor", "alias": "small_x"},
        {"name": REPOSITORY, "class": "GumtreeScriptRepository", "alias": ""},
    ]
    processes = {each["name"]: each["pid"] for each in record["processes"]}
    assert list(processes) == ["database", "simulator", "GumtreeMotor", "GumtreeScriptRepository"]
    assert set(processes.values()) == set(processes_of(instrument.data_dir))


def test_a_client_that_knows_only_the_database_finds_the_devices(instrument):
    database = open_database(instrument.tango_host)
    assert list(database.get_property("gumtree", "small")["small"]) == [MOTOR, REPOSITORY]


def test_everything_listens_on_this_machine_only(instrument):
    ours = {each.pid for each in instrument.processes.values()}
    inodes = {
        link.readlink().name.removeprefix("socket:[").rstrip("]")
        for pid in ours
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if link.is_symlink() and str(link.readlink()).startswith("socket:")
    }
    listening = []
    for table, local in (("tcp", "0100007F"), ("tcp6", None)):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                listening.append(fields[1].partition(":")[0] == local)
    assert len(listening) >= len(ours)
    assert all(listening)


def test_a_second_start_in_the_same_folder_is_refused_and_names_the_first(instrument, small):
    error = refused(small, data_dir=instrument.data_dir)
    assert error.reason == "ALREADY_RUNNING"
    assert f"process {os.getpid()}" in error.message
    assert proxy(instrument, MOTOR).state() == DevState.ON


# deaths


def test_a_server_that_is_killed_is_started_again_and_that_is_said(instrument, told, wait_until):
    motor = proxy(instrument, MOTOR)
    motor.position = 10
    wait_until(lambda: motor.state() == DevState.ON)
    pid = kill(instrument, "GumtreeMotor")
    told.wait(lambda line: line.startswith("GumtreeMotor was killed by SIGKILL; it was started again"))
    assert instrument.processes["GumtreeMotor"].pid != pid
    wait_until(lambda: is_on(instrument, MOTOR), 20)
    assert proxy(instrument, MOTOR).position == pytest.approx(10, abs=0.01)
    wait_until(lambda: '"restarts": 1' in (instrument.data_dir / "run.json").read_text())


def test_the_database_comes_back_on_its_port_with_what_it_knew(instrument, told, wait_until):
    proxy(instrument, MOTOR).backlash = 1.5
    host = instrument.tango_host
    kill(instrument, "database")
    told.wait(lambda line: line.startswith("database was killed"))
    wait_until(lambda: is_on(instrument, MOTOR), 20)
    assert instrument.tango_host == host
    wait_until(lambda: writes(instrument, backlash=1.0), 20)
    kill(instrument, "GumtreeMotor")
    wait_until(lambda: is_on(instrument, MOTOR) and proxy(instrument, MOTOR).backlash == 1.0, 20)


def test_the_simulated_hardware_comes_back_on_its_port_where_it_stood(instrument, told, wait_until):
    motor = proxy(instrument, MOTOR)
    wait_until(lambda: motor.state() == DevState.ON)
    motor.position = 20
    wait_until(lambda: motor.state() == DevState.ON)
    kept = instrument.data_dir / "simulator.json"
    wait_until(lambda: json.loads(kept.read_text())["axes"]["sample_x"]["place"] == 20)
    kill(instrument, "simulator")
    told.wait(lambda line: line.startswith("simulator was killed"))
    wait_until(lambda: is_on(instrument, MOTOR), 20)
    assert motor.position == pytest.approx(20, abs=0.01)


def is_on(instrument: Instrument, name: str) -> bool:
    try:
        return proxy(instrument, name).state() == DevState.ON
    except tango.DevFailed:
        return False


def writes(instrument: Instrument, **values: float) -> bool:
    try:
        for name, value in values.items():
            proxy(instrument, MOTOR).write_attribute(name, value)
    except tango.DevFailed:
        return False
    return True


# a second life of a database


def test_what_a_client_has_set_survives_and_what_the_file_no_longer_declares_is_gone(
    data_dir, tmp_path, small
):
    with Instrument(small, data_dir=data_dir) as instrument:
        motor = proxy(instrument, MOTOR)
        motor.backlash = 0.5
        database = open_database(instrument.tango_host)
        database.put_device_property(MOTOR, {"IdleState": ["STANDBY"]})
    text = small.read_text().replace("{label: Sample, max_value: 90}", "{label: Probe}")
    text = text[: text.index("  small/scripts/repository:")]
    with Instrument(written(tmp_path, text), data_dir=data_dir) as instrument:
        motor = proxy(instrument, MOTOR)
        config = motor.get_attribute_config("position")
        assert (config.label, motor.backlash) == ("Probe", 0.5)
        assert config.max_value != "90"
        assert motor.state() == DevState.STANDBY
        assert list(instrument.processes) == ["database", "simulator", "GumtreeMotor"]


# a facility's database


@pytest.fixture(scope="module")
def facility(instrument: Instrument) -> str:
    """A database that runs already: that of the small instrument."""
    return instrument.tango_host


def test_a_facility_s_database_is_used_and_none_is_started(facility, small, data_dir, tmp_path, processes_of):
    path = written(tmp_path, other(small.read_text()).replace("small_x", "other_x"))
    with Instrument(path, data_dir=data_dir, tango_host=facility) as instrument:
        assert list(instrument.processes) == ["simulator", "GumtreeMotor", "GumtreeScriptRepository"]
        assert proxy(instrument, "other_x").state() == DevState.ON
    assert open_database(facility).get_info()
    assert processes_of(data_dir) == {}


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        (other, "ALIAS_TAKEN", "The alias small_x belongs to small/motor/x"),
        (
            renamed,
            "DEVICE_TAKEN",
            "The device small/motor/x belongs to the server GumtreeMotor/small in this database",
        ),
        (str, "SERVER_RUNNING", "The server GumtreeMotor/small runs already on "),
    ],
)
def test_nothing_of_others_is_taken_over(
    facility, small, data_dir, tmp_path, processes_of, change, reason, words
):
    database = open_database(facility)
    before = list(database.get_device_name("*", "*"))
    error = refused(written(tmp_path, change(small.read_text())), data_dir=data_dir, tango_host=facility)
    assert (error.reason, words in error.message) == (reason, True)
    known = [each for each in database.get_device_name("*", "*") if each not in before]
    assert known == []
    assert processes_of(data_dir) == {}


def test_a_database_that_is_not_there_is_one_message(small, data_dir, processes_of):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    error = refused(small, data_dir=data_dir, tango_host=host)
    assert error.reason == "DATABASE_UNREACHABLE"
    assert host in error.message
    assert refused(small, data_dir=data_dir, tango_host="db").reason == "TANGO_HOST_INVALID"
    assert processes_of(data_dir) == {}


# starts that fail


def test_a_server_that_dies_at_the_start_is_reported_with_the_end_of_its_log(
    small, data_dir, monkeypatch, tmp_path, processes_of
):
    broken = tmp_path / "GumtreeMotor"
    broken.write_text("#!/bin/sh\necho the cause >&2\nexit 3\n")
    broken.chmod(0o755)
    real = module.executable
    monkeypatch.setattr(
        module, "executable", lambda name: str(broken) if name == "GumtreeMotor" else real(name)
    )
    error = refused(written(tmp_path, bare(small.read_text())), data_dir=data_dir)
    assert error.reason == "START_FAILED"
    first, *_, last = error.message.splitlines()
    assert "small/motor/x does not answer because GumtreeMotor ended with exit code 3" in first
    assert str(data_dir / "logs" / "GumtreeMotor.log") in first
    assert last == "    the cause"
    assert processes_of(data_dir) == {}


def test_a_server_that_never_answers_is_reported(small, data_dir, monkeypatch, tmp_path, processes_of):
    silent = tmp_path / "GumtreeMotor"
    silent.write_text("#!/bin/sh\nexec sleep 60\n")
    silent.chmod(0o755)
    real = module.executable
    monkeypatch.setattr(
        module, "executable", lambda name: str(silent) if name == "GumtreeMotor" else real(name)
    )
    monkeypatch.setattr(module, "START_TIMEOUT", 3.0)
    error = refused(written(tmp_path, bare(small.read_text())), data_dir=data_dir)
    assert "small/motor/x does not answer after 3 s" in error.message
    assert processes_of(data_dir) == {}


def test_a_folder_that_cannot_be_written_is_said(small, tmp_path):
    (tmp_path / "file").write_text("")
    assert refused(small, data_dir=tmp_path / "file" / "data").reason == "DATA_DIRECTORY_UNUSABLE"


def test_a_folder_whose_name_tango_does_not_transport_is_said(small, tmp_path):
    error = refused(small, data_dir=tmp_path / "däta 中")

    assert error.reason == "DATA_DIRECTORY_UNUSABLE"
    assert "letters that Tango does not transport (ä中)" in error.message
    assert not (tmp_path / "däta 中").exists()


def test_a_seed_without_a_simulation_is_said(small, tmp_path, data_dir):
    assert (
        refused(written(tmp_path, bare(small.read_text())), data_dir=data_dir, seed=1).reason
        == "NO_SIMULATION"
    )


def test_everything_is_up_within_five_seconds(instrument):
    assert sum(instrument.start_times.values()) < 5


def test_a_stop_kills_what_does_not_end(small, data_dir, tmp_path, monkeypatch, notices, processes_of):
    monkeypatch.setattr(module, "STOP_GRACE", 0.5)
    path = written(tmp_path, bare(small.read_text()))
    with Instrument(path, data_dir=data_dir, notice=notices) as instrument:
        os.kill(instrument.processes["GumtreeMotor"].pid, signal.SIGSTOP)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert notices.lines == ["GumtreeMotor did not end within 0 s and was killed."]
    assert processes_of(data_dir) == {}
