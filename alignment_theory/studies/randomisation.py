"""Sanity checks by randomisation: how much of an attribution is left when layers are re-drawn.

Adebayo 2018's test, with what it lacked: several redraws, a generator for every layer, intervals,
the similarity of two networks that are both random (the null), and maps that know no network.

A caveat of Binder 2022's: networks re-drawn from the top keep their activations below, so that the
cascading order scores differently from the others for reasons that are not the method's; and
similarities of maps of unlike scale or sparsity rank methods poorly. Compare with the null, layer
by layer, rather than methods with each other.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from alignment_theory.alignment import Measured
from alignment_theory.arrays import Array, listed, whole_number
from alignment_theory.layers import Dense, Relu
from alignment_theory.layers.base import Shape
from alignment_theory.models.redraw import Redraw, parameter_layers
from alignment_theory.network import Network
from alignment_theory.rules import Gradient, GuidedBackprop, Method
from alignment_theory.similarity import COSINE, Similarity
from alignment_theory.studies.randomised import Subject, checked_presets, undefined
from alignment_theory.theory.pairs import predict_randomisation, redrawn_layers
from alignment_theory.threads import one_blas_thread
from alignment_theory.verification.crossed import crossed_interval

if TYPE_CHECKING:
    import pandas as pd

ORDERS = ("cascading", "independent", "bottom-up")
CONFIDENCE = 0.95


def run(
    network: Network,
    images: ArrayLike,
    *,
    rule: Method,
    seed: int,
    target: ArrayLike | None = None,
    start: str | None = None,
    orders: Sequence[str] = ORDERS,
    redraws: int = 5,
    how: Redraw | None = None,
    presets: Sequence[Similarity] | None = None,
    image_shape: Shape | None = None,
) -> "pd.DataFrame":
    """Compare attributions of a network with those of networks in which layers are re-drawn.

    ``cascading`` re-draws a layer and all above it, ``bottom-up`` it and all below, ``independent``
    it alone, the others as they were. Layers are those with parameters, in the order of their
    numbers. The network is never compared with itself, so no such 1 is in any mean.

    Each redraw is seen by every image, so neither the redraws nor the images alone are the unit of
    independence: intervals are of a crossed design (`crossed_interval`), for new redraws and new
    images. Images without a defined similarity under every redraw are left out, and counted;
    redraws under which no image has one likewise.

    Parameters
    ----------
    network : Network
    images : array (images, ...)
    rule : Method
    seed : int
        Layer l of redraw k has a generator of its own, whatever else is re-drawn.
    target : int or array (images,), optional
        Output explained in all networks; left out, the largest one of the given network.
    start : {"unit", "logit"}, optional
        What starts there, as `attribute` has it where it is left out. LRP then starts with the
        logit: where re-drawing turns its sign, the map turns too, which "unit" does not.
    orders : sequence of str
        Of ``cascading``, ``independent`` and ``bottom-up``.
    redraws : int
        At least 2; as many again are drawn for the null.
    how : Redraw, optional
        He-normal weights, biases 0 and BatchNorm at its start where it is left out.
    presets : sequence of Similarity, optional
        All of `PRESETS` that fit the images where it is left out.
    image_shape : tuple of int, optional
        (channels, height, width) of what the input is, where the network takes flat vectors.

    Returns
    -------
    DataFrame
        A row an order, layer and preset: order, layer (its number), kind, preset; similarity, low
        and high, its mean and interval at 95 %; null, null_low and null_high, mean and central 95 %
        of single values for two networks with all layers re-drawn; predicted, E cos at the input
        by `randomisation-law`, for networks that were random before too, where it applies (dense
        without bias, He-normal, cosine, gradient or Guided Backprop, a target fixed beforehand,
        the start "unit": logits of both networks may differ in sign, and no law of that is known
        here), else NaN;
        output_scale, the median over redraws of the root mean square output, relative to the
        network's own; images and redraws in the mean, undefined and reasons.

    Raises
    ------
    ValueError
        For unknown orders, fewer than two redraws or images, presets that do not fit, networks that
        are exact or have no parameters, arguments of other types, and what `Network.forward` and
        `attribute` refuse.
    """
    import pandas as pd

    whole_number(redraws, "redraws", 2)
    orders = _checked_orders(orders)
    with one_blas_thread():
        subject = Subject.of(
            network, images, rule, target, start, seed, how or Redraw(), image_shape
        )
        used = checked_presets(presets, subject.shape)
        numbers = parameter_layers(network)
        if not numbers:
            raise ValueError(
                f"network: expected layers with parameters to re-draw, got {network!r}"
            )
        nulls = _nulls(subject, used, frozenset(numbers), redraws)
        records = []
        for order, step, chosen in _settings(orders, numbers):
            draws = [subject.redrawn(chosen, k) for k in range(redraws)]
            layer = {
                "order": order,
                "layer": numbers[step],
                "kind": type(network.all_layers[numbers[step]]).__name__,
            }
            scale = float(np.median([scale for _, scale in draws]))
            for preset in used:
                found = [preset(subject.original, maps) for maps, _ in draws]
                record = layer | {"preset": preset.name} | _mean(found) | nulls[preset.name]
                predicted = _predicted(subject, preset, order, step)
                records.append(record | {"predicted": predicted, "output_scale": scale})
    return pd.DataFrame.from_records(records)


def _checked_orders(orders: object) -> tuple[str, ...]:
    names = ", ".join(ORDERS)
    found = listed(orders, "orders", f"some of {names}")
    unknown = [order for order in found if order not in ORDERS]
    if unknown or not found:
        raise ValueError(f"orders: expected some of {names}, got {unknown or 'none'}")
    return found


def _settings(
    orders: Sequence[str], numbers: Sequence[int]
) -> Iterable[tuple[str, int, frozenset[int]]]:
    """Yield order, step and the layers re-drawn, for every layer with parameters."""
    depth = len(numbers)
    for order in orders:
        for step in range(depth):
            first = step if order == "cascading" else step + 1
            chosen = redrawn_layers(order, first, depth)
            yield order, step, frozenset(numbers[k - 1] for k in chosen)


def _mean(found: Sequence[Measured]) -> dict[str, object]:
    """Return the mean over redraws and images, its interval, and what was left out."""
    values = np.stack([one.values for one in found])
    values = values[~np.isnan(values).all(axis=1)]
    values = values[:, ~np.isnan(values).any(axis=0)]
    low, high = np.nan, np.nan
    if min(values.shape) > 1:
        low, high = crossed_interval(values, alpha=1 - CONFIDENCE)
    return {
        "similarity": float(values.mean()) if values.size else np.nan,
        "low": max(low, -1.0),
        "high": min(high, 1.0),
        "redraws": values.shape[0] if values.size else 0,
        "images": values.shape[1] if values.size else 0,
    } | undefined(found)


def _nulls(
    subject: Subject, presets: Sequence[Similarity], layers: frozenset[int], redraws: int
) -> dict[str, dict[str, object]]:
    """Return what two networks with all layers re-drawn have in common, by preset."""
    found: dict[str, list[Array]] = {preset.name: [] for preset in presets}
    for k in range(redraws):
        (one, _), (other, _) = (subject.redrawn(layers, draw) for draw in (k, redraws + k))
        for preset in presets:
            values = preset(one, other).values
            found[preset.name].append(values[~np.isnan(values)])
    return {name: _summary(np.concatenate(values)) for name, values in found.items()}


def _summary(values: Array) -> dict[str, object]:
    if not values.size:
        return {"null": np.nan, "null_low": np.nan, "null_high": np.nan}
    low, high = np.percentile(values, [2.5, 97.5])
    return {"null": float(values.mean()), "null_low": float(low), "null_high": float(high)}


def _predicted(subject: Subject, preset: Similarity, order: str, step: int) -> float:
    """Return the prediction of `randomisation-law`, NaN where its hypotheses are not met."""
    network = subject.network
    names: dict[type[Method], str] = {GuidedBackprop: "guided", Gradient: "gradient"}
    name = names.get(type(subject.rule))
    plain = [Dense if k % 2 == 0 else Relu for k in range(len(network.layers))]
    dense = [type(layer) for layer in network.layers] == plain and len(plain) % 2 == 1
    usual = subject.how.weights == "he-normal" and not network.has_bias and subject.fixed
    unit = (subject.start or subject.rule.seed) == "unit"
    if name is None or preset != COSINE or not (dense and usual and unit):
        return np.nan
    widths = [shape[0] for shape in network.shapes[::2]] + [network.output_shape[0]]
    first = step if order == "cascading" else step + 1
    with suppress(ValueError):
        found = predict_randomisation(widths, order, first, name, level=0)
        return float(found.value)
    return np.nan
