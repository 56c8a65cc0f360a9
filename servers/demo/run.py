"""The demo's experiment, told on the console while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from gumtree_core.simulation import truth
from gumtree_core.simulation.sans import Settings
from servers.demo.compare import Agreement, compare
from servers.demo.experiment import (
    COLLIMATION,
    DISTANCE,
    EXPERIMENT,
    SAMPLE,
    WAVELENGTH,
    Measurement,
    follow_live,
    load_script,
    measure,
    reduce,
    script_parameters,
)
from servers.demo.session import Notice, Session


@dataclass(frozen=True)
class Result:
    """The file of the reduced curve, and how well it agrees with the truth."""

    file: Path
    agreement: Agreement


def run_experiment(console: Console, tango_host: str, notice: Notice) -> Result:
    """Measure all runs, reduce them, compare.

    Raises
    ------
    GumtreeError
        What went wrong, where a killed server could not be waited for.
    """
    session = Session(tango_host, notice)
    hours = sum(item.seconds for item in EXPERIMENT) / 3600
    console.print(
        f"2. Measuring {len(EXPERIMENT)} runs, {hours:.1f} h of beam time, each into a NeXus file. "
        "I(q) follows the sample's run live."
    )
    load_script(session)
    files: dict[str, str] = {}
    with _bars(console) as bars:
        overall = bars.add_task("[bold]Experiment[/bold]", total=hours * 3600)
        for item in EXPERIMENT:
            if item.parameter == "sample":
                follow_live(session, script_parameters(files))
            files[item.parameter] = str(_measure(session, item, bars, overall, notice))
    console.print("3. Reducing with the script `sans` from the script repository")
    file = reduce(session, script_parameters(files), lambda fraction, text: None)
    settings = Settings(SAMPLE, WAVELENGTH, COLLIMATION, DISTANCE)
    return Result(file, compare(file, settings))


def _measure(session: Session, item: Measurement, bars: Progress, overall: TaskID, notice: Notice) -> Path:
    task = bars.add_task(item.title, total=1.0)
    before = bars.tasks[overall].completed

    def show(fraction: float, title: str) -> None:
        bars.update(task, completed=fraction, description=title)
        bars.update(overall, completed=before + fraction * item.seconds)

    return measure(session, item, truth.sample(item.slot).thickness, show, notice)


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("   {task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("gone,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
    )
