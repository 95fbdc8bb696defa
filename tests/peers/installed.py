"""The installed zennit and captum."""

import warnings
from functools import cache
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

INSTALL = "python -m pip install -e '.[test,peers]'"


@cache
def peers():
    """Return the recording modules; a missing library is a failure, never a skip."""
    missing = [name for name in ("torch", "zennit", "captum") if find_spec(name) is None]
    if missing:
        pytest.fail(
            f"{', '.join(missing)} not installed; run in the repository: {INSTALL}", pytrace=False
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import generate
        import torch

        generate.stub_torchvision()
        import captum.attr
        import zennit.attribution
        import zennit.canonizers
        import zennit.composites
        import zennit.rules
        import zennit_cases
        from captum.attr._utils import lrp_rules
        from peer_networks import peer_networks
    torch.set_num_threads(1)
    return SimpleNamespace(
        **{"generate": generate, "zennit_cases": zennit_cases, "networks": cache(peer_networks)},
        **{"zr": zennit.rules, "zc": zennit.composites, "za": zennit.attribution},
        **{"lrp": lrp_rules, "ca": captum.attr, "torch": torch, "nn": torch.nn},
        **{"merged": zennit.canonizers.SequentialMergeBatchNorm},
    )
