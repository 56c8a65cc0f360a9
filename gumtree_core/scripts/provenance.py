"""Which version of which script made a result, from which parameters and files, with which software."""

from __future__ import annotations

import getpass
import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gumtree_core.files import Run
from gumtree_core.scripts.script import Script

PACKAGES = ("gumtree-tango", "numpy", "scipy", "h5py")


@dataclass(frozen=True)
class Provenance:
    """All that is needed to make a result again.

    Attributes
    ----------
    script, script_sha256
        File and its digest.
    commit, clean
        Of the repository that holds it; clean if the script is as committed there. Empty outside of one.
    parameters
        By name; a run is the path of its file.
    inputs
        SHA-256 of each input file (runs and other files) by its path.
    packages
        Version of each package.
    time, user
        When, with zone, and by whom.
    """

    script: str
    script_sha256: str
    commit: str
    clean: bool
    parameters: dict[str, Any]
    inputs: dict[str, str]
    packages: dict[str, str]
    time: str
    user: str

    def as_dict(self) -> dict[str, Any]:
        """As plain data for JSON."""
        return asdict(self)


def provenance(script: Script, path: Path) -> Provenance:
    """What is true of a script now; `path` is its file."""
    commit, clean = _repository_state(path)
    values = script.parameters_set()
    return Provenance(
        script=path.name,
        script_sha256=_sha256(path),
        commit=commit,
        clean=clean,
        parameters={name: _plain(value) for name, value in values.items()},
        inputs=_digests(values.values()),
        packages={name: _version(name) for name in PACKAGES},
        time=datetime.now().astimezone().isoformat(timespec="seconds"),
        user=getpass.getuser(),
    )


def _repository_state(path: Path) -> tuple[str, bool]:
    import git

    try:
        repository = git.Repo(path.parent, search_parent_directories=True)
        with repository:
            changed = repository.git.status("--porcelain", "--", str(path))
            return repository.head.commit.hexsha, not changed
    except (git.InvalidGitRepositoryError, git.NoSuchPathError, git.GitCommandError, ValueError):
        return "", False


def _digests(values: Iterable[Any]) -> dict[str, str]:
    digests = {}
    for value in values:
        if isinstance(value, list):
            digests.update(_digests(value))
        elif isinstance(value, Run):
            digests.update(value.files())
        elif isinstance(value, Path) and value.is_file():
            digests[str(value)] = _sha256(value)
    return digests


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, Run):
        return value.address
    return str(value) if isinstance(value, Path) else value


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
