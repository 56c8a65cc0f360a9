"""GumtreeReduction: a reduction script as a Tango device."""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from pathlib import Path
from typing import Any

import tango
from tango import AttrWriteType, DevState
from tango.server import attribute, command, device_property

from gumtree_core.errors import GumtreeError
from gumtree_core.interface import Interface
from gumtree_core.scripts.loading import find_script, list_scripts
from gumtree_core.scripts.worker import Loaded, ScriptWorker
from servers.base import GumtreeDevice, action, published, serve, tango_errors
from servers.live import LiveKeys
from servers.reduction_members import from_tango, members, published_results, to_tango

logger = logging.getLogger(__name__)

LOG_LINES = 500
STATE_FILE = ".reduction.json"


class GumtreeReduction(GumtreeDevice):
    """Runs a script in a process of its own; parameters, results and actions of the script are its members.

    Write `script` to load one. Its parameters then are attributes, its actions commands, its results
    attributes with their errors. With `live`, the script follows the detector.
    """

    ScriptDirectory = device_property(dtype=str, default_value="", doc="Folder of the scripts.")
    DataDirectory = device_property(dtype=str, default_value="", doc="Folder for reduced data.")
    LogicalKeys = device_property(
        dtype=(str,), default_value=(), doc="Lines key=device/attribute, as in GumtreeScan."
    )
    DetectorDevice = device_property(dtype=str, default_value="", doc="Detector that `live` follows.")
    CounterDevice = device_property(dtype=str, default_value="", doc="Counter that belongs to it.")
    TimeLimit = device_property(dtype=float, default_value=3600.0, doc="Seconds that an action may take.")
    MemoryLimit = device_property(
        dtype=float, default_value=8e9, doc="Bytes that the script may use; 0: any."
    )

    ui_groups = (
        {"name": "script", "label": "Script"},
        {"name": "parameters", "label": "Parameters"},
        {"name": "results", "label": "Results"},
        {"name": "log", "label": "Log"},
    )

    script = published(
        "script",
        str,
        write="choose",
        label="Script",
        doc="Name of the loaded script.",
        hint={"group": "script"},
    )
    live = published(
        "live",
        bool,
        write="set_live",
        label="Follow the detector",
        doc="Reduce what is being measured, again with each new image.",
        hint={"group": "script"},
    )
    scripts = published(
        "scripts",
        (str,),
        max_dim_x=1000,
        label="Known scripts",
        doc="Names.",
        hint={"group": "script", "hidden": True},
    )
    script_title = published(
        "script_title", str, label="Title", doc="Of the script.", hint={"group": "script"}
    )
    script_version = published(
        "script_version", str, label="Version", doc="Of the script.", hint={"group": "script"}
    )
    progress = published(
        "progress", float, label="Progress", unit="%", format="%.0f", doc="Of the action.",
        hint={"group": "script", "widget": "progress"},
    )  # fmt: skip
    output_file = published(
        "output_file", str, label="Saved as", doc="The newest file.", hint={"group": "results"}
    )
    log = published(
        "log",
        (str,),
        max_dim_x=LOG_LINES,
        label="Log",
        doc="What the script says.",
        hint={"group": "log", "widget": "log"},
    )
    interface = published(
        "interface",
        str,
        label="Interface",
        display_level=tango.DispLevel.EXPERT,
        doc="JSON of all that the script offers.",
        hint={"hidden": True},
    )

    # start and end

    def init_device(self) -> None:
        """Come back with the script and the parameters of before."""
        super().init_device()
        self._path: Path | None = None
        self._loaded: Loaded | None = None
        self._parameters: dict[str, Any] = {}
        self._dynamic: dict[str, dict[str, Any]] = getattr(self, "_dynamic", {})
        self._commands: dict[str, str] = getattr(self, "_commands", {})
        self._work = threading.Lock()  # held while the worker is used, for a live update too
        self._busy = threading.Lock()  # held from a load or an action's command until it has ended
        self._lines: deque[str] = deque(maxlen=LOG_LINES)
        self._new_image = threading.Event()
        self._subscription: tuple[tango.DeviceProxy, int] | None = None
        self._worker = ScriptWorker(
            self._hear, time_limit=self.TimeLimit or None, memory_limit=int(self.MemoryLimit) or None
        )
        self.publish(
            script="", live=False, scripts=self._known(), script_title="", script_version="", progress=0.0,
            output_file="", log=[], interface="",
        )  # fmt: skip
        self.set_written(script="", live=False)
        remembered = self._remembered()
        if remembered.get("script"):
            self._busy.acquire()
            self.start_thread(lambda stopping: self._come_back(remembered), "restore")
        else:
            self.publish_state(self.idle_state, "No script is loaded; write its name to `script`.")
        self.start_thread(self._follow, "live")

    def delete_device(self) -> None:
        """End the script's process."""
        super().delete_device()
        self._new_image.set()
        self._unsubscribe()
        threading.Thread(target=self._worker.close, daemon=True).start()

    # loading

    def choose(self, name: str) -> None:
        """Load the script of that name; the present one stays if there is none (SCRIPT_UNKNOWN)."""
        self.publish(scripts=self._known())
        path = self._find(name)
        self._begin(f"Loading {name}.")
        self.start_thread(lambda stopping: self._load(path, {}), "load")

    @action(doc_in="no argument", hint={"group": "script"})
    def Reload(self) -> None:
        """Load the script's file again; parameters keep their values."""
        if self._path is None:
            raise GumtreeError("NO_SCRIPT", "No script is loaded; write its name to `script`.")
        path, kept = self._path, dict(self._parameters)
        self._begin(f"Loading {path.stem}.")
        self.start_thread(lambda stopping: self._load(path, kept), "load")

    def _come_back(self, remembered: dict[str, Any]) -> None:
        try:
            path = self._find(remembered["script"])
        except GumtreeError as error:
            self._busy.release()
            self.publish_state(DevState.ALARM, error.message)
            return
        self._load(path, remembered.get("parameters", {}))

    def _load(self, path: Path, parameters: dict[str, Any]) -> None:
        """Load in the worker, then change attributes and commands; releases the lock that is held."""
        state, status = self.idle_state, f"{path.stem} is loaded."
        self._work.acquire()
        try:
            loaded = self._worker.load(path)
            if path == self._path:
                parameters = {**self._parameters, **parameters}
            known = {each.name: each for each in loaded.interface.parameters}
            with self.exclusive():
                self._forget_members()
                self._path, self._loaded = path, loaded
                self._parameters = {name: parameters.get(name, each.default) for name, each in known.items()}
                self._make_members(loaded.interface)
                title, version = loaded.interface.title, loaded.interface.metadata.get("version", "")
                self.publish(
                    script=path.stem, script_title=title, script_version=version,
                    interface=loaded.interface.to_json(), progress=0.0,
                )  # fmt: skip
                self.set_written(script=path.stem)
            self._remember()
        except GumtreeError as error:
            state, status = DevState.ALARM, error.message
            self._say(error.message)
        finally:
            self._work.release()
            self._busy.release()
        self.publish_state(state, status)

    def _make_members(self, interface: Interface) -> None:
        for member in members(interface):
            access = AttrWriteType.READ_WRITE if member.writable else AttrWriteType.READ
            writing = {"fset": self._write_parameter} if member.writable else {}
            made = attribute(
                name=member.name, access=access, fget=self._read_member, **writing, **member.options
            )
            self.add_attribute(made)
            self.set_change_event(member.name, True, False)
            self._dynamic[member.name] = member.hint
        for each in interface.parameters:
            value = to_tango(each, self._parameters[each.name])
            self.publish(**{each.name: value})
            if not each.ndim:
                self.set_written(**{each.name: value})
        for each_action in interface.actions:
            name = "".join(part.capitalize() for part in each_action.name.split("_"))
            self._commands[name] = each_action.name
            self.add_command(self._command(name, each_action.name, each_action.help))

    def _forget_members(self) -> None:
        for name in self._dynamic:
            self.remove_attribute(name)
            self._values.pop(name, None)
        for name in self._commands:
            self.remove_command(name)
        self._dynamic.clear()
        self._commands.clear()

    def _command(self, name: str, method: str, doc: str) -> Any:
        def run() -> None:
            with tango_errors(f"{self.get_name()}/{name}"):
                self._start_action(method)

        run.__name__, run.__doc__ = name, doc
        return command(f=run, dtype_in=None, dtype_out=None, doc_in="no argument")

    def _read_member(self, attr: tango.Attribute) -> Any:
        return self.published_value(attr.get_name())

    def _write_parameter(self, attr: tango.WAttribute) -> None:
        name = attr.get_name()
        with tango_errors(f"{self.get_name()}/{name}"):
            assert self._loaded is not None
            parameter = self._loaded.interface.parameter(name)
            value = attr.get_write_value()
            self._parameters[name] = from_tango(parameter, value)
            self.publish(**{name: list(value) if parameter.ndim else value})
            self._remember()

    # actions

    def _start_action(self, method: str) -> None:
        self._begin(f"{method} is running.")
        self.start_thread(lambda stopping: self._act(method), "action")

    def _act(self, method: str) -> None:
        state, status = self.idle_state, f"{method} is done."
        self._work.acquire()
        try:
            values, files = self._run(method, {}, Path(self.DataDirectory) if self.DataDirectory else None)
            self.publish(**values, progress=100.0)
            if files:
                self.publish(output_file=str(files[-1]))
        except GumtreeError as error:
            state, status = DevState.ALARM, error.message
            self._say(error.message)
        finally:
            self._work.release()
            self._busy.release()
        self.publish_state(state, status)

    def _run(self, method: str, extra: dict[str, Any], output: Path | None) -> tuple[dict[str, Any], Any]:
        assert self._loaded is not None
        assert self._path is not None
        self._check_required(extra)
        given = {name: value for name, value in {**self._parameters, **extra}.items() if value is not None}
        outcome = self._worker.run(self._path, method, given, output)
        return published_results(self._loaded.interface, outcome.results), outcome.files

    def _check_required(self, extra: dict[str, Any]) -> None:
        assert self._loaded is not None
        for each in self._loaded.interface.parameters:
            if each.required and extra.get(each.name, self._parameters[each.name]) is None:
                raise GumtreeError(
                    "PARAMETER_MISSING", f"{each.label or each.name} is not set; it is required."
                )

    @action(doc_in="no argument", hint={"group": "script"})
    def Stop(self) -> None:
        """Stop the script."""
        self._worker.stop()

    @action(doc_in="no argument", hint={"hidden": True})
    def Abort(self) -> None:
        """Stop the script, as Stop does."""
        self._worker.stop()

    def _begin(self, status: str) -> None:
        if not self._busy.acquire(blocking=False):
            raise GumtreeError(
                "NOT_ALLOWED_NOW", f"{self.get_name()} is at work: {self.get_status()} Stop it first."
            )
        self.publish(progress=0.0)
        self.publish_state(DevState.RUNNING, status)

    # live

    def set_live(self, wanted: bool) -> None:
        """Follow the detector, or no longer."""
        if wanted:
            if self._loaded is None or not self._loaded.live_action:
                raise GumtreeError("NOT_LIVE", "The loaded script has nothing that can follow a detector.")
            if not self.DetectorDevice:
                raise GumtreeError("PROPERTY_MISSING", "The property DetectorDevice is not set.")
            self._subscribe()
        else:
            self._unsubscribe()
        self.publish(live=wanted)

    def _subscribe(self) -> None:
        if self._subscription is None:
            proxy = tango.DeviceProxy(self.DetectorDevice)
            number = proxy.subscribe_event(
                "image", tango.EventType.CHANGE_EVENT, lambda event: event.err or self._new_image.set()
            )
            self._subscription = proxy, number

    def _unsubscribe(self) -> None:
        if self._subscription is not None:
            proxy, number = self._subscription
            self._subscription = None
            proxy.unsubscribe_event(number)

    def _follow(self, stopping: threading.Event) -> None:
        """Reduce the newest image whenever there is a new one and nothing else is at work."""
        keys: LiveKeys | None = None
        while not stopping.is_set():
            self._new_image.wait()
            self._new_image.clear()
            if stopping.is_set() or not self.published_value("live")[0]:
                continue
            if self._busy.locked():
                continue
            self._work.acquire()
            try:
                keys = keys or LiveKeys(
                    self.LogicalKeys, detector=self.DetectorDevice, counter=self.CounterDevice
                )
                loaded = self._loaded
                if loaded is not None and loaded.live_action:
                    run = keys.run(lambda error: logger.warning("live: %s", error))
                    values, _ = self._run(loaded.live_action, {loaded.live_parameter: run}, None)
                    self.publish(**values)
            except GumtreeError as error:
                self._say(f"Live: {error.message}")
            finally:
                self._work.release()

    # log and memory

    def _hear(self, fraction: float | None, text: str) -> None:
        with tango.EnsureOmniThread():
            if fraction is not None:
                self.publish(progress=100 * fraction)
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

    def _remembered(self) -> dict[str, Any]:
        try:
            remembered: dict[str, Any] = json.loads((Path(self.DataDirectory) / STATE_FILE).read_text())
        except (OSError, ValueError):
            return {}
        return remembered if self.DataDirectory else {}

    def _remember(self) -> None:
        if self.DataDirectory and self._path is not None:
            folder = Path(self.DataDirectory)
            folder.mkdir(parents=True, exist_ok=True)
            half = folder / f"{STATE_FILE}.new"
            half.write_text(json.dumps({"script": self._path.stem, "parameters": self._parameters}))
            half.replace(folder / STATE_FILE)

    def hints(self) -> dict[str, Any]:
        """The hints, with those of the script's members and its own groups."""
        hints = super().hints()
        hints["attributes"].update(self._dynamic)
        if self._loaded is not None:
            interface = self._loaded.interface
            hints["attributes"]["script"] = {**hints["attributes"]["script"], "choices": self._known()}
            own = [
                {"name": each.name, "label": each.label, "folded": each.folded} for each in interface.groups
            ]
            hints["groups"] = [hints["groups"][0], hints["groups"][1], *own, *hints["groups"][2:]]
            labels = {each.name: each.label for each in interface.actions}
            hints["commands"].update(
                {
                    name: {"label": labels[method], "group": "script"}
                    for name, method in self._commands.items()
                }
            )
        return hints


def main() -> None:
    """Run the server."""
    serve(GumtreeReduction)
