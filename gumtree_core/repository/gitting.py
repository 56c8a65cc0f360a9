"""How git is called: no prompts, no hooks, nothing that somebody else's configuration may start."""

from __future__ import annotations

import fcntl
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # without git, say so when it is needed
import git
from git.exc import GitCommandNotFound

from gumtree_core.errors import GumtreeError

for _name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"):
    os.environ.pop(_name, None)  # a git hook that has started us sets them, and they mean its repository

AUTHOR = git.Actor("GumTree on Tango", "gumtree@localhost")
BRANCH = "main"
NETWORK_TIMEOUT = 60
"""Seconds after which a call to the central repository is given up."""

_CONFIGURATION = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.symlinks": "false",
    "core.quotePath": "false",
    "core.autocrlf": "false",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "http.lowSpeedLimit": "100",
    "http.lowSpeedTime": "20",
    "user.name": str(AUTHOR.name),
    "user.email": str(AUTHOR.email),
}
"""Goes before what stands in a repository. With symlinks off, a link in a repository is a plain text file."""


def environment(directory: Path | None = None) -> dict[str, str]:
    """The environment of a call of git; `directory` is used even if another user of this machine owns it."""
    settings = [*_CONFIGURATION.items(), *([("safe.directory", str(directory))] if directory else ())]
    numbered = {
        f"GIT_CONFIG_{kind}_{number}": text
        for number, setting in enumerate(settings)
        for kind, text in zip(("KEY", "VALUE"), setting, strict=True)
    }
    return {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TEMPLATE_DIR": "",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_COUNT": str(len(settings)),
        "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=10",
        **numbered,
    }


_NOISE = ("Cloning into", "warning:", "hint:", "From ", "Please make sure", "and the repository exists")


def upload_pack(central: str) -> str:
    """The option with which a central repository on this machine is read even if another user owns it."""
    trust = shlex.quote(f"safe.directory={central}") if Path(central).is_dir() else ""
    return f"--upload-pack=git -c {trust} upload-pack" if trust else "--upload-pack=git-upload-pack"


@contextmanager
def git_errors(what: str, reason: str = "GIT_FAILED") -> Iterator[None]:
    """Turn what git says into a GumtreeError; GIT_MISSING if there is no git."""
    try:
        yield
    except GitCommandNotFound as error:
        raise GumtreeError("GIT_MISSING", "The program git is not installed here; install it.") from error
    except git.GitCommandError as error:
        raise GumtreeError(reason, f"{what}: {said(error)}.") from error


def said(error: git.GitCommandError) -> str:
    """What git said, for people."""
    text = str(error.stderr or error.stdout or error).strip().removeprefix("stderr:").strip("'\n ")
    lines = [line.strip() for line in text.splitlines()]
    told = [line for line in lines if line and not line.startswith(_NOISE)]
    return " ".join(told)[:400].removeprefix("fatal: ").removeprefix("error: ").rstrip(".") or "git failed"


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Let one process at a time make or change what is at `path`; the system frees the lock of a dead one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
