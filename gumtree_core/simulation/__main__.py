"""The simulated instrument as a process: `gumtree-simulator`."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import click

from gumtree_core.errors import GumtreeError
from gumtree_core.simulation.clock import RunningClock
from gumtree_core.simulation.link import LinkServer
from gumtree_core.simulation.state import StateFile
from gumtree_core.simulation.world import World

_SAVE_PERIOD = 0.1


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port to listen on; 0: any free one.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Fixes all randomness.")
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Simulated seconds in a second.",
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that keeps the positions over a restart; without it they start at their defaults.",
)
def main(host: str, port: int, seed: int, speed: float, state: Path | None) -> None:
    """Simulate the SANS instrument behind a TCP port, until SIGTERM or Ctrl-C."""
    try:
        run(host, port, World(seed, RunningClock(speed)), StateFile(state) if state else None)
    except GumtreeError as error:
        click.echo(f"gumtree-simulator: {error.message}", err=True)
        sys.exit(1)


def run(host: str, port: int, world: World, state: StateFile | None) -> None:
    """Serve the world until a signal ends it; the state is kept after each command and while axes move."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    saving = threading.Lock()

    def save() -> None:
        if state is not None:
            with saving:
                state.save(world.memory())

    if state is not None and (memory := state.load()) is not None:
        world.restore(memory)
    with LinkServer((host, port), world, save) as server:
        save()
        threading.Thread(target=server.serve_forever, args=(0.05,), name="link", daemon=True).start()
        click.echo(f"listening on {host}:{server.port}")
        while not ended.wait(_SAVE_PERIOD):
            save()
        server.shutdown()
    save()


if __name__ == "__main__":
    main()
