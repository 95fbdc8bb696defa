"""Record what zennit and captum compute on small fixed networks, as `reference.json`.

The libraries are not needed to run the tests, only to record again::

    pip install torch==2.13.0 numpy==2.4.6
    pip install --no-deps zennit==0.5.1 captum==0.9.0 pillow tqdm packaging
    pip install matplotlib
    python tests/peers/generate.py [where/to/write.json]

Networks: weights are (out, in) with `bias` null or a list; z = W a + b, a = max(z, 0) between
layers, no ReLU after the last. Floats are float64 in full precision. One line is one record:
`relevance[k][sample][unit]` is the relevance at the input of linear layer k, that is, at the
output of ReLU k before relevance crosses it; k = 0 is the network's input, and methods that can be
read only there have one entry. `activation` says what crosses a ReLU: `pass` (everything),
`gradient` (times 1[z > 0]), `guided`, `deconvolution`, `sigmoid` or `rescale`. `seed` is the
relevance at the target's output, 0 elsewhere: `one_hot` is 1, `logit` the target's logit.
`first` is the rule of the first linear layer where it differs. A `baseline` named `zero` is 0,
`shifted` is the network's stored baseline.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import types
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import torch
from peer_networks import PeerNetwork, peer_networks


def stub_torchvision() -> None:
    """Let zennit be imported without torchvision, of which it only names two classes."""
    if importlib.util.find_spec("torchvision") is not None:
        return
    resnet = types.ModuleType("torchvision.models.resnet")
    resnet.Bottleneck = type("Bottleneck", (torch.nn.Module,), {})  # type: ignore[attr-defined]
    resnet.BasicBlock = type("BasicBlock", (torch.nn.Module,), {})  # type: ignore[attr-defined]
    for name in ("torchvision", "torchvision.models"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules[resnet.__name__] = resnet


def description(network: PeerNetwork) -> dict[str, Any]:
    """Return what is stored of a network."""
    return {
        "note": network.note,
        "layers": [
            {"weight": weight.tolist(), "bias": None if bias is None else bias.tolist()}
            for weight, bias in network.layers
        ],
        "inputs": {name: values.tolist() for name, values in network.inputs.items()},
        "logits": {name: network.model()(network.tensor(name)).tolist() for name in network.inputs},
        "targets": list(network.targets),
        "baseline": network.baseline.tolist(),
    }


def records(networks: Iterable[PeerNetwork]) -> Iterator[dict[str, Any]]:
    """Yield what both libraries compute on every input of the networks."""
    import captum_cases
    import zennit_cases

    for module, network in product((zennit_cases, captum_cases), networks):
        for input_name in network.inputs:
            for record in module.records(network, input_name):
                library = record.pop("library")
                yield {"library": library, "version": version(library), **record}


def _line(value: Any) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def main(path: Path) -> None:
    """Write the reference file to `path`; the same bytes on every run on one machine."""
    torch.set_num_threads(1)
    stub_torchvision()
    versions = {name: version(name) for name in ("zennit", "captum", "torch", "numpy")}
    networks = [f'"{network.name}":{_line(description(network))}' for network in peer_networks()]
    lines = [_line(record) for record in records(peer_networks())]
    path.write_text(
        f'{{"versions":{_line(versions)},\n"networks":{{\n'
        + ",\n".join(networks)
        + '\n},\n"records":[\n'
        + ",\n".join(lines)
        + "\n]}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("reference.json"))
