from __future__ import annotations

import fabio
import numpy as np
import pytest

from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.detector import masks

SHAPE = (30, 40)


def test_a_rectangle_holds_its_rim():
    found = masks.rectangle(SHAPE, (3, 5), (10, 12.5))

    assert found.sum() == 3 * 3
    assert found[10, 3]
    assert found[12, 5]
    assert not found[13, 5]


def test_a_circle_and_an_ellipse_have_their_areas():
    assert masks.beam_stop((200, 200), (99.3, 101.2), 40).sum() == pytest.approx(np.pi * 1600, rel=0.01)
    turned = masks.ellipse((200, 200), (99.5, 99.5), (60, 20), 90)
    assert np.array_equal(turned, masks.ellipse((200, 200), (99.5, 99.5), (60, 20)).T)
    assert turned.sum() == pytest.approx(np.pi * 1200, rel=0.01)


def test_sectors_cover_the_detector_once():
    parts = [masks.sector(SHAPE, (17.3, 11.8), phi, 120) for phi in (10, 130, 250)]

    assert np.all(sum(part.astype(int) for part in parts) == 1)
    assert (
        masks.sector(SHAPE, (17.3, 11.8), 0, 360, (0, 3)).sum()
        == masks.beam_stop(SHAPE, (17.3, 11.8), 3).sum()
    )


def test_a_polygon_is_a_rectangle_where_it_looks_like_one():
    corners = [(2.5, 3.5), (20.5, 3.5), (20.5, 9.5), (2.5, 9.5)]

    for each in (corners, corners[::-1], corners[2:] + corners[:2]):
        assert np.array_equal(masks.polygon(SHAPE, each), masks.rectangle(SHAPE, (3, 20), (4, 9)))
    triangle = masks.polygon((100, 100), [(0, 0), (90, 0), (0, 90)])
    assert triangle.sum() == pytest.approx(90 * 90 / 2, rel=0.02)


def test_a_mask_of_a_file(tmp_path):
    mask = masks.beam_stop(SHAPE, (10, 10), 4)
    np.save(tmp_path / "mask.npy", mask.astype(np.uint8))

    assert np.array_equal(masks.from_file(tmp_path / "mask.npy", SHAPE), mask)
    with pytest.raises(GumtreeError) as refused:
        masks.from_file(tmp_path / "mask.npy", (3, 3))
    assert refused.value.reason == "PIXELS_DIFFER"


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "FILE_EMPTY"), (b"nothing", "FILE_FORMAT_UNKNOWN"), (b"\x93NUMPY\x01\x00", "FILE_DAMAGED")],
)
def test_a_file_that_is_no_mask_is_refused(tmp_path, content, reason):
    (tmp_path / "mask.npy").write_bytes(content)

    with pytest.raises(GumtreeError) as refused:
        masks.from_file(tmp_path / "mask.npy", SHAPE)

    assert refused.value.reason == reason


def test_an_image_of_counts_is_no_mask(tmp_path):
    np.save(tmp_path / "counts.npy", np.arange(12).reshape(3, 4))

    with pytest.raises(GumtreeError, match=r"counts\.npy holds no mask: its pixels have to be 0, or 1"):
        masks.from_file(tmp_path / "counts.npy", (3, 4))


@pytest.mark.parametrize("ending", [".edf", ".msk", ".npy", ".tif", ".tiff"])
@pytest.mark.parametrize("shape", [(7, 37), (64, 32), (1, 1), (5, 100)])
def test_a_mask_that_is_written_is_read_again_also_by_fabio(tmp_path, ending, shape):
    mask = np.random.default_rng(1).random(shape) > 0.7
    path = masks.write_mask(tmp_path / f"mask{ending}", mask)

    assert np.array_equal(masks.from_file(path, shape), mask)
    with fabio.open(str(path)) as image:
        assert np.array_equal(image.data != 0, mask)
    again = masks.write_mask(tmp_path / f"mask{ending}", ~mask)
    assert again != path
    assert np.array_equal(masks.from_file(path, shape), mask)


@pytest.mark.parametrize("ending", [".edf", ".msk", ".npy", ".tif", ".tiff"])
def test_pyfai_masks_the_same_pixels(tmp_path, ending):
    detectors = pytest.importorskip("pyFAI.detectors")
    mask = np.zeros((40, 50), dtype=bool)
    mask[3:9, 20:40] = True
    path = masks.write_mask(tmp_path / f"mask{ending}", mask)
    detector = detectors.Detector(1e-3, 1e-3, max_shape=mask.shape)
    with fabio.open(str(path)) as image:
        detector.mask = image.data

    assert np.array_equal(detector.mask.astype(bool), masks.from_file(path, mask.shape))


@pytest.mark.parametrize(
    ("name", "mask"),
    [("mask.png", np.zeros((2, 2), bool)), ("mask.edf", np.zeros((2, 2))), ("mask.edf", np.zeros(3, bool))],
)
def test_what_cannot_be_written_as_a_mask_is_refused(tmp_path, name, mask):
    with pytest.raises(GumtreeError) as refused:
        masks.write_mask(tmp_path / name, mask)

    assert refused.value.reason == "BAD_MASK"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "make",
    [
        lambda: masks.rectangle(SHAPE, (5, 3), (0, 1)),
        lambda: masks.ellipse(SHAPE, (5, 3), (0, 1)),
        lambda: masks.sector(SHAPE, (5, 3), 0, 0),
        lambda: masks.polygon(SHAPE, [(0, 0), (1, 1)]),
        lambda: masks.polygon(SHAPE, [(0, 0), (9, np.nan), (9, 9)]),
    ],
)
def test_a_shape_without_inside_is_refused(make):
    with pytest.raises(GumtreeError) as refused:
        make()

    assert refused.value.reason == "BAD_SHAPE"
