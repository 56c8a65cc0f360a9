"""A Tango server in a process of its own, and a Taurus application for widgets."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
import tango

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


class Server:
    """`gui_devices.py` with devices named test/CLASS/1; can be killed and started again at the same place."""

    def __init__(self, *classes: str) -> None:
        self.classes = classes
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process: subprocess.Popen[str] | None = None
        self.start()

    def resource(self, name: str) -> str:
        return f"tango://127.0.0.1:{self.port}/test/{name}/1#dbase=no"

    def proxy(self, name: str) -> tango.DeviceProxy:
        return tango.DeviceProxy(self.resource(name))

    def start(self) -> None:
        """Returns when the devices answer."""
        devices = ",".join(f"{name}::test/{name.lower()}/1" for name in self.classes)
        self.process = subprocess.Popen(
            [
                *(sys.executable, HERE / "gui_devices.py", "test", "-nodb", "-dlist", devices),
                *("-ORBendPoint", f"giop:tcp:127.0.0.1:{self.port}"),
            ],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout.readline().startswith("Ready"), "the server does not start"

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=10)
        self.process.stdout.close()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.kill()


@pytest.fixture(scope="session")
def server():
    """One server for the tests that leave the devices as they are, or do not mind."""
    running = Server("Motor", "Detector", "Reduction", "Foreign")
    yield running
    running.stop()


@pytest.fixture
def own_server():
    """Servers that a test may kill: own_server("Motor")."""
    made = []

    def make(*classes: str) -> Server:
        made.append(Server(*classes))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture(scope="session")
def qapp_cls():
    from taurus_gui.qt import TaurusApplication

    class Application(TaurusApplication):
        def __init__(self, arguments):
            super().__init__(arguments, cmd_line_parser=None, app_name="test", org_name="test")

    return Application


@pytest.fixture(scope="session")
def themed(qapp):
    """The application in the light theme, with Taurus' start-up declared over."""
    from taurus_gui import theme
    from taurus_gui.qt import taurus_state

    taurus_state.application_started()
    theme.apply(qapp, "light")
    return qapp


@pytest.fixture
def show(themed, qtbot):
    """Shows a widget, and keeps it until the test has ended.

    A widget that is only a local variable of a test would be collected while Qt still paints it.
    """
    from taurus_gui.qt import QtCore

    shown = []

    def make(widget, width, height):
        shown.append(widget)
        widget.resize(width, height)
        widget.show()
        return widget

    yield make
    for widget in shown:
        widget.close()
        widget.deleteLater()
    themed.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete.value)
    themed.processEvents()


@pytest.fixture
def follow(show):
    """Models of sources or Tango resources, served by a running hub; closed before the widgets are."""
    from taurus_gui.live.model import DeviceModel, LiveHub
    from taurus_gui.live.tango_source import TangoSource

    hubs = []

    def make(source, label="device"):
        if isinstance(source, str):
            source = TangoSource(source)
        model = DeviceModel(source, label)
        hub = LiveHub([model])
        hub.start()
        hubs.append(hub)
        hub.flush()
        return model

    yield make
    for hub in hubs:
        hub.close()
