"""Verdicts and alignment tables on a terminal."""

from collections import Counter
from collections.abc import Sequence
from math import isnan
from typing import TYPE_CHECKING

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


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """Return one row a check: what was predicted, what was seen, and what it would have caught."""
    table = Table(title="Verdicts", title_justify="left", show_lines=False)
    table.add_column("theorem, where", overflow="fold", min_width=22)
    table.add_column("quantity", overflow="fold", min_width=12)
    for head in ("predicted", "observed", "interval", "trials (live)"):
        table.add_column(head, justify="right", overflow="fold")
    table.add_column("verdict")
    table.add_column("would have detected", overflow="fold", min_width=18)
    for verdict in verdicts:
        low, high = verdict.interval
        table.add_row(
            Text.assemble((verdict.theorem, "bold"), f"\n{verdict.setting}"),
            verdict.quantity,
            number(verdict.predicted),
            number(verdict.observed),
            f"[{number(low)}, {number(high)}]".replace("[", r"\["),
            f"{verdict.trials:,}\n({verdict.live_trials:,})",
            Text(str(verdict.outcome), style=_COLOURS[verdict.outcome]),
            verdict.resolution + (f"\nwitness: {verdict.witness}" if verdict.witness else ""),
        )
    return table


def summary(verdicts: Sequence[Verdict]) -> str:
    """Return how many verdicts there are of each kind, in one line."""
    counts = Counter(verdict.outcome for verdict in verdicts)
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome])


def alignment_table(frame: "pd.DataFrame") -> Table:
    """Return trained beside random beside predicted, a row a rule and a group a level."""
    levels = sorted(frame["level"].unique())
    title = (
        "Alignment: root mean square of cos(g_l, a_l), trained / random / predicted for random\n"
        f"({int(frame['images'].iloc[0])} images, {int(frame['networks'].iloc[0])} random "
        "networks; ± half of a 95 % confidence interval; – where no theory is stated)"
    )
    table = Table(title=title, title_justify="left")
    table.add_column("rule")
    for level in levels:
        table.add_column(f"l = {level}" + (" (input)" if level == 0 else ""), justify="right")
    for rule, group in frame.groupby("rule", sort=False):
        cells = []
        for _, row in group.sort_values("level").iterrows():
            predicted = "–" if isnan(row["predicted"]) else f"{row['predicted']:.3f}"
            cells.append(
                f"{_with_error(row, 'trained')}\n{_with_error(row, 'random')}\n{predicted}"
            )
        table.add_row(str(rule), *cells, end_section=True)
    return table


def _with_error(row: "pd.Series[float]", kind: str) -> str:
    if isnan(row[kind]):
        return "undefined"
    return f"{row[kind]:.3f} ± {(row[f'{kind}_high'] - row[f'{kind}_low']) / 2:.3f}"


def number(value: float) -> str:
    """Return a number in at most four significant digits."""
    if isnan(value):
        return "–"
    return "0" if value == 0 else f"{value:.4g}"
