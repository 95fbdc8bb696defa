"""What the studies of randomisation compare: the attributions of a network and of its redraws."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import ArrayLike

from alignment_theory.alignment import Measured
from alignment_theory.arrays import Array, listed, whole_number
from alignment_theory.attribution import attribute, check_targets
from alignment_theory.layers.base import Shape
from alignment_theory.models.redraw import Redraw, redrawn
from alignment_theory.network import Network, network_of_floats
from alignment_theory.rules import Method
from alignment_theory.similarity import PRESETS, Similarity


@dataclass(frozen=True, eq=False)
class Subject:
    """A network and what is explained of it; `fixed` says whether a target was given."""

    network: Network
    images: Array
    rule: Method
    targets: Array
    fixed: bool
    start: str | None
    seed: int
    how: Redraw
    shape: Shape
    original: Array
    scale: float

    @classmethod
    def of(
        cls,
        network: Network,
        images: ArrayLike,
        rule: Method,
        target: ArrayLike | None,
        start: str | None,
        seed: int,
        how: Redraw,
        image_shape: Shape | None,
    ) -> "Subject":
        """Explain the network; the parameters are those of `randomisation.run`."""
        network_of_floats(network, "network")
        whole_number(seed, "seed", 0)
        if start is not None and not (isinstance(start, str) and start in ("unit", "logit")):
            raise ValueError(f"start: expected 'unit' or 'logit', got {start!r}")
        trace = network.forward(images)
        if trace.single or trace.batch_size < 2:
            raise ValueError(
                f"images: expected a batch of at least two (images, "
                f"{', '.join(map(str, network.input_shape))}), got shape {np.shape(images)}"
            )
        shape = network.input_shape if image_shape is None else _checked_shape(image_shape)
        if prod(shape) != prod(network.input_shape):
            raise ValueError(
                f"image_shape: {shape} does not hold what the network takes, {network.input_shape}"
            )
        targets = check_targets(target, trace.output.reshape(trace.batch_size, -1))
        targets = np.broadcast_to(targets, trace.batch_size)
        original = attribute(trace, rule=rule, target=targets, seed=start).relevance
        maps = original.reshape(len(original), *shape)
        fixed = target is not None
        scale = _size(trace.output)
        batch = trace.sites[0].input
        return cls(network, batch, rule, targets, fixed, start, seed, how, shape, maps, scale)

    def redrawn(self, layers: frozenset[int], draw: int) -> tuple[Array, float]:
        """Return attributions with these layers re-drawn, and the output's size beside the old."""
        network = redrawn(self.network, layers, seed=self.seed, draw=draw, how=self.how)
        trace = network.forward(self.images)
        relevance = attribute(trace, rule=self.rule, target=self.targets, seed=self.start).relevance
        scale = _size(trace.output) / self.scale if self.scale else np.nan
        return relevance.reshape(self.original.shape), scale


def _checked_shape(shape: object) -> Shape:
    sides = listed(shape, "image_shape", "sizes (channels, height, width)")
    return tuple(whole_number(side, "image_shape", 1) for side in sides)


def _size(output: Array) -> float:
    return float(np.sqrt(np.mean(output.astype(np.float64) ** 2)))


def checked_presets(presets: Sequence[Similarity] | None, shape: Shape) -> tuple[Similarity, ...]:
    """Return the presets asked for, or all that fit; ValueError for those that do not."""
    if presets is None:
        return tuple(preset for preset in PRESETS if preset.fits(shape))
    presets = listed(presets, "presets", "similarities, such as (COSINE, SPEARMAN)")
    strange = [preset for preset in presets if not isinstance(preset, Similarity)]
    if strange:
        raise ValueError(
            f"presets: expected Similarity objects, such as similarity.COSINE, got {strange}"
        )
    unfit = [preset.name for preset in presets if not preset.fits(shape)]
    if unfit or not presets:
        raise ValueError(
            f"presets: {', '.join(unfit) or 'none given;'} cannot compare maps of shape {shape}; "
            "larger images (channels, height, width) are needed, or image_shape for flat ones"
        )
    return presets


def undefined(found: Sequence[Measured]) -> dict[str, object]:
    """Return how many values are undefined, and why."""
    counts = Measured.stack(found).undefined
    words = "; ".join(f"{count} {reason}" for reason, count in counts.items())
    return {"undefined": sum(counts.values()), "reasons": words}
