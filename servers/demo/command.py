"""`gumtree demo`: the main job on the simulated instrument, from start to end."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from gumtree_core.errors import GumtreeError

INSTRUMENT = "sans"
SPEED = 400.0
"""Simulated seconds in a second; the experiment takes some hours of beam time."""


@click.command()
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Fixes all randomness.")
@click.option(
    "--speed",
    type=click.FloatRange(1, 10_000),
    default=SPEED,
    show_default=True,
    help="Simulated seconds in a second.",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where everything goes; the user's data directory unless given.",
)
@click.option(
    "--screenshot",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw the GUI without a display into this PNG file.",
)
@click.option("--headless", is_flag=True, help="Open no GUI, even with a display.")
def demo(seed: int, speed: float, data_dir: Path | None, screenshot: Path | None, headless: bool) -> None:
    """Start the simulated SANS instrument, measure, reduce online, and compare with the truth."""
    from gumtree_core.paths import data_directory
    from servers.launcher.configuration import read_configuration
    from servers.launcher.instrument import Instrument

    console = Console(highlight=False)
    folder = data_dir or data_directory(f"{INSTRUMENT}-demo")
    notices: list[str] = []

    def notice(line: str) -> None:
        notices.append(line)
        console.print(f"  [yellow]![/yellow] {line}")

    console.print("[bold]GumTree on Tango: one experiment on the simulated SANS instrument[/bold]")
    console.print(f"1. Starting the Tango database, the simulated hardware and the servers in {folder}")
    with ExitStack() as stack:
        instrument = stack.enter_context(
            Instrument(
                read_configuration(INSTRUMENT), data_dir=folder, seed=seed, speed=speed, notice=notice
            )
        )
        console.print(
            f"   {len(instrument.devices)} devices are up; any Tango client finds them with "
            f"TANGO_HOST={instrument.tango_host}"
        )
        gui = _open_gui(console, folder, instrument.tango_host, headless or screenshot is not None)
        file, agreement = _experiment(console, instrument.tango_host, seed)
        console.print(f"   NeXus files: {folder / 'data'}\n   I(q), NXcanSAS: {file}")
        verdict = "as expected" if agreement.as_expected else "[red]not as expected[/red]"
        console.print(
            f"4. Against the truth that the simulation knows: reduced chi-square "
            f"[bold]{agreement.chi_square:.3f}[/bold] over {agreement.points} points "
            f"({verdict}: 0.8 to 1.2)"
        )
        if screenshot is not None:
            _draw(folder, instrument.tango_host, screenshot)
            console.print(f"   GUI drawn into {screenshot}")
        if gui is not None:
            console.print("The GUI stays open. Close its window to end the demo.")
            gui.wait()
    console.print("All processes have ended.")


def _experiment(console: Console, tango_host: str, seed: int) -> tuple[Path, Agreement]:
    from gumtree_core.simulation import truth
    from gumtree_core.simulation.sans import Settings, slot_position
    from servers.demo.compare import compare
    from servers.demo.experiment import DISTANCE, EXPERIMENT, SAMPLE, measure, reduce, script_parameters, set_motors
    from servers.demo.session import Session

    session = Session(tango_host, lambda line: console.print(f"  [yellow]![/yellow] {line}"))
    hours = sum(item.seconds for item in EXPERIMENT) / 3600
    console.print(f"2. Measuring {len(EXPERIMENT)} runs, {hours:.1f} h of beam time; I(q) follows the sample live")
    columns = (
        TextColumn("   {task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    files: dict[str, str] = {}
    total = sum(item.seconds for item in EXPERIMENT)
    done = 0.0
    with Progress(*columns, console=console) as bars:
        overall = bars.add_task("All", total=total)
        for item in EXPERIMENT:
            task = bars.add_task(item.title, total=1.0)

            def show(fraction: float, text: str) -> None:
                bars.update(task, completed=fraction, description=text)
                bars.update(overall, completed=done + fraction * item.seconds)

            set_motors(session, item.positions())
            path = measure(session, item, truth.sample(item.slot).thickness, show)
            files[item.parameter] = str(path)
            done += item.seconds
        console.print("3. Reducing with the script `sans` from the script repository")
        task = bars.add_task("Reducing", total=1.0)
        file = reduce(
            session,
            script_parameters(files),
            lambda fraction, text: bars.update(task, completed=fraction, description=text),
        )
    return file, compare(file, Settings(SAMPLE, distance=DISTANCE))
