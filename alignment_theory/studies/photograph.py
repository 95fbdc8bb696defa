"""What Guided Backprop shows of a photograph through random convolutions, beside the prediction.

The networks are untrained: 3 × 3 convolutions with padding 1, each with a ReLU, without pooling and
biases, with He-normal weights. What is explained is an output on top, dense over all filters and
places, whose row of weights is random too: the relevance at the top is that row.

Proved is one layer: the mean of Guided Backprop's picture over the weights is a multiple of
:func:`contrast_normalised`, and single pictures scatter around it by about 1/√filters. Through more
layers the same picture is only compared, not predicted.

Two measures. *Cosine* is that of the pictures as they are; since photographs have no negative
pixels, even a picture of one colour has a large one (the rows of depth 0 say how large).
*Correlation* is the cosine after the mean of each channel has been taken off both pictures, so
that a flat picture and a tint count nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import nan, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from alignment_theory.alignment import cosine
from alignment_theory.arrays import Array, as_array, listed, whole_number
from alignment_theory.attribution import attribute
from alignment_theory.layers import Conv2d, Layer, Relu
from alignment_theory.network import Network
from alignment_theory.rules import Gradient, GuidedBackprop
from alignment_theory.theory.contrast import contrast_normalised
from alignment_theory.threads import one_blas_thread

if TYPE_CHECKING:
    import pandas as pd

METHODS = (GuidedBackprop(), Gradient())
GUIDED, GRADIENT = (method.name for method in METHODS)
DEPTHS, FILTERS = (1, 3, 13), (1024, 64, 64)
CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class Drawn:
    """The pictures of one random network.

    Attributes
    ----------
    depth, filters : int
        Convolutions, and filters of each.
    guided, gradient : arrays (channels, height, width)
        What Guided Backprop and the gradient show.
    """

    depth: int
    filters: int
    guided: Array
    gradient: Array


@dataclass(frozen=True, eq=False)
class Pictures:
    """A photograph, its contrast-normalised form and the pictures of one network a depth."""

    image: Array
    predicted: Array
    drawn: tuple[Drawn, ...]


def detail(picture: Array) -> Array:
    """Return a picture (channels, height, width) less the mean of each channel, in float64.

    A channel of one value gives exactly 0.
    """
    wide = picture.astype(np.float64)
    wide = wide - wide[:, :1, :1]
    less: Array = wide - wide.mean(axis=(1, 2), keepdims=True)
    return less


def correlation(left: Array, right: Array) -> float:
    """Return the cosine of the details of two pictures; NaN where one has none."""
    return _cosine(detail(left), detail(right))


def pictures(
    image: ArrayLike,
    *,
    seed: int = 0,
    depths: Sequence[int] = DEPTHS,
    filters: int | Sequence[int] = FILTERS,
) -> Pictures:
    """Return the pictures of the first network of each depth that `run` measures.

    Parameters and errors are those of :func:`run`.
    """
    x = as_array(image, "photograph: image")
    predicted = contrast_normalised(x)
    whole_number(seed, "photograph: seed", 0)
    with one_blas_thread():
        drawn = [_draw(x, *layout, seed, 0) for layout in _layouts(depths, filters)]
    return Pictures(x, predicted, tuple(drawn))


def run(
    image: ArrayLike,
    *,
    seed: int = 0,
    networks: int = 20,
    depths: Sequence[int] = DEPTHS,
    filters: int | Sequence[int] = FILTERS,
) -> "pd.DataFrame":
    """Compare the pictures of random networks with the prediction, the photograph and each other.

    Parameters
    ----------
    image : array (channels, height, width)
        A photograph; the prediction differs most from it where its pixels are in [0, 1].
    seed : int
        Of all weights; a network depends on nothing but seed, depth, filters and its number.
    networks : int
        How many draws of the weights each depth gets.
    depths, filters : sequences of int
        Convolutions of a network, and filters in each of them (one number, or one a depth).

    Returns
    -------
    DataFrame
        One row a depth, method and picture that it is compared with: depth, filters, method,
        compared, then the medians cosine and correlation over the networks, each with `_low` and
        `_high`, networks, and undefined: how many pairs have no correlation, since a picture has
        one value a channel (pictures that are all 0 have no cosine either). The intervals are exact
        at 95 % whatever the law of the draws (order statistics); with fewer than 6 networks there
        is none, NaN. Rows of depth 0 need no network: what the photograph and a flat picture reach.

    Raises
    ------
    ValueError
        For an image of another number of dimensions or not finite, for depths, filters or networks
        that are not positive integers, other than one number of filters or one a depth, and a seed
        that is no integer >= 0.
    """
    import pandas as pd

    x = as_array(image, "photograph: image")
    predicted = contrast_normalised(x)
    layouts = _layouts(depths, filters)
    whole_number(networks, "photograph: networks", 1)
    whole_number(seed, "photograph: seed", 0)
    records = _without_network(x, predicted)
    with one_blas_thread():
        for layout in layouts:
            drawn = [_draw(x, *layout, seed, index) for index in range(networks)]
            for method, other, pairs in (
                (GUIDED, "prediction", [(one.guided, predicted) for one in drawn]),
                (GUIDED, "photograph", [(one.guided, x) for one in drawn]),
                (GUIDED, GRADIENT, [(one.guided, one.gradient) for one in drawn]),
                (GRADIENT, "prediction", [(one.gradient, predicted) for one in drawn]),
                (GRADIENT, "photograph", [(one.gradient, x) for one in drawn]),
            ):
                records.append(_record(layout, method, other, pairs))
    return pd.DataFrame.from_records(records)


def _without_network(x: Array, predicted: Array) -> list[Mapping[str, object]]:
    flat = np.ones(x.shape)
    return [
        _record((0, 0), "photograph", "prediction", [(x, predicted)]),
        _record((0, 0), "flat", "prediction", [(flat, predicted)]),
        _record((0, 0), "flat", "photograph", [(flat, x)]),
    ]


def _record(
    layout: tuple[int, int], method: str, other: str, pairs: Sequence[tuple[Array, Array]]
) -> Mapping[str, object]:
    depth, filters = layout
    record: dict[str, object] = {
        "depth": depth,
        "filters": filters,
        "method": method,
        "compared": other,
    }
    measures: tuple[tuple[str, Callable[[Array, Array], float]], ...] = (
        ("cosine", _cosine),
        ("correlation", correlation),
    )
    for name, measure in measures:
        values = np.array([measure(left, right) for left, right in pairs])
        defined = values[~np.isnan(values)]
        median, low, high = _median(defined)
        if depth == 0:
            low, high = median, median
        record |= {name: median, f"{name}_low": low, f"{name}_high": high}
        record["undefined"] = len(values) - len(defined)
    return record | {"networks": len(pairs) if depth else 0}


def _median(values: Array) -> tuple[float, float, float]:
    """Return the median and its interval between two order statistics."""
    from scipy.stats import quantile_test

    if len(values) == 0:
        return nan, nan, nan
    found = quantile_test(values, q=0.0, p=0.5).confidence_interval(CONFIDENCE)
    return float(np.median(values)), float(found.low), float(found.high)


def _cosine(left: Array, right: Array) -> float:
    measured = cosine(left[np.newaxis].astype(np.float64), right[np.newaxis].astype(np.float64))
    return float(measured.values[0])


def _draw(image: Array, depth: int, filters: int, seed: int, index: int) -> Drawn:
    rng = np.random.default_rng([seed, depth, filters, index])
    network = _network(rng, depth, filters, image.shape)
    row = rng.standard_normal(network.output_shape, dtype=np.float32)
    trace = network.forward(image.astype(np.float32))
    guided, gradient = (attribute(trace, rule=rule, seed=row).relevance for rule in METHODS)
    return Drawn(depth, filters, guided, gradient)


def _network(rng: np.random.Generator, depth: int, filters: int, shape: tuple[int, ...]) -> Network:
    layers: list[Layer] = []
    inputs = shape[0]
    for _ in range(depth):
        weight = rng.standard_normal((filters, inputs, 3, 3), dtype=np.float32)
        layers += [Conv2d(weight * np.float32(sqrt(2 / (9 * inputs))), padding=1), Relu()]
        inputs = filters
    return Network(layers, shape)


def _layouts(depths: Sequence[int], filters: int | Sequence[int]) -> list[tuple[int, int]]:
    depths = listed(depths, "photograph: depths", "whole numbers, such as (1, 3)")
    if isinstance(filters, int | np.integer):
        widths: tuple[int, ...] = (filters,) * len(depths)
    else:
        wanted = "whole numbers, one a depth, or one number for all"
        widths = listed(filters, "photograph: filters", wanted)
    if len(widths) != len(depths) or not widths:
        raise ValueError(
            f"photograph: expected one number of filters, or one a depth, got {filters} for "
            f"depths {tuple(depths)}"
        )
    return [
        (
            whole_number(depth, "photograph: depths", 1),
            whole_number(width, "photograph: filters", 1),
        )
        for depth, width in zip(depths, widths, strict=True)
    ]
