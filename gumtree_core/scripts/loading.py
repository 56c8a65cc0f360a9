"""Finding and loading scripts; listing them without running them."""

from __future__ import annotations

import ast
import difflib
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from gumtree_core.errors import GumtreeError
from gumtree_core.paths import config_directory
from gumtree_core.scripts.script import Script


@dataclass(frozen=True)
class ScriptInfo:
    """What a script says of itself; `problem` is not empty if it cannot be loaded."""

    name: str
    path: Path
    title: str = ""
    author: str = ""
    version: str = ""
    problem: str = ""


def shipped_scripts() -> Path:
    """The folder of the scripts that come with the package."""
    return config_directory() / "scripts"


def list_scripts(directory: Path) -> list[ScriptInfo]:
    """The scripts of a folder, in the order of their names, read from their text: nothing of them is run."""
    return [info for path in sorted(directory.glob("*.py")) if (info := _describe(path))]


def find_script(name: str | Path, directories: Sequence[Path] = ()) -> Path:
    """The file of a script: a path to a .py file, or a name in one of the folders.

    Without folders, the shipped scripts are searched.

    Raises
    ------
    GumtreeError
        SCRIPT_UNKNOWN, which lists the known ones.
    """
    path = Path(name)
    if path.suffix == ".py" and path.is_file():
        return path
    folders = tuple(directories) or (shipped_scripts(),)
    for folder in folders:
        if path.name == str(name) and (folder / f"{name}.py").is_file():
            return folder / f"{name}.py"
    known = [info.name for folder in folders for info in list_scripts(folder)]
    close = difflib.get_close_matches(str(name), known, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    there = ", ".join(known) or "none"
    raise GumtreeError("SCRIPT_UNKNOWN", f"There is no script {str(name)!r}.{hint} There are: {there}.")


def load_script(name: str | Path, directories: Sequence[Path] = ()) -> type[Script]:
    """Run the file of a script and return its class.

    Raises
    ------
    GumtreeError
        SCRIPT_UNKNOWN; SCRIPT_BROKEN with file, line and message.
    """
    path = find_script(name, directories).resolve()
    module_name = f"gumtree_script_{path.stem}"
    module = ModuleType(module_name)
    module.__file__ = str(path)
    sys.modules[module_name] = module
    try:
        # Not imported: the cache of compiled files misses a change within the same second.
        exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), vars(module))
    except SyntaxError as error:
        own = error.filename == str(path)
        line = (error.lineno or 1) if own else script_line(error, path)
        raise _broken(path, line, error.msg if own else f"{error.filename}: {error.msg}") from error
    except GumtreeError as error:
        raise _broken(path, script_line(error, path), error.message) from error
    except (Exception, SystemExit) as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise _broken(path, script_line(error, path), what) from error
    classes = {
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Script) and each.__module__ == module_name
    }
    if len(classes) != 1:
        found = ", ".join(sorted(each.__name__ for each in classes)) or "none"
        raise _broken(path, 1, f"a script file holds exactly one class derived from Script; here: {found}")
    return classes.pop()


def script_line(error: BaseException, path: Path) -> int:
    """The last line of the file `path` in the traceback of an error; 1 if there is none."""
    lines = [each.lineno for each in traceback.extract_tb(error.__traceback__) if Path(each.filename) == path]
    return (lines[-1] if lines else None) or 1


def _describe(path: Path) -> ScriptInfo | None:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError, OSError) as error:
        return ScriptInfo(path.stem, path, problem=str(error))
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(
            ast.unparse(base).split(".")[-1] == "Script" for base in node.bases
        ):
            texts = {
                target.id: statement.value.value
                for statement in node.body
                if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
                for target in statement.targets
                if isinstance(target, ast.Name)
            }
            title = (ast.get_docstring(node) or node.name).partition("\n")[0]
            author, version = str(texts.get("author", "")), str(texts.get("version", ""))
            return ScriptInfo(path.stem, path, title, author, version)
    return None


def _broken(path: Path, line: int, what: str) -> GumtreeError:
    return GumtreeError("SCRIPT_BROKEN", f"{path.name}, line {line}: {what.rstrip('.')}.")
