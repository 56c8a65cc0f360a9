"""Records scans as numbered NeXus files in one folder."""

from __future__ import annotations

import fcntl
import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from gumtree_core.acquisition.definition import ScanDefinition
from gumtree_core.acquisition.engine import Outcome, Point
from gumtree_core.devices.protocols import Countable, Movable, PresetMode
from gumtree_core.errors import GumtreeError
from gumtree_core.files.nexus.recovery import Recovered, is_open_for_writing, recover
from gumtree_core.files.nexus.writer import Column, Header, NexusWriter

if TYPE_CHECKING:
    from gumtree_core.data import Dataset

logger = logging.getLogger(__name__)

Values = Mapping[str, "Dataset | str | float"]
"""By logical key."""

Following = Mapping[str, Callable[[float | None], float]]
"""By logical key, what the position of the actuator says."""

_DIGITS = 7


class Recorder:
    """The folder in which one scan server records: PREFIX0000012.nxs and so on.

    A lock file makes it the only recorder of its prefix there, so that a file that is open for writing has
    been left by a process that is gone. The lock file also holds the last number, which therefore is not used
    again when files are moved away.

    Parameters
    ----------
    directory
        Made if it does not exist.
    prefix
        Start of the file names.

    Raises
    ------
    GumtreeError
        BAD_PREFIX, RECORDER_BUSY, DIRECTORY_NOT_WRITABLE.
    """

    def __init__(self, directory: Path, prefix: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", prefix):
            raise GumtreeError(
                "BAD_PREFIX",
                f"File names cannot start with {prefix!r}: give letters, digits, '_', '.' or '-'.",
            )
        self.directory = directory
        self.prefix = prefix
        self._pattern = re.compile(re.escape(prefix) + r"(\d{7,})\.nxs")
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(directory / f".{prefix}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o664)
        except OSError as error:
            raise GumtreeError(
                "DIRECTORY_NOT_WRITABLE",
                f"Data cannot be written to {directory}: {error.strerror}. Choose another folder, or set "
                "its permissions.",
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise GumtreeError(
                "RECORDER_BUSY",
                f"Another process records {prefix}*.nxs in {directory}. Stop it, or choose another prefix.",
            ) from error

    def close(self) -> None:
        """Let others record here; a file that is being written is not closed."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def recover(self) -> tuple[list[Recovered], list[GumtreeError]]:
        """Close the files that a killed process left open; what was recovered, and what failed."""
        done: list[Recovered] = []
        failed: list[GumtreeError] = []
        for draft in self.directory.glob(f".{self.prefix}*.nxs.*"):
            if self._pattern.fullmatch(draft.name[1:].rpartition(".")[0]):
                draft.unlink()
        for _, path in self._files():
            if is_open_for_writing(path):
                try:
                    done.append(recover(path))
                except GumtreeError as error:
                    logger.error(error.message)
                    failed.append(error)
        return done, failed

    def start(
        self,
        definition: ScanDefinition,
        counter: Countable,
        detectors: Sequence[Countable],
        actuator: Movable | None,
        values: Values,
        following: Following | None = None,
    ) -> Recording:
        """Begin the next file.

        Parameters
        ----------
        values
            What is known by now, `motor_start/NAME` among it.
        following
            What the actuator's position says at each point, in the key's own unit.
        """
        later = {
            key.replace("motor_start/", "motor_end/", 1): getattr(value, "unit", "")
            for key, value in values.items()
            if key.startswith("motor_start/")
        }
        columns, keys = _columns(definition, counter, detectors, actuator)
        for key, at in (following or {}).items():
            columns.append(Column(key))
            keys[key] = partial(_followed, at)
        writer = self.stream(
            points=definition.points,
            values={**_preset(definition), **values},
            columns=columns,
            axis=f"motor/{definition.actuator}" if actuator is not None else "",
            later=later,
        )
        return Recording(writer, keys, later)

    def stream(
        self,
        points: int,
        values: Values,
        columns: Sequence[Column],
        axis: str = "",
        later: Mapping[str, str] | None = None,
    ) -> NexusWriter:
        """Begin the next file for points of any kind, such as the frames of a detector; see `Header`."""
        number = self._next_number()
        header = Header(number, points, values, columns, axis, later or {})
        return NexusWriter(self.directory / f"{self.prefix}{number:0{_DIGITS}d}.nxs", header)

    def _files(self) -> list[tuple[int, Path]]:
        found = ((self._pattern.fullmatch(path.name), path) for path in self.directory.iterdir())
        return sorted((int(match[1]), path) for match, path in found if match)

    def _next_number(self) -> int:
        """A number above all that were used, written down before it is used."""
        noted = os.pread(self._lock, 20, 0).decode(errors="ignore").strip()
        files = self._files()
        number = 1 + max(int(noted) if noted.isdecimal() else 0, files[-1][0] if files else 0)
        os.pwrite(self._lock, f"{number:<19}\n".encode(), 0)
        return number


Keys = dict[str, Callable[[Point], object]]


class Recording:
    """A file that is being written."""

    def __init__(self, writer: NexusWriter, keys: Keys, later: Mapping[str, str]) -> None:
        self.number = writer.number
        self.path = writer.path
        self._writer = writer
        self._keys = keys
        self._later = later

    def record(self, point: Point) -> None:
        """Write a point; when this returns it survives a kill."""
        self._writer.append({key: value(point) for key, value in self._keys.items()})

    def close(self, outcome: Outcome, motors: Values) -> None:
        """End the file; `motors` is where they are now, as `motor_end/NAME`."""
        known = {
            key: value for key, value in motors.items() if key in self._later and not isinstance(value, str)
        }
        self._writer.close(outcome.ending.value, outcome.note, known)


def _preset(definition: ScanDefinition) -> dict[str, Dataset | str | float]:
    from gumtree_core.data import Dataset

    timer = definition.preset_mode is PresetMode.TIME
    return {
        "monitor/mode": "timer" if timer else "monitor",
        "monitor/preset": Dataset(definition.preset, unit="s" if timer else "counts"),
        **({"run/actuator": definition.actuator} if definition.actuator else {}),
    }


def _columns(
    definition: ScanDefinition, counter: Countable, detectors: Sequence[Countable], actuator: Movable | None
) -> tuple[list[Column], Keys]:
    """What is recorded at each point, and where in the point it is found."""
    columns: list[Column] = []
    keys: Keys = {}
    groups = [(counter, "monitor"), *zip(detectors, _detector_groups(detectors), strict=True)]
    for device, group in groups:
        for name, kind in device.describe().items():
            key = f"{group}/{name}"
            columns.append(Column(key, kind.shape, kind.dtype, kind.unit))
            keys[key] = partial(_reading, device.name, name)
    if actuator is not None:
        key = f"motor/{definition.actuator}"
        columns.append(Column(key, unit=actuator.unit))
        keys[key] = attrgetter("position")
    return columns, keys


def _followed(at: Callable[[float | None], float], point: Point) -> float:
    return at(point.position)


def _reading(device: str, name: str, point: Point) -> object:
    return point.readings[device][name]


def _detector_groups(detectors: Sequence[Countable]) -> list[str]:
    """The first is `detector`; further ones are told apart by their names."""
    names = [re.sub(r"[^A-Za-z0-9_]", "_", detector.name) for detector in detectors]
    return [f"detector:{name}" if index else "detector" for index, name in enumerate(names)]
