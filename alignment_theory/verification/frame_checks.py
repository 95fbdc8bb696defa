"""Checks and planted errors of the theorem `haar-law`."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from alignment_theory.alignment import cosine
from alignment_theory.attribution import attribute
from alignment_theory.ensembles import Gaussian, HaarColumns, HaarRows, WeightLaw
from alignment_theory.layers import Dense, Relu
from alignment_theory.network import Network
from alignment_theory.rounding import gamma
from alignment_theory.rules import GuidedBackprop, RectGrad
from alignment_theory.theory.other_laws import HAAR_LAW
from alignment_theory.verification.checks import Check
from alignment_theory.verification.compared import OnGiven
from alignment_theory.verification.comparisons import Comparison
from alignment_theory.verification.exact_laws import SameLaw
from alignment_theory.verification.ladder import Ladder, Predict, Rung
from alignment_theory.verification.layer_sampling import EngineLayer
from alignment_theory.verification.other_sampling import (
    FirstCoordinates,
    GivenLayer,
    ReducedFrame,
    always,
    nothing,
)
from alignment_theory.verification.subjects import Subject
from alignment_theory.verification.variants import (
    OddsTimes,
    Operator,
    RemainderTimes,
    Shifted,
    SquareDropped,
    Swapped,
    Times,
    Variant,
)
from alignment_theory.verification.verdict import Outcome

SCALES = (10, 50, 100, 200, 400, 1600)
ONLY_THOROUGH = (100, 400)
ROWS, COLUMNS = {"n": 20, "d": 40}, {"n": 100, "d": 50}


def _engine(law: WeightLaw, **changes: Any) -> EngineLayer:
    return EngineLayer("cascade", law=law, **changes)


def _frame_ladders() -> tuple[Ladder, Ladder]:
    wide = [Rung(_engine(HaarRows()), ROWS), Rung(_engine(HaarRows()), {"n": 30, "d": 30})]
    wide += [Rung(ReducedFrame(), {"n": k, "d": 2 * k}, k) for k in (10, 50, 400)]
    tall = [Rung(_engine(HaarColumns()), COLUMNS, 50)]
    for k in SCALES:
        tall.append(Rung(ReducedFrame(), {"n": 2 * k, "d": k}, k, k in ONLY_THOROUGH))
    return (
        Ladder(HAAR_LAW, "orthonormal rows", "E cos²", tuple(wide)),
        Ladder(HAAR_LAW, "orthonormal columns", "E cos²", tuple(tall)),
    )


def frames(rng: np.random.Generator) -> list[Subject]:
    """Return layers with orthogonal rows of varied scale, random ones and coordinates."""
    subjects = []
    for index, scale in enumerate((0.01, 1.0, 30.0)):
        for law in (HaarRows(scale), FirstCoordinates()):
            weight = law.sample(8 + 6 * index, 24, rng)
            name = f"{type(law).__name__}, σ = {scale:g}"
            network = Network([Dense(weight), Relu()])
            subjects.append(Subject(name, network, rng.standard_normal((10, 24))))
    return subjects


def plain_rows(rng: np.random.Generator) -> list[Subject]:
    """Return layers with Gaussian rows."""
    weights = [Gaussian().sample(12, 24, rng) for _ in range(6)]
    networks = [Network([Dense(weight), Relu()]) for weight in weights]
    return [Subject("Gaussian rows", one, rng.standard_normal((10, 24))) for one in networks]


def projection(subjects: Sequence[Subject], *, cascade: bool = True) -> Iterator[Comparison]:
    """Compare ``cos(g, x)`` with ``‖P_A x‖/‖x‖``, P_A by a QR decomposition of the active rows.

    With ``W Wᵀ = r² (I + E)``, ‖E‖ <= δ < 1/10, the two differ by a factor within
    ``((1 + δ)/(1 - δ))^{½}``, below 1 + 1.1 δ; δ is measured. Rounding of z, g, their products and
    the decomposition (Higham 2002, theorem 19.4) moves both by ``γ`` times the root of the rows.
    """
    for subject in subjects:
        trace = subject.network.forward(subject.inputs)
        layer = trace.sites[0].layer
        assert isinstance(layer, Dense)
        weight, x = np.asarray(layer.weight), subject.inputs
        n, d = weight.shape
        seed = trace.output if cascade else np.ones_like(trace.output)
        g = attribute(trace, rule=GuidedBackprop(), seed=seed).relevance
        found = cosine(g, x).values
        expected = np.full(len(x), np.nan)
        for index, active in enumerate(trace.output > 0):
            q = np.linalg.qr(weight[active].T)[0]
            expected[index] = np.linalg.norm(q.T @ x[index]) / np.linalg.norm(x[index])
        gram = weight @ weight.T
        delta = float(np.linalg.norm(gram / np.diag(gram).mean() - np.eye(n)))
        rounding = gamma(16 * n * d, weight.dtype) * np.sqrt(n)
        bound = np.full(len(x), 1.1 * min(delta, 0.1) + rounding)
        live = np.asarray((trace.output > 0).any(axis=1))
        found, expected = np.where(live, found, 0), np.where(live, expected, 0)
        yield Comparison(subject.name, found, expected, bound, live)


WIDE, TALL = _frame_ladders()
PROJECTION = OnGiven(HAAR_LAW, "orthogonal rows, projection", projection, make=frames)
FRAME_CHECKS: tuple[Check, ...] = (
    WIDE,
    TALL,
    PROJECTION,
    *(
        SameLaw(HAAR_LAW, f"{words}, two gatherers", "cos²", _engine(law), ReducedFrame(), sizes)
        for words, law, sizes in (
            ("orthonormal rows", HaarRows(), {"n": 15, "d": 30}),
            ("orthonormal columns", HaarColumns(), {"n": 40, "d": 20}),
        )
    ),
)


def _variants() -> Iterator[Variant]:
    errors: tuple[tuple[Ladder, Operator, str, Predict], ...] = (
        (WIDE, Operator.CONSTANT, "n/(2d) → n/d", Times(2.0)),
        (WIDE, Operator.DEGREES, "d → d + 1", Shifted("d", 1)),
        (TALL, Operator.CONSTANT, "1 + d/n → 1 + 1.05 d/n", OddsTimes(1.05)),
        (TALL, Operator.DEGREES, "d - 1 → d", Shifted("d", 1)),
        (TALL, Operator.REMAINDER, "1/n term halved", RemainderTimes(0.5)),
        (TALL, Operator.TERM, "1/n term dropped", RemainderTimes(0.0)),
        *((check, Operator.SWAP, "n ↔ d", Swapped("n", "d")) for check in (WIDE, TALL)),
        *((check, Operator.SQUARE, "cos² → cos", SquareDropped()) for check in (WIDE, TALL)),
    )
    for check, operator, error, change in errors:
        rungs = tuple(rung for rung in check.rungs if isinstance(rung.sampler, ReducedFrame))
        yield Variant(operator, error, replace(check, rungs=rungs, predict=change))
    ones = replace(PROJECTION, evidence=partial(projection, cascade=False))
    yield Variant(Operator.ENGINE, "c = 1", ones)
    others = replace(PROJECTION, make=plain_rows)
    yield Variant(Operator.HYPOTHESIS, "Gaussian rows", others, "orthogonal-frame")
    drops: tuple[tuple[str, str, EngineLayer, dict[str, int]], ...] = (
        ("orthogonal-frame", "Gaussian rows", _engine(Gaussian()), ROWS),
        ("orthogonal-frame", "Gaussian columns", _engine(Gaussian()), COLUMNS),
        ("uniform-frame", "rows of the identity", _engine(FirstCoordinates()), ROWS),
        ("uniform-frame", "columns of the identity", _engine(FirstCoordinates()), COLUMNS),
        ("bias-free", "a bias of σ‖x‖", _engine(HaarColumns(), bias=1.0), COLUMNS),
        ("cascade-coefficients", "c = 1", EngineLayer(law=HaarColumns()), COLUMNS),
        ("cascade-coefficients", "c = 1", EngineLayer(law=HaarRows()), ROWS),
    )
    for hypothesis, error, engine, sizes in drops:
        check = replace(WIDE if sizes is ROWS else TALL, rungs=(Rung(engine, sizes),))
        yield Variant(Operator.HYPOTHESIS, error, check, hypothesis)
    zero = GivenLayer(partial(always, HaarColumns()), nothing, coefficients="cascade")
    dead = replace(TALL, rungs=(Rung(zero, COLUMNS),))
    yield Variant(Operator.HYPOTHESIS, "x = 0", dead, "nonzero-input", Outcome.VACUOUS)
    top = replace(TALL, rungs=(Rung(_engine(HaarColumns(), rule=RectGrad(80)), COLUMNS),))
    yield Variant(Operator.ENGINE, "the top fifth only", top)


FRAME_VARIANTS: tuple[Variant, ...] = tuple(_variants())
