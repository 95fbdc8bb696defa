"""The theorems on the command line: listed, shown and evaluated."""

from typing import Annotated

import numpy as np
import typer
from numpy.typing import ArrayLike

from alignment_theory.cli.common import Settings, app, console, pairs_of


@app.command(name="list")
def list_theorems(
    graph: Annotated[bool, typer.Option("--graph", help="Draw which builds on which.")] = False,
) -> None:
    """List the theorems, or draw which theorem builds on which."""
    from rich.table import Table

    from alignment_theory.report.graph import dependency_tree
    from alignment_theory.theory import CATALOGUE

    if graph:
        console().print(dependency_tree(CATALOGUE))
        return
    table = Table("id", "claim", "hypotheses", "title")
    for theorem in CATALOGUE.values():
        names = ", ".join(hypothesis.name for hypothesis in theorem.hypotheses) or "none"
        table.add_row(theorem.id, str(theorem.claim), names, theorem.title)
    console().print(table)


@app.command()
def show(identifier: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Show a theorem: statement, hypotheses, formula, parameters and sources."""
    from alignment_theory.theory import theorem

    found = theorem(identifier)
    lines = [f"{found.id}: {found.title}", "", found.statement, "", "Hypotheses"]
    lines += [f"  {h.name}: {h.text}" for h in found.hypotheses] or ["  none"]
    lines += ["", "Formula", *(f"  {line}" for line in found.text().splitlines())]
    lines += [f"  LaTeX: {found.latex()}", "", f"Claim: {found.claim} ({found.claim.judged_by})"]
    if found.parameters:
        lines += ["", "Parameters of predict"]
        for p in found.parameters:
            admits = f" ({p.admits})" if p.admits else ""
            default = "required" if p.default is None else f"default {p.default}"
            lines.append(f"  {p.name}: {p.meaning}{admits}, {default}")
    if found.uses:
        lines += ["", f"Uses: {', '.join(found.uses)}"]
    lines += ["", "Sources", *(f"  {source}" for source in found.sources)]
    typer.echo("\n".join(lines))


@app.command()
def predict(
    identifier: Annotated[str, typer.Argument(metavar="ID")], settings: Settings = None
) -> None:
    """Evaluate a theorem's formula, for instance: predict alignment-curve n=300 d=200."""
    from alignment_theory.theory import theorem

    prediction = theorem(identifier).predict(**pairs_of(settings))
    typer.echo(_numbers(prediction.value, ".10g"))
    for name, value in prediction.terms.items():
        typer.echo(f"  {name}: {_numbers(value, '.10g')}")
    if np.any(prediction.remainder):
        typer.echo(f"  remainder: {_numbers(prediction.remainder, '.3g')}")


def _numbers(values: ArrayLike, form: str) -> str:
    return " ".join(format(value, form) for value in np.ravel(values))
