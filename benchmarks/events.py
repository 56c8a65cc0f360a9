"""Events: decoding ANSTO's packed streams, and counting them by pixel and time of flight, and by q.

The stream is written by this program with the bits of a real one; the peers are refnx's decoder, scipp's
histogram and NumPy's bincount. The limit is to read the events once.
"""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import numpy as np
import scipp as sc
from measure import case, interleaved
from refnx.reduce import event as refnx_event

from gumtree_core.events import Events, histogram, read_eos
from gumtree_core.reduction.integration.bins import q_bins
from gumtree_core.reduction.integration.events import counts_of_q

SIZE = 10_000_000
SHAPE = (192, 192)
BINS = 100
STREAMED = 400_000


def stream(path: Path, random: np.random.Generator) -> None:
    """Events of 31 fixed bits, one frame in a hundred events; steps of two bytes, as in a real stream."""
    header = [0x0DAE0DAE, 0x00010002, 0, 0, 0, 100, *[0] * 10, 10, 10, 1, 10, 0, *[0] * 11]
    out = bytearray(struct.pack("<32I", *header))
    x, y = random.normal(512, 20, STREAMED).astype(int), random.normal(600, 80, STREAMED).astype(int)
    steps = random.exponential(1500, STREAMED).astype(int).clip(64, 12_000)
    for k in range(STREAMED):
        if k % 100 == 0:
            out += b"\x00\x00\x00\x80\xff\xff\xff\xff\x7f"
        word = int(x[k]) | int(y[k]) << 10 | int(steps[k] & 1) << 31
        left = int(steps[k]) >> 1
        out += struct.pack("<I", word)
        out += bytes([left & 0x3F | 0xC0, left >> 6])
    path.write_bytes(out)


def main() -> None:
    """Print the comparison."""
    random = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "EOS.bin"
        stream(path, random)
        assert len(read_eos(path)) == STREAMED
        assert len(refnx_event.events(str(path))[0][0]) == STREAMED
        seconds = interleaved(
            {
                "gumtree": lambda: read_eos(path),
                "refnx": lambda: refnx_event.events(str(path)),
                "read": path.read_bytes,
            }
        )
    rate = STREAMED / seconds["gumtree"] * 1e-6
    case(
        f"decode an event stream ({rate:.0f} Mev/s)",
        seconds["gumtree"],
        peer=seconds["refnx"],
        limit=seconds["read"],
        goal="20 Mev/s and 20 times refnx",
        holds=rate >= 20 and seconds["refnx"] >= 20 * seconds["gumtree"],
    )

    pixels = SHAPE[0] * SHAPE[1]
    pixel = random.integers(0, pixels, SIZE).astype(np.int32)
    time = random.integers(0, 40_000, SIZE).astype(np.uint32)
    events = Events(pixel, time, 1.0, SHAPE, np.array([0]))
    edges = np.linspace(0, 40_000, BINS + 1)
    table = sc.DataArray(
        sc.ones(dims=["event"], shape=[SIZE], unit="counts"),
        coords={
            "pixel": sc.array(dims=["event"], values=pixel),
            "time": sc.array(dims=["event"], values=time.astype(np.float32), unit="us"),
        },
    )
    grid = {
        "time": sc.array(dims=["time"], values=edges.astype(np.float32), unit="us"),
        "pixel": sc.arange("pixel", pixels + 1, dtype="int32"),
    }

    def bincount() -> object:
        return np.bincount((time // 400).astype(np.int64) * pixels + pixel, minlength=BINS * pixels)

    ours = histogram(events, edges).values.reshape(-1)
    assert np.array_equal(ours, bincount())
    seconds = interleaved(
        {
            "gumtree": lambda: histogram(events, edges),
            "scipp": lambda: table.hist(grid),
            "bincount": bincount,
            "read": lambda: (pixel.sum(), time.sum()),
        },
        rounds=5,
    )
    rate = SIZE / seconds["gumtree"] * 1e-6
    for peer in ("scipp", "bincount"):
        case(
            f"1e7 events to {BINS} x {pixels}, {peer} ({rate:.0f} Mev/s)",
            seconds["gumtree"],
            peer=seconds[peer],
            limit=seconds["read"],
            goal="80 Mev/s",
            holds=rate >= 80,
        )

    coefficient = random.random(SHAPE) * 1000 + 100
    bins = q_bins(0.003, 1.0, 100, "logarithmic")

    def searched() -> object:
        with np.errstate(divide="ignore"):
            q = coefficient.reshape(-1)[pixel] / time
        return np.histogram(q, bins.values)[0]

    assert np.array_equal(counts_of_q(events, coefficient, bins).values, searched())
    seconds = interleaved(
        {
            "gumtree": lambda: counts_of_q(events, coefficient, bins),
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
        goal="faster than numpy",
        holds=seconds["gumtree"] < seconds["numpy"],
    )


if __name__ == "__main__":
    main()
