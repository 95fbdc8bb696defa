"""The theorems on the command line: listed, shown and evaluated."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from numpy.typing import ArrayLike

from alignment_theory.cli.common import Settings, app, console, pairs_of, require_known

if TYPE_CHECKING:
    from rich.table import Table

    from alignment_theory.theory import Theorem

WIDE = 100
"""Columns of a terminal from which the list of theorems has a column for everything."""


@app.command(name="list")
def list_theorems(
    graph: Annotated[bool, typer.Option("--graph", help="Draw which builds on which.")] = False,
) -> None:
    """List the theorems, or draw which theorem builds on which."""
    from alignment_theory.report.graph import dependency_tree
    from alignment_theory.theory import CATALOGUE

    if graph:
        console().print(dependency_tree(CATALOGUE))
        return
    screen = console()
    screen.print(_table(CATALOGUE.values(), screen.width))


@app.command()
def show(identifier: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Show a theorem: statement, hypotheses, formula, parameters and sources."""
    from alignment_theory.theory import theorem

    require_known([identifier])
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

    require_known([identifier])
    prediction = theorem(identifier).predict(**pairs_of(settings))
    typer.echo(_numbers(prediction.value, ".10g"))
    for name, value in prediction.terms.items():
        typer.echo(f"  {name}: {_numbers(value, '.10g')}")
    if np.any(prediction.remainder):
        typer.echo(f"  remainder: {_numbers(prediction.remainder, '.3g')}")


def _table(theorems: "Collection[Theorem]", width: int) -> "Table":
    """Return one row a theorem; below `WIDE` columns, all but the ids in one column."""
    from rich.table import Table

    ids = max(len(theorem.id) for theorem in theorems)
    table = Table()
    table.add_column("id", no_wrap=True, min_width=ids)
    heads = ("claim", "hypotheses", "title")
    for head in heads if width >= WIDE else ("title; claim; hypotheses",):
        table.add_column(head, overflow="fold")
    for theorem in theorems:
        names = ", ".join(hypothesis.name for hypothesis in theorem.hypotheses) or "none"
        if width >= WIDE:
            table.add_row(theorem.id, str(theorem.claim), names, theorem.title)
        else:
            table.add_row(theorem.id, f"{theorem.title}; {theorem.claim}; {names}")
    return table


def _numbers(values: ArrayLike, form: str) -> str:
    return " ".join(format(value, form) for value in np.ravel(values))
