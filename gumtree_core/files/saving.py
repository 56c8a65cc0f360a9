"""A file is there whole or not at all, and never in place of another."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Callable
from pathlib import Path

from gumtree_core.errors import GumtreeError


def save_new(path: str | Path, write: Callable[[Path], None], *, numbered: bool = True) -> Path:
    """Have `write` make a file beside its place, and give it its name when it is complete.

    Parameters
    ----------
    path
        Where it goes; its folder is made. If there is a file already, a number is added to the name.
    write
        Makes the file at the path that it is given.
    numbered
        If false, a file that is there already is an error instead.

    Returns
    -------
    Path
        Where the file is.

    Raises
    ------
    GumtreeError
        FILE_NOT_WRITABLE, FILE_EXISTS.
    """
    path = Path(path)
    if not numbered and path.exists():
        raise _exists(path)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(draft)
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            return _publish(draft, path, numbered)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise GumtreeError(
            "FILE_NOT_WRITABLE", f"{path} cannot be written: {error}. Choose another folder, or make room."
        ) from error


def _exists(path: Path) -> GumtreeError:
    return GumtreeError("FILE_EXISTS", f"{path} exists already and is not overwritten; choose another name.")


def _publish(draft: Path, path: Path, numbered: bool) -> Path:
    """Link under the first name that is free: unlike a rename, a link never replaces."""
    number, free = 1, path
    while True:
        try:
            _link(draft, free)
        except FileExistsError:
            if not numbered:
                raise _exists(path) from None
            number += 1
            free = path.with_name(f"{path.stem}_{number}{path.suffix}")
        else:
            return free


def _link(draft: Path, place: Path) -> None:
    """Give a file a second name; where the file system knows none, the place is taken first, then filled."""
    try:
        os.link(draft, place)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
        os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        draft.replace(place)
