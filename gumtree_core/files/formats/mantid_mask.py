"""Reads Mantid's masks: XML that names what is masked by detector id.

Which pixel has an id stands in Mantid's description of the instrument and not in the mask, so a Run has the
ids, and `reduction.detector.masks.of_ids` makes pixels of them.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, fromstring

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files.run import Run

FORMAT = "mantid-mask"
IDS = "detector/masked_ids"
MOST_BYTES = 1 << 26
MOST_IDS = 1 << 28

_RANGE = re.compile(r"(\d{1,18})\s*(?:-\s*(\d{1,18}))?")


def is_mantid_mask(path: Path, head: bytes) -> bool:
    """Whether the file is a mask of Mantid."""
    return b"<detector-masking" in head


def read_mantid_mask(path: Path) -> Run:
    """Read a mask: `detector/masked_ids` (id) are those that are masked, each once and rising.

    Raises
    ------
    GumtreeError
        FILE_DAMAGED; BAD_MASK where it names more than ids, such as components of the instrument.
    """
    if path.stat().st_size > MOST_BYTES:
        raise _damaged(path, f"it has {path.stat().st_size} bytes, and a mask has at most {MOST_BYTES}")
    text = path.read_text(encoding="utf-8", errors="replace")
    if re.search(r"<!(DOCTYPE|ENTITY)", text):
        raise _damaged(path, "it declares XML entities, which no mask does")
    try:
        root = fromstring(text)
    except ParseError as error:
        raise _damaged(path, f"it is no complete XML ({error})") from error
    if root.tag != "detector-masking":
        raise _damaged(path, f"it is a {root.tag!r}, not a 'detector-masking'")
    ids = Dataset(_ids(path, root), dims=("id",), title=IDS)
    return Run({IDS: ids}, path=path, format=FORMAT)


def _ids(path: Path, root: Element) -> NDArray[np.int64]:
    first: list[int] = []
    last: list[int] = []
    for each in root.findall("group/*"):
        text = (each.text or "").strip()
        if each.tag != "detids":
            raise GumtreeError(
                "BAD_MASK",
                f"{path} masks the {each.tag} {text[:40]!r}, which only Mantid can find on the detector; "
                "save the mask there by detector ids.",
            )
        for part in filter(None, map(str.strip, text.split(","))):
            found = _RANGE.fullmatch(part)
            if found is None or int(found[2] or found[1]) < int(found[1]):
                raise _damaged(path, f"{part[:40]!r} is neither an id nor a range of ids such as 3-17")
            first.append(int(found[1]))
            last.append(int(found[2] or found[1]))
    number = sum(last) - sum(first) + len(first)
    if number > MOST_IDS:
        raise _damaged(path, f"it masks {number} ids, and a detector has at most {MOST_IDS}")
    ranges = [np.arange(begin, end + 1, dtype=np.int64) for begin, end in zip(first, last, strict=True)]
    return np.unique(np.concatenate(ranges)) if ranges else np.zeros(0, np.int64)


def _damaged(path: Path, why: str) -> GumtreeError:
    return GumtreeError("FILE_DAMAGED", f"{path} cannot be read as a mask of Mantid: {why}.")
