"""`gumtree up`, `gumtree down` and `gumtree status`.

What is slow to import (Tango) is imported in the commands.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from gumtree_core.errors import GumtreeError
from gumtree_core.paths import data_directory
from servers.launcher.record import lock_holder, read_record, remove_record, running_instruments

DOWN_TIMEOUT = 60.0
"""Seconds that a launcher has to stop; each kind of process has ten before it is killed."""
_NO_TERMINAL = 140
"""Columns of what is written to a file or pipe."""

_DATA_DIR = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder in which the instrument keeps everything.",
)
_INSTRUMENT = click.argument("instrument", required=False)


@click.command()
@click.argument("config")
@_DATA_DIR
@click.option("--seed", type=click.IntRange(0), help="Seed of the simulation.")
@click.option("--speed", type=click.FloatRange(0, min_open=True), help="Simulated seconds in a second.")
@click.option("--tango-host", default="", metavar="HOST:PORT", help="Use this Tango database and start none.")
@click.option("--detach", is_flag=True, help="Return when all is up, and leave it running.")
def up(
    config: str,
    data_dir: Path | None,
    seed: int | None,
    speed: float | None,
    tango_host: str,
    detach: bool,
) -> None:
    """Start the instrument of a YAML file, or one that is shipped (sans), and look after it until Ctrl-C."""
    from servers.launcher.instrument import Instrument
    from servers.launcher.report import devices_report, look

    began = time.monotonic()
    console = _console()
    instrument = Instrument(
        config,
        data_dir=data_dir,
        seed=seed,
        speed=speed,
        tango_host=tango_host,
        notice=lambda line: console.print(
            f"{time.strftime('%H:%M:%S')} {line}", markup=False, highlight=False
        ),
    )
    if detach:
        options = {
            "--data-dir": data_dir,
            "--seed": seed,
            "--speed": speed,
            "--tango-host": tango_host or None,
        }
        given = [str(word) for option in options.items() if option[1] is not None for word in option]
        _detach(instrument.data_dir, [config, *given])
        found = look(instrument.data_dir)
        console.print(devices_report(found), highlight=False)
        _tell_up(console, found, time.monotonic() - began, "`gumtree down` stops all.")
        return
    with _interruptible(), instrument:
        found = look(instrument.data_dir)
        console.print(devices_report(found), highlight=False)
        _tell_up(console, found, time.monotonic() - began, "Ctrl-C stops all.")
        try:
            instrument.wait()
        finally:
            console.print("Stopping.")
    console.print("All processes have ended.")


@click.command()
@_INSTRUMENT
@_DATA_DIR
def down(instrument: str | None, data_dir: Path | None) -> None:
    """Stop a running instrument in order; without a name, the only one that runs."""
    folder = _folder(instrument, data_dir)
    pid = lock_holder(folder)
    if pid is None:
        if read_record(folder) is None:
            raise GumtreeError("NOT_RUNNING", f"No instrument runs in {folder}.")
        remove_record(folder)
        Console().print(
            f"The launcher of {folder} had been killed, and its processes with it.",
            highlight=False,
            soft_wrap=True,
        )
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_TIMEOUT
    while lock_holder(folder) == pid:
        if time.monotonic() > deadline:
            raise GumtreeError(
                "NOT_STOPPED",
                f"The launcher, process {pid}, has not stopped within {DOWN_TIMEOUT:.0f} s. "
                f"`kill -9 {pid}` ends it and all that it has started.",
            )
        time.sleep(0.05)
    Console().print(f"All processes of {folder} have ended.", highlight=False, soft_wrap=True)


@click.command()
@_INSTRUMENT
@_DATA_DIR
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(instrument: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Show devices with their states, and processes; exit code 1 if something does not run."""
    from servers.launcher.report import full_report, is_well, look

    found = look(_folder(instrument, data_dir))
    if as_json:
        click.echo(json.dumps(found, indent=1))
    else:
        _console().print(full_report(found), highlight=False)
    if not is_well(found):
        raise click.exceptions.Exit(1)


def _folder(instrument: str | None, data_dir: Path | None) -> Path:
    """The data directory that is meant."""
    if data_dir is not None:
        return data_dir.expanduser().resolve()
    if instrument is not None:
        return data_directory(instrument)
    running = running_instruments()
    if len(running) == 1:
        return running[0]
    if not running:
        raise GumtreeError("NOT_RUNNING", "No instrument runs here. Start one with `gumtree up sans`.")
    names = ", ".join(each.name for each in running)
    raise GumtreeError(
        "SEVERAL_INSTRUMENTS", f"Several instruments run here ({names}); give the name of one."
    )


def _console() -> Console:
    """Of the terminal's width, or wide where there is none."""
    return Console() if sys.stdout.isatty() else Console(width=_NO_TERMINAL)


def _tell_up(console: Console, found: dict[str, Any], seconds: float, how_to_stop: str) -> None:
    console.print(
        f"Up in {seconds:.1f} s. TANGO_HOST={found['tango_host']}  data: {found['data_dir']}\n{how_to_stop}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C, SIGTERM and a terminal that is closed stop in order; further signals do not disturb that."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _detach(data_dir: Path, arguments: list[str]) -> None:
    """Run `gumtree up` in the background, and wait until all is up."""
    from servers.launcher.process import executable

    if lock_holder(data_dir) is None:
        (data_dir / "logs").mkdir(parents=True, exist_ok=True)
    log_file = data_dir / "logs" / "launcher.log"
    with log_file.open("a+b") as log:
        start = log.seek(0, os.SEEK_END)
        process = subprocess.Popen(
            [executable("gumtree"), "up", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        while True:
            ended = process.poll() is not None
            record = read_record(data_dir)
            if record is not None and record["pid"] == process.pid:
                return
            if ended:
                log.seek(start)
                click.echo(log.read().decode(errors="replace").strip(), err=True)
                raise click.exceptions.Exit(process.returncode or 1)
            time.sleep(0.05)
