"""Attributions from the command line."""

from pathlib import Path
from typing import Annotated

import typer

from alignment_theory.cli.common import Settings, app, file_option, pairs_of, require_writable

Numbers = Annotated[str, typer.Option(help="One number, or one a channel: 0.5,0.5,0.5.")]


@app.command()
def attribute(
    model: Annotated[Path, file_option("Network in .npz, .safetensors or .onnx.")],
    input: Annotated[Path, file_option("One sample or a batch in .npy, or a photograph.")],
    rule: Annotated[str, typer.Option(help="Name of a rule, for instance guided-backprop.")],
    out: Annotated[Path, file_option("Where the attribution goes: .npy, or .png for a picture.")],
    target: Annotated[
        int | None, typer.Option(help="Output to explain; the largest by default.")
    ] = None,
    resize: Annotated[bool, typer.Option(help="Scale a photograph of another size.")] = False,
    mean: Numbers = "0",
    std: Numbers = "1",
    settings: Settings = None,
) -> None:
    """Attribute an output of a stored network to its input; the rule's parameters as NAME=VALUE.

    Of a photograph, .png or .jpg, the network sees (a - mean) / std with a in [0, 1]. A picture is
    grey where the attribution is 0.
    """
    from alignment_theory import attribute as explain
    from alignment_theory.models import load, load_array
    from alignment_theory.models.images import SUFFIXES, load_image, save_picture
    from alignment_theory.report.record import write_array
    from alignment_theory.rules.names import rule_by_name

    if out.suffix not in (".npy", ".png"):
        raise ValueError(f"--out: expected a name that ends in .npy or .png, got {out}")
    require_writable(out, "--out", inputs=(input, model))
    method = rule_by_name(rule, pairs_of(settings))
    centre, deviation = numbers_of("--mean", mean), numbers_of("--std", std)
    network = load(model)
    if input.suffix.lower() in SUFFIXES:
        shape = network.input_shape
        sample = load_image(input, shape, resize=resize, mean=centre, deviation=deviation)
        sample = sample.astype(network.dtype)
    else:
        sample = load_array(input)
    attribution = explain(network, sample, rule=method, target=target)
    if out.suffix == ".png":
        save_picture(attribution.relevance, out)
    else:
        write_array(out, attribution.relevance)
    typer.echo(attribution.rule_table())


def numbers_of(option: str, text: str) -> list[float]:
    """Return numbers with commas between them; ValueError for other text."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{option}: expected numbers such as 0.5,0.5,0.5, got {text!r}") from None
