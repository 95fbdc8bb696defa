"""Evidence for the exact law: every backward step of a random network turned into a p-value."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.attribution import Attribution, attribute
from alignment_theory.ensembles import Ensemble, Gaussian, WeightLaw
from alignment_theory.layers import Linear
from alignment_theory.network import Network
from alignment_theory.rules import GuidedBackprop, Method
from alignment_theory.verification.samplers import Sampler

Target = Literal["first", "largest", "heaviest row"]


@dataclass(frozen=True)
class StepPValues(Sampler):
    """One p-value a linear layer of a random ReLU network, NaN where all coefficients are 0.

    ``F(‖g_⊥‖² / (σ²‖c‖²))``, F the distribution function of χ²(d - 1) and g_⊥ what is left of
    g_{l-1} across a_{l-1}.

    Attributes
    ----------
    rule : Method
    law : WeightLaw
    sigma : float
        The standard deviation of an entry that F is told.
    bias : float
        Of every neuron.
    degrees : int
        Added to the d - 1 degrees of freedom (0 where the law is right).
    target : {"first", "largest", "heaviest row"}
        The output explained: a fixed one, the largest logit, or the one whose weights are largest
        (which breaks `sees-z-only`).
    signs : tuple of int
        (1,) for the p-values themselves; (1, -1) for the differences modulo 1 of adjacent ones, and
        so on: these are uniform too if the p-values are independent, and dependence between layers
        shows in them (in differences if it is positive, in sums if negative).
    tied : bool
        Whether all hidden layers of one shape have one matrix.
    zero_input : bool
        Whether x is 0.
    """

    rule: Method = GuidedBackprop()  # noqa: RUF009
    law: WeightLaw = Gaussian()  # noqa: RUF009
    sigma: float = 1.0
    bias: float = 0.0
    degrees: int = 0
    target: Target = "first"
    signs: tuple[int, ...] = (1,)
    tied: bool = False
    zero_input: bool = False

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return the p-values (count, layers), input side first, for given `widths`."""
        widths = parameters["widths"]
        values = np.array([self._trial(rng, widths) for _ in range(count)])
        if self.signs == (1,):
            return values
        windows = np.lib.stride_tricks.sliding_window_view(values, len(self.signs), axis=1)
        combined: Array = (windows @ np.array(self.signs)) % 1.0
        return combined

    def _trial(self, rng: np.random.Generator, widths: tuple[int, ...]) -> list[float]:
        weights, biases = Ensemble(self.law, self.bias, self.tied).sample(widths, rng)
        inputs = np.zeros(widths[0]) if self.zero_input else rng.standard_normal(widths[0])
        targets = {"first": 0, "largest": None}
        heaviest = int((weights[-1] ** 2).sum(axis=1).argmax())
        target = targets.get(self.target, heaviest)
        network = Network.mlp(weights, biases)
        return self.p_values(attribute(network, inputs, rule=self.rule, target=target))

    def p_values(self, attribution: Attribution) -> list[float]:
        """Return the p-value of every linear layer, input side first."""
        from scipy.special import chdtr

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
