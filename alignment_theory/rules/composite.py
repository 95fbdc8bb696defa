"""Composites: which layer gets which rule."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from alignment_theory.layers import Conv2d, Layer, Linear, Residual, Weighted
from alignment_theory.layers.residual import Sum
from alignment_theory.network import Network
from alignment_theory.rules.base import Form, Method, Rule
from alignment_theory.rules.input_layer import Flat, WSquare, ZBox
from alignment_theory.rules.relevance import AlphaBeta, Epsilon, Gamma, ZPlus
from alignment_theory.sources import MONTAVON_2017, MONTAVON_2019, ZHANG_2018


class Composite(Method):
    """Relevance rules assigned by the kind of linear layer and by which comes first.

    A switch or a reshape is crossed by the rule of the nearest linear layer below it, or above it
    where there is none below. The sum at the end of a residual is a linear layer.
    """

    @property
    def form(self) -> Form:
        """Relevance travels."""
        return Form.RELEVANCE

    @abstractmethod
    def rule_for(self, layer: Linear, *, first: bool) -> Rule:
        """Return the rule of one linear layer.

        `first` says that it is the one nearest the input, of dense layers and convolutions.
        """

    def assign(self, network: Network) -> tuple[Rule, ...]:
        """Return the rule of every layer, by their numbers."""
        layers = [Sum() if isinstance(layer, Residual) else layer for layer in network.all_layers]
        places = [k for k, layer in enumerate(layers) if isinstance(layer, Linear)]
        if not places:
            raise ValueError(f"{self.name}: the network has no linear layer to assign a rule to")
        weighted = [k for k in places if isinstance(layers[k], Weighted)]
        chosen = {}
        for k in places:
            layer = layers[k]
            assert isinstance(layer, Linear)
            chosen[k] = self.rule_for(layer, first=weighted[:1] == [k])
        nearest = _nearest_below(network.layers, 0, None)
        return tuple(chosen[places[0] if place is None else place] for place in nearest)


def _nearest_below(layers: Sequence[Layer], first: int, below: int | None) -> list[int | None]:
    """Return, for layers by their numbers, that of the linear layer they are or stand above."""
    found: list[int | None] = []
    for layer in layers:
        number = first + len(found)
        if isinstance(layer, Residual):
            inner: list[int | None] = []
            for branch in layer.branches:
                inner += _nearest_below(branch, number + 1 + len(inner), below)
            found += [number, *inner]
        else:
            found.append(number if isinstance(layer, Linear) else below)
        below = number if isinstance(layer, Linear | Residual) else below
    return found


@dataclass(frozen=True, eq=False)
class DeepTaylor(Composite):
    """Deep Taylor decomposition: z^B at the first layer for inputs in a box, else w²; z⁺ above.

    ``DeepTaylor(low=0, high=1)`` for pixels, ``DeepTaylor()`` for unbounded inputs. The seed is
    the logit. Source: Montavon 2017, section 4.
    """

    low: ArrayLike | None = None
    high: ArrayLike | None = None

    sources = (MONTAVON_2017,)

    def __post_init__(self) -> None:
        """Check that the box is given whole or not at all."""
        if (self.low is None) != (self.high is None):
            raise ValueError("DeepTaylor: give both low and high (z^B first layer) or neither (w²)")
        if self.low is not None and self.high is not None:
            _freeze_box(self, self.low, self.high)

    def _first(self) -> Rule:
        if self.low is None or self.high is None:
            return WSquare()
        return ZBox(self.low, self.high)

    def rule_for(self, layer: Linear, *, first: bool) -> Rule:
        """Return z^B or w² for the first layer, z⁺ for the others."""
        return self._first() if first else ZPlus()


@dataclass(frozen=True)
class ExcitationBackprop(Composite):
    """Excitation backprop: z⁺ without bias at every layer, seeded with 1 (a probability).

    Source: Zhang 2018, equation 5.
    """

    sources = (ZHANG_2018,)

    @property
    def seed(self) -> str:
        """A winner probability of 1 starts the pass."""
        return "unit"

    def rule_for(self, layer: Linear, *, first: bool) -> Rule:
        """Return z⁺."""
        return ZPlus()


@dataclass(frozen=True)
class EpsilonPlus(Composite):
    """z⁺ at convolutions, ε at all other linear layers; `flat_first` gives the first one flat.

    Source: Montavon 2019, section 10.3; the name is zennit's.
    """

    epsilon: float = 1e-6
    flat_first: bool = False

    sources = (MONTAVON_2019,)

    def __post_init__(self) -> None:
        """Check ε by building the rule once."""
        Epsilon(self.epsilon)

    def rule_for(self, layer: Linear, *, first: bool) -> Rule:
        """Return flat, ε or z⁺."""
        if first and self.flat_first:
            return Flat()
        return ZPlus() if isinstance(layer, Conv2d) else Epsilon(self.epsilon)


@dataclass(frozen=True)
class EpsilonAlpha2Beta1(Composite):
    """αβ(2, 1) at convolutions, ε at all other linear layers; `flat_first` as in `EpsilonPlus`.

    Source: Montavon 2019, section 10.3; the name is zennit's.
    """

    epsilon: float = 1e-6
    flat_first: bool = False

    sources = (MONTAVON_2019,)

    def __post_init__(self) -> None:
        """Check ε by building the rule once."""
        Epsilon(self.epsilon)

    def rule_for(self, layer: Linear, *, first: bool) -> Rule:
        """Return flat, ε or αβ(2, 1)."""
        if first and self.flat_first:
            return Flat()
        return AlphaBeta(2.0, 1.0) if isinstance(layer, Conv2d) else Epsilon(self.epsilon)


@dataclass(frozen=True, eq=False)
class EpsilonGammaBox(Composite):
    """z^B at the first layer, γ at convolutions, ε at all other linear layers.

    The first linear layer gets z^B whatever its kind; `box_dense` False gives it only to a
    convolution, as zennit does. Source: Montavon 2019, section 10.3; the name is zennit's.
    """

    low: ArrayLike
    high: ArrayLike
    epsilon: float = 1e-6
    gamma: float = 0.25
    box_dense: bool = True

    sources = (MONTAVON_2019,)

    def __post_init__(self) -> None:
        """Check the parameters by building the rules once."""
        _freeze_box(self, self.low, self.high)
        Epsilon(self.epsilon)
        Gamma(self.gamma)

    def rule_for(self, layer: Linear, *, first: bool) -> Rule:
        """Return z^B, γ or ε."""
        convolution = isinstance(layer, Conv2d)
        if first and (self.box_dense or convolution):
            return ZBox(self.low, self.high)
        return Gamma(self.gamma) if convolution else Epsilon(self.epsilon)


def _freeze_box(composite: Composite, low: ArrayLike, high: ArrayLike) -> None:
    """Check the box, and keep copies that the caller cannot change."""
    box = ZBox(low, high)
    object.__setattr__(composite, "low", box.low)
    object.__setattr__(composite, "high", box.high)
