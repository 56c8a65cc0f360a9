"""Our devices in Taurus' own widgets: model names, device panel, trend, drag and drop."""

from __future__ import annotations

from collections.abc import Sequence

from taurus_gui.qt import QtCore, QtWidgets, mimetypes


def model_name(resource: str, attribute: str = "") -> str:
    """The Taurus model of a device or attribute.

    Taurus drops the fragment of `tango://.../a/b/c#dbase=no/attribute`; its scheme for that is `tango-nodb`.

    >>> model_name("tango://h:1/a/b/c#dbase=no", "x")
    'tango-nodb://h:1/a/b/c/x'
    """
    name, _, fragment = resource.partition("#")
    if fragment == "dbase=no":
        name = name.replace("tango://", "tango-nodb://")
    return f"{name}/{attribute}" if attribute else name


def mime_data(resource: str, attribute: str = "") -> QtCore.QMimeData:
    """What Taurus' widgets take when a device, or its main attribute, is dropped on them."""
    data = QtCore.QMimeData()
    data.setData(mimetypes.TAURUS_DEV_MIME_TYPE, model_name(resource).encode())
    model = model_name(resource, attribute)
    if attribute:
        data.setData(mimetypes.TAURUS_ATTR_MIME_TYPE, model.encode())
    data.setData(mimetypes.TAURUS_MODEL_LIST_MIME_TYPE, model.encode())
    data.setText(model)
    return data


def device_panel(resource: str) -> QtWidgets.QWidget:
    """Taurus' panel of a device, with everything that Tango knows of it."""
    from taurus.qt.qtgui.panel import TaurusDevicePanel

    panel = TaurusDevicePanel()
    panel.setModel(model_name(resource))
    return panel


def trend(resource: str, attributes: Sequence[str]) -> QtWidgets.QWidget:
    """Taurus' trend, onto which more attributes can be dropped."""
    from taurus_pyqtgraph import TaurusTrend

    shown = TaurusTrend()
    shown.setModel([model_name(resource, attribute) for attribute in attributes])
    return shown
