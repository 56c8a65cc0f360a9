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
from gumtree_core.events.eos import eos_slices
from gumtree_core.files import load

MARK = (0, 0, 0, -1)


def packed(events, x_bits=10, y_bits=10, other_bits=11, clock=100, signed=0, out_of_band=0, **words) -> bytes:
    """Write (x, y, other, step) and, out of band, (type, bytes, step): the test's own encoder."""
    header = dict.fromkeys(range(32), 0)
    header |= {0: 0x0DAE0DAE, 1: 0x00010002, 4: out_of_band, 5: clock, 16: x_bits, 17: y_bits, 19: other_bits}
    header |= {21: signed} | {int(name[1:]): word for name, word in words.items()}
    out = bytearray(struct.pack("<32I", *header.values()))
    for event in events:
        if len(event) == 3:
            kind, fields, step = event
            out += bytes([1 | (kind & 15) << 2 | min(len(fields), 2) << 6, max(len(fields) - 2, 0) << 2])
            out += fields
            word, bits = 0, 0
        else:
            x, y, other, step = event
            word = x % (1 << x_bits) | y % (1 << y_bits) << x_bits | other << (x_bits + y_bits)
            word, bits = (
                (word << 1, x_bits + y_bits + other_bits + 1)
                if out_of_band
                else (word, x_bits + y_bits + other_bits)
            )
        whole, rest = divmod(bits, 8)
        out += (word & ((1 << 8 * whole) - 1)).to_bytes(whole, "little")
        left = step % 2**32
        if rest:
            low, free = word >> 8 * whole, 8 - rest
            if free <= 2:
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


def began(step: int) -> tuple[int, bytes, int]:
    """What begins a frame, out of band: the whole length of the one before is the sum of the steps."""
    return -2, b"", step


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
    st.integers(0, 1023), st.integers(0, 1023), st.integers(0, 1023), st.integers(-(2**31), 2**31 - 1)
).filter(lambda event: event[:2] != (0, 0))


@settings(max_examples=60)
@given(
    frames=st.lists(st.lists(fields, max_size=8), min_size=1, max_size=5),
    bits=st.sampled_from([0, 1, 2, 3, 4, 5, 10, 11, 12]),
    out_of_band=st.booleans(),
    size=st.sampled_from([None, 1, 3, 7]),
)
def test_what_was_packed_is_read_whole_and_in_slices(frames, bits, out_of_band, size, tmp_path_factory):
    path = tmp_path_factory.mktemp("eos") / "EOS.bin"
    mark = began(1000) if out_of_band else MARK
    rows = [row for frame in frames for row in (mark, *[(*e[:2], e[2] % (1 << bits), e[3]) for e in frame])]
    path.write_bytes(packed(rows, other_bits=bits, out_of_band=int(out_of_band)))

    parts = list(eos_slices(path, size))

    assert parts[-1].complete
    found = [
        (pixel, time)
        for part in parts
        for pixel, time in zip(part.pixel.tolist(), part.time_of_flight.tolist(), strict=True)
    ]
    expected = [
        [(y * 1024 + x, int(t)) for (x, y, _, _), t in zip(f, np.cumsum([e[3] for e in f]), strict=True)]
        for f in frames
    ]
    assert found == [event for frame in expected for event in frame]
    if size is None:
        assert np.diff(parts[0].first_of_pulse).tolist() == [len(frame) for frame in frames[:-1]]


@settings(max_examples=60)
@given(
    frames=st.lists(
        st.lists(
            st.tuples(*[st.integers(-512, 511)] * 2, st.integers(0, 3), st.integers(0, 20_000)), max_size=8
        ),
        min_size=1,
        max_size=5,
    ),
    bits=st.integers(2, 12),
    signed=st.booleans(),
    out_of_band=st.booleans(),
)
def test_made_streams_are_read_as_refnx_reads_them(frames, bits, signed, out_of_band, tmp_path_factory):
    theirs = pytest.importorskip("refnx.reduce.event", reason="refnx is not installed")
    path = tmp_path_factory.mktemp("eos") / "EOS.bin"
    choppers = (-3, b"\0\0", 50) if out_of_band else (0, 1, 0, 50)
    mark = began(1000) if out_of_band else MARK
    rows = [row for frame in frames for row in (mark, choppers, *frame)]
    path.write_bytes(packed(rows, 10, 10, bits, 1000, int(signed), int(out_of_band)))
    (frame, time, y, x), _ = theirs.events(str(path))

    events = read_eos(path)

    offset = 512 if signed else 0
    assert np.array_equal(events.pixel, (y + offset) * 1024 + x + offset)
    assert np.abs(events.time_of_flight.astype(int) - time).max(initial=0) <= 1  # theirs is cut to whole us
    own = np.searchsorted(events.first_of_pulse, np.arange(len(events)), "right") - 1
    assert np.array_equal(own, frame)


def test_frames_tell_the_times_of_pulses_where_the_stream_has_them(stream):
    lost = [
        began(0),
        (1, 1, 0, 500),
        began(39_500),
        (1, 1, 0, 100),
        (2, 2, 0, 300),
        began(79_600),
        (1, 1, 0, 7),
    ]
    path = stream(packed(lost, clock=1000, out_of_band=1))

    assert read_eos(path).pulse_time == pytest.approx([0.0, 0.04, 0.12])  # the third comes a frame late
    parts = list(eos_slices(path, 1))
    times = np.concatenate([part.of_their_pulses(part.known_times(), np.nan) for part in parts])
    assert times == pytest.approx([0.0, 0.04, 0.04, 0.12])
    assert sum(part.pulses - part.continued for part in parts) == 3
    (path.parent / "CFG.xml").write_text('<FAT FRAME_FREQUENCY="25">')
    assert read_eos(path).pulse_time == pytest.approx([0.0, 0.04, 0.12])

    silent = [began(-1), (1, 1, 0, 500), began(-1), (1, 1, 0, 100), (2, 2, 0, 300), began(-1)]
    assert read_eos(stream(packed(silent, out_of_band=1))).pulse_time == pytest.approx([0.0, 0.04, 0.08])


@pytest.mark.parametrize(
    ("frequency", "second"), [("25", 0.04), ("2.5e1", 0.04), ("0", None), ("-25", None), ("1.2.3", None)]
)
def test_a_frequency_that_is_none_gives_no_times(stream, frequency, second):
    path = stream(packed([MARK, MARK]))
    (path.parent / "CFG.xml").write_text(f'<FAT FRAME_FREQUENCY="{frequency}">')

    times = read_eos(path).pulse_time

    assert (times is None) if second is None else times == pytest.approx([0, second])


def test_the_events_of_monitors_and_vetoes_pass_time_and_are_no_neutrons(stream):
    rows = [began(0), (-7, b"\1\0", 100), (-6, b"", 50), (5, 6, 0, 10), (-8, b"\1\2\3\4", 5), (7, 8, 0, 1)]

    events = read_eos(stream(packed(rows, out_of_band=1)))

    assert events.pixel.tolist() == [6 * 1024 + 5, 8 * 1024 + 7]
    assert events.time_of_flight.tolist() == [160, 166]


def test_frames_that_are_shorter_than_events_all_have_room(stream):
    events = read_eos(stream(packed([began(0), *[began(1)] * 9999, (1, 2, 0, 3)], out_of_band=1)))

    assert (events.pulses, len(events)) == (10_000, 1)
    assert events.first_of_pulse.max() == 0


@settings(max_examples=100)
@given(content=st.binary(max_size=200), out_of_band=st.booleans(), bits=st.integers(0, 24))
def test_bytes_without_sense_are_events_or_refused(content, out_of_band, bits, tmp_path_factory):
    path = tmp_path_factory.mktemp("eos") / "EOS.bin"
    path.write_bytes(packed([], other_bits=bits, out_of_band=int(out_of_band)) + content)

    for size in (None, 5):
        try:
            parts = list(eos_slices(path, size))
        except GumtreeError as refused:
            assert refused.reason == "FILE_DAMAGED"  # noqa: PT017
            continue
        assert all((part.pixel < 1 << 20).all() for part in parts)
        assert sum(map(len, parts)) <= len(content)


def test_a_clock_that_steps_back_is_followed(stream):
    events = read_eos(stream(packed([MARK, (1, 1, 0, 100), (2, 2, 0, -30), (3, 3, 0, 5)])))

    assert events.time_of_flight.tolist() == [100, 70, 75]


def test_events_before_the_first_frame_have_no_time_of_flight_and_are_in_no_bin(stream):
    events = read_eos(stream(packed([(5, 6, 0, 100), MARK, (7, 8, 0, 100)])))

    assert events.pixel.tolist() == [-1, 8 * 1024 + 7]
    assert histogram(events, [0, 100]).metadata["outside"] == 1


def test_a_signed_detector_whose_edges_fall_is_counted_as_its_configuration_says(stream):
    path = stream(packed([MARK, (-2, -1, 0, 50), (1, 0, 0, 10), (1, 0, 0, 10), (9, 0, 0, 10)], signed=1))
    edges = "<X><X>-2.5 -0.5 1.5</X></X><Y><Y>0.5 -0.5 -1.5</Y></Y><T><T>0 1000</T></T>"
    (path.parent / "CFG.xml").write_text(edges)

    counts = load(path).data("detector/counts")

    assert counts.values.tolist() == [[[0, 2], [1, 0]]]
    assert counts.axes["y"].values.tolist() == [0.5, -0.5, -1.5]
    assert counts.metadata["outside"] == 1


def test_a_stream_without_events_is_an_empty_one(stream):
    for rows in ([], [MARK], [MARK, MARK]):
        events = read_eos(stream(packed(rows)))
        assert (len(events), events.pulses, events.complete) == (0, len(rows), True)
        assert int(histogram(events.grouped([0, 9], [0, 9]), [0, 1]).values.sum()) == 0


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
        (packed([], w3=1), "FILE_FORMAT_UNKNOWN"),
        (packed([], w1=0x00010001), "FILE_FORMAT_UNKNOWN"),
        (packed([], clock=0), "FILE_FORMAT_UNKNOWN"),
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
