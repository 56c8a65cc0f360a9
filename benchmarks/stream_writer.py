"""Frames written so that each survives a kill and others read it: this project, and HDF5's own ways."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count, cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from measure import case, interleaved
from numpy.typing import NDArray

from gumtree_core.files.nexus.writer import Column, Header, NexusWriter

SIZES = (192, 1024, 2048, 4096)
LIBRARY = "HDF5, bitshuffle and LZ4"
FRAMES = "detector/counts"
FOLLOWER = """
import sys, time
from gumtree_core.files.nexus.stream_reader import follow
lags = []
for frame in follow(sys.argv[1], ["detector/counts", "detector/start_time"], newest=sys.argv[2] == "newest"):
    lags.append(time.monotonic() - float(frame.values["detector/start_time"]))
    if len(lags) == 1:
        print("following", flush=True)
print(" ".join(map(str, lags[1:])))
"""


def pattern(size: int) -> list[NDArray[np.uint32]]:
    """Some frames of small-angle scattering: a bright middle, few counts outside."""
    y, x = np.mgrid[:size, :size]
    radius = np.hypot(y - size / 2, x - size / 2) / size * 1024
    rate = 200 * np.exp(-((radius / 150) ** 2)) + 3 / (1 + (radius / 40) ** 2) + 0.05
    noise = np.random.default_rng(1)
    return [noise.poisson(rate).astype(np.uint32) for _ in range(4)]


def writer(path: Path, size: int) -> NexusWriter:
    """A stream with what is usually known of each frame."""
    columns = [
        Column(FRAMES, (size, size), "uint32"),
        Column("detector/start_time"),
        Column("monitor/counts", dtype="int64"),
        Column("motor/omega", unit="deg"),
    ]
    return NexusWriter(path, Header(1, 0, {}, columns, "motor/omega"))


def beside(number: int) -> dict[str, float]:
    """Values of a frame beside its counts."""
    return {"detector/start_time": time.monotonic(), "monitor/counts": number, "motor/omega": 0.1 * number}


def by_hdf5(path: Path, size: int, **compression: object) -> h5py.File:
    """The same as h5py's documentation has it for readers that follow."""
    file = h5py.File(path, "x", libver=("v110", "v110"))
    file.create_dataset(
        FRAMES,
        (0, size, size),
        "uint32",
        maxshape=(None, size, size),
        chunks=(1, size, size),
        **compression,
    )
    for name in beside(0):
        file.create_dataset(name, (0,), "float64", maxshape=(None,), chunks=(256,))
    file.swmr_mode = True
    return file


def throughput(folder: Path, size: int) -> None:
    """Bytes of frames, as they come from the detector, in a second."""
    frames = pattern(size)
    turn = cycle(frames)
    numbers = count()
    ours = writer(folder / "ours.nxs", size)
    plain = by_hdf5(folder / "plain.h5", size)
    packed = by_hdf5(folder / "packed.h5", size, **hdf5plugin.Bitshuffle(cname="lz4"))
    raw = os.open(folder / "raw", os.O_WRONLY | os.O_CREAT)
    room = np.empty_like(frames[0])

    def point() -> dict[str, Any]:
        return {FRAMES: next(turn), **beside(next(numbers))}

    def assign(file: h5py.File) -> None:
        for name, value in point().items():
            dataset = file[name]
            dataset.resize(len(dataset) + 1, axis=0)
            dataset[-1] = value
        file.flush()

    ways: dict[str, Callable[[], object]] = {
        "gumtree": lambda: ours.append(point()),
        "HDF5, no compression": lambda: assign(plain),
        LIBRARY: lambda: assign(packed),
        "write": lambda: os.write(raw, next(turn).data),
        "memcpy": lambda: np.copyto(room, next(turn)),
    }
    seconds = interleaved(ways)
    os.close(raw)
    plain.close()
    packed.close()
    ours.close("complete")
    speed = {name: frames[0].nbytes / each / 1e9 for name, each in seconds.items()}
    smaller = ours.points * frames[0].nbytes / (folder / "ours.nxs").stat().st_size
    print(f"\n{size} x {size}: " + ", ".join(f"{name} {each:.3g} GB/s" for name, each in speed.items()))
    print(f"{smaller:.1f} times smaller, {1 / seconds['gumtree']:.0f} frames/s")
    for peer in ("HDF5, no compression", LIBRARY):
        least = 1.5 if size == 1024 else 0
        fast = speed["gumtree"] >= (least or speed[LIBRARY])
        case(
            f"frames of {size} x {size}, {peer}",
            speed["gumtree"],
            peer=speed[peer],
            limit=speed["write"],
            unit="GB/s",
            goal=f"{least} GB/s" if least else "as fast as HDF5's compression",
            holds=fast,
        )


def lag(folder: Path, rate: float, seconds: float, which: str) -> None:
    """From the moment that a frame is handed over until another process has it as an array."""
    frames = cycle(pattern(1024))
    path = folder / f"lag_{rate:g}_{which}.nxs"
    with writer(path, 1024) as stream:
        command = [sys.executable, "-c", FOLLOWER, str(path), which]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
            assert follower.stdout is not None
            stream.append({FRAMES: next(frames), **beside(0)})
            follower.stdout.readline()
            began = time.monotonic()
            for number in count(1):
                due = began + number / rate if rate else began
                time.sleep(max(0.0, due - time.monotonic()))
                if time.monotonic() - began > seconds:
                    break
                stream.append({FRAMES: next(frames), **beside(number)})
            took = time.monotonic() - began
            stream.close("complete")
            lags = np.array(follower.stdout.read().split(), float)
    path.unlink()
    p99 = float(np.percentile(lags, 99))
    print(
        f"\n{number / took:.0f} frames/s written, {len(lags)} of {number - 1} read: lag median "
        f"{1e3 * np.median(lags):.3g} ms, p99 {1e3 * p99:.3g} ms, longest {1e3 * lags.max():.3g} ms"
    )
    what = f"each of {rate:g} frames/s" if rate else "the newest, at full speed"
    case(f"lag of a reader, p99, {what}", p99, goal="50 ms", holds=p99 < 0.05)


def main() -> None:
    """Print the comparison."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        print(f"in {'memory (tmpfs)' if folder.is_relative_to(memory) else folder}, no disk is measured")
        for size in SIZES:
            throughput(folder, size)
            for path in folder.iterdir():
                path.unlink()
        lag(folder, 50, 4, "each")
        lag(folder, 100, 4, "each")
        lag(folder, 0, 4, "newest")


if __name__ == "__main__":
    main()
