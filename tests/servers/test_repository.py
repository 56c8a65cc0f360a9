"""GumtreeScriptRepository with real git repositories, seen by a plain client."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tango
from tango import DevState
from tango.test_context import DeviceTestContext

from servers.repository import GumtreeScriptRepository

SCRIPT = '''"""A script."""
from gumtree_core.scripts import Script


class {name}(Script):
    """Counts on the {where}."""

    author = "A. Person"
    version = "1.0"
'''
AT_REST = (DevState.ON, DevState.ALARM, DevState.FAULT)


def git(folder: Path, *words: str) -> str:
    person = ("-c", "user.name=Colleague", "-c", "user.email=colleague@example.org")
    environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    return subprocess.run(
        ["git", *person, *words], cwd=folder, check=True, capture_output=True, text=True, env=environment
    ).stdout.strip()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    seed = folder / "seed"
    seed.mkdir()
    (seed / "total.py").write_text(SCRIPT.format(name="Total", where="detector"))
    (seed / "monitor.py").write_text(SCRIPT.format(name="Monitor", where="monitor"))
    return folder


@pytest.fixture(scope="module")
def device(folder: Path) -> Iterator[tango.DeviceProxy]:
    properties = {
        "Central": str(folder / "scripts.git"),
        "Directory": str(folder / "scripts"),
        "Seed": str(folder / "seed"),
    }
    with DeviceTestContext(GumtreeScriptRepository, process=True, properties=properties) as device:
        yield device


@pytest.fixture
def repository(device: tango.DeviceProxy, wait_until: Any) -> tango.DeviceProxy:
    """At rest."""
    wait_until(lambda: device.state() in AT_REST, explain=device.status)
    return device


def push(folder: Path, name: str, text: str) -> str:
    """A colleague changes a file and pushes it; returns the commit."""
    work = folder / "colleague"
    if not work.exists():
        git(folder, "clone", "-q", "scripts.git", "colleague")
    git(work, "pull", "-q")
    (work / name).write_text(text)
    git(work, "add", "-A")
    git(work, "commit", "-qm", f"Change {name}")
    git(work, "push", "-q")
    return git(work, "rev-parse", "HEAD")


def failure(call: Any, *arguments: Any) -> tango.DevError:
    with pytest.raises(tango.DevFailed) as caught:
        call(*arguments)
    return caught.value.args[0]


def test_the_first_start_makes_the_central_repository_and_lists_the_scripts(repository, folder):
    assert repository.state() == DevState.ON
    assert repository.scripts == ("monitor", "total")
    assert repository.titles == ("Counts on the monitor.", "Counts on the detector.")
    assert repository.authors == ("A. Person", "A. Person")
    assert repository.versions == ("1.0", "1.0")
    assert repository.commit == git(folder / "scripts.git", "rev-parse", "main")
    assert (repository.branch, repository.clean, repository.ahead, repository.behind) == ("main", True, 0, 0)
    assert "Scripts as shipped" in repository.history[0]
    assert repository.directory == str(folder / "scripts")


def test_sync_returns_at_once_and_takes_what_is_new(repository, folder, events):
    new = push(folder, "other.py", SCRIPT.format(name="Other", where="sample"))
    events.follow(repository, "state", "scripts", "commit")
    repository.Sync()
    events.wait("commit", new)
    events.wait("state", DevState.ON)
    assert events.of("state")[-2:] == [DevState.RUNNING, DevState.ON]
    assert events.of("scripts")[-1] == ("monitor", "other", "total")
    assert repository.last_sync.endswith(f"1 commit taken; now at {new[:10]}.")
    assert events.events[-1][0] == "state"


def test_what_a_user_edits_in_the_folder_is_seen_without_a_sync_and_not_overwritten(
    repository, folder, events
):
    mine = folder / "scripts" / "total.py"
    before = mine.read_text()
    push(folder, "total.py", SCRIPT.format(name="Total", where="roof"))
    events.follow(repository, "titles", "clean", "state")
    mine.write_text(SCRIPT.format(name="Total", where="floor"))
    events.wait("titles", lambda titles: "Counts on the floor." in titles)
    events.wait("clean", False)
    repository.Sync()
    events.wait("state", DevState.ALARM)
    assert "total.py" in repository.status()
    assert "floor" in mine.read_text()
    assert repository.behind == 1
    mine.write_text(before)
    repository.Sync()
    events.wait("state", DevState.ON)
    assert "roof" in mine.read_text()


def test_source_info_and_history_of_a_script(repository):
    assert repository.Source("monitor") == SCRIPT.format(name="Monitor", where="monitor")
    info = json.loads(repository.Info("monitor"))
    assert (info["name"], info["title"], info["problem"]) == ("monitor", "Counts on the monitor.", "")
    assert len(repository.ScriptHistory("monitor")) == 1
    assert len(repository.ScriptHistory("")) >= 1


@pytest.mark.parametrize("command", ["Source", "Info", "ScriptHistory"])
def test_an_unknown_script_is_one_message_that_names_the_known_ones(repository, command):
    error = failure(repository.command_inout, command, "monitr")
    assert error.reason == "SCRIPT_UNKNOWN"
    assert "Did you mean monitor?" in error.desc


def test_a_path_is_no_name_of_a_script(repository, folder):
    for name in (str(folder / "seed" / "total.py"), "../seed/total"):
        assert failure(repository.Source, name).reason == "SCRIPT_UNKNOWN"


def test_the_commands_offer_the_scripts_as_choices(repository):
    argument = json.loads(repository.ui_hints)["commands"]["Source"]["argument"]
    assert argument["choices"] == list(repository.scripts)
    assert "kind" not in argument  # a choice of an enumeration would be sent as a number


def test_without_the_central_repository_the_scripts_stay_and_that_is_said(repository, folder, events):
    events.follow(repository, "state")
    (folder / "scripts.git").rename(folder / "away.git")
    repository.Sync()
    events.wait("state", DevState.ALARM)
    assert "can be used as they are" in repository.status()
    assert "monitor" in repository.scripts
    repository.Init()
    events.wait("state", DevState.ON)
    assert "monitor" in repository.scripts
    assert not (folder / "scripts.git").exists()
    (folder / "away.git").rename(folder / "scripts.git")
    repository.Sync()
    events.wait("state", DevState.RUNNING)
    events.wait("state", DevState.ON)


def test_a_missing_property_is_said():
    with DeviceTestContext(GumtreeScriptRepository, process=True) as device:
        assert device.state() == DevState.FAULT
        assert "Central and Directory" in device.status()
        assert failure(device.Source, "total").reason == "NOT_READY"


def test_a_first_start_without_the_central_repository_can_be_mended_by_a_sync(
    folder, tmp_path, events, wait_until
):
    properties = {"Central": f"file://{tmp_path}/central.git", "Directory": str(tmp_path / "scripts")}
    with DeviceTestContext(GumtreeScriptRepository, process=True, properties=properties) as device:
        wait_until(
            lambda: device.state() == DevState.ALARM, explain=device
        )  # the try may end before we follow
        events.follow(device, "state")
        assert "Sync tries again." in device.status()
        git(tmp_path, "clone", "-q", "--bare", str(folder / "scripts.git"), "central.git")
        device.Sync()
        events.wait("state", DevState.ON)
        assert "monitor" in device.scripts
