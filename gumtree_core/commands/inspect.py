"""`gumtree inspect`: what is in a data file, under which logical keys."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def inspect(file: Path) -> None:
    """Show what a data file holds, under the names that scripts use."""
    from gumtree_core.files import load

    run = load(file)
    table = Table("key", "shape", "value", "unit", title=f"{file.name}: {run.format}", title_justify="left")
    for key in sorted(run):
        try:
            table.add_row(key, *_columns(run[key]))
        except GumtreeError as error:
            table.add_row(key, "", f"[red]{error.message}[/red]", "")
    Console().print(table)


def _columns(value: Dataset | str) -> tuple[str, str, str]:
    if isinstance(value, str):
        return "", value, ""
    if value.ndim == 0:
        error = f" ± {float(value.errors):.3g}" if value.errors is not None else ""
        return "", f"{float(value.values):.7g}{error}", value.unit
    shape = " x ".join(f"{name} {length}" for name, length in value.sizes.items())
    return shape, f"{value.values.min():.6g} to {value.values.max():.6g}", value.unit
