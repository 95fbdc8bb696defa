"""Verdicts kept on disk as they are reached, so that long work can be interrupted and resumed.

One JSON object a line: ``key`` and ``verdict``. A key names the check, the seed, the effort and the
code, by a hash of the package's source: verdicts of other code are never taken over. A line that an
interruption cut short is left out.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from alignment_theory.verification.verdict import Outcome, Verdict


@cache
def code_hash() -> str:
    """Return a hash of all Python files of the package."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class VerdictStore:
    """Verdicts by key, in a file that grows by a line a verdict.

    Parameters
    ----------
    path : Path
        Made where it does not exist.

    Raises
    ------
    ValueError
        For a file whose whole lines are not such records.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: dict[str, Verdict] = {}
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        whole, _, cut = text.rpartition("\n")
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                record = json.loads(line)
                self.found[record["key"]] = _decoded(record["verdict"])
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f"{path}, line {number}: expected a stored verdict, got {line[:60]!r} ({error})"
                ) from None
        if cut:
            path.write_text(whole + "\n" if whole else "", encoding="utf-8")

    def key(self, *parts: object) -> str:
        """Return the key of work described by some words, under the present code."""
        return " | ".join(map(str, (code_hash(), *parts)))

    def keep(self, keys: Sequence[str], index: int, verdict: Verdict) -> None:
        """Add a verdict, the `index`-th of work with the given keys, to the file."""
        self.found[keys[index]] = verdict
        line = json.dumps({"key": keys[index], "verdict": _encoded(verdict)})
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def _encoded(verdict: Verdict) -> dict[str, Any]:
    return {**vars(verdict), "outcome": str(verdict.outcome), "settings": dict(verdict.settings)}


def _decoded(record: dict[str, Any]) -> Verdict:
    low, high = record["interval"]
    outcome = Outcome(record["outcome"])
    return Verdict(**{**record, "outcome": outcome, "interval": (low, high)})
