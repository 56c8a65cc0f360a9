"""GumtreeScriptRepository: the scripts of an instrument, shared through a central git repository."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from tango import DevState
from tango.server import device_property

from gumtree_core.errors import GumtreeError
from gumtree_core.paths import config_directory
from gumtree_core.repository import ScriptRepository, create_central
from servers.base import GumtreeDevice, action, published, serve

MAX_SCRIPTS = 1000
HISTORY = 50
LOOK_PERIOD = 1.0
"""Seconds between two looks at the files for changes made beside the device."""
_SCRIPT = {"name": "script", "label": "Script"}


class GumtreeScriptRepository(GumtreeDevice):
    """The scripts in `Directory`, a clone of the repository `Central`; the first start makes both."""

    Central = device_property(dtype=str, default_value="", doc="URL or path of the central repository.")
    Directory = device_property(dtype=str, default_value="", doc="Folder of the working clone.")
    Seed = device_property(
        dtype=str,
        default_value="",
        doc="Folder that a central repository on this machine is made from; empty: the scripts as shipped.",
    )

    ui_groups = (
        {"name": "scripts", "label": "Scripts"},
        {"name": "state", "label": "Repository"},
        {"name": "history", "label": "History", "folded": True},
    )

    scripts = published(
        "scripts",
        (str,),
        max_dim_x=MAX_SCRIPTS,
        label="Script",
        doc="Names of the scripts.",
        hint={"group": "scripts", "widget": "table"},
    )
    versions = published(
        "versions",
        (str,),
        max_dim_x=MAX_SCRIPTS,
        label="Version",
        doc="Of each script.",
        hint={"group": "scripts", "widget": "table"},
    )
    titles = published(
        "titles",
        (str,),
        max_dim_x=MAX_SCRIPTS,
        label="Title",
        doc="Of each script.",
        hint={"group": "scripts", "widget": "table"},
    )
    authors = published(
        "authors",
        (str,),
        max_dim_x=MAX_SCRIPTS,
        label="Author",
        doc="Of each script.",
        hint={"group": "scripts", "widget": "table"},
    )
    directory = published(
        "directory", str, label="Folder", doc="Where the scripts are.", hint={"group": "state"}
    )
    central = published(
        "central", str, label="Central repository", doc="Where they come from.", hint={"group": "state"}
    )
    commit = published("commit", str, label="Commit", doc="That is checked out.", hint={"group": "state"})
    branch = published("branch", str, label="Branch", doc="That is checked out.", hint={"group": "state"})
    clean = published(
        "clean", bool, label="Unchanged", doc="Whether all files are as committed.", hint={"group": "state"}
    )
    ahead = published(
        "ahead",
        int,
        label="Commits not shared",
        format="%d",
        doc="Commits only here.",
        hint={"group": "state"},
    )
    behind = published(
        "behind",
        int,
        label="Commits not taken",
        format="%d",
        doc="As of the last sync.",
        hint={"group": "state"},
    )
    last_sync = published(
        "last_sync", str, label="Last sync", doc="When, and its result.", hint={"group": "state"}
    )
    history = published(
        "history",
        (str,),
        max_dim_x=HISTORY,
        label="History",
        doc="The newest commits, newest first.",
        hint={"group": "history", "widget": "log"},
    )

    def init_device(self) -> None:
        """Make or open the clone in a thread: it may take a while."""
        super().init_device()
        self._repository: ScriptRepository | None = None
        self._working = threading.Lock()
        self.publish(directory=self.Directory, central=self.Central, last_sync="")
        self.start_thread(self._follow, "clone")

    def _follow(self, stopping: threading.Event) -> None:
        """Open the clone, then publish what changes in it: scripts are edited there with any editor."""
        with self._working:
            self._publish_result(stopping, self._open)
        seen: object = None
        while not stopping.wait(LOOK_PERIOD):
            with self._working:
                repository = self._repository
                if repository is None or stopping.is_set():
                    continue
                try:
                    now = repository.fingerprint()
                    if now != seen:
                        self._show(repository)
                except (OSError, GumtreeError) as error:
                    now = str(error)
                    if now != seen:
                        self.publish_state(DevState.ALARM, f"{error}. Sync mends or makes the clone anew.")
                seen = now

    def _open(self) -> str:
        if not self.Central or not self.Directory:
            raise GumtreeError(
                "PROPERTY_MISSING",
                "The properties Central and Directory are needed. Set them, then call Init.",
            )
        directory, central = Path(self.Directory).expanduser(), Path(self.Central).expanduser()
        is_local = "://" not in self.Central and central.is_absolute()
        if is_local and not directory.exists():
            create_central(central, Path(self.Seed) if self.Seed else config_directory() / "scripts")
        self._repository = ScriptRepository(directory, str(central) if is_local else self.Central)
        return self._repository.note

    def _publish_result(
        self, stopping: threading.Event, work: Callable[[], str], *, sync: bool = False
    ) -> None:
        """Do something to the clone; publish how it stands then, and the state with what was done."""
        try:
            done, state = work(), self.idle_state
        except GumtreeError as error:
            done = error.message
            state = DevState.FAULT if error.reason == "PROPERTY_MISSING" else DevState.ALARM
        if stopping.is_set():
            return
        if self._repository is not None:
            self._show(self._repository)
            done = done or f"{len(self._repository.scripts())} scripts."
        elif state == DevState.ALARM:
            done += " Sync tries again."
        if sync:  # before the state, which tells that all is there
            self.publish(last_sync=f"{datetime.now():%Y-%m-%d %H:%M:%S}  {done}")
        self.publish_state(state, done)

    def _show(self, repository: ScriptRepository) -> None:
        infos, status = repository.scripts(), repository.status()
        names = [info.name for info in infos]
        others = names != list(self.published_value("scripts")[0] or ())
        self.publish(
            scripts=names,
            titles=[info.problem or info.title for info in infos],
            authors=[info.author for info in infos],
            versions=[info.version for info in infos],
            commit=status.commit,
            branch=status.branch,
            clean=status.clean,
            ahead=status.ahead,
            behind=status.behind,
            history=[str(each) for each in repository.history(limit=HISTORY)],
        )
        if others:  # which are the choices of the commands
            self.push_hints()

    def _opened(self) -> ScriptRepository:
        if self._repository is None:
            raise GumtreeError("NOT_READY", f"The scripts are not there: {self.get_status()}")
        return self._repository

    @action(
        allowed=(DevState.ON, DevState.ALARM),
        doc_in="no argument",
        hint={"label": "Sync", "group": "state"},
    )
    def Sync(self) -> None:
        """Take what is new in the central repository; files changed here are never overwritten."""
        self.publish_state(DevState.RUNNING, "Looking for new scripts.")
        self.start_thread(self._sync, "sync")

    def _sync(self, stopping: threading.Event) -> None:
        with self._working:
            self._publish_result(stopping, self._take, sync=True)

    def _take(self) -> str:
        if self._repository is None:
            self._open()
        return self._opened().sync().message

    @action(
        dtype_in=str,
        dtype_out=str,
        doc_in="Name of a script",
        doc_out="JSON: name, path, title, author, version, problem",
        hint={"group": "scripts"},
    )
    def Info(self, name: str) -> str:
        """Tell what a script says of itself."""
        info = self._opened().script(name)
        return json.dumps({**dataclasses.asdict(info), "path": str(info.path)})

    @action(
        dtype_in=str,
        dtype_out=str,
        doc_in="Name of a script",
        doc_out="Its text",
        hint={"group": "scripts"},
    )
    def Source(self, name: str) -> str:
        """Give the text of a script."""
        return self._opened().source(name)

    @action(
        dtype_in=str,
        dtype_out=(str,),
        doc_in="Name of a script; empty for all",
        doc_out="Its commits, newest first",
        hint={"group": "history"},
    )
    def ScriptHistory(self, name: str) -> list[str]:
        """Give the history of a script."""
        return [str(each) for each in self._opened().history(name)]

    def hints(self) -> dict[str, Any]:
        """The hints, with the scripts as choices of the commands' arguments."""
        hints = super().hints()
        names = list(self.published_value("scripts")[0] or ())
        for command in ("Info", "Source", "ScriptHistory"):
            argument = {**_SCRIPT, "choices": names, "required": command != "ScriptHistory"}
            hints["commands"][command] = {**hints["commands"][command], "argument": argument}
        return hints


def main() -> None:
    """Run the server."""
    serve(GumtreeScriptRepository)
