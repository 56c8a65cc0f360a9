"""The live instrument under logical keys: what a file would say, read from Tango attributes now."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import tango
from ruamel.yaml import YAML, YAMLError

from gumtree_core.data import Dataset
from gumtree_core.data.units import conversion, parse_quantity
from gumtree_core.errors import GumtreeError
from gumtree_core.files.nexus.layout import Place, gumtree_layout, known_unit
from gumtree_core.files.run import Run
from servers.dialects.connection import gumtree_error

FORMAT = "live"
RETRY = 1.0
"""Seconds for which a device that did not answer is not asked again."""

Problem = Callable[[GumtreeError], None]
Value = Dataset | str


@dataclass(frozen=True)
class _Source:
    """Where a key comes from: an attribute, or (without device) a literal.

    `table` gives what the key is at certain values of the attribute, in the key's own unit.
    """

    place: Place
    device: str = ""
    attribute: str = ""
    literal: Value = ""
    table: Mapping[float, Any] | None = None
    optional: bool = False
    """Nobody has asked for it by name: it is no problem if it has no value."""


def live_run(
    lines: Iterable[str], *, detector: str = "", counter: str = "", problem: Problem | None = None
) -> Run:
    """The instrument as it is now, as a Run of Datasets; see `LiveKeys`."""
    return LiveKeys(lines, detector=detector, counter=counter).run(problem)


class LiveKeys:
    """Reads logical keys from the live instrument; keeps its connections.

    Parameters
    ----------
    lines
        ``key=domain/family/member/attribute``; the same followed by a table, such as ``{0: 1, 1: 0.1}`` for
        the transmission of an attenuator with 0 or 1 plates in; ``key=text``; or ``key=number unit``.
    detector
        Device that gives the keys of `detector/` which the lines do not.
    counter
        Device that gives `monitor/counts` and `monitor/time` unless the lines do.

    Raises
    ------
    GumtreeError
        BAD_KEY_LINE, UNKNOWN_KEY, BAD_UNIT.
    """

    def __init__(self, lines: Iterable[str], *, detector: str = "", counter: str = "") -> None:
        self._sources = {source.place.key: source for source in map(_source, lines)}
        devices = ((detector, _DETECTOR), (counter, _COUNTER))
        for device, attributes in devices:
            for key, attribute in attributes.items() if device else ():
                self._sources.setdefault(
                    key, _Source(gumtree_layout().place(key), device, attribute, optional=True)
                )
        self._proxies: dict[str, tango.DeviceProxy] = {}
        self._lost: dict[str, tuple[float, GumtreeError]] = {}

    def run(self, problem: Problem | None = None) -> Run:
        """All keys as a Run, in memory."""
        return Run(self.read(problem), format=FORMAT)

    def read(self, problem: Problem | None = None) -> dict[str, Value]:
        """All keys; what cannot be read is told to `problem` and left out, or raised if there is none."""
        values: dict[str, Value] = {}
        by_device: dict[str, list[_Source]] = {}
        for source in self._sources.values():
            if source.device:
                by_device.setdefault(source.device, []).append(source)
            else:
                values[source.place.key] = source.literal
        for device, sources in by_device.items():
            try:
                answers = self._ask(device, [source.attribute for source in sources])
            except GumtreeError as error:
                _tell(problem, error)
                continue
            for source, (answer, unit) in zip(sources, answers, strict=True):
                try:
                    values[source.place.key] = _value(source, answer, unit)
                except GumtreeError as error:
                    if not (source.optional and error.reason == "NO_VALUE"):
                        _tell(problem, GumtreeError(error.reason, f"{source.place.key}: {error.message}"))
        return {key: values[key] for key in self._sources if key in values}

    def of(self, device: str, attribute: str) -> dict[str, Callable[[float, str], Value]]:
        """The keys that an attribute says, as functions of its value and unit; BAD_UNIT, NOT_IN_TABLE."""
        return {
            key: partial(_known, source)
            for key, source in self._sources.items()
            if source.device and (bare(source.device), source.attribute.lower()) == (bare(device), attribute)
        }

    def _ask(self, device: str, attributes: list[str]) -> list[tuple[tango.DeviceAttribute, str]]:
        """What the attributes are, with their units as they are now: hardware may tell its units late."""
        since, failure = self._lost.get(device, (0.0, None))
        if failure is not None and time.monotonic() - since < RETRY:
            raise failure
        try:
            proxy = self._proxies.get(device) or tango.DeviceProxy(device)
            answers: list[tango.DeviceAttribute] = proxy.read_attributes(attributes)
            valid = [answer.name for answer in answers if _has_value(answer)]
            configs = proxy.get_attribute_config(valid) if valid else []
            units = {name: config.unit for name, config in zip(valid, configs, strict=True)}
        except tango.DevFailed as error:
            failure = gumtree_error(device, error)
            self._lost[device] = (time.monotonic(), failure)
            self._proxies.pop(device, None)
            raise failure from error
        self._proxies[device] = proxy
        self._lost.pop(device, None)
        return [(answer, units.get(answer.name, "").replace("No unit", "")) for answer in answers]


def _has_value(answer: tango.DeviceAttribute) -> bool:
    return not answer.has_failed and answer.quality != tango.AttrQuality.ATTR_INVALID


def _value(source: _Source, answer: tango.DeviceAttribute, unit: str) -> Value:
    where = f"{source.device}/{source.attribute}"
    if answer.has_failed:
        raise gumtree_error(where, tango.DevFailed(*answer.get_err_stack()))
    if not _has_value(answer):
        raise GumtreeError("NO_VALUE", f"{where} has no value at present.")
    return _known(source, answer.value, unit)


def _known(source: _Source, value: Any, unit: str) -> Value:
    """What the key is at a value of the attribute."""
    if source.table is not None:
        return _look_up(source, source.table, float(value))
    if source.place.text:
        return str(value)
    return dataset(source.place, value, unit)


def dataset(place: Place, value: Any, unit: str) -> Dataset:
    """A value in `unit` as the Dataset of a logical key, in the key's own unit."""
    if place.unit is None:
        return Dataset(value, unit=known_unit(unit), title=place.key)
    found = conversion(known_unit(unit) or place.unit, place.unit)
    if found is None:
        raise GumtreeError("BAD_UNIT", f"its unit is {unit!r}, which cannot be converted to {place.unit!r}.")
    if found != (1, 0):
        value = value * found[0] + found[1]
    return Dataset(value, "poisson" if place.poisson else None, unit=place.unit, title=place.key)


def _source(line: str) -> _Source:
    key, equals, text = (part.strip() for part in line.partition("="))
    if not equals or not text:
        raise GumtreeError(
            "BAD_KEY_LINE",
            f"{line!r} maps no logical key: write key=domain/family/member/attribute, or key=value unit.",
        )
    place = gumtree_layout().place(key)
    address = _ADDRESS.fullmatch(text)
    if address:
        table = _table(line, address["table"]) if address["table"] else None
        return _Source(place, address["device"], address["attribute"], table=table)
    if place.text:
        return _Source(place, literal=text)
    return _Source(place, literal=_quantity(place, text))


def _table(line: str, text: str) -> dict[float, Any]:
    try:
        table = YAML(typ="safe", pure=True).load(text)
        return {float(position): value for position, value in table.items()}
    except (YAMLError, AttributeError, TypeError, ValueError) as error:
        raise GumtreeError(
            "BAD_KEY_LINE", f"{line!r}: {text!r} is no table; write it like {{0: 1, 1: 0.1}}."
        ) from error


def _look_up(source: _Source, table: Mapping[float, Any], position: float) -> Value:
    """What stands in the table at `position`, which may be off by a tenth of the step to the next entry."""
    nearest = min(table, key=lambda each: abs(each - position))
    steps = [abs(each - nearest) for each in table if each != nearest]
    if abs(nearest - position) > min(steps, default=1.0) / 10:
        raise GumtreeError(
            "NOT_IN_TABLE",
            f"{source.device}/{source.attribute} is at {position:.7g}, and the table knows only "
            f"{', '.join(f'{each:.7g}' for each in table)}.",
        )
    value = table[nearest]
    return str(value) if source.place.text else dataset(source.place, float(value), "")


def _quantity(place: Place, text: str) -> Dataset:
    try:
        number, unit = float(text), ""
    except ValueError:
        number, unit = parse_quantity(text)
    try:
        return dataset(place, number, unit)
    except GumtreeError as error:
        raise GumtreeError(error.reason, f"{place.key}={text}: {error.message}") from error


def bare(device: str) -> str:
    """The device's name without a database's address, in lower case."""
    return re.sub(r"^tango://[^/]+/|#.*$", "", device.lower())


def _tell(problem: Problem | None, error: GumtreeError) -> None:
    if problem is None:
        raise error
    problem(error)


_ADDRESS = re.compile(r"(?P<device>[^\s{]+/[^\s{]+/[^\s{]+)/(?P<attribute>[\w-]+)(?:\s+(?P<table>\{.*\}))?")
_DETECTOR: Mapping[str, str] = {
    "detector/counts": "image",
    "detector/time": "time",
    "detector/pixel_size_x": "pixel_size_x",
    "detector/pixel_size_y": "pixel_size_y",
    "detector/beam_center_x": "beam_center_x",
    "detector/beam_center_y": "beam_center_y",
    "detector/dead_time": "dead_time",
}
_COUNTER: Mapping[str, str] = {"monitor/counts": "counts", "monitor/time": "time"}
