"""The command line: parsing, and nothing else. ``alignment-theory --help`` lists the commands."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(
    help="State, predict and test theorems about modified-backpropagation attributions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Ids = Annotated[list[str] | None, typer.Argument(help="Ids of theorems; all of them for none.")]
Settings = Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUE...")]


def main() -> None:
    """Run the command line; bad input ends with a message and exit code 2."""
    try:
        app()
    except (ValueError, OSError) as error:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(f"error: {error}", markup=False, style="red")
        sys.exit(2)
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted")
        sys.exit(130)


@app.command()
def verify(
    ids: Ids = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Coarser margins, less evidence.")] = False,
    json: Annotated[Path | None, typer.Option(help="Write the verdicts to this file.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one a core by default.")
    ] = None,
    cache: Annotated[bool, typer.Option(help="Keep trained classifiers for the next run.")] = True,
) -> None:
    """Judge theorems on random networks and on a classifier of handwritten digits.

    Exit code 0 only if every verdict is HOLDS.
    """
    from alignment_theory.report import console as tables
    from alignment_theory.report import record as records
    from alignment_theory.studies import alignment_by_layer
    from alignment_theory.verification import run
    from alignment_theory.verification.catalogue import QUICK, STANDARD
    from alignment_theory.verification.verdict import Outcome

    checks = run.select(ids or [])
    if json is not None:
        _require_writable(json, "--json")
    folder = cache_folder() if cache else None
    with _progress(len(checks) + any(check.on_digits for check in checks)) as advance:
        verdicts = run.verify(
            ids or [],
            seed=seed,
            effort=QUICK if quick else STANDARD,
            workers=workers or _cores(),
            cache=folder,
            progress=advance,
        )
    console = _console()
    console.print(tables.verdict_table(verdicts, console.width))
    frame = None
    if not ids:
        frame = alignment_by_layer.of_digits(seed=seed, cache=folder, networks=50 if quick else 150)
        console.print(tables.alignment_table(frame))
    console.print(tables.summary(verdicts))
    if json is not None:
        effort = "quick" if quick else "standard"
        records.write(json, records.record(verdicts, frame, seed=seed, effort=effort))
    if any(verdict.outcome is not Outcome.HOLDS for verdict in verdicts):
        raise typer.Exit(1)


@app.command(name="list")
def list_theorems() -> None:
    """List the theorems."""
    from rich.table import Table

    from alignment_theory.theory import CATALOGUE

    table = Table("id", "claim", "title")
    for theorem in CATALOGUE.values():
        table.add_row(theorem.id, str(theorem.claim), theorem.title)
    _console().print(table)


@app.command()
def show(identifier: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Show a theorem: statement, hypotheses, formula, parameters and sources."""
    from alignment_theory.theory import theorem

    found = theorem(identifier)
    lines = [f"{found.id}: {found.title}", "", found.statement, "", "Hypotheses"]
    lines += [f"  {h.name}: {h.text}" for h in found.hypotheses]
    lines += ["", "Formula", *(f"  {line}" for line in found.text().splitlines())]
    lines += [f"  LaTeX: {found.latex()}", "", f"Claim: {found.claim} ({found.claim.judged_by})"]
    if found.parameters:
        lines += ["", "Parameters of predict"]
        for p in found.parameters:
            choices = f" ({', '.join(p.choices)})" if p.choices else ""
            default = "required" if p.default is None else f"default {p.default}"
            lines.append(f"  {p.name}: {p.meaning}{choices}, {default}")
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

    prediction = theorem(identifier).predict(**_pairs(settings))
    typer.echo(f"{prediction.value:.10g}")
    for name, value in prediction.terms.items():
        typer.echo(f"  {name}: {value:.10g}")
    if prediction.remainder:
        typer.echo(f"  remainder: {prediction.remainder:.3g}")


@app.command()
def attribute(
    model: Annotated[Path, typer.Option(help="Network in .npz or .safetensors.")],
    input: Annotated[Path, typer.Option(help="One sample or a batch in .npy.")],
    rule: Annotated[str, typer.Option(help="Name of a rule, for instance guided-backprop.")],
    out: Annotated[Path, typer.Option(help="Where the attribution goes, in .npy.")],
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
    _require_writable(out, "--out")
    method = rule_by_name(rule, _pairs(settings))
    attribution = explain(load(model), load_array(input), rule=method, target=target)
    write_array(out, attribution.relevance)
    typer.echo(attribution.rule_table())


def cache_folder() -> Path | None:
    """Return the folder for trained classifiers, by the XDG convention; None if it is unusable."""
    try:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        folder = Path(base) / "alignment_theory"
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
        reason = f"{folder} cannot be written"
    except (OSError, RuntimeError) as error:
        reason = str(error)
    Console(stderr=True).print(f"no cache for trained classifiers: {reason}", markup=False)
    return None


def _cores() -> int:
    """Return the cores that this process may use, where the system tells; else all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _require_writable(path: Path, option: str) -> None:
    """Raise ValueError, before any work is done, where a file cannot be put at `path`."""
    folder = path.resolve().parent
    if not path.name or path.is_dir():
        raise ValueError(f"{option}: expected the name of a file, got {str(path)!r}")
    if not folder.is_dir():
        raise ValueError(f"{option}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"{option}: the folder {folder} cannot be written")


def _pairs(settings: list[str] | None) -> dict[str, str]:
    pairs = {}
    for text in settings or []:
        name, separator, value = text.partition("=")
        if not separator or not name or not value:
            raise ValueError(f"expected NAME=VALUE, got {text!r}")
        if name in pairs:
            raise ValueError(f"{name} is given twice")
        pairs[name] = value
    return pairs


def _console() -> Console:
    """Return a console of the terminal's width, wide where output goes to a file."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 200)


@contextmanager
def _progress(total: int) -> "Iterator[Callable[[str], None]]":
    """Show a bar on stderr while checks run; nothing where stderr is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("verifying"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("", total=total)
        yield lambda words: bar.update(task, advance=1, description=words)
