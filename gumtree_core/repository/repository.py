"""A working clone of the central repository: what is in it, how it stands, how it is brought up to date."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import git

from gumtree_core.errors import GumtreeError
from gumtree_core.repository.gitting import BRANCH, ENVIRONMENT, NETWORK_TIMEOUT, git_errors, open_repository
from gumtree_core.scripts import ScriptInfo, find_script, list_scripts


@dataclass(frozen=True)
class Commit:
    """One entry of the history."""

    id: str
    author: str
    time: datetime
    summary: str

    def __str__(self) -> str:
        return f"{self.id[:10]}  {self.time:%Y-%m-%d %H:%M}  {self.author}: {self.summary}"


@dataclass(frozen=True)
class Status:
    """How the clone stands to the central repository, as of the last sync."""

    commit: str
    branch: str
    changed: tuple[str, ...]
    ahead: int
    behind: int

    @property
    def clean(self) -> bool:
        """Whether no file differs from the commit."""
        return not self.changed


@dataclass(frozen=True)
class SyncResult:
    """What a sync has done: the commits before and after, and a sentence."""

    before: str
    after: str
    message: str


class ScriptRepository:
    """The scripts of an instrument in `directory`, a clone of `central`.

    Parameters
    ----------
    directory
        The working clone; made when it is not there.
    central
        URL or path of the central repository.

    Raises
    ------
    GumtreeError
        GIT_FAILED, SCRIPTS_DAMAGED.
    """

    def __init__(self, directory: Path, central: str) -> None:
        self.directory = directory
        self.central = central
        self._repair()
        if not directory.exists():
            self._clone()
        self._repository = open_repository(directory)

    def scripts(self) -> list[ScriptInfo]:
        """The scripts that are there, broken ones included."""
        return list_scripts(self.directory)

    def source(self, name: str) -> str:
        """The text of a script; SCRIPT_UNKNOWN."""
        return find_script(name, [self.directory]).read_text(encoding="utf-8")

    def status(self) -> Status:
        """How the clone stands."""
        with git_errors(f"The state of {self.directory} cannot be found"):
            changed = self._repository.git.status("--porcelain").splitlines()
            ahead, behind = self._repository.git.rev_list(
                "--left-right", "--count", f"HEAD...origin/{BRANCH}"
            ).split()
            return Status(
                commit=self._repository.head.commit.hexsha,
                branch=self._branch(),
                changed=tuple(line[3:] for line in changed),
                ahead=int(ahead),
                behind=int(behind),
            )

    def history(self, name: str = "", limit: int = 100) -> list[Commit]:
        """The commits, newest first, of all or of one script (SCRIPT_UNKNOWN)."""
        path = find_script(name, [self.directory]).name if name else None
        commits = self._repository.iter_commits(max_count=limit, paths=path or "")
        return [
            Commit(each.hexsha, str(each.author.name), each.committed_datetime, str(each.summary))
            for each in commits
        ]

    def sync(self) -> SyncResult:
        """Take what is new in the central repository; what was changed here is never overwritten.

        Raises
        ------
        GumtreeError
            CENTRAL_UNREACHABLE; SCRIPTS_CHANGED, SCRIPTS_DIVERGED, which say what to do.
        """
        self._fetch()
        before = self.status()
        if not before.behind:
            ahead = f", and {before.ahead} commits here are not there" if before.ahead else ""
            return SyncResult(
                before.commit, before.commit, f"Nothing is new in the central repository{ahead}."
            )
        if before.ahead:
            raise GumtreeError(
                "SCRIPTS_DIVERGED",
                f"{self.directory} has {before.ahead} commits that the central repository lacks, which has "
                f"{before.behind} others. Nothing was changed; merge or rebase there, then sync again.",
            )
        if before.changed:
            raise GumtreeError(
                "SCRIPTS_CHANGED",
                f"Scripts were changed here and not committed: {', '.join(before.changed)}. Nothing was "
                f"overwritten; commit or remove the changes in {self.directory}, then sync again.",
            )
        with git_errors("The new scripts cannot be taken"):
            self._repository.git.merge("--ff-only", f"origin/{BRANCH}")
        after = self._repository.head.commit.hexsha
        return SyncResult(before.commit, after, f"{before.behind} commits were taken; now at {after[:10]}.")

    def close(self) -> None:
        """End git's helper processes."""
        self._repository.close()

    def _branch(self) -> str:
        head = self._repository.head
        return head.commit.hexsha[:10] if head.is_detached else str(self._repository.active_branch)

    def _fetch(self) -> None:
        try:
            self._repository.git.fetch("origin", kill_after_timeout=NETWORK_TIMEOUT)
        except git.GitCommandError as error:
            raise GumtreeError(
                "CENTRAL_UNREACHABLE",
                f"The central repository {self.central} does not answer. The scripts here can be used as they "
                "are; sync again when it is back.",
            ) from error

    def _clone(self) -> None:
        """Clone beside the place, then move there, so that a killed process leaves no half of a clone."""
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        half = self._half
        with git_errors(f"The scripts cannot be cloned from {self.central}"):
            git.Repo.clone_from(self.central, str(half), branch=BRANCH, env=ENVIRONMENT).close()
        half.rename(self.directory)

    def _repair(self) -> None:
        """Remove what a clone that was killed has left; nobody can have worked in it."""
        if self._half.exists():
            shutil.rmtree(self._half)

    @property
    def _half(self) -> Path:
        return self.directory.with_name(f".{self.directory.name}.cloning")
