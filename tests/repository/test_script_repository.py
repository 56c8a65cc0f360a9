"""The script repository against real git repositories in temporary folders."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gumtree_core.errors import GumtreeError
from gumtree_core.repository import ScriptRepository, create_central
from gumtree_core.repository.clone import LOCK_AGE

SCRIPT = '''"""A script."""
from gumtree_core.scripts import Script


class Total(Script):
    """Counts on the detector."""

    author = "A. Person"
    version = "{version}"
'''


def git(folder: Path, *words: str) -> str:
    """Run git as a colleague at another machine does."""
    person = ("-c", "user.name=Colleague", "-c", "user.email=colleague@example.org")
    done = subprocess.run(
        ["git", *person, *words], cwd=folder, check=True, capture_output=True, text=True, env=plain()
    )
    return done.stdout.strip()


def plain() -> dict[str, str]:
    return {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}


@pytest.fixture(autouse=True)
def no_git_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "no home"))
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def seed(tmp_path: Path) -> Path:
    folder = tmp_path / "seed"
    folder.mkdir()
    (folder / "total.py").write_text(SCRIPT.format(version="1.0"))
    (folder / "broken.py").write_text("class Broken(\n")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "total.cpython-311.pyc").write_bytes(b"no source")
    return folder


@pytest.fixture
def central(tmp_path: Path, seed: Path) -> Path:
    path = tmp_path / "scripts.git"
    assert create_central(path, seed)
    return path


@pytest.fixture
def scripts(tmp_path: Path, central: Path) -> Iterator[ScriptRepository]:
    repository = ScriptRepository(tmp_path / "scripts", str(central))
    yield repository
    repository.close()


@pytest.fixture
def colleague(tmp_path: Path, central: Path) -> Callable[[str, str], str]:
    """Writes a file, commits it and pushes it to the central repository; returns the commit."""
    folder = tmp_path / "colleague"
    git(tmp_path, "clone", "-q", str(central), str(folder))

    def push(name: str, text: str) -> str:
        git(folder, "pull", "-q", "--ff-only")
        (folder / name).write_text(text)
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", f"Change {name}")
        git(folder, "push", "-q")
        return git(folder, "rev-parse", "HEAD")

    return push


def refused(call: Callable[[], object], reason: str) -> str:
    with pytest.raises(GumtreeError) as caught:
        call()
    assert caught.value.reason == reason
    return caught.value.message


# the central repository


def test_the_first_start_makes_a_bare_repository_of_the_shipped_scripts_without_any_git_configuration(
    central,
):
    assert git(central, "rev-parse", "--is-bare-repository") == "true"
    assert git(central, "ls-tree", "--name-only", "main").split() == ["broken.py", "total.py"]
    assert git(central, "log", "--format=%an <%ae> %cn: %s", "main") == (
        "GumTree on Tango <gumtree@localhost> GumTree on Tango: Scripts as shipped"
    )


def test_a_central_repository_that_is_there_is_left_as_it_is(central, seed):
    before = git(central, "rev-parse", "main")
    (seed / "total.py").write_text("changed")
    assert not create_central(central, seed)
    assert git(central, "rev-parse", "main") == before


def test_what_a_killed_start_has_left_does_not_disturb_the_next(tmp_path, seed):
    half = tmp_path / ".central.git.new" / "bare"
    half.mkdir(parents=True)
    (half / "HEAD").write_text("ref: refs/heads/main\n")
    assert create_central(tmp_path / "central.git", seed)
    assert not half.parent.exists()
    assert git(tmp_path / "central.git", "rev-list", "--count", "main") == "1"


def test_of_several_processes_that_start_at_once_one_makes_the_central_repository(tmp_path, seed):
    context = multiprocessing.get_context("spawn")
    with context.Pool(4) as pool:
        made = pool.starmap(create_central, [(tmp_path / "central.git", seed)] * 4)
        pool.close()
        pool.join()
    assert sorted(made) == [False, False, False, True]
    assert git(tmp_path / "central.git", "rev-list", "--count", "main") == "1"


def test_a_seed_that_is_not_there_is_said(tmp_path):
    message = refused(lambda: create_central(tmp_path / "central.git", tmp_path / "none"), "SEED_MISSING")
    assert str(tmp_path / "none") in message
    assert not (tmp_path / "central.git").exists()


# what is there


def test_scripts_are_listed_with_what_they_say_of_themselves_broken_ones_with_their_problem(scripts):
    broken, total = scripts.scripts()
    assert (total.name, total.title, total.author, total.version) == (
        "total", "Counts on the detector.", "A. Person", "1.0",
    )  # fmt: skip
    assert broken.name == "broken"
    assert broken.problem


def test_the_source_is_given_only_of_scripts_of_this_folder(scripts, tmp_path):
    assert scripts.source("total") == SCRIPT.format(version="1.0")
    (tmp_path / "secret.py").write_text("class Secret: ...")
    for name in (str(tmp_path / "secret.py"), "../secret", "../secret.py", "total.py", "", "."):
        refused(lambda name=name: scripts.source(name), "SCRIPT_UNKNOWN")
    assert "Did you mean total?" in refused(lambda: scripts.source("totl"), "SCRIPT_UNKNOWN")


def test_a_fresh_clone_is_clean_and_level_with_the_central_repository(scripts, central):
    status = scripts.status()
    assert status.commit == git(central, "rev-parse", "main")
    assert (status.branch, status.clean, status.ahead, status.behind) == ("main", True, 0, 0)


def test_a_changed_file_and_a_new_one_are_told_but_not_what_python_caches(scripts):
    (scripts.directory / "total.py").write_text("changed")
    (scripts.directory / "größe neu.py").write_text("new")
    (scripts.directory / "__pycache__").mkdir()
    (scripts.directory / "__pycache__" / "total.pyc").write_bytes(b"cache")
    assert sorted(scripts.status().changed) == ["größe neu.py", "total.py"]
    assert not scripts.status().clean


def test_the_fingerprint_changes_with_files_and_commits_and_only_then(scripts, colleague):
    first = scripts.fingerprint()
    scripts.status()
    assert scripts.fingerprint() == first
    (scripts.directory / "new.py").write_text("new")
    second = scripts.fingerprint()
    assert second != first
    colleague("total.py", "later")
    scripts.sync()
    assert scripts.fingerprint() != second


def test_the_history_is_of_all_or_of_one_script_newest_first(scripts, colleague):
    colleague("other.py", "other")
    newest = colleague("total.py", "newer")
    scripts.sync()
    assert [each.summary for each in scripts.history()] == [
        "Change total.py", "Change other.py", "Scripts as shipped",
    ]  # fmt: skip
    (last, _) = scripts.history("broken"), refused(lambda: scripts.history("nothing"), "SCRIPT_UNKNOWN")
    assert [each.summary for each in last] == ["Scripts as shipped"]
    first = scripts.history(limit=1)[0]
    assert (first.id, first.author) == (newest, "Colleague")
    assert str(first).startswith(f"{newest[:10]}  20")


# sync


def test_a_sync_takes_what_is_new(scripts, colleague):
    before = scripts.status().commit
    new = colleague("total.py", SCRIPT.format(version="2.0"))
    result = scripts.sync()
    assert (result.before, result.after) == (before, new)
    assert result.message == f"1 commit taken; now at {new[:10]}."
    assert scripts.script("total").version == "2.0"
    assert scripts.status().clean


def test_a_sync_without_news_says_so(scripts):
    assert scripts.sync().message == "Nothing is new in the central repository."


def test_changed_scripts_are_never_overwritten(scripts, colleague):
    colleague("total.py", "theirs")
    (scripts.directory / "total.py").write_text("mine")
    message = refused(scripts.sync, "SCRIPTS_CHANGED")
    assert "total.py" in message
    assert "sync again" in message
    assert (scripts.directory / "total.py").read_text() == "mine"
    assert scripts.status().behind == 1


def test_staged_changes_are_never_overwritten(scripts, colleague):
    colleague("total.py", "theirs")
    (scripts.directory / "total.py").write_text("staged")
    git(scripts.directory, "add", "total.py")
    (scripts.directory / "total.py").write_text("theirs")
    refused(scripts.sync, "SCRIPTS_CHANGED")
    assert git(scripts.directory, "show", ":total.py") == "staged"


def test_a_new_file_of_the_user_does_not_hinder_a_sync_but_is_not_overwritten_either(scripts, colleague):
    (scripts.directory / "mine.py").write_text("mine")
    colleague("total.py", "theirs")
    scripts.sync()
    assert (scripts.directory / "total.py").read_text() == "theirs"
    colleague("mine.py", "theirs")
    assert "mine.py" in refused(scripts.sync, "SCRIPTS_CHANGED")
    assert (scripts.directory / "mine.py").read_text() == "mine"


def test_diverged_histories_are_left_as_they_are(scripts, colleague):
    colleague("total.py", "theirs")
    (scripts.directory / "mine.py").write_text("mine")
    git(scripts.directory, "add", "-A")
    git(scripts.directory, "commit", "-qm", "Mine")
    mine = git(scripts.directory, "rev-parse", "HEAD")
    message = refused(scripts.sync, "SCRIPTS_DIVERGED")
    assert "1 commit" in message
    assert "merge or rebase" in message
    status = scripts.status()
    assert (status.commit, status.ahead, status.behind, status.clean) == (mine, 1, 1, True)


def test_commits_made_here_are_kept_and_told(scripts):
    (scripts.directory / "mine.py").write_text("mine")
    git(scripts.directory, "add", "-A")
    git(scripts.directory, "commit", "-qm", "Mine")
    assert "lacks 1 commit made here" in scripts.sync().message
    assert scripts.status().ahead == 1


def test_another_default_branch_than_main_is_followed(tmp_path, seed):
    git(tmp_path, "init", "-q", "-b", "stable", "work")
    (tmp_path / "work" / "a.py").write_text("a")
    git(tmp_path / "work", "add", "-A")
    git(tmp_path / "work", "commit", "-qm", "First")
    git(tmp_path, "clone", "-q", "--bare", "work", "central.git")
    scripts = ScriptRepository(tmp_path / "scripts", str(tmp_path / "central.git"))
    (tmp_path / "work" / "a.py").write_text("b")
    git(tmp_path / "work", "commit", "-qam", "Second")
    git(tmp_path / "work", "push", "-q", str(tmp_path / "central.git"), "stable")
    scripts.sync()
    assert scripts.status().branch == "stable"
    assert (scripts.directory / "a.py").read_text() == "b"
    scripts.close()


def test_an_empty_central_repository_can_be_used_and_filled_later(tmp_path, seed):
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "empty.git")
    scripts = ScriptRepository(tmp_path / "scripts", str(tmp_path / "empty.git"))
    status = scripts.status()
    assert (status.commit, status.ahead, status.behind, scripts.history()) == ("", 0, 0, [])
    git(seed, "init", "-q", "-b", "main")
    git(seed, "add", "total.py")
    git(seed, "commit", "-qm", "First")
    git(seed, "push", "-q", str(tmp_path / "empty.git"), "main")
    assert scripts.sync().after == git(seed, "rev-parse", "HEAD")
    assert [each.name for each in scripts.scripts()] == ["total"]
    scripts.close()


# without the central repository, and after kills


def test_without_the_central_repository_the_scripts_stay_usable_and_that_is_said(scripts, central):
    central.rename(central.with_name("moved.git"))
    message = refused(scripts.sync, "CENTRAL_UNREACHABLE")
    assert str(central) in message
    assert "can be used as they are" in message
    again = ScriptRepository(scripts.directory, str(central))
    assert again.source("total") == SCRIPT.format(version="1.0")
    assert again.status().clean
    again.close()


def test_a_central_repository_that_moved_is_read_at_its_new_place(scripts, central, colleague):
    new = colleague("total.py", "newer")
    moved = central.rename(central.with_name("moved.git"))
    scripts.close()
    again = ScriptRepository(scripts.directory, str(moved))
    assert again.sync().after == new
    again.close()


def test_a_first_start_without_the_central_repository_leaves_nothing_behind(tmp_path):
    refused(lambda: ScriptRepository(tmp_path / "scripts", str(tmp_path / "none.git")), "CENTRAL_UNREACHABLE")
    assert not (tmp_path / "scripts").exists()


def test_half_a_clone_is_made_anew(tmp_path, central):
    half = tmp_path / ".scripts.cloning"
    (half / ".git").mkdir(parents=True)
    scripts = ScriptRepository(tmp_path / "scripts", str(central))
    assert scripts.status().clean
    assert scripts.note == ""
    assert not half.exists()
    scripts.close()


@pytest.mark.parametrize("lost", [".git", ".git/HEAD", ".git/objects"])
def test_a_folder_that_git_cannot_use_is_put_aside_with_all_that_is_in_it(tmp_path, scripts, central, lost):
    (scripts.directory / "mine.py").write_text("mine")
    scripts.close()
    (scripts.directory / lost).rename(tmp_path / "lost")
    again = ScriptRepository(scripts.directory, str(central))
    (aside,) = tmp_path.glob("scripts.damaged-*")
    assert (aside / "mine.py").read_text() == "mine"
    assert str(aside) in again.note
    assert again.status().clean
    again.close()


def test_an_old_lock_file_of_a_killed_git_does_not_hinder_a_sync_and_a_new_one_is_respected(
    scripts, colleague
):
    colleague("total.py", "theirs")
    lock = scripts.directory / ".git" / "index.lock"
    lock.touch()
    assert "index.lock" in refused(scripts.sync, "SCRIPTS_CHANGED")
    old = time.time() - LOCK_AGE - 1
    os.utime(lock, (old, old))
    scripts.sync()
    assert (scripts.directory / "total.py").read_text() == "theirs"


@pytest.mark.parametrize("files_done", [["total.py"], ["total.py", "new.py"], ["new.py"]])
def test_an_update_that_a_kill_has_interrupted_is_ended_by_the_next_sync(scripts, colleague, files_done):
    texts = {"total.py": "theirs\n", "new.py": "new\n"}
    for name, text in texts.items():
        colleague(name, text)
    for name in files_done:
        (scripts.directory / name).write_text(texts[name])
    if files_done == ["new.py"]:
        refused(scripts.sync, "SCRIPTS_CHANGED")
        return
    scripts.sync()
    assert scripts.status().clean
    assert {name: (scripts.directory / name).read_text() for name in texts} == texts


# hostile repositories


def test_hooks_and_commands_in_the_configuration_of_the_clone_are_not_run(scripts, colleague, tmp_path):
    trace = tmp_path / "run"
    program = tmp_path / "evil"
    program.write_text(f"#!/bin/sh\necho $0 >> {trace}\ncat\n")
    program.chmod(0o755)
    for hook in ("post-merge", "post-checkout", "pre-commit", "reference-transaction", "post-index-change"):
        hooks = scripts.directory / ".git" / "hooks"
        hooks.mkdir(exist_ok=True)
        (hooks / hook).write_text(program.read_text())
        (hooks / hook).chmod(0o755)
    git(scripts.directory, "config", "core.fsmonitor", str(program))
    git(scripts.directory, "config", "remote.origin.uploadpack", str(program))
    colleague("total.py", "theirs")
    scripts.sync()
    scripts.status()
    assert (scripts.directory / "total.py").read_text() == "theirs"
    assert not trace.exists()


def test_a_transport_that_runs_a_command_is_refused(tmp_path):
    trace = tmp_path / "run"
    for central in (f"ext::sh -c 'touch {trace}'", f"--upload-pack=touch {trace}"):
        refused(
            lambda central=central: ScriptRepository(tmp_path / "scripts", central), "CENTRAL_UNREACHABLE"
        )
    assert not trace.exists()


def test_a_link_in_the_repository_does_not_lead_out_of_it(scripts, colleague, tmp_path):
    (tmp_path / "secret.py").write_text("secret")
    folder = tmp_path / "colleague"
    (folder / "link.py").symlink_to(tmp_path / "secret.py")
    colleague("total.py", SCRIPT.format(version="3"))
    scripts.sync()
    assert not (scripts.directory / "link.py").is_symlink()
    assert (scripts.directory / "link.py").read_text() == str(tmp_path / "secret.py")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository to another user")
def test_the_central_repository_may_belong_to_another_user(scripts, central, colleague):
    new = colleague("total.py", "theirs")
    for path in (central, *central.rglob("*")):
        os.chown(path, 12345, 12345)
    assert scripts.sync().after == new
