"""Reduced reflectivity as `.ort`, the text format of the Open Reflectometry Standards Organisation.

Version 1.2, https://www.reflectometry.org/file_formats/specification
"""

from __future__ import annotations

import io
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gumtree_core.data import Axis, Dataset, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files.formats.units_of_curves import unit_of_column, unit_of_q
from gumtree_core.files.nexus.layout import known_unit
from gumtree_core.files.run import Run, Value
from gumtree_core.files.saving import save_new

FORMAT = "orso"
MARK = "# # ORSO reflectivity data file"
HEAD = f"{MARK[2:]} | 1.2 standard | YAML encoding | https://www.reflectometry.org/"
CURVE, PROVENANCE = "reduced/reflectivity", "reduced/provenance"
"""The logical keys of the curve and of the header, as JSON, in a run of such a file."""
SUFFIXES = (".ort",)
GAUSSIAN = float(np.sqrt(8 * np.log(2)))
"""Full width at half maximum over standard deviation."""


def write_orso(
    path: str | Path, curve: Dataset, *, provenance: Mapping[str, Any], references: Sequence[str] = ()
) -> Path:
    """Write R(Q), whole or not at all, and never over another file.

    Parameters
    ----------
    path
        Where it goes; if there is a file already, a number is added to the name.
    curve
        (q,) with an axis `q`. Of its metadata are written: `dq`, the standard deviation of q, and
        `wavelength`, Datasets along q; `theta`, the angles of incidence; `steps`, text with a correction in
        each line; and what stands under the logical keys of sample, instrument, source and run. Masked points
        are left out.
    provenance
        As scripts make it: who reduced which files (with their SHA-256) how, when and with which software.
    references
        Those of the input files that are no measurement of the sample, such as direct beams.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    GumtreeError
        NO_CURVE, FILE_NOT_WRITABLE.
    """
    if curve.dims != ("q",) or "q" not in curve.axes:
        raise GumtreeError("NO_CURVE", f"{curve.name} is no curve over q: its dimensions are {curve.dims}.")
    q = curve.axes["q"]
    columns = [{"name": "Qz", "unit": "1/angstrom", "physical_quantity": "normal_wavevector_transfer"}]
    values = [q.to("1/angstrom").centers]
    columns.append({"name": "R", "physical_quantity": "reflectivity"})
    values.append(curve.values)
    errors = np.zeros(curve.shape) if curve.errors is None else curve.errors
    columns.append({"error_of": "R", "error_type": "uncertainty", "value_is": "sigma"})
    values.append(errors)
    for key, column, unit in (
        ("dq", {"error_of": "Qz", "error_type": "resolution", "value_is": "sigma"}, "1/angstrom"),
        ("wavelength", {"name": "lambda", "unit": "angstrom", "physical_quantity": "wavelength"}, "angstrom"),
    ):
        if isinstance(along := curve.metadata.get(key), Dataset) and along.dims == ("q",):
            columns.append(column)
            values.append(along.to(unit).values)
        elif key == "dq":
            break  # the order of the first four columns is fixed
    rows = np.column_stack(values)
    rows = rows if curve.mask is None else rows[~curve.mask]
    header = _header(curve, provenance, references) | {"data_set": 0, "columns": columns}
    names = [each.get("name") or f"s{each['error_of']}" for each in columns]
    return save_new(path, partial(_write, rows, f"{HEAD}\n{_yaml(header)}# {'  '.join(names)}"))


def _header(curve: Dataset, provenance: Mapping[str, Any], references: Sequence[str]) -> dict[str, Any]:
    known = curve.metadata
    inputs = provenance.get("inputs", {})
    measured = [_file(name, inputs) for name in inputs if name not in references]
    additional = [_file(name, inputs) for name in inputs if name in references]
    return {
        "data_source": {
            "owner": {"name": _text(known, "run/user"), "affiliation": None},
            "experiment": {
                "title": _text(known, "experiment/title") or _text(known, "run/title") or curve.title or None,
                "instrument": _text(known, "instrument/name"),
                "start_date": _moment(known.get("run/start_time")),
                "probe": _text(known, "source/probe") or "neutron",
                "facility": _text(known, "source/name"),
            },
            "sample": {"name": _text(known, "sample/name")},
            "measurement": {
                "instrument_settings": {
                    "incident_angle": _range(known.get("theta"), "deg"),
                    "wavelength": _range(known.get("wavelength"), "angstrom"),
                    "polarization": "unpolarized",
                },
                "data_files": measured,
                **({"additional_files": additional} if additional else {}),
                "scheme": "angle- and energy-dispersive",
            },
        },
        "reduction": _reduction(curve, provenance),
    }


def _reduction(curve: Dataset, provenance: Mapping[str, Any]) -> dict[str, Any]:
    steps = str(known) if (known := curve.metadata.get("steps")) else "\n".join(curve.history)
    versions = provenance.get("packages", {})
    script = provenance.get("script") or None
    return {
        "software": {
            "name": "gumtree-tango",
            "version": versions.get("gumtree-tango") or None,
            "platform": platform.system() or None,
        },
        "timestamp": _moment(provenance.get("time")),
        "creator": {"name": provenance.get("user") or None, "affiliation": None},
        "corrections": [line for line in steps.splitlines() if line],
        "call": _call(script, provenance.get("parameters", {})),
        "script": script,
        "script_sha256": provenance.get("script_sha256") or None,
        "commit": provenance.get("commit") or None,
        "clean": provenance.get("clean"),
        "parameters": dict(provenance.get("parameters", {})),
        "packages": dict(versions),
    }


def _call(script: str | None, parameters: Mapping[str, Any]) -> str | None:
    """The command that does it again."""
    if script is None:
        return None
    words = ["gumtree", "reduce", Path(script).stem]
    for name, value in parameters.items():
        option = name.replace("_", "-")
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, bool):
                words.append(f"--{option}" if each else f"--no-{option}")
            elif each is not None and each != "":
                text = str(each)
                words += [f"--{option}", f"'{text}'" if " " in text else text]
    return " ".join(words)


def _file(name: str, inputs: Mapping[str, str]) -> dict[str, Any]:
    return {"file": name, "hash": {"digest": inputs[name], "algorithm": "sha256"}}


def _text(known: Mapping[str, Any], key: str) -> str | None:
    return str(known[key]) if known.get(key) else None


def _moment(value: Any) -> datetime | None:
    """When, if it is a date and not only a time of day."""
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return None


def _range(values: Any, unit: str) -> dict[str, Any] | None:
    if not isinstance(values, Dataset):
        return None
    numbers = np.ravel(values.to(unit).values)
    low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
    if low == high:
        return {"magnitude": low, "unit": unit}
    return {"min": low, "max": high, "unit": unit}


def _yaml(header: dict[str, Any]) -> str:
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe")
    yaml.default_flow_style = False
    yaml.width = 4096
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    text = io.StringIO()
    yaml.dump(header, text)
    return text.getvalue()


def _write(rows: np.ndarray, head: str, path: Path) -> None:
    np.savetxt(path, rows, fmt="%.12e", header=head, encoding="utf-8")


def is_orso(path: Path, head: bytes) -> bool:
    """Whether a file begins as one of this format does."""
    return head.startswith(MARK.encode())


def read_orso(path: Path) -> Run:
    """Read the first data set of a file as a run, ours or another's.

    Errors are read as independent; a resolution that is given as full width at half maximum is converted.

    Raises
    ------
    GumtreeError
        FILE_DAMAGED, NO_CURVE.
    """
    from ruamel.yaml.error import YAMLError

    from gumtree_core.files.formats.yaml_header import parse_yaml

    lines: list[str] = []
    rows: list[list[float]] = []
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                if line.startswith("#") and rows:
                    break  # the next data set
                if line.startswith("#"):
                    lines.append(line[2:].rstrip("\n"))
                elif line.strip():
                    rows.append([float(each) for each in line.split()])
        header = parse_yaml("\n".join(lines[1:-1]))
        return Run(dict(_items(header, np.array(rows, dtype=np.float64), path)), path=path, format=FORMAT)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, YAMLError) as error:
        reason = " ".join(str(error).split())
        raise GumtreeError("FILE_DAMAGED", f"{path} is no usable ORSO file: {reason}.") from error


def _items(header: Mapping[str, Any], rows: np.ndarray, path: Path) -> list[tuple[str, Value]]:
    import json

    columns = header["columns"]
    if rows.ndim != 2 or rows.shape[1] != len(columns):
        raise GumtreeError(
            "NO_CURVE", f"{path} has {len(columns)} columns in its header and {rows.shape} numbers."
        )
    source = header["data_source"]
    experiment, sample = source.get("experiment") or {}, source.get("sample") or {}
    texts = {
        "run/title": experiment.get("title"),
        "run/start_time": experiment.get("start_date"),
        "run/user": (source.get("owner") or {}).get("name"),
        "instrument/name": experiment.get("instrument"),
        "source/name": experiment.get("facility"),
        "source/probe": experiment.get("probe"),
        "sample/name": sample.get("name"),
    }
    found: list[tuple[str, Value]] = [(CURVE, _curve(columns, rows, str(texts["run/title"] or ""), path))]
    found += [(key, str(value)) for key, value in texts.items() if value is not None]
    settings = (source.get("measurement") or {}).get("instrument_settings") or {}
    angle = settings.get("incident_angle") or {}
    if isinstance(angle.get("magnitude"), (int, float)):
        unit = known_unit(str(angle.get("unit") or "deg"))
        found.append(("instrument/incident_angle", scalar(float(angle["magnitude"]), unit=unit)))
    found.append((PROVENANCE, json.dumps(header.get("reduction") or {}, default=str)))
    return found


def _curve(columns: Sequence[Mapping[str, Any]], rows: np.ndarray, title: str, path: Path) -> Dataset:
    places = {str(each["name"]): k for k, each in enumerate(columns) if each.get("name")}
    errors = {str(each["error_of"]): k for k, each in enumerate(columns) if each.get("error_of")}
    abscissa, ordinate = columns[0]["name"], columns[1]["name"]

    def sigma(name: str) -> np.ndarray:
        if (rows[:, errors[name]] < 0).any():
            raise ValueError(f"an error of {name} is negative")
        width = columns[errors[name]].get("value_is") == "FWHM"
        return np.asarray(rows[:, errors[name]] / (GAUSSIAN if width else 1.0))

    def unit(k: int) -> str:
        text = str(columns[k].get("unit") or "")
        return unit_of_q(text, path) if k == 0 else unit_of_column(text, str(columns[k].get("name")), path)

    if not np.isfinite(rows[:, 0]).all():
        raise GumtreeError("NO_CURVE", f"{path} has points without {abscissa}; leave them out.")
    unknown = ~np.isfinite(rows[:, 1])
    metadata: dict[str, Any] = {}
    if abscissa in errors:
        metadata["dq"] = Dataset(sigma(abscissa), dims=("q",), unit=unit(0))
    for name in ("lambda", "wavelength"):
        if name in places:
            column = places[name]
            metadata["wavelength"] = Dataset(rows[:, column], dims=("q",), unit=unit(column))
    return Dataset(
        rows[:, 1],
        sigma(ordinate) ** 2 if ordinate in errors else None,
        axes={"q": Axis(rows[:, 0], dims=("q",), unit=unit(0))},
        dims=("q",),
        unit=unit(1),
        masks={"missing": unknown} if unknown.any() else {},
        metadata=metadata,
        title=title,
    )
