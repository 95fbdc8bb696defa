"""The comparison of whole networks with modules: differences that no layer shows."""

import pytest
from torch_live import from_torch, zoo

pytestmark = pytest.mark.peers


@pytest.mark.parametrize("change", [1e-3, 1e-8])
def test_small_changes_by_a_hook_of_the_whole_are_seen(change):
    zoo()
    from torch import nn

    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).double()
    from_torch(module)
    module.register_forward_hook(lambda module, given, made: (1 + change) * made)
    with pytest.raises(ValueError, match="module's output differs from that of the module's own"):
        from_torch(module)
