"""Identities and bounds: one difference above its rounding bound refutes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.verification.verdict import LEAST_LIVE, LEAST_LIVE_SHARE, Outcome, Verdict

SHARPEST = 1e-3
"""A comparison is live only where its rounding bound is below this share of its scale."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two sides of an identity, computed apart, with a bound on what rounding can do.

    ``low_only`` marks an inequality ``left >= right``. ``scale`` is the magnitude that differences
    are reported relative to; entries whose scale is 0 are not live.
    """

    label: str
    left: Array
    right: Array
    bound: Array
    scale: Array
    low_only: bool = False


def judge_comparisons(
    theorem: str,
    setting: str,
    comparisons: Iterable[Comparison],
    settings: Mapping[str, object] | None = None,
) -> Verdict:
    """Judge an identity or a bound: one difference above its rounding bound refutes it.

    HOLDS needs at least 50 live entries, and a fifth of all. Where there are inequalities, what is
    reported is their least and greatest side.
    """
    lowest, highest = np.inf, -np.inf
    bounds: list[Array] = []
    trials = live = 0
    witness = ""
    comparisons = list(comparisons)
    one_sided = any(item.low_only for item in comparisons)
    for item in comparisons:
        left, right, bound, scale = np.broadcast_arrays(
            *(np.asarray(part, float) for part in (item.left, item.right, item.bound, item.scale))
        )
        difference = left - right
        excess = -difference if item.low_only else np.abs(difference)
        violated = (excess > bound) | np.isnan(difference)
        sharp = (scale > 0) & ((bound <= SHARPEST * scale) | violated)
        trials += difference.size
        live += int(sharp.sum())
        if violated.any() and not witness:
            at = tuple(int(i) for i in np.argwhere(violated)[0])
            relation = ">=" if item.low_only else "="
            witness = (
                f"{item.label} at {at}: {left[at]:.17g} {relation} {right[at]:.17g} is false; "
                f"rounding explains {bound[at]:.2g}"
            )
        if sharp.any():
            relative = difference[sharp] / scale[sharp]
            if item.low_only == one_sided:
                lowest, highest = min(lowest, relative.min()), max(highest, relative.max())
            bounds.append(bound[sharp] / scale[sharp])
    if witness:
        outcome = Outcome.FAILS
    elif live < max(LEAST_LIVE, LEAST_LIVE_SHARE * trials):
        outcome = Outcome.VACUOUS
    else:
        outcome = Outcome.HOLDS
    sharpness = np.concatenate(bounds) if bounds else np.array([np.inf])
    extremes = (float(lowest), float(highest)) if live else (np.nan, np.nan)
    observed = extremes[0] if one_sided else max(extremes, key=abs)
    return Verdict(
        theorem,
        setting,
        outcome,
        "least left - right, relative" if one_sided else "left - right, relative",
        0.0,
        observed,
        extremes,
        trials,
        live,
        _detected(sharpness),
        settings=settings or {},
        witness=witness,
    )


def _detected(sharpness: Array) -> str:
    """Say which errors the bounds leave no room for, from bounds relative to their scale."""
    if sharpness.max() == 0:
        return "any difference at all"
    middle = f"{np.median(sharpness):.1e}" if np.median(sharpness) > 0 else "0"
    return f"a relative error > {sharpness.max():.1e} anywhere, > {middle} in half"
