"""A photograph and a network that PyTorch exported, on the command line: captum's picture."""

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from alignment_theory import cli
from alignment_theory.models.images import picture_of

pytestmark = pytest.mark.peers

RULES = {"guided-backprop": "GuidedBackprop", "deconvnet": "Deconvolution", "gradient": "Saliency"}
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def small_vgg(torch):
    nn = torch.nn
    torch.manual_seed(0)
    layers = []
    for inputs, outputs in ((3, 8), (8, 16)):
        for channels in (inputs, outputs):
            layers += [nn.Conv2d(channels, outputs, 3, padding=1), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
    head = [nn.Linear(256, 20), nn.ReLU(), nn.Dropout(), nn.Linear(20, 5)]
    return nn.Sequential(*layers, nn.Flatten(), *head).double().eval()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rule", RULES)
def test_equals_captums_picture(rule, tmp_path):
    import torch
    from captum import attr

    model, rng = small_vgg(torch), np.random.default_rng(1)
    pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    seen = (pixels / 255 - MEAN) / DEVIATION
    inputs = torch.tensor(seen.transpose(2, 0, 1)[np.newaxis])
    names = {"input_names": ["x"], "output_names": ["y"], "dynamic_axes": {"x": {0: "N"}}}
    torch.onnx.export(model, (inputs,), tmp_path / "vgg.onnx", dynamo=False, **names)
    settings = {"abs": False} if rule == "gradient" else {}
    method = getattr(attr, RULES[rule])(model)
    target = int(model(inputs).argmax())
    expected = method.attribute(inputs.clone().requires_grad_(), target=target, **settings)[0]
    expected = expected.detach().numpy()
    told = ["attribute", "--model", str(tmp_path / "vgg.onnx"), "--rule", rule]
    told += ["--input", str(tmp_path / "photo.png"), "--mean", ",".join(map(str, MEAN))]
    told += ["--std", ",".join(map(str, DEVIATION)), "--out"]
    for name in ("out.npy", "out.png"):
        done = CliRunner().invoke(cli.app, [*told, str(tmp_path / name)])
        assert done.exit_code == 0, done.output
    found = np.load(tmp_path / "out.npy")
    assert np.abs(found - expected).max() <= 1e-10 * np.abs(expected).max()
    picture = np.asarray(Image.open(tmp_path / "out.png"), int)
    assert np.abs(picture - picture_of(expected)).max() <= 1
