"""Reads the files of the NCNR's SANS instruments as their VAX wrote them: runs, sensitivity (DIV) and masks.

A run has a header of 514 bytes, whose numbers are VAX F-floats and little-endian integers at fixed places,
and 128 x 128 counts of 16 bits, x fastest; a DIV file has F-floats instead. Among these words, the first and
each 1022nd after it is a record mark.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ruamel.yaml import YAML

from gumtree_core.data import Axis, Dataset, poisson, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files.run import Run, Value
from gumtree_core.paths import config_directory
from gumtree_core.reduction.corrections.attenuation import Attenuators

FORMAT, DIV_FORMAT, MASK_FORMAT = "nist-vax", "nist-vax-div", "nist-vax-mask"

SIDE = 128
HEADER = 514
RECORD = 1022
"""Words from one record mark to the next."""
RUN_SIZE, DIV_SIZE = 33_316, 66_116
MASK_HEAD = bytes((SIDE - 1, 0, SIDE - 1, 0))
OVERFLOW = -777
"""What stands for a count that is too large to be kept."""
OVERFLOW_FROM = 2_767_000
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

Words = npt.NDArray[np.uint16]

QUANTITIES = {
    "instrument/wavelength": (292, "angstrom", 1.0),
    "instrument/wavelength_spread": (296, "", 1.0),
    "instrument/source_aperture": (280, "mm", 1.0),
    "instrument/sample_aperture": (284, "mm", 1.0),
    "instrument/beam_stop_diameter": (272, "mm", 1.0),
    "detector/distance": (260, "mm", 1000.0),
    "detector/pixel_size_x": (220, "mm", 1.0),
    "detector/pixel_size_y": (232, "mm", 1.0),
    "detector/nonlinearity_x": (224, "mm", 1.0),
    "detector/nonlinearity_y": (236, "mm", 1.0),
    "sample/thickness": (162, "mm", 10.0),
}
"""Where what is above 0 stands, its unit, and what makes the number one in that unit; 0 is: not known."""
POSITIONS = {
    "detector/x_offset": (264, "mm", 10.0),
    "motor/attenuator": (51, "", 1.0),
    "motor/sample": (166, "", 1.0),
    "motor/beam_stop_x": (368, "cm", 1.0),
    "motor/beam_stop_y": (372, "cm", 1.0),
}


def is_nist_vax(path: Path, head: bytes) -> bool:
    """Whether the file is a run or a DIV file of the NCNR."""
    return len(head) > HEADER and head[75:78] in (b"RAW", b"SIM") and head[78:81] == b"[NG"


def is_nist_mask(path: Path, head: bytes) -> bool:
    """Whether the file is a mask of the NCNR's programs."""
    return head.startswith(MASK_HEAD) and set(head[len(MASK_HEAD) :]) <= {0, 1}


def read_nist_vax(path: Path) -> Run:
    """Read a run or a DIV file; the size tells which it is.

    Keys beyond the common ones: `detector/sensitivity` of a DIV file, with the errors of the counts behind it
    if its header says how many; `detector/nonlinearity_x`, `_y` in mm, the length c of a detector that sees
    at pixel k what is c tan((k - middle) pixel / c) from its middle; `instrument/sample_aperture_distance`,
    from the aperture to the sample. `instrument/collimation_length` is from aperture to aperture. Dead time
    and attenuation come from `config/dictionaries/tables/nist_sans.yaml`. Counts above 32767 are kept with 4
    digits; those too large for the file are masked as `overflow`.

    Raises
    ------
    GumtreeError
        FILE_DAMAGED.
    """
    with path.open("rb") as file:
        content = file.read(DIV_SIZE + 1)
    if len(content) not in (RUN_SIZE, DIV_SIZE):
        raise _damaged(
            path,
            f"a run has {RUN_SIZE} bytes and a DIV file {DIV_SIZE}, but this has {path.stat().st_size}",
        )
    header = _Header(path, content)
    items = dict(header.items())
    if len(content) == RUN_SIZE:
        items |= header.counting()
        items["detector/counts"] = _counts(path, content)
        return Run(items, path=path, format=FORMAT)
    items["detector/sensitivity"] = _sensitivity(path, content, header.total_counts())
    return Run(items, path=path, format=DIV_FORMAT)


def read_nist_mask(path: Path) -> Run:
    """Read a mask: `detector/mask` (y, x) is true where a pixel is not to be used.

    Raises
    ------
    GumtreeError
        FILE_DAMAGED.
    """
    size = len(MASK_HEAD) + SIDE * SIDE
    with path.open("rb") as file:
        content = file.read(size)
    values = np.frombuffer(content, np.uint8, offset=len(MASK_HEAD))
    if len(content) < size or values.max() > 1:
        raise _damaged(path, f"it does not hold a 0 or 1 for each of {SIDE} x {SIDE} pixels")
    mask = Dataset(values.reshape(SIDE, SIDE) == 1, dims=("y", "x"), title="detector/mask")
    return Run({"detector/mask": mask}, path=path, format=MASK_FORMAT)


def vax_floats(words: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Numbers from pairs of 16-bit words in VAX F format; what is reserved there is NaN."""
    pairs = np.asarray(words, dtype=np.int64).reshape(-1, 2)
    exponent = pairs[:, 0] >> 7 & 0xFF
    fraction = (pairs[:, 0] & 0x7F) << 16 | pairs[:, 1] | 0x800000
    negative = pairs[:, 0] >> 15 == 1
    values = np.ldexp(np.where(negative, -fraction, fraction).astype(np.float64), exponent - 128 - 24)
    return np.where(exponent > 0, values, np.where(negative, np.nan, 0.0))


def decompressed(words: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Counts from 16-bit words: -(n 10000 + m) stands for m 10^n."""
    stored = np.asarray(words, dtype=np.int16).astype(np.int64)
    power, digits = np.divmod(-stored, 10_000)
    return np.where(stored <= -10_000, digits * 10 ** np.clip(power, 0, 3), stored)


def attenuation(instrument: str, number: int, wavelength: float) -> Dataset:
    """What an attenuator of an instrument (NG3, NG5, NG7) lets through, with the error of its calibration.

    At a wavelength in angstrom; see `Attenuators`. The same attenuator is one source of error, whichever run
    it comes from.

    Raises
    ------
    GumtreeError
        NO_ATTENUATION where there was no calibration.
    """
    if number == 0:
        return scalar(1.0)
    known = _table()["instruments"].get(instrument)
    if known is None:
        raise GumtreeError(
            "NO_ATTENUATION", f"The attenuators of {instrument} are not in the table of calibrations."
        )
    return _attenuators(known["attenuators"]).transmission(number, wavelength)


class _Header:
    def __init__(self, path: Path, content: bytes) -> None:
        self._path = path
        self._content = content
        self._instrument = self._text(78, 11).strip("[]")[:3]

    def items(self) -> Iterator[tuple[str, Value]]:
        label = self._text(98, 60)
        yield "run/title", label
        yield "run/number", self._text(2, 21).partition(".")[0]
        yield "run/start_time", self._start().isoformat()
        yield "source/probe", "neutron"
        yield "source/name", "NCNR"
        yield "instrument/name", self._instrument
        yield "sample/name", label
        for key, (place, unit, factor) in QUANTITIES.items():
            if (value := self._float(place)) > 0:
                yield key, scalar(value * factor, unit=unit, title=key)
        for key, (place, unit, factor) in POSITIONS.items():
            if np.isfinite(value := self._float(place)):
                yield key, scalar(value * factor, unit=unit, title=key)
        for key, place in (("detector/beam_center_x", 252), ("detector/beam_center_y", 256)):
            if np.isfinite(value := self._float(place)):
                yield key, scalar(value - 1, unit="pixel", title=key)  # the first pixel is 1 there
        gap = float(_table()["sample_aperture_to_sample"])
        if (length := self._float(288) * 1000) > gap:
            yield "instrument/collimation_length", scalar(length - gap, unit="mm")
            yield "instrument/sample_aperture_distance", scalar(gap, unit="mm")

    def counting(self) -> Iterator[tuple[str, Value]]:
        """What a run says of how it was counted."""
        name = str(self._path.resolve())
        monitor = self._float(39)
        if not monitor >= 0:
            raise _damaged(self._path, f"its monitor has {monitor:g} counts")
        yield "monitor/counts", poisson(monitor, 0, title="monitor/counts", source=f"{name}:monitor")
        if (seconds := int.from_bytes(self._content[31:35], "little", signed=True)) > 0:
            yield "monitor/time", scalar(float(seconds), unit="s")
            yield "detector/time", scalar(float(seconds), unit="s")
        if 0 < (transmission := self._float(158)) < 1:  # 1 until it is measured
            yield "sample/transmission", scalar(transmission)
        known = _table()["instruments"].get(self._instrument)
        if known is not None:
            of_the_time = (
                each["value"]
                for each in known["dead_time"]
                if self._start().date() < each.get("until", datetime.date.max)
            )
            yield "detector/dead_time", scalar(float(next(of_the_time)), unit="s")
        number, wavelength = self._float(51), self._float(292)
        if np.isfinite(number):
            with contextlib.suppress(GumtreeError):  # who needs it is told that the run does not know it
                yield (
                    "instrument/attenuation",
                    attenuation(self._instrument, round(abs(number)), wavelength),
                )

    def total_counts(self) -> float:
        return self._float(47)

    def _start(self) -> datetime.datetime:
        text = self._text(55, 20)
        try:
            day, month, rest = text.split("-", 2)
            number = MONTHS.index(month.upper()) + 1
            year, _, clock = rest.partition(" ")
            return datetime.datetime.fromisoformat(f"{int(year):04d}-{number:02d}-{int(day):02d}T{clock}")
        except ValueError as error:
            raise _damaged(self._path, f"its date is {text!r}") from error

    def _text(self, place: int, length: int) -> str:
        text = self._content[place : place + length].decode("ascii", errors="replace")
        return "".join(each if each.isprintable() else " " for each in text).strip()

    def _float(self, place: int) -> float:
        return float(vax_floats(np.frombuffer(self._content, "<u2", 2, place))[0])


def _words(content: bytes) -> Words:
    """The words of the image, without record marks."""
    words: Words = np.frombuffer(content, "<u2", offset=HEADER)
    unmarked: Words = words[np.arange(words.size) % RECORD != 0]
    return unmarked


def _counts(path: Path, content: bytes) -> Dataset:
    stored = _words(content).view("<i2").reshape(SIDE, SIDE)
    overflow = stored == OVERFLOW
    if np.any((stored < 0) & (stored > -10_000) & ~overflow):
        raise _damaged(path, "it holds negative counts")
    counts = np.where(overflow, OVERFLOW_FROM, decompressed(stored))
    return poisson(
        counts,
        0,
        dims=("y", "x"),
        masks={"overflow": overflow} if overflow.any() else {},
        title="detector/counts",
        source=f"{path.resolve()}:counts",
    )


def _sensitivity(path: Path, content: bytes, total: float) -> Dataset:
    """Relative sensitivity; a pixel of sensitivity s has counted s total / (sum of all s)."""
    values = vax_floats(_words(content))
    if not np.isfinite(values).all() or values.min() < 0 or not values.sum() > 0:
        raise _damaged(path, "its sensitivity is negative, nothing, or no number")
    return Dataset(
        values.reshape(SIDE, SIDE),
        (values * values.sum() / total).reshape(SIDE, SIDE) if total > 0 else None,
        dims=("y", "x"),
        title="detector/sensitivity",
        source=f"{path.resolve()}:sensitivity",
    )


@functools.cache
def _table() -> dict[str, Any]:
    path = config_directory() / "dictionaries" / "tables" / "nist_sans.yaml"
    table: dict[str, Any] = YAML(typ="safe", pure=True).load(path)
    return table


@functools.cache
def _attenuators(name: str) -> Attenuators:
    """A table of the calibrations; attenuator 0 is none."""
    calibration = _table()["attenuators"][name]
    numbers = sorted(each for each in calibration if each != "wavelength")
    through = np.array([calibration[number]["transmission"] for number in numbers])
    percent = np.array([calibration[number]["percent"] for number in numbers])
    nothing = np.ones((1, through.shape[1]))
    table = Dataset(
        np.concatenate([nothing, through]),
        np.concatenate([0 * nothing, (through * percent / 100) ** 2]),
        dims=("attenuator", "wavelength"),
        axes={"wavelength": Axis(calibration["wavelength"], "angstrom", ("wavelength",))},
        title=f"attenuators of {name}",
        source=f"calibration of the attenuators of {name}",
    )
    return Attenuators(table)


def _damaged(path: Path, what: str) -> GumtreeError:
    return GumtreeError("FILE_DAMAGED", f"{path} is no usable file of the NCNR: {what}.")
