"""Random networks: a law for the weights of every layer, constant biases, tied layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from numbers import Real
from typing import Any, TypeVar

import numpy as np

from alignment_theory.arrays import Array, require_flags
from alignment_theory.ensembles.base import WeightLaw, checked_generator, checked_size
from alignment_theory.ensembles.entries import Gaussian, HeNormal
from alignment_theory.network import Network

T = TypeVar("T")


@dataclass(frozen=True)
class Ensemble:
    """A law of ReLU networks of given widths: layers independent unless tied.

    Parameters
    ----------
    law : WeightLaw or sequence of WeightLaw
        Of the weights of every layer, or one a layer, input side first. Theorems for Gaussian
        weights hold for `Gaussian` and `HeNormal`, with σ² the `entry_variance` of each layer.
    bias : float or sequence of float
        Every bias is this constant b, or one constant a layer. It breaks `bias-free`. Of
        `exact-law` the part across the input survives, since b tells nothing of W; the part along
        it becomes ``(z_l - b)·c_l/‖a_{l-1}‖``.
    tied : bool
        Hidden layers (all but the last) of one shape and one law share one matrix. What arrives
        from above then depends on W_l, and so does a_{l-1}: this breaks `sees-z-only` and the
        independence between layers in `gaussian-weights`, and with them every law that chains
        layers (p-values of `exact-law` at adjacent layers go together). Statements about any
        network, and about one layer by itself, are not touched.

    Raises
    ------
    ValueError
        For a law that is none, a bias that is not finite, or empty sequences.
    """

    law: WeightLaw | Sequence[WeightLaw] = Gaussian()  # noqa: RUF009
    bias: float | Sequence[float] = 0.0
    tied: bool = False

    def __post_init__(self) -> None:
        """Check the laws and the biases."""
        require_flags(self, "tied")
        object.__setattr__(self, "law", _checked_laws(self.law))
        object.__setattr__(self, "bias", _checked_biases(self.bias))

    def sample(
        self, widths: Sequence[int], rng: np.random.Generator
    ) -> tuple[list[Array], list[Array] | None]:
        """Draw the weights (d_l, d_{l-1}) and biases (d_l,) of every layer, input side first.

        `widths` are d_0, ..., d_L. The biases are None where all of them are 0.

        Raises
        ------
        ValueError
            For fewer than two widths, widths that are no positive integers, another number of laws
            or biases than layers, and shapes that a law does not have (naming the layer).
        """
        generator = checked_generator(rng)
        shapes = _checked_shapes(widths)
        laws = _one_a_layer(self.law, len(shapes), "laws")
        constants = _one_a_layer(self.bias, len(shapes), "biases")
        weights: list[Array] = []
        shared: dict[tuple[WeightLaw, int, int], Array] = {}
        for index, (law, shape) in enumerate(zip(laws, shapes, strict=True)):
            key = (law, *shape)
            if key not in shared or not self.tied or index == len(shapes) - 1:
                try:
                    shared[key] = law.sample(*shape, generator)
                except ValueError as error:
                    raise ValueError(f"Ensemble: layer {index + 1}: {error}") from None
            weights.append(shared[key])
        if not any(constants):
            return weights, None
        return weights, [np.full(rows, b) for (rows, _), b in zip(shapes, constants, strict=True)]

    def network(self, widths: Sequence[int], rng: np.random.Generator) -> Network:
        """Draw a network of Dense layers with a ReLU between each two; errors as `sample`."""
        return Network.mlp(*self.sample(widths, rng))

    @property
    def unmet(self) -> tuple[str, ...]:
        """Names of the hypotheses about weights that theorems make and this law does not ensure.

        Among `gaussian-weights`, `isotropic-rows`, `iid-neurons`, `bias-free` and `sees-z-only`
        (the last for rules that themselves see W_l only through z_l).
        """
        laws = self.law if isinstance(self.law, tuple) else (self.law,)
        ensured = {
            "gaussian-weights": not self.tied
            and all(isinstance(law, Gaussian | HeNormal) for law in laws),
            "isotropic-rows": all(law.isotropic for law in laws),
            "iid-neurons": all(law.independent_rows for law in laws),
            "bias-free": self.bias == 0 or (isinstance(self.bias, tuple) and not any(self.bias)),
            "sees-z-only": not self.tied,
        }
        return tuple(name for name, holds in ensured.items() if not holds)


def _checked_laws(law: object) -> WeightLaw | tuple[WeightLaw, ...]:
    if isinstance(law, WeightLaw):
        return law
    laws = tuple(law) if isinstance(law, list | tuple) else ()
    if not laws or not all(isinstance(item, WeightLaw) for item in laws):
        raise ValueError(
            f"Ensemble: law must be a WeightLaw such as Gaussian(), or one a layer, got {law!r}"
        )
    return laws


def _checked_biases(bias: Any) -> float | tuple[float, ...]:
    many = isinstance(bias, list | tuple | np.ndarray) and np.ndim(bias) == 1 and len(bias) > 0
    values: list[Any] = list(bias) if many else [bias]
    for value in values:
        number = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
        if not number or not isfinite(value):
            raise ValueError(
                f"Ensemble: bias must be a finite number, or one a layer, got {bias!r}"
            )
    floats = tuple(float(value) for value in values)
    return floats if many else floats[0]


def _checked_shapes(widths: Sequence[int]) -> list[tuple[int, int]]:
    if isinstance(widths, str) or not isinstance(widths, Sequence | np.ndarray) or len(widths) < 2:
        raise ValueError(
            f"Ensemble: widths must be at least two sizes, input first, got {widths!r}"
        )
    sizes = [checked_size(width, f"Ensemble: widths[{k}]") for k, width in enumerate(widths)]
    return [(outputs, inputs) for inputs, outputs in pairwise(sizes)]


def _one_a_layer(value: T | Sequence[T], layers: int, name: str) -> Sequence[T]:
    if not isinstance(value, tuple):
        return [value] * layers  # type: ignore[list-item]
    if len(value) != layers:
        raise ValueError(f"Ensemble: got {len(value)} {name} for {layers} layers")
    return value
