"""Making the central repository of an instrument at its first start."""

from __future__ import annotations

import shutil
from pathlib import Path

import git

from gumtree_core.errors import GumtreeError
from gumtree_core.repository.gitting import AUTHOR, BRANCH, environment, exclusive, git_errors

_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


def create_central(central: Path, seed: Path) -> bool:
    """Create a bare repository at `central` with the files of `seed`, unless something is there already.

    It is made beside its place and moved there in one step, so that a process that is killed leaves no half
    of it; of several that try at once, one makes it. Returns whether this call did.

    Raises
    ------
    GumtreeError
        SEED_MISSING, GIT_FAILED, GIT_MISSING.
    """
    if central.exists():
        return False
    if not seed.is_dir():
        raise GumtreeError("SEED_MISSING", f"There is no folder {seed} to make the script repository from.")
    with exclusive(central):
        if central.exists():
            return False
        new = central.with_name(f".{central.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        try:
            with git_errors(f"The script repository {central} cannot be made"):
                _make(new / "bare", new / "work", seed)
            (new / "bare").rename(central)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return True


def _make(bare: Path, work: Path, seed: Path) -> None:
    shutil.copytree(seed, work, ignore=_IGNORED)
    with git.Repo.init(work, initial_branch=BRANCH, env=environment()) as repository:
        repository.git.update_environment(**environment())
        repository.git.add("--all", "--force")
        repository.index.commit("Scripts as shipped", author=AUTHOR, committer=AUTHOR, skip_hooks=True)
        with git.Repo.init(bare, bare=True, initial_branch=BRANCH, env=environment()):
            repository.git.push("--quiet", str(bare), BRANCH)
