"""Photographs in, pictures out."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from alignment_theory.models.images import load_image, picture_of, save_picture

COLOURS = np.array([[[255, 0, 0], [0, 51, 255]], [[0, 0, 0], [102, 102, 102]]], np.uint8)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(COLOURS).save(path)
    return path


def test_pixels_become_channels_between_0_and_1(photo):
    image = load_image(photo, (3, 2, 2))
    assert image.dtype == np.float64
    assert image.tolist() == (COLOURS.transpose(2, 0, 1) / 255).tolist()


def test_mean_and_deviation_are_for_each_channel(photo):
    image = load_image(photo, (3, 2, 2), mean=(0.5, 0.25, 0), deviation=(0.5, 2, 1))
    assert image[:, 0, 0].tolist() == [1, -0.125, 0]
    one = load_image(photo, (3, 2, 2), mean=[0.5], deviation=[0.5])
    assert one[:, 0, 0].tolist() == [1, -1, -1]


def test_grey_networks_see_grey(photo):
    grey = load_image(photo, (1, 2, 2))
    assert grey.shape == (1, 2, 2) and grey[0, 1].tolist() == [0, 0.4]


@pytest.mark.parametrize("mode", ["RGBA", "L", "P", "1"])
def test_any_mode_of_png_is_read(mode, tmp_path):
    path = tmp_path / "photo.png"
    Image.new(mode, (3, 2)).save(path)
    assert load_image(path, (3, 2, 3)).shape == (3, 2, 3)


def test_resizing_is_asked_for(photo):
    with pytest.raises(ValueError, match="2 wide and 2 high, but samples are 6 wide and 4 high"):
        load_image(photo, (3, 4, 6))
    image = load_image(photo, (3, 4, 6), resize=True)
    assert image.shape == (3, 4, 6) and image.min() >= 0 and image.max() <= 1


BAD = {
    "no picture": (b"import os", (3, 2, 2), {}, "cannot identify"),
    "half a picture": (None, (3, 2, 2), {}, "photo.png"),
    "vectors": (b"", (12,), {}, r"samples have the shape \(12,\)"),
    "two channels": (b"", (2, 2, 2), {}, r"1 or 3 channels"),
    "two means": (b"", (3, 2, 2), {"mean": (0, 0)}, "mean: expected one finite number or 3"),
    "no deviation": (b"", (3, 2, 2), {"deviation": (0,)}, "deviation: expected positive"),
    "NaN": (b"", (3, 2, 2), {"mean": (np.nan,)}, "mean: expected one finite number"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_photographs(name, photo):
    data, shape, settings, message = BAD[name]
    photo.write_bytes(photo.read_bytes()[:40] if data is None else data)
    with pytest.raises(ValueError, match=message):
        load_image(photo, shape, **settings)


def test_sixteen_bits_are_refused(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(np.full((2, 2), 40000, np.uint16)).save(path)
    with pytest.raises(ValueError, match="8 bits a channel, got mode I"):
        load_image(path, (1, 2, 2))


def test_photographs_are_turned_as_they_say(tmp_path):
    path, turned = tmp_path / "photo.jpg", Image.Exif()
    turned[0x0112] = 6  # a quarter clockwise
    Image.new("RGB", (8, 4)).save(path, exif=turned)
    assert load_image(path, (3, 8, 4)).shape == (3, 8, 4)


def test_bombs_are_refused(photo, monkeypatch):
    monkeypatch.setattr("alignment_theory.models.images.MOST_PIXELS", 3)
    with pytest.raises(ValueError, match="at most 3 pixels"):
        load_image(photo, (3, 2, 2))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    with pytest.raises(ValueError, match="decompression bomb"):
        load_image(photo, (3, 2, 2))


def test_pictures_are_grey_at_0_and_use_the_whole_range(tmp_path):
    relevance = np.zeros((3, 2, 4))
    relevance[0, 0, 0], relevance[2, 1, 3] = -2, 1
    picture = picture_of(relevance)
    assert picture.shape == (2, 4, 3) and picture[0, 0].tolist() == [0, 128, 128]
    assert picture[1, 3].tolist() == [128, 128, 191]
    path = tmp_path / "out.png"
    save_picture(relevance, path)
    assert np.asarray(Image.open(path)).tolist() == picture.tolist()


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_other_channels_are_added_up(channels, tmp_path):
    relevance = np.ones((channels, 1, 2)) * [1, -0.5]
    assert picture_of(relevance)[:, :, 0].tolist() == [[255, 64]]
    save_picture(relevance, tmp_path / "out.png")
    assert np.asarray(Image.open(tmp_path / "out.png")).tolist() == [[255, 64]]
    assert (picture_of(0 * relevance) == 128).all()


def test_large_numbers_are_shown_too():
    relevance = np.full((2, 1, 1), 3e38, np.float32)
    assert picture_of(relevance).tolist() == [[[255]]]


def test_pictures_need_images_and_a_name(tmp_path):
    with pytest.raises(ValueError, match="ends in .png, got out.gif"):
        save_picture(np.ones((1, 2, 2)), "out.gif")
    with pytest.raises(ValueError, match=r"got shape \(2,\)"):
        save_picture(np.ones(2), tmp_path / "out.png")


NO_PICTURES = {
    "NaN": (np.full((1, 3, 3), np.nan), r"expected finite numbers, got nan at index \(0, 0, 0\)"),
    "infinity": (np.full((3, 3, 3), np.inf), "expected finite numbers, got inf"),
    "no channels": (np.ones((0, 3, 3)), r"at least one entry, got shape \(0, 3, 3\)"),
    "no rows": (np.ones((3, 0, 3)), r"at least one entry, got shape \(3, 0, 3\)"),
    "complex": (np.full((1, 3, 3), 1j), "got dtype complex128"),
    "words": ([[["a"]]], "got dtype <U1"),
    "a large sum": (np.full((2, 1, 1), 1.5e308), "sum of the channels is beyond float64"),
    "a large fraction": (np.full((1, 1, 1), 10**400), "is beyond the range of float64"),
}


@pytest.mark.parametrize("name", NO_PICTURES)
def test_what_no_picture_shows(name, tmp_path):
    relevance, message = NO_PICTURES[name]
    with pytest.raises(ValueError, match=message):
        picture_of(relevance)
    with pytest.raises(ValueError, match=rf"out\.png: .*{message}"):
        save_picture(relevance, tmp_path / "out.png")


def test_fractions_and_lists_are_shown():
    assert picture_of([[[Fraction(1, 3), -1]]]).tolist() == [[[170], [0]]]


def test_far_above_the_percentile_is_cut_off():
    relevance = np.array([[[1e-300, -1e-300, 1e300]]])
    assert picture_of(relevance, 1)[0, :, 0].tolist() == [255, 0, 255]


def test_the_range_is_a_percentile_where_asked():
    """Of 1, 2, 3, 4 and 21 the 75th percentile is 4."""
    relevance = np.array([[[1, -2, 3, -4, 21]]])
    assert picture_of(relevance, 75)[0, :, 0].tolist() == [159, 64, 223, 0, 255]
    sparse = np.array([[[0, 0, 0, 0, -2]]])
    assert picture_of(sparse, 50)[0, :, 0].tolist() == [128, 128, 128, 128, 0]
    for clip in (0, -1, 101, np.nan, "a", None, True):
        with pytest.raises(ValueError, match=r"clip must be a percentile in \(0, 100\]"):
            picture_of(relevance, clip)
