"""ANSTO's packed event streams, `EOS.bin`, as the histogram servers of Platypus and Spatz write them."""

from __future__ import annotations

import importlib
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gumtree_core.errors import GumtreeError
from gumtree_core.events.events import Events, Floats

MAGIC = 0x0DAE0DAE
HEADER = 128
PACKED = 2
"""The format, in the low half of the header's second word."""
CONFIGURATION = "CFG.xml"


@dataclass(frozen=True)
class Layout:
    """What the header of a stream says: bits of each field, and the tick of its clock in us."""

    x_bits: int
    y_bits: int
    other_bits: int
    tick: float


def is_eos(head: bytes) -> bool:
    """Whether a file that begins so is an event stream."""
    return len(head) >= 4 and struct.unpack_from("<I", head)[0] == MAGIC


def read_layout(head: bytes, name: str) -> Layout:
    """Read a header.

    Raises
    ------
    GumtreeError
        FILE_FORMAT_UNKNOWN, FILE_DAMAGED.
    """
    if not is_eos(head):
        raise GumtreeError("FILE_FORMAT_UNKNOWN", f"{name} is no event stream of ANSTO: it begins otherwise.")
    if len(head) < HEADER:
        raise GumtreeError("FILE_DAMAGED", f"{name} ends within its header of {HEADER} bytes.")
    words = struct.unpack_from("<32I", head)
    x_bits, y_bits, *others = words[16:21]
    if words[1] & 0xFFFF != PACKED or not (0 < x_bits <= 16 and 0 < y_bits <= 16 and sum(others) <= 24):
        raise GumtreeError(
            "FILE_FORMAT_UNKNOWN",
            f"{name} is of the format {words[1]:#x} with {x_bits} bits of x and {y_bits} of y; known are "
            "packed streams of up to 16 bits each.",
        )
    return Layout(x_bits, y_bits, sum(others), (words[5] or 1000) * 1e-3)


def read_eos(path: str | Path) -> Events:
    """Read all events of a stream; of one that is still being written, those that are whole.

    Times of pulses follow from the frequency of frames in the configuration, `CFG.xml`, if it stands in the
    folder of the stream or above.

    Raises
    ------
    GumtreeError
        FILE_MISSING, FILE_FORMAT_UNKNOWN, FILE_DAMAGED.
    """
    path = Path(path)
    if not path.is_file():
        raise GumtreeError("FILE_MISSING", f"{path} does not exist. Give the path of an event stream.")
    data = np.fromfile(path, dtype=np.uint8)
    layout = read_layout(data[:HEADER].tobytes(), str(path))
    kernels = importlib.import_module("gumtree_core.events.kernels")
    width, height = 1 << layout.x_bits, 1 << layout.y_bits
    least = max(1, -(-(layout.x_bits + layout.y_bits + layout.other_bits) // 8))
    most = (data.size - HEADER) // least + 1
    bits = layout.x_bits, layout.y_bits, layout.other_bits
    pixel, frames = np.empty(most, dtype=np.int32), np.empty(most, dtype=np.int64)
    for kind in (np.uint32, np.int64):  # the second for streams with frames of minutes
        ticks, state = np.empty(most, dtype=kind), np.zeros(4, dtype=np.int64)
        end = int(kernels.decode(data, HEADER, *bits, width, pixel, ticks, frames, state))
        if state[3] <= np.iinfo(kind).max:
            break
    if end < 0:
        raise GumtreeError(
            "FILE_DAMAGED",
            f"{path} holds an event whose time does not end: its bits are not as its header says.",
        )
    _, events, pulses, _ = (int(each) for each in state)
    frequency = _frame_frequency(path)
    return Events(
        pixel=pixel[:events].copy(),
        time_of_flight=ticks[:events].copy(),
        tick=layout.tick,
        shape=(height, width),
        first_of_pulse=frames[:pulses].copy(),
        pulse_time=np.arange(pulses) / frequency if frequency else None,
        title=path.name,
        complete=end == data.size,
    )


def read_histogram_edges(path: str | Path) -> dict[str, Floats]:
    """The edges by which the histogram server binned a stream: `x`, `y` in pixels, `time_of_flight` in ticks.

    Parameters
    ----------
    path
        Of the stream, or of its `CFG.xml`.

    Raises
    ------
    GumtreeError
        NO_CONFIGURATION, FILE_DAMAGED.
    """
    text = _configuration(Path(path))
    if text is None:
        raise GumtreeError(
            "NO_CONFIGURATION", f"There is no {CONFIGURATION} beside {path} or above; give edges of your own."
        )
    found = {}
    for name, tag in (("x", "X"), ("y", "Y"), ("time_of_flight", "T")):
        match = re.search(rf"<{tag}>\s*<{tag}>([^<]*)</{tag}>", text)
        try:
            edges = np.array((match[1] if match else "").split(), dtype=np.float64)
        except ValueError as error:
            raise GumtreeError(
                "FILE_DAMAGED", f"The {name} edges of {CONFIGURATION} are no numbers."
            ) from error
        if edges.size < 2:
            raise GumtreeError("FILE_DAMAGED", f"{CONFIGURATION} of {path} has no edges of {name}.")
        found[name] = edges
    return found


def _frame_frequency(path: Path) -> float:
    text = _configuration(path) or ""
    match = re.search(r'\bFRAME_FREQUENCY="([0-9.eE+-]+)"', text)
    return float(match[1]) if match else 0.0


def _configuration(path: Path) -> str | None:
    """The text: it is not quite XML, as it has two roots."""
    for place in (path, path.parent / CONFIGURATION, path.parent.parent / CONFIGURATION):
        if place.name == CONFIGURATION and place.is_file():
            return place.read_text(encoding="utf-8", errors="replace")
    return None
