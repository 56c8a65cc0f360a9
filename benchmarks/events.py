"""Events: decoding ANSTO's packed streams, and counting them by pixel and time of flight, and by q.

The stream is written by this program with the mix of steps of a real one, which is timed too where it is at
hand; the peers are refnx's decoder, scipp's histogram, and NumPy. The limit is to read the events once.
"""

from __future__ import annotations

import os
import struct
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipp as sc
from measure import case, interleaved
from refnx.reduce import event as refnx_event

from gumtree_core.data import Dataset
from gumtree_core.events import Events, Phases, histogram, read_eos
from gumtree_core.reduction.integration.bins import q_bins
from gumtree_core.reduction.integration.events import counts_of_q

SIZE = 10_000_000
SHAPE = (192, 192)
BINS = 100
PHASES = 20
STREAMED = 400_000


STEPS = {(5, 384): 0.232, (384, 24_576): 0.745, (24_576, 180_000): 0.023}
"""Ticks between two events that take one, two and three bytes, and how many do, in Spatz's stream REAL."""
FRAME = 101
"""Events in a frame of that stream."""
REAL = "ansto_platypus/DAQ_2022-12-02T14-30-47/DATASET_0/EOS.bin"


def stream(path: Path, random: np.random.Generator) -> None:
    """Events of 31 fixed bits and steps as STEPS has them, even in their logarithm."""
    header = [0x0DAE0DAE, 0x00010002, 0, 0, 0, 100, *[0] * 10, 10, 10, 1, 10, 0, *[0] * 11]
    out = bytearray(struct.pack("<32I", *header))
    x, y = random.normal(512, 20, STREAMED).astype(int), random.normal(600, 80, STREAMED).astype(int)
    kinds = random.choice(len(STEPS), STREAMED, p=list(STEPS.values()))
    low, high = np.array(list(STEPS))[kinds].T
    steps = np.exp(random.uniform(np.log(low), np.log(high))).astype(int)
    for k in range(STREAMED):
        if k % FRAME == 0:
            out += b"\x00\x00\x00\x80\xff\xff\xff\xff\x7f"
        out += struct.pack("<I", int(x[k]) | int(y[k]) << 10 | int(steps[k] & 1) << 31)
        left = int(steps[k]) >> 1
        while left >= 0xC0:
            out.append(left & 0x3F | 0xC0)
            left >>= 6
        out.append(left)
    path.write_bytes(out)


def decoded(path: Path, what: str) -> None:
    """Compare the decoders."""
    size = len(read_eos(path))
    assert len(refnx_event.events(str(path))[0][0]) == size
    seconds = interleaved(
        {
            "gumtree": lambda: read_eos(path),
            "refnx": lambda: refnx_event.events(str(path)),
            "read": path.read_bytes,
        }
    )
    rate = size / seconds["gumtree"] * 1e-6
    case(
        f"decode {what} ({rate:.0f} Mev/s)",
        seconds["gumtree"],
        peer=seconds["refnx"],
        limit=seconds["read"],
        goal="20 Mev/s and 20 times refnx",
        holds=rate >= 20 and seconds["refnx"] >= 20 * seconds["gumtree"],
    )


def counted(events: Events, table: sc.DataArray, name: str, edges: npt.NDArray[np.float64]) -> None:
    """Compare the histograms of (time, pixel)."""
    pixels = SHAPE[0] * SHAPE[1]
    pixel, time = events.pixel, events.time_of_flight
    grid = {
        "time": sc.array(dims=["time"], values=edges, unit="us"),
        "pixel": sc.arange("pixel", pixels + 1, dtype="int32"),
    }

    def bincount() -> npt.NDArray[np.int64]:
        place = time // 400 if name == "even" else np.searchsorted(edges, time, "right") - 1
        place = place.astype(np.int64) % (BINS + 1)  # what is outside, in one bin more
        return np.bincount(place * pixels + pixel, minlength=(BINS + 1) * pixels)[: BINS * pixels]

    assert np.array_equal(histogram(events, edges).values.reshape(-1), bincount())
    seconds = interleaved(
        {
            "gumtree": lambda: histogram(events, edges),
            "scipp": lambda: table.hist(grid),
            "bincount": bincount,
            "read": lambda: (pixel.sum(), time.sum()),
        },
        rounds=3,
    )
    rate = SIZE / seconds["gumtree"] * 1e-6
    for peer in ("scipp", "bincount"):
        case(
            f"1e7 events, {BINS} {name} bins x {pixels}, {peer} ({rate:.0f} Mev/s)",
            seconds["gumtree"],
            peer=seconds[peer],
            limit=seconds["read"],
            goal="80 Mev/s",
            holds=rate >= 80,
        )


def folded(events: Events) -> None:
    """Compare the histograms of (phase, pixel) of a process of 1.7 s."""
    pixels = SHAPE[0] * SHAPE[1]
    counts = np.diff(np.append(events.first_of_pulse, SIZE))

    def bincount() -> npt.NDArray[np.int64]:
        when = np.repeat(events.known_times(), counts) + events.time_of_flight * 1e-6
        place = (when / 1.7 % 1.0 * PHASES).astype(np.int64)
        return np.bincount(place * pixels + events.pixel, minlength=PHASES * pixels)

    def ours() -> Dataset:
        return histogram(events, [0, 40_000], Phases(1.7, PHASES))

    # Where a phase lies on an edge, the last digit decides.
    assert np.abs(ours().values.reshape(-1) - bincount()).sum() < 1e-5 * SIZE
    seconds = interleaved(
        {
            "gumtree": ours,
            "bincount": bincount,
            "read": lambda: (events.pixel.sum(), events.time_of_flight.sum()),
        },
        rounds=3,
    )
    rate = SIZE / seconds["gumtree"] * 1e-6
    case(
        f"1e7 events, {PHASES} phases x {pixels}, bincount ({rate:.0f} Mev/s)",
        seconds["gumtree"],
        peer=seconds["bincount"],
        limit=seconds["read"],
        goal="80 Mev/s",
        holds=rate >= 80,
    )


def main() -> None:
    """Print the comparison."""
    random = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "EOS.bin"
        stream(path, random)
        decoded(path, "a stream like a real one")
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    real = Path(os.environ.get("GUMTREE_REFERENCE_DATA", beside)) / REAL
    if real.is_file():
        decoded(real, "a stream of Spatz")

    pixels = SHAPE[0] * SHAPE[1]
    pixel = random.integers(0, pixels, SIZE).astype(np.int32)
    time = random.integers(0, 40_000, SIZE).astype(np.uint32)
    events = Events(pixel, time, 1.0, SHAPE, np.array([0]))
    table = sc.DataArray(
        sc.ones(dims=["event"], shape=[SIZE], unit="counts"),
        coords={
            "pixel": sc.array(dims=["event"], values=pixel),
            "time": sc.array(dims=["event"], values=time.astype(np.float64), unit="us"),
        },
    )
    bins = {
        "even": np.linspace(0, 40_000, BINS + 1),
        "logarithmic": np.geomspace(100, 40_000, BINS + 1),
        "uneven": np.sort(random.uniform(0, 40_000, BINS + 1)),
    }
    for name, edges in bins.items():
        counted(events, table, name, edges)

    folded(Events(pixel, time, 1.0, SHAPE, np.arange(0, SIZE, FRAME), 0.04 * np.arange(-(-SIZE // FRAME))))

    coefficient = random.random(SHAPE) * 1000 + 100
    of_q = q_bins(0.003, 1.0, 100, "logarithmic")

    def searched() -> object:
        with np.errstate(divide="ignore"):
            q = coefficient.reshape(-1)[pixel] / time
        return np.histogram(q, of_q.values)[0]

    assert np.array_equal(counts_of_q(events, coefficient, of_q).values, searched())
    seconds = interleaved(
        {
            "gumtree": lambda: counts_of_q(events, coefficient, of_q),
            "numpy": searched,
            "read": lambda: (pixel.sum(), time.sum()),
        },
        rounds=3,
    )
    case(
        f"1e7 events to I(q), numpy ({SIZE / seconds['gumtree'] * 1e-6:.0f} Mev/s)",
        seconds["gumtree"],
        peer=seconds["numpy"],
        limit=seconds["read"],
        goal="80 Mev/s",
        holds=SIZE / seconds["gumtree"] >= 80e6,
    )


if __name__ == "__main__":
    main()
