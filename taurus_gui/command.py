"""`gumtree gui`: the instrument's window."""

from __future__ import annotations

import importlib
import os
import re
import sys
from pathlib import Path

import click

from gumtree_core.errors import GumtreeError


class _Size(click.ParamType):
    name = "WxH"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d+)x(\d+)", str(value))
        if match is None or min(int(match[1]), int(match[2])) < 200:
            self.fail(f"'{value}' is not a size such as 1600x1000 (at least 200x200).", param, ctx)
        return int(match[1]), int(match[2])


@click.command()
@click.argument("instrument", required=False)
@click.option("--tango-host", metavar="HOST:PORT", help="Tango database; else the running instrument's.")
@click.option(
    "--device", "devices", metavar="NAME", multiple=True, help="Show this device instead. Repeatable."
)
@click.option(
    "--data-dir",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="As given to `gumtree up --data-dir`.",
)
@click.option(
    "--screenshot",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Save a picture of the window (PNG) when it shows values, and end. Needs no display.",
)
@click.option("--size", type=_Size(), default="1600x1000", show_default=True, help="Size of the window.")
@click.option("--theme", type=click.Choice(["light", "dark"]), help="Default: as the desktop.")
@click.option("--timeout", type=float, default=20.0, show_default=True, help="Longest wait, s.")
def gui(
    instrument: str | None,
    tango_host: str | None,
    devices: tuple[str, ...],
    data_dir: Path | None,
    screenshot: Path | None,
    size: tuple[int, int],
    theme: str | None,
    timeout: float,
) -> None:
    """Open the window of a running INSTRUMENT, generated from its devices."""
    if screenshot is None and not _has_display():
        raise GumtreeError(
            "NO_DISPLAY",
            "There is no display to open a window on; log in with one (ssh -X), or use --screenshot FILE.",
        )
    if screenshot is not None:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    _require_qt()
    run = importlib.import_module("taurus_gui.application").run
    sys.exit(run(instrument, tango_host, devices, data_dir, screenshot, size, theme, timeout))


def _has_display() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def _require_qt() -> None:
    """A missing extra and a missing system library are different things to mend."""
    for name in ("PyQt6", "taurus", "pyqtgraph"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise GumtreeError(
                "GUI_NOT_INSTALLED",
                f"The GUI is not installed ({error}); install it with: pip install 'gumtree-tango[gui]'",
            ) from error
    try:
        importlib.import_module("PyQt6.QtWidgets")
    except ImportError as error:
        raise GumtreeError(
            "QT_LIBRARY_MISSING",
            f"Qt cannot start ({error}); install its system libraries, on Debian: sudo apt-get install "
            "libgl1 libegl1 libxkbcommon0 libdbus-1-3 libfontconfig1 libxcb-cursor0",
        ) from error
