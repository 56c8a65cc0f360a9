"""Reads single images as beamlines write them: EDF, CBF, TIFF, fit2d's masks and NumPy's arrays.

fabio and NumPy read the numbers. What they mean is told by what they are: 0 and 1 alone are a mask, whole
numbers are counts, others the relative sensitivity of the pixels (a flat field).
"""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import warnings
import zipfile
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Dataset, poisson
from gumtree_core.errors import GumtreeError
from gumtree_core.files.formats import image_headers
from gumtree_core.files.formats.image_headers import Header
from gumtree_core.files.run import Run, Value

FORMAT = "detector-image"
MOST_PIXELS = 1 << 28
MOST_HEADER = 1 << 20
MOST_CBF_TEXT = 1 << 13
"""Bytes before the image of a CBF that fabio reads."""

_EDF = re.compile(rb"^\s*\{[^}]*(HeaderID|EDF_|Dim_1)", re.S)
_TIFF = (b"II*\x00", b"MM\x00*")
_NUMPY = b"\x93NUMPY"
_ZIP = b"PK\x03\x04"
_CBF = b"###CBF"
_CBF_SECTION, _CBF_DATA = b"--CIF-BINARY-FORMAT-SECTION--", b"\x0c\x1a\x04\xd5"
_CBF_NUMBERS = {name: re.compile(rb"^%s:\s*(\d{1,10})\s*$" % name, re.M) for name in (
    b"X-Binary-Size", b"X-Binary-Size-Fastest-Dimension", b"X-Binary-Size-Second-Dimension"
)}  # fmt: skip
_DESCRIPTION = 270
"""Number of the tag of a TIFF for words."""
_SILENT = Header()
_Image: TypeAlias = tuple[NDArray[Any], Header]
_CBF_MD5 = re.compile(rb"^Content-MD5:\s*(\S+)\s*$", re.M)


def is_detector_image(path: Path, head: bytes) -> bool:
    """Whether it is one of these formats."""
    return _reader(head) is not None


def read_detector_image(path: Path) -> Run:
    """Read an image: `detector/mask`, `detector/counts` or `detector/sensitivity`, (y, x).

    A mask is true where a pixel is not to be used (1, as in fit2d, silx and pyFAI). Negative counts, with
    which detectors mark gaps and broken pixels, are masked as `missing`. Rows are as fabio and pyFAI have
    them, the first row of the file first. Distance, pixel sizes, beam centre, wavelength, time and title are
    taken from the header of an EDF of the ESRF's small-angle beamlines, and of a CBF or TIFF of Pilatus and
    Eiger; counts from its cutoff on are masked as `saturated`.

    Raises
    ------
    GumtreeError
        FILE_DAMAGED; SEVERAL_RUNS where there are several images.
    """
    with path.open("rb") as file:
        read = _reader(file.read(4096))
    assert read is not None
    log = logging.getLogger("fabio")
    level = log.level
    try:
        log.setLevel(logging.CRITICAL)  # what is wrong, we say
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            values, header = read(path)
    except GumtreeError:
        raise
    except Exception as error:  # fabio answers damage with many types
        reason = " ".join(str(error).split()) or type(error).__name__
        raise GumtreeError("FILE_DAMAGED", f"{path} cannot be read as an image: {reason}.") from error
    finally:
        log.setLevel(level)
    if values.ndim != 2 or not values.size or values.dtype.kind not in "biuf":
        raise GumtreeError(
            "FILE_DAMAGED",
            f"{path} holds numbers of the shape {values.shape} and type {values.dtype}, not an image (y, x).",
        )
    items: dict[str, Value] = {"run/title": header.title or path.stem, **header.items}
    return Run({**items, **meant(values, header)}, path=path, format=FORMAT)


def meant(values: NDArray[Any], header: Header = _SILENT) -> dict[str, Value]:
    """What the numbers of an image (y, x) are, by the key that they are for: see `read_detector_image`."""
    if _is_mask(values, header):
        return {"detector/mask": Dataset(values != 0, dims=("y", "x"))}
    if values.dtype.kind == "f":
        bad = ~np.isfinite(values)
        masks = {"missing": bad} if bad.any() else {}
        return {"detector/sensitivity": Dataset(values.astype(np.float64), dims=("y", "x"), masks=masks)}
    missing, saturated = values < 0, values >= header.saturation
    masks = {name: mask for name, mask in (("missing", missing), ("saturated", saturated)) if mask.any()}
    counted = np.where(missing, 0, values) if "missing" in masks else values
    counts = Dataset(counted, dims=("y", "x"), unit="counts", masks=masks)
    return {"detector/counts": poisson(counts, 0)}


def _is_mask(values: NDArray[Any], header: Header) -> bool:
    if values.dtype.kind == "f":
        return bool(np.isin(values, (0, 1)).all() and not values.all())
    if header.any_level_masks:
        return True
    return bool(values.min() >= 0 and values.max() <= 1)


def _reader(head: bytes) -> Callable[[Path], _Image] | None:
    if head.startswith(_NUMPY):
        return _numpy
    if head.startswith(_ZIP) and head[30 : 30 + int.from_bytes(head[26:28], "little")].endswith(b".npy"):
        return _numpy_zip
    if head.startswith(_CBF):
        return _cbf
    if head[0:13:4] == b"MASK" and len(head) >= 24:
        return _fit2d
    if head.startswith(_TIFF):
        return _tiff
    return _edf if _EDF.match(head) else None


def _numpy(path: Path) -> _Image:
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    _check_size(path, mapped.shape)
    return np.array(mapped), _SILENT


def _numpy_zip(path: Path) -> _Image:
    """The only array of an `.npz`, or that called `mask`."""
    form = np.lib.format
    with zipfile.ZipFile(path) as archive:
        members = {each.filename.removesuffix(".npy"): each for each in archive.infolist()}
        if len(members) > 1 and "mask" not in members:
            raise GumtreeError(
                "SEVERAL_RUNS",
                f"{path} holds {', '.join(sorted(members)[:10])}; save one of them alone, or as `mask`.",
            )
        member = members["mask"] if "mask" in members else next(iter(members.values()))
        with archive.open(member) as file:
            first = form.read_magic(file) == (1, 0)
            shape, _, dtype = (form.read_array_header_1_0 if first else form.read_array_header_2_0)(file)
        _check_size(path, shape)
        if prod(shape) * dtype.itemsize > member.file_size:
            raise GumtreeError("FILE_DAMAGED", f"{path} says that it has {shape} numbers and has fewer.")
        with archive.open(member) as file:
            return np.asarray(form.read_array(file, allow_pickle=False)), _SILENT


def _cbf(path: Path) -> _Image:
    """fabio looks for the marks of a CBF for ever where they are not: they have to be there, and the data."""
    from fabio.cbfimage import CbfImage

    with path.open("rb") as file:
        head = file.read(MOST_HEADER)
        section = head.find(_CBF_SECTION, 0, MOST_CBF_TEXT)
        begins = head.find(_CBF_DATA, section) + len(_CBF_DATA)
        found = [pattern.search(head, section, begins) for pattern in _CBF_NUMBERS.values()]
        if section < 0 or begins < len(_CBF_DATA) or None in found:
            raise GumtreeError("FILE_DAMAGED", f"{path} has no image where a CBF has it; copy it anew.")
        size, width, height = (int(each[1]) for each in found if each is not None)
        _check_size(path, (height, width))
        _check_length(path, begins + size)
        file.seek(begins)
        digest = base64.b64encode(hashlib.md5(file.read(size), usedforsecurity=False).digest())
    wanted = _CBF_MD5.search(head, section, begins)
    if wanted is not None and wanted[1].strip(b'"') != digest:
        raise GumtreeError("FILE_DAMAGED", f"{path} is not as it was written (MD5 differs); copy it anew.")
    image = CbfImage().read(str(path))
    said = image.header.get("_array_data.header_contents", "")
    return np.asarray(image.data), image_headers.dectris(str(said))


def _fit2d(path: Path) -> _Image:
    from fabio.fit2dmaskimage import Fit2dMaskImage

    with path.open("rb") as file:
        width, height = (int(each) for each in np.frombuffer(file.read(24)[16:], "<i4"))
    _check_size(path, (height, width))
    needed = 1024 + height * ((width + 31) // 32) * 4
    _check_length(path, needed)
    return np.asarray(Fit2dMaskImage().read(str(path)).data).astype(bool), _SILENT


def _tiff(path: Path) -> _Image:
    from PIL import Image
    from PIL.TiffImagePlugin import TiffImageFile

    with Image.open(path) as image:
        number = getattr(image, "n_frames", 1)
        if number > 1:
            raise _several(path, number)
        _check_size(path, (image.height, image.width))
        said = image.tag_v2.get(_DESCRIPTION, "") if isinstance(image, TiffImageFile) else ""
        return np.array(image), image_headers.dectris(str(said)[:MOST_HEADER])


def _edf(path: Path) -> _Image:
    from fabio.edfimage import EdfImage

    image = EdfImage().read(str(path))
    if image.nframes > 1:
        raise _several(path, image.nframes)
    _check_size(path, image.shape)
    header = {str(name): str(value) for name, value in image.header.items()}
    if header.get("COMPRESSION", "NONE").upper() in ("NONE", "NO", ""):
        with path.open("rb") as file:
            begins = file.read(MOST_HEADER).find(b"}") + 2
        _check_length(path, begins + prod(image.shape) * np.dtype(image.dtype).itemsize)
    return np.asarray(image.data), image_headers.edf(header)


def _check_size(path: Path, shape: tuple[int, ...]) -> None:
    if not 0 < prod(shape) <= MOST_PIXELS or min(shape) <= 0:
        raise GumtreeError(
            "FILE_DAMAGED", f"{path} says that it has {shape} pixels; an image has 1 to {MOST_PIXELS}."
        )


def _check_length(path: Path, needed: int) -> None:
    there = path.stat().st_size
    if there < needed:
        raise GumtreeError(
            "FILE_DAMAGED",
            f"{path} has {there} bytes, but its image takes {needed}; it was cut off. Copy it anew.",
        )


def _several(path: Path, number: int) -> GumtreeError:
    return GumtreeError(
        "SEVERAL_RUNS", f"{path} holds {number} images; give a file of one, such as a mask or a flat field."
    )
