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
from gumtree_core.files.run import Run

WIDTH = 200
"""Columns of the table where it is not shown on a terminal."""

MOST = 500_000_000
"""Bytes of a value that is read to tell its least and greatest."""


@click.command()
@click.argument("file")
@click.option("--view", default="", help="Tell which keys of this view are missing, such as sans.")
@click.option("--all", "everything", is_flag=True, help="Show all items of an HDF5 file too.")
def inspect(file: str, view: str, everything: bool) -> None:
    """Show what a data file holds, under the names that scripts use, and where it stands in the file.

    FILE may be FILE::ENTRY, for one of several runs in a file; FILE@7 or FILE@3-9, for points of a scan; and
    A+B, for runs added.
    """
    from gumtree_core.files import load
    from gumtree_core.files.addresses import files

    console = Console()
    if not console.is_terminal:  # a key is on one line for grep
        console.width = WIDTH
    try:
        run = load(file)
        _show_run(console, run.name if run.parts else Path(file).name, run, view)
    except GumtreeError as error:
        if not everything or error.reason not in ("FILE_FORMAT_UNKNOWN", "SEVERAL_RUNS"):
            raise
        console.print(Text(error.message, "red"))
    if not everything:
        return
    paths = files(file)
    if not paths:
        raise GumtreeError("FILE_MISSING", f"{file} is no file whose items could be shown; leave out --all.")
    for path in dict.fromkeys(paths):
        _show_contents(console, path)


def _show_run(console: Console, name: str, run: Run, view: str) -> None:
    key_column = Column("key", overflow="fold")
    title = Text(f"{name}: {run.format}")
    columns = ("shape", "value", "unit", Column("where", overflow="fold"))
    table = Table(key_column, *columns, title=title, title_justify="left", box=SIMPLE)
    for key in sorted(run):
        where = Text(run.where(key), "dim")
        try:
            size = run.nbytes(key)
            if size > MOST:
                table.add_row(key, "", Text(f"{size / 1e9:.3g} GB, not read"), "", where)
            else:
                table.add_row(key, *map(Text, _columns(run[key])), where)
        except GumtreeError as error:
            table.add_row(key, "", Text(error.message, "red"), "", where)
    console.print(table)
    _show_missing(console, run, view)


def _show_missing(console: Console, run: Run, view: str) -> None:
    from gumtree_core.files.dictionaries.contents import missing_keys
    from gumtree_core.files.dictionaries.dictionary import dictionary

    found = missing_keys(run, dictionary(), view)
    if not found:
        return
    columns = ("missing", "", Column("looked for", overflow="fold"))
    table = Table(*columns, box=SIMPLE, title="Keys that are not in it", title_justify="left")
    for each in found:
        needed = Text("needed", "red") if each.needed else Text("optional", "dim")
        table.add_row(each.key, needed, Text(each.looked_for))
    console.print(table)


def _show_contents(console: Console, path: Path) -> None:
    from gumtree_core.files.dictionaries.contents import contents

    columns = (Column("path", overflow="fold"), "type", "unit", "value")
    table = Table(*columns, box=SIMPLE, title=Text(f"All items of {path.name}"), title_justify="left")
    for each in contents(path):
        table.add_row(*map(Text, (each.path, each.what, each.unit, each.value)))
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
    """Least and greatest of the values that are not masked, or how many are true, as text; empty if none."""
    if value.values.dtype == bool and value.size:
        return f"{np.count_nonzero(value.values)} of {value.size} true ({100 * value.values.mean():.3g} %)"
    usable = np.isfinite(value.values) if value.mask is None else np.isfinite(value.values) & ~value.mask
    values = value.values[usable]
    return f"{values.min():.6g} to {values.max():.6g}" if values.size else ""
