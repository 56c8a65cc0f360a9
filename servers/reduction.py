"""GumtreeReduction: a reduction script as a Tango device."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from tango import DevState

from gumtree_core.errors import GumtreeError
from gumtree_core.scripts.loading import find_script, list_scripts
from gumtree_core.scripts.worker import Loaded, ScriptWorker
from servers.base import action, serve
from servers.image_watch import ImageWatch
from servers.live import LiveKeys
from servers.reduction_attributes import LOG_LINES
from servers.reduction_members import (
    check_names,
    from_tango,
    published_results,
    result_units,
    to_tango,
)
from servers.reduction_memory import Memory
from servers.script_members import ScriptMembers

logger = logging.getLogger(__name__)

SCRIPTS_SEEN = 1.0
"""Seconds after which the folder of scripts is looked at again."""
NO_SCRIPT = "No script is loaded; choose one (attribute `script`)."
LIVE_LINES = 20
"""An error of live updates is said again when as many lines have come since."""


class GumtreeReduction(ScriptMembers):
    """Runs a script in a process of its own; parameters, results and actions of the script are its members.

    Write `script` to load one. Its parameters then are attributes, its actions commands, its results
    attributes with their errors. With `live`, the script follows the detector.
    """

    # start and end

    def init_device(self) -> None:
        """Come back with the script and the parameters of before."""
        super().init_device()
        self._path: Path | None = None
        self._loaded: Loaded | None = None
        self._parameters: dict[str, Any] = {}
        self._units: dict[str, str] = {}
        self._makers: dict[str, str] = {}  # the action that has made each result last
        # What threads of before Init still hold or use stays.
        self._work = getattr(self, "_work", threading.Lock())  # held while a script runs, also a live update
        self._busy = getattr(self, "_busy", threading.Lock())  # held from a command until its work has ended
        self._lines: deque[str] = deque(maxlen=LOG_LINES)
        self._images = ImageWatch()
        self._stop_wanted = threading.Event()
        before: Memory | None = getattr(self, "_memory", None)
        self._memory = Memory(self.DataDirectory, self.get_name(), before)
        self._worker = ScriptWorker(
            self._hear, time_limit=self.TimeLimit or None, memory_limit=int(self.MemoryLimit) or None
        )
        self.publish(
            script="", live=False, scripts=self._known(), script_title="", script_version="", progress=0.0,
            output_file="", log=None, interface="",
        )  # fmt: skip
        self.set_written(script="", live=False)
        self.start_thread(self._come_back, "restore")
        self.start_thread(self._watch_scripts, "scripts")

    def delete_device(self) -> None:
        """End the script's process."""
        super().delete_device()
        self._images.call()
        self._images.unsubscribe()
        threading.Thread(target=self._worker.close, daemon=True).start()

    def _come_back(self, stopping: threading.Event) -> None:
        """Load the script of before, when the work of before Init has ended; then follow the detector."""
        self._busy.acquire()
        self._stop_wanted.clear()
        self._do(self._load_again, stopping)
        self._follow(stopping)

    # loading

    def _watch_scripts(self, stopping: threading.Event) -> None:
        """Tell which scripts there are, also when the repository has brought others."""
        seen = None
        while self.ScriptDirectory and not stopping.wait(SCRIPTS_SEEN):
            with contextlib.suppress(OSError):  # a file that is gone is not listed next time
                stamps = {path: path.stat().st_mtime_ns for path in Path(self.ScriptDirectory).glob("*.py")}
                if stamps != seen:
                    known = self._known()
                    others = known != list(self.published_value("scripts")[0] or ())
                    self.publish(scripts=known)
                    if others:  # which are the choices of `script`
                        self.push_hints()
                seen = stamps

    def choose(self, name: str) -> None:
        """Load the script of that name; the present one stays if there is none (SCRIPT_UNKNOWN)."""
        self.publish(scripts=self._known())
        path = self._find(name)
        kept = dict(self._parameters) if path == self._path else {}
        self._begin(f"Loading {name}.", lambda: self._load(path, kept))

    @action(doc_in="no argument", hint={"group": "script"})
    def Reload(self) -> None:
        """Load the script's file again; parameters keep their values."""
        if self._path is None:
            raise GumtreeError("NO_SCRIPT", NO_SCRIPT)
        path, kept = self._path, dict(self._parameters)
        self._begin(f"Loading {path.stem}.", lambda: self._load(path, kept))

    def _load_again(self) -> str:
        remembered = self._memory.read()
        if not remembered.get("script"):
            return NO_SCRIPT
        self.publish_state(DevState.RUNNING, f"Loading {remembered['script']}.")
        try:
            return self._load(self._find(remembered["script"]), remembered.get("parameters", {}))
        except GumtreeError:
            with self.exclusive():
                self.forget_members()
            raise

    def _load(self, path: Path, parameters: dict[str, Any]) -> str:
        """Load in the worker, then change attributes and commands; if it is broken, nothing changes."""
        try:
            loaded = self._worker.load(path, parameters)
            check_names(path.name, loaded.interface, _OWN_NAMES)
        except GumtreeError:
            with self.exclusive():
                self.set_written(script=self._path.stem if self._path else "")
            raise
        interface = loaded.interface
        with self.exclusive():
            self._path, self._loaded, self._makers = path, loaded, {}
            self._parameters = {
                each.name: loaded.parameters.get(each.name, each.default) for each in interface.parameters
            }
            self.change_members(interface, self._parameters)
            self.publish(
                script=path.stem, script_title=interface.title, script_version=interface.metadata["version"],
                interface=interface.to_json(), progress=0.0,
            )  # fmt: skip
            self.set_written(script=path.stem)
            if not loaded.live_action:
                self._images.unsubscribe()
                self.publish(live=False)
                self.set_written(live=False)
        self.push_hints()
        self._remember()
        return f"{path.stem} is loaded."

    # actions

    def _begin(self, status: str, work: Callable[[], str]) -> None:
        """Run `work`, which returns the status after it, in a thread of its own unless another is at work."""
        if not self._busy.acquire(blocking=False):
            raise GumtreeError(
                "NOT_ALLOWED_NOW", f"{self.get_name()} is at work: {self.get_status()} Stop it first."
            )
        self._stop_wanted.clear()
        self.publish(progress=0.0)
        self.publish_state(DevState.RUNNING, status)
        self.start_thread(lambda stopping: self._do(work, stopping), "script")

    def _do(self, work: Callable[[], str], stopping: threading.Event) -> None:
        ending = None
        try:
            with self._work:
                if self._stop_wanted.is_set() or stopping.is_set():
                    raise GumtreeError("SCRIPT_STOPPED", "The script was stopped.")
                ending = self.idle_state, work()
        except GumtreeError as error:
            ending = DevState.ALARM, error.message
            if not stopping.is_set():
                self._say(error.message)
        finally:
            with self.exclusive():  # so that who sees the idle state can start the next
                self._busy.release()
                if ending is not None and not stopping.is_set():
                    self.publish_state(*ending)
            self._images.call()  # one may have come meanwhile

    def set_parameter(self, name: str, written: Any) -> None:
        """Take a parameter; a run is looked for at once."""
        parameter = self._present()[1].interface.parameter(name)
        with self.writing(name, written):
            value = self._parameters[name] = from_tango(parameter, written, self.RawDirectory)
            self.publish(**{name: to_tango(parameter, value)})
        self._remember()

    def act(self, method: str) -> None:
        """Run an action of the script."""
        self._begin(f"{self.label_of(method)}: at work.", lambda: self._act(method))

    def _act(self, method: str) -> str:
        values, files = self._run(method, {}, Path(self.DataDirectory) if self.DataDirectory else None)
        self._show(values, progress=100.0)
        self.publish(output_file=str(files[0]) if files else "")
        return f"{self.label_of(method)}: done."

    def _run(
        self, method: str, extra: dict[str, Any], output: Path | None
    ) -> tuple[dict[str, Any], tuple[Path, ...]]:
        path, loaded = self._present()
        parameters = {**self._parameters, **extra}
        for each in loaded.interface.parameters:
            if each.required and parameters[each.name] is None:
                raise GumtreeError(
                    "PARAMETER_MISSING", f"{each.label or each.name} is not set; it is required."
                )
        given = {name: value for name, value in parameters.items() if value is not None}
        outcome = self._worker.run(path, method, given, output)
        before = {name for name, maker in self._makers.items() if maker == method}
        values = published_results(loaded.interface, outcome.results, before)
        self._makers.update(dict.fromkeys(outcome.results, method))
        self._units = result_units(loaded.interface, outcome.results)
        return values, outcome.files

    def _show(self, values: dict[str, Any], **more: Any) -> None:
        """Publish results, after the units that they have come out in."""
        with self.exclusive():
            for name, unit in self._units.items():
                self.configure_attribute(name, unit=unit)
            self.publish(**values, **more)

    def _present(self) -> tuple[Path, Loaded]:
        if self._path is None or self._loaded is None:
            raise GumtreeError("NO_SCRIPT", NO_SCRIPT)
        return self._path, self._loaded

    @action(doc_in="no argument", hint={"group": "script"})
    def Stop(self) -> None:
        """Stop the script."""
        self._stop_wanted.set()
        self._worker.stop()

    @action(doc_in="no argument", hint={"hidden": True})
    def Abort(self) -> None:
        """Stop the script, as Stop does."""
        self._stop_wanted.set()
        self._worker.stop()

    # live

    def set_live(self, wanted: bool) -> None:
        """Follow the detector, or no longer."""
        if wanted:
            _, loaded = self._present()
            if not loaded.live_action or not loaded.live_parameter:
                raise GumtreeError("NOT_LIVE", "The loaded script has nothing that can follow a detector.")
            if not self.DetectorDevice:
                raise GumtreeError("PROPERTY_MISSING", "The property DetectorDevice is not set.")
            self._images.subscribe(self.DetectorDevice)
            status = f"Follows {self.DetectorDevice}; waits for an image."
        else:
            self._images.unsubscribe()
            status = f"No longer follows {self.DetectorDevice}."
        self.publish(live=wanted)
        if not self._busy.locked():
            self.publish_state(self.get_state() if wanted else self.idle_state, status)

    def _follow(self, stopping: threading.Event) -> None:
        """Reduce the newest image whenever there is a new one and nothing else is at work."""
        images = self._images
        keys: LiveKeys | None = None
        while not stopping.is_set():
            images.wait()
            if stopping.is_set() or not self.published_value("live")[0] or self._busy.locked():
                continue
            with self._work:
                try:
                    keys = keys or LiveKeys(
                        self.LogicalKeys, detector=self.DetectorDevice, counter=self.CounterDevice
                    )
                    run = keys.run(self._say_live)
                    _, loaded = self._present()
                    values, _ = self._run(loaded.live_action, {loaded.live_parameter: run}, None)
                    self._show(values)
                    self._tell_live(self.idle_state, self._following())
                except GumtreeError as error:
                    self._say_live(error)
                    self._tell_live(DevState.ALARM, f"Live: {error.message}")

    def _following(self) -> str:
        return f"Follows {self.DetectorDevice}; reduced its image of {datetime.now():%H:%M:%S}."

    def _tell_live(self, state: DevState, status: str) -> None:
        """Publish how a live update went, unless something else is at work or it is no longer wanted."""
        with self.exclusive():
            if self.published_value("live")[0] and not self._busy.locked() and not self._stopping.is_set():
                self.publish_state(state, status)

    def _say_live(self, error: GumtreeError) -> None:
        """Say an error, once while it lasts."""
        line = f"Live: {error.message}"
        if not self._stopping.is_set() and line not in list(self._lines)[-LIVE_LINES:]:
            self._say(line)

    # log and memory

    def _hear(self, fraction: float | None, text: str) -> None:
        if fraction is not None:
            self.publish(progress=100 * min(max(fraction, 0.0), 1.0))
        if text:
            self._say(text)

    def _say(self, line: str) -> None:
        self._lines.append(line)
        self.publish(log=list(self._lines))

    def _known(self) -> list[str]:
        return (
            [info.name for info in list_scripts(Path(self.ScriptDirectory))] if self.ScriptDirectory else []
        )

    def _find(self, name: str) -> Path:
        if not self.ScriptDirectory:
            raise GumtreeError("PROPERTY_MISSING", "The property ScriptDirectory is not set.")
        return find_script(name, [Path(self.ScriptDirectory)]).resolve()

    def _remember(self) -> None:
        assert self._path is not None
        try:
            self._memory.write({"script": self._path.stem, "parameters": dict(self._parameters)})
        except OSError as error:
            self._say(f"Script and parameters will be forgotten at the next start: {error}.")

    def hints(self) -> dict[str, Any]:
        """The hints, with the scripts as choices."""
        hints = super().hints()
        if known := self._known():
            hints["attributes"]["script"] = {**hints["attributes"]["script"], "choices": known}
        return hints


_OWN_NAMES = frozenset(
    name.lower()
    for name in (
        *GumtreeReduction.TangoClassClass.attr_list,
        *GumtreeReduction.TangoClassClass.cmd_list,
        *("State", "Status", "Init"),
        *("self", "quality"),  # arguments of `publish`
    )
)


def main() -> None:
    """Run the server."""
    serve(GumtreeReduction)
