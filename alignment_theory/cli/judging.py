"""Verdicts from the command line."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from alignment_theory.cli.common import (
    Ids,
    Interrupted,
    JsonFile,
    Seed,
    Workers,
    app,
    cache_folder,
    console,
    cores,
    file_option,
    progress,
    require_known,
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
    """Judge theorems on random networks and on classifiers of handwritten digits.

    Exit code 0 only if every verdict is HOLDS.
    """
    from alignment_theory.report import console as tables
    from alignment_theory.report import record as records
    from alignment_theory.studies import alignment_by_layer
    from alignment_theory.verification import run
    from alignment_theory.verification.checks import EFFORTS
    from alignment_theory.verification.verdict import Outcome

    effort = EFFORTS[_effort(quick, thorough)]
    require_known(ids or [])
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
    seeds: Annotated[
        int | None, typer.Option(min=1, help="How many seeds, from --seed on; 1 by default.")
    ] = None,
    standard: Annotated[
        bool,
        typer.Option(
            "--standard",
            help="At the effort of a plain verify, not of verify --thorough; variants that only "
            "the latter refutes may survive.",
        ),
    ] = False,
    calibration: Annotated[
        bool, typer.Option("--calibration", help="Count false alarms on true claims instead.")
    ] = False,
    replicates: Annotated[
        int | None, typer.Option(min=1, help="Of each kind, for --calibration; 3000 by default.")
    ] = None,
    store: Annotated[
        Path | None, file_option("Keep verdicts in this file; go on from those it has.")
    ] = None,
    json: JsonFile = None,
    workers: Workers = None,
) -> None:
    """Run every wrong variant of the theorems and of the engine: the judge must refute them.

    Exit code 0 only if none survives, or with --calibration if no rate exceeds the stated one.
    """
    from alignment_theory.report import record as records

    if json is not None:
        require_writable(json, "--json", inputs=() if store is None else (store,))
    if store is not None:
        require_writable(store, "--store")
    processes = workers or cores()
    if calibration:
        if ids or store or standard or seeds is not None:
            raise ValueError(
                "audit --calibration judges kinds of checks; leave out the ids and --store, "
                "--standard and --seeds"
            )
        content, failed = _calibrate(seed, 3000 if replicates is None else replicates, processes)
    else:
        if replicates is not None:
            raise ValueError("audit: --replicates is for --calibration; leave it out")
        content, failed = _audit(
            ids or [], range(seed, seed + (seeds or 1)), standard, processes, store
        )
    if json is not None:
        records.write(json, content)
    if failed:
        raise typer.Exit(1)


def _calibrate(seed: int, replicates: int, workers: int) -> tuple[dict[str, object], bool]:
    """Print the false alarms; return their record, and whether there are too many."""
    from alignment_theory.report import audits
    from alignment_theory.verification import calibration

    with progress(calibration.jobs_needed(replicates), "calibrating") as advance:
        alarms = calibration.calibrate(
            replicates=replicates, seed=seed, workers=workers, progress=advance
        )
    console().print(audits.calibration_table(alarms))
    return audits.calibration_record(alarms), any(alarm.exceeded for alarm in alarms)


def _audit(
    ids: list[str], seeds: range, standard: bool, workers: int, store: Path | None
) -> tuple[dict[str, object], bool]:
    """Print what was refuted; return the record, and whether something was not."""
    from alignment_theory.report import audits
    from alignment_theory.verification import audit as auditing
    from alignment_theory.verification.checks import STANDARD, THOROUGH
    from alignment_theory.verification.store import VerdictStore

    require_known(ids)
    total = len(seeds) * sum(variant.judged for variant in auditing.select(ids))
    hint = "with --store FILE an audit goes on where it was"
    if store is not None:
        hint = f"run the same command again to go on from the verdicts in {store}"
    try:
        with (
            nullcontext() if store is None else VerdictStore(store) as kept,
            progress(total, "auditing") as advance,
        ):
            found = auditing.audit(
                ids,
                seeds=seeds,
                effort=STANDARD if standard else THOROUGH,
                workers=workers,
                progress=advance,
                store=kept,
            )
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; {hint}") from None
    console().print(*audits.audit_tables(found), sep="\n")
    return audits.audit_record(found), bool(found.survivors or found.undropped())


def _effort(quick: bool, thorough: bool) -> str:
    if quick and thorough:
        raise ValueError("verify: give either --quick or --thorough, not both")
    return "quick" if quick else "thorough" if thorough else "standard"
