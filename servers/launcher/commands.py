"""`gumtree up`, `gumtree down` and `gumtree status`."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from gumtree_core.errors import GumtreeError
from gumtree_core.paths import data_directory

DATA_DIR = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the instrument keeps everything.",
)
INSTRUMENT = click.argument("instrument", default="sans")
DOWN_TIMEOUT = 30.0


@click.command()
@click.argument("config", default="sans")
@DATA_DIR
@click.option("--seed", type=click.IntRange(0), help="Seed of the simulation.")
@click.option("--speed", type=click.FloatRange(0, min_open=True), help="Simulated seconds in a second.")
@click.option("--tango-host", default="", metavar="HOST:PORT", help="Use this Tango database and start none.")
def up(config: str, data_dir: Path | None, seed: int | None, speed: float | None, tango_host: str) -> None:
    """Start the instrument of a YAML file (or one shipped: sans), and supervise it until Ctrl-C."""
    from servers.launcher.configuration import read_configuration
    from servers.launcher.instrument import Instrument

    console = Console()
    instrument = Instrument(
        read_configuration(config),
        data_dir=data_dir,
        seed=seed,
        speed=speed,
        tango_host=tango_host,
        notice=lambda line: console.print(
            f"[yellow]{time.strftime('%H:%M:%S')}[/yellow] {line}", highlight=False
        ),
    )
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    began = time.monotonic()
    with instrument:
        console.print(_table(_status(instrument.data_dir)))
        console.print(
            f"Up in {time.monotonic() - began:.1f} s. TANGO_HOST={instrument.tango_host}  "
            f"data: {instrument.data_dir}\nCtrl-C stops all; `gumtree gui` opens the GUI.",
            highlight=False,
        )
        ended.wait()
        console.print("Stopping.")
    console.print("All processes have ended.")


@click.command()
@INSTRUMENT
@DATA_DIR
def down(instrument: str, data_dir: Path | None) -> None:
    """Stop a running instrument in order."""
    from servers.launcher.record import is_locked, read_record

    folder = data_dir or data_directory(instrument)
    if not is_locked(folder):
        raise GumtreeError("NOT_RUNNING", f"No instrument runs in {folder}.")
    pid = int((folder / "lock").read_text())
    with suppress(GumtreeError):
        pid = int(read_record(folder)["pid"])
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_TIMEOUT
    while is_locked(folder):
        if time.monotonic() > deadline:
            raise GumtreeError("NOT_STOPPED", f"Process {pid} has not stopped after {DOWN_TIMEOUT:.0f} s.")
        time.sleep(0.05)
    Console().print("All processes have ended.")


@click.command()
@INSTRUMENT
@DATA_DIR
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(instrument: str, data_dir: Path | None, as_json: bool) -> None:
    """Show what runs: processes, and devices with their states."""
    found = _status(data_dir or data_directory(instrument))
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    console = Console()
    console.print(_table(found))
    processes = Table(
        "process", "pid", "runs", title=f"TANGO_HOST={found['tango_host']}", title_justify="left"
    )
    for each in found["processes"]:
        processes.add_row(each["name"], str(each["pid"]), "yes" if each["running"] else "[red]no[/red]")
    console.print(processes)


def _status(data_dir: Path) -> dict[str, Any]:
    import tango

    from servers.launcher.record import is_locked, read_record

    record = read_record(data_dir)
    if not is_locked(data_dir):
        raise GumtreeError(
            "NOT_RUNNING",
            f"The launcher of {data_dir} was killed; its processes ended with it. Start it again.",
        )
    for device in record["devices"]:
        try:
            proxy = tango.DeviceProxy(f"tango://{record['tango_host']}/{device['name']}")
            device["state"], device["status"] = str(proxy.state()), proxy.status()
        except tango.DevFailed as error:
            device["state"], device["status"] = "UNREACHABLE", error.args[0].desc.strip()
    for process in record["processes"]:
        process["running"] = Path(f"/proc/{process['pid']}").exists()
    return record


def _table(found: dict[str, Any]) -> Table:
    table = Table("device", "alias", "class", "state", "status", title=found["title"] or found["instrument"])
    colours = {
        "ON": "green",
        "MOVING": "blue",
        "RUNNING": "blue",
        "STANDBY": "green",
        "UNREACHABLE": "red",
        "FAULT": "red",
    }
    for device in found["devices"]:
        colour = colours.get(device["state"], "yellow")
        state = f"[{colour}]{device['state']}[/{colour}]"
        table.add_row(
            device["name"], device["alias"], device["class"], state, device["status"].splitlines()[0]
        )
    return table
