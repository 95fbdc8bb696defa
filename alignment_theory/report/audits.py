"""The kill matrix and the false alarms, on a terminal and as JSON values."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table

from alignment_theory.verification.audit import Audit
from alignment_theory.verification.calibration import FalseAlarms
from alignment_theory.verification.variants import Operator

if TYPE_CHECKING:
    from rich.console import RenderableType


def audit_tables(audit: Audit) -> "list[RenderableType]":
    """Return the kill matrix (theorem by operator), then survivors, equivalents and a summary."""
    table = Table(
        title="Wrong variants refuted, of how many", title_justify="left", box=box.SIMPLE_HEAD
    )
    table.add_column("theorem", no_wrap=True)
    for operator in Operator:
        table.add_column(str(operator), justify="right")
    table.add_column("all", justify="right")
    names = dict.fromkeys(trial.variant.check.theorem.id for trial in audit.trials)
    for name in names:
        cells = [_share(audit.killed(name, operator)) for operator in Operator]
        table.add_row(name, *cells, _share(audit.killed(name)), end_section=name == list(names)[-1])
    totals = [_share(audit.killed(None, operator)) for operator in Operator]
    table.add_row("all", *totals, _share(audit.killed()))
    lines = [
        f"survived: {escape(t.variant.name)} (seed {t.seed}: {t.verdict.outcome})"
        for t in audit.survivors
    ]
    for v in audit.listed:
        kind = "equivalent" if v.equivalent else "below the resolution"
        lines.append(f"{kind}: {escape(v.name)} - {escape(v.equivalent or v.unresolved)}")
    lines += [f"not shown to matter: hypothesis {h} of {t}" for t, h in audit.undropped()]
    killed, total = audit.killed()
    share = killed / total if total else 0.0
    lines.append(
        f"{killed} of {total} refuted ({share:.1%}; at least {audit.least_rate():.1%} with 95 % "
        "confidence)"
    )
    return [table, *lines]


def _share(counts: tuple[int, int]) -> str:
    killed, total = counts
    return f"{killed}/{total}" if total else ""


def audit_record(audit: Audit) -> dict[str, object]:
    """Return one record a trial, and the summary, as JSON values."""
    killed, total = audit.killed()
    return {
        "killed": killed,
        "total": total,
        "least_rate": audit.least_rate(),
        "trials": [
            {
                "theorem": trial.variant.check.theorem.id,
                "operator": str(trial.variant.operator),
                "error": trial.variant.error,
                "hypothesis": trial.variant.hypothesis,
                "seed": trial.seed,
                "killed": trial.killed,
                "verdict": trial.verdict.as_json(),
            }
            for trial in audit.trials
        ],
        "listed": [[v.name, v.equivalent or v.unresolved] for v in audit.listed],
        "undropped": [list(pair) for pair in audit.undropped()],
    }


def calibration_table(alarms: Sequence[FalseAlarms]) -> Table:
    """Return one row a kind of check: false alarms on true claims beside the stated rate."""
    table = Table(title="False alarms", title_justify="left", box=box.SIMPLE_HEAD)
    heads = ("kind of check", "false alarms", "rate", "at most (95 %)", "stated", "vacuous")
    for head in heads:
        table.add_column(head, justify="left" if head == heads[0] else "right")
    for a in alarms:
        table.add_row(
            a.kind,
            f"{a.alarms} / {a.replicates}",
            f"{a.rate:.2%}",
            f"{a.highest:.2%}",
            f"{a.stated:.0%}" + (" EXCEEDED" if a.exceeded else ""),
            str(a.vacuous),
        )
    return table


def calibration_record(alarms: Sequence[FalseAlarms]) -> dict[str, object]:
    """Return the counts as JSON values."""
    return {
        "calibration": [
            {
                "kind": a.kind,
                "alarms": a.alarms,
                "replicates": a.replicates,
                "vacuous": a.vacuous,
                "stated": a.stated,
                "highest": a.highest,
            }
            for a in alarms
        ]
    }
