"""Reads the XML files of ORNL's SANS instruments (SPICE)."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, fromstring

import numpy as np

from gumtree_core.data import Dataset, poisson, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files.run import Run, Value

FORMAT = "ornl-sans-xml"
_DETECTOR = re.compile(r"INT32\[(\d{1,5}),(\d{1,5})\]")


def is_ornl(path: Path, head: bytes) -> bool:
    """Whether the file is one of SPICE's."""
    return b"<SPICErack" in head


def read_ornl(path: Path) -> Run:
    """Read the XML file of a run.

    The array in the file is [x, y]; `detector/counts` is (y, x). Zero counts have variance 1, as in ORNL's
    own reduction.

    Raises
    ------
    GumtreeError
        FILE_DAMAGED.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    if re.search(r"<!(DOCTYPE|ENTITY)", text):
        raise _damaged(path, "it declares XML entities, which no SPICE file does")
    try:
        root = fromstring(text)
    except ParseError as error:
        raise _damaged(path, f"it is no complete XML ({error})") from error
    counts = _counts(path, root)
    header, motors, counters = "Header/", "Motor_Positions/", "Counters/"
    items: dict[str, Value] = {
        "detector/counts": poisson(
            counts,
            zero_count_variance=1,
            dims=("y", "x"),
            title="detector/counts",
            source=f"{path.resolve()}:counts",
        ),
        "detector/time": _number(path, root, counters + "time", "s"),
        "detector/distance": _number(path, root, motors + "sample_det_dist", "m").to("mm"),
        "detector/pixel_size_x": _number(path, root, header + "x_mm_per_pixel", "mm"),
        "detector/pixel_size_y": _number(path, root, header + "y_mm_per_pixel", "mm"),
        "monitor/counts": poisson(
            _number(path, root, counters + "monitor", "").values,
            zero_count_variance=1,
            title="monitor/counts",
            source=f"{path.resolve()}:monitor",
        ),
        "instrument/wavelength": _number(path, root, header + "wavelength", "angstrom"),
        "instrument/wavelength_spread": _number(path, root, header + "wavelength_spread", ""),
        "instrument/collimation_length": _number(path, root, header + "source_distance", "mm"),
        "instrument/source_aperture": _number(path, root, header + "source_aperture_size", "mm"),
        "instrument/sample_aperture": _number(path, root, header + "sample_aperture_size", "mm"),
        "instrument/name": _text(path, root, header + "Instrument"),
        "source/probe": "neutron",
        "run/title": _text(path, root, header + "Scan_Title"),
        "run/number": _text(path, root, header + "Scan_Number"),
        "run/start_time": root.get("start_time", "").replace(" ", "T"),
        "run/end_time": root.get("end_time", "").replace(" ", "T"),
        "sample/name": _text(path, root, header + "Sample_Name"),
    }
    thickness = _number(path, root, header + "Sample_Thickness", "cm").to("mm")
    if float(thickness.values) > 0:
        items["sample/thickness"] = thickness
    return Run(items, path=path, format=FORMAT)


def _counts(path: Path, root: Element) -> np.ndarray:
    node = root.find("Data/Detector")
    declared = _DETECTOR.fullmatch(node.get("type", "")) if node is not None else None
    if node is None or declared is None:
        raise _damaged(path, "it has no Data/Detector of type INT32[x,y]")
    shape = int(declared[1]), int(declared[2])
    try:
        counts = np.array((node.text or "").split(), dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise _damaged(path, f"a count is no whole number that a detector can have ({error})") from error
    if counts.size != shape[0] * shape[1]:
        raise _damaged(path, f"it has {counts.size} counts where {shape[0]} x {shape[1]} are declared")
    if counts.size == 0 or counts.min() < 0:
        raise _damaged(path, "it has no counts, or negative ones")
    return counts.reshape(shape).T


def _text(path: Path, root: Element, where: str) -> str:
    node = root.find(where)
    if node is None:
        raise _damaged(path, f"{where} is missing")
    return (node.text or "").strip()


def _number(path: Path, root: Element, where: str, unit: str) -> Dataset:
    text = _text(path, root, where)
    try:
        value = float(text)
    except ValueError as error:
        raise _damaged(path, f"{where} is {text!r}, not a number") from error
    if not (np.isfinite(value) and value >= 0):
        raise _damaged(path, f"{where} is {text}, which cannot be")
    return scalar(value, unit=unit, title=where.rpartition("/")[2])


def _damaged(path: Path, what: str) -> GumtreeError:
    return GumtreeError("FILE_DAMAGED", f"{path} is no usable SPICE file: {what}.")
