"""Colours and style sheet, light and dark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from taurus_gui.qt import QtCore, QtGui, QtWidgets

ThemeName = Literal["light", "dark"]


@dataclass(frozen=True)
class Theme:
    """The colours of a theme."""

    window: str
    card: str
    text: str
    muted: str
    border: str
    accent: str
    on_accent: str
    pending: str
    pending_border: str
    error: str
    faint: str
    selected: str
    field: str
    curves: tuple[str, ...]


THEMES: dict[str, Theme] = {
    "light": Theme(
        window="#eef1f4",
        card="#ffffff",
        text="#1b2129",
        muted="#5d6875",
        border="#cfd6dd",
        accent="#1565a8",
        on_accent="#ffffff",
        pending="#fff2c2",
        pending_border="#c98a00",
        error="#b3261e",
        faint="#9aa4af",
        selected="#d6e6f5",
        field="#ffffff",
        curves=("#1565a8", "#c2410c", "#15803d", "#7e22ce"),
    ),
    "dark": Theme(
        window="#191d22",
        card="#22272e",
        text="#e6e9ed",
        muted="#9aa5b1",
        border="#3b444e",
        accent="#4f9fe0",
        on_accent="#0d1116",
        pending="#4b3f12",
        pending_border="#e0ac2b",
        error="#ff8a80",
        faint="#6b7682",
        selected="#274059",
        field="#2d343c",
        curves=("#62b0f0", "#ffa657", "#6fd08c", "#d2a8ff"),
    ),
}

STATE_COLOURS = {
    "ON": "#2e9e4f",
    "OPEN": "#2e9e4f",
    "EXTRACT": "#2e9e4f",
    "OFF": "#8a949e",
    "CLOSE": "#8a949e",
    "INSERT": "#8a949e",
    "MOVING": "#2f81f7",
    "RUNNING": "#2f81f7",
    "STANDBY": "#d4a514",
    "INIT": "#b59f3b",
    "ALARM": "#e8790c",
    "FAULT": "#d93025",
    "DISABLE": "#b048b5",
    "UNKNOWN": "#8a949e",
    "UNREACHABLE": "#8a949e",
}
"""The hues Tango users know, toned so that they can be read on both backgrounds."""

SPACE = 8
"""The step of all margins and spacings, in pixels."""

_STYLE = """
QToolTip {{ color: {text}; background: {card}; border: 1px solid {border}; padding: 4px; }}
QFrame#card {{ background: {card}; border: 1px solid {border}; border-radius: 6px; }}
QLabel#title {{ font-weight: 600; font-size: 11pt; }}
QLabel#cardTitle {{ font-weight: 600; color: {muted}; }}
QToolButton#cardTitle, QToolButton#cardTitle:checked {{
    font-weight: 600; color: {muted}; background: transparent; border: none; padding: 0;
}}
QLabel#muted, QLabel#unit {{ color: {muted}; }}
QLabel#value {{ font-weight: 600; }}
QLabel#value[bad="true"] {{ color: {error}; font-weight: 400; }}
QLabel#error {{ color: {error}; }}
QLineEdit, QPlainTextEdit, QTableWidget {{
    background: {field}; border: 1px solid {border}; border-radius: 4px; padding: 3px 6px; color: {text};
    selection-background-color: {accent}; selection-color: {on_accent};
}}
QPlainTextEdit, QTableWidget {{ padding: 2px; }}
QLineEdit:focus, QPlainTextEdit:focus {{ border: 1px solid {accent}; }}
QLineEdit:disabled {{ color: {muted}; background: {window}; }}
QLineEdit[edit="pending"] {{ background: {pending}; border: 1px solid {pending_border}; }}
QLineEdit[edit="invalid"] {{ border: 2px solid {error}; padding: 2px 5px; }}
QPushButton, QToolButton {{
    background: {field}; border: 1px solid {border}; border-radius: 4px; padding: 4px 8px; color: {text};
}}
QPushButton:hover, QToolButton:hover {{ border-color: {accent}; }}
QPushButton:pressed, QToolButton:checked {{ background: {accent}; color: {on_accent}; }}
QPushButton:disabled, QToolButton:disabled {{ color: {faint}; background: {window}; }}
QProgressBar {{
    border: 1px solid {border}; border-radius: 4px; background: {window};
    text-align: center; min-height: 18px;
}}
QProgressBar::chunk {{ background: {accent}; border-radius: 3px; }}
QTabWidget::pane {{ border: none; border-top: 1px solid {border}; }}
QTabBar::tab {{ padding: 8px 12px; border: none; color: {muted}; }}
QTabBar::tab:selected {{ color: {text}; border-bottom: 2px solid {accent}; font-weight: 600; }}
QTabBar::tab:hover {{ color: {text}; }}
QTabBar QToolButton {{ padding: 0px; }}
QTreeWidget {{ background: {card}; border: 1px solid {border}; border-radius: 6px; outline: none; }}
QTreeWidget::item {{ padding: 4px 2px; }}
QTreeWidget::item:selected {{ background: {selected}; color: {text}; }}
QListWidget {{ background: {card}; border: 1px solid {border}; border-radius: 6px; padding: 2px; }}
QListWidget::item:selected {{ background: {selected}; color: {text}; }}
QDockWidget {{ color: {muted}; font-weight: 600; }}
QDockWidget::title {{ padding: 6px 8px 4px 8px; text-align: left; }}
QHeaderView::section {{ background: {window}; color: {muted}; border: none; padding: 4px 6px; }}
QScrollArea, QScrollArea > QWidget > QWidget#panel {{ background: transparent; border: none; }}
QSplitter::handle {{ background: transparent; }}
"""


def apply(application: QtWidgets.QApplication, name: ThemeName) -> None:
    """Give the whole application the theme's palette and style sheet."""
    theme = THEMES[name]
    application.setProperty("gumtree_theme", name)
    application.setStyle("Fusion")
    application.setPalette(_palette(theme))
    colours = {key: value for key, value in vars(theme).items() if isinstance(value, str)}
    application.setStyleSheet(_STYLE.format(**colours))


def current() -> Theme:
    """The theme that was applied last."""
    application = QtWidgets.QApplication.instance()
    return THEMES[(application.property("gumtree_theme") if application else None) or "light"]


def preferred(application: QtWidgets.QApplication) -> ThemeName:
    """What the desktop asks for."""
    dark = application.styleHints().colorScheme() == QtCore.Qt.ColorScheme.Dark
    return "dark" if dark else "light"


def _palette(theme: Theme) -> QtGui.QPalette:
    role = QtGui.QPalette.ColorRole
    palette = QtGui.QPalette()
    for roles, colour in (
        ((role.Window, role.AlternateBase), theme.window),
        ((role.Base, role.Button), theme.field),
        ((role.ToolTipBase,), theme.card),
        ((role.WindowText, role.Text, role.ButtonText, role.ToolTipText), theme.text),
        ((role.PlaceholderText,), theme.muted),
        ((role.Highlight, role.Link), theme.accent),
        ((role.HighlightedText,), theme.on_accent),
        ((role.Mid, role.Dark), theme.border),
    ):
        for each in roles:
            palette.setColor(each, QtGui.QColor(colour))
    for each in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QtGui.QPalette.ColorGroup.Disabled, each, QtGui.QColor(theme.muted))
    return palette
