"""Making a working clone, and mending what a killed process has left of one; nothing of a user's is lost."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import git

from gumtree_core.errors import GumtreeError
from gumtree_core.repository.gitting import NETWORK_TIMEOUT, environment, git_errors, upload_pack

LOCK_AGE = 30.0
"""Seconds after which a lock file in .git belongs to no git that still works: what is done here is short."""
_EXCLUDED = "__pycache__/\n"


def open_clone(directory: Path, central: str) -> tuple[git.Repo, str]:
    """The repository in exactly this folder, cloned from `central` if it is not there.

    A folder that git cannot use is put aside, with all that is in it, and cloned anew. Returns also a
    sentence about what was done, empty if nothing.

    Raises
    ------
    GumtreeError
        CENTRAL_UNREACHABLE, GIT_MISSING.
    """
    remove_stale_locks(directory)
    note = ""
    repository = _usable(directory)
    if repository is None:
        half = directory.with_name(f".{directory.name}.cloning")
        shutil.rmtree(half, ignore_errors=True)
        with git_errors(f"The scripts cannot be cloned from {central}", "CENTRAL_UNREACHABLE"):
            cloning = git.Git()
            cloning.update_environment(**environment())
            cloning.clone(upload_pack(central), "--", central, str(half), kill_after_timeout=NETWORK_TIMEOUT)
        if directory.exists() and any(directory.iterdir()):
            aside = directory.with_name(f"{directory.name}.damaged-{datetime.now():%Y%m%d-%H%M%S}")
            directory.rename(aside)
            note = f"{directory} was no usable git repository; what was in it is now in {aside}."
        half.rename(directory)
        repository = _usable(directory)
        if repository is None:
            raise GumtreeError("GIT_FAILED", f"The fresh clone {directory} cannot be used. Is the disk full?")
    exclude = Path(repository.common_dir) / "info" / "exclude"
    if not exclude.exists():
        exclude.parent.mkdir(exist_ok=True)
        exclude.write_text(_EXCLUDED, encoding="utf-8")
    return repository, note


def remove_stale_locks(directory: Path) -> None:
    """Remove lock files of git that a process which is gone has left."""
    for lock in _lock_files(directory):
        try:
            if time.time() - lock.stat().st_mtime > LOCK_AGE:
                lock.unlink()
        except FileNotFoundError:
            continue


def _lock_files(directory: Path) -> Iterator[Path]:
    yield from (directory / ".git").glob("*.lock")
    yield from (directory / ".git" / "refs").rglob("*.lock")


def _usable(directory: Path) -> git.Repo | None:
    """The repository if git can read it to the files of its commit, or it has none yet."""
    try:
        repository = git.Repo(directory)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError):
        return None
    repository.git.update_environment(**environment(directory))
    try:
        with git_errors(""):
            repository.git.status("--porcelain")
            if repository.git.for_each_ref("--count=1"):
                repository.git.rev_parse("--verify", "HEAD^{tree}")
    except GumtreeError as error:
        repository.close()
        if error.reason == "GIT_MISSING":
            raise
        return None
    return repository
