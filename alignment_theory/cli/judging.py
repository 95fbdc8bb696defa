"""Verdicts from the command line."""

from pathlib import Path
from typing import Annotated

import typer

from alignment_theory.cli.common import (
    Ids,
    JsonFile,
    Seed,
    Workers,
    app,
    cache_folder,
    console,
    cores,
    progress,
    require_writable,
)

Quick = Annotated[bool, typer.Option("--quick", help="Coarser margins, less evidence.")]
Thorough = Annotated[bool, typer.Option("--thorough", help="Finer margins, whole ladders.")]
Cache = Annotated[bool, typer.Option(help="Keep trained classifiers for the next run.")]


@app.command()
def verify(
    ids: Ids = None,
    seed: Seed = 0,
    quick: Quick = False,
    thorough: Thorough = False,
    json: JsonFile = None,
    workers: Workers = None,
    cache: Cache = True,
) -> None:
    """Judge theorems on random networks and on a classifier of handwritten digits.

    Exit code 0 only if every verdict is HOLDS.
    """
    from alignment_theory.report import console as tables
    from alignment_theory.report import record as records
    from alignment_theory.studies import alignment_by_layer
    from alignment_theory.verification import run
    from alignment_theory.verification.checks import EFFORTS
    from alignment_theory.verification.verdict import Outcome

    effort = EFFORTS[_effort(quick, thorough)]
    checks = run.select(ids or [])
    if json is not None:
        require_writable(json, "--json")
    folder = cache_folder() if cache else None
    total = len(checks) + any(check.on_digits for check in checks)
    with progress(total, "verifying") as advance:
        verdicts = run.verify(
            ids or [],
            seed=seed,
            effort=effort,
            workers=workers or cores(),
            cache=folder,
            progress=advance,
        )
    screen = console()
    screen.print(tables.verdict_table(verdicts, screen.width))
    frame = None
    if not ids:
        frame = alignment_by_layer.of_digits(seed=seed, cache=folder, networks=50 if quick else 150)
        screen.print(tables.alignment_table(frame))
    screen.print(tables.summary(verdicts))
    if json is not None:
        records.write(json, records.record(verdicts, frame, seed=seed, effort=effort.name))
    if any(verdict.outcome is not Outcome.HOLDS for verdict in verdicts):
        raise typer.Exit(1)


@app.command()
def audit(
    ids: Ids = None,
    seed: Seed = 0,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds, from --seed on.")] = 1,
    standard: Annotated[
        bool, typer.Option("--standard", help="At the effort of a plain verify.")
    ] = False,
    calibration: Annotated[
        bool, typer.Option("--calibration", help="Count false alarms on true claims instead.")
    ] = False,
    replicates: Annotated[int, typer.Option(min=1, help="Of each kind, for --calibration.")] = 3000,
    store: Annotated[
        Path | None, typer.Option(help="Keep verdicts in this file; go on from those it has.")
    ] = None,
    json: JsonFile = None,
    workers: Workers = None,
) -> None:
    """Run every wrong variant of the theorems and of the engine: the judge must refute them.

    Exit code 0 only if none survives, or with --calibration if no rate exceeds the stated one.
    """
    from alignment_theory.report import audits
    from alignment_theory.report import record as records
    from alignment_theory.verification import audit as auditing
    from alignment_theory.verification import calibration as calibrating
    from alignment_theory.verification.checks import STANDARD, THOROUGH
    from alignment_theory.verification.store import VerdictStore

    if json is not None:
        require_writable(json, "--json")
    if store is not None:
        require_writable(store, "--store")
    processes = workers or cores()
    if calibration:
        if ids or store:
            raise ValueError(
                "audit --calibration judges kinds of checks; leave out the ids and --store"
            )
        total = calibrating.jobs_needed(replicates)
        with progress(total, "calibrating") as advance:
            alarms = calibrating.calibrate(
                replicates=replicates, seed=seed, workers=processes, progress=advance
            )
        console().print(audits.calibration_table(alarms))
        content, failed = audits.calibration_record(alarms), any(a.exceeded for a in alarms)
    else:
        effort = STANDARD if standard else THOROUGH
        chosen = range(seed, seed + seeds)
        total = seeds * sum(variant.judged for variant in auditing.select(ids or []))
        with progress(total, "auditing") as advance:
            found = auditing.audit(
                ids or [],
                seeds=chosen,
                effort=effort,
                workers=processes,
                progress=advance,
                store=None if store is None else VerdictStore(store),
            )
        console().print(*audits.audit_tables(found), sep="\n")
        content, failed = audits.audit_record(found), bool(found.survivors or found.undropped())
    if json is not None:
        records.write(json, content)
    if failed:
        raise typer.Exit(1)


def _effort(quick: bool, thorough: bool) -> str:
    if quick and thorough:
        raise ValueError("verify: give either --quick or --thorough, not both")
    return "quick" if quick else "thorough" if thorough else "standard"
