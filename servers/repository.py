"""GumtreeScriptRepository: the scripts of an instrument, shared through a central git repository."""

from __future__ import annotations

import json
import threading
from datetime import datetime
from pathlib import Path

from tango import DevState
from tango.server import device_property

from gumtree_core.errors import GumtreeError
from gumtree_core.repository import ScriptRepository, create_central
from servers.base import GumtreeDevice, action, published, serve

MAX_SCRIPTS = 1000
HISTORY = 50


class GumtreeScriptRepository(GumtreeDevice):
    """The scripts in `Directory`, a clone of the repository `Central`; the first start makes both."""

    Central = device_property(dtype=str, default_value="", doc="URL or path of the central repository.")
    Directory = device_property(dtype=str, default_value="", doc="Folder of the working clone.")
    Seed = device_property(
        dtype=str, default_value="", doc="Folder that a central repository on this machine is made from."
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
        label="Scripts",
        doc="Names of the scripts.",
        hint={"group": "scripts", "widget": "table"},
    )
    titles = published(
        "titles",
        (str,),
        max_dim_x=MAX_SCRIPTS,
        label="Titles",
        doc="Of each script.",
        hint={"group": "scripts"},
    )
    authors = published(
        "authors",
        (str,),
        max_dim_x=MAX_SCRIPTS,
        label="Authors",
        doc="Of each script.",
        hint={"group": "scripts"},
    )
    versions = published(
        "versions",
        (str,),
        max_dim_x=MAX_SCRIPTS,
        label="Versions",
        doc="Of each script.",
        hint={"group": "scripts"},
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
        self._syncing = threading.Lock()
        self.publish(directory=self.Directory, central=self.Central, last_sync="")
        self.start_thread(self._open, "open")

    def _open(self, stopping: threading.Event) -> None:
        if not self.Central or not self.Directory:
            raise GumtreeError("PROPERTY_MISSING", "The properties Central and Directory are needed.")
        if self.Seed and "://" not in self.Central:
            create_central(Path(self.Central), Path(self.Seed))
        self._repository = ScriptRepository(Path(self.Directory), self.Central)
        self._show()
        self.publish_state(self.idle_state, f"{len(self._repository.scripts())} scripts.")

    def _show(self) -> None:
        repository = self._opened()
        infos, status = repository.scripts(), repository.status()
        self.publish(
            scripts=[info.name for info in infos],
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

    def _opened(self) -> ScriptRepository:
        if self._repository is None:
            raise GumtreeError("NOT_READY", f"The scripts are not there: {self.get_status()}")
        return self._repository

    @action(doc_in="no argument", hint={"label": "Sync", "group": "state"})
    def Sync(self) -> None:
        """Take what is new in the central repository; files changed here are never overwritten."""
        self._opened()
        if not self._syncing.acquire(blocking=False):
            raise GumtreeError("NOT_ALLOWED_NOW", "A sync is under way already.")
        self.publish_state(DevState.RUNNING, "Looking for new scripts.")
        self.start_thread(self._sync, "sync")

    def _sync(self, stopping: threading.Event) -> None:
        try:
            message, state = self._opened().sync().message, self.idle_state
        except GumtreeError as error:
            message, state = error.message, DevState.ALARM
        finally:
            self._syncing.release()
        if stopping.is_set():
            return
        self._show()
        self.publish(last_sync=f"{datetime.now():%Y-%m-%d %H:%M:%S}  {message}")
        self.publish_state(state, message)

    @action(doc_in="Name of a script", doc_out="JSON: name, path, title, author, version, problem")
    def Info(self, name: str) -> str:
        """Tell what a script says of itself."""
        for info in self._opened().scripts():
            if info.name == name:
                return json.dumps({**vars(info), "path": str(info.path)})
        self._opened().source(name)
        raise GumtreeError("SCRIPT_UNKNOWN", f"{name} is no script.")

    @action(doc_in="Name of a script", doc_out="Its text")
    def Source(self, name: str) -> str:
        """Give the text of a script."""
        return self._opened().source(name)

    @action(doc_in="Name of a script; empty for all", doc_out="Its commits, newest first")
    def History(self, name: str) -> list[str]:
        """Give the history of a script."""
        return [str(each) for each in self._opened().history(name)]


def main() -> None:
    """Run the server."""
    serve(GumtreeScriptRepository)
