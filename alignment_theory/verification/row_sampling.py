"""The mean attribution of one random layer, along the input or across it (Theorem 1)."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.attribution import attribute
from alignment_theory.ensembles import Gaussian, WeightLaw
from alignment_theory.layers import Dense, Relu
from alignment_theory.network import Network
from alignment_theory.rules import GuidedBackprop, Method
from alignment_theory.verification.samplers import Sampler

Side = Literal["along x", "across x"]

RAW_MOMENTS = {
    ("one", "along x"): (0.5, 1.5),
    ("one", "across x"): (0.5, 1.5),
    ("activation", "along x"): (1.5, 52.5),
    ("activation", "across x"): (0.5, 4.5),
}
"""Second and fourth raw moments of what one neuron adds, for Gaussian rows and σ‖x‖ = 1."""


def clipping_slack(coefficients: str, side: Side, kappa: float, n: int) -> float:
    """Return how much clipping to [0, 2κ] along x, or [-κ, κ] across, can move the mean.

    For mean μ, ``E(X - B)⁺ <= (27/256) E(X - μ)⁴ / (B - μ)³``, and the fourth central moment of a
    mean of n is at most ``(E Y⁴ + μ⁴)/n³ + 3 (E Y²)²/n²`` with one neuron's raw moments, for which
    Gaussian rows bound those of the sphere.
    """
    second, fourth = RAW_MOMENTS[coefficients, side]
    mean, ends = (kappa, 1) if side == "along x" else (0.0, 2)
    central = (fourth + mean**4) / n**3 + 3 * second**2 / n**2
    return ends * 27 / 256 * central / kappa**3


@dataclass(frozen=True)
class RandomRows(Sampler):
    """``⟨g_0, u⟩/n`` of a layer with random rows, for u the input's direction or one across it.

    Attributes
    ----------
    low, high : float
        What draws are clipped to.
    coefficients : {"one", "activation"}
    side : {"along x", "across x"}
    law : WeightLaw
    rule : Method
    bias : float
        Of every neuron.
    zero_input : bool
        Whether x is 0; then nothing is defined.
    """

    low: float
    high: float
    coefficients: str = "one"
    side: Side = "along x"
    law: WeightLaw = Gaussian()  # noqa: RUF009
    rule: Method = GuidedBackprop()  # noqa: RUF009
    bias: float = 0.0
    zero_input: bool = False

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return `count` trials (count, 1) with n neurons on d inputs; ‖x‖ = 1."""
        n, d = parameters["n"], parameters["d"]
        return np.array([[self._trial(rng, n, d)] for _ in range(count)])

    def _trial(self, rng: np.random.Generator, n: int, d: int) -> float:
        if self.zero_input:
            return np.nan
        x, other = rng.uniform(size=d), np.linspace(-1, 1, d)
        x /= np.linalg.norm(x)
        across = other - x * (other @ x)
        weight = self.law.sample(n, d, rng)
        bias = np.full(n, self.bias) if self.bias else None
        trace = Network([Dense(weight, bias), Relu()]).forward(x)
        seed = np.ones(n) if self.coefficients == "one" else trace.output
        g = attribute(trace, rule=self.rule, seed=seed).relevance
        u = x if self.side == "along x" else across / np.linalg.norm(across)
        return float(np.clip(g @ u / n, self.low, self.high))
