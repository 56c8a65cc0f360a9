"""Masks as other programs write them: NeXus and HDF5, pyFAI, silx, fit2d, Mantid; and what cannot be one."""

from __future__ import annotations

import fabio
import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from gumtree_core.commands import gumtree
from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files import load
from gumtree_core.reduction.detector import masks
from gumtree_core.reduction.detector.geometry import Geometry
from gumtree_core.reduction.integration import circular, free_bins
from gumtree_core.scripts import load_script
from gumtree_core.simulation.sans import GEOMETRY

SHAPE = (7, 37)
MASK = np.random.default_rng(3).random(SHAPE) > 0.8
DETECTOR = "entry/instrument/detector"


@pytest.fixture
def hdf5(tmp_path):
    """Makes a file of arrays by path; groups of the path of a NeXus detector have their classes."""

    def make(**arrays):
        path = tmp_path / "mask.h5"
        with h5py.File(path, "w") as file:
            for place, values in arrays.items():
                file[place] = values
            for place in ("entry", "entry/instrument", DETECTOR):
                if place in file:
                    file[place].attrs["NX_class"] = f"NX{place.rpartition('/')[2]}"
        return path

    return make


@pytest.fixture
def xml(tmp_path):
    """Makes a mask of Mantid of what stands in its groups."""

    def make(*groups: str):
        path = tmp_path / "mask.xml"
        inside = "".join(f"<group>{each}</group>" for each in groups)
        path.write_text(f'<?xml version="1.0"?>\n<detector-masking>{inside}</detector-masking>\n')
        return path

    return make


def refused(call, *arguments) -> GumtreeError:
    with pytest.raises(GumtreeError) as caught:
        call(*arguments)
    return caught.value


# NeXus and other HDF5


@pytest.mark.parametrize("bit", [0, 1, 2, 3, 4, 5, 8, 15])
def test_each_of_the_lower_bits_of_a_pixel_mask_masks(hdf5, bit):
    path = hdf5(**{f"{DETECTOR}/pixel_mask": np.where(MASK, np.uint32(1 << bit), np.uint32(0))})

    assert np.array_equal(masks.from_file(path, SHAPE), MASK)


@pytest.mark.parametrize("dtype", [np.uint32, np.int32])
def test_the_upper_bits_such_as_that_of_virtual_pixels_mask_nothing(hdf5, dtype):
    bits = np.full(SHAPE, 1 << 31, np.uint32)
    bits[MASK] |= 1 << 4
    path = hdf5(**{f"{DETECTOR}/pixel_mask": bits.astype(dtype)})

    assert np.array_equal(masks.from_file(path, SHAPE), MASK)


def test_further_pixel_masks_mask_too(hdf5):
    other = np.roll(MASK, 3, axis=1)
    path = hdf5(**{f"{DETECTOR}/pixel_mask": MASK.astype(int), f"{DETECTOR}/pixel_mask_2": other * 256})

    assert np.array_equal(masks.from_file(path, SHAPE), MASK | other)


def test_masks_of_several_detectors_are_told_apart_by_name(hdf5):
    path = hdf5(**{f"{DETECTOR}/pixel_mask": MASK.astype(int)})
    with h5py.File(path, "a") as file:
        file["entry/instrument/rear/pixel_mask"] = (~MASK).astype(int)
        file["entry/instrument/rear"].attrs["NX_class"] = "NXdetector"

    assert refused(load, path).reason == "SEVERAL_RUNS"
    assert np.array_equal(masks.from_file(f"{path}::entry/instrument/rear/pixel_mask", SHAPE), ~MASK)


@pytest.mark.parametrize("place", ["mask", "entry/mask", "a/b/my_mask"])
def test_a_mask_that_silx_has_put_anywhere_in_a_file_has_levels(hdf5, place):
    path = hdf5(**{place: MASK.astype(np.uint8) * np.uint8(200)})
    address = f"{path}::{place}" if place.startswith("a/") else path

    assert np.array_equal(masks.from_file(address, SHAPE), MASK)


def test_an_array_that_is_not_called_a_mask_has_to_look_like_one(hdf5):
    path = hdf5(
        flags=MASK.astype(float), counts=np.arange(MASK.size).reshape(SHAPE), cube=np.zeros((2, 3, 4))
    )

    assert np.array_equal(masks.from_file(f"{path}::flags", SHAPE), MASK)
    assert "holds no mask" in refused(masks.from_file, f"{path}::counts", SHAPE).message
    assert refused(load, f"{path}::cube").reason == "FILE_FORMAT_UNKNOWN"
    assert refused(load, path).reason == "FILE_FORMAT_UNKNOWN"


@pytest.mark.parametrize("values", [np.where(MASK, 0.5, 0.0), np.where(MASK, np.nan, 0.0)])
def test_a_mask_of_other_numbers_than_0_and_1_is_refused(hdf5, values):
    assert refused(load, hdf5(mask=values)).reason == "BAD_MASK"


def test_a_link_out_of_the_folder_is_not_followed(tmp_path, hdf5):
    (tmp_path / "inner").mkdir()
    secret = hdf5(mask=MASK)
    path = tmp_path / "inner" / "link.h5"
    with h5py.File(path, "w") as file:
        file["mask"] = h5py.ExternalLink(str(secret), "/mask")

    assert refused(load, path).reason == "LINK_OUTSIDE"


def test_the_mask_in_a_detector_that_pyfai_has_saved(tmp_path):
    detectors = pytest.importorskip("pyFAI.detectors", reason="pyFAI is not installed")
    detector = detectors.Detector(1e-4, 1e-4, max_shape=SHAPE)
    detector.mask = MASK.astype(np.int8)
    detector.save(str(tmp_path / "detector.h5"))

    assert np.array_equal(masks.from_file(tmp_path / "detector.h5", SHAPE), MASK)


@pytest.mark.parametrize("ending", [".h5", ".nxs"])
def test_a_nexus_mask_of_ours_is_read_by_pyfai_and_by_what_keeps_8_bits(tmp_path, ending):
    detectors = pytest.importorskip("pyFAI.detectors", reason="pyFAI is not installed")
    path = masks.write_mask(tmp_path / f"mask{ending}", MASK)

    assert np.array_equal(masks.from_file(path, SHAPE), MASK)
    assert np.array_equal(detectors.NexusDetector(str(path)).mask != 0, MASK)
    with h5py.File(path) as file:
        assert np.array_equal(file[f"{DETECTOR}/mask"][()].astype(np.uint8), MASK)
        assert set(np.unique(file[f"{DETECTOR}/pixel_mask"])) == {0, 256}  # the bit of the user


# Images


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_an_edf_of_silx_has_levels(tmp_path, dtype):
    header = {"program_name": "silx-mask", "masked_value": "nonzero"}
    levels = (MASK * np.arange(1, 38)).astype(dtype)
    fabio.edfimage.EdfImage(data=levels, header=header).write(str(tmp_path / "mask.edf"))

    assert np.array_equal(masks.from_file(tmp_path / "mask.edf", SHAPE), MASK)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_mask_of_0_and_1_may_be_of_any_type(tmp_path, dtype):
    np.save(tmp_path / "mask.npy", MASK.astype(dtype))

    assert np.array_equal(masks.from_file(tmp_path / "mask.npy", SHAPE), MASK)


@pytest.mark.parametrize("values", [np.where(MASK, 0.5, 1.0), np.where(MASK, np.nan, 0.0), np.ones(SHAPE)])
def test_an_image_of_other_numbers_is_a_flat_field_and_no_mask(tmp_path, values):
    np.save(tmp_path / "flat.npy", values)

    assert "detector/sensitivity" in load(tmp_path / "flat.npy")
    assert refused(masks.from_file, tmp_path / "flat.npy", SHAPE).reason == "BAD_MASK"


def test_a_mask_that_leaves_no_pixel_is_refused(tmp_path):
    path = masks.write_mask(tmp_path / "mask.npy", np.ones(SHAPE, bool))

    error = refused(masks.from_file, path, SHAPE)

    assert error.reason == "BAD_MASK"
    assert "mask.npy masks all 259 pixels" in error.message


def test_a_mask_with_x_first_is_told_as_that(tmp_path):
    path = masks.write_mask(tmp_path / "mask.npy", MASK.T)

    error = refused(masks.from_file, path, SHAPE)

    assert error.reason == "PIXELS_DIFFER"
    assert "saved with x first" in error.message


@pytest.mark.parametrize("name", ["mask.edf", "mask.msk", "mask.tif"])
def test_a_curve_is_that_of_pyfai_with_the_mask_that_fabio_reads(tmp_path, name):
    """A mask that lies upside down, or turned, would leave other pixels."""
    module = pytest.importorskip("pyFAI.integrator.azimuthal", reason="pyFAI is not installed")
    detector = Geometry((60, 50), 1000.0, 5.0, 5.0, 20.3, 33.7)
    counts = np.random.default_rng(1).poisson(100 + np.arange(60)[:, None] * 20, (60, 50)).astype(np.int32)
    mask = masks.rectangle(detector.shape, (5, 14), (0, 20))
    masks.write_mask(tmp_path / name, mask)
    pyfai = module.AzimuthalIntegrator(
        dist=1.0, poni1=34.2 * 5e-3, poni2=20.8 * 5e-3, pixel1=5e-3, pixel2=5e-3, wavelength=6e-10
    )

    with fabio.open(str(tmp_path / name)) as image:
        theirs = pyfai.integrate1d_ng(
            counts, 20, unit="q_A^-1", method=("no", "histogram", "cython"), correctSolidAngle=False,
            mask=image.data, radial_range=(0.01, 0.2),
        )  # fmt: skip
    step = theirs.radial[1] - theirs.radial[0]
    bins = free_bins(theirs.radial[0] + step * (np.arange(21) - 0.5))
    pattern = Dataset(counts, dims=("y", "x")).with_masks(
        drawn=masks.from_file(tmp_path / name, detector.shape)
    )
    ours = circular(pattern, detector.q(6.0), bins)

    same = np.isclose(ours.values, theirs.intensity, rtol=1e-6)
    assert same.mean() >= 0.9  # a pixel on an edge goes where float32 or float64 has it
    turned = circular(Dataset(counts, dims=("y", "x")).with_masks(drawn=mask[::-1]), detector.q(6.0), bins)
    assert np.isclose(turned.values, theirs.intensity, rtol=1e-6).mean() < 0.5


# Mantid


def test_ids_of_mantid_are_pixels_row_by_row_or_column_by_column(xml):
    run = load(xml("<detids>101,103-105, 138</detids>", "<detids>103</detids><detids>359</detids>"))

    found = masks.of_ids(run, SHAPE, 101)
    assert sorted(zip(*np.nonzero(found), strict=True)) == [(0, 0), (0, 2), (0, 3), (0, 4), (1, 0), (6, 36)]
    found = masks.of_ids(run, SHAPE, 101, along="y")
    assert sorted(zip(*np.nonzero(found), strict=True)) == [(0, 0), (2, 0), (2, 5), (3, 0), (4, 0), (6, 36)]


@pytest.mark.parametrize("first_id", [0, 2, 1000])
def test_ids_that_are_not_on_the_detector_are_refused(xml, first_id):
    run = load(xml("<detids>1,259</detids>"))

    assert masks.of_ids(run, SHAPE, 1).sum() == 2
    error = refused(masks.of_ids, run, SHAPE, first_id)
    assert error.reason == "PIXELS_DIFFER"
    assert "names the ids 1 to 259" in error.message


def test_ids_are_no_pixels_before_it_is_told_which_is_the_first(xml):
    error = refused(masks.from_file, xml("<detids>1-5</detids>"), SHAPE)

    assert error.reason == "BAD_MASK"
    assert "masks.of_ids" in error.message


def test_a_mask_of_mantid_without_ids_masks_nothing(xml):
    assert not masks.of_ids(load(xml("<detids> </detids>")), SHAPE, 1).any()


@pytest.mark.parametrize(
    ("group", "reason"),
    [
        ("<component>bank12</component>", "BAD_MASK"),
        ("<ids>1-4</ids>", "BAD_MASK"),
        ("<detids>7-3</detids>", "FILE_DAMAGED"),
        ("<detids>1;2</detids>", "FILE_DAMAGED"),
        ("<detids>-4</detids>", "FILE_DAMAGED"),
        ("<detids>1-999999999999999999</detids>", "FILE_DAMAGED"),
        ("<detids>1-5", "FILE_DAMAGED"),
    ],
)
def test_what_does_not_name_ids_is_refused(xml, group, reason):
    assert refused(load, xml(group)).reason == reason


def test_xml_with_entities_is_refused(xml):
    path = xml("<detids>1</detids>")
    path.write_text(path.read_text().replace("<detector-", '<!DOCTYPE a [<!ENTITY b "1">]><detector-', 1))

    assert "entities" in refused(load, path).message


# What people see


def test_inspect_says_how_many_pixels_are_masked(tmp_path):
    path = masks.write_mask(tmp_path / "mask.edf", MASK)

    shown = CliRunner().invoke(gumtree, ["inspect", str(path)], catch_exceptions=False).output

    assert masks.share(MASK) == f"{MASK.sum()} of 259 pixels ({100 * MASK.mean():.3g} %)"
    assert f"{MASK.sum()} of 259 true" in shown


def test_the_script_says_how_many_pixels_a_mask_takes(tmp_path, noise_free):
    mask = masks.rectangle(GEOMETRY.shape, (0, 79), (0, 10**4))
    reduction = load_script("sans")(
        sample=noise_free.run("spheres"), mask_file=load(masks.write_mask(tmp_path / "left.edf", mask))
    )
    said: list[str] = []
    reduction.host(None, lambda _, text: said.append(text))

    reduction.reduce()

    assert f"left.edf masks {masks.share(mask)}." in said
    assert np.array_equal(reduction.pattern.masks["mask"], mask)
