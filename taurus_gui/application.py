"""The Taurus application with one instrument window, on the screen or as a picture."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from pyqtgraph.util.garbage_collector import GarbageCollector

from gumtree_core.errors import GumtreeError
from taurus_gui import theme
from taurus_gui.discovery import find
from taurus_gui.live.tango_source import TangoSource
from taurus_gui.qt import QtCore, TaurusApplication, taurus_state
from taurus_gui.window import InstrumentWindow

SETTLE = 0.5
"""Seconds between everything being shown and the picture: some rounds of the timer and a repaint."""


def make_application() -> TaurusApplication:
    """The application object; there can be one in a process.

    Taurus' attributes read nothing until they are told that the application has started, which Taurus does
    only in its own `exec_`.
    """
    application = TaurusApplication(["gumtree"], cmd_line_parser=None, app_name="gumtree", org_name="gumtree")
    taurus_state.application_started()
    return application


def run(
    instrument: str | None,
    tango_host: str | None,
    devices: Sequence[str],
    data_dir: Path | None,
    screenshot: Path | None,
    size: tuple[int, int],
    theme_name: str | None,
    timeout: float,
) -> int:
    """Open the window and stay until it is closed; with `screenshot`, save a picture and end.

    Raises
    ------
    GumtreeError
        As `discovery.find`; SCREENSHOT_NOT_SAVED if the file cannot be written.
    """
    found = find(instrument, tango_host, devices, data_dir)
    application = make_application()
    collector = GarbageCollector()
    theme.apply(application, theme_name or theme.preferred(application))
    window = InstrumentWindow(
        found.title or found.name,
        [(entry.label, TangoSource(found.resource(entry))) for entry in found.devices],
    )
    window.resize(*size)
    window.show()
    window.start()
    if screenshot is None:
        return int(application.exec())
    try:
        complete = _wait(application, window, timeout)
        if not window.grab().save(str(screenshot), "PNG"):
            raise GumtreeError(
                "SCREENSHOT_NOT_SAVED", f"{screenshot} cannot be written; is its folder there and writable?"
            )
        if not complete:
            logging.getLogger(__name__).warning(
                "the picture was taken after %g s, before every device had answered", timeout
            )
    finally:
        window.close()
        collector.timer.stop()
    return 0


def _wait(application: TaurusApplication, window: InstrumentWindow, timeout: float) -> bool:
    """Let the window live until it shows everything; False if it did not within `timeout` s."""
    deadline = time.monotonic() + timeout
    shown_at: float | None = None
    while time.monotonic() < deadline:
        application.processEvents(QtCore.QEventLoop.ProcessEventsFlag.AllEvents, 50)
        time.sleep(0.01)
        if shown_at is None and window.ready():
            shown_at = time.monotonic()
        if shown_at is not None and time.monotonic() - shown_at > SETTLE:
            return True
    return False
