"""A working clone of the central repository: what is in it, how it stands, how it is brought up to date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import git

from gumtree_core.errors import GumtreeError
from gumtree_core.repository.clone import open_clone
from gumtree_core.repository.gitting import BRANCH, NETWORK_TIMEOUT, exclusive, git_errors, said, upload_pack
from gumtree_core.scripts import ScriptInfo, find_script, list_scripts

_REMOTE = "refs/remotes/origin"
_UNTRACKED = "??"


@dataclass(frozen=True)
class Commit:
    """One entry of the history; `id` in full."""

    id: str
    author: str
    time: datetime
    summary: str

    def __str__(self) -> str:
        return f"{self.id[:10]}  {self.time:%Y-%m-%d %H:%M}  {self.author}: {self.summary}"


@dataclass(frozen=True)
class Status:
    """How the clone stands to the central repository as of the last sync.

    Attributes
    ----------
    commit, branch
        What is checked out; `commit` is empty where there is none yet, `branch` where none is.
    changed
        Files that differ from the commit, new ones included.
    ahead, behind
        Commits that only this clone has, and that only the central repository's default branch has.
    """

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
        The working clone; made when it is not there, which is the only time `central` must answer.
    central
        URL or path of the central repository.

    Attributes
    ----------
    note
        What was mended when it was opened; empty if nothing was.

    Raises
    ------
    GumtreeError
        CENTRAL_UNREACHABLE, GIT_FAILED, GIT_MISSING.
    """

    def __init__(self, directory: Path, central: str) -> None:
        self.directory = directory
        self.central = central
        with exclusive(directory):
            self._repository, self.note = open_clone(directory, central)

    def close(self) -> None:
        """Let go of the clone."""
        self._repository.close()

    def scripts(self) -> list[ScriptInfo]:
        """The scripts that are there, broken ones included."""
        return list_scripts(self.directory)

    def script(self, name: str) -> ScriptInfo:
        """What a script says of itself; SCRIPT_UNKNOWN."""
        known = {info.name: info for info in self.scripts()}
        if name not in known:
            find_script(name.removesuffix(".py"), [self.directory])
            raise GumtreeError("SCRIPT_UNKNOWN", f"{name} is no script. There are: {', '.join(known)}.")
        return known[name]

    def source(self, name: str) -> str:
        """The text of a script; SCRIPT_UNKNOWN."""
        return self.script(name).path.read_text(encoding="utf-8", errors="replace")

    def history(self, name: str = "", limit: int = 100) -> list[Commit]:
        """The commits, newest first, of all or of one script (SCRIPT_UNKNOWN)."""
        path = self.script(name).path.name if name else ""
        if not self._commit("HEAD"):
            return []
        with git_errors(f"The history of {self.directory} cannot be read"):
            text = self._repository.git.log(
                "-z",
                f"--max-count={limit}",
                "--format=%H%x1f%an%x1f%cI%x1f%s",
                "--",
                *([path] if path else ()),
            )
        commits = (entry.split("\x1f", 3) for entry in text.split("\0") if entry)
        return [
            Commit(commit, author, datetime.fromisoformat(time), summary)
            for commit, author, time, summary in commits
        ]

    def status(self) -> Status:
        """How the clone stands; the central repository is not asked."""
        with git_errors(f"The state of {self.directory} cannot be found"):
            head, central = self._commit("HEAD"), self._commit(self._upstream())
            ahead, behind = self._count(head, central)
            return Status(head, self._branch(), tuple(path for _, path in self._changes()), ahead, behind)

    def fingerprint(self) -> tuple[tuple[str, int], ...]:
        """Something cheap that differs when files, commits or what is checked out have changed."""
        git_dir = Path(self._repository.git_dir)
        watched = [*self.directory.iterdir(), git_dir / "HEAD", git_dir / "index", *git_dir.glob("refs/*/*")]
        return tuple((str(path), path.stat().st_mtime_ns) for path in sorted(watched) if path.is_file())

    def sync(self) -> SyncResult:
        """Take what is new in the central repository; what was changed here is never overwritten.

        A clone that git cannot use is mended first, as when it is opened.

        Raises
        ------
        GumtreeError
            CENTRAL_UNREACHABLE; SCRIPTS_CHANGED, SCRIPTS_DIVERGED, which say what to do.
        """
        with exclusive(self.directory):
            self._repository.close()
            self._repository, self.note = open_clone(self.directory, self.central)
            self._fetch()
            return self._fast_forward()

    def _fetch(self) -> None:
        """From `central`, whatever the clone's own configuration says of its origin."""
        try:
            with git_errors("", "GIT_FAILED"):
                self._repository.git.fetch(
                    "--prune",
                    "--no-tags",
                    upload_pack(self.central),
                    "--",
                    self.central,
                    f"+refs/heads/*:{_REMOTE}/*",
                    kill_after_timeout=NETWORK_TIMEOUT,
                )
        except GumtreeError as error:
            cause = error.__cause__
            if not isinstance(cause, git.GitCommandError) or error.reason == "GIT_MISSING":
                raise
            raise GumtreeError(
                "CENTRAL_UNREACHABLE",
                f"The central repository {self.central} cannot be read ({said(cause)}). The scripts here can "
                "be used as they are; sync again when it is back.",
            ) from cause

    def _fast_forward(self) -> SyncResult:
        before, upstream = self.status(), self._upstream()
        if not before.behind:
            ahead = f", which lacks {_commits(before.ahead)} made here" if before.ahead else ""
            return SyncResult(
                before.commit, before.commit, f"Nothing is new in the central repository{ahead}."
            )
        if before.ahead:
            raise GumtreeError(
                "SCRIPTS_DIVERGED",
                f"{self.directory} has {_commits(before.ahead)} that the central repository lacks, which has "
                f"{before.behind} others. Nothing was changed; merge or rebase there, then sync again.",
            )
        changed = [path for kind, path in self._changes() if kind != _UNTRACKED]
        if changed and not self._is_interrupted_update(upstream):
            raise GumtreeError(
                "SCRIPTS_CHANGED",
                f"Scripts were changed here and not committed: {', '.join(changed)}. Nothing was "
                f"overwritten; commit the changes in {self.directory} or take them back, then sync again.",
            )
        with git_errors("The new scripts were not taken; nothing was overwritten", "SCRIPTS_CHANGED"):
            if changed:
                self._repository.git.reset("--hard", upstream)
            else:
                self._repository.git.merge("--ff-only", "--no-overwrite-ignore", upstream)
        after = self._commit("HEAD")
        return SyncResult(
            before.commit, after, f"{_commits(before.behind)} taken; now at {after[:10]}.".capitalize()
        )

    def _is_interrupted_update(self, upstream: str) -> bool:
        """Whether each file that differs from the commit is as the central repository has it.

        So a process leaves it that is killed while it takes what is new; nothing is lost when that is ended.
        """
        entries = self._repository.git.ls_tree("-r", "-z", upstream).split("\0")
        theirs = {
            path: meta.split()[2] for meta, _, path in (each.partition("\t") for each in entries if each)
        }
        for kind, path in self._changes():
            if kind == _UNTRACKED and path not in theirs:
                continue
            changed_twice = kind != _UNTRACKED and " " not in kind
            if changed_twice or self._blob(path) != theirs.get(path, ""):
                return False
        return True

    def _blob(self, path: str) -> str:
        """What git would call the file's content; empty if there is no file."""
        file = self.directory / path
        return str(self._repository.git.hash_object("--", str(file))) if file.is_file() else ""

    def _changes(self) -> list[tuple[str, str]]:
        """What differs from the commit: two letters of git, and the path."""
        text = self._repository.git.status("--porcelain", "-z", "--no-renames", "--untracked-files=all")
        return [(entry[:2], entry[3:]) for entry in text.split("\0") if entry]

    def _upstream(self) -> str:
        """The central repository's default branch, as known here."""
        default = self._repository.git.rev_parse(
            "--abbrev-ref", f"{_REMOTE}/HEAD", with_exceptions=False
        ).strip()
        for name in (default, f"origin/{self._branch()}", f"origin/{BRANCH}"):
            if name.startswith("origin/") and self._commit(f"refs/remotes/{name}"):
                return f"refs/remotes/{name}"
        return f"{_REMOTE}/{BRANCH}"

    def _branch(self) -> str:
        name = self._repository.git.symbolic_ref("--quiet", "--short", "HEAD", with_exceptions=False)
        return str(name)

    def _commit(self, revision: str) -> str:
        """The id of a revision; empty if there is none."""
        found = self._repository.git.rev_parse(
            "--quiet", "--verify", f"{revision}^{{commit}}", with_exceptions=False
        )
        return str(found)

    def _count(self, head: str, central: str) -> tuple[int, int]:
        """Commits that only the first has, and only the second."""
        if not head or not central:
            known = head or central
            count = int(self._repository.git.rev_list("--count", known)) if known else 0
            return (count, 0) if head else (0, count)
        ahead, behind = self._repository.git.rev_list(
            "--left-right", "--count", f"{head}...{central}"
        ).split()
        return int(ahead), int(behind)


def _commits(number: int) -> str:
    return "1 commit" if number == 1 else f"{number} commits"
