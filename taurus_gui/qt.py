"""Qt through Taurus, with the binding that is tested, and without Taurus' remarks at start."""

from __future__ import annotations

import os

os.environ.setdefault("QT_API", "pyqt6")

import taurus

taurus.setLogLevel(taurus.Error)

from taurus.external.qt import QtCore, QtGui, QtWidgets  # noqa: E402
from taurus.qt.qtcore import mimetypes  # noqa: E402
from taurus.qt.qtgui.application import TaurusApplication  # noqa: E402
from taurus.qt.qtgui.container import TaurusMainWindow  # noqa: E402
from taurus.taurusstatecontroller import application as taurus_state  # noqa: E402

__all__ = [
    "QtCore",
    "QtGui",
    "QtWidgets",
    "TaurusApplication",
    "TaurusMainWindow",
    "mimetypes",
    "taurus_state",
]
