"""The units of reduced curves as other programs spell them, where an A is an angstrom and no ampere."""

from __future__ import annotations

import re
from pathlib import Path

from gumtree_core.data.units import canonical, conversion
from gumtree_core.errors import GumtreeError

Q = "1/angstrom"
_ANGSTROM = re.compile(r"\bA(?:ng)?\b")
_POWER = re.compile(r"^\s*(\w+?)\s*-\s*1\s*$")


def unit_of_q(text: str, path: Path) -> str:
    """The unit of q, such as 1/angstrom of ``1/A``, ``A^-1`` and ``Angstrom-1``, or 1/nm.

    Raises
    ------
    GumtreeError
        UNKNOWN_UNIT where it is none of an inverse length, or is not said: the curve might be off by ten.
    """
    found = _known(_ANGSTROM.sub("angstrom", _POWER.sub(r"1/\1", text)))
    if not found or conversion(found, Q) is None:
        said = f"gives q in '{text}', which is no inverse length" if text else "does not say the unit of q"
        raise GumtreeError(
            "UNKNOWN_UNIT", f"{path} {said}; correct the file, such as to '1/angstrom' or '1/nm'."
        )
    return found


def unit_of_column(text: str, name: str, path: Path) -> str:
    """The unit of another column; none where none is said.

    Raises
    ------
    GumtreeError
        UNKNOWN_UNIT.
    """
    found = _known(text)
    if text and not found and text not in ("1", "dimensionless", "none", "None"):
        raise GumtreeError(
            "UNKNOWN_UNIT", f"{path} gives {name} in '{text}', which is no unit; correct the file."
        )
    return found


def _known(text: str) -> str:
    try:
        return canonical(text)
    except GumtreeError:
        return ""
