"""Training of small classifiers by Adam on mini-batches, without a framework."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from alignment_theory.arrays import Array, as_array
from alignment_theory.kernels.training import adam_step
from alignment_theory.layers.base import Shape
from alignment_theory.models.learner import Learner
from alignment_theory.network import Network
from alignment_theory.threads import one_blas_thread

FIRST_MOMENT, SECOND_MOMENT, EPSILON = 0.9, 0.999, 1e-8
_CHUNK = 1024


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network and the mean loss of each epoch (each batch before its own update)."""

    network: Network
    losses: tuple[float, ...]


def train(
    network: Network,
    inputs: ArrayLike,
    labels: ArrayLike,
    *,
    epochs: int,
    rng: np.random.Generator,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.0,
    progress: bool | None = None,
) -> Trained:
    """Return the network trained to classify, by Adam on the mean softmax cross-entropy.

    Each epoch passes the samples once in random order; the last batch of an epoch may be smaller.
    The network given is not changed. All numbers keep its element type, and layers without bias
    stay without. An interrupt (Ctrl-C) closes the progress bar and is raised; nothing is returned.

    Parameters
    ----------
    network : Network
        Start of the training, in float32 or float64, of the layers in `learner.TRAINABLE`.
    inputs : array (samples, *input shape)
        Finite numbers.
    labels : array of int (samples,)
        Class of each sample, from 0 to classes - 1.
    epochs, batch_size : int
        Passes over the data, and samples per update.
    rng : numpy.random.Generator
        Draws the order of the samples. BLAS runs on one thread meanwhile, in the whole process, so
        that the result is reproducible on one kind of machine.
    learning_rate, weight_decay : float
        α of Adam, and a decoupled decay ``W -= α weight_decay W`` of weights, not of biases.
    progress : bool, optional
        Whether to show a bar on stderr; left out, where stderr is a terminal.

    Raises
    ------
    ValueError
        For layers that cannot be trained (naming them), exact networks, data of wrong shape, type,
        length or range, settings out of range, and where the loss diverges.

    Source: Kingma, Ba (2015), arXiv:1412.6980; Loshchilov, Hutter (2019), arXiv:1711.05101.
    """
    learner = Learner(network)
    values, classes = _checked_data(network, inputs, labels)
    _require_count(epochs, "epochs")
    _require_count(batch_size, "batch_size")
    _require_real(learning_rate, "learning_rate", positive=True)
    _require_real(weight_decay, "weight_decay", positive=False)
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"train: expected a numpy.random.Generator as rng, got {rng!r}")
    adam = _Adam(learner, learning_rate, weight_decay)
    losses: list[float] = []
    with (
        _bar(progress, epochs) as bar,
        one_blas_thread(),
        np.errstate(over="ignore", invalid="ignore"),
    ):
        for epoch in range(epochs):
            order = rng.permutation(len(values))
            total = 0.0
            for start in range(0, len(order), batch_size):
                batch = order[start : start + batch_size]
                total += float(learner.losses(values[batch], classes[batch]).sum())
                adam.step()
            losses.append(total / len(order))
            if not isfinite(total) or not np.isfinite(learner.parameters).all():
                raise ValueError(
                    f"train: diverged in epoch {epoch + 1} of {epochs} (mean loss {losses[-1]}); "
                    f"lower the learning_rate, now {learning_rate}, or scale the inputs"
                )
            bar.advance(losses[-1])
    return Trained(learner.network(), tuple(losses))


def accuracy(network: Network, inputs: ArrayLike, labels: ArrayLike) -> float:
    """Return the share of samples whose largest logit is at their label (the first among ties).

    inputs are (samples, *input shape), labels (samples,) of integers.

    Raises
    ------
    ValueError
        For data of wrong shape, type, length or range.
    """
    values, classes = _checked_data(network, inputs, labels)
    hits = 0
    for start in range(0, len(values), _CHUNK):
        logits = network.forward(values[start : start + _CHUNK]).output
        hits += int((logits.argmax(axis=1) == classes[start : start + _CHUNK]).sum())
    return hits / len(values)


class _Adam:
    """The moments that Adam keeps, and one step of it over a learner's two blocks."""

    def __init__(self, learner: Learner, learning_rate: float, weight_decay: float) -> None:
        self.learner = learner
        self.learning_rate = learning_rate
        self.mean = np.zeros_like(learner.parameters)
        self.square = np.zeros_like(learner.parameters)
        weights = slice(None, learner.weight_count)
        biases = slice(learner.weight_count, None)
        self.blocks = ((weights, learning_rate * weight_decay), (biases, 0.0))
        self.steps = 0

    def step(self) -> None:
        """Move the parameters along the gradient that the learner holds."""
        self.steps += 1
        correction = sqrt(1 - SECOND_MOMENT**self.steps)
        rate = self.learning_rate * correction / (1 - FIRST_MOMENT**self.steps)
        number = self.learner.parameters.dtype.type
        for block, decay in self.blocks:
            adam_step(
                self.learner.parameters[block],
                self.learner.gradient[block],
                self.mean[block],
                self.square[block],
                number(rate),
                number(decay),
                number(1 - FIRST_MOMENT),
                number(1 - SECOND_MOMENT),
                number(EPSILON * correction),
            )


class _Bar:
    """A progress bar that may be absent."""

    def __init__(self, show: bool, epochs: int) -> None:
        self.progress = None
        if show:
            from rich.console import Console
            from rich.progress import Progress

            self.progress = Progress(console=Console(stderr=True))
            self.task = self.progress.add_task("training", total=epochs)

    def advance(self, loss: float) -> None:
        """Count one epoch and show its loss."""
        if self.progress is not None:
            self.progress.update(self.task, advance=1, description=f"training, loss {loss:.2e}")


@contextmanager
def _bar(progress: bool | None, epochs: int) -> Iterator[_Bar]:
    bar = _Bar(sys.stderr.isatty() if progress is None else progress, epochs)
    if bar.progress is None:
        yield bar
    else:
        with bar.progress:
            yield bar


def _checked_data(network: Network, inputs: ArrayLike, labels: ArrayLike) -> tuple[Array, Array]:
    values = as_array(inputs, "inputs", network.dtype)
    if values.shape[1:] != network.input_shape or values.ndim < 1 or len(values) == 0:
        raise ValueError(
            f"inputs: expected a non-empty batch (samples, "
            f"{', '.join(map(str, network.input_shape))}), got shape {values.shape}"
        )
    classes = np.asarray(labels)
    if classes.dtype.kind not in "iu":
        raise ValueError(
            f"labels: expected integers, got dtype {classes.dtype}; number the classes from 0"
        )
    if classes.shape != (len(values),):
        raise ValueError(
            f"labels: expected shape ({len(values)},), one for each input, got {classes.shape}"
        )
    _require_range(classes, network.output_shape)
    return values, classes.astype(np.int64)


def _require_range(classes: Array, output_shape: Shape) -> None:
    if len(output_shape) != 1:
        raise ValueError(f"labels: a network with outputs of shape {output_shape} has no classes")
    outside = np.flatnonzero((classes < 0) | (classes >= output_shape[0]))
    if len(outside):
        place = int(outside[0])
        raise ValueError(
            f"labels: expected 0 to {output_shape[0] - 1}, the network's outputs, got "
            f"{classes[place]} at index {place} ({len(outside)} such labels)"
        )


def _require_count(value: object, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"train: expected {name} to be an integer of at least 1, got {value!r}")


def _require_real(value: Any, name: str, *, positive: bool) -> None:
    real = isinstance(value, float | int | np.floating) and not isinstance(value, bool)
    if real and 0 <= value <= sys.float_info.max and (value > 0 or not positive):
        return
    bound = "above 0" if positive else "of at least 0"
    raise ValueError(f"train: expected {name} to be a finite number {bound}, got {value!r}")
