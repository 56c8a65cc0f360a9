"""ANSTO's packed event streams, `EOS.bin`, as the histogram servers of Platypus and Spatz write them."""

from __future__ import annotations

import importlib
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gumtree_core.errors import GumtreeError
from gumtree_core.events.events import Events, Floats

MAGIC = 0x0DAE0DAE
HEADER = 128
FORMAT = 0x00010002
OUT_OF_BAND = 3
"""Bytes that an event out of band has at least."""
CONFIGURATION = "CFG.xml"


@dataclass(frozen=True)
class Layout:
    """What the header of a stream says: bits of each field, and the tick of its clock in us."""

    x_bits: int
    y_bits: int
    other_bits: int
    tick: float
    out_of_band: bool
    """Whether there are events that are no neutrons, and frames tell how long they were."""
    signed: bool
    """Whether x and y have a sign; here they begin at 0 all the same."""

    @property
    def middle(self) -> tuple[int, int]:
        """Where the stream's own y = 0 and x = 0 are."""
        bits = (self.y_bits, self.x_bits)
        return (1 << bits[0] - 1, 1 << bits[1] - 1) if self.signed else (0, 0)

    @property
    def least(self) -> int:
        """Bytes that an event has at least."""
        return -(-(self.x_bits + self.y_bits + self.other_bits + self.out_of_band) // 8)


def is_eos(head: bytes) -> bool:
    """Whether a file that begins so is an event stream."""
    return len(head) >= 4 and struct.unpack_from("<I", head)[0] == MAGIC


def read_layout(path: Path) -> Layout:
    """Read the header of a stream.

    Raises
    ------
    GumtreeError
        FILE_MISSING, FILE_FORMAT_UNKNOWN, FILE_DAMAGED.
    """
    if not path.is_file():
        raise GumtreeError("FILE_MISSING", f"{path} does not exist. Give the path of an event stream.")
    with path.open("rb") as file:
        head = file.read(HEADER)
    if not is_eos(head):
        raise GumtreeError("FILE_FORMAT_UNKNOWN", f"{path} is no event stream of ANSTO: it begins otherwise.")
    if len(head) < HEADER:
        raise GumtreeError("FILE_DAMAGED", f"{path} ends within its header of {HEADER} bytes.")
    words = struct.unpack("<32I", head)
    version, unpacked, out_of_band, clock = words[1], words[3], words[4], words[5]
    x_bits, y_bits, *others = words[16:21]
    if version != FORMAT or unpacked:
        how = "unpacked" if unpacked else "packed"
        raise GumtreeError(
            "FILE_FORMAT_UNKNOWN",
            f"{path} is {how}, of the format {version:#x}; only packed ones of {FORMAT:#x} are read.",
        )
    if not (0 < x_bits <= 16 and 0 < y_bits <= 16 and sum(others) <= 24 and clock):
        raise GumtreeError(
            "FILE_FORMAT_UNKNOWN",
            f"{path} has {x_bits} bits of x, {y_bits} of y, {sum(others)} of further fields, and ticks of "
            f"{clock} ns; up to 16, 16 and 24 bits are read, and ticks of 1 ns or more.",
        )
    return Layout(x_bits, y_bits, sum(others), clock * 1e-3, bool(out_of_band), bool(words[21]))


def read_eos(path: str | Path) -> Events:
    """Read all events of a stream; of one that is still being written, those that are whole.

    Times of pulses are those that the frames tell, where they do; else they follow from the frequency of
    frames in the configuration, `CFG.xml`, if it stands in the folder of the stream or above.

    Returns
    -------
    Events
        With pixels from 0 on, where x and y have a sign too. Events before the first frame have no time of
        flight: their pixel is -1.

    Raises
    ------
    GumtreeError
        FILE_MISSING, FILE_FORMAT_UNKNOWN, FILE_DAMAGED.
    """
    return next(eos_slices(path))


def eos_slices(path: str | Path, size: int | None = None) -> Iterator[Events]:
    """The events of a stream, up to `size` at a time; a frame that is cut is in both parts.

    Raises
    ------
    GumtreeError
        As `read_eos`.
    """
    path = Path(path)
    layout = read_layout(path)
    frequency = _frame_frequency(path)
    state = np.array([0, 0, 0, 0, 0, -1, 0], dtype=np.int64)
    frames_before, time_before, rest = 0, 0, b""
    shape = 1 << layout.y_bits, 1 << layout.x_bits
    with path.open("rb") as file:
        file.seek(HEADER)
        block = file.read(size * layout.least if size else -1)
        while True:
            rest += block
            block = file.read(size * layout.least) if size else b""
            pixel, ticks, frames, clock, end = _decoded(rest, layout, state, path)
            frames_after = frames_before + frames.size
            continued = bool(frames_before and pixel.size and not (frames.size and frames[0] == 0))
            if not frames_before:
                pixel[: frames[0] if frames.size else None] = -1
            elif continued:
                frames, clock = np.append(0, frames), np.append(time_before, clock)
            numbers = np.arange(frames_after - frames.size, frames_after)
            times = numbers / frequency if frequency else None
            if layout.out_of_band and 2 * state[6] >= frames_after - 1:
                times = clock * (layout.tick * 1e-6)
            rest = rest[end:]
            complete = bool(block) or not rest
            yield Events(
                pixel, ticks, layout.tick, shape, frames, times, path.name, complete, continued=continued
            )
            if not block:
                return
            frames_before, time_before = frames_after, int(state[5])


def _decoded(data: bytes, layout: Layout, state: NDArray[np.int64], path: Path) -> tuple[Any, ...]:
    """Pixels, ticks, events before each frame, times of frames, and how many bytes these took."""
    kernels: Any = importlib.import_module("gumtree_core.events.kernels")
    most = len(data) // layout.least + 1
    most_frames = len(data) // min(layout.least, OUT_OF_BAND) + 1
    pixel = np.empty(most, dtype=np.int32)
    frames, clock = np.empty(most_frames, dtype=np.int64), np.empty(most_frames, dtype=np.int64)
    bits = layout.x_bits, layout.y_bits, layout.other_bits
    flips = layout.middle[1], layout.middle[0]
    before = state.copy()
    before[1:5] = 0
    for kind in (np.uint32, np.int64):  # the second for frames of minutes, and clocks that step back
        ticks = np.empty(most, dtype=kind)
        state[:] = before
        end = int(
            kernels.decode(
                np.frombuffer(data, dtype=np.uint8), bits, layout.out_of_band, flips,
                1 << layout.x_bits, pixel, ticks, frames, clock, state,
            )
        )  # fmt: skip
        if state[4] >= 0 and state[3] <= np.iinfo(kind).max:
            break
    if end < 0:
        raise GumtreeError(
            "FILE_DAMAGED",
            f"{path} holds an event whose time does not end: its bits are not as its header says.",
        )
    events, begun = int(state[1]), int(state[2])
    return pixel[:events].copy(), ticks[:events].copy(), frames[:begun].copy(), clock[:begun].copy(), end


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
    match = re.search(r'\bFRAME_FREQUENCY="(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)"', text)
    return float(match[1]) if match else 0.0


def _configuration(path: Path) -> str | None:
    """The text: it is not quite XML, as it has two roots."""
    for place in (path, path.parent / CONFIGURATION, path.parent.parent / CONFIGURATION):
        if place.name == CONFIGURATION and place.is_file():
            return place.read_text(encoding="utf-8", errors="replace")
    return None
