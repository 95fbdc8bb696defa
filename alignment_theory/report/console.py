"""Verdicts and alignment tables on a terminal."""

from collections import Counter
from collections.abc import Sequence
from math import isnan
from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from alignment_theory.verification.verdict import Outcome, Verdict

if TYPE_CHECKING:
    import pandas as pd

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

    Below `WIDE` columns the same is stacked in fewer columns.
    """
    table = Table(title="Verdicts", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    if width >= WIDE:
        table.add_column("theorem, where", overflow="fold", min_width=28)
        table.add_column("quantity", overflow="fold", min_width=14)
        for head in ("predicted", "observed", "interval"):
            table.add_column(head, justify="right", no_wrap=True)
        table.add_column("trials (live)", justify="right")
        table.add_column("verdict", no_wrap=True)
        table.add_column("would have detected", overflow="fold", min_width=24)
    else:
        table.add_column("theorem, where; quantity; would have detected", overflow="fold")
        heads = ("predicted\nobserved", "interval\ntrials (live)", "verdict")
        for head in heads:
            table.add_column(head, justify="right", no_wrap=True)
    for verdict in verdicts:
        low, high = verdict.interval
        interval = escape(f"[{number(low)}, {number(high)}]")
        name = Text.assemble((verdict.theorem, "bold"), f"\n{verdict.setting}")
        trials = f"{verdict.trials:,} ({verdict.live_trials:,})"
        outcome = Text(str(verdict.outcome), style=_COLOURS[verdict.outcome])
        detected = verdict.resolution
        if verdict.witness:
            detected += f"\nwitness: {verdict.witness}"
        predicted, observed = number(verdict.predicted), number(verdict.observed)
        if width >= WIDE:
            cells = [verdict.quantity, predicted, observed, interval, trials]
            table.add_row(name, *map(escape, cells[:3]), *cells[3:], outcome, escape(detected))
        else:
            name.append(f"\n{verdict.quantity}\n{detected}")
            numbers = f"{predicted}\n{observed}"
            table.add_row(name, numbers, f"{interval}\n{trials}", outcome)
    return table


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
        f"each cell: trained ({images} images), random ({networks} networks), leading-order "
        "prediction\nfor random; 95 % confidence intervals; – where no theory is stated"
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
