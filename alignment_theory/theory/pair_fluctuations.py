r"""How random variables near their limits, and means over a layer, differ from them at order 1/n.

A mean ``M̄ = (1/n) Σ ψ(X_i; p̂)`` over i.i.d. neurons, whose parameters p̂ are functions of other
means over the same neurons, has, with ι_j the influence function of p̂_j and b_j its bias,

    E M̄ = Ψ + (1/n) Σ_j ∂/∂p'_j E[ψ(X; p') ι_j(X)] + Σ_j Ψ_j b_j + ½ Σ_jk Ψ_jk cov(p̂_j, p̂_k),
    Cov M̄ = (1/n) Cov(ψ + Σ_j Ψ_j ι_j),

up to O(1/n²). Everything else is the delta method of second order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from alignment_theory.arrays import Array

Vectors = Callable[[Array], Array]
"""From points (m, p) to values (m, k)."""

_LEAST, _MOST = 2e-5, 2e-3


@dataclass(frozen=True, eq=False)
class Jet:
    """A vector function at a point: value (k,), gradient (k, p) and Hessian (k, p, p)."""

    value: Array
    gradient: Array
    hessian: Array

    def part(self, which: slice) -> "Jet":
        """Return the jet of some of the components."""
        return Jet(self.value[which], self.gradient[which], self.hessian[which])


@dataclass(frozen=True, eq=False)
class State:
    """Random variables near their limits: their limits, and bias and covariance to order 1/n."""

    limit: Array
    bias: Array
    covariance: Array

    @classmethod
    def known(cls, values: Array) -> "State":
        """Return variables that do not vary."""
        size = len(values)
        return cls(np.asarray(values, dtype=float), np.zeros(size), np.zeros((size, size)))

    def through(self, jet: Jet) -> "State":
        """Return the state of a smooth function of these variables."""
        curved = np.einsum("kij,ij->k", jet.hessian, self.covariance) / 2
        covariance = jet.gradient @ self.covariance @ jet.gradient.T
        return State(jet.value, jet.gradient @ self.bias + curved, covariance)

    def beside(self, other: "State") -> "State":
        """Return both states as one; their variables are independent."""
        size, more = len(self.limit), len(other.limit)
        covariance = np.zeros((size + more, size + more))
        covariance[:size, :size], covariance[size:, size:] = self.covariance, other.covariance
        limit = np.concatenate([self.limit, other.limit])
        return State(limit, np.concatenate([self.bias, other.bias]), covariance)

    def pick(self, *places: int) -> "State":
        """Return some of the variables, in this order."""
        chosen = list(places)
        return State(self.limit[chosen], self.bias[chosen], self.covariance[np.ix_(chosen, chosen)])

    def jet(self, function: Vectors) -> Jet:
        """Return the jet of a smooth function at the limit.

        Steps are a tenth of a standard deviation, so that a correlation near 1 stays below it, but
        no longer than what keeps differences accurate and no shorter than rounding allows.
        """
        deviations = np.sqrt(np.diag(self.covariance))
        steps = np.where(deviations > 0, np.clip(deviations / 10, _LEAST, _MOST), _MOST)
        return differentiate(function, self.limit, steps)

    def mapped(self, function: Vectors) -> "State":
        """Return the state of a smooth function of these variables, differentiated at the limit."""
        return self.through(self.jet(function))


def differentiate(function: Vectors, point: Array, steps: Array) -> Jet:
    """Return the jet of a smooth function by central differences, off by O(steps²)."""
    size = len(point)
    shifts = steps * np.eye(size)
    pairs = list(combinations(range(size), 2))
    points = [np.zeros(size), *shifts, *-shifts]
    for i, j in pairs:
        first, second = shifts[i], shifts[j]
        points += [first + second, first - second, second - first, -first - second]
    values = function(point + np.array(points))
    centre, up, down = values[0], values[1 : 1 + size], values[1 + size : 1 + 2 * size]
    gradient = ((up - down) / (2 * steps[:, np.newaxis])).T
    hessian = np.empty((values.shape[1], size, size))
    for i in range(size):
        hessian[:, i, i] = (up[i] - 2 * centre + down[i]) / steps[i] ** 2
    for index, (i, j) in enumerate(pairs):
        a, b, c, d = values[1 + 2 * size + 4 * index :][:4]
        hessian[:, i, j] = hessian[:, j, i] = (a - b - c + d) / (4 * steps[i] * steps[j])
    return Jet(centre, gradient, hessian)


@dataclass(frozen=True, eq=False)
class Neurons:
    """The law of one neuron, and how the parameters of its relevances depend on the layer.

    Attributes
    ----------
    units, unit_covariance : array (u,), (u, u)
        Mean and covariance of the functions U of one neuron whose means over the layer enter p̂.
    parameters : callable
        p̂ from those means and the state above, side by side.
    expectations : callable
        From points p' to ``E ψ`` (k of them), then ``E[ψ U_1]``, ..., ``E[ψ U_u]``: (m, k (1 + u)).
    products : callable
        From p to ``E[ψ ψ']``, (k, k).
    """

    units: Array
    unit_covariance: Array
    parameters: Vectors
    expectations: Vectors
    products: Callable[[Array], Array]

    def means(self, above: State, count: int, together: Array | None = None) -> tuple[State, Array]:
        """Return the means of ψ over `count` neurons, and ``E ψ²`` of one.

        `above` is the state of the relevances, independent of the neurons. Where some means are
        over other neurons than others, `together` (k, k) is 1 for pairs over the same ones.
        """
        units = State(self.units, np.zeros(len(self.units)), self.unit_covariance / count)
        inputs = units.beside(above)
        given = inputs.jet(self.parameters)
        estimated = inputs.through(given)
        jet = estimated.jet(self.expectations)
        size = jet.value.size // (1 + len(self.units))
        psi = jet.part(slice(0, size))
        influence = given.gradient[:, : len(self.units)]
        overlap, moved = np.zeros((size, len(influence))), np.zeros(size)
        for index, column in enumerate(influence.T):
            held = jet.part(slice((1 + index) * size, (2 + index) * size))
            overlap += np.outer(held.value - self.units[index] * psi.value, column)
            moved += (held.gradient - self.units[index] * psi.gradient) @ column
        second = self.products(estimated.limit)
        means = estimated.through(psi)
        cross = overlap @ psi.gradient.T
        own = second - np.outer(psi.value, psi.value) + cross + cross.T
        covariance = means.covariance + own / count
        if together is not None:
            from_above = psi.gradient @ given.gradient[:, len(self.units) :]
            apart = from_above @ above.covariance @ from_above.T
            covariance = np.where(together, covariance, apart)
        return State(means.limit, means.bias + moved / count, covariance), np.diag(second)
