"""`gumtree inspect`: what is in a data file, under which logical keys."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError

WIDTH = 200
"""Columns of the table where it is not shown on a terminal."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def inspect(file: Path) -> None:
    """Show what a data file holds, under the names that scripts use."""
    from gumtree_core.files import load

    run = load(file)
    key_column = Column("key", overflow="fold")
    title = Text(f"{file.name}: {run.format}")
    table = Table(key_column, "shape", "value", "unit", title=title, title_justify="left", box=SIMPLE)
    for key in sorted(run):
        try:
            table.add_row(key, *map(Text, _columns(run[key])))
        except GumtreeError as error:
            table.add_row(key, "", Text(error.message, "red"), "")
    console = Console()
    if not console.is_terminal:  # a key is on one line for grep
        console.width = WIDTH
    console.print(table)


def _columns(value: Dataset | str) -> tuple[str, str, str]:
    if isinstance(value, str):
        return "", value, ""
    if value.ndim == 0:
        error = f" ± {float(value.errors):.3g}" if value.errors is not None else ""
        return "", f"{float(value.values):.7g}{error}", value.unit
    shape = ", ".join(f"{name}: {length}" for name, length in value.sizes.items())
    return shape, extent(value), value.unit


def extent(value: Dataset) -> str:
    """Least and greatest of the values that are not masked, as text; empty if there are none."""
    usable = np.isfinite(value.values) if value.mask is None else np.isfinite(value.values) & ~value.mask
    values = value.values[usable]
    return f"{values.min():.6g} to {values.max():.6g}" if values.size else ""
