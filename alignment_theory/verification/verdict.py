"""The verdict on one theorem in one setting: never a bool."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from math import isfinite

LEAST_LIVE_SHARE = 0.2
LEAST_LIVE = 50
"""Live trials, and their share, below which nothing is concluded."""


class Outcome(StrEnum):
    """How a check ended."""

    HOLDS = "HOLDS"
    FAILS = "FAILS"
    INCONCLUSIVE = "INCONCLUSIVE"
    VACUOUS = "VACUOUS"


@dataclass(frozen=True)
class Verdict:
    """What a check found, with what it would have found had the theorem been wrong.

    Attributes
    ----------
    theorem : str
        Id of the theorem.
    setting : str
        Where it was checked, in a few words.
    outcome : Outcome
    quantity : str
        What the numbers are, for instance "mean cos²".
    predicted, observed : float
    interval : (float, float)
        For means a confidence interval; for identities and bounds the range of what was observed.
    p_value : float
        Smallest p-value of the tests of the theorem (1 where no test is statistical).
    trials, live_trials : int
        Comparisons made, and those in which something could have gone wrong.
    resolution : str
        What the check would have detected, with its error rate.
    settings : mapping
        Sizes, rules, levels and seeds.
    witness : str
        The counterexample, where there is one.
    how_gathered : str
        "engine" (real networks, real rules), "reduced" (pre-activations and one χ² a layer), or
        both.
    sizes : str
        The sizes that it was judged at.
    rate : str
        For a limit judged thoroughly, the fitted rate and constant beside the derived ones.
    """

    theorem: str
    setting: str
    outcome: Outcome
    quantity: str
    predicted: float
    observed: float
    interval: tuple[float, float]
    trials: int
    live_trials: int
    resolution: str
    p_value: float = 1.0
    settings: Mapping[str, object] = field(default_factory=dict)
    witness: str = ""
    how_gathered: str = "engine"
    sizes: str = ""
    rate: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the verdict as plain JSON values; numbers that are not finite become null."""
        record = asdict(self)
        for key in ("predicted", "observed", "p_value"):
            record[key] = _plain(record[key])
        record["interval"] = [_plain(end) for end in self.interval]
        record["outcome"] = str(self.outcome)
        record["settings"] = dict(self.settings)
        return record


def _plain(number: float) -> float | None:
    return float(number) if isfinite(number) else None
