"""`gumtree reduce SCRIPT`: a script on files, without any control system; its parameters are the options."""

from __future__ import annotations

import inspect
import math
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gumtree_core.commands.inspect import extent
from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.interface import Interface, Parameter

if TYPE_CHECKING:
    from gumtree_core.scripts import Script

_TYPES: dict[str, click.ParamType[Any]] = {
    "float": click.FLOAT, "int": click.INT, "str": click.STRING, "file": click.STRING, "run": click.STRING,
}  # fmt: skip


class _Scripts(click.Group):
    """One sub-command for each shipped script, and for any path to a .py file."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from gumtree_core.scripts.loading import list_scripts, shipped_scripts

        return [info.name for info in list_scripts(shipped_scripts())]

    def get_command(self, ctx: click.Context, name: str) -> click.Command:
        from gumtree_core.scripts import load_script

        try:
            return _command(name, load_script(name))
        except GumtreeError as error:
            if error.reason == "SCRIPT_BROKEN" and name in self.list_commands(ctx):
                return _Broken(name, error)
            raise


class _Broken(click.Command):
    """A shipped script that cannot be loaded: listed with the reason, which whoever runs it is told too."""

    def __init__(self, name: str, error: GumtreeError) -> None:
        super().__init__(name, short_help=f"Cannot be loaded: {error.message}")
        self._error = error

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        """Raise the reason, before any option is looked at."""
        raise self._error


class _Reduction(click.Command):
    """A script as a command. An option that takes one value is not given twice: click would take the last."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse such options before any is taken."""
        _, _, given = self.make_parser(ctx).parse_args(list(args))
        for option, times in Counter(given).items():
            if isinstance(option, click.Option) and not option.multiple and times > 1:
                raise click.UsageError(
                    f"{option.opts[0]} is given {times} times and takes one value; leave out the others.", ctx
                )
        return super().parse_args(ctx, args)


reduce = _Scripts("reduce", help="Run a reduction script on files: SCRIPT is its name or a .py file.")


def _command(name: str, script: type[Script]) -> click.Command:
    interface = script.interface()
    if not interface.actions:
        raise GumtreeError("SCRIPT_BROKEN", f"{name} has no action to run; mark a method with @action.")
    taken = {"output", "action"} & {parameter.name for parameter in interface.parameters}
    if taken:
        raise GumtreeError(
            "SCRIPT_BROKEN",
            f"{name}: the parameter {taken.pop()} is an option of `gumtree reduce`; choose another name.",
        )
    actions = [action.name for action in interface.actions]
    options: list[click.Parameter] = [_option(parameter) for parameter in interface.parameters]
    options.append(
        click.Option(
            ["--output", "-o"],
            default="",
            metavar="PATH",
            help="File or folder for the result, made if need be, a folder if it ends with /; the present "
            "folder unless given.",
        )
    )
    if len(actions) > 1:
        options.append(
            click.Option(["--action"], type=click.Choice(actions), default=actions[0], show_default=True)
        )

    def run(output: str, action: str = actions[0], **values: Any) -> None:
        _run(script, action, _output(output), values)

    return _Reduction(name, params=options, callback=run, help=f"{interface.title}\n\n{interface.help}")


def _output(text: str) -> Path:
    """The file or folder; what ends with a slash is a folder, whatever dots its name has."""
    path = Path(text)
    if text.endswith(("/", os.sep)):
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GumtreeError(
                "FILE_NOT_WRITABLE", f"{path} cannot be made: {error.strerror}. Choose another folder."
            ) from error
    return path


def _option(parameter: Parameter) -> click.Option:
    choice = click.Choice(parameter.choices) if parameter.kind == "choice" else None
    flag = parameter.kind == "bool"
    dashed = parameter.name.replace("_", "-")
    unit = f" [{parameter.unit}]" if parameter.unit else ""
    return click.Option(
        [f"--{dashed}/--no-{dashed}" if flag else f"--{dashed}", parameter.name],
        type=click.BOOL if flag else choice or _TYPES[parameter.kind],
        # For click a default of None is a value too, and nothing would be missing.
        **({} if parameter.required else {"default": parameter.default}),
        show_default=parameter.default is not None,
        required=parameter.required,
        multiple=parameter.ndim > 0,
        metavar="FILE" if parameter.kind in ("run", "file") else None,
        help=f"{parameter.label or parameter.name}{unit}. {parameter.help}".strip(),
    )


def _run(script: type[Script], action: str, output: Path, values: dict[str, Any]) -> None:
    from gumtree_core.scripts.loading import script_line

    console = Console(highlight=False, soft_wrap=True)
    given = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if value is not None
    }
    work = script(**given)
    work.host(output, lambda fraction, text: console.print(f"  {text}", markup=False) if text else None)
    try:
        getattr(work, action)()
    except GumtreeError:
        raise
    except Exception as error:
        path = Path(inspect.getfile(script))
        where = f"{path.name}, line {script_line(error, path)}"
        raise GumtreeError("SCRIPT_FAILED", f"{where}: {type(error).__name__}: {error}") from error
    if work.results():
        console.print(_summary(script.interface(), work.results()))


def _summary(interface: Interface, results: dict[str, Any]) -> Table:
    table = Table("result", "points", "value", "unit")
    for result in interface.results:
        value = results.get(result.name)
        if value is None:
            continue
        data, unit = (value, value.unit) if isinstance(value, Dataset) else (Dataset(value), result.unit)
        if data.ndim:
            points, text = " x ".join(str(length) for length in data.shape), extent(data)
        else:
            points, text = "", _number(data)
        table.add_row(Text(result.label or result.name), points, text, Text(unit))
    return table


def _number(data: Dataset) -> str:
    """With as many digits as the error is worth, and no power of ten where there is an integer part."""
    value = float(data.values)
    if data.errors is None or not (math.isfinite(value) and math.isfinite(float(data.errors))):
        return f"{value:.6g}" + ("" if data.errors is None else f" ± {float(data.errors):.2g}")
    error = float(f"{float(data.errors):.2g}")
    size = math.floor(math.log10(abs(value))) if value else 0
    worth = size - math.floor(math.log10(error)) + 2 if error > 0 else 0
    return f"{value:.{min(max(6, worth, size + 1), 15)}g} ± {error:g}"
