"""Writes frames as fast as it can until it is killed; prints the number of each that is acknowledged."""

import sys
from pathlib import Path

import numpy as np

from gumtree_core.acquisition.recorder import Recorder
from gumtree_core.files.nexus.writer import Column

recorder = Recorder(Path(sys.argv[1]), "F")
recorder.recover()
columns = [Column("detector/counts", (300, 200), "uint16"), Column("monitor/counts", dtype="int64")]
stream = recorder.stream(0, {"run/title": "to be killed"}, columns)
noise = np.random.default_rng(1).integers(0, 2**16, (300, 200), "uint16")
for number in range(100_000):
    stream.append({"detector/counts": noise + np.uint16(number), "monitor/counts": number}, number)
    sys.stdout.write(f"{number + 1}\n")
    sys.stdout.flush()
