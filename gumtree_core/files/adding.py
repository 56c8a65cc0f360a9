"""Measurements of one configuration, added to one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial, reduce
from itertools import combinations
from operator import add, or_
from typing import cast

import numpy as np

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files.run import Run, Value

SAME = 1e-3
"""How much numbers of one configuration may differ, relative; also how much a dead-time correction may."""
READ_BACK = 0.01
"""How much positions of the detector may differ in any case, which may be read back as nearly 0, in mm."""

_POSITIONS = ("detector/x", "detector/y")
_ADDED = re.compile(r"detector(:[^/]+)?/(counts|time)|monitor/(counts|time)")
_CONFIGURATION = re.compile(r"(detector(:[^/]+)?|instrument|slit|chopper)/.*|source/probe|sample/thickness")
_OF_ONE_ONLY = re.compile(r"detector(:[^/]+)?/(start_time|total_counts)|monitor/preset|reduced/.*")

Item = Value | Callable[[], Value]


def add_runs(runs: Sequence[Run]) -> Run:
    """Add measurements of one configuration: counts and monitor, with their errors, and time.

    Counts stay those of their files: each keeps its own source of errors, and its mask masks the sum. What
    belongs to the configuration (detector, instrument, slits, choppers, thickness) has to agree to 0.1 %.
    Of the rest the sum knows what agrees, and no numbers that differ. It has the title of the first, as plots
    and programs show it; other texts that differ (samples, numbers, users) stand one behind the other, so
    that none is passed over.

    Raises
    ------
    GumtreeError
        RUN_TWICE; RUNS_DIFFER; NO_COUNTS. When counts are asked for, RATES_DIFFER where their dead times
        differ by more than 0.1 %, so that they cannot be corrected as a sum.
    """
    for run, other in combinations(runs, 2):
        if _overlap(run, other):
            raise GumtreeError(
                "RUN_TWICE", f"{run.name} is added to itself: {other.address}. Give each file once."
            )
    _has_counts(runs)
    names = [run.name for run in runs]
    items: dict[str, Item] = {}
    for key in dict.fromkeys(key for run in runs for key in run):
        if _OF_ONE_ONLY.fullmatch(key):
            continue
        without = [run.name for run in runs if key not in run]
        if without and _CONFIGURATION.fullmatch(key):
            raise GumtreeError(
                "RUNS_DIFFER", f"{key} is not in {without[0]}, but in others; add runs of one configuration."
            )
        if without:
            continue
        if _ADDED.fullmatch(key):
            items[key] = partial(_sum, runs, key)
        elif (value := _common(key, [run[key] for run in runs], names)) is not None:
            items[key] = value
    return Run(items, format=runs[0].format, parts=runs)


def add_points(run: Run, first: int, last: int) -> Run:
    """Add the points of a scan from the first to the last; as `add_runs`."""
    _has_counts([run])
    some, count = run.point(slice(first, last + 1)), last - first + 1
    names = [f"{run.name}@{point}" for point in range(first, last + 1)]
    items: dict[str, Item] = {}
    for key in run:
        if _OF_ONE_ONLY.fullmatch(key):
            continue
        if _ADDED.fullmatch(key):
            items[key] = partial(_sum_of_points, some, key, count)
            continue
        value = some[key]
        if isinstance(value, str) or "point" not in value.dims:
            items[key] = value
        elif (same := _common(key, [value["point", point] for point in range(count)], names)) is not None:
            items[key] = same
    return Run(items, path=run.path, format=run.format, entry=run.entry, points=f"{first}-{last}")


def _has_counts(runs: Sequence[Run]) -> None:
    for run in runs:
        if "detector/counts" not in run:
            raise GumtreeError("NO_COUNTS", f"{run.name} holds no counts that could be added.")


def _overlap(run: Run, other: Run) -> bool:
    if run.path is None or other.path is None or run.entry != other.entry:
        return False
    if run.path.stat().st_size != other.path.stat().st_size or run.sha256() != other.sha256():
        return False
    return not (run.points and other.points) or bool(_range(run.points) & _range(other.points))


def _range(points: str) -> set[int]:
    first, _, last = points.partition("-")
    return set(range(int(first), int(last or first) + 1))


def _common(key: str, values: Sequence[Value], names: Sequence[str]) -> Value | None:
    """What all say; None if they differ in what need not agree."""
    first = values[0]
    if key == "detector/mask" and all(isinstance(value, Dataset) for value in values):
        return cast(Dataset, reduce(or_, values))
    for value, name in zip(values[1:], names[1:], strict=True):
        if _same(key, first, value):
            continue
        if _CONFIGURATION.fullmatch(key):
            raise GumtreeError(
                "RUNS_DIFFER",
                f"{key} is {_told(first)} in {names[0]} and {_told(value)} in {name}; add runs of one "
                "configuration.",
            )
        if key == "run/title":
            return first
        if not all(isinstance(each, str) for each in values):
            return None
        if key == "run/start_time":
            return min(map(str, values))
        if key == "run/end_time":
            return max(map(str, values))
        return " + ".join(dict.fromkeys(map(str, values)))
    return first


def _same(key: str, one: Value, other: Value) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return isinstance(one, str) and isinstance(other, str) and one == other
    if one.shape != other.shape or one.unit != other.unit:
        return False
    here, there = np.asarray(one.values), np.asarray(other.values)
    if not np.issubdtype(here.dtype, np.number) or not np.issubdtype(there.dtype, np.number):
        return bool(np.array_equal(here, there))
    limit = SAME * np.nanmax(np.abs(here), initial=0.0)
    step = np.median(np.abs(np.diff(here))) if here.ndim and here.shape[-1] > 1 else 0.0
    if step > 0:  # angles and other coordinates: what counts is how far apart they are
        limit = min(limit, 0.01 * step)
    if key in _POSITIONS:
        limit = max(limit, READ_BACK)
    return bool(np.all((np.abs(here - there) <= limit) | (np.isnan(here) & np.isnan(there))))


def _told(value: Value) -> str:
    if isinstance(value, str):
        return repr(value)
    if value.size == 1:
        return f"{float(value.values.ravel()[0]):g} {value.unit}".strip()
    return (
        f"{value.shape} from {np.nanmin(value.values):g} to {np.nanmax(value.values):g} {value.unit}".strip()
    )


def _sum(runs: Sequence[Run], key: str) -> Dataset:
    values = [run.data(key) for run in runs]
    first = values[0]
    for run, value in zip(runs[1:], values[1:], strict=True):
        if value.sizes != first.sizes or value.unit != first.unit:
            raise GumtreeError(
                "RUNS_DIFFER",
                f"{key} is of the shape {first.sizes} in {runs[0].name} and of {value.sizes} in {run.name}; "
                "add runs of one configuration.",
            )
    if key == "detector/counts":
        _check_rates(runs[0], [_total(each) for each in values], [_seconds(each) for each in runs])
    total = reduce(add, (value.replace(axes=first.axes) for value in values))
    return total.replace(title=first.title)


def _sum_of_points(some: Run, key: str, count: int) -> Dataset:
    value = some.data(key)
    if "point" not in value.dims:
        return cast(Dataset, value * count)  # what is said once is that of each point
    total: Dataset = value.sum("point")
    if key == "detector/counts":
        _check_rates(some, [_total(value["point", k]) for k in range(count)], [_seconds(some)])
    if total.variances is None:
        return total
    sources = " ".join(term.source.id for term in value.uncertainty.terms)
    return total.with_variances(total.variances, f"{sources} added")


def _total(counts: Dataset) -> np.ndarray:
    """Of all pixels, at each point if it is a scan."""
    axes = tuple(k for k, dim in enumerate(counts.dims) if dim != "point")
    return np.asarray(counts.values.sum(axes), dtype=np.float64)


def _seconds(run: Run) -> np.ndarray:
    if "detector/time" not in run:
        return np.array(np.nan)
    return np.asarray(run.data("detector/time").to("s").values, dtype=np.float64)


def _check_rates(run: Run, totals: Sequence[np.ndarray], seconds: Sequence[np.ndarray]) -> None:
    """Refuse counts that have lost different shares to dead time: their sum cannot be corrected."""
    if "detector/dead_time" not in run:
        return
    dead_time = float(np.max(run.data("detector/dead_time").to("s").values))
    if not dead_time:
        return
    if len(seconds) == 1:
        seconds = list(np.broadcast_to(seconds[0], len(totals)))
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = np.array([total / time for total, time in zip(totals, seconds, strict=True)])
    lost = dead_time * (rates.max(0) - rates.min(0))
    if np.any(lost > SAME):
        raise GumtreeError(
            "RATES_DIFFER",
            f"The rates that are added to {run.name} reach from {np.min(rates):.4g} to {np.max(rates):.4g} "
            f"counts/s: with a dead time of {dead_time:g} s they lose shares that differ by "
            f"{100 * float(np.max(lost)):.2g} %, more than {100 * SAME:g} %. Reduce them one by one.",
        )
