"""Attributions from the command line."""

from pathlib import Path
from typing import Annotated

import typer

from alignment_theory.cli.common import Settings, app, file_option, pairs_of, require_writable


@app.command()
def attribute(
    model: Annotated[Path, file_option("Network in .npz, .safetensors or .onnx.")],
    input: Annotated[Path, file_option("One sample or a batch in .npy.")],
    rule: Annotated[str, typer.Option(help="Name of a rule, for instance guided-backprop.")],
    out: Annotated[Path, file_option("Where the attribution goes, in .npy.")],
    target: Annotated[
        int | None, typer.Option(help="Output to explain; the largest by default.")
    ] = None,
    settings: Settings = None,
) -> None:
    """Attribute an output of a stored network to its input; the rule's parameters as NAME=VALUE."""
    from alignment_theory import attribute as explain
    from alignment_theory.models import load, load_array
    from alignment_theory.report.record import write_array
    from alignment_theory.rules.names import rule_by_name

    if out.suffix != ".npy":
        raise ValueError(f"--out: expected a name that ends in .npy, got {out}")
    require_writable(out, "--out", inputs=(input, model))
    method = rule_by_name(rule, pairs_of(settings))
    attribution = explain(load(model), load_array(input), rule=method, target=target)
    write_array(out, attribution.relevance)
    typer.echo(attribution.rule_table())
