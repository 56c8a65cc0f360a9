"""Where things are: what is shipped, and what an instrument writes on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_data_path


def config_directory() -> Path:
    """The shipped `config/`: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "config"
    return installed if installed.is_dir() else package.parent / "config"


def data_directory(instrument: str) -> Path:
    """The folder of one instrument: database, scripts, logs and data.

    `$GUMTREE_DATA` replaces the user's data directory as the parent. The folder is not created.
    """
    return instruments_directory() / instrument


def instruments_directory() -> Path:
    """The folder that has one of each instrument's on this machine; it need not exist."""
    parent = os.environ.get("GUMTREE_DATA")
    return Path(parent) if parent else user_data_path("gumtree")
