"""The `gumtree` command. Each layer adds its commands as entry points, loaded only when they are called."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import click
from rich.console import Console
from rich.markup import escape

from gumtree_core.errors import GumtreeError

GROUP = "gumtree.commands"


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [entry.name for entry in entry_points(group=GROUP)]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        for entry in entry_points(group=GROUP):
            if entry.name == name:
                command: click.Command = entry.load()
                return command
        return None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gumtree-tango")
def gumtree() -> None:
    """Run a neutron or x-ray instrument on Tango and reduce its data while it is measured."""


def main() -> None:
    """Run the command line; an error a user can meet is one line on stderr and exit code 1."""
    try:
        sys.exit(gumtree.main(standalone_mode=False))  # the code of click's Exit, or None
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.exceptions.Abort, KeyboardInterrupt):
        Console(stderr=True).print("Stopped.")
        sys.exit(130)
    except GumtreeError as error:
        Console(stderr=True, soft_wrap=True).print(
            f"[red]{error.reason}[/red] {escape(error.message)}", highlight=False
        )
        sys.exit(1)
