"""The alignment of each rule's relevance with the activations, layer by layer.

Trained beside random beside predicted. The measure is the root mean square of cos(g_l, a_l) over
images (trained) or over networks (random): theory predicts the mean of cos², whatever the sign.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from alignment_theory.alignment import Measured
from alignment_theory.arrays import Array
from alignment_theory.attribution import attribute
from alignment_theory.models import Dataset, digits, digits_classifier, random_mlp
from alignment_theory.network import Network
from alignment_theory.rules import (
    AlphaBeta,
    Deconvnet,
    Gradient,
    GuidedBackprop,
    Method,
    RectGrad,
    ZPlus,
)
from alignment_theory.theory.depth_prediction import predict_depth
from alignment_theory.theory.zplus import predict_zplus
from alignment_theory.threads import one_blas_thread
from alignment_theory.verification.betting import confidence_interval

if TYPE_CHECKING:
    import pandas as pd

Profile = Callable[[Sequence[int]], Array]


@dataclass(frozen=True)
class Row:
    """A rule and the theory's alignment profile for random weights, where there is one."""

    rule: Method
    predicted: Profile | None = None


RECTGRAD_Q = 80.0


def _through_depth(rule: str, widths: Sequence[int]) -> Array:
    return np.asarray(predict_depth(rule, widths, RECTGRAD_Q).value)


def _of_zplus(widths: Sequence[int]) -> Array:
    """Predict for inputs with independent uniform entries, which images are not.

    NaN at levels below layers that are too narrow for the theory.
    """
    predicted = np.full(len(widths) - 1, np.nan)
    for level in range(len(predicted)):
        with suppress(ValueError):
            predicted[level] = predict_zplus(widths, level).value
    return predicted


ROWS = (
    Row(Gradient(), partial(_through_depth, "gradient")),
    Row(Deconvnet(), partial(_through_depth, "deconvnet")),
    Row(GuidedBackprop(), partial(_through_depth, "guided")),
    Row(RectGrad(RECTGRAD_Q), partial(_through_depth, "rectgrad")),
    Row(ZPlus(), _of_zplus),
    Row(AlphaBeta(2.0, 1.0)),
)
CONFIDENCE = 0.95


def run(
    trained: Network, data: Dataset, *, seed: int, networks: int = 150, rows: Sequence[Row] = ROWS
) -> "pd.DataFrame":
    """Measure a trained dense network on its test images, and random ones of the same widths.

    The explained output is the image's label; random networks are bias-free with He-normal
    weights, one test image each. Intervals are betting confidence sequences at 95 %.

    Returns
    -------
    DataFrame
        One row a rule and level: rule, level, trained, trained_low, trained_high, random,
        random_low, random_high, predicted (NaN where no theory is stated), undefined (values left
        out because a vector was all 0), images, networks.
    """
    import pandas as pd

    widths = [trained.shapes[k][0] for k in trained.levels] + [trained.output_shape[0]]
    with one_blas_thread():
        trace = trained.forward(data.test_inputs)
        measured_trained = [
            attribute(trace, rule=row.rule, target=data.test_labels).alignment() for row in rows
        ]
        measured_random = _random(widths, data, rows, seed, networks)
    records = []
    for row, on_trained, on_random in zip(rows, measured_trained, measured_random, strict=True):
        predicted = row.predicted(widths) if row.predicted else [np.nan] * len(trained.levels)
        for level in range(len(trained.levels)):
            record: dict[str, object] = {"rule": row.rule.name, "level": level}
            for kind, measured in (("trained", on_trained), ("random", on_random)):
                values = measured.values[level]
                record |= _root_mean_square(kind, values[~np.isnan(values)])
            record["predicted"] = float(np.sqrt(predicted[level]))
            record["undefined"] = int(
                (on_trained.reasons[level] != "").sum() + (on_random.reasons[level] != "").sum()
            )
            records.append(record | {"images": len(data.test_labels), "networks": networks})
    return pd.DataFrame.from_records(records)


def of_digits(*, seed: int = 0, cache: Path | None = None, networks: int = 150) -> "pd.DataFrame":
    """Return the table for the digits classifier with bias that `verify` judges theorems on."""
    trained = digits_classifier(seed=seed, bias=True, cache=cache, progress=False)
    return run(trained.network, digits(seed=seed), seed=seed, networks=networks)


def _random(
    widths: Sequence[int], data: Dataset, rows: Sequence[Row], seed: int, networks: int
) -> list[Measured]:
    """Return the alignment of every row on random networks, (levels, networks) each."""
    columns: list[list[Measured]] = [[] for _ in rows]
    sequence = np.random.SeedSequence(seed, spawn_key=(1,))
    for index, child in enumerate(sequence.spawn(networks)):
        rng = np.random.default_rng(child)
        network = random_mlp(tuple(widths), rng=rng)
        place = index % len(data.test_labels)
        trace = network.forward(data.test_inputs[place])
        for column, row in zip(columns, rows, strict=True):
            attribution = attribute(trace, rule=row.rule, target=int(data.test_labels[place]))
            column.append(attribution.alignment())
    return [
        Measured(
            np.stack([m.values for m in column], axis=1),
            np.stack([m.reasons for m in column], axis=1),
        )
        for column in columns
    ]


def _root_mean_square(kind: str, cosines: Array) -> dict[str, float]:
    if len(cosines) == 0:
        return {kind: np.nan, f"{kind}_low": np.nan, f"{kind}_high": np.nan}
    squares = np.clip(cosines**2, 0, 1)
    low, high = confidence_interval(squares, alpha=1 - CONFIDENCE, low=0.0, high=1.0)
    values = np.sqrt([squares.mean(), low, high])
    return dict(zip((kind, f"{kind}_low", f"{kind}_high"), map(float, values), strict=True))
