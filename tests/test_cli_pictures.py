"""From an ONNX file and a photograph to a picture, on the command line."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from typer.testing import CliRunner

from alignment_theory import GuidedBackprop, attribute, cli, load
from alignment_theory.models.images import load_image, picture_of

RUN = CliRunner()


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {"w": rng.standard_normal((4, 3, 3, 3)), "u": rng.standard_normal((144, 2))}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["z"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["z"], ["a"]),
        helper.make_node("Flatten", ["a"], ["f"]),
        helper.make_node("MatMul", ["f", "u"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "photo",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 6, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(a.astype(np.float32), name) for name, a in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    pixels = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    Image.fromarray(pixels[:, :5]).save(tmp_path / "narrow.jpg")
    return tmp_path


def command(folder, **options):
    told = {
        "model": folder / "model.onnx",
        "input": folder / "photo.png",
        "rule": "guided-backprop",
        "out": folder / "out.png",
        **options,
    }
    return ["attribute", *(str(w) for name, value in told.items() for w in (f"--{name}", value))]


def test_a_picture_of_a_photograph(folder):
    done = RUN.invoke(cli.app, [*command(folder, mean="0.5", std="0.2,0.25,0.3"), "--target", "1"])
    assert done.exit_code == 0, done.output
    network = load(folder / "model.onnx")
    image = load_image(folder / "photo.png", (3, 6, 6), mean=[0.5], deviation=[0.2, 0.25, 0.3])
    found = attribute(network, image.astype(np.float32), rule=GuidedBackprop(), target=1)
    written = np.asarray(Image.open(folder / "out.png"))
    assert (written == picture_of(found.relevance)).all() and len(np.unique(written)) > 50


def test_numbers_of_a_resized_photograph(folder):
    options = {"input": folder / "narrow.jpg", "out": folder / "out.npy"}
    done = RUN.invoke(cli.app, [*command(folder, **options), "--resize"])
    assert done.exit_code == 0, done.output
    assert np.load(folder / "out.npy").shape == (3, 6, 6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input": "narrow.jpg"}, "5 wide and 6 high, but samples are 6 wide"),
        ({"input": "narrow.jpg"}, "or pass resize=True (--resize on the command line)"),
        ({"out": "out.jpg"}, "expected a name that ends in .npy or .png"),
        ({"mean": "a,b"}, "--mean: expected numbers such as 0.5,0.5,0.5, got 'a,b'"),
        ({"std": "0"}, "--std: expected positive numbers, got [0.0]"),
        ({"std": ""}, "--std: expected numbers such as 0.5,0.5,0.5, got ''"),
        ({"std": "1,2"}, "--std: expected one finite number or 3, got [1.0, 2.0]"),
        ({"mean": "nan"}, "--mean: expected one finite number or 3, got [nan]"),
        ({"input": "model.onnx"}, "file name that ends in .npy"),
        ({"input": "no.jpg"}, "no.jpg; give the path of one that is there"),
    ],
)
def test_bad_pictures(options, message, folder):
    where = {k: folder / v if k in ("input", "out") else v for k, v in options.items()}
    done = RUN.invoke(cli.app, command(folder, **where))
    assert message in str(done.exception)
    assert not (folder / "out.png").exists()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--mean", "0"], "--mean: "),
        (["--std", "1"], "--std: "),
        (["--resize"], "--resize: "),
        (["--mean", "a", "--resize"], "--mean and --resize: "),
    ],
)
def test_what_is_for_photographs_is_refused_for_arrays(options, named, folder):
    np.save(folder / "input.npy", np.ones((3, 6, 6), np.float32))
    done = RUN.invoke(cli.app, [*command(folder, input=folder / "input.npy"), *options])
    message = str(done.exception)
    assert message.startswith(f"{named}only for photographs (.png, .jpg, .jpeg), but --input is ")
    assert message.endswith("leave it out, and scale the array before it is saved")
    assert not (folder / "out.png").exists()


def test_warnings_are_told_without_code(folder):
    model = onnx.load(folder / "model.onnx")
    model.graph.node.append(helper.make_node("Softmax", ["y"], ["p"]))
    model.graph.output[0].name = "p"
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    call = [sys.executable, "-c", "from alignment_theory.cli import main; main()"]
    done = subprocess.run([*call, *command(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("warning: ") and "Softmax" in done.stderr
    assert "UserWarning" not in done.stderr and "typer" not in done.stderr
