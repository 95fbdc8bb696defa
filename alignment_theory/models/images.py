"""Photographs as inputs of networks, and attributions as pictures: PNG and JPEG files."""

import io
import os
from collections.abc import Sequence
from numbers import Real
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from alignment_theory.arrays import Array, as_array, convert
from alignment_theory.ensembles.base import checked_sizes
from alignment_theory.layers.base import Shape
from alignment_theory.models.files import write_atomically

SUFFIXES = (".png", ".jpg", ".jpeg")
MOST_PIXELS = 2**26
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
"""Pillow's names for pictures of 8 bits a channel."""


def load_image(
    path: str | os.PathLike[str],
    shape: Shape,
    *,
    resize: bool = False,
    mean: float | Sequence[float] = 0.0,
    deviation: float | Sequence[float] = 1.0,
) -> Array:
    """Return a photograph as one float64 sample ``(a - mean) / deviation``, a in [0, 1].

    Parameters
    ----------
    path : path
        A PNG or JPEG file, turned as it says it is to be seen; transparency is dropped, and grey
        and colour are converted as needed.
    shape : (channels, height, width)
        Of the sample, with 1 or 3 channels.
    resize : bool
        Whether an image of another size is scaled (bilinearly, to this height and width).
    mean, deviation : float or sequences of float
        One number, or one a channel.

    Raises
    ------
    ValueError
        For other files, images of another size without `resize` or of over 2^26 pixels, other
        shapes, and for mean or deviation of another length, or a deviation that is not positive.
    FileNotFoundError
        Where there is no such file.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = Path(path)
    sizes = checked_sizes(shape, "load_image: shape", "the sizes (channels, height, width)")
    channels = channels_of(path, sizes)
    _, height, width = sizes
    centre = by_channel("mean", mean, channels)
    scale = by_channel("deviation", deviation, channels, positive=True)
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as stored:
            if stored.width * stored.height > MOST_PIXELS:
                raise ValueError(f"expected at most {MOST_PIXELS} pixels, got {stored.size}")
            if stored.mode not in MODES:
                raise ValueError(
                    f"expected 8 bits a channel, got mode {stored.mode}; convert the picture"
                )
            picture = ImageOps.exif_transpose(stored)
            if picture.size != (width, height) and not resize:
                raise ValueError(
                    f"the picture is {picture.width} wide and {picture.height} high, but samples "
                    f"are {width} wide and {height} high; scale it, or pass resize=True (--resize "
                    "on the command line)"
                )
            wanted = picture.convert("RGB" if channels == 3 else "L")
            if picture.size != (width, height):
                wanted = wanted.resize((width, height), Image.Resampling.BILINEAR)
    except FileNotFoundError:
        raise
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        OSError,
        SyntaxError,
        ValueError,
    ) as error:
        raise ValueError(f"{path}: {error}") from None
    pixels = np.asarray(wanted, dtype=np.float64).reshape(height, width, channels) / 255
    return np.ascontiguousarray(pixels.transpose(2, 0, 1) - centre) / scale


def picture_of(relevance: ArrayLike, clip: float = 100.0) -> Array:
    """Return an attribution (channels, height, width) as a picture (height, width, channels).

    ``1/2 + R / (2 S)`` in 8 bits, cut off at 0 and 1: grey is 0. Three channels are colours; any
    other number is added up to one. The range S is the `clip`-th percentile of |R|, the largest at
    100; where that percentile is 0, S is the largest all the same.

    Raises
    ------
    ValueError
        For arrays of another number of dimensions, without an entry, or whose entries are no finite
        real numbers; for channels whose sum is beyond float64; for a percentile outside (0, 100].
    """
    if isinstance(clip, bool) or not isinstance(clip, Real) or not 0 < clip <= 100:
        raise ValueError(f"picture_of: clip must be a percentile in (0, 100], got {clip!r}")
    wide = require_picture(relevance, "a picture shows an attribution")
    with np.errstate(over="ignore"):
        shown = wide if len(wide) == 3 else wide.sum(axis=0, keepdims=True)
    if not np.isfinite(shown).all():
        raise ValueError("the sum of the channels is beyond float64; scale the attribution down")
    sizes = np.abs(shown)
    full = float(np.percentile(sizes, clip)) or sizes.max()
    with np.errstate(over="ignore"):  # what is that far above the percentile is cut off at 1
        share = np.clip(shown / full, -1, 1) if full > 0 else 0 * shown
    return np.round(127.5 + 127.5 * share).astype(np.uint8).transpose(1, 2, 0)


def require_picture(values: ArrayLike, words: str) -> Array:
    """Return values (channels, height, width) in float64.

    Raises
    ------
    ValueError
        For other shapes, no entries, and entries that are no finite real numbers; it begins with
        `words`.
    """
    found = convert(as_array(values, words), words, np.float64)
    if found.ndim != 3 or not found.size:
        raise ValueError(
            f"{words} (channels, height, width) with at least one entry, got shape {found.shape}"
        )
    return found


def save_picture(relevance: ArrayLike, path: str | os.PathLike[str]) -> None:
    """Write an attribution (channels, height, width) as a PNG file, as `picture_of` shows it.

    Raises
    ------
    ValueError
        For what :func:`picture_of` refuses, and names that do not end in .png.
    OSError
        Where the folder is missing or cannot be written.
    """
    from PIL import Image

    if Path(path).suffix != ".png":
        raise ValueError(f"expected a name that ends in .png, got {path}")
    try:
        picture = picture_of(relevance)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    buffer = io.BytesIO()
    Image.fromarray(picture if picture.shape[2] == 3 else picture[:, :, 0]).save(buffer, "PNG")
    write_atomically(Path(path), buffer.getvalue())


def channels_of(path: str | os.PathLike[str], shape: Shape) -> int:
    """Return the channels of samples of a shape; ValueError where no picture can be such a one."""
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise ValueError(
            f"{path}: a picture has 1 or 3 channels, but samples have the shape {tuple(shape)}"
        )
    return shape[0]


def by_channel(
    name: str, values: float | Sequence[float], channels: int, *, positive: bool = False
) -> Array:
    """Return one finite number, or one a channel, as an array (1 or channels, 1, 1).

    Raises
    ------
    ValueError
        For other numbers, and where `positive` is set for one that is not; it begins with `name`.
    """
    wanted = f"one finite number or {channels}" if channels > 1 else "one finite number"
    try:
        found = np.asarray(values, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected {wanted}, got {values!r}") from None
    if len(found) not in (1, channels) or not np.isfinite(found).all():
        raise ValueError(f"{name}: expected {wanted}, got {values!r}")
    if positive and not (found > 0).all():
        raise ValueError(f"{name}: expected positive numbers, got {values!r}")
    return found.reshape(-1, 1, 1)
