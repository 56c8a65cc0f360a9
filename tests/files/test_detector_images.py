"""Single images: EDF, CBF, TIFF, fit2d's masks, NumPy's arrays; whole or refused."""

from __future__ import annotations

import logging
import zipfile

import fabio
import numpy as np
import pytest
from PIL import Image

from gumtree_core.errors import GumtreeError
from gumtree_core.files import load

COUNTS = np.arange(200, dtype=np.int32).reshape(10, 20)
MASK = np.random.default_rng(0).random((7, 37)) > 0.7
HEADER = {
    "SampleDistance": "1.5", "WaveLength": "1e-10 m", "PSize_1": "1.72e-4", "PSize_2": "1.72e-4",
    "Center_1": "10.5", "Center_2": "5.5", "ExposureTime": "3", "Title": "silver behenate",
}  # fmt: skip
PILATUS = """# Detector: PILATUS 300K, S/N 3-0100
# Pixel_size 172e-6 m x 172e-6 m
# Silicon sensor, thickness 0.000320 m
# Exposure_time 1.5000000 s
# Tau = 124.0e-09 s
# Count_cutoff 190 counts
# Threshold_setting: 4020 eV
# Wavelength 1.5418 A
# Detector_distance 0.25 m
# Beam_xy (10.50, 5.50) pixels
# Filter_transmission 1.0000
# Detector_2theta 0.0000 deg."""
CBF_END = 38
"""Bytes of text behind the numbers of a CBF, which nobody misses."""


def cbf(path, values, said=None):
    header = {"_array_data.header_contents": said} if said else None
    fabio.cbfimage.CbfImage(data=values, header=header).write(str(path))
    return path


def tiff(path, values, said):
    Image.fromarray(values).save(path, tiffinfo={270: said})
    return path


def edf(path, values, header=None, **options):
    fabio.edfimage.EdfImage(data=values, header=header).write(str(path), **options)
    return path


def test_an_edf_gives_counts_and_what_its_header_says(tmp_path):
    run = load(edf(tmp_path / "a.edf", COUNTS, HEADER))

    counts = run.data("detector/counts")
    assert np.array_equal(counts.values, COUNTS)
    assert np.array_equal(counts.variances, COUNTS)
    assert (counts.dims, counts.unit) == (("y", "x"), "counts")
    expected = {
        "detector/distance": (1500, "mm"), "instrument/wavelength": (1, "angstrom"),
        "detector/pixel_size_x": (0.172, "mm"), "detector/pixel_size_y": (0.172, "mm"),
        "detector/beam_center_x": (10, "pixel"), "detector/beam_center_y": (5, "pixel"),
        "detector/time": (3, "s"),
    }  # fmt: skip
    found = {key: (pytest.approx(float(run.data(key).values)), run.data(key).unit) for key in expected}
    assert found == expected
    assert run.text("run/title") == "silver behenate"


def test_an_edf_that_says_nothing_gives_its_numbers_alone(tmp_path):
    assert sorted(load(edf(tmp_path / "a.edf", COUNTS))) == ["detector/counts", "run/title"]


def test_negative_counts_are_missing(tmp_path):
    run = load(edf(tmp_path / "a.edf", COUNTS - 2))

    counts = run.data("detector/counts")
    assert np.array_equal(counts.mask, COUNTS < 2)
    assert counts.values.min() == 0
    assert float(counts.sum().values) == (COUNTS - 2)[COUNTS >= 2].sum()


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.uint16])
def test_zeros_and_ones_are_a_mask(tmp_path, dtype):
    run = load(edf(tmp_path / "a.edf", MASK.astype(dtype)))

    assert np.array_equal(run.data("detector/mask").values, MASK)
    assert run.data("detector/mask").dtype == bool


def test_what_is_not_whole_is_a_flat_field(tmp_path):
    flat = np.full((3, 4), 0.9, dtype=np.float32)
    flat[0, 0] = np.nan
    run = load(edf(tmp_path / "flat.edf", flat))

    assert run.data("detector/sensitivity").values[1, 1] == pytest.approx(0.9)
    assert run.data("detector/sensitivity").mask.sum() == 1


def test_tiff_and_numpy_and_fit2d(tmp_path):
    Image.fromarray(COUNTS).save(tmp_path / "a.tif")
    np.save(tmp_path / "a.npy", COUNTS)
    np.save(tmp_path / "m.npy", MASK)
    fabio.fit2dmaskimage.Fit2dMaskImage(data=MASK.astype(np.uint8)).write(str(tmp_path / "m.msk"))

    for name in ("a.tif", "a.npy"):
        assert np.array_equal(load(tmp_path / name).data("detector/counts").values, COUNTS)
    for name in ("m.npy", "m.msk"):
        assert np.array_equal(load(tmp_path / name).data("detector/mask").values, MASK)


def test_a_cbf_of_pilatus_has_its_gaps_masked(tmp_path):
    run = load(cbf(tmp_path / "a.cbf", COUNTS - 2))

    counts = run.data("detector/counts")
    assert np.array_equal(counts.mask, COUNTS < 2)
    assert np.array_equal(counts.values, np.maximum(COUNTS - 2, 0))


@pytest.mark.parametrize("write", [cbf, tiff])
def test_the_header_of_pilatus_gives_the_geometry_and_saturated_pixels_are_masked(tmp_path, write):
    run = load(write(tmp_path / ("a.cbf" if write is cbf else "a.tif"), COUNTS, PILATUS))

    expected = {
        "detector/distance": (250, "mm"), "instrument/wavelength": (1.5418, "angstrom"),
        "detector/pixel_size_x": (0.172, "mm"), "detector/pixel_size_y": (0.172, "mm"),
        "detector/beam_center_x": (10, "pixel"), "detector/beam_center_y": (5, "pixel"),
        "detector/time": (1.5, "s"), "instrument/attenuation": (1, ""),
    }  # fmt: skip
    found = {key: (pytest.approx(float(run.data(key).values)), run.data(key).unit) for key in expected}
    assert found == expected
    assert sorted(run) == sorted([*expected, "detector/counts", "run/title"])
    assert np.array_equal(run.data("detector/counts").masks["saturated"], COUNTS >= 190)


def test_what_nobody_told_the_detector_is_not_known_and_at_an_angle_the_beam_is_elsewhere(tmp_path):
    untold = (
        "# Wavelength 0 A\n# Detector_distance 0.00000 m\n# Beam_xy (0.00, 0.00) pixels\n# Count_cutoff 0"
    )
    assert sorted(load(cbf(tmp_path / "a.cbf", COUNTS, untold))) == ["detector/counts", "run/title"]

    run = load(cbf(tmp_path / "b.cbf", COUNTS, PILATUS.replace("2theta 0.0000", "2theta -23.4")))
    assert float(run.data("detector/two_theta").values) == -23.4
    assert "detector/beam_center_x" not in run


def test_a_cbf_whose_numbers_were_changed_is_refused(tmp_path):
    content = bytearray(cbf(tmp_path / "a.cbf", COUNTS).read_bytes())
    content[content.find(b"\x0c\x1a\x04\xd5") + 50] ^= 4
    (tmp_path / "a.cbf").write_bytes(content)

    with pytest.raises(GumtreeError, match="MD5 differs"):
        load(tmp_path / "a.cbf")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_of_one_array_or_of_one_called_mask(tmp_path, save):
    save(tmp_path / "one.npz", anything=COUNTS)
    save(tmp_path / "several.npz", first=COUNTS, mask=MASK)
    save(tmp_path / "unclear.npz", first=COUNTS, second=MASK)

    assert np.array_equal(load(tmp_path / "one.npz").data("detector/counts").values, COUNTS)
    assert np.array_equal(load(tmp_path / "several.npz").data("detector/mask").values, MASK)
    with pytest.raises(GumtreeError, match="holds first, second; save one"):
        load(tmp_path / "unclear.npz")


def test_an_npz_that_claims_more_than_it_has_is_refused_before_memory_is_taken(tmp_path):
    np.save(tmp_path / "a.npy", COUNTS)
    lie = (tmp_path / "a.npy").read_bytes().replace(b"(10, 20)", b"(9999, 9999)")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("mask.npy", lie)

    with pytest.raises(GumtreeError) as refused:
        load(tmp_path / "a.npz")
    assert refused.value.reason == "FILE_DAMAGED"


def test_compressed_edf(tmp_path):
    path = tmp_path / "a.edf.gz"
    edf(path, COUNTS)
    with pytest.raises(GumtreeError) as refused:  # what is packed is not guessed at
        load(path)
    assert refused.value.reason == "FILE_FORMAT_UNKNOWN"


def damaged(tmp_path):
    """Files that are cut off or lie about their size."""
    whole = {
        "a.edf": edf(tmp_path / "whole.edf", COUNTS, HEADER).read_bytes(),
        "m.msk": b"",
        "a.tif": b"",
        "a.npy": b"",
    }
    Image.fromarray(COUNTS).save(tmp_path / "whole.tif")
    whole["a.tif"] = (tmp_path / "whole.tif").read_bytes()
    np.save(tmp_path / "whole.npy", COUNTS)
    whole["a.npy"] = (tmp_path / "whole.npy").read_bytes()
    fabio.fit2dmaskimage.Fit2dMaskImage(data=MASK.astype(np.uint8)).write(str(tmp_path / "whole.msk"))
    whole["m.msk"] = (tmp_path / "whole.msk").read_bytes()
    whole["a.cbf"] = cbf(tmp_path / "whole.cbf", COUNTS).read_bytes()[:-CBF_END]
    np.savez(tmp_path / "whole.npz", COUNTS)
    whole["a.npz"] = (tmp_path / "whole.npz").read_bytes()
    return whole


@pytest.mark.parametrize("name", ["a.edf", "m.msk", "a.tif", "a.npy", "a.cbf", "a.npz"])
def test_a_file_that_was_cut_off_is_refused_wherever_it_was_cut(tmp_path, name, caplog):
    content = damaged(tmp_path)[name]
    for length in np.linspace(30, len(content) - 1, 25).astype(int):
        path = tmp_path / name
        path.write_bytes(content[:length])
        with pytest.raises(GumtreeError) as refused:
            load(path)
        assert refused.value.reason in ("FILE_DAMAGED", "FILE_FORMAT_UNKNOWN")
        assert "Traceback" not in refused.value.message
    assert logging.getLogger("fabio").level != logging.CRITICAL


@pytest.mark.parametrize("size", [99_999_999, 0, -5])
def test_a_size_that_cannot_be_is_refused_before_memory_is_taken(tmp_path, size):
    content = damaged(tmp_path)
    lies = {
        "a.edf": content["a.edf"].replace(b"Dim_1 = 20 ;", b"Dim_1 = %d ;" % size),
        "m.msk": content["m.msk"][:16] + np.array([size, 99_999], "<i4").tobytes() + content["m.msk"][24:],
    }
    for name, lie in lies.items():
        assert lie != content[name]
        (tmp_path / name).write_bytes(lie)
        with pytest.raises(GumtreeError) as refused:
            load(tmp_path / name)
        assert refused.value.reason == "FILE_DAMAGED"


def test_several_images_are_refused(tmp_path):
    stack = fabio.edfimage.EdfImage(data=COUNTS)
    stack.append_frame(data=COUNTS)
    stack.write(str(tmp_path / "a.edf"))
    frames = [Image.fromarray(COUNTS) for _ in range(2)]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    for name in ("a.edf", "a.tif"):
        with pytest.raises(GumtreeError, match="holds 2 images"):
            load(tmp_path / name)


@pytest.mark.parametrize("values", [np.zeros(5), np.zeros((2, 3, 4)), np.zeros((0, 4)), np.array([["a"]])])
def test_an_array_that_is_no_image_is_refused(tmp_path, values):
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(GumtreeError) as refused:
        load(tmp_path / "a.npy")
    assert refused.value.reason == "FILE_DAMAGED"


def test_an_array_of_objects_is_not_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object))
    with pytest.raises(GumtreeError) as refused:
        load(tmp_path / "a.npy")
    assert refused.value.reason == "FILE_DAMAGED"
