"""Records points as fast as it can until it is killed; prints the number of each point that is recorded."""

import sys
from pathlib import Path

import numpy as np

from gumtree_core.acquisition.definition import ScanDefinition
from gumtree_core.acquisition.engine import Point
from gumtree_core.acquisition.recorder import Recorder
from gumtree_core.devices.protocols import PresetMode, ReadingType


class Described:
    """What the recorder asks of a device."""

    unit = "mm"

    def __init__(self, name: str, **kinds: ReadingType) -> None:
        self.name = name
        self.describe = lambda: kinds


scan = ScanDefinition.line("sdd", 0.0, 999.0, 1000, PresetMode.TIME, 1.0)
counter = Described("monitor", counts=ReadingType((), "int64"), time=ReadingType())
detector = Described("main", counts=ReadingType((64, 48), "uint32"))
recorder = Recorder(Path(sys.argv[1]), "K")
recorder.recover()
recording = recorder.start(scan, counter, [detector], Described("sdd"), {"run/title": "to be killed"})
for number, position in enumerate(scan.positions):
    readings = {
        "monitor": {"counts": number, "time": 1.0},
        "main": {"counts": np.full((64, 48), number, "uint32")},
    }
    recording.record(Point(number, position, readings))
    sys.stdout.write(f"{number + 1}\n")
    sys.stdout.flush()
