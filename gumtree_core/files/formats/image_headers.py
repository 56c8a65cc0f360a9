"""What the headers of single images say of the measurement, in the words of the ESRF and of Dectris."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gumtree_core.data import scalar
from gumtree_core.files.run import Value

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"

_EDF: dict[str, tuple[tuple[str, ...], str, float, float]] = {
    "detector/distance": (("SampleDistance",), "mm", 1e3, 0.0),
    "detector/pixel_size_x": (("PSize_1",), "mm", 1e3, 0.0),
    "detector/pixel_size_y": (("PSize_2",), "mm", 1e3, 0.0),
    "detector/beam_center_x": (("Center_1",), "pixel", 1.0, -0.5),
    "detector/beam_center_y": (("Center_2",), "pixel", 1.0, -0.5),
    "instrument/wavelength": (("WaveLength",), "angstrom", 1e10, 0.0),
    "detector/time": (("ExposureTime", "count_time", "acq_expo_time", "exposure_time"), "s", 1.0, 0.0),
}
"""Names, our unit, factor to it, and what is added."""

_DECTRIS: dict[str, tuple[str, str, float, float]] = {
    "detector/distance": (rf"Detector_distance ({_NUMBER}) m\b", "mm", 1e3, 0.0),
    "detector/pixel_size_x": (rf"Pixel_size ({_NUMBER}) m x {_NUMBER} m\b", "mm", 1e3, 0.0),
    "detector/pixel_size_y": (rf"Pixel_size {_NUMBER} m x ({_NUMBER}) m\b", "mm", 1e3, 0.0),
    "detector/beam_center_x": (rf"Beam_xy \(({_NUMBER}), {_NUMBER}\) pixels", "pixel", 1.0, -0.5),
    "detector/beam_center_y": (rf"Beam_xy \({_NUMBER}, ({_NUMBER})\) pixels", "pixel", 1.0, -0.5),
    "detector/two_theta": (rf"Detector_2theta ({_NUMBER}) deg", "deg", 1.0, 0.0),
    "detector/time": (rf"Exposure_time ({_NUMBER}) s\b", "s", 1.0, 0.0),
    "instrument/wavelength": (rf"Wavelength ({_NUMBER}) A\b", "angstrom", 1.0, 0.0),
    "instrument/attenuation": (rf"Filter_transmission ({_NUMBER})", "", 1.0, 0.0),
}
"""A line, our unit, factor to it, and what is added. What is 0 has not been told to the detector."""
_CUTOFF = rf"Count_cutoff ({_NUMBER}) counts"


@dataclass(frozen=True)
class Header:
    """What an image's header says.

    Attributes
    ----------
    items
        By logical key.
    title
        Of the image; empty where it says none.
    any_level_masks
        Whether the image is a mask whose levels other than 0 all mean a pixel not to be used, as silx has it.
    saturation
        Counts from which a pixel is saturated.
    """

    items: Mapping[str, Value] = field(default_factory=dict)
    title: str = ""
    any_level_masks: bool = False
    saturation: float = float("inf")


def edf(header: Mapping[str, str]) -> Header:
    """Of the small-angle beamlines of the ESRF, in m and s, where the middle of the first pixel is 0.5.

    After Boesecke, J. Appl. Cryst. 40 (2007) s423.
    """
    found: dict[str, Value] = {}
    for key, (names, unit, factor, added) in _EDF.items():
        for name in names:
            number = re.match(rf"\s*{_NUMBER}", header.get(name, ""))
            if number:
                found[key] = scalar(float(number[0]) * factor + added, unit=unit)
                break
    return Header(found, header.get("Title", ""), header.get("masked_value") == "nonzero")


def dectris(text: str) -> Header:
    """Of Pilatus and Eiger, in lines such as ``# Detector_distance 0.25 m``, in CBF and TIFF.

    Beam_xy counts pixels from the corner of the first one. Where the detector stands at an angle, it is not
    where the beam would hit it, and is left out.
    """
    lines = " ".join(re.sub(r"[#:=]", " ", text).split())
    found: dict[str, Value] = {}
    for key, (pattern, unit, factor, added) in _DECTRIS.items():
        number = re.search(rf"\b{pattern}", lines)
        if number and float(number[1]):
            found[key] = scalar(float(number[1]) * factor + added, unit=unit)
    if "detector/two_theta" in found:
        found.pop("detector/beam_center_x", None)
        found.pop("detector/beam_center_y", None)
    cutoff = re.search(_CUTOFF, lines)
    return Header(found, saturation=float(cutoff[1]) if cutoff and float(cutoff[1]) else float("inf"))
