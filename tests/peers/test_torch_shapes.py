"""Forms in which the shape of a sample may be given."""

import numpy as np
import pytest
from torch_live import from_torch, zoo

pytestmark = pytest.mark.peers


def test_sizes_are_integers_of_any_kind():
    zoo()
    import torch

    module = torch.nn.Linear(3, 2)
    for shape in ((3,), [3], (np.int64(3),), torch.Size([3])):
        found = from_torch(module, shape).input_shape
        assert found == (3,) and type(found[0]) is int


@pytest.mark.parametrize("shape", [(), (True,), (0,), (3.0,), ("3",), 3, np.array([3])], ids=repr)
def test_other_shapes_are_refused(shape):
    zoo()
    import torch

    with pytest.raises(ValueError, match="input_shape must be positive sizes of one sample such"):
        from_torch(torch.nn.Linear(3, 2), shape)
