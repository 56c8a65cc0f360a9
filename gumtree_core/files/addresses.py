"""What people write for a run: FILE, FILE::ENTRY, a point of it (@7) or some added (@3-9), and A+B added."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from gumtree_core.errors import GumtreeError
from gumtree_core.files.adding import add_points, add_runs
from gumtree_core.files.run import Run

_POINTS = re.compile(r"(.+)@(\d+)(?:-(\d+))?", re.DOTALL)


def composed(address: str, load: Callable[[str], Run]) -> Run | None:
    """The run of an address that adds files or chooses points; None for any other.

    A file whose own name contains `+` or `@` is that file.

    Raises
    ------
    GumtreeError
        NO_POINT; as `add_runs`, and as `load`.
    """
    if _file(address):
        return None
    parts = summands(address)
    if len(parts) > 1:
        return add_runs([load(part) for part in parts])
    chosen = _POINTS.fullmatch(address)
    if not chosen:
        return None
    whole, first, last = load(chosen[1]), int(chosen[2]), int(chosen[3] or chosen[2])
    _check_points(whole, first, last)
    return add_points(whole, first, last) if chosen[3] else whole.chosen(first)


def summands(address: str, folder: str = "") -> list[str]:
    """The addresses that are joined by `+`; those of files in a folder with that, if it is given."""
    parts, name = [], ""
    pieces = [address] if _file(_within(folder, address)) else address.split("+")
    for piece in pieces:
        name = f"{name}+{piece}" if name else piece
        if files(_within(folder, name), alone=True):
            parts.append(_within(folder, name))
            name = ""
    return [*parts, _within(folder, name)] if name or not parts else parts


def _within(folder: str, address: str) -> str:
    return str(Path(folder).expanduser() / Path(address).expanduser()) if folder else address


def files(address: str, *, alone: bool = False) -> tuple[Path, ...]:
    """The files of an address; none if one of them is missing."""
    if alone or _file(address):
        plain = address if _file(address) else _without_points(address)
        name, mark, _ = plain.rpartition("::")
        found = _file(plain) or (_file(name) if mark else None)
        return (found,) if found else ()
    each = [files(part, alone=True) for part in summands(address)]
    return tuple(path for paths in each for path in paths) if all(each) else ()


def _without_points(address: str) -> str:
    chosen = _POINTS.fullmatch(address)
    return chosen[1] if chosen else address


def _file(address: str) -> Path | None:
    try:
        path = Path(address).expanduser()
        return path if path.is_file() else None
    except (OSError, ValueError, RuntimeError):  # too long for a name, or none
        return None


def _check_points(run: Run, first: int, last: int) -> None:
    if last < first:
        raise GumtreeError(
            "NO_POINT", f"{run.name}@{first}-{last} ends before it begins; write @{last}-{first}."
        )
    key = "detector/counts"
    if "point" not in run.point(slice(0, 1)).data(key).dims:
        raise GumtreeError(
            "NO_POINT", f"{run.name} is no scan but one point; leave out what stands behind '@'."
        )
    run.point(last).data(key)  # which tells how many there are
