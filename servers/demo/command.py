"""`gumtree demo`: the main job on the simulated instrument, from start to end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
from rich.console import Console

from gumtree_core.paths import data_directory

INSTRUMENT = "sans"
SPEED = 600.0
"""Simulated seconds in a second; the experiment takes hours of beam time."""


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
    help="Draw the GUI, without a display, into this PNG file.",
)
@click.option("--headless", is_flag=True, help="Open no GUI, even with a display.")
def demo(seed: int, speed: float, data_dir: Path | None, screenshot: Path | None, headless: bool) -> None:
    """Start the simulated SANS instrument, measure, reduce online, and compare with the truth."""
    from servers.demo.run import run_experiment
    from servers.launcher.instrument import Instrument

    console = Console(highlight=False, soft_wrap=True)
    folder = data_dir or data_directory(f"{INSTRUMENT}-demo")

    def notice(line: str) -> None:
        console.print(f"   [yellow]![/yellow] {line}")

    console.print("[bold]GumTree on Tango: an experiment on the simulated SANS instrument[/bold]")
    console.print(f"1. Starting the Tango database, the simulated hardware and the servers in {folder}")
    with Instrument(INSTRUMENT, data_dir=folder, seed=seed, speed=speed, notice=notice) as instrument:
        console.print(
            f"   {len(instrument.devices)} devices are up. Any Tango client finds them: "
            f"TANGO_HOST={instrument.tango_host}"
        )
        gui = None
        if headless or screenshot is not None:
            console.print("   Running headless, as asked.")
        elif not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            console.print("   There is no display: running headless. With one, the GUI opens here.")
        else:
            console.print("   The GUI opens beside this.")
            gui = subprocess.Popen(_gui_command(instrument.tango_host))
        result = run_experiment(console, instrument.tango_host, notice)
        console.print(f"   NeXus files: {folder / 'data'}")
        console.print(f"   I(q) as NXcanSAS, with its provenance: {result.file}")
        verdict = "as expected" if result.agreement.as_expected else "[red]not as expected[/red]"
        console.print(
            "4. Against the truth that the simulation knows: reduced chi-square per degree of freedom "
            f"[bold]{result.agreement.chi_square:.3f}[/bold] over {result.agreement.points} points "
            f"({verdict}: 0.8 to 1.2)"
        )
        if screenshot is not None:
            subprocess.run(
                [*_gui_command(instrument.tango_host), "--screenshot", str(screenshot)],
                env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
                check=True,
            )
            console.print(f"   The GUI is drawn in {screenshot}")
        if gui is not None:
            console.print("The instrument goes on. Close the GUI's window, or press Ctrl-C, to end the demo.")
            gui.wait()
    console.print("All processes have ended; the data stay.")


def _gui_command(tango_host: str) -> list[str]:
    return [str(Path(sys.executable).parent / "gumtree"), "gui", INSTRUMENT, "--tango-host", tango_host]
