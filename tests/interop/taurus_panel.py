"""Open Taurus' own device panel on each device given, and write as JSON what it shows; a program by itself.

Taurus keeps one application and one state a process, and talks to standard error: so it is not run inside
the tests' process.
"""

import json
import sys
import time
from typing import Any

from taurus.external.qt import Qt
from taurus.qt.qtgui.application import TaurusApplication
from taurus.qt.qtgui.panel import TaurusDevicePanel
from taurus.taurusstatecontroller import application as taurus_state


def shown(panel: TaurusDevicePanel) -> dict[str, Any]:
    """What the panel shows: state, status, and for each attribute label, value, unit and written value."""
    lines = {}
    for item in panel._attrs.getItems():
        parts = (item.labelWidget(), item.readWidget(), item.unitsWidget(), item.writeWidget())
        lines[item.getModel().split("/")[-1]] = [text(part) for part in parts]
    return {"state": panel._statelabel.text(), "status": panel._status.text(), "lines": lines}


def settled(panel: TaurusDevicePanel) -> dict[str, Any]:
    """What the panel shows once its state is there and nothing changes any more."""
    before, end = None, time.monotonic() + 15
    while time.monotonic() < end:
        pause = time.monotonic() + 0.3
        while time.monotonic() < pause:
            Qt.QCoreApplication.processEvents()
            time.sleep(0.01)
        now = shown(panel)
        if now == before and now["state"] not in ("", "-----"):
            return now
        before = now
    raise TimeoutError(f"the panel shows no state: {before}")


def text(widget: object) -> str:
    for name in ("text", "currentText"):
        if hasattr(widget, name):
            return str(getattr(widget, name)())
    return "" if widget is None else type(widget).__name__


def main(models: list[str]) -> None:
    application = TaurusApplication([], cmd_line_parser=None, app_name="panels", org_name="tests")
    taurus_state.application_started()
    result = {}
    for model in models:
        panel = TaurusDevicePanel()
        panel.setModel(model)
        panel.show()
        result[model.rsplit("/", 1)[-1]] = settled(panel)
        panel.close()
    sys.stdout.write(json.dumps(result))
    application.quit()


main(sys.argv[1:])
