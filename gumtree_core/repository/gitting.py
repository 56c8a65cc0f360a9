"""How git is called: never a prompt, never a hook or a configuration of somebody else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import git

from gumtree_core.errors import GumtreeError

AUTHOR = git.Actor("GumTree on Tango", "gumtree@localhost")
ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "true",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ALLOW_PROTOCOL": "file:git:ssh:https",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=10",
    "GIT_CONFIG_COUNT": "4",
    "GIT_CONFIG_KEY_0": "core.hooksPath",
    "GIT_CONFIG_VALUE_0": os.devnull,
    "GIT_CONFIG_KEY_1": "core.fsmonitor",
    "GIT_CONFIG_VALUE_1": "false",
    "GIT_CONFIG_KEY_2": "user.name",
    "GIT_CONFIG_VALUE_2": str(AUTHOR.name),
    "GIT_CONFIG_KEY_3": "user.email",
    "GIT_CONFIG_VALUE_3": str(AUTHOR.email),
}
BRANCH = "main"
NETWORK_TIMEOUT = 60
"""Seconds after which a fetch that hangs is given up."""


def open_repository(directory: Path) -> git.Repo:
    """The repository in exactly this folder; SCRIPTS_DAMAGED if git cannot use it."""
    try:
        repository = git.Repo(directory)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
        raise GumtreeError("SCRIPTS_DAMAGED", f"{directory} is no git repository.") from error
    repository.git.update_environment(**ENVIRONMENT)
    return repository


@contextmanager
def git_errors(what: str) -> Iterator[None]:
    """Turn what git says into a GumtreeError GIT_FAILED."""
    try:
        yield
    except git.GitCommandError as error:
        said = str(error.stderr or error.stdout or error).strip().removeprefix("stderr: ").strip("'\n ")
        raise GumtreeError("GIT_FAILED", f"{what}: {said.splitlines()[-1] if said else error}.") from error
