"""How a running instrument is: gathered for programs, and as tables for people."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import tango
from rich import box
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from gumtree_core.errors import GumtreeError
from servers.launcher.record import lock_holder, read_record

UNREACHABLE = "UNREACHABLE"
_TIMEOUT = 1000
"""Milliseconds that a device has to answer."""
_COLOURS = {
    "ON": "green",
    "STANDBY": "green",
    "MOVING": "cyan",
    "RUNNING": "cyan",
    "ALARM": "yellow",
    "INIT": "yellow",
    "FAULT": "red",
    UNREACHABLE: "red",
}
_UNWELL = ("INIT", "ALARM", "FAULT", "UNKNOWN", UNREACHABLE)


def look(data_dir: Path) -> dict[str, Any]:
    """How the instrument of a data directory is: what `run.json` says, with states and what is alive.

    Each device gets `state` and `status`, each process `running`; `launcher_running` tells of the launcher.

    Raises
    ------
    GumtreeError
        NOT_RUNNING if there is neither a launcher nor what one has left.
    """
    launcher, record = lock_holder(data_dir), read_record(data_dir)
    if record is None:
        if launcher is not None:
            raise GumtreeError(
                "NOT_RUNNING", f"The instrument in {data_dir} is starting or stopping (process {launcher})."
            )
        raise GumtreeError("NOT_RUNNING", f"No instrument runs in {data_dir}. Start one with `gumtree up`.")
    record["launcher_running"] = launcher is not None
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = pool.map(lambda device: _ask(record["tango_host"], device["name"]), record["devices"])
        for device, (state, status) in zip(record["devices"], answers, strict=True):
            device["state"], device["status"] = state, status
    for process in record["processes"]:
        process["running"] = _is_alive(process["pid"])
    return record


def is_well(found: dict[str, Any]) -> bool:
    """Whether all runs and every device answers."""
    return (
        found["launcher_running"]
        and all(process["running"] for process in found["processes"])
        and all(device["state"] != UNREACHABLE for device in found["devices"])
    )


def devices_report(found: dict[str, Any]) -> Group:
    """A line for each device, and what those say that are not well."""
    title = f"{found['instrument']}: {found['title']}" if found["title"] else found["instrument"]
    table = Table(title=escape(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    rows = [(each["name"], each["state"], each["alias"], each["class"]) for each in found["devices"]]
    for index, column in enumerate(("Device", "State", "Alias", "Class")):
        # On a narrow terminal, alias and class are cut before the device and its state.
        least = max(len(column), *(len(row[index]) for row in rows)) if index < 2 else 5
        table.add_column(column, no_wrap=True, min_width=least)
    for name, state, alias, kind in rows:
        table.add_row(name, _coloured(state), alias, kind)
    unwell = [each for each in found["devices"] if each["state"] in _UNWELL]
    return Group(
        table, *(f"{_coloured(each['state'])} {each['name']}: {escape(each['status'])}" for each in unwell)
    )


def full_report(found: dict[str, Any]) -> Group:
    """Devices and processes, and what is amiss."""
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("Process", "PID", "Runs", "Restarts", "Last ending"):
        table.add_column(column, no_wrap=True)
    for process in found["processes"]:
        runs = "[green]yes[/]" if process["running"] else "[red]no[/]"
        if process["given_up"]:
            runs = "[red]given up[/]"
        table.add_row(
            process["name"], str(process["pid"]), runs, str(process["restarts"]), process["last_ending"]
        )
    launcher = (
        f"Launcher: process {found['pid']}."
        if found["launcher_running"]
        else "[red]The launcher is dead[/], and its processes with it; start it again with `gumtree up`."
    )
    where = f"TANGO_HOST={found['tango_host']}  data: {escape(found['data_dir'])}"
    return Group(devices_report(found), table, launcher, where)


def _coloured(state: str) -> str:
    return f"[{_COLOURS.get(state, 'white')}]{state}[/]"


def _ask(tango_host: str, name: str) -> tuple[str, str]:
    try:
        proxy = tango.DeviceProxy(f"tango://{tango_host}/{name}")
        proxy.set_timeout_millis(_TIMEOUT)
        return str(proxy.state()), str(proxy.status())
    except tango.DevFailed as error:
        return UNREACHABLE, error.args[0].desc.strip()


def _is_alive(pid: int) -> bool:
    """Whether the process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
