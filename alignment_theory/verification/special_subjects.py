"""Networks on which a statement is sharp, or that break one of its hypotheses."""

from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np

from alignment_theory.ensembles import HaarRows
from alignment_theory.network import Network
from alignment_theory.verification.subjects import Subject

NETWORKS = 6
SAMPLES = 10


def haar_subjects(rng: np.random.Generator, *, bias: float = 0.0) -> list[Subject]:
    """Return networks of orthogonal rows of one norm, 16-12-8-5, on signed inputs.

    Layers are scaled by factors from 0.1 to 10; biases are `bias` times a neuron's own deviation.
    """
    subjects = []
    for index in range(NETWORKS):
        sizes = list(pairwise((16, 12, 8, 5)))
        scales = 10.0 ** rng.uniform(-1, 1, len(sizes))
        weights = [
            HaarRows(float(scale)).sample(outputs, inputs, rng)
            for scale, (inputs, outputs) in zip(scales, sizes, strict=True)
        ]
        inputs = rng.uniform(-1, 1, (SAMPLES, 16))
        values, biases = inputs, []
        for weight in weights:
            z = values @ weight.T
            biases.append(bias * z.std() * rng.standard_normal(len(weight)))
            values = np.maximum(z + biases[-1], 0)
        network = Network.mlp(weights, biases if bias else None)
        subjects.append(Subject(f"orthogonal rows {index}", network, inputs))
    return subjects


def kantorovich_subjects(rng: np.random.Generator) -> list[Subject]:
    """Return layers of two orthogonal rows of unlike norms, on inputs where both have equal z.

    Of all z these two lose most: the bound of `cascade` is attained at every κ (here 1 to 100).
    The inputs have parts across the rows, too.
    """
    subjects = []
    for index in range(NETWORKS):
        rows = HaarRows().sample(2, 8, rng) / np.sqrt(8)
        norms = 10.0 ** rng.uniform(0, 1, 2)
        across = rng.standard_normal((SAMPLES, 8))
        across -= across @ rows.T @ rows
        along = (1 / norms) @ rows
        inputs = rng.uniform(0.5, 2, (SAMPLES, 1)) * along
        inputs = inputs + 0.3 * np.linalg.norm(along) * across / np.sqrt(8)
        weight = norms[:, np.newaxis] * rows
        network = Network.mlp([weight, rng.standard_normal((3, 2))])
        subjects.append(Subject(f"two rows {index}", network, inputs))
    return subjects


def symmetric_subjects(rng: np.random.Generator) -> list[Subject]:
    """Return networks of two units a layer with matrices ``[[1, t], [t, 1]]``, on equal inputs.

    Two outputs whose rows are ``(e^u, 1)`` and ``(1, e^u)`` have explanations ``(e^v, 1)`` and
    ``(1, e^v)``: their cosine is 1/cosh(v) = 1/cosh(d_H/2), and at every layer v falls by
    tanh(Δ/4), Δ = 2 log 1/t, up to a share v²/12: ``2 artanh(τ tanh(v/2)) >= τ v (1 - v²/12)``.
    The first v = u is 0.001 in half of the networks and up to 3 in the others.
    """
    subjects = []
    for index in range(2 * NETWORKS):
        distance = 1e-3 if index % 2 else rng.uniform(0.5, 3)
        weights = [np.array([[1, t], [t, 1]]) for t in rng.uniform(0.05, 0.5, 1 + (index // 2) % 2)]
        weights.append(np.array([[np.exp(distance), 1], [1, np.exp(distance)]]))
        inputs = np.repeat(rng.uniform(0.5, 2, (SAMPLES, 1)), 2, axis=1)
        subjects.append(Subject(f"two symmetric units {index}", Network.mlp(weights), inputs))
    return subjects


def zero_logit_subjects(rng: np.random.Generator) -> list[Subject]:
    """Return networks of small whole numbers whose one output is exactly 0."""
    weight = rng.integers(-3, 4, (6, 10)).astype(float)
    inputs = rng.integers(1, 5, (SAMPLES, 10)).astype(float)
    doubled = np.concatenate([weight, weight])
    last = rng.integers(1, 4, (1, 6)).astype(float)
    network = Network.mlp([doubled, np.concatenate([last, -last], axis=1)])
    plain = Network.mlp([np.array([[1.0, -1.0] * 5])])
    paired = np.repeat(inputs[:, :5], 2, axis=1)
    return [
        Subject("two halves that cancel", network, inputs),
        Subject("one layer that cancels", plain, paired),
    ]


def negative_subjects(rng: np.random.Generator) -> list[Subject]:
    """Return a layer of negative weights: no contribution is positive."""
    weight = -rng.uniform(0.5, 1, (4, 10))
    return [Subject("negative weights", Network.mlp([weight]), np.ones((SAMPLES, 10)))]


def blended(subject: Subject, shares: Sequence[float] = (0.25, 0.5, 0.75)) -> Subject:
    """Return the subject with mixtures of its inputs, two by two, beside them.

    Each pair gives one mixture a share: by default 4 inputs become 22.
    """
    inputs = list(subject.inputs)
    pairs = list(combinations(inputs, 2))
    for share in shares:
        inputs += [share * one + (1 - share) * other for one, other in pairs]
    return Subject(f"{subject.name}, inputs mixed", subject.network, np.array(inputs))


def first_input(subject: Subject) -> Subject:
    """Return the subject with its first input only."""
    return Subject(subject.name, subject.network, subject.inputs[:1])
