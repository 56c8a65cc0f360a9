"""`gumtree up`, `down` and `status` as a user runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tango

GUMTREE = str(Path(sys.executable).parent / "gumtree")


@pytest.fixture
def gumtree(tmp_path: Path) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Runs the command to its end, with data directories in a temporary folder."""
    environment = {**os.environ, "GUMTREE_DATA": str(tmp_path), "COLUMNS": "100"}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [GUMTREE, *words], env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    yield run
    run("down", "small")


@pytest.fixture
def up(gumtree: Any, small: Path, tmp_path: Path) -> Path:
    """The small instrument, running in the background; returns its data directory."""
    done = gumtree("up", str(small), "--detach", "--seed", "3")
    assert done.returncode == 0, done.stderr
    assert "small/motor/x" in done.stdout
    assert "Up in" in done.stdout
    return tmp_path / "small"


def status(gumtree: Any) -> dict[str, Any]:
    return json.loads(gumtree("status", "--json").stdout)


def process(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in found["processes"] if each["name"] == name)


def test_up_status_down(gumtree, up, processes_of, small, wait_until):
    found = status(gumtree)
    assert found["instrument"] == "small"
    assert [device["state"] for device in found["devices"]] == ["ON", "ON"]
    assert all(process["running"] for process in found["processes"])
    assert found["launcher_running"]

    shown = gumtree("status", "small")
    assert shown.returncode == 0
    for text in ("small/motor/x", "small_x", "GumtreeMotor", "simulator", found["tango_host"]):
        assert text in shown.stdout

    again = gumtree("up", str(small))
    assert again.returncode == 1
    assert again.stderr.startswith("ALREADY_RUNNING")
    assert f"process {found['pid']}" in again.stderr

    os.kill(process(found, "GumtreeMotor")["pid"], signal.SIGKILL)
    wait_until(lambda: process(status(gumtree), "GumtreeMotor")["restarts"] == 1, 30)
    assert process(status(gumtree), "GumtreeMotor")["last_ending"] == "was killed by SIGKILL"
    assert (
        "GumtreeMotor was killed by SIGKILL; it was started again" in (up / "logs/launcher.log").read_text()
    )

    down = gumtree("down")
    assert (down.returncode, down.stderr) == (0, "")
    assert processes_of(up) == {}
    gone = gumtree("status")
    assert (gone.returncode, gone.stderr.split()[0]) == (1, "NOT_RUNNING")


def test_a_killed_launcher_leaves_no_process_and_status_says_so(gumtree, up, processes_of, wait_until):
    found = status(gumtree)
    os.kill(found["pid"], signal.SIGKILL)
    wait_until(lambda: processes_of(up) == {})
    after = gumtree("status")
    assert after.returncode == 1
    assert "The launcher is dead" in after.stdout
    assert after.stdout.count("UNREACHABLE") >= 2
    assert gumtree("down").returncode == 0
    assert gumtree("down").stderr.startswith("NOT_RUNNING")


def test_ctrl_c_stops_all_in_order(small, data_dir, processes_of):
    with subprocess.Popen(
        [GUMTREE, "up", str(small), "--data-dir", str(data_dir)], stdout=subprocess.PIPE, text=True
    ) as launcher:
        assert launcher.stdout is not None
        shown = ""
        while "Ctrl-C stops all." not in shown:
            line = launcher.stdout.readline()
            assert line, shown
            shown += line
        host = shown.partition("TANGO_HOST=")[2].split()[0]
        assert tango.DeviceProxy(f"tango://{host}/small/motor/x").state() == tango.DevState.ON
        launcher.send_signal(signal.SIGINT)
        rest = launcher.stdout.read()
        assert launcher.wait(20) == 0
    assert rest.splitlines() == ["Stopping.", "All processes have ended."]
    assert processes_of(data_dir) == {}
    assert (data_dir / "logs" / "GumtreeMotor.log").exists()


def test_a_signal_during_the_start_leaves_no_process(small, data_dir, processes_of, wait_until):
    with subprocess.Popen(
        [GUMTREE, "up", str(small), "--data-dir", str(data_dir)], stdout=subprocess.PIPE, text=True
    ) as launcher:
        wait_until(lambda: any("PyDatabaseds" in command for command in processes_of(data_dir).values()), 20)
        launcher.send_signal(signal.SIGTERM)
        assert launcher.wait(20) == 0
    assert processes_of(data_dir) == {}


@pytest.mark.parametrize("detach", [(), ("--detach",)])
def test_a_mistake_in_the_file_is_one_line_without_a_traceback(gumtree, small, tmp_path, detach):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(small.read_text().replace("Axis:", "Axxis:"))
    done = gumtree("up", str(wrong), *detach)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    what = (
        "there is no property of GumtreeMotor Axxis, did you mean Axis? Allowed: Axis, Controller, IdleState."
    )
    assert line == f"CONFIG_INVALID {wrong}:8: {what}"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("up", "nothing.yaml"), "CONFIG_INVALID"),
        (("up", "sans", "--tango-host", "127.0.0.1:1"), "DATABASE_UNREACHABLE"),
        (("up", "sans", "--tango-host", "127.0.0.1:1", "--detach"), "DATABASE_UNREACHABLE"),
        (("down",), "NOT_RUNNING"),
        (("down", "sans"), "NOT_RUNNING"),
        (("status", "sans", "--json"), "NOT_RUNNING"),
    ],
)
def test_what_cannot_be_done_is_one_line_without_a_traceback(gumtree, words, reason):
    done = gumtree(*words)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{reason} ")
    assert len(done.stderr.splitlines()) == 1
