r"""Alignment through a random convolutional network, from its exact law: no weight is drawn.

Forward, filters W (F × D, D = 9 · channels) show themselves on the span of the patches X (D × P)
only: with U orthonormal on that span, ``W U`` is Gaussian, and ``Z = (W U) (Uᵀ X)``. Backward,
given everything above and Z, coefficients C (F × P) that see W through Z add up patches (theorem
`shared-weights-law`)

    Wᵀ C = U (W U)ᵀ C + (I - U Uᵀ) Ξ,    rows of Ξ i.i.d. N(0, σ² Cᵀ C),

which are laid over the image. With ``Cᵀ C = V S² Vᵀ``, ``Ξ`` is ``N S Vᵀ``, N standard normal, so a
whole forward and backward pass needs F · rank X + D · min(F, P) normals a layer and no filter, and
has the law of the network exactly, whatever the number of channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import sympy as sp

from alignment_theory.arrays import Array
from alignment_theory.sources import KIM_2019, ZHENG_2025
from alignment_theory.theory.conditions import (
    BIAS_FREE,
    FRESH_LAYERS,
    GAUSSIAN_FILTERS,
    SOME_COEFFICIENT,
)
from alignment_theory.theory.parameters import Choice, Number, Parameter
from alignment_theory.theory.theorem import Claim, Hypothesis, Prediction, Theorem

POOL = "pool"
RULES = ("gradient", "deconvnet", "guided", "rectgrad")
KERNEL, MOST_CHANNELS, MOST_LAYERS = 3, 4096, 20
REPEATS, FEWEST = 1500, 100
"""Passes that a prediction is the mean of: the first where they are cheap."""

OPERATIONS = 3e11
"""About what all passes may cost together, up to a minute or two."""

ERRORS = 5.0
"""Standard errors of that mean that are stated as the remainder: passed once in two million."""

Layout = tuple[int | str, ...]

UNIFORM_IMAGE = Hypothesis("uniform-image", "the pixels of the image are i.i.d. uniform on [0, 1]")
GIVEN_ROW = Hypothesis("fixed-row", "the output explained does not depend on the weights")
GAUSSIAN_ROW = Hypothesis("gaussian-row", "the entries of its row are i.i.d. N(0, τ²), τ > 0")


@dataclass(frozen=True)
class LayoutOf(Parameter):
    """Channels of convolutions and "pool", in order, such as 16,pool,32."""

    def parse(self, theorem: str, value: object) -> Layout:
        """Return the layout; it starts with a convolution, and no pool follows another."""
        parts = value.split(",") if isinstance(value, str) else value
        wanted = (
            f"1 to {MOST_LAYERS} numbers of channels from 1 to {MOST_CHANNELS}, with pool after "
            "some, such as 16,pool,32"
        )
        if not isinstance(parts, Sequence) or not 0 < len(parts) <= MOST_LAYERS:
            raise self.refuse(theorem, wanted, value)
        found: list[int | str] = []
        for part in parts:
            word = str(part).strip()
            if word == POOL and found and found[-1] != POOL:
                found.append(POOL)
            elif word.isascii() and word.isdigit() and 0 < int(word) <= MOST_CHANNELS:
                found.append(int(word))
            else:
                raise self.refuse(theorem, wanted, value)
        return tuple(found)

    @property
    def admits(self) -> str:
        """The form."""
        return "channels and pool such as 16,pool,32"


@dataclass(frozen=True, eq=False)
class _Layer:
    """One convolution as a forward pass met it, of P places: images are (channels, side, side).

    `frame` (D × rank) spans the patches, `shown` (F × rank) is W on it, `z` (F, side, side).
    """

    image: Array
    frame: Array
    shown: Array
    z: Array


def pass_once(
    rng: np.random.Generator, layout: Layout, size: int, inputs: int, rule: str, q: float
) -> Array:
    """Return cos²(g_l, a_l) of one pass at the input and above every ReLU, input first.

    NaN where a vector is all 0. The parameters are those of :data:`CONVOLUTION_DEPTH`.
    """
    values, layers, pools = rng.uniform(size=(inputs, size, size)), [], []
    for entry in layout:
        if isinstance(entry, str):
            values, winners = _pooled(values)
            pools.append(winners)
        else:
            layers.append(_forward(rng, values, entry))
            values = np.maximum(layers[-1].z, 0)
    g = rng.standard_normal(values.shape)
    cosines = []
    for entry in reversed(layout):
        if isinstance(entry, str):
            g = _spread(g, pools.pop())
            continue
        layer = layers.pop()
        activations = np.maximum(layer.z, 0)
        cosines.append(_square_of_cosine(g, activations))
        g = _backward(rng, layer, _coefficients(rule, layer.z, g, q))
    cosines.append(_square_of_cosine(g, layer.image))
    return np.array(cosines[::-1])


def _forward(rng: np.random.Generator, image: Array, filters: int) -> _Layer:
    side = image.shape[1]
    framed = np.pad(image, ((0, 0), (1, 1), (1, 1)))
    seen = np.lib.stride_tricks.sliding_window_view(framed, (KERNEL, KERNEL), axis=(1, 2))
    patches = seen.transpose(0, 3, 4, 1, 2).reshape(-1, side * side)
    frame, scales, right = np.linalg.svd(patches, full_matrices=False)
    least = scales.max(initial=0) * max(patches.shape) * np.finfo(float).eps
    rank = int((scales > least).sum())
    shown = rng.standard_normal((filters, rank))
    z = (shown * scales[:rank]) @ right[:rank]
    return _Layer(image, frame[:, :rank], shown, z.reshape(filters, side, side))


def _backward(rng: np.random.Generator, layer: _Layer, c: Array) -> Array:
    """Return the relevance at the layer's image."""
    channels, side, _ = layer.image.shape
    rows = c.reshape(len(c), -1)
    _, scales, right = np.linalg.svd(rows, full_matrices=False)
    fresh = (rng.standard_normal((len(layer.frame), len(scales))) * scales) @ right
    added = fresh + layer.frame @ (layer.shown.T @ rows - layer.frame.T @ fresh)
    laid = added.reshape(channels, KERNEL, KERNEL, side, side)
    framed = np.zeros((channels, side + 2, side + 2))
    for a, b in product(range(KERNEL), repeat=2):
        framed[:, a : a + side, b : b + side] += laid[:, a, b]
    return framed[:, 1:-1, 1:-1]


def _coefficients(rule: str, z: Array, h: Array, q: float) -> Array:
    if rule == "gradient":
        return np.asarray((z > 0) * h)
    if rule == "deconvnet":
        return np.maximum(h, 0)
    if rule == "guided":
        return np.asarray((z > 0) * np.maximum(h, 0))
    products = np.maximum(z, 0) * h
    return np.asarray((products > max(0.0, float(np.percentile(products, q)))) * h)


def _pooled(values: Array) -> tuple[Array, Array]:
    """Return the largest of every 2 x 2 pool and which of the four it is, the first of equals."""
    channels, side, _ = values.shape
    half = side // 2
    pools = values[:, : 2 * half, : 2 * half].reshape(channels, half, 2, half, 2)
    pools = pools.transpose(0, 1, 3, 2, 4).reshape(channels, half, half, 4)
    winners = pools.argmax(axis=3)
    spread = (winners[..., np.newaxis] == np.arange(4)).reshape(channels, half, half, 2, 2)
    whole = np.zeros(values.shape, bool)
    whole[:, : 2 * half, : 2 * half] = spread.transpose(0, 1, 3, 2, 4).reshape(
        channels, 2 * half, 2 * half
    )
    return pools.max(axis=3), whole


def _spread(g: Array, winners: Array) -> Array:
    spread = np.zeros(winners.shape)
    end = 2 * g.shape[1]
    spread[:, :end, :end] = g.repeat(2, axis=1).repeat(2, axis=2)
    return spread * winners


def _square_of_cosine(g: Array, a: Array) -> float:
    size = float((g * g).sum() * (a * a).sum())
    return float((g * a).sum()) ** 2 / size if size > 0 else np.nan


def _operations(layout: Layout, size: int, inputs: int) -> float:
    """Return about how many operations one pass takes.

    A singular value decomposition (m × n) counts 15 m n min(m, n), and the products of the backward
    step three times 2 D F P.
    """
    total, side, channels = 0.0, size, inputs
    for entry in layout:
        if isinstance(entry, str):
            side //= 2
            continue
        fan_in, places = KERNEL**2 * channels, side * side
        total += 15 * fan_in * places * min(fan_in, places)
        total += (15 * min(entry, places) + 6 * fan_in) * entry * places
        channels = entry
    return total


@cache
def _passes(layout: Layout, size: int, inputs: int, rule: str, q: float, count: int) -> Array:
    sequence = np.random.SeedSequence(2503_11160)
    rngs = (np.random.default_rng(child) for child in sequence.spawn(count))
    return np.array([pass_once(rng, layout, size, inputs, rule, q) for rng in rngs])


def _predict(rule: str, layout: Layout, size: int, inputs: int, q: float) -> Prediction:
    poolings = layout.count(POOL)
    if size < 2**poolings:
        raise ValueError(
            f"convolution-depth: {poolings} poolings leave nothing of size = {size}; take "
            f"a size of at least {2**poolings}, or fewer poolings"
        )
    one = _operations(layout, size, inputs)
    if FEWEST * one > OPERATIONS:
        raise ValueError(
            f"convolution-depth: {FEWEST} passes would take about {FEWEST * one:.1g} operations, "
            f"at most {OPERATIONS:.0e} are spent; take a smaller image or fewer channels"
        )
    count = int(min(REPEATS, OPERATIONS / one))
    found = _passes(layout, size, inputs, rule, q if rule == "rectgrad" else 0.0, count)
    live = (~np.isnan(found)).sum(axis=0)
    if (live < 2).any():
        raise ValueError(
            f"convolution-depth: relevance arrives in {live.min()} of {count} passes at a level, "
            "a mean needs 2; take more channels, or a smaller q under rectgrad"
        )
    errors = np.nanstd(found, axis=0, ddof=1) / np.sqrt(live)
    share = live / len(found)
    terms: dict[str, Any] = {"standard error": errors, "live share": share, "passes": len(found)}
    return Prediction(np.nanmean(found, axis=0), ERRORS * errors, terms)


def _formula() -> sp.Eq:
    left, span = sp.Symbol("(W_l)ᵀ C"), sp.Symbol("U (W_l U)ᵀ C", commutative=False)
    rest = sp.Symbol("(I - U Uᵀ) Ξ root(CᵀC)", commutative=False)
    return sp.Eq(left, span + rest, evaluate=False)


CONVOLUTION_DEPTH = Theorem(
    "convolution-depth",
    "How well a random convolutional network aligns, layer by layer",
    "For 3 x 3 convolutions (padding 1, ReLU), max poolings over 2 x 2 and one dense row at the "
    "end, E cos²(g_l, a_l) at every level is the mean over passes that draw no weight: filters are "
    "drawn on the span of the patches they meet, and given these the backward step through each "
    "is Gaussian with a known covariance. Exact at every number of channels, for every rule that "
    "sees the weights through z; predict takes the mean of up to 1500 passes in which g_l is not "
    "0, and states 5 standard errors. Not covered: z⁺ and other rules that split the weights by "
    "sign, trained weights, batch normalisation that is not folded, and residuals. No closed form "
    "is known: where patches overlap the chain runs in matrices and not, as for dense layers, in "
    "one number.",
    (
        GAUSSIAN_FILTERS,
        BIAS_FREE,
        FRESH_LAYERS,
        GIVEN_ROW,
        GAUSSIAN_ROW,
        UNIFORM_IMAGE,
        SOME_COEFFICIENT,
    ),
    Claim.MEAN,
    _formula,
    (ZHENG_2025, KIM_2019),
    uses=("shared-weights-law",),
    parameters=(
        Choice("rule", "which rule", "guided", choices=RULES),
        LayoutOf("layout", "channels of convolutions, and pool", (16, POOL, 16)),
        Number("size", "side of the image", 6, minimum=1, maximum=64, whole=True, single=True),
        Number("inputs", "its channels", 3, minimum=1, maximum=64, whole=True, single=True),
        Number(
            "q",
            'percentile of "rectgrad" (RectGrad\'s own is 98)',
            80.0,
            minimum=0,
            maximum=100,
            single=True,
        ),
    ),
    evaluate=_predict,
)
