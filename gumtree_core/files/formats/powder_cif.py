"""Powder patterns as pdCIF, the dictionary of the IUCr for powder diffraction, in CIF 1.1.

https://www.iucr.org/resources/cif/spec/version1.1/cifsyntax and .../dictionaries/cif_pd
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gumtree_core.data import Axis, Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files.formats.powder_formats import points
from gumtree_core.files.run import Run, Value
from gumtree_core.files.saving import save_new

FORMAT = "pdcif"
CURVE, PROVENANCE = "reduced/pattern", "reduced/provenance"
"""The logical keys of the pattern and of the JSON that says how it was made, in a run of such a file."""
TEXTS = {
    "sample/name": "_pd_spec_description",
    "instrument/name": "_diffrn_measurement_device_type",
    "source/name": "_diffrn_source",
    "run/start_time": "_pd_meas_datetime_initiated",
    "run/user": "_pd_meas_info_author_name",
}
NUMBERS = {
    "instrument/wavelength": ("_diffrn_radiation_wavelength", "angstrom"),
    "instrument/take_off_angle": ("_pd_instr_2theta_monochr_pre", "deg"),
    "detector/distance": ("_pd_instr_dist_spec/detc", "mm"),
}
_OWN_PROVENANCE, _OWN_UNIT = "_gumtree_provenance", "_gumtree_intensity_unit"
"""Data names of our own, which CIF leaves to anybody."""
_COLUMNS = ("_pd_proc_point_id", "_pd_proc_2theta_corrected", "_pd_proc_intensity_net", "_pd_proc_ls_weight")
DIGITS = 4
"""Significant digits of an error, so that values lose nothing that matters."""
LINE = 2048
"""Characters that a line of CIF 1.1 may have."""


def write_powder_cif(path: str | Path, pattern: Dataset, *, provenance: Mapping[str, Any]) -> Path:
    """Write a pattern as pdCIF; whole or not at all, and never over another file.

    Intensities stand with their error in brackets, and the weight 1 / error^2 beside them has all its digits.
    The settings of the script and the digests of all input files are kept as JSON in one text, from which
    `read_powder_cif` restores them.

    Parameters
    ----------
    path
        Where it goes; if there is a file already, a number is added to the name.
    pattern
        (two_theta,) with errors. Of its metadata are written: `steps`, text that says how it was made, and
        what stands under the logical keys of `TEXTS` and `NUMBERS`. Masked points are left out.
    provenance
        As scripts make it.

    Raises
    ------
    GumtreeError
        NO_CURVE, NO_ERRORS, LINE_TOO_LONG, FILE_NOT_WRITABLE.
    """
    lines = list(_lines(pattern, provenance))
    longest = max(map(len, lines))
    if longest > LINE:
        raise GumtreeError(
            "LINE_TOO_LONG",
            f"A parameter of {provenance.get('script', 'the script')} has {longest} characters; a line of "
            f"CIF has at most {LINE}. Write another format.",
        )
    return save_new(path, partial(_write, "\n".join(lines) + "\n"))


def _write(text: str, path: Path) -> None:
    path.write_text(text, encoding="ascii", errors="backslashreplace")


def _lines(pattern: Dataset, provenance: Mapping[str, Any]) -> Iterator[str]:
    angle, intensity, error = points(pattern)
    title = str(pattern.metadata.get("run/title") or pattern.title or "pattern")
    time = str(provenance.get("time", ""))
    yield "#\\#CIF_1.1"
    yield f"data_{re.sub(r'[^A-Za-z0-9_.-]', '_', title)[:60]}"
    yield from _item("_audit_creation_date", time[:10] or "?")
    yield from _item("_audit_creation_method", f"GumTree on Tango, {provenance.get('script', '')}")
    yield from _item("_pd_block_id", f"{time}|{title}||".replace(" ", "_"))
    yield from _item("_pd_spec_special_details", title)
    for key, name in TEXTS.items():
        if pattern.metadata.get(key):
            text = str(pattern.metadata[key])
            # Dates of CIF have a T before the time.
            yield from _item(name, text.replace(" ", "T", 1) if "datetime" in name else text)
    probe = str(pattern.metadata.get("source/probe", ""))
    if probe in ("neutron", "x-ray", "electron"):
        yield from _item("_diffrn_radiation_probe", probe)
    for key, (name, unit) in NUMBERS.items():
        value = pattern.metadata.get(key)
        if isinstance(value, Dataset) and value.size == 1:
            yield from _item(name, f"{float(value.to(unit).values.squeeze()):.9g}")
    yield from _item("_pd_meas_scan_method", "step")
    yield from _item("_pd_proc_2theta_range_min", f"{angle.min():.6f}")
    yield from _item("_pd_proc_2theta_range_max", f"{angle.max():.6f}")
    if angle.size > 1:
        yield from _item("_pd_proc_2theta_range_inc", f"{(angle[-1] - angle[0]) / (angle.size - 1):.6f}")
    yield from _item("_pd_proc_info_datetime", time or "?")
    steps = str(pattern.metadata.get("steps") or "\n".join(pattern.history))
    yield from _text("_pd_proc_info_data_reduction", steps)
    yield from _item(_OWN_UNIT, pattern.unit or "1")
    yield from _text(_OWN_PROVENANCE, json.dumps(provenance, indent=1, sort_keys=True))
    yield from _item("_pd_proc_number_of_points", str(angle.size))
    yield from ("loop_", *_COLUMNS)
    for number, (x, y, e) in enumerate(zip(angle, intensity, error, strict=True), 1):
        yield f"{number} {x:.6f} {bracketed(y, e)} {1 / (e * e) if e > 0 else '.'}"


def bracketed(value: float, error: float) -> str:
    """A number of CIF with its error in units of the last digit, as 12.345(67)."""
    if not error > 0:
        return f"{value:.9g}"
    exponent = int(np.floor(np.log10(error))) - DIGITS + 1
    digits = round(error / 10.0**exponent)
    if exponent >= 0:
        scaled = round(value / 10**exponent) * 10**exponent
        return f"{scaled}({digits * 10**exponent})"
    return f"{value:.{-exponent}f}({digits})"


def _item(name: str, value: str) -> Iterator[str]:
    """A name and a value in one line, or as a text of several."""
    value = value.strip() or "?"
    if value == "?":
        yield f"{name} ?"
    elif "\n" in value or ("'" in value and '"' in value):
        yield from _text(name, value)
    elif re.fullmatch(r"[A-Za-z0-9.+(-][^\s'\"]*", value) and not _reserved(value):
        yield f"{name} {value}"
    else:
        quote = '"' if "'" in value else "'"
        yield f"{name} {quote}{value}{quote}"


def _reserved(value: str) -> bool:
    return value.lower().startswith(("data_", "save_")) or value.lower() in ("loop_", "global_", "stop_")


def _text(name: str, value: str) -> Iterator[str]:
    first, *others = value.splitlines() or ["?"]
    yield name
    yield f";{first}"
    # A line that begins with a semicolon would end the text.
    yield from (f" {line}" if line.startswith(";") else line for line in others)
    yield ";"


def is_powder_cif(path: Path, head: bytes) -> bool:
    """Whether a file is a CIF with a powder pattern; `head` is how it begins."""
    return re.search(rb"^data_\S", head, re.M | re.I) is not None and b"\n_pd_" in head


def read_powder_cif(path: Path) -> Run:
    """Read a pattern that `write_powder_cif` has written, and how it was made.

    Returns
    -------
    Run
        `reduced/pattern`, a curve over two_theta; `reduced/provenance`, JSON, in whose `parameters` are those
        of the script; and what is known of sample and instrument.

    Raises
    ------
    GumtreeError
        FILE_MISSING, FILE_DAMAGED.
    """
    if not path.is_file():
        raise GumtreeError("FILE_MISSING", f"{path} does not exist. Give the path of a powder pattern.")
    try:
        names, loop = _parsed(path.read_text(encoding="utf-8"))
        return Run(dict(_items(names, loop, path)), path=path, format=FORMAT)
    except (UnicodeDecodeError, KeyError, ValueError, IndexError) as error:
        raise GumtreeError("FILE_DAMAGED", f"{path} is no powder pattern of ours: {error}.") from error


_TOKEN = re.compile(
    r"^;(?P<text>.*?)^;|'(?P<single>[^\n]*?)'(?=\s|$)|\"(?P<double>[^\n]*?)\"(?=\s|$)|#[^\n]*|(?P<plain>[^\s]+)",
    re.M | re.S,
)


def _parsed(content: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Names with one value, and the columns of the loop of points."""
    tokens: list[tuple[str, str]] = []
    for match in _TOKEN.finditer(content):
        if match.lastgroup:
            tokens.append((match.lastgroup, match[match.lastgroup]))
    names: dict[str, str] = {}
    columns: dict[str, list[str]] = {}
    at = 0
    while at < len(tokens):
        kind, token = tokens[at]
        if kind == "plain" and token.lower() == "loop_":
            end = at + 1
            while end < len(tokens) and tokens[end][0] == "plain" and tokens[end][1].startswith("_"):
                end += 1
            header = [name for _, name in tokens[at + 1 : end]]
            at = end
            while at < len(tokens) and not (tokens[at][0] == "plain" and _starts_item(tokens[at][1])):
                at += 1
            values = [value for _, value in tokens[end:at]]
            if not header or len(values) % len(header):
                raise ValueError(f"a loop has {len(values)} values for {len(header)} columns")
            columns.update({name: values[n :: len(header)] for n, name in enumerate(header)})
        elif kind == "plain" and token.startswith("_"):
            names[token] = tokens[at + 1][1]
            at += 2
        else:
            at += 1
    return names, columns


def _starts_item(token: str) -> bool:
    return token.startswith("_") or _reserved(token)


def _items(names: dict[str, str], loop: dict[str, list[str]], path: Path) -> Iterator[tuple[str, Value]]:
    angle = np.array(loop[_COLUMNS[1]], dtype=np.float64)
    intensity = np.array([value.partition("(")[0] for value in loop[_COLUMNS[2]]], dtype=np.float64)
    weight = np.array([0.0 if value in ".?" else float(value) for value in loop[_COLUMNS[3]]])
    variance = np.divide(1.0, weight, out=np.zeros_like(weight), where=weight > 0)
    unit = names.get(_OWN_UNIT, "1")
    yield (
        CURVE,
        Dataset(
            intensity,
            variance,
            dims=("two_theta",),
            axes={"two_theta": Axis(angle, "deg", ("two_theta",))},
            unit="" if unit == "1" else unit,
            title=names.get("_pd_spec_special_details", path.stem),
        ),
    )
    for key, name in TEXTS.items():
        if name in names:
            yield key, names[name]
    if "_diffrn_radiation_probe" in names:
        yield "source/probe", names["_diffrn_radiation_probe"]
    for key, (name, unit) in NUMBERS.items():
        if name in names:
            yield key, Dataset(float(names[name]), unit=unit, title=key)
    if _OWN_PROVENANCE in names:
        yield PROVENANCE, json.dumps(json.loads(names[_OWN_PROVENANCE]))
