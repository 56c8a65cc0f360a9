"""What all our Tango devices share: values that are published, states, errors, threads, hints for the GUI.

A device keeps the last value of each attribute and pushes it when it changes; a read returns that value and
never waits for hardware. Work runs in the device's own threads.
"""

from __future__ import annotations

import functools
import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tango
from tango import AttrQuality, AttrWriteType, DevState
from tango.server import Device, attribute, command, device_property, run

from gumtree_core.errors import GumtreeError

logger = logging.getLogger(__name__)

HINTS_SCHEMA = 1
_NOT_SPECIFIED = "Not specified"
_TANGO_DEFAULTS = {"unit": "", "format": "%6.2f", "min_value": _NOT_SPECIFIED, "max_value": _NOT_SPECIFIED}
_ATTRIBUTE_HINT = "_gumtree_attribute_hint"
_ATTRIBUTE_OPTIONS = "_gumtree_attribute_options"
_COMMAND_HINT = "_gumtree_command_hint"


@contextmanager
def tango_errors(origin: str = "") -> Iterator[None]:
    """Turn a `GumtreeError` into a DevFailed with its reason, and an unforeseen one into INTERNAL_ERROR."""
    try:
        yield
    except GumtreeError as error:
        tango.Except.throw_exception(error.reason, error.message, origin)
    except tango.DevFailed:
        raise
    except Exception as error:
        logger.exception("unforeseen error in %s", origin)
        message = f"{type(error).__name__}: {error}. This is a defect; the server's log has the details."
        tango.Except.throw_exception("INTERNAL_ERROR", message, origin)


def published(
    name: str, dtype: Any, *, write: str = "", hint: dict[str, Any] | None = None, **options: Any
) -> Any:
    """An attribute whose value the device publishes with `self.publish(name=value)`.

    Parameters
    ----------
    name
        The attribute's name, as in the class body.
    dtype
        A type as `tango.server.attribute` takes it: `float`, `(float,)`, `((int,),)`, an `IntEnum`.
    write
        The method that takes a written value; empty for a read-only attribute.
    hint
        What Tango has no place for; keys are fields of `gumtree_core.interface.Result` and `Parameter`.
    options
        `label`, `unit`, `format`, `doc`, `min_value`, `max_value`, `display_level`, `max_dim_x`, ...
    """

    def read(self: GumtreeDevice) -> Any:
        return self.published_value(name)

    def set_value(self: GumtreeDevice, value: Any) -> None:
        with tango_errors(f"{self.get_name()}/{name}"), self.writing(name, value):
            getattr(self, write)(value)

    declared = dict(options)
    if write:
        options.setdefault("access", AttrWriteType.READ_WRITE)
        options["fset"] = set_value
    made = attribute(name=name, dtype=dtype, fget=read, **options)
    setattr(made, _ATTRIBUTE_HINT, hint or {})
    setattr(made, _ATTRIBUTE_OPTIONS, declared)
    return made


def action(
    *, allowed: Iterable[DevState] = (), hint: dict[str, Any] | None = None, **options: Any
) -> Callable[[Callable[..., Any]], Any]:
    """A command with our errors, the states in which it is allowed, and hints for the GUI.

    `hint` keys are fields of `gumtree_core.interface.Action`; `options` go to `tango.server.command`.
    """
    states = tuple(allowed)

    def decorate(method: Callable[..., Any]) -> Any:
        @functools.wraps(method)
        def run(self: GumtreeDevice, *arguments: Any) -> Any:
            with tango_errors(f"{self.get_name()}/{method.__name__}"):
                self.require_state(method.__name__, states)
                return method(self, *arguments)

        made = command(run, **options)
        hints: dict[str, Any] = {"help": " ".join((method.__doc__ or "").split())}
        if states:
            hints["allowed_states"] = [str(state) for state in states]
        setattr(made, _COMMAND_HINT, {**hints, **(hint or {})})
        return made

    return decorate


class GumtreeDevice(Device):
    """Base of all our device classes."""

    IdleState = device_property(
        dtype=str,
        default_value="ON",
        doc="State when idle and well: ON, or STANDBY as SOLEIL's clients expect.",
    )

    ui_groups: tuple[dict[str, Any], ...] = ()
    """Groups for the GUI, in order: fields of `gumtree_core.interface.Group`."""

    ui_hints = attribute(
        dtype=str,
        display_level=tango.DispLevel.EXPERT,
        label="GUI hints",
        doc="JSON: groups, order, widgets, allowed states, limits of command arguments.",
    )

    def init_device(self) -> None:
        """Prepare events and threads; subclasses call this first and then publish their first values."""
        super().init_device()
        self._values: dict[str, tuple[Any, float, AttrQuality]] = {}
        self._values_lock = threading.Lock()
        self._write_values: dict[str, Any] = {}
        self._stopping = threading.Event()
        self._configured: dict[str, dict[str, str]] = getattr(self, "_configured", {})
        for name in ("State", "Status", "ui_hints"):
            self.set_change_event(name, True, False)
        for name in _hints_of(type(self), _ATTRIBUTE_HINT):
            self.set_change_event(name, True, False)
        self.publish_state(DevState.INIT, "The device is starting.")

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep commands and reads of this device waiting, for a thread that publishes several things as one.

        Inside, do nothing that waits: no hardware, no lock that a command may hold while it calls hardware.
        """
        with tango.AutoTangoMonitor(self):
            yield

    def delete_device(self) -> None:
        """Tell the threads to end. They are not joined: one may be waiting for the monitor that we hold."""
        self._stopping.set()

    # values

    def publish(self, quality: AttrQuality = AttrQuality.ATTR_VALID, **values: Any) -> None:
        """Keep each value and push a change event for those that differ from what was published before.

        None says that there is no value, as `publish_invalid` does, and so does an empty array: an event with
        one can crash its receiver.
        """
        now = time.time()
        for name, value in values.items():
            if value is None or (np.ndim(value) > 0 and np.size(value) == 0):
                self.publish_invalid(name)
                continue
            with self._values_lock:
                before = self._values.get(name)
                self._values[name] = (value, now, quality)
            if before is None or before[2] != quality or not _same(before[0], value):
                self.push_change_event(name, value, now, quality)

    def publish_invalid(self, *names: str) -> None:
        """Mark attributes as having no value yet."""
        now = time.time()
        for name in names:
            with self._values_lock:
                known = self._values.get(name)
                self._values[name] = (None, now, AttrQuality.ATTR_INVALID)
            if known is not None and known[2] != AttrQuality.ATTR_INVALID:
                self.push_change_event(name, *_invalid(self, name, now))

    def published_value(self, name: str) -> tuple[Any, float, AttrQuality]:
        """What a read of the attribute returns: value, time, quality."""
        with self._values_lock:
            value, when, quality = self._values.get(name, (None, time.time(), AttrQuality.ATTR_INVALID))
        return (value, when, quality) if value is not None else _invalid(self, name, when)

    def set_written(self, **values: Any) -> None:
        """Set the write value that clients see, so that a form shows the present setting and not 0."""
        for name, value in values.items():
            self.get_device_attr().get_w_attr_by_name(name).set_write_value(value)
            self._write_values[name] = value

    @contextmanager
    def writing(self, name: str, value: Any) -> Iterator[None]:
        """Have events that are pushed while an attribute is written carry the new write value, not the old.

        Tango takes the value over only after the write method has returned. A value that is refused is taken
        back.
        """
        known, before = name in self._write_values, self._write_values.get(name)
        self.set_written(**{name: value})
        try:
            yield
        except Exception:
            if known:
                self.set_written(**{name: before})
            raise

    # configuration

    def configure_attribute(self, name: str, **properties: Any) -> None:
        """Set label, unit, format, min_value, max_value of an attribute where nobody else has set them.

        What stands in the database, and what a client has changed, stays. Clients get an attribute
        configuration event; nothing is written to the database.
        """
        config = self.get_device_attr().get_attr_by_name(name)
        present = config.get_properties()
        ours = self._configured.setdefault(name, {})
        options = self.declared_options(name)
        changed = False
        for key, value in properties.items():
            now, text = getattr(present, key), str(value)
            declared = str(options.get(key, _TANGO_DEFAULTS.get(key, name)))
            if now != text and now in (declared, ours.get(key)):
                setattr(present, key, text)
                ours[key] = text
                changed = True
        if changed:
            with _without_database():
                config.set_properties(present)

    def declared_options(self, name: str) -> dict[str, Any]:
        """What the class declares of an attribute; devices with dynamic members extend it."""
        options: dict[str, Any] = getattr(getattr(type(self), name), _ATTRIBUTE_OPTIONS, {})
        return options

    def attribute_config(self, name: str) -> Any:
        """The present configuration of an attribute: `label`, `unit`, `format`, `min_value`, ... as text."""
        return self.get_device_attr().get_attr_by_name(name).get_properties()

    # state

    @property
    def idle_state(self) -> DevState:
        """The state when idle and well."""
        return DevState.names[self.IdleState.upper()]

    def publish_state(self, state: DevState, status: str) -> None:
        """Set and push State and Status; publish the last values before the idle state, not after."""
        if self.get_state() != state:
            self.set_state(state)
            self.set_status(status)
            self.push_change_event("State", state)
            self.push_change_event("Status", status)
        elif self.get_status() != status:
            self.set_status(status)
            self.push_change_event("Status", status)

    def require_state(self, what: str, allowed: Iterable[DevState]) -> None:
        """Raise NOT_ALLOWED_NOW unless the state is one of `allowed` (empty: any; idle counts as ON)."""
        states = tuple(allowed)
        state = self.get_state()
        if not states or state in states or (state == self.idle_state and DevState.ON in states):
            return
        names = ", ".join(str(each) for each in states)
        raise GumtreeError(
            "NOT_ALLOWED_NOW",
            f"{what} is not possible while {self.get_name()} is {state} ({self.get_status()}). "
            f"It needs: {names}.",
        )

    # threads

    def start_thread(self, work: Callable[[threading.Event], None], name: str = "") -> threading.Thread:
        """Run `work(stopping)` in a thread that may push events; it ends soon after `stopping` is set.

        An exception that `work` lets through puts the device in FAULT with the error as status.
        """
        stopping = self._stopping

        def run() -> None:
            with tango.EnsureOmniThread():
                try:
                    work(stopping)
                except Exception as error:
                    logger.exception("%s: thread %s ended", self.get_name(), name)
                    if not stopping.is_set():
                        self.publish_state(DevState.FAULT, f"{error} Call Init when the cause is mended.")

        thread = threading.Thread(target=run, name=f"{self.get_name()} {name}", daemon=True)
        thread.start()
        return thread

    # hints

    def read_ui_hints(self) -> str:
        """Hints as JSON: "schema", "groups", "attributes": {name: {...}}, "commands": {name: {...}}."""
        return json.dumps(self.hints())

    def push_hints(self) -> None:
        """Tell clients that the hints have changed; for a device that extends `hints` and whose do."""
        self.push_change_event("ui_hints", self.read_ui_hints())

    def hints(self) -> dict[str, Any]:
        """What `ui_hints` publishes; devices with dynamic members extend it."""
        commands = {name: dict(hint) for name, hint in _hints_of(type(self), _COMMAND_HINT).items()}
        idle = str(self.idle_state)
        for hint in commands.values():
            states = hint.get("allowed_states", [])
            if "ON" in states and idle not in states:
                hint["allowed_states"] = [*states, idle]
        return {
            "schema": HINTS_SCHEMA,
            "groups": list(self.ui_groups),
            "attributes": _hints_of(type(self), _ATTRIBUTE_HINT),
            "commands": commands,
        }


@contextmanager
def _without_database() -> Iterator[None]:
    """Let Tango change an attribute's configuration without writing it to the database.

    There it would look like the user's own choice, and outlive a change of the hardware that it came from.
    """
    util = tango.Util.instance()
    used = util._UseDb
    util.set_use_db(False)
    try:
        yield
    finally:
        util.set_use_db(used)


def serve(device_class: type[GumtreeDevice]) -> None:
    """Run the server of a class; the first argument is the instance's name, Tango's own options follow."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    run((device_class,), args=[device_class.__name__, *sys.argv[1:]], msg_stream=sys.stderr)


def _hints_of(cls: type, marker: str) -> dict[str, dict[str, Any]]:
    """The hints of the members that carry the marker, base classes first, each in the order written."""
    members = ((name, member) for base in reversed(cls.__mro__) for name, member in vars(base).items())
    return {name: getattr(member, marker) for name, member in members if hasattr(member, marker)}


def _invalid(device: Device, name: str, when: float) -> tuple[Any, float, AttrQuality]:
    """A value of the attribute's type that nobody will take for data: its quality is INVALID."""
    config = device.get_device_attr().get_attr_by_name(name)
    text = config.get_data_type() == tango.CmdArgType.DevString
    scalar: Any = "" if text else 0
    shaped = {
        tango.AttrDataFormat.SCALAR: scalar,
        tango.AttrDataFormat.SPECTRUM: [],
        tango.AttrDataFormat.IMAGE: [[]],
    }
    return shaped[config.get_data_format()], when, AttrQuality.ATTR_INVALID


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, np.ndarray) or isinstance(after, np.ndarray):
        return False
    return bool(before == after)
