"""Evidence for the laws of one random layer, from real layers and real rules."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from alignment_theory.alignment import cosine
from alignment_theory.arrays import Array
from alignment_theory.attribution import attribute
from alignment_theory.ensembles import Gaussian, WeightLaw
from alignment_theory.layers import Dense, Relu
from alignment_theory.network import Network, Trace
from alignment_theory.rules import GuidedBackprop, Method, RectGrad
from alignment_theory.theory import CATALOGUE
from alignment_theory.verification.judge import Sample
from alignment_theory.verification.trials import Draw

THRESHOLD = 0.612
"""The normalised threshold of the "top" coefficients: near the best one, 27 % of neurons."""

Predict = Callable[..., float]


@dataclass(frozen=True, eq=False)
class OneLayer:
    """One random layer ``relu(W x + b)`` crossed backward from coefficients at its output.

    "active" seeds 1, "guided" independent Gaussian relevance, "cascade" the activations, all under
    `rule`; "top" seeds 1 and keeps ``z > s σ‖x‖`` by RectGrad's constant threshold.
    """

    inputs: Array
    neurons: int
    law: WeightLaw = Gaussian()  # noqa: RUF009
    rule: Method = GuidedBackprop()  # noqa: RUF009
    bias: float = 0.0
    sigma: float = 1.0

    @property
    def norm(self) -> float:
        """Norm of the input."""
        return float(np.linalg.norm(self.inputs))

    def results(self, names: Sequence[str], rng: np.random.Generator) -> tuple[Trace, Array]:
        """Draw one layer and return the attribution at the input for each coefficient law."""
        weight = self.law.sample(self.neurons, len(self.inputs), rng)
        bias = np.full(self.neurons, self.bias) if self.bias else None
        trace = Network([Dense(weight, bias), Relu()]).forward(self.inputs)
        rows = []
        for name in names:
            rule, seed = self.rule, np.ones(self.neurons)
            if name == "guided":
                seed = rng.standard_normal(self.neurons)
            elif name == "cascade":
                seed = trace.output
            elif name == "top":
                rule = RectGrad(threshold=THRESHOLD * self.sigma * self.norm)
            rows.append(attribute(trace, rule=rule, seed=seed).batched[0][0])
        return trace, np.array(rows)


def curve_draw(layer: OneLayer, names: Sequence[str]) -> Draw:
    """Return the trial that measures cos²(g_0, x) for each coefficient law (NaN where dead)."""

    def draw(rng: np.random.Generator) -> Sequence[float]:
        trace, rows = layer.results(names, rng)
        inputs = np.broadcast_to(trace.sites[0].input, rows.shape)
        squares: list[float] = (cosine(rows, inputs).values ** 2).tolist()
        return squares

    return draw


def predicted_curve(name: str, neurons: int, inputs: int) -> tuple[float, float]:
    """Return the predicted mean of cos² and its remainder."""
    prediction = CATALOGUE["alignment-curve"].predict(
        coefficients=name, n=neurons, d=inputs, s=THRESHOLD if name == "top" else 0.0
    )
    return prediction.value, prediction.remainder


def curve_sample(
    name: str,
    size: tuple[int, int],
    draws: Array,
    margin: float,
    predict: Callable[[str, int, int], tuple[float, float]] = predicted_curve,
) -> Sample:
    """Return the draws of one rung (neurons, inputs) beside their prediction."""
    value, remainder = predict(name, *size)
    label = f"{name}, n = {size[0]}, d = {size[1]}"
    return Sample(label, draws, value, margin * value, 0.0, 1.0, remainder)


def isotropic_draw(layer: OneLayer, across: Array) -> Draw:
    """Return the trial that measures ``⟨g_0, x⟩/(n‖x‖)`` and ``⟨g_0, u⟩/n`` for a unit u ⊥ x.

    Both for φ = 1 and for φ(t) = t, in this order.
    """
    directions = np.stack([layer.inputs / layer.norm, across])

    def draw(rng: np.random.Generator) -> Sequence[float]:
        _, rows = layer.results(("active", "cascade"), rng)
        values: list[float] = (rows @ directions.T / layer.neurons).ravel().tolist()
        return values

    return draw


_RAW = {
    ("one", 0): (0.5, 1.5),
    ("one", 1): (0.5, 1.5),
    ("activation", 0): (1.5, 52.5),
    ("activation", 1): (0.5, 4.5),
}
"""Second and fourth raw moments of one neuron's part along (0) and across (1) x, for σ‖x‖ = 1."""


def predicted_kappa(rows: str, coefficients: str, layer: OneLayer) -> float:
    """Return κ_φ, the predicted ``E⟨g_0, x⟩/(n‖x‖)``."""
    return (
        CATALOGUE["isotropic-alignment"]
        .predict(
            rows=rows,
            coefficients=coefficients,
            n=1,
            d=len(layer.inputs),
            sigma=layer.sigma,
            norm=layer.norm,
        )
        .value
    )


def isotropic_samples(
    layer: OneLayer,
    rows: str,
    draws: Array,
    margin: float,
    predict: Callable[[str, str, OneLayer], float] = predicted_kappa,
) -> list[Sample]:
    """Return the draws of `isotropic_draw` clipped to a range, with what clipping can change.

    With κ the predicted mean along x, draws are clipped to [0, 2κ] along and [-κ, κ] across. For
    mean μ, ``E(X - B)⁺ <= (27/256) E(X - μ)⁴ / (B - μ)³``, and the fourth central moment of a mean
    of n is at most ``(E Y⁴ + μ⁴)/n³ + 3 (E Y²)²/n²`` with one neuron's raw moments, for which
    Gaussian rows bound all the laws used here.
    """
    samples = []
    for place, name in enumerate(("one", "activation")):
        kappa = predict(rows, name, layer)
        unit = layer.sigma if name == "one" else layer.sigma**2 * layer.norm
        for side, word in enumerate(("along", "across")):
            second, fourth = _RAW[name, side]
            mean = 0.0 if side else kappa / unit
            n = layer.neurons
            central = (fourth + mean**4) / n**3 + 3 * second**2 / n**2
            slack = (1 + side) * 27 / 256 * central / (kappa / unit) ** 3 * unit
            low, high = (-kappa, kappa) if side else (0.0, 2 * kappa)
            clipped = np.clip(draws[:, 2 * place + side], low, high)
            label = f"φ = {'1' if name == 'one' else 't'}, {word} x"
            centre = 0.0 if side else kappa
            samples.append(Sample(label, clipped, centre, margin * kappa, low, high, slack))
    return samples
