"""Verdicts and alignment tables on a terminal."""

from collections import Counter
from collections.abc import Sequence
from math import isnan
from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from alignment_theory.theory import CATALOGUE
from alignment_theory.verification.verdict import Outcome, Verdict

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType

_COLOURS = {
    Outcome.HOLDS: "green",
    Outcome.FAILS: "bold red",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.VACUOUS: "yellow",
}


WIDE = 190
"""Columns of a terminal from which every number has a column of its own."""


def verdict_table(verdicts: Sequence[Verdict], width: int = WIDE) -> Table:
    """Return one row a check: what was predicted, what was seen, and what it would have caught.

    Each row names the theorem's hypotheses, the sizes and who gathered. Below `WIDE` columns the
    same is stacked in fewer columns.
    """
    table = Table(title="Verdicts", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    wide = width >= WIDE
    if wide:
        table.add_column("theorem, where", overflow="fold", min_width=26)
        table.add_column("given; sizes; gathered by", overflow="fold", min_width=26)
        table.add_column("quantity", overflow="fold", min_width=14)
        heads = ["predicted", "observed", "interval", "trials (live)", "verdict"]
    else:
        table.add_column("theorem, where; given; sizes; would have detected", overflow="fold")
        heads = ["predicted\nobserved", "interval\ntrials (live)", "verdict"]
    for head in heads:
        table.add_column(head, justify="right", no_wrap=head != "trials (live)")
    if wide:
        table.add_column("would have detected", overflow="fold", min_width=24)
    for verdict in verdicts:
        table.add_row(*(_wide_row(verdict) if wide else _narrow_row(verdict)))
    return table


def _wide_row(verdict: Verdict) -> "list[RenderableType]":
    low, high = verdict.interval
    return [
        Text.assemble((verdict.theorem, "bold"), f"\n{verdict.setting}"),
        escape(_circumstances(verdict)),
        escape(verdict.quantity),
        number(verdict.predicted),
        number(verdict.observed),
        escape(f"[{number(low)}, {number(high)}]"),
        f"{verdict.trials:,} ({verdict.live_trials:,})",
        Text(str(verdict.outcome), style=_COLOURS[verdict.outcome]),
        escape(_detected(verdict)),
    ]


def _narrow_row(verdict: Verdict) -> "list[RenderableType]":
    low, high = verdict.interval
    words = (verdict.setting, verdict.quantity, _circumstances(verdict), _detected(verdict))
    return [
        Text.assemble((verdict.theorem, "bold"), *(f"\n{line}" for line in words)),
        f"{number(verdict.predicted)}\n{number(verdict.observed)}",
        escape(f"[{number(low)}, {number(high)}]\n{verdict.trials:,} ({verdict.live_trials:,})"),
        Text(str(verdict.outcome), style=_COLOURS[verdict.outcome]),
    ]


def _circumstances(verdict: Verdict) -> str:
    """Return the theorem's hypotheses, the sizes it was judged at and who gathered."""
    known = CATALOGUE.get(verdict.theorem)
    names = [hypothesis.name for hypothesis in known.hypotheses] if known else []
    parts = [f"given {', '.join(names)}" if names else "given nothing", verdict.sizes]
    return "; ".join(part for part in (*parts, verdict.how_gathered) if part)


def _detected(verdict: Verdict) -> str:
    lines = [verdict.resolution, verdict.rate]
    lines.append(f"witness: {verdict.witness}" if verdict.witness else "")
    return "\n".join(line for line in lines if line)


def summary(verdicts: Sequence[Verdict]) -> str:
    """Return how many verdicts there are of each kind, in one line."""
    counts = Counter(verdict.outcome for verdict in verdicts)
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome])


def alignment_table(frame: "pd.DataFrame") -> Table:
    """Return trained beside random beside predicted, a row a rule and a group a level."""
    levels = sorted(frame["level"].unique())
    images, networks = (int(frame[name].iloc[0]) for name in ("images", "networks"))
    title = (
        "Alignment: root mean square of cos(g_l, a_l)\n"
        f"each cell: trained ({images} images), random ({networks} networks), predicted "
        "for\nrandom (to order 1/width); 95 % confidence intervals; – where no theory is stated"
    )
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("rule")
    for level in levels:
        table.add_column(f"l = {level}" + (" (input)" if level == 0 else ""), justify="right")
    for rule, group in frame.groupby("rule", sort=False):
        cells = []
        for _, row in group.sort_values("level").iterrows():
            predicted = "–" if isnan(row["predicted"]) else f"{row['predicted']:.3f}"
            cells.append(
                f"{_with_interval(row, 'trained')}\n{_with_interval(row, 'random')}\n{predicted}"
            )
        table.add_row(str(rule), *cells, end_section=True)
    return table


def _with_interval(row: "pd.Series[float]", kind: str) -> str:
    if isnan(row[kind]):
        return "undefined"
    return escape(f"{row[kind]:.3f} [{row[f'{kind}_low']:.3f}, {row[f'{kind}_high']:.3f}]")


def number(value: float) -> str:
    """Return a number in at most four significant digits."""
    if isnan(value):
        return "–"
    return "0" if value == 0 else f"{value:.4g}"
