"""Alignment through a whole random network, by two routes that share nothing.

With Gaussian weights and no bias the backward pass is a Markov chain in one number a level: τ_l,
the component of the relevance along the activations over the scale of its other components. From
it and fresh normals (t, ξ) of a level the coefficients follow, and from them τ of the level below
(theorem `exact-law`). :class:`ReducedChain` draws that chain and no weight; :class:`EngineChain`
draws the weights and runs the rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.attribution import attribute
from alignment_theory.ensembles import Ensemble, Gaussian, WeightLaw
from alignment_theory.network import Network
from alignment_theory.rules import GuidedBackprop, Method
from alignment_theory.verification.planted import mirrored
from alignment_theory.verification.samplers import ReducedSampler, Sampler

CHAIN_RULES = ("gradient", "deconvnet", "guided", "rectgrad")
OUTPUTS = ("fixed", "argmax")


def coefficients(rule: str, t: Array, h: Array, q: float) -> Array:
    """Return what a rule passes of the relevance h at units with pre-activations t.

    t and h have shape (trials, units). RectGrad keeps the units whose product with the activation
    is positive and among the ``units - 1 - floor((units - 1) q / 100)`` largest, which is what
    "above the q-th percentile, interpolated linearly and at least 0" comes to.
    """
    if rule == "gradient":
        return np.where(t > 0, h, 0.0)
    if rule == "deconvnet":
        return np.maximum(h, 0.0)
    if rule == "guided":
        return np.where(t > 0, np.maximum(h, 0.0), 0.0)
    units = t.shape[1]
    above = units - 1 - int((units - 1) * Fraction(q) / 100)
    if above == 0:
        return np.zeros_like(h)
    scores = np.where(t > 0, t * h, 0.0)
    least = np.partition(scores, units - above, axis=1)[:, units - above, np.newaxis]
    return np.where((scores >= least) & (scores > 0), h, 0.0)


@dataclass(frozen=True)
class ReducedChain(ReducedSampler):
    """cos²(g_l, a_l) at every level from the chain in τ, without any weight.

    `rule` is "gradient", "deconvnet", "guided" or "rectgrad" (percentile q, floored at 0);
    ValueError for another.
    """

    rule: str

    def __post_init__(self) -> None:
        """Check the rule."""
        _require("ReducedChain: rule", self.rule, CHAIN_RULES)

    def size(self, **parameters: Any) -> int:
        """Return how many numbers one trial holds at a time."""
        hidden = parameters["widths"][1:-1]
        return 4 * int(max(hidden)) + (int(sum(hidden)) if parameters.get("bias") else 0)

    def draw(  # type: ignore[override]
        self,
        rng: np.random.Generator,
        count: int,
        *,
        widths: Sequence[int],
        q: float = 0.0,
        output: str = "fixed",
        bias: float = 0.0,
        sigma: float = 1.0,
    ) -> Array:
        """Return cos² at levels 0, ..., L-1 (input first), shape (count, levels).

        NaN where all coefficients above, or all activations from that level up, are 0.

        Parameters
        ----------
        widths : sequence of int
            d_0, ..., d_L, input first.
        q : float
            Percentile of RectGrad, which other rules do not use.
        output : {"fixed", "argmax"}
            Whether a row chosen beforehand or that of the largest output is explained.
        bias, sigma : float
            Bias of every unit and deviation of a weight, with ‖x‖ = 1; they matter together only.
        """
        _require("ReducedChain: output", output, OUTPUTS)
        tau = rng.standard_normal((count, widths[-1] if output == "argmax" else 1)).max(axis=1)
        squares = np.empty((count, len(widths) - 1))
        hidden = _preactivations(rng, count, widths, bias, sigma) if bias else None
        for level in range(len(widths) - 2, 0, -1):
            xi = rng.standard_normal((count, widths[level]))
            t, z = hidden[level - 1] if hidden else (rng.standard_normal(xi.shape),) * 2
            a = np.maximum(z, 0.0)
            norm = np.sqrt((a * a).sum(axis=1))
            dark = norm == 0
            norm[dark] = 1.0
            h = xi + a * ((tau - (a * xi).sum(axis=1) / norm) / norm)[:, np.newaxis]
            squares[:, level] = tau**2 / (h * h).sum(axis=1)
            squares[dark, level:] = np.nan
            c = coefficients(self.rule, z, h, q)
            size = np.sqrt((c * c).sum(axis=1))
            size[size == 0] = np.nan
            tau = (t * c).sum(axis=1) / size
        squares[:, 0] = tau**2 / (tau**2 + rng.chisquare(widths[0] - 1, count))
        return squares


def _preactivations(
    rng: np.random.Generator, count: int, widths: Sequence[int], bias: float, sigma: float
) -> list[tuple[Array, Array]]:
    """Return (t, t + b/(σ‖a‖)) of every hidden level, with the norms that the biases make."""
    norm, found = np.ones((count, 1)), []
    for units in widths[1:-1]:
        t = rng.standard_normal((count, units))
        with np.errstate(divide="ignore"):
            z = t + bias / (sigma * norm)
        found.append((t, z))
        norm = sigma * norm * np.sqrt((np.maximum(z, 0) ** 2).sum(axis=1, keepdims=True))
    return found


@dataclass(frozen=True)
class EngineChain(Sampler):
    """cos²(g_l, a_l) at every level of real random networks under a real rule.

    Each trial is one network with weights of `law` and the constant `bias` at every unit, on the
    input ``(1, ..., 1)/√d_0`` (which input does not matter under rotation-invariant laws). With
    `mirror` hidden layers are transposes of earlier ones, with `spread` biases differ from unit to
    unit by so much (planted errors).
    """

    rule: Method = GuidedBackprop()  # noqa: RUF009
    law: WeightLaw = Gaussian()  # noqa: RUF009
    bias: float = 0.0
    spread: float = 0.0
    mirror: bool = False

    def draw(  # type: ignore[override]
        self,
        rng: np.random.Generator,
        count: int,
        *,
        widths: Sequence[int],
        q: float = 0.0,
        output: str = "fixed",
        bias: float = 0.0,
        sigma: float = 1.0,
    ) -> Array:
        """Return cos² at levels 0, ..., L-1 (input first), shape (count, levels), NaN where dead.

        Parameters as in :meth:`ReducedChain.draw`, but q, which is the rule's own; `bias` is added
        to the sampler's, and weights are multiplied by `sigma`.
        """
        del q
        _require("EngineChain: output", output, OUTPUTS)
        inputs = np.full(widths[0], widths[0] ** -0.5)
        ensemble = Ensemble(self.law, self.bias + bias)
        rows = []
        for _ in range(count):
            weights, biases = ensemble.sample(widths, rng)
            weights = mirrored(weights) if self.mirror else weights
            if self.spread and biases:
                biases = [b + self.spread * rng.standard_normal(len(b)) for b in biases]
            target = 0 if output == "fixed" else None
            network = Network.mlp([sigma * weight for weight in weights], biases)
            found = attribute(network, inputs, rule=self.rule, target=target)
            rows.append(found.alignment().values ** 2)
        return np.array(rows)


def _require(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
