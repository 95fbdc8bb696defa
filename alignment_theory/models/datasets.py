"""Labelled data sets, and a small one that comes with the dependencies."""

from dataclasses import dataclass

import numpy as np

from alignment_theory.arrays import Array, readonly
from alignment_theory.layers.base import Shape


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled samples in two parts; every array is read-only.

    Inputs are float64 or float32 (samples, features), labels are int64 (samples,) from 0 up, and a
    row of inputs reshaped to `image_shape` is a picture. `label_names` says what the labels mean,
    where that is more than a number.
    """

    name: str
    image_shape: Shape
    train_inputs: Array
    train_labels: Array
    test_inputs: Array
    test_labels: Array
    label_names: tuple[str, ...] = ()


def digits(*, seed: int = 0, test_share: float = 0.2) -> Dataset:
    """Return scikit-learn's 1797 handwritten digits, 8 x 8 pixels scaled to [0, 1].

    The split is drawn from `seed` within each of the ten classes, ``round(test_share * count)``
    samples of each to the test part; both parts are in random order.

    Raises
    ------
    ValueError
        For a test share that leaves a part of some class empty, or a seed that is no
        non-negative integer.

    Source: Alpaydin, Kaynak (1998), Optical Recognition of Handwritten Digits, UCI repository.
    """
    require_seed(seed)
    if not 0 < test_share < 1:
        raise ValueError(f"digits: expected test_share between 0 and 1, got {test_share}")
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    inputs = pixels.astype(np.float64) / 16
    train, test = _stratified_split(labels, test_share, np.random.default_rng(seed))
    return Dataset(
        name="digits",
        image_shape=(8, 8),
        train_inputs=readonly(inputs[train]),
        train_labels=readonly(labels[train].astype(np.int64)),
        test_inputs=readonly(inputs[test]),
        test_labels=readonly(labels[test].astype(np.int64)),
    )


def require_seed(seed: object) -> None:
    """Raise ValueError where `seed` is no non-negative integer."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"digits: expected a non-negative integer seed, got {seed!r}")


def _stratified_split(
    labels: Array, test_share: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    train, test = [], []
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        count = round(test_share * len(members))
        if not 0 < count < len(members):
            raise ValueError(
                f"digits: test_share {test_share} puts {count} of the {len(members)} samples of "
                f"class {label} into the test part; choose one that leaves some in both parts"
            )
        test.append(members[:count])
        train.append(members[count:])
    return rng.permutation(np.concatenate(train)), rng.permutation(np.concatenate(test))
