"""Evidence for the exact law: every backward step of a random network turned into a p-value."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from alignment_theory.attribution import Attribution, attribute
from alignment_theory.ensembles import Gaussian, WeightLaw
from alignment_theory.layers import Linear
from alignment_theory.network import Network
from alignment_theory.rules import GuidedBackprop, Method


@dataclass(frozen=True, eq=False)
class Chain:
    """A random ReLU network of given widths (input first), run on random or given inputs.

    ``degrees`` is what is added to the law's d - 1 degrees of freedom (0 where the law is right).
    """

    widths: tuple[int, ...]
    rule: Method = GuidedBackprop()  # noqa: RUF009
    law: WeightLaw = Gaussian()  # noqa: RUF009
    sigma: float = 1.0
    bias: float = 0.0
    degrees: int = 0
    target: int | None = 0

    def run(self, rng: np.random.Generator) -> Attribution:
        """Draw a network and an input and attribute one output."""
        weights = [
            self.law.sample(outputs, inputs, rng) for inputs, outputs in pairwise(self.widths)
        ]
        biases = [np.full(len(weight), self.bias) for weight in weights] if self.bias else None
        inputs = rng.standard_normal(self.widths[0])
        return attribute(Network.mlp(weights, biases), inputs, rule=self.rule, target=self.target)

    def draw_joint(self, rng: np.random.Generator) -> Sequence[float]:
        """Return the sums modulo 1 of the p-values of adjacent layers.

        They are i.i.d. uniform if the p-values are; dependence between layers shows in them.
        """
        values = np.array(self.draw(rng))
        sums: list[float] = ((values[1:] + values[:-1]) % 1.0).tolist()
        return sums

    def draw(self, rng: np.random.Generator) -> Sequence[float]:
        """Return one p-value a linear layer, NaN where all coefficients are 0, input first.

        ``F(‖g_⊥‖² / (σ²‖c‖²))``, F the distribution function of χ²(d - 1), g_⊥ what is left of
        g_{l-1} across a_{l-1}; σ is the law's standard deviation of an entry.
        """
        from scipy.special import chdtr

        attribution = self.run(rng)
        values = []
        for index, site in enumerate(attribution.trace.sites):
            if not isinstance(site.layer, Linear):
                continue
            a, g, c = site.input, attribution.batched[index], attribution.batched[index + 1]
            size = float((c * c).sum())
            if size == 0 or not a.any():
                values.append(np.nan)
                continue
            across = g - a * ((g * a).sum() / (a * a).sum())
            statistic = (across * across).sum() / (self.sigma**2 * size)
            values.append(float(chdtr(a.size - 1 + self.degrees, statistic)))
        return values
