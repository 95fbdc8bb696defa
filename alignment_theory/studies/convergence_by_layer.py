"""Cosine similarity convergence layer by layer, beside what theory predicts of it.

Measured as Sixt 2020 defines it (see `alignment_theory.convergence`). Where a method is linear in
the relevance that starts, the law of the cosines follows from singular values of its backward map;
it is predicted from them and compared with independent pairs of starts.
"""

from collections.abc import Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from alignment_theory.alignment import Measured
from alignment_theory.arrays import Array, as_array, whole_number
from alignment_theory.attribution import attribute
from alignment_theory.convergence import PERCENTILES, Convergence, convergence
from alignment_theory.layers import Switch
from alignment_theory.layers.residual import in_order
from alignment_theory.network import Network, network_of_floats
from alignment_theory.rules import Method
from alignment_theory.rules.reference import Averaged
from alignment_theory.studies.convergence_prediction import Predicted, is_additive, predict
from alignment_theory.theory.convergence import gaussian_cosine_quantile
from alignment_theory.threads import one_blas_thread
from alignment_theory.verification.betting import confidence_interval

if TYPE_CHECKING:
    import pandas as pd

CONFIDENCE = 0.95
LARGEST_START = 4096
"""Units of the largest start that a prediction is made for: it takes a backward pass for each."""

_IMAGES_AT_ONCE = 8


def run(
    network: Network,
    images: ArrayLike,
    *,
    rule: Method,
    start: int | None = None,
    draws: int = 5,
    seed: int,
    predicted_images: int = 6,
    locations: int = 4,
    pairs: int = 50,
) -> "pd.DataFrame":
    """Measure the convergence of random relevance that starts at a position of the network.

    Measured at the input of every layer below the start that is no switch, outside residuals. The
    images are the unit of independence: intervals are exact ones for the median over images of
    each image's median (order statistics), at 95 %; NaN for fewer than 6 images. An image's median
    is one of few pairs that share starts, and need not have the law's median as its own (off by
    6 % in simulations with five starts). What can refute the law, however few the pairs, is `rank`:
    its mean is 1/2 where the law is right, but a law that is too wide or too narrow around the
    right median may have that mean too.

    Rounding on the way turns directions by some 1e-7 in float32 and 1e-16 in float64: on VGG16, z⁺
    in both agrees to 0.1 % where ``1 - |cos|`` is 1e-9, and to 10 % where it is 1e-14.

    Parameters
    ----------
    network : Network
    images : array (images, ...)
        Batch of inputs; random starts belong to an image whatever else is in the batch.
    rule : Method
    start : int, optional
        Position at which v ~ N(0, I) replaces the relevance; left out, the output.
    draws : int
        Starts an image.
    seed : int
    predicted_images, locations, pairs : int
        How many of the images, locations of each and pairs of starts are compared with the exact
        law. It takes as many backward passes an image as the start has units; 0 images for none.

    Returns
    -------
    DataFrame
        A row a layer, the one at the input first: layer (its number), kind, channels, locations,
        images, pairs (defined cosines), undefined, reasons; mean, median and p0 ... p100 of |cos|;
        baseline, the median |cos| of Gaussian vectors; divergence, the median over images of the
        median ``1 - |cos|``, low, high; predicted, predicted_low, predicted_high, the same by the
        exact law (over `predicted_images`); rank_one, the median over locations of 2 (σ_2/σ_1)²;
        rest and birkhoff, medians of Σ_{i>1} (σ_i/σ_1)² and of its bound; rank, rank_low and
        rank_high: the mean rank of measured pairs among draws of the law, 1/2 if it is right, with
        a betting interval at 95 %, each by itself (of 20 rows one may miss by chance; the interval
        holds at every number of pairs at once, so it need not hold the last mean); note, why
        nothing is predicted.

    Raises
    ------
    ValueError
        For positions and numbers out of range, exact networks, a single image without its batch
        axis, relevance that sinks to where the element type loses digits, and what
        `Network.forward` and `attribute` refuse.
    """
    import pandas as pd

    for name, value, least in (
        ("draws", draws, 2),
        ("seed", seed, 0),
        ("predicted_images", predicted_images, 0),
        ("locations", locations, 1),
        ("pairs", pairs, 1),
    ):
        whole_number(value, name, least)
    batch = _checked(network, images)
    below = _below(network, start)
    positions = [k for k, layer in enumerate(below.layers) if not isinstance(layer, Switch)]
    with one_blas_thread():
        parts = list(_measured(below, batch, rule, positions, draws, seed))
        chosen = batch[:predicted_images]
        note = _obstacle(below, chosen, rule, seed)
        count = 0 if note else len(chosen)
        predictions = [
            _predicted(below, batch[k : k + 1], rule, positions, locations, pairs, seed, k)
            for k in range(count)
        ]
    records = []
    for position in positions:
        record = _describe(below, position) | _measurement([part[position] for part in parts])
        record |= _prediction([found[position] for found in predictions], note)
        records.append(record)
    return pd.DataFrame.from_records(records)


def _below(network: Network, start: int | None) -> Network:
    """Return the layers below a position, all of them for None."""
    depth = len(network.layers)
    start = depth if start is None else start
    whole = isinstance(start, int | np.integer) and not isinstance(start, bool)
    if not whole or not 1 <= start <= depth:
        raise ValueError(f"start: expected a position from 1 to {depth}, got {start!r}")
    return Network(network.layers[:start], network.input_shape)


def _checked(network: Network, images: ArrayLike) -> Array:
    network_of_floats(network, "network")
    batch = as_array(images, "images", network.dtype if network.has_parameters else None)
    if batch.shape[1:] != network.input_shape or len(batch) == 0:
        raise ValueError(
            f"images: expected a non-empty batch (images, "
            f"{', '.join(map(str, network.input_shape))}), got shape {batch.shape}"
        )
    return batch


def _generator(seed: int, image: int, purpose: int) -> np.random.Generator:
    """Return the generator of one image, whatever else is in the batch."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(image, purpose)))


def _measured(
    network: Network, images: Array, rule: Method, positions: Sequence[int], draws: int, seed: int
) -> Iterator[dict[int, Convergence]]:
    """Yield the convergence at every position, some images at a time."""
    for first in range(0, len(images), _IMAGES_AT_ONCE):
        trace = network.forward(images[first : first + _IMAGES_AT_ONCE])
        shape = (draws, *network.output_shape)
        starts = np.stack(
            [
                _generator(seed, first + k, 0).standard_normal(shape)
                for k in range(trace.batch_size)
            ],
            axis=1,
        ).astype(trace.dtype)
        passes = [attribute(trace, rule=rule, seed=one).batched for one in starts]
        _require_digits(passes, positions)
        yield {k: convergence(np.stack([one[k] for one in passes])) for k in positions}


def _require_digits(passes: Sequence[tuple[Array, ...]], positions: Sequence[int]) -> None:
    """Raise ValueError where all that arrives of a start is near the smallest normal number."""
    for position in positions:
        flat = np.stack([one[position].reshape(len(one[position]), -1) for one in passes])
        peaks = np.abs(flat).max(axis=-1)
        limits = np.finfo(flat.dtype)
        if ((peaks > 0) & (peaks < limits.tiny / limits.eps)).any():
            raise ValueError(
                f"position {position}: the relevance has sunk to {peaks[peaks > 0].min():.1e} in "
                f"{flat.dtype}, where it loses digits; compute in float64, or scale the network"
            )


def _obstacle(network: Network, images: Array, rule: Method, seed: int) -> str:
    """Return why nothing can be predicted of these images, or nothing."""
    if not len(images):
        return "not asked for"
    if isinstance(rule, Averaged):
        return f"{rule.name} averages passes at several inputs and has no map of its own"
    units = prod(network.output_shape)
    if units > LARGEST_START:
        return f"the start has {units} units, of {LARGEST_START} at most"
    for first in range(0, len(images), _IMAGES_AT_ONCE):
        part = network.forward(images[first : first + _IMAGES_AT_ONCE])
        if not is_additive(part, rule, rng=_generator(seed, first, 1)):
            return "not linear: the gates depend on the relevance"
    return ""


def _predicted(
    network: Network,
    image: Array,
    rule: Method,
    positions: Sequence[int],
    locations: int,
    pairs: int,
    seed: int,
    index: int,
) -> dict[int, Predicted]:
    rng = _generator(seed, index, 2)
    places = {}
    for position in positions:
        available = prod(network.shapes[position][1:])
        places[position] = rng.choice(available, min(locations, available), replace=False)
    return predict(network.forward(image), rule, places, pairs=pairs, rng=rng)


def _describe(network: Network, position: int) -> dict[str, object]:
    shape = network.shapes[position]
    return {
        "layer": len(in_order(network.layers[:position])),
        "kind": type(network.layers[position]).__name__,
        "channels": shape[0],
        "locations": prod(shape[1:]),
        "baseline": gaussian_cosine_quantile(shape[0]),
    }


def _measurement(parts: Sequence[Convergence]) -> dict[str, object]:
    divergence = [part.divergence for part in parts]
    values = np.concatenate([one.values for one in divergence], axis=1)
    reasons = np.concatenate([one.reasons for one in divergence], axis=1)
    whole = Convergence(Measured(values, reasons))
    undefined = whole.undefined
    record: dict[str, object] = {
        "images": values.shape[1],
        "pairs": int(whole.defined.size),
        "undefined": sum(undefined.values()),
        "reasons": "; ".join(f"{count} {reason}" for reason, count in undefined.items()),
        "mean": whole.mean(),
        "median": float(whole.percentiles(50)),
    }
    shown = zip(PERCENTILES, whole.percentiles(), strict=True)
    record |= {f"p{which}": float(value) for which, value in shown}
    return record | dict[str, object](_over_images("divergence", "", whole.sample_medians()))


def _prediction(found: Sequence[Predicted], note: str) -> dict[str, object]:
    medians = np.array([_median(one.law) for one in found])
    record: dict[str, object] = dict(_over_images("predicted", "predicted_", medians))
    for name in ("rank_one", "rest", "bound"):
        values = [getattr(one, name) for one in found]
        record["birkhoff" if name == "bound" else name] = _median(np.concatenate([*values, []]))
    ranks = np.concatenate([*(one.ranks for one in found), []])
    low, high = np.nan, np.nan
    if len(ranks):
        low, high = confidence_interval(ranks, alpha=1 - CONFIDENCE, low=0.0, high=1.0)
    mean = float(ranks.mean()) if len(ranks) else np.nan
    silent = "nothing arrives at the locations looked at" if np.isnan(medians).all() else ""
    return record | {"rank": mean, "rank_low": low, "rank_high": high, "note": note or silent}


def _median(values: Array) -> float:
    """Return the median of what is defined."""
    defined = values[~np.isnan(values)]
    return float(np.median(defined)) if defined.size else np.nan


def _over_images(name: str, ends: str, medians: Array) -> dict[str, float]:
    """Return the median over images and its exact interval."""
    from scipy import stats

    defined = medians[~np.isnan(medians)]
    low, high = np.nan, np.nan
    if len(defined) > 1:
        interval = stats.quantile_test(defined).confidence_interval(CONFIDENCE)
        low, high = float(interval.low), float(interval.high)
    return {name: _median(defined), f"{ends}low": low, f"{ends}high": high}
