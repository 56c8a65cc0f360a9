"""The VAX files of the NCNR, made here byte by byte."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gumtree_core.errors import GumtreeError
from gumtree_core.files import load
from gumtree_core.files.formats.nist_vax import attenuation, decompressed, vax_floats

PIXELS = 128 * 128
REALS = {
    39: 4.5e6, 47: 3.2768e6, 51: 7.0, 158: 0.75, 162: 0.2, 220: 5.0, 224: 10000.0, 232: 5.0, 236: 10000.0,
    252: 68.5, 256: 65.0, 260: 4.0, 272: 50.8, 280: 50.0, 284: 12.5, 288: 8.55, 292: 6.0, 296: 0.142,
}  # fmt: skip


def vax(value: float) -> bytes:
    """VAX F format: the IEEE number four times as large, its halves exchanged."""
    return b"".join(reversed(struct.unpack("2s2s", struct.pack("<f", value * 4)))) if value else bytes(4)


def image(words: np.ndarray) -> bytes:
    """Words with a record mark before the first and each 1021 of them."""
    marks = range(0, words.size, 1021)
    return b"".join(b"\x03\x00" + words[start : start + 1021].astype("<i2").tobytes() for start in marks)


def content(words: np.ndarray | None = None, **changed: float | bytes) -> bytes:
    """A run; `at_39=0.0` changes a number of the header, `at_55=b"..."` its bytes."""
    header = bytearray(514)
    header[2:23] = b"TESTX007.SA3_ABC_S107"
    header[31:35] = (180).to_bytes(4, "little")
    header[55:75] = b"21-JAN-2008 11:25:52"
    header[75:78] = b"RAW"
    header[78:89] = b"[NG3SANS33]"
    header[98:158] = b"Silica in D2O".ljust(60)
    for place, value in REALS.items():
        header[place : place + 4] = vax(value)
    for name, value in changed.items():
        place, new = int(name.partition("_")[2]), value if isinstance(value, bytes) else vax(value)
        header[place : place + len(new)] = new
    return bytes(header) + image(np.arange(PIXELS) % 1000 if words is None else words)


@pytest.fixture
def write(tmp_path):
    def save(data: bytes) -> str:
        path = tmp_path / "run"
        path.write_bytes(data)
        return str(path)

    return save


def number(run, key: str, unit: str = "") -> float:
    return float(run.data(key).to(unit).values)


def test_a_run_is_read_under_logical_keys(write):
    run = load(write(content()))

    assert run.format == "nist-vax"
    assert run["run/title"] == "Silica in D2O"
    assert (run["run/number"], run["run/start_time"]) == ("TESTX007", "2008-01-21T11:25:52")
    assert run["instrument/name"] == "NG3"
    assert number(run, "instrument/wavelength", "angstrom") == 6.0
    assert number(run, "detector/distance", "m") == 4.0
    assert number(run, "sample/thickness", "mm") == pytest.approx(2.0, rel=1e-6)
    assert number(run, "sample/transmission") == 0.75
    assert number(run, "monitor/counts", "counts") == 4.5e6
    assert number(run, "detector/time", "s") == 180.0


def test_pixels_are_counted_from_zero_and_x_runs_fastest(write):
    run = load(write(content()))

    assert number(run, "detector/beam_center_x", "pixel") == 67.5
    assert np.array_equal(run.data("detector/counts").values, np.arange(PIXELS).reshape(128, 128) % 1000)


def test_the_aperture_of_the_sample_stands_before_it(write):
    run = load(write(content()))

    assert number(run, "instrument/collimation_length", "mm") == pytest.approx(8500.0)
    assert number(run, "instrument/sample_aperture_distance", "mm") == 50.0


def test_what_the_header_does_not_know_is_no_key(write):
    run = load(write(content(at_162=0.0, at_292=0.0, at_158=1.0, at_288=0.0)))

    assert "sample/thickness" not in run
    assert "instrument/wavelength" not in run
    assert "sample/transmission" not in run  # 1 stands there until it is measured
    assert "instrument/collimation_length" not in run
    assert "instrument/attenuation" not in run


@pytest.mark.parametrize(
    ("stored", "counts"), [(0, 0), (32767, 32767), (-13277, 32770), (-23277, 327700), (-32768, 2768000)]
)
def test_large_counts_are_kept_with_four_digits(stored, counts):
    assert decompressed([stored]) == [counts]


def test_a_count_too_large_for_the_file_is_masked(write):
    words = np.full(PIXELS, 5)
    words[[3, 200]] = -777, -13277
    counts = load(write(content(words))).data("detector/counts")

    assert counts.values[0, 3] >= 2_767_000
    assert counts.masks["overflow"].sum() == 1
    assert counts.values[1, 72] == 32770


@given(st.floats(-(2.0**120), 2.0**120, width=32).filter(lambda value: value == 0 or abs(value) > 1e-37))
def test_numbers_in_vax_format_are_read_exactly(value):
    assert vax_floats(np.frombuffer(vax(value), "<u2")) == [value]


def test_what_vax_reserves_is_no_number():
    assert np.isnan(vax_floats([0x8000, 0]))[0]


def test_dead_time_is_that_of_the_electronics_of_the_time(write):
    early = load(write(content()))
    late = load(write(content(at_55=b"22-FEB-2011 00:00:00")))

    assert number(early, "detector/dead_time", "s") == 3.4e-6
    assert number(late, "detector/dead_time", "s") == 1.5e-6


def test_an_attenuator_has_the_transmission_and_the_error_of_its_calibration(write):
    run = load(write(content()))

    assert number(run, "instrument/attenuation") == pytest.approx(6.469e-4)
    assert float(run.data("instrument/attenuation").errors) == pytest.approx(6.469e-4 * 0.00692)
    assert number(load(write(content(at_51=0.0))), "instrument/attenuation") == 1.0


def test_between_calibrated_wavelengths_an_attenuator_is_between_their_transmissions():
    between = float(attenuation("NG7", 5, 5.5).values)

    assert 0.01037 < between < 0.01398
    assert between == pytest.approx(np.sqrt(0.01037 * 0.01398))


def test_the_error_of_an_attenuator_cancels_between_runs_that_used_it():
    ratio = attenuation("NG3", 7, 6.0) / attenuation("NG3", 7, 6.0)

    assert (float(ratio.values), float(ratio.errors)) == (1.0, 0.0)


@pytest.mark.parametrize("case", [("NG3", 7, 3.0), ("NG3", 11, 6.0), ("NG9", 7, 6.0)])
def test_what_was_never_calibrated_is_refused(case, write):
    with pytest.raises(GumtreeError) as refused:
        attenuation(*case)
    assert refused.value.reason == "NO_ATTENUATION"


def test_an_instrument_that_the_table_does_not_know_has_no_dead_time(write):
    run = load(write(content(at_78=b"[NG9SANS33]")))

    assert "detector/dead_time" not in run
    assert "instrument/attenuation" not in run


def test_a_sensitivity_has_the_errors_of_the_counts_behind_it(write):
    values = np.where(np.arange(PIXELS) % 2, 1.25, 0.75)
    words = np.frombuffer(b"".join(map(vax, values)), "<i2")
    run = load(write(content(words)))

    assert run.format == "nist-vax-div"
    sensitivity = run.data("detector/sensitivity")
    assert np.array_equal(sensitivity.values, values.reshape(128, 128))
    per_pixel = 3.2768e6 / PIXELS
    assert sensitivity.errors[0, 0] / 0.75 == pytest.approx(1 / np.sqrt(0.75 * per_pixel))
    assert "detector/counts" not in run


def test_a_mask_is_true_where_a_pixel_is_not_to_be_used(write):
    pixels = np.zeros((128, 128), np.uint8)
    pixels[:3] = 1
    run = load(write(bytes((127, 0, 127, 0)) + pixels.tobytes() + b"anything behind it"))

    assert run.format == "nist-vax-mask"
    assert np.array_equal(run.data("detector/mask").values, pixels == 1)


NOTHING = np.frombuffer(bytes(4 * PIXELS), "<i2")
RESERVED = np.frombuffer(b"\x00\x80\x00\x00" * PIXELS, "<i2")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (content()[:-1], "this has 33315"),
        (content() + b"x", "this has 33317"),
        (content() * 1000, "this has 33316000"),
        (content(at_55=b"21-XXX-2008 11:25:52"), "its date is"),
        (content(at_39=-1.0), "its monitor has -1"),
        (content(np.full(PIXELS, -5)), "negative counts"),
        (content(NOTHING), "its sensitivity"),
        (content(RESERVED), "its sensitivity"),
        (bytes((127, 0, 127, 0)) + bytes(5000), "each of 128 x 128"),
        (bytes((127, 0, 127, 0)) + bytes(10_000) + b"\x02" * 10_000, "each of 128 x 128"),
    ],
)
def test_a_damaged_file_says_what_is_wrong(write, data, says):
    with pytest.raises(GumtreeError, match=says) as refused:
        load(write(data))
    assert refused.value.reason == "FILE_DAMAGED"
