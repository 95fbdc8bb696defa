"""What load_image says of sizes, means and deviations of other forms."""

import numpy as np
import pytest
from PIL import Image

from alignment_theory.models.images import load_image

OTHER = [
    ({"mean": np.nan}, "mean: expected one finite number or 3, got nan"),
    ({"mean": "a"}, "mean: expected one finite number or 3, got 'a'"),
    ({"mean": None}, "mean: expected one finite number or 3, got None"),
    ({"mean": [[1], [2, 3]]}, "mean: expected one finite number or 3, got"),
    ({"deviation": 0}, "deviation: expected positive numbers, got 0"),
    ({"deviation": -1.5}, "deviation: expected positive numbers, got -1.5"),
    ({"shape": 3}, r"shape: expected the sizes \(channels, height, width\), got 3"),
    ({"shape": (3, 2.5, 2)}, r"shape\[1\]: expected a positive integer, got 2.5"),
    ({"shape": (3, -2, 2)}, r"shape\[1\]: expected a positive integer, got -2"),
    ({"shape": (1, 2, 2), "mean": (1, 2, 3)}, r"mean: expected one finite number, got \(1, 2, 3\)"),
]


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(np.full((2, 2, 3), 51, np.uint8)).save(path)
    return path


@pytest.mark.parametrize(("change", "message"), OTHER, ids=str)
def test_other_arguments(change, message, photo):
    with pytest.raises(ValueError, match=message):
        load_image(photo, **{"shape": (3, 2, 2)} | change)


def test_one_number_need_not_be_in_a_list(photo):
    image = load_image(photo, (3, 2, 2), mean=0.1, deviation=0.5)
    assert (image == load_image(photo, (3, 2, 2), mean=[0.1], deviation=[0.5])).all()
    assert (image == (51 / 255 - 0.1) / 0.5).all()
