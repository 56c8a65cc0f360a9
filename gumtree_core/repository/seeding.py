"""Making the central repository of an instrument at its first start."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import git

from gumtree_core.repository.gitting import AUTHOR, BRANCH, ENVIRONMENT, git_errors


def create_central(central: Path, seed: Path) -> bool:
    """Create a bare repository at `central` with the files of `seed`, unless it is there already.

    It is made beside its place and moved there in one step, so that a killed process leaves no half of it,
    and of two that try at once one wins. Returns whether this call made it.

    Raises
    ------
    GumtreeError
        GIT_FAILED.
    """
    if central.exists():
        return False
    central.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=central.parent, prefix=f".{central.name}.") as scratch:
        work, bare = Path(scratch) / "work", Path(scratch) / "bare"
        shutil.copytree(seed, work, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", ".*"))
        with git_errors(f"The script repository {central} cannot be made"):
            with git.Repo.init(work, initial_branch=BRANCH, env=ENVIRONMENT) as repository:
                repository.git.update_environment(**ENVIRONMENT)
                repository.git.add("--all")
                repository.index.commit(
                    "Scripts as shipped", author=AUTHOR, committer=AUTHOR, skip_hooks=True
                )
            git.Repo.clone_from(str(work), str(bare), bare=True, env=ENVIRONMENT).close()
        with git.Repo(bare) as repository:
            repository.delete_remote(repository.remote("origin"))
        try:
            bare.rename(central)
        except OSError:
            if central.exists():
                return False
            raise
    return True
