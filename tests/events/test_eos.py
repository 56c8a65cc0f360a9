"""ANSTO's packed event streams: a real one against its histogram, and made ones against their events."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gumtree_core.errors import GumtreeError
from gumtree_core.events import histogram, read_eos, read_events, read_histogram_edges
from gumtree_core.files import load

MARK = (0, 0, 0, 0xFFFFFFFF)


def packed(events, x_bits=10, y_bits=10, other_bits=11, clock=100) -> bytes:
    """Write (x, y, other, step) as a stream; the test's own reading of the format."""
    header = [0x0DAE0DAE, 0x00010002, 0, 0, 0, clock, *[0] * 10, x_bits, y_bits, 0, other_bits, 0, *[0] * 11]
    out = bytearray(struct.pack("<32I", *header))
    for x, y, other, step in events:
        word = x | y << x_bits | other << (x_bits + y_bits)
        bits = x_bits + y_bits + other_bits
        whole, rest = divmod(bits, 8)
        out += (word & ((1 << 8 * whole) - 1)).to_bytes(whole, "little")
        left = step
        if rest:
            low, free = word >> 8 * whole, 8 - rest
            if free < 2:
                out.append(low | (left & ((1 << free) - 1)) << rest)
                left >>= free
            elif left < 1 << free and (left >> (free - 2)) != 3:
                out.append(low | left << rest)
                continue
            else:
                out.append(low | (left & ((1 << (free - 2)) - 1)) << rest | 0xC0)
                left >>= free - 2
        while left >= 0xC0:
            out.append(left & 0x3F | 0xC0)
            left >>= 6
        out.append(left)
    return bytes(out)


@pytest.fixture
def stream(tmp_path):
    def write(content: bytes) -> Path:
        path = tmp_path / "EOS.bin"
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def spatz() -> Path:
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("GUMTREE_REFERENCE_DATA", beside)) / "ansto_platypus"
    if not folder.is_dir():
        pytest.skip(f"no reference data: set GUMTREE_REFERENCE_DATA ({folder} is not there)")
    return folder / "DAQ_2022-12-02T14-30-47" / "DATASET_0"


def test_a_real_stream_is_equal_to_its_histogram_count_for_count(spatz):
    events = read_events(spatz / "EOS.bin")
    edges = read_histogram_edges(spatz / "EOS.bin")
    with h5py.File(spatz / "HDS_P0.nx.hdf") as file:
        counted = file["entry1/data/hmm_xt_uncal"][()]

    found = histogram(events.grouped(edges["y"], edges["x"]), edges["time_of_flight"] * events.tick)

    assert len(events) == counted.sum() == 431_693
    assert events.complete
    assert np.array_equal(found.values[:, 0, :], counted)
    assert found.metadata["outside"] == 0


def test_a_stream_is_loaded_as_a_run(spatz):
    counts = load(spatz / "EOS.bin").data("detector/counts")

    assert counts.sizes == {"time_of_flight": 1000, "y": 1, "x": 1024}
    assert counts.axes["time_of_flight"].values[-1] == pytest.approx(40_000)
    assert int(counts.values.sum()) == 431_693


def test_its_events_are_those_that_refnx_reads(spatz):
    theirs = pytest.importorskip("refnx.reduce.event", reason="refnx is not installed")
    (frame, time, y, x), _ = theirs.events(str(spatz / "EOS.bin"))

    events = read_eos(spatz / "EOS.bin")

    assert np.array_equal(events.pixel, y * 1024 + x)
    assert np.array_equal(events.time_of_flight // 10, time)  # whole us
    own = np.searchsorted(events.first_of_pulse, np.arange(len(events)), "right") - 1
    assert np.array_equal(own, frame)


fields = st.tuples(
    st.integers(0, 1023), st.integers(0, 1023), st.integers(0, 2047), st.integers(0, 2**31)
).filter(lambda event: event[:2] != (0, 0))


@settings(max_examples=60)
@given(
    frames=st.lists(st.lists(fields, max_size=8), min_size=1, max_size=5),
    bits=st.sampled_from([0, 1, 3, 4, 5, 11, 12]),
)
def test_what_was_packed_is_read(frames, bits, tmp_path_factory):
    path = tmp_path_factory.mktemp("eos") / "EOS.bin"
    rows = [row for frame in frames for row in (MARK, *[(*e[:2], e[2] % (1 << bits), e[3]) for e in frame])]
    path.write_bytes(packed(rows, other_bits=bits))

    events = read_eos(path)

    assert events.pulses == len(frames)
    assert events.complete
    expected = [
        (y * 1024 + x, t)
        for f in frames
        for (x, y, _, _), t in zip(f, np.cumsum([e[3] for e in f]), strict=True)
    ]
    assert list(zip(events.pixel.tolist(), events.time_of_flight.tolist(), strict=True)) == [
        (p, int(t)) for p, t in expected
    ]


def test_a_stream_that_ends_within_an_event_gives_those_before(stream):
    rows = [MARK, (5, 6, 7, 1000), (8, 9, 1, 500), (1, 2, 3, 70_000)]
    whole = packed(rows)

    for cut in range(1, 5):
        events = read_eos(stream(whole[:-cut]))
        assert events.pixel.tolist() == [6 * 1024 + 5, 9 * 1024 + 8]
        assert not events.complete
    assert read_eos(stream(whole)).complete


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not a stream at all", "FILE_FORMAT_UNKNOWN"),
        (packed([])[:60], "FILE_DAMAGED"),
        (packed([], x_bits=40), "FILE_FORMAT_UNKNOWN"),
        (packed([MARK]) + b"\xff" * 40, "FILE_DAMAGED"),
    ],
)
def test_what_is_no_stream_is_refused(stream, content, reason):
    with pytest.raises(GumtreeError) as refused:
        read_eos(stream(content))
    assert refused.value.reason == reason


def test_without_configuration_there_are_no_edges(stream):
    path = stream(packed([MARK, (5, 6, 7, 1000)]))

    with pytest.raises(GumtreeError) as refused:
        load(path).data("detector/counts")
    assert refused.value.reason == "NO_CONFIGURATION"
    assert read_eos(path).pulse_time is None
