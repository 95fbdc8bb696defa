"""Means and limits: a prediction beside draws at every size of a ladder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, sqrt
from typing import Any

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.theory import Prediction, Theorem
from alignment_theory.verification.betting import confidence_interval, draws_needed, equivalence
from alignment_theory.verification.checks import Check, Effort
from alignment_theory.verification.judge import ALPHA, Sample, judge_means
from alignment_theory.verification.rates import Rate, fit_rate
from alignment_theory.verification.samplers import REDUCED, ReducedSampler, Sampler, gather_until
from alignment_theory.verification.subjects import Subject
from alignment_theory.verification.verdict import LEAST_LIVE, Verdict

Predict = Callable[[Theorem, Mapping[str, Any]], Prediction]

FIRST = 400
"""Trials after which a rung is looked at for the first time."""

AMPLE = 1.2
"""How many more trials are gathered than the estimate of how many decide."""

FIT_PRECISION = 0.1
"""Share of the predicted deviation from the limit that a rung's standard error is to reach."""

FIT_BUDGET = 0.125
"""Share of a rung's trials that may be spent on that."""

SHARP_SHARE = 0.2
"""Share of the finite-size term that a sharp rung resolves, so that leaving it out is refuted."""

SHARP_SLACK = 0.45
"""Share of it that the remainder may be: with more, most of the term hides in the remainder."""

SHARP_BUDGET = 4
"""How many times the effort's random numbers a sharp rung may use."""


def of_theorem(theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
    """Return what the theorem itself predicts."""
    return theorem.predict(**parameters)


@dataclass(frozen=True)
class Ignoring:
    """Predict without a parameter that is the sampler's alone."""

    name: str

    def __call__(self, theorem: Theorem, parameters: Mapping[str, Any]) -> Prediction:
        """Return the theorem's prediction."""
        told = {name: value for name, value in parameters.items() if name != self.name}
        return of_theorem(theorem, told)


@dataclass(frozen=True, eq=False)
class Rung:
    """One size of a ladder and who gathers there.

    ``sizes`` go to the sampler and to the prediction alike; ``scale`` is what the sizes are
    multiples of (for the fitted rate); a `thorough` rung is climbed only with that effort, and at a
    `sharp` one that effort resolves the finite-size term of the prediction itself. ``coarser``
    multiplies the margin.
    """

    sampler: Sampler
    sizes: Mapping[str, Any]
    scale: float = 1.0
    thorough: bool = False
    sharp: bool = False
    coarser: float = 1.0

    @property
    def label(self) -> str:
        """The sizes in a few words."""
        return ", ".join(f"{name} = {_short(value)}" for name, value in self.sizes.items())

    def cap(self, effort: Effort) -> int:
        """Return the most trials that the effort allows here."""
        if isinstance(self.sampler, ReducedSampler):
            numbers = effort.reduced_numbers * (SHARP_BUDGET if self.sharp else 1)
            return max(FIRST, numbers // self.sampler.size(**self.sizes))
        return effort.cap


def told_sizes(sizes: Sequence[Mapping[str, Any]]) -> str:
    """Return sets of sizes in one line, each once: "n, d = 100, 50; 400, 200"."""
    names = list(sizes[0]) if sizes else []
    rows = [", ".join(_short(row[name]) for name in names) for row in sizes]
    return f"{', '.join(names)} = {'; '.join(dict.fromkeys(rows))}" if names else ""


def _short(value: object) -> str:
    if isinstance(value, tuple | list):
        return "-".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, eq=False)
class Column:
    """One of the quantities that a sampler returns, and what its prediction takes besides sizes.

    ``scale`` is the magnitude that the relative margin refers to; the predicted value itself by
    default. ``place`` is the sampler's column; by default they are taken in order. ``power`` is the
    rate at which the limit is approached, in the rungs' scale.
    """

    label: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    scale: float | None = None
    place: int | None = None
    power: float = 1.0


@dataclass(frozen=True, eq=False)
class Ladder(Check):
    """Judge a mean or a limit: at every rung the interval must lie about the prediction there.

    Attributes
    ----------
    quantity : str
        What is drawn, for instance "E cos²".
    rungs : tuple of Rung
    columns : tuple of Column
        What is judged of what the sampler returns.
    predict : callable
        (theorem, parameters) to a Prediction; planted errors replace it.
    low, high : float
        Range of a draw.
    coarser : float
        Factor on the effort's margins, for quantities that are dear to resolve.
    """

    quantity: str
    rungs: tuple[Rung, ...]
    columns: tuple[Column, ...] = (Column(),)
    predict: Predict = of_theorem
    low: float = 0.0
    high: float = 1.0
    coarser: float = 1.0

    def judge(
        self, seed: np.random.SeedSequence, effort: Effort, digits: Sequence[Subject]
    ) -> Verdict:
        """Climb the ladder until every rung is decided, or its trials are spent."""
        del digits
        rungs = [rung for rung in self.rungs if effort.every_rung or not rung.thorough]
        level = ALPHA / (len(rungs) * len(self.columns))
        samples, trials = [], []
        for rung, child in zip(rungs, seed.spawn(len(rungs)), strict=True):
            found = self._climb(rung, child, effort, level)
            trials.append(len(found[0].draws))
            samples += found
        rate = self._rate(rungs, samples) if effort.every_rung else None
        settings = {
            "sizes": [dict(rung.sizes) for rung in rungs],
            "gatherers": [rung.sampler.gatherer for rung in rungs],
            "margins": [self._margin(rung, effort) for rung in rungs],
            "trials": trials,
            "alpha": ALPHA,
        }
        verdict = judge_means(
            self.theorem.id, self.setting, self.quantity, samples, settings=settings
        )
        return replace(
            verdict,
            rate="" if rate is None else str(rate),
            how_gathered=" + ".join(sorted({rung.sampler.gatherer for rung in rungs})),
            sizes=told_sizes([rung.sizes for rung in rungs]),
        )

    def _places(self) -> list[int]:
        """Return the sampler's column of each column."""
        columns = enumerate(self.columns)
        return [index if column.place is None else column.place for index, column in columns]

    def _margin(self, rung: Rung, effort: Effort) -> float:
        return self.coarser * rung.coarser * effort.margin_of(rung.sampler.gatherer)

    def _climb(
        self, rung: Rung, seed: np.random.SeedSequence, effort: Effort, level: float
    ) -> list[Sample]:
        empty = self._samples(rung, np.empty((0, 1 + max(self._places()))), effort)

        def wanted(draws: Array) -> int:
            needed = 0
            for place, sample in zip(self._places(), empty, strict=True):
                needed = max(needed, self._needed(draws[:, place], sample, rung, effort, level))
            return needed

        draws = gather_until(
            rung.sampler, seed, wanted, first=FIRST, cap=rung.cap(effort), **rung.sizes
        )
        return self._samples(rung, draws, effort)

    def _needed(
        self, draws: Array, sample: Sample, rung: Rung, effort: Effort, level: float
    ) -> int:
        """Return how many trials to have next: an estimate, checked once it says enough."""
        live = draws[~np.isnan(draws)]
        if sample.says_nothing:
            return 0
        if len(live) < LEAST_LIVE:
            return 2 * len(draws)
        spread, mean = float(live.std()), float(live.mean())
        room = sample.margin + sample.slack
        needed = 0.0
        if spread > 0:
            inside = min(max(mean, self.low), self.high)
            sure = max(0.0, abs(mean - sample.predicted) - 3 * spread / sqrt(len(live)))
            rest = max(abs(room - sure), room / 3)
            try:
                needed = draws_needed(
                    rest, spread, mean=inside, alpha=level, low=self.low, high=self.high
                )
            except ValueError:  # a margin below what the bets resolve: all trials, no decision
                return rung.cap(effort)
        deviation = abs(sample.predicted - sample.limit) * FIT_PRECISION
        if effort.every_rung and deviation > 0 and rung.sampler.gatherer == REDUCED:
            telling = (spread / deviation) ** 2
            needed = max(needed, telling if telling <= FIT_BUDGET * rung.cap(effort) else 0)
        needed *= AMPLE * len(draws) / len(live)
        if needed <= len(draws):
            interval = confidence_interval(live, alpha=level, low=self.low, high=self.high)
            decided = equivalence(interval, sample.predicted, room) != "INCONCLUSIVE"
            needed = 0 if decided else 1.3 * len(draws)
        return ceil(needed)

    def _samples(self, rung: Rung, draws: Array, effort: Effort) -> list[Sample]:
        """Return the draws of a rung beside their predictions, one sample a column."""
        samples = []
        for place, column in zip(self._places(), self.columns, strict=True):
            prediction = self.predict(self.theorem, {**rung.sizes, **column.parameters})
            value, slack = float(prediction.value), float(prediction.remainder)
            scale = abs(value) if column.scale is None else column.scale
            margin = self._margin(rung, effort) * scale
            limit = float(prediction.terms.get("limit", value))
            term = abs(float(prediction.terms.get("1/n term", 0.0)))
            if rung.sharp and effort.every_rung and slack < SHARP_SLACK * term:
                margin = min(margin, SHARP_SHARE * term)
            label = ", ".join(part for part in (column.label, rung.label) if part)
            samples.append(
                Sample(
                    f"{label}, {rung.sampler.gatherer}",
                    draws[:, place],
                    value,
                    margin,
                    self.low,
                    self.high,
                    slack,
                    limit,
                )
            )
        return samples

    def _rate(self, rungs: Sequence[Rung], samples: Sequence[Sample]) -> Rate | None:
        """Return the rate of the column that tells it best, over the reduced rungs if there are."""
        best: Rate | None = None
        for index, column in enumerate(self.columns):
            told = list(zip(rungs, samples[index :: len(self.columns)], strict=True))
            reduced = [pair for pair in told if pair[0].sampler.gatherer == REDUCED]
            chosen = [pair for pair in reduced or told if len(pair[1].live) >= LEAST_LIVE]
            rate = fit_rate(
                [rung.scale for rung, _ in chosen],
                [sample.live.mean() - sample.limit for _, sample in chosen],
                [sample.live.std() / np.sqrt(len(sample.live)) for _, sample in chosen],
                [sample.predicted - sample.limit for _, sample in chosen],
                column.power,
                column.label,
            )
            if rate is not None and (best is None or rate.rate_error < best.rate_error):
                best = rate
        return best
