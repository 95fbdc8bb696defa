"""Attributions from the command line."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alignment_theory.cli.common import (
    Settings,
    app,
    file_option,
    pairs_of,
    reading,
    require_writable,
)

if TYPE_CHECKING:
    from alignment_theory.arrays import Array
    from alignment_theory.network import Network

_NUMBERS = "One number, or one a channel: 0.5,0.5,0.5; {} by default. For photographs only."


@app.command()
def attribute(
    model: Annotated[Path, file_option("Network in .npz, .safetensors or .onnx.")],
    input: Annotated[Path, file_option("One sample or a batch in .npy, or a photograph.")],
    rule: Annotated[str, typer.Option(help="Name of a rule, for instance guided-backprop.")],
    out: Annotated[Path, file_option("Where the attribution goes: .npy, or .png for a picture.")],
    target: Annotated[
        int | None, typer.Option(help="Output to explain; the largest by default.")
    ] = None,
    resize: Annotated[bool, typer.Option("--resize", help="Scale photographs to size.")] = False,
    mean: Annotated[str | None, typer.Option(help=_NUMBERS.format(0))] = None,
    std: Annotated[str | None, typer.Option(help=_NUMBERS.format(1))] = None,
    settings: Settings = None,
) -> None:
    """Attribute an output of a stored network to its input; the rule's parameters as NAME=VALUE.

    Of a photograph, .png or .jpg, the network sees (a - mean) / std with a in [0, 1]. A picture is
    grey where the attribution is 0.
    """
    from alignment_theory import attribute as explain
    from alignment_theory.models import load
    from alignment_theory.models.images import save_picture
    from alignment_theory.report.record import write_array
    from alignment_theory.rules.names import rule_by_name

    if out.suffix not in (".npy", ".png"):
        raise ValueError(f"--out: expected a name that ends in .npy or .png, got {out}")
    require_writable(out, "--out", inputs=(input, model))
    method = rule_by_name(rule, pairs_of(settings))
    scaling = _scaling(input, mean, std, resize)
    with reading("--model", model):
        network = load(model)
    sample = _sample(network, input, scaling, resize)
    attribution = explain(network, sample, rule=method, target=target)
    if out.suffix == ".png":
        save_picture(attribution.relevance, out)
    else:
        write_array(out, attribution.relevance)
    typer.echo(attribution.rule_table())


def _scaling(
    path: Path, mean: str | None, std: str | None, resize: bool
) -> tuple[list[float], list[float]] | None:
    """Return mean and deviation for a photograph, None for arrays, which take no such options."""
    from alignment_theory.models.images import SUFFIXES

    if path.suffix.lower() in SUFFIXES:
        centre = numbers_of("--mean", "0" if mean is None else mean)
        return centre, numbers_of("--std", "1" if std is None else std)
    given = {"--mean": mean is not None, "--std": std is not None, "--resize": resize}
    wrong = [option for option, there in given.items() if there]
    if wrong:
        raise ValueError(
            f"{' and '.join(wrong)}: only for photographs ({', '.join(SUFFIXES)}), but --input is "
            f"{path}; leave it out, and scale the array before it is saved"
        )
    return None


def _sample(
    network: "Network", path: Path, scaling: tuple[list[float], list[float]] | None, resize: bool
) -> "Array":
    """Return what the network sees of a file."""
    from alignment_theory.models import load_array
    from alignment_theory.models.images import by_channel, channels_of, load_image

    with reading("--input", path):
        if scaling is None:
            return load_array(path)
        channels = channels_of(path, network.input_shape)
    mean, deviation = scaling
    by_channel("--mean", mean, channels)
    by_channel("--std", deviation, channels, positive=True)
    with reading("--input", path):
        image = load_image(path, network.input_shape, resize=resize, mean=mean, deviation=deviation)
    return image.astype(network.dtype)


def numbers_of(option: str, text: str) -> list[float]:
    """Return numbers with commas between them; ValueError for other text."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{option}: expected numbers such as 0.5,0.5,0.5, got {text!r}") from None
