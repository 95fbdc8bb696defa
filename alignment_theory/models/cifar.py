"""The photographs of CIFAR-10, from the files of its binary version on disk."""

import os
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from alignment_theory.arrays import Array, float_dtype
from alignment_theory.models.datasets import Dataset

IMAGE_SHAPE = (3, 32, 32)
RECORDS = 10_000
"""Records of one file: a byte that is the label, then the pixels, a plane for each colour."""

FOLDER = "cifar-10-batches-bin"
NAMES = "batches.meta.txt"
TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = "test_batch.bin"

_CLASSES = 10
_PIXELS = prod(IMAGE_SHAPE)

_MOST_TEXT = 4096
"""Bytes of the file of names that are read; it has 61."""


def cifar10(folder: str | os.PathLike[str], *, dtype: DTypeLike = np.float32) -> Dataset:
    """Return the 50,000 + 10,000 photographs of CIFAR-10 in a folder, scaled to [0, 1].

    The folder is that of the binary version, or one that has it as ``cifar-10-batches-bin``, with
    ``data_batch_1.bin`` to ``data_batch_5.bin``, ``test_batch.bin`` and ``batches.meta.txt``, all
    complete; other files in it do not matter. Files are read as numbers and names only, and nothing
    is downloaded. Samples keep the order of the files.

    Parameters
    ----------
    folder : path
    dtype : dtype
        Of the inputs: float32, which takes 0.7 GB, or float64, which takes 1.5 GB.

    Raises
    ------
    ValueError
        For what is no path or no folder, missing files (naming all of them), the Python version,
        whose files are pickled and could execute code, files of another size, labels above 9, other
        than ten names, and another dtype.
    FileNotFoundError
        Where there is no such folder.

    Source: Krizhevsky (2009), Learning multiple layers of features from tiny images.
    """
    wanted = float_dtype(dtype, "cifar10")
    if not isinstance(folder, str | os.PathLike):
        raise ValueError(f"cifar10: expected the path of a folder, got {folder!r}")
    try:
        place = _place(Path(folder))
        names = _names(place / NAMES)
        train = [_records(place / name) for name in TRAIN]
        test = [_records(place / TEST)]
    except ValueError as error:
        raise ValueError(f"cifar10: {error}") from None
    return Dataset("cifar10", IMAGE_SHAPE, *_samples(train, wanted), *_samples(test, wanted), names)


def _place(folder: Path) -> Path:
    """Return the folder that has the files; ValueError where some are missing."""
    if not folder.exists():
        raise FileNotFoundError(f"cifar10: there is no folder {folder}")
    if not folder.is_dir():
        raise ValueError(
            f"{folder}: expected a folder, got a file; unpack cifar-10-binary.tar.gz and give the "
            f"folder {FOLDER}"
        )
    inner = folder / FOLDER
    place = inner if inner.is_dir() else folder
    missing = [name for name in (*TRAIN, TEST, NAMES) if not (place / name).is_file()]
    if not missing:
        return place
    pickled = [place / "data_batch_1", place / "test_batch", folder / "cifar-10-batches-py"]
    if any(one.exists() for one in pickled):
        raise ValueError(
            f"{place}: this is the Python version of CIFAR-10, whose files are pickled: reading "
            "them could execute code. Take the binary version, cifar-10-binary.tar.gz"
        )
    raise ValueError(
        f"{place}: missing {', '.join(missing)}; expected all files of the binary version of "
        f"CIFAR-10, cifar-10-binary.tar.gz, here or in a folder {FOLDER}"
    )


def _names(path: Path) -> tuple[str, ...]:
    """Return what the ten labels mean."""
    if path.stat().st_size > _MOST_TEXT:
        raise ValueError(f"{path}: expected ten names, got {path.stat().st_size} bytes")
    try:
        names = tuple(path.read_text(encoding="ascii").split())
    except UnicodeDecodeError:
        raise ValueError(f"{path}: expected ten names in ASCII, got other bytes") from None
    if len(set(names)) != _CLASSES or len(names) != _CLASSES:
        raise ValueError(f"{path}: expected ten different names, got {len(names)}: {names}")
    return names


def _records(path: Path) -> Array:
    """Return the bytes of a file, a row a record, label first."""
    size, expected = path.stat().st_size, RECORDS * (1 + _PIXELS)
    if size != expected:
        raise ValueError(
            f"{path}: expected {RECORDS} records of {1 + _PIXELS} bytes, {expected} bytes in all, "
            f"got {size}; the file is cut short or another one, unpack it again"
        )
    records = np.fromfile(path, np.uint8).reshape(RECORDS, 1 + _PIXELS)
    wrong = np.flatnonzero(records[:, 0] >= _CLASSES)
    if len(wrong):
        raise ValueError(
            f"{path}: expected labels from 0 to 9, got {records[wrong[0], 0]} at record {wrong[0]} "
            f"({len(wrong)} such records); this is no file of CIFAR-10"
        )
    return records


def _samples(files: list[Array], dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Return inputs and labels of some files, read-only."""
    inputs = np.empty((sum(map(len, files)), _PIXELS), dtype)
    for part, records in zip(np.split(inputs, len(files)), files, strict=True):
        np.divide(records[:, 1:], dtype.type(255), out=part)
    labels = np.concatenate([records[:, 0] for records in files]).astype(np.int64)
    inputs.flags.writeable = labels.flags.writeable = False
    return inputs, labels
